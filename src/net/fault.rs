//! A channel with one fault, for tests of code that uses channels.

use std::time::Duration;

use super::channel::{Channel, ChannelBytes};
use super::frame::{Frame, FrameHeader};
use super::memory::CLOSED;
use super::phase::Phase;
use super::presence::Presence;
use crate::error::{Error, Result};
use crate::peer::Peer;

/// What goes wrong; frames are counted from 0 in the order they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection ends instead of sending this frame.
    Cut(usize),
    /// A body is longer by the given number of zero bytes.
    Extend(usize, usize),
    /// The byte at a place of a body, modulo its length, has one bit flipped.
    Garble(usize, usize),
    /// A head names another gate.
    GarbleHead(usize),
    /// This frame and all later ones never arrive, although the connection stands.
    Stall(usize),
    /// This frame arrives after the next one.
    Swap(usize),
    /// A body is shorter by the given number of bytes.
    Truncate(usize, usize),
}

/// A channel whose sent frames suffer a [`Fault`].
pub struct Faulty<C> {
    inner: Option<C>,
    peer: Peer,
    fault: Fault,
    sent: usize,
    held: Option<Frame>,
    traffic: ChannelBytes,
}

impl<C: Channel> Faulty<C> {
    /// A channel that goes wrong in this way.
    pub fn new(inner: C, fault: Fault) -> Self {
        let (peer, traffic) = (inner.peer().into(), inner.traffic());
        Self { inner: Some(inner), peer, fault, sent: 0, held: None, traffic }
    }

    fn inner(&mut self) -> Result<&mut C> {
        self.inner.as_mut().ok_or_else(|| Error::peer(&self.peer, CLOSED))
    }
}

impl<C: Channel> Channel for Faulty<C> {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn send(&mut self, mut head: FrameHeader, mut body: Vec<u8>) -> Result<()> {
        let place = self.sent;
        self.sent += 1;
        match self.fault {
            Fault::Cut(n) if place >= n => {
                self.traffic = self.traffic();
                self.inner = None;
            }
            Fault::Extend(n, bytes) if place == n => body.resize(body.len() + bytes, 0),
            Fault::Garble(n, at) if place == n && !body.is_empty() => {
                let at = at % body.len();
                body[at] ^= 1;
            }
            Fault::GarbleHead(n) if place == n => head.gate ^= 1,
            Fault::Stall(n) if place >= n => return Ok(()),
            Fault::Swap(n) if place == n => {
                self.held = Some(Frame { head, body });
                return Ok(());
            }
            Fault::Truncate(n, bytes) if place == n => body.truncate(body.len().saturating_sub(bytes)),
            _ => {}
        }
        self.inner()?.send(head, body)?;
        match self.held.take() {
            Some(Frame { head, body }) => self.inner()?.send(head, body),
            None => Ok(()),
        }
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        self.inner()?.recv(what)
    }

    fn flush(&mut self) -> Result<()> {
        self.inner()?.flush()
    }

    fn traffic(&self) -> ChannelBytes {
        self.inner.as_ref().map_or(self.traffic, Channel::traffic)
    }

    fn set_deadline(&mut self, deadline: Duration) {
        if let Some(inner) = &mut self.inner {
            inner.set_deadline(deadline);
        }
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(inner) = &mut self.inner {
            inner.enter(phase);
        }
    }

    fn attach(&mut self, presence: &Presence) {
        if let Some(inner) = &mut self.inner {
            inner.attach(presence);
        }
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        self.inner()?.poll(within)
    }

    fn ended(&self) -> Option<Error> {
        match &self.inner {
            Some(inner) => inner.ended(),
            None => Some(Error::peer(&self.peer, CLOSED)),
        }
    }

    fn set_max_frame(&mut self, bytes: u64) {
        if let Some(inner) = &mut self.inner {
            inner.set_max_frame(bytes);
        }
    }
}
