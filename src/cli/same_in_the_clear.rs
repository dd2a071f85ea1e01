//! Private answers beside what the same model says in the clear, where both are on this machine.

use ndarray::{ArrayView2, s};

use crate::error::{Error, Result};
use crate::nn::TrainedModel;
use crate::prediction::Answers;

/// How many of the first rows have the class that the model gives them in the clear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Same {
    same: usize,
    /// The rows that were compared.
    pub(super) rows: usize,
}

impl Same {
    /// Compares the classes of as many rows as take about a second in the clear.
    pub(super) fn of(model: &TrainedModel, rows: ArrayView2<'_, f32>, answers: &Answers) -> Result<Self> {
        let most = usize::try_from(MOST_MACS / model.model.macs().max(1)).unwrap_or(usize::MAX);
        let compared = most.max(1).min(answers.len());
        let clear = model.predict(rows.slice(s![..compared, ..]))?;
        let same = answers.classes().iter().zip(&clear).filter(|(a, b)| a == b).count();
        Ok(Self { same, rows: compared })
    }

    /// The part that is the same, from 0 to 1.
    pub(super) fn part(self) -> f64 {
        self.same as f64 / self.rows.max(1) as f64
    }

    /// Claims that they are the same, but for near ties.
    ///
    /// # Errors
    /// [`Error::Peer`] if more differ.
    pub(super) fn check(self) -> Result<()> {
        let Self { same, rows } = self;
        if rows - same <= NEAR_TIES.max(rows / 20) {
            return Ok(());
        }
        let text = format!(
            "{same} of the first {rows} answers are those of the model in the clear: values left their ranges; use --profile deep, \
             or scale the features"
        );
        Err(Error::peer("the servers", text))
    }
}

/// Multiply-adds that the comparison may take.
const MOST_MACS: u64 = 4 << 30;

/// Answers that may differ because of rounding, however few there are.
const NEAR_TIES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_near_ties_are_no_fault_and_more_are() {
        for (same, rows, fine) in [(10, 10, true), (7, 10, true), (6, 10, false), (950, 1000, true), (949, 1000, false)]
        {
            assert_eq!(Same { same, rows }.check().is_ok(), fine, "{same} of {rows}");
        }
        let text = Same { same: 6, rows: 10 }.check().unwrap_err().to_string();
        assert!(text.contains("6 of the first 10") && text.contains("--profile deep"), "{text}");
    }
}
