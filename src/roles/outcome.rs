//! What a run gave the trainer.

use crate::data::Examples;
use crate::error::{Error, Result};
use crate::nn::{Normalization, TrainedModel};
use crate::party::Figure;
use crate::roles::event::{OutOfRange, Summary};
use crate::roles::result_check::{Scored, faults, score, tolerance};
use crate::train::{Job, TestFigures, scores};

/// The results of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Fraction of the test rows that are classified correctly, from 0 to 1, by epoch; empty if it is not revealed.
    pub accuracy: Vec<f64>,
    /// How features are scaled before they enter the network, as the job says or by the moments that were revealed; `None` if they
    /// are not.
    pub normalization: Option<Normalization>,
    /// The squared error of a test row in the mean, by epoch, as [`TestFigures::squared_error`](crate::train::TestFigures); empty if
    /// it is not revealed.
    pub squared_errors: Vec<f64>,
    /// The final parameters in the order of [`Model::parameters`](crate::nn::Model::parameters); empty if they are not revealed.
    pub parameters: Vec<Vec<f64>>,
    /// By epoch, how many of the sampled values were out of their range; empty if it is not revealed. If an epoch has any, the
    /// model is wrong from there on.
    pub out_of_range: Vec<OutOfRange>,
    /// The model, which can predict, be scored and be saved; `None` if it is not revealed.
    pub model: Option<TrainedModel>,
    /// Accuracy, time, traffic and memory.
    pub summary: Summary,
    /// The figures that were revealed.
    pub(crate) revealed: Vec<Figure>,
    /// Those of them that no predictions have.
    pub(crate) wrong_figures: Vec<Figure>,
}

impl Outcome {
    /// Takes note of the sums of a figure.
    pub(crate) fn take_figure(&mut self, figure: Figure, sums: &[f64], job: &Job) {
        self.revealed.push(figure);
        if !self.summary.figures.set(figure, sums, job) {
            self.wrong_figures.push(figure);
        }
    }

    /// Whether figures are missing that the job lists. A run that the trainer `ended` has those of the best epoch, if an early stop
    /// keeps it.
    pub(crate) fn lacks_figures(&self, job: &Job, ended: bool) -> bool {
        let counted = !ended || job.settings.early_stop().is_some() && self.epochs() > 0;
        let errors = !ended && job.reveal.squared_error && self.squared_errors.is_empty();
        errors || counted && self.revealed != job.reveal.final_figures()
    }

    /// Takes note of the sum of an epoch's squared errors.
    pub(crate) fn take_squared_error(&mut self, sum: f64, job: &Job) {
        self.squared_errors.push(TestFigures::mean_squared_error(sum, job));
        if sum < 0.0 && !self.wrong_figures.contains(&Figure::SquaredError) {
            self.wrong_figures.push(Figure::SquaredError);
        }
    }

    /// By epoch, what an early stop goes by: accuracies, or squared errors below 0.
    pub(crate) fn scores(&self, job: &Job) -> Vec<f64> {
        scores(job, (&self.accuracy, &self.squared_errors))
    }

    /// Epochs whose accuracy or squared error was revealed.
    fn epochs(&self) -> usize {
        self.accuracy.len().max(self.squared_errors.len())
    }

    /// Scores the revealed model on the job's test rows, and compares its accuracy, or the squared error of a regression, with the one
    /// that the servers computed; sets [`Summary::scored_accuracy`] or [`Summary::scored_squared_error`],
    /// [`Summary::scored_tolerance`] and [`Summary::faults`].
    ///
    /// # Errors
    /// [`Error::Usage`] if the rows do not have the model's number of features.
    pub fn score(&mut self, job: &Job, test: &Examples) -> Result<()> {
        match score(job, (self.normalization.clone(), &self.parameters), &test.first(job.test_rows() as usize))? {
            None => {}
            Some(Scored::Accuracy(accuracy)) => self.summary.scored_accuracy = Some(accuracy),
            Some(Scored::SquaredError(error)) => self.summary.scored_squared_error = Some(error),
        }
        self.summary.scored_tolerance = self.summary.scored_accuracy.map(|_| tolerance(job.test_rows()));
        self.summary.faults = faults(job, self);
        Ok(())
    }

    /// Checks that nothing indicates a wrong model ([`Summary::faults`]).
    ///
    /// # Errors
    /// [`Error::Unsound`] with the reasons.
    pub fn check(&self) -> Result<()> {
        if self.summary.faults.is_empty() { Ok(()) } else { Err(Error::Unsound(self.summary.faults.join("; "))) }
    }
}
