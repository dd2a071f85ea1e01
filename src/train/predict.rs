//! How good a trained model is on rows, in the clear.

use crate::data::{Examples, Targets};
use crate::error::{Error, Result};
use crate::nn::TrainedModel;
use crate::train::Regression;

impl TrainedModel {
    /// Fraction of the rows that are predicted to be of their class, or of labels that are predicted right, from 0 to 1; 0 without
    /// rows. Of a regression R2, the coefficient of determination, 1 at most: the mean over its targets.
    ///
    /// # Errors
    /// As [`TrainedModel::logits`]; [`Error::Usage`] if rows do not have what the model learned, or the targets of a regression do
    /// not vary.
    pub fn score(&self, data: &Examples) -> Result<f64> {
        let rows = data.features().view();
        match data.targets() {
            Targets::Classes { labels, .. } => self.accuracy(rows, labels),
            Targets::Labels(labels) => {
                let predicted = self.labels(rows)?;
                if predicted.dim() != labels.dim() {
                    let (has, wants) = (labels.ncols(), predicted.ncols());
                    return Err(Error::Usage(format!("the model has {wants} labels, but rows have {has}")));
                }
                let right = predicted.iter().zip(labels).filter(|(a, b)| a == b).count();
                Ok(right as f64 / labels.len().max(1) as f64)
            }
            Targets::Numbers(_) => {
                let none = || Error::Usage("R2 needs targets that are not all the same".into());
                Regression::of(self, data, None)?.r2.ok_or_else(none)
            }
        }
    }
}
