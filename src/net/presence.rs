//! What all links of a party have in common: the clock of its work, and the word that it leaves with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::frame::{Frame, FrameHeader, FrameKind};
use super::queue::Queue;
use crate::pulse::Pulse;

/// A party as its peers notice it: at work, waiting, or stopped. A cheap clone of the same.
#[derive(Clone, Debug, Default)]
pub struct Presence {
    pulse: Pulse,
    links: Arc<Mutex<Vec<[Weak<Queue>; 2]>>>,
    left: Arc<AtomicBool>,
}

impl Presence {
    /// The work counter of the party, which its links send to its peers.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Does something that takes a while and cannot say itself how far it is, as reading a file: until it is done, it counts as
    /// work. Peers wait for it no longer than the phase allows.
    pub fn at_work<T>(&self, work: impl FnOnce() -> T) -> T {
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                while is_done.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) {
                    self.pulse.beat();
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    /// Says on all links that the operator stopped this party, and ends them; waits at most a second for it to be written.
    pub fn leave(&self) {
        self.left.store(true, Ordering::SeqCst);
        let links: Vec<[Arc<Queue>; 2]> = {
            let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            links.iter().filter_map(|[to, from]| Some([to.upgrade()?, from.upgrade()?])).collect()
        };
        for [to, from] in &links {
            let head = FrameHeader { kind: FrameKind::Goodbye, session: 0, step: 0, gate: 0 };
            to.leave(Frame { head, body: Vec::new() }, WE_STOP);
            from.abandon(WE_STOP);
        }
        let until = Instant::now() + LEAVING;
        for [to, _] in &links {
            let _ = to.await_finish(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Whether the operator stopped this party.
    pub fn has_left(&self) -> bool {
        self.left.load(Ordering::SeqCst)
    }

    /// Adds a link: its queue to the peer and the one from it.
    pub(super) fn add(&self, to: &Arc<Queue>, from: &Arc<Queue>) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|[to, _]| to.strong_count() > 0);
        links.push([Arc::downgrade(to), Arc::downgrade(from)]);
    }
}

/// The error for a peer that said goodbye.
pub(super) const STOPPED: &str =
    "was stopped by its operator, which ended the run; restart it, then start the run again";

const WE_STOP: &str = "is no longer waited for: this party is being stopped";
const LEAVING: Duration = Duration::from_secs(1);
/// More often than any link sends keep-alive frames.
const BEAT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_while_counts_as_work_until_it_is_done() {
        let presence = Presence::default();
        let start = Instant::now();
        let moved = presence.at_work(|| {
            while presence.pulse().count() < 3 {
                assert!(start.elapsed() < Duration::from_secs(20), "it does not count");
                thread::sleep(BEAT);
            }
            presence.pulse().count()
        });
        let after = presence.pulse().count();
        thread::sleep(3 * BEAT);
        assert!(moved >= 3 && presence.pulse().count() == after);
    }
}
