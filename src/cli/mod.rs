//! The command line. The only place that prints.

mod adapters;
mod args;
mod columns;
mod compare;
mod compute;
mod dry_run;
mod folder;
mod keygen;
mod mesa;
mod models;
mod outcome;
mod plan;
mod ranges;
mod roles;
mod screen;
mod settings;
mod train;
mod units;

use std::process::ExitCode;

use clap::Parser;

use crate::error::Error;
use crate::roles::{begin, forbid_core_dumps};
use crate::train::Policy;
use args::{Cli, Command};

/// Runs the program; 0 done, 1 the run failed, 2 bad usage.
pub fn main() -> ExitCode {
    begin();
    if let Err(e) = forbid_core_dumps() {
        screen::warn(&format!("the system does not let this process forbid core dumps ({e}); they may hold secrets"));
    }
    let cli = Cli::parse();
    mesa::hush(&cli.command);
    let result = match &cli.command {
        Command::Adapters(args) => adapters::adapters(args),
        Command::Dealer(args) => roles::dealer(args),
        Command::DryRun(args) => dry_run::dry_run(args),
        Command::Evaluate(args) => outcome::evaluate(args),
        Command::Keygen(args) => keygen::keygen(args),
        Command::Models(args) => models::models(args),
        Command::Owner(args) => roles::owner(args),
        Command::Plan(args) => plan::plan(args),
        Command::Policy => {
            screen::say(Policy::DEFAULT.trim_end());
            Ok(())
        }
        Command::Server(args) => roles::server(args),
        Command::Train(args) => train::train(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            screen::error(&e);
            exit_code(&e)
        }
    }
}

/// The exit code of a program that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

fn exit_code(e: &Error) -> ExitCode {
    match e {
        e if e.is_usage() => ExitCode::from(2),
        Error::Interrupted | Error::Ended { .. } => ExitCode::from(INTERRUPTED),
        _ => ExitCode::from(1),
    }
}
