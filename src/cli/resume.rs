//! `ppdnn train --resume`: goes on with a run that broke off.

use std::env;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::cli::args::{Cli, Command, TrainArgs};
use crate::cli::run_folder::STATE;
use crate::cli::run_record::RunRecord;
use crate::error::{Error, Result};
use crate::input;
use crate::net::replace_file;
use crate::roles::{History, private_folder};
use crate::train::Job;

/// How a run was started, which its state has until it is done.
#[derive(Serialize, Deserialize)]
struct Started {
    /// The working folder.
    folder: PathBuf,
    /// The arguments, without the program.
    args: Vec<String>,
}

/// Notes in the state of a run how it was started. As long as the file that is returned is open, the run is in progress.
///
/// # Errors
/// [`Error::File`].
pub(super) fn note_command(run: &Path) -> Result<File> {
    let folder = env::current_dir().map_err(|e| Error::file("the working folder", e))?;
    // an argument that is no text cannot be given again: the run is refused when it is to resume
    let args = env::args_os().skip(1).map(|arg: OsString| arg.to_string_lossy().into_owned()).collect();
    let text = serde_json::to_vec(&Started { folder, args }).expect("a command can be written");
    let state = private_folder(&run.join(STATE))?;
    replace_file(&state.join(COMMAND), &text)?;
    lock(run)
}

/// A run that broke off.
pub(super) struct BrokenRun {
    /// Its folder has what was noted of it.
    pub record: RunRecord,
    /// What it was started with.
    pub args: TrainArgs,
    _lock: File,
}

impl BrokenRun {
    /// The run in a folder; goes to the folder that it was started in.
    ///
    /// # Errors
    /// [`Error::Usage`] if it cannot resume.
    pub(super) fn open(folder: &Path, args: &TrainArgs) -> Result<Self> {
        let named = Path::new("runs").join(folder);
        let folder = if !folder.exists() && named.is_dir() { named } else { folder.to_owned() };
        let path = folder.canonicalize().map_err(|e| Error::file_with(&folder, &e, "pass the folder of a run"))?;
        let command = path.join(STATE).join(COMMAND);
        let nothing = || {
            let folder = folder.display();
            let text = "has no state to resume from: the run finished, did not start to train, or is no run";
            Error::Usage(format!("{folder} {text}"))
        };
        if !can_resume(&path) {
            return Err(nothing());
        }
        let lock = lock(&path)?;
        // it may have finished meanwhile
        if !can_resume(&path) {
            return Err(nothing());
        }
        let text = input::read_text(&command, MOST_BYTES).map_err(|e| Error::file(&command, e))?;
        let started: Started = serde_json::from_str(&text).map_err(|e| Error::format(&command, e.to_string()))?;
        env::set_current_dir(&started.folder).map_err(|e| {
            Error::file_with(&started.folder, &e, "the run was started in this folder, where it looks for its files")
        })?;
        let wrong = || Error::format(&command, "is not the command of a run of this version of ppdnn");
        let words = std::iter::once("ppdnn".to_owned()).chain(started.args);
        let Ok(Cli { command: Command::Train(first) }) = Cli::try_parse_from(words) else { return Err(wrong()) };
        let args = TrainArgs { json: args.json, quiet: args.quiet, resume: Some(path.clone()), out: None, ..first };
        Ok(Self { record: RunRecord::read(&path)?, args, _lock: lock })
    }

    /// What is known of the job; the command leads to the same one as before.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does not.
    pub(super) fn history(&self, job: &Job) -> Result<History> {
        if self.record.job.to_bytes() != job.to_bytes() {
            return Err(Error::Usage(format!(
                "the command of {} leads to another job than before; files that it reads have changed since: start a new run",
                self.record.path.display()
            )));
        }
        Ok(History::of(job, &self.record.events))
    }
}

/// Whether a run has what it needs to resume.
pub(super) fn can_resume(run: &Path) -> bool {
    run.join(STATE).join(COMMAND).is_file()
}

/// Whether a process trains in the folder of a run.
pub(super) fn is_in_progress(run: &Path) -> bool {
    let file = File::open(run.join(STATE).join(LOCK));
    file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Keeps other processes from training in the folder of a run.
fn lock(run: &Path) -> Result<File> {
    let path = run.join(STATE).join(LOCK);
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| Error::file(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = "is still in progress: another process trains in that folder";
            Err(Error::Usage(format!("{} {text}", run.display())))
        }
        Err(TryLockError::Error(e)) => Err(Error::file(path, e)),
    }
}

/// The command that resumes a run.
pub(super) fn command(run: &Path) -> String {
    format!("ppdnn train --resume {}", crate::cli::shell::quoted(&run.display().to_string()))
}

/// In the state of a run: how it was started.
const COMMAND: &str = "command.json";
/// In the state of a run: held by the process that trains.
const LOCK: &str = "lock";
/// Bytes of the command.
const MOST_BYTES: u64 = 1 << 20;
