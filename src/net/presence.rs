//! What all links of a party have in common: the clock of its work, and the word that it leaves with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::channel::{Frame, Head, Kind};
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
    /// The clock of the party's work, which its links tell its peers.
    pub fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Says on all links that the operator stopped this party, and ends them; waits at most a second for it to be written.
    pub fn leave(&self) {
        self.left.store(true, Ordering::SeqCst);
        let links: Vec<[Arc<Queue>; 2]> = {
            let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            links.iter().filter_map(|[to, from]| Some([to.upgrade()?, from.upgrade()?])).collect()
        };
        for [to, from] in &links {
            let head = Head { kind: Kind::Goodbye, session: 0, step: 0, gate: 0 };
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

/// What is said of a peer that said goodbye.
pub(super) const STOPPED: &str = "was stopped by its operator; start it again, then start the run again";

const WE_STOP: &str = "is not waited for any more: this party is being stopped";
const LEAVING: Duration = Duration::from_secs(1);
