//! Runs the program, looks at its children, takes away what is left.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing takes longer, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

static TURN: RwLock<()> = RwLock::new(());

/// A turn that may be shared.
pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// A turn for itself, for tests that depend on time.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// The program, in an empty folder, with the data sets of this repository.
pub(crate) fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ppdnn"));
    prepare(&mut command, folder);
    command.args(args);
    command
}

/// Any other program in the same surroundings.
pub(crate) fn prepare(command: &mut Command, folder: &Path) {
    command.current_dir(folder).env("PPDNN_DATA", concat!(env!("CARGO_MANIFEST_DIR"), "/datasets"));
    command.env("TMPDIR", folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) took: Duration,
}

impl Ended {
    /// Claims that the run was done, and gives what it printed.
    #[track_caller]
    pub(crate) fn done(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.fine();
        &self.out
    }

    /// Claims that it ended with a code and an error that says all of this.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self.fine();
        assert!(self.err.lines().any(|line| line.starts_with("error: ")), "{self:#?}");
        for words in says {
            assert!(self.err.contains(words), "`{words}` is not in {self:#?}");
        }
    }

    /// Whether it warned of nothing, but that owners of a cluster would refuse so small a job.
    pub(crate) fn unwarned(&self) -> bool {
        self.err.lines().all(|line| line.starts_with("warning: owners refuse this job"))
    }

    /// The JSON objects it printed, one a line.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        self.done().lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
    }

    #[track_caller]
    fn fine(&self) {
        assert!(!self.err.contains("panicked") && !self.out.contains("panicked"), "{self:#?}");
    }
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ended {
    end(program(folder, args))
}

/// Runs a command to its end.
pub(crate) fn end(mut command: Command) -> Ended {
    Running::start(&mut command).end()
}

/// A process that is stopped when this is dropped.
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    err: Option<thread::JoinHandle<String>>,
    start: Instant,
    heard: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = child.stdout.take().map(BufReader::new);
        let err = child.stderr.take().map(|err| thread::spawn(move || read(err)));
        Self { child, out, err, start: Instant::now(), heard: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, as far as it was read.
    pub(crate) fn heard(&self) -> &str {
        &self.heard
    }

    /// Reads until a line holds some words.
    #[track_caller]
    pub(crate) fn hear(&mut self, words: &str) {
        self.hear_times(words, 1);
    }

    /// Reads until some words came so many times in all.
    #[track_caller]
    pub(crate) fn hear_times(&mut self, words: &str, times: usize) {
        while self.heard.matches(words).count() < times {
            let read = self.out.as_mut().unwrap().read_line(&mut self.heard).unwrap();
            if read == 0 {
                let err = self.err.take().unwrap().join().unwrap();
                panic!("it ended without saying `{words}`: {} {err}", self.heard);
            }
        }
    }

    /// Reads one more line.
    #[track_caller]
    pub(crate) fn hear_more(&mut self) {
        let read = self.out.as_mut().unwrap().read_line(&mut self.heard).unwrap();
        assert!(read > 0, "it ended: {}", self.heard);
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let out = self.out.take().map(|out| thread::spawn(move || read(out)));
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(asked.elapsed() < LIMIT, "it hangs; it said: {}", self.heard);
            thread::sleep(Duration::from_millis(5));
        };
        let took = self.start.elapsed();
        let said = |reader: Option<thread::JoinHandle<String>>| reader.map_or_else(String::new, |r| r.join().unwrap());
        let out = std::mem::take(&mut self.heard) + &said(out);
        Ended { code: status.code(), out, err: said(self.err.take()), took }
    }
}

/// Waits until all end, and claims that each was done.
#[track_caller]
pub(crate) fn all_done(parties: Vec<Running>) {
    for party in parties {
        party.end().done();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A folder of a test's own.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("cli-").tempdir().unwrap()
}

/// Sends a signal, as `KILL`.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(sent.success(), "signal {name} to {pid}");
}

/// The arguments of a process, empty where it is gone.
fn arguments(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).split('\0').filter(|a| !a.is_empty()).map(str::to_owned).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// The child of a process whose arguments begin so, as soon as there is one.
pub(crate) fn child(parent: u32, role: &[&str]) -> u32 {
    let is_child = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit_once(')').map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
        fields.get(1).and_then(|ppid| ppid.parse().ok()) == Some(parent)
            && arguments(*pid).get(1..=role.len()).is_some_and(|args| args == role)
    };
    let start = Instant::now();
    loop {
        if let Some(pid) = processes().find(is_child) {
            return pid;
        }
        assert!(start.elapsed() < LIMIT, "there is no child {role:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The processes whose arguments name something in a folder.
pub(crate) fn leftover(folder: &Path) -> Vec<Vec<String>> {
    let name = folder.display().to_string();
    processes().map(arguments).filter(|args| args.iter().skip(1).any(|a| a.contains(&name))).collect()
}

/// Claims that within a time no process names something in a folder.
#[track_caller]
pub(crate) fn nobody_left(folder: &Path, within: Duration) {
    let start = Instant::now();
    while !leftover(folder).is_empty() {
        assert!(start.elapsed() < within, "left behind: {:?}", leftover(folder));
        thread::sleep(Duration::from_millis(5));
    }
}

/// Claims that the keys of a local run are gone.
#[track_caller]
pub(crate) fn no_keys_left(folder: &Path) {
    let left: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    let keys = left.iter().filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("ppdnn-"));
    assert_eq!(keys.count(), 0, "{left:?}");
}
