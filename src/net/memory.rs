//! A channel within one process, with the limits, deadlines and counts of a link over the network.

use std::sync::Arc;
use std::time::Duration;

use super::channel::{Channel, Frame, Head, Traffic};
use super::queue::{Queue, Stop};
use crate::error::{Error, Result};

/// Two ends that talk to each other: the first belongs to `a` and its peer is `b`, the second the other way.
pub fn pair(a: &str, b: &str) -> (Memory, Memory) {
    let there = Arc::new(Queue::new(QUEUE_BYTES));
    let back = Arc::new(Queue::new(QUEUE_BYTES));
    (Memory::new(b, there.clone(), back.clone()), Memory::new(a, back, there))
}

/// One end of a channel in memory.
pub struct Memory {
    peer: String,
    to: Arc<Queue>,
    from: Arc<Queue>,
    traffic: Traffic,
    deadline: Duration,
}

impl Memory {
    fn new(peer: &str, to: Arc<Queue>, from: Arc<Queue>) -> Self {
        Self { peer: peer.into(), to, from, traffic: Traffic::default(), deadline: DEADLINE }
    }

    /// Sets how many bytes may be on their way to the peer before [`Channel::send`] waits.
    pub fn set_room(&mut self, bytes: u64) {
        self.to.set_room(bytes);
    }
}

impl Channel for Memory {
    fn peer(&self) -> &str {
        &self.peer
    }

    fn send(&mut self, head: Head, body: Vec<u8>) -> Result<()> {
        let frame = Frame { head, body };
        let bytes = frame.bytes();
        let pushed = self.to.push(frame, Some(self.deadline));
        pushed.map_err(|stop| stop.error(&self.peer, &format!("room to send {head}"), self.deadline))?;
        self.traffic.sent += bytes;
        Ok(())
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.from.pop(Some(self.deadline)).map_err(|stop| stop.error(&self.peer, what, self.deadline))?;
        self.from.written();
        self.traffic.received += frame.bytes();
        Ok(frame)
    }

    /// Returns at once: what is queued here is where the peer takes it from.
    fn flush(&mut self) -> Result<()> {
        match self.to.reason() {
            Some(reason) if !self.to.is_over() => Err(Error::peer(&self.peer, reason)),
            _ => Ok(()),
        }
    }

    fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        match self.from.pop_within(within) {
            Ok(frame) => {
                self.from.written();
                self.traffic.received += frame.bytes();
                Ok(Some(frame))
            }
            Err(Stop::Late) => Ok(None),
            Err(stop) => Err(stop.error(&self.peer, "a frame", within)),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.to.end(CLOSED);
        self.from.abandon(CLOSED);
    }
}

impl Stop {
    /// The error that tells `peer` and what was waited for.
    pub(super) fn error(self, peer: &str, what: &str, patience: Duration) -> Error {
        match self {
            Self::Ended(reason) => Error::peer(peer, reason),
            Self::Late => Error::Deadline { peer: peer.into(), what: what.into(), seconds: whole_seconds(patience) },
        }
    }
}

/// Seconds, rounded up: a message about half a second should not say zero.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Whether all that an error says is that a peer ended its side in good order.
pub fn hung_up(error: &Error) -> bool {
    match error {
        Error::Peer { reason, .. } => reason == CLOSED,
        Error::Scoped { source, .. } => hung_up(source),
        _ => false,
    }
}

/// How long a call waits unless told otherwise.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// What is said of a peer that ended its side in good order.
pub(super) const CLOSED: &str = "closed the connection; it ended or was stopped, its last message says why";

/// How many bytes a queue holds unless told otherwise.
pub(super) const QUEUE_BYTES: u64 = 64 << 20;
