//! What a run gave the trainer.

use crate::data::Examples;
use crate::error::{Error, Result};
use crate::nn::TrainedModel;
use crate::roles::event::{OutOfRange, Summary};
use crate::roles::result_check::{faults, score, tolerance};
use crate::train::Job;

/// What a run gave.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Share of the test rows that are classified right, by epoch; empty where it is not revealed.
    pub accuracy: Vec<f64>,
    /// The final parameters in the order of [`Model::parameters`](crate::nn::Model::parameters); empty where they are not
    /// revealed.
    pub parameters: Vec<Vec<f64>>,
    /// By epoch, how many of the values that samples of the steps hold were out of their range; empty where it is not revealed.
    /// Where one has any, what was trained from there on is wrong.
    pub out_of_range: Vec<OutOfRange>,
    /// The model, which can predict, be scored and be saved; none where it is not revealed.
    pub model: Option<TrainedModel>,
    /// The figures.
    pub summary: Summary,
}

impl Outcome {
    /// Scores the model that was revealed on the job's test rows, and looks whether it has the accuracy that the servers found:
    /// [`Summary::scored_accuracy`], [`Summary::scored_tolerance`], [`Summary::faults`].
    ///
    /// # Errors
    /// If the rows are not the model's.
    pub fn score(&mut self, job: &Job, test: &Examples) -> Result<()> {
        self.summary.scored_accuracy = score(job, &self.parameters, &test.first(job.test_rows() as usize))?;
        self.summary.scored_tolerance = self.summary.scored_accuracy.map(|_| tolerance(job.test_rows()));
        self.summary.faults = faults(job, self);
        Ok(())
    }

    /// Refuses a model that is wrong.
    ///
    /// # Errors
    /// [`Error::Unsound`] with the reason.
    pub fn check(&self) -> Result<()> {
        if self.summary.faults.is_empty() { Ok(()) } else { Err(Error::Unsound(self.summary.faults.join("; "))) }
    }
}
