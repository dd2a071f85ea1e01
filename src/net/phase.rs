//! How long a peer may keep us waiting in total, however busy it claims to be.
//!
//! A deadline ends a wait in which nothing moves. It does not end one for a peer that sends a byte now and then, or whose
//! keep-alive frames claim work without end. So the waits for a peer are added up over a [`Phase`], and a phase has a total: some
//! deadlines, and the time that its bytes take at the least rate, 1 MiB a minute. Bytes count once they have moved, those that
//! the job announces from the start. A frame that has begun must come at that rate, too, whether anybody waits for it or not.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::memory::whole_seconds;
use super::queue::Stop;

/// A part of a run, and how long a peer may keep us waiting in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    name: &'static str,
    deadlines: u32,
    bytes: u64,
}

impl Phase {
    /// Until a job is known.
    pub const OPENING: Self = Self::new("the time before the job", 10);
    /// From the job to the first step, as far as it depends on one party alone.
    pub const SET_UP: Self = Self::new("the set-up", 30);
    /// One step of training, or one batch of an evaluation.
    pub const STEP: Self = Self::new("one step", 60);
    /// Messages to the trainer, and its answers.
    pub const NEWS: Self = Self::new("its exchange with the trainer", 20);

    /// A phase in which a peer may keep us waiting for the given number of deadlines.
    pub const fn new(name: &'static str, deadlines: u32) -> Self {
        Self { name, deadlines, bytes: 0 }
    }

    /// The same for a peer that may itself have to wait for others, one after the other.
    #[must_use]
    pub const fn times(self, times: u32) -> Self {
        Self { deadlines: self.deadlines.saturating_mul(times), ..self }
    }

    /// The same with the given number of deadlines more.
    #[must_use]
    pub const fn plus(self, deadlines: u32) -> Self {
        Self { deadlines: self.deadlines.saturating_add(deadlines), ..self }
    }

    /// The same where the peer waits for the given number of bytes of others.
    #[must_use]
    pub const fn bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }
}

#[cfg(test)]
impl Phase {
    /// Whether it is over before another, with any deadline.
    pub(crate) fn is_shorter(self, than: Self) -> bool {
        self.deadlines < than.deadlines && self.bytes <= than.bytes
    }
}

/// What is left of a phase.
#[derive(Debug)]
pub(super) struct Budget {
    phase: Phase,
    /// How long we have waited in it.
    spent: Cell<Duration>,
    /// Bytes that moved on the link since it stands, either way, keep-alive frames not counted.
    moved: Arc<AtomicU64>,
    /// Where that was when the phase began.
    base: u64,
}

impl Budget {
    /// That of a new link, whose bytes are counted in `moved`.
    pub(super) fn new(moved: Arc<AtomicU64>) -> Self {
        Self { phase: Phase::OPENING, spent: Cell::default(), moved, base: 0 }
    }

    /// Begins a phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.spent = Cell::default();
        self.base = self.moved.load(Ordering::Relaxed);
    }

    /// Counts bytes that moved.
    pub(super) fn count(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Takes note of a wait that is over.
    pub(super) fn spend(&self, waited: Duration) {
        self.spent.set(self.spent.get().saturating_add(waited));
    }

    /// Whether a wait of so long must end, with this deadline.
    ///
    /// # Errors
    /// [`Stop::Overdue`].
    pub(super) fn check(&self, deadline: Duration, waited: Duration) -> Result<(), Stop> {
        let Phase { name, deadlines, bytes } = self.phase;
        let moved = self.moved.load(Ordering::Relaxed).saturating_sub(self.base);
        let total = deadline.saturating_mul(deadlines).saturating_add(at_least_rate(bytes.saturating_add(moved)));
        if self.spent.get().saturating_add(waited) < total {
            return Ok(());
        }
        Err(Stop::Overdue { phase: name, seconds: whole_seconds(total) })
    }
}

/// The rate of a frame that is on its way.
pub(super) struct Rate {
    since: Instant,
    grace: Duration,
}

impl Rate {
    /// That of a frame that begins now; it may stand still for `grace` in all.
    pub(super) fn begin(grace: Duration) -> Self {
        Self { since: Instant::now(), grace }
    }

    /// Whether it is fast enough, where the given number of bytes of `len` are there.
    ///
    /// # Errors
    /// What is said of a peer that is too slow.
    pub(super) fn check(&self, got: usize, len: usize) -> io::Result<()> {
        let (took, bytes) = (self.since.elapsed(), u64::try_from(got).unwrap_or(u64::MAX));
        if took <= self.grace.saturating_add(at_least_rate(bytes)) {
            return Ok(());
        }
        let reason = format!(
            "sent {got} of the {len} bytes of a frame in {} s, slower than 1 MiB a minute; check its log and the network, then \
             start the run again",
            whole_seconds(took)
        );
        Err(io::Error::new(io::ErrorKind::InvalidData, reason))
    }
}

/// What bytes take at the least rate: an eighth of a link of 1 Mbit/s.
fn at_least_rate(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(60_000) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(2);
    const PHASE: Phase = Phase::new("a test", 3);

    fn overdue(budget: &Budget, waited: u64) -> Option<u64> {
        match budget.check(DEADLINE, Duration::from_secs(waited)) {
            Ok(()) => None,
            Err(Stop::Overdue { phase: "a test", seconds }) => Some(seconds),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_of_a_phase_are_added_up_and_a_new_phase_begins_at_nothing() {
        let mut budget = Budget::new(Arc::default());
        budget.enter(PHASE);
        assert_eq!([5, 6, 7].map(|waited| overdue(&budget, waited)), [None, Some(6), Some(6)]);
        budget.spend(Duration::from_secs(4));
        assert_eq!([1, 2].map(|waited| overdue(&budget, waited)), [None, Some(6)]);
        budget.enter(PHASE);
        assert_eq!(overdue(&budget, 5), None);
        budget.enter(PHASE.times(2));
        assert_eq!([11, 12].map(|waited| overdue(&budget, waited)), [None, Some(12)]);
    }

    #[test]
    fn bytes_that_moved_or_are_announced_give_a_minute_for_a_mebibyte() {
        let mut budget = Budget::new(Arc::default());
        budget.count(100 << 20);
        budget.enter(PHASE);
        assert_eq!(overdue(&budget, 6), Some(6), "bytes of an earlier phase give nothing");
        budget.count(1 << 20);
        assert_eq!([65, 66].map(|waited| overdue(&budget, waited)), [None, Some(66)]);
        budget.enter(PHASE.bytes(2 << 20));
        assert_eq!([125, 126].map(|waited| overdue(&budget, waited)), [None, Some(126)]);
        // no number is too large
        budget.enter(PHASE.times(u32::MAX).bytes(u64::MAX));
        assert_eq!(overdue(&budget, u64::from(u32::MAX)), None);
    }

    #[test]
    fn a_frame_comes_at_the_least_rate_or_not_at_all() {
        let since = Instant::now() - Duration::from_secs(90);
        let rate = Rate { since, grace: Duration::from_secs(31) };
        rate.check(1 << 20, 4 << 20).unwrap();
        let rate = Rate { since, grace: Duration::from_secs(29) };
        let text = rate.check(1 << 20, 4 << 20).unwrap_err().to_string();
        assert!(text.contains("1048576 of the 4194304 bytes"), "{text}");
        Rate { since, grace: Duration::from_secs(29) }.check(2 << 20, 4 << 20).unwrap();
    }
}
