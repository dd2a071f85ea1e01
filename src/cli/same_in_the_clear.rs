//! Private answers beside what the same model says in the clear, where both are on this machine.

use ndarray::{Array2, ArrayView1, ArrayView2, s};

use crate::error::{Error, Result};
use crate::nn::{Task, TrainedModel};
use crate::prediction::{Answers, ModelCard};

/// How many of the first rows have the answer that the model gives them in the clear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Same {
    same: usize,
    /// The rows that were compared.
    pub(super) rows: usize,
}

impl Same {
    /// Compares the answers of as many rows as take about a second in the clear: their classes, labels, or the numbers of a
    /// regression, which may be a fiftieth of the target's range apart.
    pub(super) fn of(
        model: &TrainedModel,
        card: &ModelCard,
        rows: ArrayView2<'_, f32>,
        answers: &Answers,
    ) -> Result<Self> {
        let most = usize::try_from(MOST_MACS / model.model.macs().max(1)).unwrap_or(usize::MAX);
        let compared = most.max(1).min(answers.len());
        let rows = rows.slice(s![..compared, ..]);
        let same = match (model.model.task(), answers) {
            (Task::Classification, answers) => {
                answers.classes().iter().zip(&model.predict(rows)?).filter(|(a, b)| a == b).count()
            }
            (Task::MultiLabel, Answers::Labels(labels)) => equal_rows(labels, &model.labels(rows)?, |a, b| a == b),
            (Task::MultiLabel, Answers::Probabilities(x)) => {
                equal_rows(x, &model.labels(rows)?, |p, label| (*p >= 0.5) == *label)
            }
            (Task::MultiLabel, _) => {
                let values = answers.clone().into_table().unwrap_or_default();
                equal_rows(&values, &model.labels(rows)?, |x, label| (*x >= 0.0) == *label)
            }
            (Task::Regression, answers) => {
                let (values, clear) = (answers.clone().into_table().unwrap_or_default(), model.logits(rows)?);
                let unit = card.in_own_units(Array2::ones([1, clear.ncols()]))
                    - card.in_own_units(Array2::zeros([1, clear.ncols()]));
                let clear = card.in_own_units(clear);
                let near = |(a, b): (&f32, &f32), unit: &f32| (a - b).abs() <= NEAR * unit.abs();
                let row = |(a, b): (ArrayView1<'_, f32>, ArrayView1<'_, f32>)| {
                    a.iter().zip(b).zip(&unit).all(|((a, b), unit)| near((a, b), unit))
                };
                values.rows().into_iter().zip(clear.rows()).filter(|(a, b)| row((*a, *b))).count()
            }
        };
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
            "{same} of the first {rows} answers are those of the model in the clear: values left their ranges; use --profile deep, the widest, \
             or scale the features"
        );
        Err(Error::peer("the servers", text))
    }
}

/// How many rows are the same in every column.
fn equal_rows<A, B>(a: &Array2<A>, b: &Array2<B>, same: impl Fn(&A, &B) -> bool) -> usize {
    let pairs = a.rows().into_iter().zip(b.rows());
    pairs.filter(|(a, b)| a.iter().zip(b).all(|(a, b)| same(a, b))).count()
}

/// How far answers of a regression may be apart, in parts of the range of a target.
const NEAR: f32 = 0.02;

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
