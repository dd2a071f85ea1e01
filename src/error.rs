//! The one error type: every variant carries what its reader needs to act.

use std::io;
use std::path::PathBuf;

use crate::peer::Peer;
use crate::shape::Shape;

/// The errors of ppdnn.
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
    /// The contents of a file are invalid.
    #[error("{path}: {reason}", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// An invalid request: arguments, settings, or a combination of them.
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
    /// A gate was given a value of the wrong ring: a bug in a layer.
    #[error("{gate}: a value of {have} bits does not fit {want} bits; this is a fault of ppdnn, please report it")]
    Width {
        /// The gate.
        gate: &'static str,
        /// Bits of the value's ring.
        have: u32,
        /// Bits that the gate needs.
        want: u32,
    },
    /// A gate was given values with incompatible numbers of fraction bits: a bug in a layer.
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
    /// A connection to a peer could not be made or broke, or the peer violated the protocol.
    #[error("{peer}: {reason}")]
    Peer {
        /// The peer.
        peer: Peer,
        /// What happened, and what to do.
        reason: String,
    },
    /// A peer is busy with another job, or already has a connection from this role.
    #[error("{peer} {reason}")]
    Busy {
        /// The peer.
        peer: Peer,
        /// With what, and what to do.
        reason: String,
    },
    /// The system limit on open files is reached, so that no connection can be made.
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
    /// A peer is at a different step of the protocol.
    #[error(
        "{peer} is at `{theirs}`, we are at `{mine}`; the two run different programs or jobs: install the same ppdnn on both, \
         and start again"
    )]
    Desync {
        /// The peer.
        peer: Peer,
        /// Where we are.
        mine: String,
        /// Where the peer is.
        theirs: String,
    },
    /// In a run in the clear, a value left its range.
    #[error(
        "{place}: {tensor} reached {largest}, beyond its bound of {bound}, first in step {step}; lower the learning rate or \
         scale the features"
    )]
    Overflow {
        /// The place in the program, such as `relu1/forward`.
        place: String,
        /// What left its range.
        tensor: String,
        /// The largest magnitude of the run.
        largest: f64,
        /// The largest magnitude that is in range.
        bound: f64,
        /// The step, from 1.
        step: u64,
    },
    /// A run finished, but the trained model is wrong.
    #[error("the trained model is wrong: {0}")]
    Unsound(String),
    /// A job needs more memory than is available or allowed, according to its plan.
    #[error(
        "the job needs an estimated {needed} of memory here ({parts}), but only {available} is allowed or available; use smaller \
         batches (--batch, and --accumulate to keep the rows of a step), fewer rows or a smaller network, or allow more with \
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
    /// The compute device, or a service of the operating system, failed.
    #[error("device: {0}")]
    Device(String),
    /// A child process of a local run ended unexpectedly.
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
        /// The steps of the whole run.
        steps: u64,
        /// Whether and where the model is saved.
        what: String,
    },
    /// An error with the place where it happened.
    #[error("{scope}: {source}")]
    Scoped {
        /// Names joined by `/`, such as `epoch3/batch17/dense1/forward`.
        scope: String,
        /// What happened there.
        source: Box<Self>,
    },
}

/// A result with this crate's error.
///
/// A function without a section on errors returns those of the functions that it calls: of the compute device, the connections to
/// other parties, or the reader of a file.
pub type Result<T> = std::result::Result<T, Error>;

/// Advice for errors about too many open files or connections; empty for other errors.
pub fn advice(error: &io::Error) -> &'static str {
    // EMFILE and ENFILE, the same on Linux and macOS
    match error.raw_os_error() {
        Some(24) => "; the limit of open files of this process is too low: raise it with ulimit -n 1024",
        Some(23) => "; the programs on this machine together have too many open files: stop some, or raise fs.file-max",
        _ => "",
    }
}

/// A reason without the name of a temporary file, which means nothing to users.
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

    /// An error about a file, with advice.
    pub fn file_with(path: impl Into<PathBuf>, source: &io::Error, advice: &str) -> Self {
        Self::file(path, io::Error::new(source.kind(), format!("{source}; {advice}")))
    }

    /// An error about the contents of a file.
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
