//! A clock of work: it moves while something is done, and stands still where a run is stuck.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a party knows of the work that is done in a run: its own, and what others told it of theirs.
///
/// It is a logical clock (Lamport, "Time, clocks, and the ordering of events in a distributed system", 1978) that only real work
/// moves: a kernel, a piece of a frame. Parties tell each other where theirs stands and keep the larger value. So a
/// party that waits for one that works counts as alive, but parties that only wait for each other do not: what they
/// tell each other moves nothing. What a party tells is its own word, so nobody waits for it longer than a phase
/// of the run allows.
///
/// A cheap clone of the same clock.
#[derive(Clone, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// Notes that something was done.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note of where another party's clock stands.
    pub fn hear(&self, theirs: u64) {
        self.0.fetch_max(theirs, Ordering::Relaxed);
    }

    /// Where it stands.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

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
}
