//! What a trained model makes of rows, in the clear.

use ndarray::{ArrayView2, Axis};

use crate::data::Examples;
use crate::error::Result;
use crate::nn::TrainedModel;

impl TrainedModel {
    /// The class of every row: the index of its largest logit, or the first of several.
    ///
    /// # Errors
    /// As [`TrainedModel::logits`].
    pub fn predict(&self, rows: ArrayView2<'_, f32>) -> Result<Vec<u32>> {
        let logits = self.logits(rows)?;
        let largest = |row: ndarray::ArrayView1<'_, f32>| {
            let places = (0u32..).zip(row);
            places.fold((0, f32::NEG_INFINITY), |best, (at, x)| if *x > best.1 { (at, *x) } else { best }).0
        };
        Ok(logits.axis_iter(Axis(0)).map(largest).collect())
    }

    /// Fraction of the rows that are classified correctly, from 0 to 1; 0 without rows.
    ///
    /// # Errors
    /// As [`TrainedModel::logits`].
    pub fn score(&self, data: &Examples) -> Result<f64> {
        self.accuracy(data.features().view(), data.labels())
    }
}
