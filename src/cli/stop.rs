//! What Ctrl-C and its like do in a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cli::print::stop_now;
use crate::cli::signals::Signals;
use crate::error::{Error, Result};

/// What Ctrl-C and its like do: ask for the end of the run, or end the program where there is no run.
pub(super) struct Stop {
    /// Set once the end of the run was asked for.
    pub(super) interrupted: Arc<AtomicBool>,
    at_once: Arc<AtomicBool>,
}

impl Stop {
    /// Listens to signals from now on.
    pub(super) fn on_signals() -> Result<Self> {
        let stop = Self { interrupted: Arc::default(), at_once: Arc::default() };
        let (interrupted, at_once) = (stop.interrupted.clone(), stop.at_once.clone());
        let mut signals = Signals::default();
        let handler = move || {
            // the second time, whoever asks is in a hurry
            let again = signals.again();
            interrupted.store(true, Ordering::SeqCst);
            if at_once.load(Ordering::SeqCst) {
                stop_now("interrupted after the run had finished; its results are saved");
            }
            if again {
                stop_now("interrupted twice: stopping at once, without the model of this step");
            }
        };
        ctrlc::set_handler(handler).map_err(|e| Error::Device(format!("Ctrl-C cannot be caught: {e}")))?;
        Ok(stop)
    }

    /// From now on, ends the program at once.
    pub(super) fn at_once(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }
}
