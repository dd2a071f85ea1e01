//! This process: what it used, peak memory and CPU time, as Linux reports it; and that it leaves no core dump.

use std::fs;
use std::sync::OnceLock;

/// Peak resident memory of this process in MiB; `None` if the system does not report it.
pub fn peak_rss_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Says that the program begins here: what the process used before was not its own. `cargo run` becomes the program that
/// it has built, and the CPU time of cargo stays in the count.
pub fn begin() {
    BEFORE.get_or_init(used_seconds);
}

/// Keeps what is in the memory of this process, seeds and shares, out of core dumps and, on Linux, out of the reach of other
/// processes of the same user. Processes that it starts have to ask for the same themselves.
///
/// # Errors
/// The system's reason if it does not do so.
#[cfg(feature = "network")]
pub fn forbid_core_dumps() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    #[cfg(any(target_os = "android", target_os = "linux"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// CPU time of this program, all threads, user and system, in seconds; `None` if the system does not report it.
pub fn cpu_seconds() -> Option<f64> {
    Some(used_seconds()? - BEFORE.get().copied().flatten().unwrap_or(0.0))
}

/// CPU time when the program began.
static BEFORE: OnceLock<Option<f64>> = OnceLock::new();

/// CPU time of this process, whatever program it was.
fn used_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // the name of the program, in brackets, may hold spaces
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// Linux reports CPU time in hundredths of a second, whatever the kernel's own tick is.
const TICKS_PER_SECOND: f64 = 100.0;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_time() {
        assert!(peak_rss_mib().unwrap() > 0.5);
        assert!(cpu_seconds().unwrap() >= 0.0);
    }

    #[cfg(feature = "network")]
    #[test]
    fn a_process_that_asks_for_it_leaves_no_core_dump() {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        forbid_core_dumps().unwrap();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        // what the program needs of /proc is still there
        assert!(peak_rss_mib().is_some() && cpu_seconds().is_some() && std::env::current_exe().is_ok());
    }

    #[test]
    fn time_before_the_program_began_is_not_counted() {
        let spend = |seconds: f64| {
            let end = used_seconds().unwrap() + seconds;
            while used_seconds().unwrap() < end {}
        };
        spend(0.1);
        begin();
        spend(0.1);
        // a later call changes nothing
        begin();
        let own = cpu_seconds().unwrap();
        let before = used_seconds().unwrap() - own;
        assert!(own > 0.09 && before > 0.09, "{own} s after {before} s");
    }
}
