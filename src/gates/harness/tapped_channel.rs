//! A channel that notes what it hands on, and may garble it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::net::{Channel, ChannelBytes, Frame, FrameHeader, Peer, Phase, Presence};

/// The frames that a party received on a link.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<Frame>>>);

impl Transcript {
    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Changes frames on their way.
pub(crate) type Tamper = Box<dyn FnMut(&mut Frame) + Send>;

/// One end of a link, tapped.
pub(crate) struct TappedChannel {
    link: Box<dyn Channel>,
    heard: Transcript,
    hand: Option<Tamper>,
}

impl TappedChannel {
    pub(crate) fn new(mut link: impl Channel + 'static, heard: Transcript, hand: Option<Tamper>) -> Self {
        // no job was agreed on
        link.set_max_frame(u64::MAX);
        Self { link: Box::new(link), heard, hand }
    }
}

impl Channel for TappedChannel {
    fn peer(&self) -> &Peer {
        self.link.peer()
    }

    fn send(&mut self, head: FrameHeader, body: Vec<u8>) -> Result<()> {
        self.link.send(head, body)
    }

    fn recv(&mut self, what: &str) -> Result<Frame> {
        let mut frame = self.link.recv(what)?;
        if let Some(hand) = &mut self.hand {
            hand(&mut frame);
        }
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).push(frame.clone());
        Ok(frame)
    }

    fn flush(&mut self) -> Result<()> {
        self.link.flush()
    }

    fn traffic(&self) -> ChannelBytes {
        self.link.traffic()
    }

    fn set_deadline(&mut self, deadline: Duration) {
        self.link.set_deadline(deadline);
    }

    fn enter(&mut self, phase: Phase) {
        self.link.enter(phase);
    }

    fn attach(&mut self, presence: &Presence) {
        self.link.attach(presence);
    }

    fn poll(&mut self, within: Duration) -> Result<Option<Frame>> {
        self.link.poll(within)
    }

    fn ended(&self) -> Option<Error> {
        self.link.ended()
    }

    fn set_max_frame(&mut self, bytes: u64) {
        self.link.set_max_frame(bytes);
    }
}
