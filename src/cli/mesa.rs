//! Keeps Mesa quiet where there is no display.

use std::env;
use std::process::Command as Process;

use crate::cli::args::Command;
use crate::cli::compute::{BackendArg, ComputeArgs};

/// Starts this program again, in place of itself, with Mesa's layer for the choice of a device switched off, if the command is
/// about GPUs: without a display, that layer prints an error for every call, which is none of ours. ppdnn chooses by itself,
/// and a program cannot change its own environment safely.
#[cfg(unix)]
pub(super) fn hush(command: &Command) {
    use std::os::unix::process::CommandExt;
    let is_set = |name: &str| env::var_os(name).is_some();
    if !is_about_gpus(command) || is_set("XDG_RUNTIME_DIR") || is_set(SWITCH) {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // it only returns where it fails; then there is noise
        let _ = Process::new(program).args(env::args_os().skip(1)).env(SWITCH, "1").exec();
    }
}

/// Elsewhere there is no Mesa.
#[cfg(not(unix))]
pub(super) fn hush(_: &Command) {}

/// Mesa's name for the switch.
const SWITCH: &str = "NODEVICE_SELECT";

fn is_about_gpus(command: &Command) -> bool {
    let gpu = |compute: &ComputeArgs| compute.backend == BackendArg::Gpu;
    match command {
        Command::Adapters(_) => true,
        Command::Doctor(_) => true,
        Command::DryRun(args) => gpu(&args.job.compute),
        Command::Plan(args) => gpu(&args.job.compute),
        // a configuration may say so, too
        Command::Server(args) => gpu(&args.compute) || args.role.place.cluster.is_none(),
        Command::Train(args) => gpu(&args.job.compute),
        _ => false,
    }
}
