//! What both kinds of channel do with the queue of what comes in, with errors that name the peer.

use std::time::Duration;

use super::frame::Frame;
use super::memory::whole_seconds;
use super::queue::{Patience, Queue, Stop};
use crate::error::{Error, Result};
use crate::peer::Peer;

impl Queue {
    /// The next frame of `peer`; `what` names it in errors.
    pub(super) fn receive(&self, peer: &Peer, what: &str, patience: Patience<'_>) -> Result<Frame> {
        let limit = patience.limit;
        let frame = self.pop(Some(patience)).map_err(|stop| stop.error(peer, what, limit))?;
        self.written();
        Ok(frame)
    }

    /// The next frame of `peer`, if there is one within this time.
    pub(super) fn poll(&self, peer: &Peer, within: Duration) -> Result<Option<Frame>> {
        match self.pop_within(within) {
            Ok(frame) => {
                self.written();
                Ok(Some(frame))
            }
            Err(Stop::Late) => Ok(None),
            Err(stop) => Err(stop.error(peer, "a frame", within)),
        }
    }

    /// Why nothing more will come from `peer`, once all that it sent is taken.
    pub(super) fn ended(&self, peer: &Peer) -> Option<Error> {
        let reason = self.reason().filter(|_| self.is_over())?;
        Some(Error::peer(peer, reason))
    }
}

impl Stop {
    /// The error that names `peer` and what was waited for.
    pub(super) fn error(self, peer: &Peer, what: &str, patience: Duration) -> Error {
        match self {
            Self::Ended(reason) => Error::peer(peer, reason),
            Self::Overdue { phase, seconds } => {
                Error::Overdue { peer: peer.into(), what: what.into(), phase: phase.into(), seconds }
            }
            Self::Late => Error::Deadline { peer: peer.into(), what: what.into(), seconds: whole_seconds(patience) },
        }
    }
}
