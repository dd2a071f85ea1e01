//! The draw log: evidence that no randomness is used twice.

use std::sync::{Arc, Mutex, PoisonError};

use super::Set;

/// One use of randomness.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Draw {
    /// A stream of a session's seed, by a server.
    Session {
        /// The server.
        server: u8,
        /// The session, which has seeds of its own.
        session: u64,
        /// The stream.
        stream: u64,
    },
    /// The mask of an owner's row, by a server.
    Row {
        /// The server.
        server: u8,
        /// The set.
        set: Set,
        /// The row.
        row: u32,
    },
}

/// Notes draws where it is switched on; costs nothing where it is not.
#[derive(Clone, Debug, Default)]
pub struct DrawLog(Option<Arc<Mutex<Vec<Draw>>>>);

impl DrawLog {
    /// A log that notes.
    pub fn on() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was noted.
    pub fn draws(&self) -> Vec<Draw> {
        self.0.as_ref().map_or_else(Vec::new, |log| log.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(crate) fn session(&self, server: u8, session: u64, stream: u64) {
        self.note(|| vec![Draw::Session { server, session, stream }]);
    }

    pub(crate) fn rows(&self, server: u8, set: Set, rows: &[u32]) {
        self.note(|| rows.iter().map(|row| Draw::Row { server, set, row: *row }).collect());
    }

    fn note(&self, draws: impl FnOnce() -> Vec<Draw>) {
        if let Some(log) = &self.0 {
            log.lock().unwrap_or_else(PoisonError::into_inner).extend(draws());
        }
    }
}
