//! The trait of everything that carries frames.

use std::time::Duration;

use super::frame::{Frame, FrameHeader};
use super::phase::Phase;
use super::presence::Presence;
use crate::error::{Error, Result};
use crate::peer::Peer;

/// Carries frames to and from one peer, in order.
pub trait Channel: Send {
    /// The peer.
    fn peer(&self) -> &Peer;

    /// Queues a frame; waits while the queue, which is bounded in bytes, is full.
    ///
    /// # Errors
    /// [`Error::Deadline`] if the peer takes nothing for so long, [`Error::Overdue`] if it kept us waiting for longer than
    /// the phase allows, [`Error::Peer`] if it is gone.
    fn send(&mut self, head: FrameHeader, body: Vec<u8>) -> Result<()>;

    /// Waits for the next frame; `what` names in errors what was waited for.
    ///
    /// # Errors
    /// [`Error::Deadline`] if nothing comes for so long, [`Error::Overdue`] if the peer kept us waiting for longer than the
    /// phase allows, [`Error::Peer`] if the connection ended.
    fn recv(&mut self, what: &str) -> Result<Frame>;

    /// Waits until all that was queued is written.
    ///
    /// # Errors
    /// As [`Channel::send`].
    fn flush(&mut self) -> Result<()>;

    /// Bytes so far, of headers and bodies: `sent` counts what [`Channel::send`] took, `received` what
    /// [`Channel::recv`] gave.
    fn traffic(&self) -> ChannelBytes;

    /// How long a call may wait for a peer that does nothing: no byte moves, and its work counter stands still.
    fn set_deadline(&mut self, deadline: Duration);

    /// Begins a phase: from now on, all waits of [`Channel::send`], [`Channel::recv`] and [`Channel::flush`] together may take
    /// what it allows, whatever the peer does.
    fn enter(&mut self, phase: Phase);

    /// Tells the peer what `presence` does, so that it can be patient while that works, and takes note of what the peer does.
    /// The first call counts.
    fn attach(&mut self, _presence: &Presence) {}

    /// The next frame, or `None` if none comes within this time, whatever the peer does.
    ///
    /// # Errors
    /// [`Error::Peer`] if the connection ended.
    fn poll(&mut self, within: Duration) -> Result<Option<Frame>>;

    /// The error that the next [`Channel::recv`] returns, if it is certain that no frame will come.
    fn ended(&self) -> Option<Error>;

    /// How many bytes each direction's queue holds before its writer waits; channels in memory keep theirs.
    fn set_room(&mut self, _bytes: u64) {}

    /// The longest body that is taken from the peer from now on, in bytes: [`MAX_FRAME`](super::MAX_FRAME) until it is set. A
    /// longer frame that the peer has sent already stays outside until this allows it; it is an error once it is the one that
    /// is waited for.
    fn set_max_frame(&mut self, bytes: u64);
}

impl<C: Channel + ?Sized> Channel for Box<C> {
    fn peer(&self) -> &Peer {
        (**self).peer()
    }

    fn send(&mut self, head: FrameHeader, body: Vec<u8>) -> Result<()> {
        (**self).send(head, body)
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        (**self).recv(what)
    }

    fn flush(&mut self) -> Result<()> {
        (**self).flush()
    }

    fn traffic(&self) -> ChannelBytes {
        (**self).traffic()
    }

    fn set_deadline(&mut self, deadline: Duration) {
        (**self).set_deadline(deadline);
    }

    fn enter(&mut self, phase: Phase) {
        (**self).enter(phase);
    }

    fn attach(&mut self, presence: &Presence) {
        (**self).attach(presence);
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        (**self).poll(within)
    }

    fn ended(&self) -> Option<Error> {
        (**self).ended()
    }

    fn set_room(&mut self, bytes: u64) {
        (**self).set_room(bytes);
    }

    fn set_max_frame(&mut self, bytes: u64) {
        (**self).set_max_frame(bytes);
    }
}

/// Receives the body of the one frame that may come now: with this head, of the given size.
///
/// # Errors
/// [`Error::Desync`] if the frame has another head, [`Error::Peer`] if it has another length; otherwise as [`Channel::recv`].
pub fn receive_exactly(channel: &mut dyn Channel, want: FrameHeader, bytes: usize, what: &str) -> Result<Vec<u8>> {
    channel.recv(what)?.exactly(channel.peer(), want, bytes, what)
}

/// Bytes that went over a channel, headers and bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelBytes {
    /// To the peer.
    pub sent: u64,
    /// From the peer.
    pub received: u64,
}
