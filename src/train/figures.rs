//! Figures of a model on the test rows, from the sums that are revealed.

mod confusion;
mod labels;
mod regression;
mod roc;

use serde::{Deserialize, Serialize};

pub use confusion::{ClassFigures, Confusion};
pub use labels::LabelFigures;
pub use regression::{Regression, TargetFigures};
pub use roc::Roc;

use crate::fixed::MASTER_FRAC;
use crate::nn::{BOTH_SIDES, THRESHOLDS, Task};
use crate::party::Figure;
use crate::train::Job;

/// Figures of the model on the test rows; `None` each if it is not revealed, or the run was ended before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TestFigures {
    /// Rows by label and predicted class, and what follows from them.
    pub confusion: Option<Confusion>,
    /// The area under the ROC curve and the average precision; also `None` if all rows are of one class.
    pub roc: Option<Roc>,
    /// Of rows with several labels, those of every label.
    pub labels: Option<LabelFigures>,
    /// The errors of every target of a regression, and R2.
    pub regression: Option<Regression>,
    /// The squared error of a row, the sum over its outputs, in the mean: of probabilities, the Brier score; in a regression, of
    /// scaled targets.
    pub squared_error: Option<f64>,
    /// Fraction of the rows that have their label among the five largest outputs, from 0 to 1.
    pub top5_accuracy: Option<f64>,
}

impl TestFigures {
    /// The squared error of a row, from the sum over all test rows.
    pub(crate) fn mean_squared_error(sum: f64, job: &Job) -> f64 {
        sum / f64::from(job.test_rows())
    }

    /// Takes note of the sums of a figure; `false` if they are not those of any predictions.
    pub(crate) fn set(&mut self, figure: Figure, sums: &[f64], job: &Job) -> bool {
        let rows = f64::from(job.test_rows());
        let names = || job.description.as_ref().map_or(Vec::new(), |description| description.target.names());
        let named = |confusion: Confusion| Confusion { names: names(), ..confusion };
        match figure {
            Figure::Confusion if job.model.decides_by_sign() => {
                let labels = LabelFigures::new(sums, job.test_rows());
                match job.model.task() {
                    Task::Classification => {
                        self.confusion =
                            labels.and_then(|own| Confusion::of_one(own.counts.first()?, job.test_rows())).map(named);
                        self.confusion.is_some()
                    }
                    _ => {
                        self.labels = labels.map(|labels| LabelFigures { names: names(), ..labels });
                        self.labels.is_some()
                    }
                }
            }
            Figure::Confusion => {
                self.confusion = Confusion::new(sums, job.model.classes(), job.test_rows()).map(named);
                self.confusion.is_some()
            }
            Figure::R2 => {
                let errors = sums.get(..sums.len() / 3).map(|errors| errors.iter().sum::<f64>() / rows);
                self.squared_error = self.squared_error.or(errors);
                self.regression = Regression::new(sums, job.test_rows(), job.description.as_ref());
                self.regression.is_some()
            }
            Figure::Roc => {
                self.roc = Roc::new(sums, job.test_rows());
                // rows of one class have no such areas
                let both = [0, THRESHOLDS].iter().all(|first| sums.get(*first).is_some_and(|rows| *rows > 0.0));
                self.roc.is_some() || !both
            }
            // by epoch, and not here
            Figure::SquaredError => false,
            Figure::TopFive => {
                self.top5_accuracy = sums.first().map(|sum| sum / rows);
                self.top5_accuracy.is_some_and(|part| (0.0..=1.0).contains(&part))
            }
        }
    }
}

impl Figure {
    /// How many numbers are revealed of it.
    pub(crate) fn numbers(self, job: &Job) -> usize {
        match self {
            Self::Confusion if !job.model.decides_by_sign() => job.model.outputs() * job.model.outputs(),
            Self::Confusion | Self::R2 => 3 * job.model.outputs(),
            Self::Roc => BOTH_SIDES,
            Self::SquaredError | Self::TopFive => 1,
        }
    }

    /// Fraction bits of these.
    pub(crate) fn frac(self, job: &Job) -> u32 {
        match self {
            Self::Confusion if !job.model.decides_by_sign() => job.settings.profile.frac,
            Self::Confusion | Self::Roc | Self::TopFive => 0,
            Self::R2 | Self::SquaredError => MASTER_FRAC,
        }
    }
}

/// Numbers as counts of up to `most`; `None` if one is not.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number from 0 to a number of rows"
)]
fn counts(numbers: &[f64], most: u32) -> Option<Vec<u64>> {
    let is_count = |x: &f64| (0.0..=f64::from(most)).contains(x) && x.fract() == 0.0;
    numbers.iter().map(|x| is_count(x).then_some(*x as u64)).collect()
}
