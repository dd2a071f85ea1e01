//! The figures of every label, where rows have several.

use serde::{Deserialize, Serialize};

use super::{ClassFigures, counts};

/// The figures of every label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LabelFigures {
    /// The names of the labels; none if they are not known.
    pub names: Vec<String>,
    /// Test rows that have a label, that are predicted to have it, and both, in the order of the labels.
    pub counts: Vec<LabelCounts>,
    /// What follows for every label.
    pub labels: Vec<ClassFigures>,
    /// The mean of the labels' F1 scores, those that have none counted as 0.
    pub macro_f1: f64,
}

/// Test rows by one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelCounts {
    /// Rows that have the label and are predicted to have it.
    pub right: u64,
    /// Rows that have it.
    pub labelled: u64,
    /// Rows that are predicted to have it.
    pub predicted: u64,
}

impl LabelFigures {
    /// From numbers of rows: for every label those that have it and are predicted to, then those that have it, then those that
    /// have it or are predicted to; `None` if they are not those of so many rows.
    pub(crate) fn new(numbers: &[f64], rows: u32) -> Option<Self> {
        let all = counts(numbers, rows)?;
        let (width, rest) = (all.len() / 3, all.len() % 3);
        let one = |label: usize| {
            let [right, labelled, either] = [0, 1, 2].map(|part| all[part * width + label]);
            let predicted = either.checked_sub(labelled)? + right;
            (right <= labelled).then_some(LabelCounts { right, labelled, predicted })
        };
        let counts = (0..width).map(one).collect::<Option<Vec<_>>>().filter(|_| rest == 0 && width > 0)?;
        let labels: Vec<_> = counts.iter().map(ClassFigures::new).collect();
        let macro_f1 = labels.iter().filter_map(|label| label.f1).sum::<f64>() / width as f64;
        Some(Self { names: Vec::new(), counts, labels, macro_f1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Confusion;

    #[test]
    fn precision_and_recall_follow_from_three_counts() {
        // of 10 rows: 4 have the label, 3 are predicted to, 2 of these rightly; and a label that no row has
        let own = LabelFigures::new(&[2.0, 0.0, 4.0, 0.0, 5.0, 0.0], 10).unwrap();
        assert_eq!(own.counts[0], LabelCounts { right: 2, labelled: 4, predicted: 3 });
        let first = own.labels[0];
        assert_eq!((first.precision, first.recall, first.f1), (Some(2.0 / 3.0), Some(0.5), Some(4.0 / 7.0)));
        assert_eq!((own.labels[1].f1, own.macro_f1), (None, 2.0 / 7.0));
        let matrix = Confusion::of_one(&own.counts[0], 10).unwrap();
        assert_eq!(matrix.rows, [[5, 1], [2, 2]]);
        assert_eq!(matrix.classes[1], first);
    }

    #[test]
    fn counts_that_no_rows_have_are_refused() {
        for wrong in [[5.0, 4.0, 5.0], [2.0, 4.0, 3.0], [2.0, 4.0, 11.0], [-1.0, 4.0, 5.0], [0.5, 4.0, 5.0]] {
            assert_eq!(LabelFigures::new(&wrong, 10), None, "{wrong:?}");
        }
        assert!(LabelFigures::new(&[1.0, 2.0], 10).is_none() && LabelFigures::new(&[], 10).is_none());
    }
}
