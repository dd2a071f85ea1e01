//! A queue of frames, bounded in bytes, with deadlines and totals: one direction of a channel.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{Frame, MAX_FRAME};
use super::phase::Budget;
use super::wakeup::Wakeup;
use crate::pulse::Pulse;

/// Frames on their way. One side pushes, the other pops; either may end it.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Told to who waits for a frame.
    filled: Wakeup,
    /// Told to who waits for room, for the last frame to be written, or for the end.
    drained: Wakeup,
    /// Grows with every piece that moves, so that a slow peer is not taken for a silent one.
    moved: AtomicU64,
}

struct State {
    frames: VecDeque<Frame>,
    bytes: u64,
    room: u64,
    /// A popped frame is still being written.
    busy: bool,
    /// No more pushes, and why.
    end: Option<String>,
    /// Frames were lost, or will be.
    broken: bool,
    /// Whoever pops has stopped for good.
    finished: bool,
    /// Somebody waits for a frame.
    waiting: bool,
    /// The longest body that may come in from a peer.
    max_frame: u64,
}

/// How long somebody waits for a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience<'a> {
    /// The time without a piece of a frame, and without work of the peer.
    pub(super) limit: Duration,
    /// Where the peer's work counter stands; `None` if it sends none.
    pub(super) theirs: Option<&'a Pulse>,
    /// Our own clock, which takes note of theirs.
    pub(super) mine: Option<&'a Pulse>,
    /// What this and all other waits of the phase may take together, whatever moves; `None` if only the limit counts.
    pub(super) budget: Option<&'a Budget>,
}

impl Patience<'_> {
    /// Where the peer's clock stands.
    fn look(&self) -> u64 {
        let theirs = self.theirs.map_or(0, Pulse::count);
        if let Some(mine) = self.mine {
            mine.hear(theirs);
        }
        theirs
    }

    /// Whether a wait of so long must end although something moves.
    fn check(&self, waited: Duration) -> Result<(), Stop> {
        self.budget.map_or(Ok(()), |budget| budget.check(self.limit, waited))
    }
}

impl State {
    /// Whether there is something to take, be it the news that nothing will come.
    fn is_filled(&self) -> bool {
        !self.frames.is_empty() || self.end.is_some()
    }
}

/// Why a queue did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The queue was ended, for this reason.
    Ended(String),
    /// Nothing moved for the time given.
    Late,
    /// All waits of a phase together took longer than it allows.
    Overdue {
        /// The phase's name.
        phase: &'static str,
        /// What it allows.
        seconds: u64,
    },
}

impl Queue {
    /// A queue that takes frames while it holds fewer than `room` bytes.
    pub(super) fn new(room: u64) -> Self {
        let state = State {
            frames: VecDeque::new(),
            bytes: 0,
            room,
            busy: false,
            end: None,
            broken: false,
            finished: false,
            waiting: false,
            max_frame: MAX_FRAME,
        };
        Self {
            state: Mutex::new(state),
            filled: Wakeup::default(),
            drained: Wakeup::default(),
            moved: AtomicU64::new(0),
        }
    }

    /// Adds a frame once there is room. A frame larger than the queue waits until the queue is empty.
    pub(super) fn push(&self, frame: Frame, patience: Option<Patience<'_>>) -> Result<(), Stop> {
        let bytes = frame.bytes();
        let fits = |s: &State| s.end.is_some() || s.frames.is_empty() || s.bytes + bytes <= s.room;
        let mut state = self.wait(self.lock(), &self.drained, patience, fits)?;
        if let Some(reason) = &state.end {
            return Err(Stop::Ended(reason.clone()));
        }
        state.bytes += bytes;
        state.frames.push_back(frame);
        drop(state);
        self.filled.ring();
        Ok(())
    }

    /// Takes the oldest frame; an ended queue first gives all that it holds.
    pub(super) fn pop(&self, patience: Option<Patience<'_>>) -> Result<Frame, Stop> {
        let state = self.await_frames();
        let waited = self.wait(state, &self.filled, patience, State::is_filled);
        self.take(waited.inspect_err(|_| self.lock().waiting = false)?)
    }

    /// Takes the oldest frame; late where none comes within this time, whatever moves.
    pub(super) fn pop_within(&self, limit: Duration) -> Result<Frame, Stop> {
        let mut state = self.filled.wait(self.await_frames(), Some(limit), State::is_filled);
        if state.is_filled() {
            return self.take(state);
        }
        state.waiting = false;
        Err(Stop::Late)
    }

    fn take(&self, mut state: MutexGuard<'_, State>) -> Result<Frame, Stop> {
        state.waiting = false;
        let Some(frame) = state.frames.pop_front() else {
            return Err(Stop::Ended(state.end.clone().unwrap_or_default()));
        };
        state.bytes -= frame.bytes();
        state.busy = true;
        drop(state);
        self.touch();
        self.drained.ring();
        Ok(frame)
    }

    /// Waits until a frame of the given size may come in: at once where the limit allows it, else until it is raised.
    ///
    /// # Errors
    /// The limit, once somebody waits for this very frame or the queue ended.
    pub(super) fn admit(&self, bytes: u64) -> Result<(), u64> {
        let known = |s: &State| bytes <= s.max_frame || s.end.is_some() || (s.waiting && s.frames.is_empty());
        let state = self.drained.wait(self.lock(), None, known);
        if bytes <= state.max_frame { Ok(()) } else { Err(state.max_frame) }
    }

