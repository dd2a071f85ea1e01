//! What a party keeps of its jobs on its disk, so that they outlast its process.
//!
//! ```text
//! STATE/jobs/HASH/checkpoints.json        which checkpoints there are, of the job whose agreement has this hash
//! STATE/jobs/HASH/checkpoint-STEP-SESSION a server's halves
//! STATE/jobs/HASH/rows                    a server's masked rows and the seeds of its halves of their masks
//! STATE/jobs/HASH/seeds                   at the dealer: the seeds of both halves of the rows' masks
//! ```
//!
//! All but the list is encrypted with a key of this machine.

mod agree;
mod checkpoints;
#[cfg(feature = "network")]
#[cfg(test)]
mod tests;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use agree::{Offer, ServerState, agree};
pub(crate) use checkpoints::Checkpoints;

use crate::error::{Error, Result};
use crate::net::{Role, SealedReader, SealedWriter, StorageKey};
use crate::roles::agreement::Agreement;

/// The folder of a party's state.
#[derive(Clone)]
pub struct StateFolder {
    path: PathBuf,
    key: StorageKey,
    every: CheckpointTimes,
    keeps_rows: bool,
    _lock: Arc<File>,
}

impl std::fmt::Debug for StateFolder {
    /// Its place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateFolder({})", self.path.display())
    }
}

/// When checkpoints are due: after so many steps, or after so long, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointTimes {
    /// Steps from one to the next; `None` for no limit. They are written after a multiple of 32 steps of an epoch, and after an
    /// epoch.
    pub steps: Option<u64>,
    /// Time from one to the next.
    pub time: Duration,
}

impl CheckpointTimes {
    /// The options of `ppdnn server` that say so.
    #[cfg(feature = "network")]
    pub(crate) fn options(&self) -> Vec<String> {
        let mut options = vec!["--checkpoint-time".to_owned(), self.time.as_secs().to_string()];
        options.extend(self.steps.into_iter().flat_map(|steps| ["--checkpoint-steps".to_owned(), steps.to_string()]));
        options
    }
}

impl Default for CheckpointTimes {
    fn default() -> Self {
        Self { steps: None, time: Duration::from_secs(60) }
    }
}

impl StateFolder {
    /// The folder at `path`, which is made if there is none; what is in it is encrypted with `key`.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be made; [`Error::Usage`] if another process uses it.
    pub fn open(path: &Path, key: StorageKey, every: CheckpointTimes) -> Result<Self> {
        private_folder(&path.join(JOBS))?;
        let lock = Arc::new(lock(path)?);
        Ok(Self { path: path.to_owned(), key, every, keeps_rows: true, _lock: lock })
    }

    /// The same, for jobs whose owners upload their rows again where a job resumes.
    #[must_use]
    pub fn without_rows(self) -> Self {
        Self { keeps_rows: false, ..self }
    }

    /// What is kept of a job.
    pub(crate) fn job(&self, agreement: &Agreement) -> JobState {
        JobState {
            path: self.path.join(JOBS).join(agreement.to_string()),
            key: self.key.clone(),
            every: self.every,
            keeps_rows: self.keeps_rows,
            agreed: *agreement.hash(),
        }
    }
}

/// What a role keeps of a job.
pub(crate) struct Kept {
    pub(crate) state: JobState,
    /// Whether it had kept something when it was asked to resume.
    pub(crate) resumes: bool,
}

/// Forgets what is kept of a job that is over: that the trainer has the results of, or that broke off before it began to train.
pub(crate) fn forget(kept: Option<Kept>, is_done: bool, over: bool) {
    if let Some(kept) = kept.filter(|kept| over && (is_done || !kept.resumes)) {
        // what stays takes room, no more
        let _ = kept.state.remove();
    }
}

/// What a party keeps of one job.
#[derive(Clone)]
pub(crate) struct JobState {
    path: PathBuf,
    key: StorageKey,
    every: CheckpointTimes,
    keeps_rows: bool,
    /// The hash of what the parties agree on.
    agreed: [u8; 32],
}

impl JobState {
    /// Forgets all of it, and has room for more.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn renew(&self) -> Result<()> {
        self.remove()?;
        self.make()
    }

    /// Has room for something.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn make(&self) -> Result<()> {
        fs::create_dir_all(&self.path).map_err(|e| Error::file(&self.path, e))
    }

    /// A file for what the owners gave to a role, which replaces the one there may be; `None` if none is kept.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn keep_rows(&self, role: Role) -> Result<Option<SealedWriter>> {
        let file = || self.key.create(&self.path.join(name_of_rows(role)), &self.label(b"rows", role));
        self.keeps_rows.then(file).transpose()
    }

    /// What the owners gave to a role.
    ///
    /// # Errors
    /// [`Error::Usage`] if it was not kept; [`Error::Format`] if it was changed.
    pub(crate) fn kept_rows(&self, role: Role) -> Result<SealedReader> {
        let path = self.path.join(name_of_rows(role));
        if !path.exists() {
            return Err(Error::Usage(format!(
                "{role} has no rows of this job to resume with: it never began, it was finished, or its state is gone; start \
                 it again without --resume"
            )));
        }
        self.key.open(&path, &self.label(b"rows", role))
    }

    /// What a file of this job is bound to, for a role and a use.
    fn label(&self, what: &[u8], role: Role) -> Vec<u8> {
        [what, b" of ", role.to_string().as_bytes(), b" in job ", &self.agreed].concat()
    }

    /// Forgets all of it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::file(&self.path, e)),
            _ => Ok(()),
        }
    }
}

/// Makes a folder that nobody else can read.
///
/// # Errors
/// [`Error::File`].
pub fn private_folder(path: &Path) -> Result<PathBuf> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| Error::file_with(path, &e, "choose a writable folder"))?;
    Ok(path.to_owned())
}

/// Keeps other processes out of a folder as long as the file is open.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(|e| Error::file(&path, e))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(Error::file(&path, e)),
            // one that was killed lets go in a moment
            Err(TryLockError::WouldBlock) if start.elapsed() < LETTING_GO => thread::sleep(Duration::from_millis(50)),
            Err(TryLockError::WouldBlock) => {
                let folder = folder.display();
                return Err(Error::Usage(format!("{folder} is in use by another process; stop that one first")));
            }
        }
    }
}

/// How long a process that was killed may take to let go of its files.
const LETTING_GO: Duration = Duration::from_secs(5);

fn name_of_rows(role: Role) -> &'static str {
    if role == Role::Dealer { "seeds" } else { "rows" }
}

const JOBS: &str = "jobs";
