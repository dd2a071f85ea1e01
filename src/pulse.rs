//! A work counter: it advances while something is done, and stands still if a run is stuck.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A party's knowledge of the work done in a run: its own, and what others reported of theirs.
///
/// It is a logical clock (Lamport, "Time, clocks, and the ordering of events in a distributed system", 1978) that only real
/// work advances: a kernel, a piece of a frame. Parties send each other theirs and keep the larger value. So a party that waits
/// for one that works counts as alive, but parties that only wait for each other do not: their messages advance nothing. A
/// party could claim any value, so nobody waits for it longer than a phase of the run allows. Nor can it take the clocks of
/// others to the end of their range, where work would no longer advance them: a clock follows others only as far as work could
/// have taken it since it was created, and continues from there.
///
/// A cheap clone of the same clock.
#[derive(Clone)]
pub struct Pulse(Arc<Clock>);

struct Clock {
    count: AtomicU64,
    since: Instant,
}

impl Pulse {
    /// Notes that something was done.
    pub fn beat(&self) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of where another party's clock stands, once it has moved.
    pub fn hear(&self, theirs: u64) {
        let nanoseconds = u64::try_from(self.0.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let reachable = nanoseconds.saturating_add(FRESH).min(BEYOND);
        self.0.count.fetch_max(theirs.min(reachable), Ordering::Relaxed);
    }

    /// Where it stands.
    pub fn count(&self) -> u64 {
        self.0.count.load(Ordering::Relaxed)
    }
}

impl Default for Pulse {
    /// A clock at 0.
    fn default() -> Self {
        Self(Arc::new(Clock { count: AtomicU64::new(0), since: Instant::now() }))
    }
}

/// How far a clock follows others when it is new; then a step more every nanosecond, in which no party does a kernel or a piece
/// of a frame.
const FRESH: u64 = 1 << 30;

/// Where no clock can stand: 36 years of nanoseconds.
pub const BEYOND: u64 = 1 << 60;

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pulse({})", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_anywhere_moves_all_clocks_and_talk_moves_none() {
        let [a, b, c] = [(); 3].map(|()| Pulse::default());
        let gossip = || {
            for (from, to) in [(&a, &b), (&b, &a), (&b, &c), (&c, &b)] {
                to.hear(from.count());
            }
        };
        (0..1000).for_each(|_| a.beat());
        gossip();
        let before = [&a, &b, &c].map(Pulse::count);
        assert_eq!(before, [1000; 3]);
        gossip();
        assert_eq!([&a, &b, &c].map(Pulse::count), before, "talk alone is no work");
        // one that has done little is noticed next to one that has done much
        c.beat();
        gossip();
        gossip();
        assert!(a.count() > before[0]);
    }

    #[test]
    fn a_clock_that_hears_of_the_end_of_its_range_still_moves_with_work() {
        let [a, b, c] = [(); 3].map(|()| Pulse::default());
        for claim in [u64::MAX, u64::MAX, BEYOND] {
            a.hear(claim);
            b.hear(a.count());
            c.hear(b.count());
            // work of the first still reaches the last
            let before = c.count();
            std::thread::sleep(std::time::Duration::from_millis(1));
            a.beat();
            b.hear(a.count());
            c.hear(b.count());
            assert!(c.count() > before && c.count() < BEYOND, "{a:?} {b:?} {c:?}");
        }
    }
}