    /// Whether the limit allows a frame of the given size.
    ///
    /// # Errors
    /// The limit.
    pub(super) fn allows(&self, bytes: u64) -> Result<(), u64> {
        let max = self.lock().max_frame;
        if bytes <= max { Ok(()) } else { Err(max) }
    }

    /// Sets the longest body that may come in.
    pub(super) fn set_max_frame(&self, bytes: u64) {
        self.lock().max_frame = bytes;
        self.drained.ring();
    }

    /// Notes that somebody waits for a frame, unless there is one.
    fn await_frames(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !state.is_filled() {
            state.waiting = true;
            self.drained.ring();
        }
        state
    }

    /// Waits until all is popped and written.
    pub(super) fn settle(&self, patience: Patience<'_>) -> Result<(), Stop> {
        let settled = |s: &State| s.broken || (s.frames.is_empty() && !s.busy);
        let state = self.wait(self.lock(), &self.drained, Some(patience), settled)?;
        match &state.end {
            Some(reason) if state.broken => Err(Stop::Ended(reason.clone())),
            _ => Ok(()),
        }
    }

    /// Waits until whoever pops has stopped.
    pub(super) fn await_finish(&self, patience: Duration) -> Result<(), Stop> {
        let patience = Patience { limit: patience, theirs: None, mine: None, budget: None };
        self.wait(self.lock(), &self.drained, Some(patience), |s| s.finished).map(drop)
    }

    /// Notes that a popped frame is written.
    pub(super) fn written(&self) {
        self.lock().busy = false;
        self.drained.ring();
    }

    /// Notes that whoever pops has stopped.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.drained.ring();
    }

    /// Ends the queue: nothing more goes in, what is in can still be taken. The first reason stays.
    pub(super) fn end(&self, reason: &str) {
        self.lock().end.get_or_insert_with(|| reason.into());
        self.notify();
    }

    /// Ends the queue with a last frame in place of all that is in it.
    pub(super) fn leave(&self, last: Frame, reason: &str) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(reason.into());
            state.broken |= !state.frames.is_empty();
            state.bytes = last.bytes();
            state.frames = VecDeque::from([last]);
        }
        drop(state);
        self.notify();
    }

    /// Ends the queue and drops what is in it.
    pub(super) fn abandon(&self, reason: &str) {
        let mut state = self.lock();
        state.end.get_or_insert_with(|| reason.into());
        state.broken |= state.busy || !state.frames.is_empty();
        state.frames.iter_mut().for_each(Frame::wipe);
        state.frames.clear();
        state.bytes = 0;
        drop(state);
        self.notify();
    }

    /// Sets how many bytes the queue holds before [`Queue::push`] waits.
    pub(super) fn set_room(&self, room: u64) {
        self.lock().room = room;
        self.notify();
    }

    /// Notes that a piece of a frame moved.
    pub(super) fn touch(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }

    /// Why the queue ended, if it did.
    pub(super) fn reason(&self) -> Option<String> {
        self.lock().end.clone()
    }

    /// Whether the queue ended and nothing is left in it.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.end.is_some() && state.frames.is_empty()
    }

    /// Waits until `ready`, as long as something moves within every `patience`, be it a piece of a frame or the peer's clock of
    /// work, and the phase has time left.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        on: &Wakeup,
        patience: Option<Patience<'_>>,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>, Stop> {
        if ready(&state) {
            return Ok(state);
        }
        let Some(patience) = patience else {
            return Ok(on.wait(state, None, ready));
        };
        let begun = Instant::now();
        let waited = self.wait_patiently(state, on, patience, begun, ready);
        if let Some(budget) = patience.budget {
            budget.spend(begun.elapsed());
        }
        waited
    }

    fn wait_patiently<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        on: &Wakeup,
        patience: Patience<'_>,
        begun: Instant,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>, Stop> {
        let look = || (self.moved.load(Ordering::Relaxed), patience.look());
        let slice = (patience.limit / LOOKS).min(LONGEST_SLICE);
        let (mut seen, mut since) = (look(), begun);
        loop {
            let left = patience.limit.saturating_sub(since.elapsed());
            state = on.wait(state, Some(left.min(slice)), &ready);
            if ready(&state) {
                return Ok(state);
            }
            patience.check(begun.elapsed())?;
            let now = look();
            if now != seen {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() >= patience.limit {
                return Err(Stop::Late);
            }
        }
    }

    fn notify(&self) {
        self.filled.ring();
        self.drained.ring();
    }

    /// No holder of the lock can panic between two changes, so a poisoned state is still sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often, within its patience, whoever waits looks whether something moved.
const LOOKS: u32 = 8;
const LONGEST_SLICE: Duration = Duration::from_secs(1);

impl Drop for Queue {
    /// Seeds that nobody took are erased.
    fn drop(&mut self) {
        self.lock().frames.iter_mut().for_each(Frame::wipe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::frame::{FrameHeader, FrameKind};

    #[test]
    fn a_seed_is_erased_where_its_frame_ends_and_masked_bytes_are_left() {
        let frame = |kind| Frame { head: FrameHeader { kind, session: 0, step: 0, gate: 0 }, body: vec![7; 32] };
        let mut seed = frame(FrameKind::Seed);
        seed.wipe();
        assert!(seed.body.is_empty());
        let mut opening = frame(FrameKind::Opening);
        opening.wipe();
        assert_eq!(opening.body, [7; 32]);
    }
}
