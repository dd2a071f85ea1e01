//! Where a server's time goes in training steps: by place in the program and by kind of gate.
//!
//! The clock is read at the borders of places and of gates, never within one: some fifty nanoseconds each. A server's gates name
//! their kinds here, and the plan takes them from its server, so that times and planned costs have the same kinds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{CostKind, RunPhase};
use crate::net::printable;

/// Wall-clock time of training steps at a place in the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeEntry {
    /// The place, as `relu1/forward`; empty between steps.
    #[serde(deserialize_with = "printable::decode")]
    pub place: String,
    /// The kind of the gates; `None` is what a server does there between gates: it prepares and adds up, and sends nothing.
    pub kind: Option<CostKind>,
    /// Seconds of all steps.
    pub seconds: f64,
}

/// The most places that are told apart, the one between steps included; what is at others counts as between steps.
pub(crate) const MOST_PLACES: usize = 2048;

/// The clock of a server. Clones are the same clock, so that a gate can hold it while it uses its server.
#[derive(Clone, Debug, Default)]
pub(crate) struct GateClock(Arc<Mutex<Running>>);

impl GateClock {
    /// Goes on in another part of the run from `now` on, between places. Only training steps are timed.
    pub(crate) fn enter_phase(&self, phase: RunPhase, now: Instant) {
        let mut running = self.running();
        running.lap(now);
        running.counts = phase == RunPhase::Step;
        running.place = 0;
    }

    /// Goes on at a place.
    pub(crate) fn enter_place(&self, name: &str) {
        self.running().enter_place(name, Instant::now());
    }

    /// Goes on between steps.
    pub(crate) fn leave_place(&self) {
        self.enter_place("");
    }

    /// Begins a gate of a kind, which ends when the answer is dropped. A gate within another is a part of it.
    pub(crate) fn begin(&self, kind: CostKind) -> GateTimer {
        let mut running = self.running();
        if running.depth == 0 {
            running.lap(Instant::now());
            running.gate = Some(kind);
            running.last = Some(kind);
        }
        running.depth += 1;
        GateTimer(self.clone())
    }

    /// The kind of the gate that began last; `None` if none began since this was asked before.
    pub(crate) fn take_last(&self) -> Option<CostKind> {
        self.running().last.take()
    }

    /// The times so far, without those of the place or gate that has not ended yet, in the order in which the places came first.
    pub(crate) fn entries(&self) -> Vec<TimeEntry> {
        let running = self.running();
        let at = |place: &Place| {
            let kinds = CostKind::ALL.into_iter().map(Some).chain([None]).zip(place.seconds);
            let entry = |(kind, seconds)| TimeEntry { place: place.name.clone(), kind, seconds };
            kinds.filter(|(_, seconds)| *seconds > 0.0).map(entry).collect::<Vec<_>>()
        };
        running.places.iter().flat_map(at).collect()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A gate that is being timed.
#[must_use = "the gate ends when this is dropped"]
#[derive(Debug)]
pub(crate) struct GateTimer(GateClock);

impl Drop for GateTimer {
    fn drop(&mut self) {
        let mut running = self.0.running();
        running.depth -= 1;
        if running.depth == 0 {
            running.lap(Instant::now());
            running.gate = None;
        }
    }
}

/// The state of a clock.
#[derive(Debug)]
struct Running {
    /// Whether it is within the training steps.
    counts: bool,
    since: Instant,
    /// Where it is, a number of a place.
    place: usize,
    /// The outermost gate.
    gate: Option<CostKind>,
    /// Gates within each other.
    depth: usize,
    last: Option<CostKind>,
    /// The first is between steps.
    places: Vec<Place>,
    numbers: HashMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Place {
    name: String,
    /// By kind, and between gates.
    seconds: [f64; CostKind::ALL.len() + 1],
}

impl Default for Running {
    fn default() -> Self {
        let mut all = Self {
            counts: false,
            since: Instant::now(),
            place: 0,
            gate: None,
            depth: 0,
            last: None,
            places: Vec::new(),
            numbers: HashMap::new(),
        };
        all.number("");
        all
    }
}

impl Running {
    fn enter_place(&mut self, name: &str, now: Instant) {
        self.lap(now);
        self.place = self.number(name);
    }

    /// Adds the time since the last lap to the place and the kind of gate that it was for.
    fn lap(&mut self, now: Instant) {
        let lap = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        if self.counts {
            let place = &mut self.places[self.place];
            let slot = self.gate.map_or(CostKind::ALL.len(), |gate| gate.at(&place.name) as usize);
            place.seconds[slot] += lap;
        }
    }

    /// The number of a place.
    fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        if self.places.len() == MOST_PLACES {
            return 0;
        }
        self.places.push(Place { name: name.into(), seconds: Default::default() });
        self.numbers.insert(name.into(), self.places.len() - 1);
        self.places.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_goes_to_the_place_and_to_the_outermost_gate() {
        let (start, mut r) = (Instant::now(), Running::default());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut seen = [1, 10, 100, 1000].into_iter().scan(0, |sum, ms| {
            *sum += ms;
            Some(at(*sum))
        });
        let mut next = || seen.next().unwrap();
        (r.since, r.counts) = (start, true);
        r.enter_place("relu1/backward", next());
        r.lap(next());
        r.gate = Some(CostKind::Inputs);
        r.lap(next());
        r.gate = None;
        r.enter_place("", next());
        r.counts = false;
        r.lap(at(5000));
        let clock = GateClock(Arc::new(Mutex::new(r)));
        let ms = clock.entries().into_iter().map(|e| (e.place, e.kind, (1e3 * e.seconds).round()));
        let relu = "relu1/backward".to_owned();
        // what is opened on the way back is a gradient, in the times as in the plan
        let want = [(String::new(), None, 1.0), (relu.clone(), Some(CostKind::Gradients), 100.0), (relu, None, 1010.0)];
        assert_eq!(ms.collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_gate_within_another_is_a_part_of_it() {
        let clock = GateClock::default();
        clock.enter_phase(RunPhase::Step, Instant::now());
        clock.enter_place("relu1/forward");
        {
            let _outer = clock.begin(CostKind::Selects);
            std::thread::sleep(Duration::from_millis(1));
            let _inner = clock.begin(CostKind::Bits);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((clock.take_last(), clock.take_last()), (Some(CostKind::Selects), None));
        let of = |kind| clock.entries().iter().filter(|e| e.kind == kind).map(|e| e.seconds).sum::<f64>();
        assert!(of(Some(CostKind::Selects)) >= 2e-3 && of(Some(CostKind::Bits)) <= 0.0, "{:?}", clock.entries());
    }

    #[test]
    fn places_beyond_the_most_are_counted_between_steps() {
        let mut r = Running::default();
        let numbers: Vec<usize> = (0..MOST_PLACES + 5).map(|i| r.number(&format!("dense{i}/forward"))).collect();
        assert_eq!(numbers[..3], [1, 2, 3]);
        assert_eq!((numbers[MOST_PLACES - 2], numbers[MOST_PLACES - 1]), (MOST_PLACES - 1, 0));
        assert_eq!(r.places.len(), MOST_PLACES);
    }

    #[test]
    fn the_kinds_are_numbered_as_they_are_listed() {
        assert!(CostKind::ALL.into_iter().enumerate().all(|(number, kind)| number == kind as usize));
    }
}
