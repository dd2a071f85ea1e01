//! Runs that end before their last step: by the accuracy that the trainer saw, or because it asks.
//!
//! A trainer that asks tells server 0 alone. Server 0 takes note before a step and sends server 1 an empty frame ahead of the
//! step's first opening: this step is the last. No round is added, and no step costs anything as long as nobody asks. Server 1
//! tells the dealer, which has run ahead, once the step is done, and drops what was dealt for steps that will not come: a
//! session's seeds are used once, so nobody ever sees a value under those masks.

use std::time::Duration;

use crate::error::Result;
use crate::kernel::low;
use crate::net::{Channel, Frame, FrameHeader, FrameKind, receive_exactly};

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

    /// In a run that resumes behind its last step, which the trainer's wish made the last.
    pub(super) fn end_with(&mut self, step: u64) {
        self.last = Some(step);
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
    pub(super) fn receive(
        &mut self,
        peer: &mut dyn Channel,
        want: FrameHeader,
        bytes: usize,
        what: &str,
    ) -> Result<Vec<u8>> {
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
fn last_step(session: u64, step: u64) -> FrameHeader {
    FrameHeader { kind: FrameKind::Control, session, step: low(step), gate: LAST_STEP }
}

/// No round has this number, nor has any epoch.
const LAST_STEP: u32 = u32::MAX;

/// Tells the dealer that no step follows, and drops what it dealt for others until it has answered, or has left; or has sent more
/// than `most` bytes, which one that looks for the word after every step does not.
pub(crate) fn dismiss_dealer(dealer: &mut dyn Channel, session: u64, most: u64) {
    if dealer.send(dismissal(session), Vec::new()).is_err() {
        return;
    }
    let mut dropped = 0;
    while let Ok(frame) = dealer.recv("its last word") {
        dropped += frame.bytes();
        let dealt = frame.head.kind == FrameKind::Correction && frame.head.session == session;
        if !dealt || dropped > most {
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

fn dismissal(session: u64) -> FrameHeader {
    FrameHeader { kind: FrameKind::Control, session, step: 0, gate: LAST_STEP }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::error::Error;
    use crate::net::pair;

    const OPENING: FrameHeader = FrameHeader { kind: FrameKind::Opening, session: 9, step: 4, gate: 7 };

    /// What server 1 makes of frames in step 5.
    fn hears(frames: &[FrameHeader], openings: usize) -> (Result<()>, Ending) {
        let (mut zero, mut one) = pair("server 0", "server 1");
        frames.iter().for_each(|head| zero.send(*head, Vec::new()).unwrap());
        let mut ending = Ending::default();
        ending.begin(1, 5, 9, Some(&mut one)).unwrap();
        let heard = (0..openings).try_for_each(|_| ending.receive(&mut one, OPENING, 0, "an opening").map(drop));
        (heard, ending)
    }

    #[test]
    fn the_last_step_is_heard_ahead_of_its_first_opening_and_nowhere_else() {
        let (heard, ending) = hears(&[last_step(9, 5), OPENING, OPENING], 2);
        assert!(heard.is_ok() && ending.goes_on(4) && !ending.goes_on(5) && ending.last() == Some(5));
        let (heard, ending) = hears(&[OPENING, OPENING], 2);
        assert!(heard.is_ok() && ending.goes_on(5) && ending.last().is_none(), "the control");
        let late = [OPENING, last_step(9, 5), OPENING];
        for frames in [&late[..], &[last_step(9, 6), OPENING], &[last_step(8, 5), OPENING], &[last_step(9, 5); 2]] {
            let (heard, _) = hears(frames, 2);
            assert!(matches!(heard.unwrap_err(), Error::Desync { .. }), "{frames:?}");
        }
    }

    #[test]
    fn server_0_passes_a_wish_on_once_and_hears_none() {
        let (mut zero, mut one) = pair("server 1", "server 0");
        let mut ending = Ending::default();
        ending.set_wish(Box::new(|| Ok(true)));
        ending.begin(0, 5, 9, Some(&mut zero)).unwrap();
        ending.begin(0, 6, 9, Some(&mut zero)).unwrap();
        assert_eq!((one.recv("a frame").unwrap().head, ending.last()), (last_step(9, 5), Some(5)));
        assert!(one.poll(Duration::ZERO).unwrap().is_none(), "it is said once");
        one.send(last_step(9, 6), Vec::new()).unwrap();
        assert!(ending.receive(&mut zero, OPENING, 0, "an opening").is_err());
    }

    #[test]
    fn what_was_dealt_ahead_is_dropped_and_the_dealer_ends() {
        let (mut dealer, mut server) = pair("server 1", "dealer");
        let correction = FrameHeader { kind: FrameKind::Correction, session: 9, step: 7, gate: 1 };
        assert!(!is_dismissed(&mut dealer, 9).unwrap(), "nobody has said anything");
        (0..50).for_each(|_| dealer.send(correction, vec![0; 100]).unwrap());
        let dismissing = thread::spawn(move || dismiss_dealer(&mut server, 9, 1 << 20));
        while !is_dismissed(&mut dealer, 9).unwrap() {
            thread::yield_now();
        }
        dismissing.join().unwrap();
        // a server that is gone has nothing to say
        assert!(!is_dismissed(&mut dealer, 9).unwrap());
    }

    #[test]
    fn a_dealer_that_deals_for_ever_or_says_something_else_is_left() {
        let correction = FrameHeader { kind: FrameKind::Correction, session: 9, step: 7, gate: 1 };
        let (mut dealer, mut server) = pair("server 1", "dealer");
        let dealing =
            thread::spawn(move || (0u32..).find(|_| dealer.send(correction, vec![0; 1000]).is_err()).unwrap());
        dismiss_dealer(&mut server, 9, 1 << 20);
        drop(server);
        assert!(dealing.join().unwrap() > 1000, "as much as it may is dropped");
        for head in [FrameHeader { session: 8, ..correction }, OPENING] {
            let (mut dealer, mut server) = pair("server 1", "dealer");
            (0..2).for_each(|_| dealer.send(head, Vec::new()).unwrap());
            dismiss_dealer(&mut server, 9, 1 << 20);
            assert!(server.poll(Duration::ZERO).unwrap().is_some(), "the second is not looked at");
        }
    }
}
