//! Signals that ask the program to end: the first in order, the second at once.

use std::time::{Duration, Instant};

/// The signals that came.
#[derive(Default)]
pub(super) struct Signals {
    first: Option<Instant>,
}

impl Signals {
    /// Takes note of a signal; whether it is another than the first. `timeout` and process managers send one to the process and
    /// the same to its group: what follows at once is the same.
    pub(super) fn again(&mut self) -> bool {
        let first = *self.first.get_or_insert_with(Instant::now);
        first.elapsed() > SAME
    }
}

/// Within which two signals are one.
const SAME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_signals_at_once_are_one() {
        let mut signals = Signals::default();
        assert!(!signals.again() && !signals.again());
        let mut earlier = Signals { first: Instant::now().checked_sub(2 * SAME) };
        assert!(earlier.again());
    }
}
