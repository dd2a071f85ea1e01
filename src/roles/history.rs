//! What the trainer knows of a job that ran before and resumes: what was revealed until then.

use crate::nn::Normalization;
use crate::roles::event::{Bytes, Event, OutOfRange};
use crate::train::Job;

/// What a trainer noted of a job that broke off.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Accuracies by epoch.
    pub(crate) accuracy: Vec<f64>,
    /// Squared errors by epoch.
    pub(crate) squared_errors: Vec<f64>,
    /// Counts of values out of range by epoch.
    pub(crate) out_of_range: Vec<OutOfRange>,
    /// How features are scaled, by the moments that were revealed.
    pub(crate) normalization: Option<Normalization>,
    /// Seconds and bytes of all steps until a step.
    spent: Vec<(u64, f64, Bytes)>,
    /// Whether the owners upload their rows again.
    pub(crate) owners: bool,
}

impl History {
    /// That of a run whose events these are. Where it resumed before, what came after the checkpoint is not part of it.
    pub fn of(job: &Job, events: &[Event]) -> Self {
        let mut history = Self::default();
        for event in events {
            match event {
                Event::Resumed { step, .. } => history.forget_after(job, *step),
                Event::Moments { features } => history.normalization = job.normalization_from(features),
                Event::Epoch { epoch, step, test_accuracy, squared_error, seconds, bytes } => {
                    // what a damaged file lacks or has twice is known up to there
                    let is_next = |known: &Vec<f64>| known.len() as u64 + 1 == u64::from(*epoch);
                    let all = [(&mut history.accuracy, test_accuracy), (&mut history.squared_errors, squared_error)];
                    all.into_iter().filter(|(known, _)| is_next(known)).for_each(|(known, x)| known.extend(*x));
                    history.spent.push((*step, *seconds, *bytes));
                }
                Event::Ranges(counts) if history.out_of_range.len() as u64 + 1 == u64::from(counts.epoch) => {
                    history.out_of_range.push(counts.clone());
                }
                _ => {}
            }
        }
        history
    }

    /// The same, of a job whose owners upload their rows again.
    #[must_use]
    pub fn with_owners(self) -> Self {
        // they share the sums of their features again, too
        Self { owners: true, normalization: None, ..self }
    }

    /// The most steps of a checkpoint that the job may resume from: all that it would have revealed until then is known.
    pub(crate) fn most_steps(&self, job: &Job) -> u64 {
        let known = [
            (job.reveal.accuracy, self.accuracy.len()),
            (job.reveal.squared_error, self.squared_errors.len()),
            (job.reveal.ranges, self.out_of_range.len()),
        ];
        let epochs = known.into_iter().filter(|(revealed, _)| *revealed).map(|(_, epochs)| epochs as u64).min();
        epochs.map_or(u64::MAX, |epochs| (epochs + 1).saturating_mul(job.steps_per_epoch()) - 1)
    }

    /// Forgets what came after a step.
    pub(crate) fn forget_after(&mut self, job: &Job, step: u64) {
        let epochs = epochs_of(job, step);
        self.accuracy.truncate(epochs);
        self.squared_errors.truncate(epochs);
        self.out_of_range.truncate(epochs);
        self.spent.retain(|(own, ..)| *own <= step);
    }

    /// Seconds and bytes of the epochs that are known.
    pub(crate) fn spent(&self) -> (f64, Bytes) {
        self.spent.last().map_or_else(Default::default, |(_, seconds, bytes)| (*seconds, *bytes))
    }
}

/// Epochs that are over after a step.
pub(crate) fn epochs_of(job: &Job, step: u64) -> usize {
    usize::try_from(step / job.steps_per_epoch()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::train::Training;

    /// A job of 3 epochs of 5 steps.
    fn job() -> Job {
        let training = Training::new(Model::dense("small", 4, &[], 2).unwrap()).profile(Profile::small());
        training.batch(2).epochs(3).job(10, 5).unwrap()
    }

    fn epoch(epoch: u32, accuracy: f64) -> [Event; 2] {
        let (step, seconds, bytes) = (u64::from(epoch) * 5, f64::from(epoch), Bytes::default());
        let ranges = Event::Ranges(OutOfRange { epoch, ..OutOfRange::default() });
        [ranges, Event::Epoch { epoch, step, test_accuracy: Some(accuracy), squared_error: None, seconds, bytes }]
    }

    #[test]
    fn a_job_resumes_no_later_than_its_trainer_knows() {
        let events = [epoch(1, 0.5), epoch(2, 0.6)].concat();
        assert_eq!(History::of(&job(), &events).most_steps(&job()), 14, "the third epoch's accuracy is not known");
        assert_eq!(History::of(&job(), &events[..3]).most_steps(&job()), 9, "one of the two is missing");
        assert_eq!(History::of(&job(), &[]).most_steps(&job()), 4);
        let silent = Job { reveal: crate::train::Reveals::NOTHING, ..job() };
        assert_eq!(History::of(&silent, &[]).most_steps(&silent), u64::MAX);
    }

    #[test]
    fn a_gap_ends_what_is_known() {
        let with_a_gap = [epoch(1, 0.5), epoch(3, 0.7)].concat();
        assert_eq!(History::of(&job(), &with_a_gap).accuracy, [0.5]);
        assert_eq!(History::of(&job(), &with_a_gap).most_steps(&job()), 9);
        let twice = [epoch(1, 0.5), epoch(1, 0.5), epoch(2, 0.6)].concat();
        assert_eq!(History::of(&job(), &twice).accuracy, [0.5, 0.6]);
    }

    #[test]
    fn what_came_after_the_checkpoint_is_forgotten() {
        let again = [&[Event::Resumed { step: 7, seconds: 1.0 }], &epoch(2, 0.7)[..]].concat();
        let events = [&epoch(1, 0.5)[..], &epoch(2, 0.6)[..], &again[..]].concat();
        let history = History::of(&job(), &events);
        assert_eq!((history.accuracy.as_slice(), history.out_of_range.len()), ([0.5, 0.7].as_slice(), 2));
        assert!((history.spent().0 - 2.0).abs() < 1e-9);
        let from_the_start = [&events[..], &[Event::Resumed { step: 0, seconds: 0.0 }]].concat();
        assert!(History::of(&job(), &from_the_start).accuracy.is_empty());
    }
}
