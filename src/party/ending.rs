//! Runs that end before their last step: by the accuracy that the trainer saw, or because it asks.
//!
//! A trainer that asks tells server 0 alone. Server 0 takes note before a step and sends server 1 an empty frame ahead of the
//! step's first opening: this step is the last. No round is added, and no step costs anything as long as nobody asks. Server 1
//! tells the dealer, which has run ahead, once the step is done, and drops what was dealt for steps that will not come: a
//! session's seeds are used once, so nobody ever sees a value under those masks.

use std::time::Duration;

use super::rows::low;
use crate::error::Result;
use crate::net::{Channel, Frame, Head, Kind, receive_exactly};

/// What the trainer makes of an epoch, in a job that may end early by its accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether another epoch follows, if there is one.
    pub goes_on: bool,
    /// Whether its accuracy is above that of every epoch before.
    pub best: bool,
}

impl Verdict {
    /// One byte: bit 0 for going on, bit 1 for the best.
    pub(super) fn to_byte(self) -> u8 {
        u8::from(self.goes_on) | u8::from(self.best) << 1
    }
}

/// Says after an epoch what the trainer makes of it.
pub(crate) type Judge = Box<dyn FnMut(u32) -> Result<Verdict> + Send>;

/// Says whether the trainer has asked for the end of the run. Only server 0 asks.
pub(super) type Wish = Box<dyn FnMut() -> Result<bool> + Send>;

/// The step that the trainer's wish makes the last, as far as a server knows it.
#[derive(Default)]
pub(super) struct Ending {
    wish: Option<Wish>,
    last: Option<u64>,
    /// Whether the frame that says so may come now.
    may_come: Option<u64>,
}

impl Ending {
    pub(super) fn set_wish(&mut self, wish: Wish) {
        self.wish = Some(wish);
    }

    /// Before step `step`, from 1: server 0 looks for the trainer's wish and passes it on, server 1 may hear of it.
    pub(super) fn begin(&mut self, id: u8, step: u64, session: u64, peer: Option<&mut dyn Channel>) -> Result<()> {
        self.may_come = (id == 1).then_some(step);
        let (Some(wish), Some(peer), None) = (&mut self.wish, peer, self.last) else { return Ok(()) };
        if wish()? {
            self.last = Some(step);
            peer.send(last_step(session, step), Vec::new())?;
        }
        Ok(())
    }

    /// The body of the other server's frame `want`; ahead of the first of a step, server 1 may hear that it is the last.
    pub(super) fn receive(&mut self, peer: &mut dyn Channel, want: Head, bytes: usize, what: &str) -> Result<Vec<u8>> {
        let Some(step) = self.may_come.take() else { return receive_exactly(peer, want, bytes, what) };
        let frame = peer.recv(what)?;
        if frame == (Frame { head: last_step(want.session, step), body: Vec::new() }) {
            self.last = Some(step);
            return receive_exactly(peer, want, bytes, what);
        }
        frame.exactly(peer.peer(), want, bytes, what)
    }

    /// Whether the run goes on after `step` steps.
    pub(super) fn goes_on(&self, step: u64) -> bool {
        self.last != Some(step)
    }

    /// The last step, where the trainer's wish made it the last.
    pub(super) fn last(&self) -> Option<u64> {
        self.last
    }
}

/// The head of the frame that makes a step the last.
fn last_step(session: u64, step: u64) -> Head {
    Head { kind: Kind::Control, session, step: low(step), gate: LAST_STEP }
}

/// No round has this number, nor has any epoch.
const LAST_STEP: u32 = u32::MAX;

/// Tells the dealer that no step follows, and drops what it dealt for others until it has answered, or has left.
pub(crate) fn dismiss_dealer(dealer: &mut dyn Channel, session: u64) {
    if dealer.send(dismissal(session), Vec::new()).is_err() {
        return;
    }
    while let Ok(frame) = dealer.recv("its last word") {
        if frame.head == dismissal(session) {
            return;
        }
    }
}

/// Whether server 1 says that no step follows; the dealer looks after every step, and answers.
pub(super) fn is_dismissed(server: &mut dyn Channel, session: u64) -> Result<bool> {
    // a server that is done has left; if it left too early, the next correction finds out
    let Ok(Some(frame)) = server.poll(Duration::ZERO) else { return Ok(false) };
    frame.exactly(server.peer(), dismissal(session), 0, "that no step follows")?;
    server.send(dismissal(session), Vec::new())?;
    server.flush()?;
    Ok(true)
}

fn dismissal(session: u64) -> Head {
    Head { kind: Kind::Control, session, step: 0, gate: LAST_STEP }
}
