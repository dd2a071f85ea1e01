//! The confusion matrix, and what follows from it for every class.

use serde::{Deserialize, Serialize};

use super::counts;
use super::labels::LabelCounts;

/// The confusion matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Confusion {
    /// The names of the classes; none if they are not known.
    #[serde(default)]
    pub names: Vec<String>,
    /// Test rows: a list for every label, by predicted class.
    pub rows: Vec<Vec<u64>>,
    /// What follows for every class.
    pub classes: Vec<ClassFigures>,
    /// The mean of the classes' F1 scores, those that have none counted as 0.
    pub macro_f1: f64,
}

/// The figures of a class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ClassFigures {
    /// Test rows of this label.
    pub rows: u64,
    /// Fraction of the rows predicted to be of this class that are; `None` if there are none.
    pub precision: Option<f64>,
    /// Fraction of the rows of this class that are predicted to be; `None` if there are none.
    pub recall: Option<f64>,
    /// The harmonic mean of the two: twice the rows that are right, by the rows of the class and those predicted to be; `None` if
    /// there are neither.
    pub f1: Option<f64>,
}

impl Confusion {
    /// From the numbers of rows by predicted class and label; `None` if they are not those of so many rows.
    pub(crate) fn new(numbers: &[f64], classes: usize, rows: u32) -> Option<Self> {
        let all = counts(numbers, rows)?;
        if all.len() != classes * classes || all.iter().sum::<u64>() != u64::from(rows) {
            return None;
        }
        let by_label = |label: usize| (0..classes).map(|predicted| all[predicted * classes + label]).collect();
        let rows: Vec<Vec<u64>> = (0..classes).map(by_label).collect();
        let classes: Vec<ClassFigures> = (0..classes).map(|class| ClassFigures::of(&rows, class)).collect();
        let macro_f1 = classes.iter().filter_map(|class| class.f1).sum::<f64>() / classes.len() as f64;
        Some(Self { names: Vec::new(), rows, classes, macro_f1 })
    }
}

impl Confusion {
    /// Of two classes, from what was counted of the second one.
    pub(super) fn of_one(second: &LabelCounts, rows: u32) -> Option<Self> {
        let LabelCounts { right, labelled, predicted } = *second;
        let neither = u64::from(rows).checked_sub(labelled + predicted - right)?;
        let by_predicted = [neither, labelled - right, predicted - right, right];
        Self::new(&by_predicted.map(|count| count as f64), 2, rows)
    }
}

impl ClassFigures {
    fn of(rows: &[Vec<u64>], class: usize) -> Self {
        let (labelled, predicted) = (rows[class].iter().sum::<u64>(), rows.iter().map(|row| row[class]).sum::<u64>());
        Self::new(&LabelCounts { right: rows[class][class], labelled, predicted })
    }

    /// From counts of rows.
    pub(super) fn new(counts: &LabelCounts) -> Self {
        let LabelCounts { right, labelled, predicted } = *counts;
        let part = |of: u64, all: u64| (all > 0).then(|| of as f64 / all as f64);
        Self {
            rows: labelled,
            precision: part(right, predicted),
            recall: part(right, labelled),
            f1: part(2 * right, labelled + predicted),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_recall_and_f1_are_those_of_a_known_matrix() {
        // by predicted class and label: 5 right and 1 of label 1 for class 0, 2 and 1 right for class 1, none for class 2
        let numbers = [5.0, 1.0, 0.0, 2.0, 1.0, 3.0, 0.0, 0.0, 0.0];
        let confusion = Confusion::new(&numbers, 3, 12).unwrap();
        assert_eq!(confusion.rows, [[5, 2, 0], [1, 1, 0], [0, 3, 0]]);
        let [a, b, c] = confusion.classes[..] else { panic!("three classes") };
        assert_eq!((a.rows, a.precision, a.recall, a.f1), (7, Some(5.0 / 6.0), Some(5.0 / 7.0), Some(10.0 / 13.0)));
        assert_eq!((b.rows, b.precision, b.recall, b.f1), (2, Some(1.0 / 6.0), Some(0.5), Some(0.25)));
        assert_eq!((c.rows, c.precision, c.recall, c.f1), (3, None, Some(0.0), Some(0.0)));
        assert!((confusion.macro_f1 - (10.0 / 13.0 + 0.25) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn numbers_that_are_no_counts_of_these_rows_are_refused() {
        let right = [3.0, 0.0, 1.0, 2.0];
        assert!(Confusion::new(&right, 2, 6).is_some());
        assert!(Confusion::new(&right, 2, 7).is_none() && Confusion::new(&right[..3], 2, 6).is_none());
        for wrong in [[3.0, -1.0, 2.0, 2.0], [3.0, 0.5, 0.5, 2.0], [7.0, 0.0, 0.0, -1.0], [f64::NAN, 0.0, 1.0, 5.0]] {
            assert!(Confusion::new(&wrong, 2, 6).is_none(), "{wrong:?}");
        }
    }
}
