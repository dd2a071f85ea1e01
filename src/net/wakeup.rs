//! A condition variable whose bell costs nothing where nobody waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::Duration;

/// A condition variable that knows how many wait on it: to wake nobody is no system call. Each queue of a channel rings several
/// times for a frame, and seldom is anybody there.
#[derive(Default)]
pub(super) struct Wakeup {
    condvar: Condvar,
    /// Changes under the lock of what is waited for: who has changed that since sees whoever had looked at it before.
    waiting: AtomicUsize,
}

impl Wakeup {
    /// Waits until `ready`, for `limit` at the most.
    pub(super) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Option<Duration>,
        ready: impl Fn(&T) -> bool,
    ) -> MutexGuard<'a, T> {
        if ready(&guard) {
            return guard;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = match limit {
            Some(limit) => {
                let waited = self.condvar.wait_timeout_while(guard, limit, |state| !ready(state));
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.condvar.wait_while(guard, |state| !ready(state)).unwrap_or_else(PoisonError::into_inner),
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    /// Wakes all who wait; to be called after what they wait for has been changed.
    pub(super) fn ring(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    #[test]
    fn nobody_misses_the_bell() {
        let (turn, wakeup) = (Mutex::new(0), Wakeup::default());
        thread::scope(|scope| {
            for id in 0..4 {
                let (turn, wakeup) = (&turn, &wakeup);
                scope.spawn(move || {
                    for _ in 0..5000 {
                        let mut turn = wakeup.wait(turn.lock().unwrap(), None, |turn| turn % 4 == id);
                        *turn += 1;
                        drop(turn);
                        wakeup.ring();
                    }
                });
            }
        });
        assert_eq!(*turn.lock().unwrap(), 20_000);
    }

    #[test]
    fn a_wait_with_a_limit_ends() {
        let state = Mutex::new(());
        drop(Wakeup::default().wait(state.lock().unwrap(), Some(Duration::from_millis(1)), |()| false));
    }
}
