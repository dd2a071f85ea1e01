//! When a run ends before its last epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::train::Job;

/// Ends a run early, by the accuracy that is revealed to the trainer after every epoch; in a regression, by the squared error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EarlyStop {
    /// Ends the run after this many epochs in a row without a better accuracy or squared error.
    pub patience: Option<u32>,
    /// Ends the run once the accuracy is at least this, from 0 to 1.
    pub target: Option<f64>,
}

impl EarlyStop {
    /// Whether a run ends after epochs with these accuracies, or scores of which larger ones are better.
    pub fn is_reached(&self, accuracy: &[f64]) -> bool {
        let Some(last) = accuracy.last() else { return false };
        let best = best_of(accuracy);
        let since = accuracy.len() - 1 - best;
        self.target.is_some_and(|target| *last >= target) || self.patience.is_some_and(|most| since >= most as usize)
    }

    /// Checks values from an untrusted source.
    ///
    /// # Errors
    /// [`Error::Usage`] if it has neither, or impossible values.
    pub fn check(&self) -> Result<()> {
        let wrong = if self.patience == Some(0) {
            "an early stop needs a patience of at least 1 epoch"
        } else if self.target.is_some_and(|target| !(target > 0.0 && target <= 1.0)) {
            "the target of an early stop must be above 0 and at most 1: the fraction of test rows classified correctly"
        } else if self.patience.is_none() && self.target.is_none() {
            "an early stop needs a patience or a target"
        } else {
            return Ok(());
        };
        Err(Error::Usage(wrong.into()))
    }
}

/// By epoch, what an early stop goes by, of which more is better: accuracies, or squared errors below 0.
pub(crate) fn scores(job: &Job, (accuracy, squared_errors): (&[f64], &[f64])) -> Vec<f64> {
    if job.stops_by_error() { squared_errors.iter().map(|error| -error).collect() } else { accuracy.to_vec() }
}

/// The epoch, from 0, with the highest score; the first of several.
pub(crate) fn best_of(accuracy: &[f64]) -> usize {
    (0..accuracy.len()).fold(0, |best, at| if accuracy[at] > accuracy[best] { at } else { best })
}

impl fmt::Display for EarlyStop {
    /// `until accuracy 0.98 or 3 epochs without improvement`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.map(|target| format!("accuracy {target}"));
        let patience = self.patience.map(|n| match n {
            1 => "1 epoch without improvement".to_owned(),
            n => format!("{n} epochs without improvement"),
        });
        let all: Vec<String> = target.into_iter().chain(patience).collect();
        write!(f, "until {}", all.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_its_target_or_when_it_gets_no_better() {
        let ends = |patience, target, accuracy: &[f64]| {
            let stop = EarlyStop { patience, target };
            stop.check().unwrap();
            (1..=accuracy.len()).find(|n| stop.is_reached(&accuracy[..*n]))
        };
        let run = [0.5, 0.8, 0.7, 0.8, 0.9, 0.85, 0.85];
        assert_eq!(ends(None, Some(0.8), &run), Some(2));
        assert_eq!(ends(None, Some(0.95), &run), None);
        assert_eq!(ends(Some(1), None, &run), Some(3));
        // as good as before is no better
        assert_eq!(ends(Some(2), None, &run), Some(4));
        assert_eq!(ends(Some(3), None, &run), None);
        assert_eq!(ends(Some(3), Some(0.9), &run), Some(5));
        assert!(!EarlyStop { patience: Some(1), target: None }.is_reached(&[]));
        assert_eq!((1..=run.len()).map(|n| best_of(&run[..n])).collect::<Vec<_>>(), [0, 1, 1, 1, 4, 4, 4]);
    }

    #[test]
    fn stops_that_cannot_be_are_refused() {
        let one = |patience, target| EarlyStop { patience, target }.check().unwrap_err();
        for (patience, target) in
            [(None, None), (Some(0), None), (None, Some(0.0)), (Some(1), Some(1.5)), (None, Some(f64::NAN))]
        {
            assert!(one(patience, target).is_usage(), "{patience:?} {target:?}");
        }
    }
}
