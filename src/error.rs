//! The one error type: every variant carries what its reader needs to act.

use std::io;
use std::path::PathBuf;

use crate::peer::Peer;
use crate::shape::Shape;

/// What can go wrong in ppdnn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}{advice}", path = .path.display(), advice = advice(.source))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file was read, but what it holds is not what it should be.
    #[error("{path}: {reason}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A request that cannot be carried out as it was made.
    #[error("{0}")]
    Usage(String),
    /// Two shapes that an operation cannot combine.
    #[error("{op}: shapes {lhs} and {rhs} do not fit")]
    Shape {
        /// The operation.
        op: &'static str,
        /// Shape of the left operand.
        lhs: Shape,
        /// Shape of the right operand.
        rhs: Shape,
    },
    /// A gate was given a value of a ring that it is not made for: a program over the gates is wrong.
    #[error("{gate}: a value of {have} bits does not fit {want} bits; this is a fault of ppdnn, please report it")]
    Width {
        /// The gate.
        gate: &'static str,
        /// Bits of the value's ring.
        have: u32,
        /// Bits that the gate needs.
        want: u32,
    },
    /// A gate was given values whose fraction bits do not fit: their integers stand for numbers of different sizes.
    #[error(
        "{gate}: a value of {have} fraction bits does not fit {want} fraction bits; bring the two to one scale first"
    )]
    Scale {
        /// The gate.
        gate: &'static str,
        /// Fraction bits of the value.
        have: u32,
        /// Fraction bits that the gate needs: the other operand's, or those of its own definition.
        want: u32,
    },
    /// A connection to a peer could not be made or broke.
    #[error("{peer}: {reason}")]
    Peer {
        /// The peer.
        peer: Peer,
        /// What happened, and what to do.
        reason: String,
    },
    /// A peer has somebody else's job to do, or believes that we are there already.
    #[error("{peer} {reason}")]
    Busy {
        /// The peer.
        peer: Peer,
        /// With what, and what to do.
        reason: String,
    },
    /// The system gives this process no connection any more.
    #[error("no connection to {peer}: {source}{advice}", advice = advice(.source))]
    NoHandles {
        /// The peer, which is not to blame.
        peer: Peer,
        /// The system's reason.
        source: io::Error,
    },
    /// A peer sent nothing until the deadline.
    #[error("{peer} sent nothing for {seconds} s while we waited for {what}; check that it is still running")]
    Deadline {
        /// The peer.
        peer: Peer,
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// A peer kept us waiting for longer than a phase of a run allows, although it sent something or claimed to work.
    #[error(
        "{peer} kept us waiting for {seconds} s in {phase}, most recently for {what}; it makes progress, but too slowly: check \
         its log, its machine and the network, or give all parties a longer deadline (deadline_seconds, --deadline)"
    )]
    Overdue {
        /// The peer.
        peer: Peer,
        /// What was waited for last.
        what: String,
        /// The phase.
        phase: String,
        /// What the phase allows.
        seconds: u64,
    },
    /// A peer is at another place of the protocol than we are.
    #[error("{peer} is at `{theirs}`, we are at `{mine}`; the two run different programs or jobs")]
    Desync {
        /// The peer.
        peer: Peer,
        /// Where we are.
        mine: String,
        /// Where the peer is.
        theirs: String,
    },
    /// In a run in the clear, a value left the range in which it is right.
    #[error(
        "{place}: {tensor} reached {largest}, its bound is {bound}, first in step {step}; lower the learning rate or \
         scale the features"
    )]
    Overflow {
        /// The place in the program, as `relu1/forward`.
        place: String,
        /// What left its range.
        tensor: String,
        /// The largest magnitude of the run.
        largest: f64,
        /// The largest that is right.
        bound: f64,
        /// The step, from 1.
        step: u64,
    },
    /// A run came to its end, but what it trained is wrong.
    #[error("the trained model is wrong: {0}")]
    Unsound(String),
    /// A job is planned to take more memory than there is.
    #[error(
        "the job is planned to take {needed} of memory here ({parts}), {available} is allowed or available; use smaller \
         batches (--batch, with --accumulate for steps of as many rows), fewer rows or a smaller network, or allow more with \
         --memory-limit"
    )]
    Memory {
        /// What it takes in all.
        needed: String,
        /// What takes how much, the largest first.
        parts: String,
        /// What there is.
        available: String,
    },
    /// The compute device refused or was lost.
    #[error("device: {0}")]
    Device(String),
    /// A child process of a local run ended before it should.
    #[error("{role} {how}")]
    Child {
        /// The role the child played.
        role: String,
        /// How it ended, and its last message.
        how: String,
    },
    /// The run was interrupted by the user.
    #[error("interrupted")]
    Interrupted,
    /// The user ended the run before its last step.
    #[error("interrupted after step {step} of {steps}; {what}")]
    Ended {
        /// The last step.
        step: u64,
        /// The steps that there might have been.
        steps: u64,
        /// What became of the model.
        what: String,
    },
    /// An error with the place where it happened.
    #[error("{scope}: {source}")]
    Scoped {
        /// Names joined by `/`, as `epoch3/batch17/dense1/forward`.
        scope: String,
        /// What happened there.
        source: Box<Self>,
    },
}

