//! A channel within one process, with the limits, deadlines and counts of a link over the network.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::channel::{Channel, ChannelBytes};
use super::frame::{Frame, FrameHeader, over_limit};
use super::phase::{Budget, Phase};
use super::presence::Presence;
use super::queue::{Patience, Queue};
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::pulse::Pulse;

/// Two ends that talk to each other: the first belongs to `a` and its peer is `b`, the second the other way.
pub fn pair(a: &str, b: &str) -> (Memory, Memory) {
    let there = Arc::new(Queue::new(QUEUE_BYTES));
    let back = Arc::new(Queue::new(QUEUE_BYTES));
    let pulses: [Arc<OnceLock<Pulse>>; 2] = Default::default();
    let [ours, theirs] = pulses.clone();
    let first = Memory::new(b.into(), [there.clone(), back.clone()], [ours, theirs]);
    let [theirs, ours] = pulses;
    (first, Memory::new(a.into(), [back, there], [ours, theirs]))
}

/// One end of a channel in memory.
pub struct Memory {
    peer: Peer,
    to: Arc<Queue>,
    from: Arc<Queue>,
    /// Our work counter and the peer's, once they are known.
    pulses: [Arc<OnceLock<Pulse>>; 2],
    traffic: ChannelBytes,
    deadline: Duration,
    budget: Budget,
}

impl Memory {
    fn new(peer: Peer, [to, from]: [Arc<Queue>; 2], pulses: [Arc<OnceLock<Pulse>>; 2]) -> Self {
        let (traffic, budget) = (ChannelBytes::default(), Budget::new(Arc::default()));
        Self { peer, to, from, pulses, traffic, deadline: DEADLINE, budget }
    }

    /// Sets how many bytes may be on their way to the peer before [`Channel::send`] waits.
    pub fn set_room(&mut self, bytes: u64) {
        self.to.set_room(bytes);
    }

    /// Counts a frame that moved, and as work, where it is.
    fn moved(&self, head: FrameHeader, bytes: u64) {
        self.budget.count(bytes);
        if let Some(mine) = self.pulses[0].get().filter(|_| head.kind.is_work()) {
            mine.beat();
        }
    }

    fn patience(&self) -> Patience<'_> {
        let [mine, theirs] = self.pulses.each_ref().map(|pulse| pulse.get());
        Patience { limit: self.deadline, theirs, mine, budget: Some(&self.budget) }
    }
}

impl Channel for Memory {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn send(&mut self, head: FrameHeader, body: Vec<u8>) -> Result<()> {
        let frame = Frame { head, body };
        let bytes = frame.bytes();
        let pushed = self.to.push(frame, Some(self.patience()));
        pushed.map_err(|stop| stop.error(&self.peer, &format!("room to send {head}"), self.deadline))?;
        self.traffic.sent += bytes;
        self.moved(head, bytes);
        Ok(())
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let frame = self.from.receive(&self.peer, what, self.patience())?;
        let len = frame.body.len() as u64;
        self.from.allows(len).map_err(|max| Error::peer(&self.peer, over_limit(len, frame.head, max)))?;
        self.traffic.received += frame.bytes();
        self.moved(frame.head, frame.bytes());
        Ok(frame)
    }

    /// Returns at once: what is queued here is where the peer takes it from.
    fn flush(&mut self) -> Result<()> {
        match self.to.reason() {
            Some(reason) if !self.to.is_over() => Err(Error::peer(&self.peer, reason)),
            _ => Ok(()),
        }
    }

    fn traffic(&self) -> ChannelBytes {
        self.traffic
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    fn enter(&mut self, phase: Phase) {
        self.budget.enter(phase);
    }

    fn attach(&mut self, presence: &Presence) {
        let _ = self.pulses[0].set(presence.pulse().clone());
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        let frame = self.from.poll(&self.peer, within)?;
        if let Some(frame) = &frame {
            self.traffic.received += frame.bytes();
            self.moved(frame.head, frame.bytes());
        }
        Ok(frame)
    }

    fn ended(&self) -> Option<Error> {
        self.from.ended(&self.peer)
    }

    fn set_max_frame(&mut self, bytes: u64) {
        self.from.set_max_frame(bytes);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.to.end(CLOSED);
        self.from.abandon(CLOSED);
    }
}

/// Seconds, rounded up: a message about half a second should not say zero.
pub(super) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Whether an error only reports that a peer closed its side in good order.
pub fn hung_up(error: &Error) -> bool {
    match error {
        Error::Peer { reason, .. } => reason == CLOSED,
        Error::Scoped { source, .. } => hung_up(source),
        _ => false,
    }
}

/// How long a call waits by default.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// The error for a peer that closed its side in good order.
pub(super) const CLOSED: &str = "closed the connection; it ended or was stopped, see its last message";

/// How many bytes a queue holds by default.
pub(super) const QUEUE_BYTES: u64 = 64 << 20;
