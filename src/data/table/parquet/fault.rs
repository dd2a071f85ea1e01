//! Why a file cannot be read.

use std::io;
use std::path::Path;

use crate::error::Error;
use crate::net::printable;

/// A reason, without the file's name; it shows no values.
pub(super) enum Fault {
    Io(io::Error),
    Format(String),
}

impl Fault {
    /// The error of a file, with where it is in the file, if that is known.
    pub(super) fn of(self, path: &Path, place: &str) -> Error {
        match self {
            Self::Io(e) => Error::file(path, e),
            Self::Format(reason) => Error::format(path, format!("{place}{reason}")),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Self {
        Self::Format(reason.to_owned())
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self::Format(reason)
    }
}

/// A column, in errors.
pub(super) fn shown(name: &str) -> String {
    format!("column `{}`", printable(name).chars().take(MOST_SHOWN).collect::<String>())
}

pub(super) const DAMAGED: &str = "is damaged or truncated; copy or export the file again";
pub(super) const NO_FOOTER: &str =
    "is damaged or truncated: its Parquet footer cannot be read; copy or export it again";
pub(super) const ENCODING: &str =
    "is stored in an encoding that is not supported; export the table with plain or dictionary encoding";

/// Characters of a name that errors show.
const MOST_SHOWN: usize = 40;