/// A result with this crate's error.
///
/// A function without a section on errors passes on those of what it calls: the compute device, the links to the other parties,
/// or the reader of a file.
pub type Result<T> = std::result::Result<T, Error>;

/// What to do where the system gives a process no more files or connections; nothing to say of other errors.
pub fn advice(error: &io::Error) -> &'static str {
    // EMFILE and ENFILE, the same on Linux and macOS
    match error.raw_os_error() {
        Some(24) => "; the limit of open files of this process is too low: raise it with ulimit -n 1024",
        Some(23) => "; the programs on this machine together have too many open files: stop some, or raise fs.file-max",
        _ => "",
    }
}

/// A reason without the name of a temporary file, which nobody knows.
fn without_path(e: io::Error) -> io::Error {
    match e.to_string().split_once(" at path \"") {
        Some((reason, _)) if e.raw_os_error().is_none() => io::Error::new(e.kind(), reason.to_owned()),
        _ => e,
    }
}

impl Error {
    /// Adds the place where the error happened.
    #[must_use]
    pub fn at(self, scope: impl Into<String>) -> Self {
        Self::Scoped { scope: scope.into(), source: Box::new(self) }
    }

    /// An error about a file, from the system's reason.
    pub fn file(path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::File { path: path.into(), source: without_path(source) }
    }

    /// The same, with what to do.
    pub fn file_with(path: impl Into<PathBuf>, source: &io::Error, advice: &str) -> Self {
        Self::file(path, io::Error::new(source.kind(), format!("{source}; {advice}")))
    }

    /// An error about what a file holds.
    pub fn format(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Format { path: path.into(), reason: reason.into() }
    }

    /// An error about a peer.
    pub fn peer(peer: impl Into<Peer>, reason: impl Into<String>) -> Self {
        Self::Peer { peer: peer.into(), reason: reason.into() }
    }

    /// The peer that the error is about, if it is about one.
    pub fn about(&self) -> Option<&Peer> {
        match self {
            Self::Busy { peer, .. }
            | Self::Deadline { peer, .. }
            | Self::Desync { peer, .. }
            | Self::Overdue { peer, .. }
            | Self::Peer { peer, .. } => Some(peer),
            Self::Scoped { source, .. } => source.about(),
            _ => None,
        }
    }

    /// Whether the user's request itself was wrong (exit code 2) rather than the run (exit code 1).
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Usage(_) => true,
            Self::Scoped { source, .. } => source.is_usage(),
            _ => false,
        }
    }
}
