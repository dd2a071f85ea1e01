//! What a trained model says of rows, in the clear.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::nn::{Task, TrainedModel};

impl TrainedModel {
    /// The class of every row: the index of its largest logit, or the first of several; of a network with one output 1 where it is
    /// at least 0.
    ///
    /// # Errors
    /// As [`TrainedModel::logits`]; [`Error::Usage`] if the model learned labels ([`TrainedModel::labels`]) or numbers
    /// ([`TrainedModel::logits`]).
    pub fn predict(&self, rows: ArrayView2<'_, f32>) -> Result<Vec<u32>> {
        self.has_task(Task::Classification)?;
        let logits = self.logits(rows)?;
        Ok(logits.axis_iter(Axis(0)).map(class).collect())
    }

    /// Which labels every row has, `[n, labels]`: those whose outputs are at least 0.
    ///
    /// # Errors
    /// As [`TrainedModel::logits`]; [`Error::Usage`] if the model did not learn labels.
    pub fn labels(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<bool>> {
        self.has_task(Task::MultiLabel)?;
        Ok(self.logits(rows)?.mapv(|output| output >= 0.0))
    }

    /// Fraction of the rows that are predicted to be of their class, from 0 to 1.
    ///
    /// # Errors
    /// As [`TrainedModel::predict`].
    pub fn accuracy(&self, rows: ArrayView2<'_, f32>, labels: &[u32]) -> Result<f64> {
        let hits = self.predict(rows)?.iter().zip(labels).filter(|(class, label)| class == label).count();
        Ok(hits as f64 / labels.len().max(1) as f64)
    }

    fn has_task(&self, task: Task) -> Result<()> {
        if self.model.task() == task {
            return Ok(());
        }
        let (name, own, wants) = (self.model.name(), self.model.task(), task.learned());
        Err(Error::Usage(format!("`{name}` is for {own}, and predicts no {wants}")))
    }
}

/// The class that logits are of.
pub(crate) fn class(logits: ArrayView1<'_, f32>) -> u32 {
    match logits.len() {
        1 => u32::from(logits[0] >= 0.0),
        _ => {
            let places = (0u32..).zip(logits);
            places.fold((0, f32::NEG_INFINITY), |best, (at, x)| if *x > best.1 { (at, *x) } else { best }).0
        }
    }
}
