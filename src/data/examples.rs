//! Rows of features with what is to be learned of them.

use std::fmt;
use std::ops::Range;

use ndarray::{Array2, s};

use crate::data::Targets;
use crate::error::{Error, Result};

/// Rows of features and their targets, validated on construction: classes ([`Examples::new`]), several labels
/// ([`Examples::with_labels`]) or numbers ([`Examples::with_numbers`]).
#[derive(Clone, PartialEq)]
pub struct Examples {
    features: Array2<f32>,
    targets: Targets,
}

impl Examples {
    /// Examples from rows and the class of each, for classification. Copies the rows if they are not contiguous.
    ///
    /// # Errors
    /// [`Error::Usage`] if rows and labels differ in number, a label is not below `classes`, or a feature is not finite.
    pub fn new(features: Array2<f32>, labels: Vec<u32>, classes: usize) -> Result<Self> {
        Self::with_targets(features, Targets::Classes { labels, classes })
    }

    /// Examples from rows and, of each, which labels it has, `[n, labels]`, for a network of several labels.
    ///
    /// # Errors
    /// [`Error::Usage`] if rows and labels differ in number, or a feature is not finite.
    pub fn with_labels(features: Array2<f32>, labels: Array2<bool>) -> Result<Self> {
        Self::with_targets(features, Targets::Labels(labels))
    }

    /// Examples from rows and numbers of each, `[n, targets]`, for regression. Numbers should be scaled: a training takes
    /// magnitudes below 8.
    ///
    /// # Errors
    /// [`Error::Usage`] if rows and targets differ in number, or a feature or a target is not finite.
    pub fn with_numbers(features: Array2<f32>, numbers: Array2<f32>) -> Result<Self> {
        Self::with_targets(features, Targets::Numbers(numbers))
    }

    /// Examples from rows and their targets.
    ///
    /// # Errors
    /// [`Error::Usage`] if rows and targets differ in number, a class does not exist, or a feature or a target is not finite.
    pub fn with_targets(features: Array2<f32>, targets: Targets) -> Result<Self> {
        targets.check(features.nrows())?;
        if let Some(((row, column), value)) = features.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let reason = format!("row {row}, column {column} is {value}; features must be finite numbers");
            return Err(Error::Usage(reason));
        }
        let features = match features.is_standard_layout() {
            true => features,
            false => features.as_standard_layout().into_owned(),
        };
        Ok(Self::checked(features, targets))
    }

    /// One row per example, `[n, features]`, rows contiguous in memory; all of them finite numbers.
    pub fn features(&self) -> &Array2<f32> {
        &self.features
    }

    /// What is to be learned of the rows.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// One class per example, each below [`Examples::classes`]; none if rows have labels or numbers.
    pub fn labels(&self) -> &[u32] {
        match &self.targets {
            Targets::Classes { labels, .. } => labels,
            Targets::Labels(_) | Targets::Numbers(_) => &[],
        }
    }

    /// Number of classes; 0 if rows have labels or numbers.
    pub fn classes(&self) -> usize {
        match &self.targets {
            Targets::Classes { classes, .. } => *classes,
            Targets::Labels(_) | Targets::Numbers(_) => 0,
        }
    }

    /// The rows and the targets.
    pub fn into_parts(self) -> (Array2<f32>, Targets) {
        (self.features, self.targets)
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.features.nrows()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first `n` examples, or all if there are fewer.
    #[must_use]
    pub fn first(&self, n: usize) -> Self {
        self.slice(0..n.min(self.len()))
    }

    /// The examples of a range of rows, clipped to those that exist.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.len());
        let rows = rows.start.min(end)..end;
        let targets = self.targets.slice(rows.clone());
        Self { features: self.features.slice(s![rows, ..]).to_owned(), targets }
    }

    /// Examples whose promises the caller has checked.
    pub(super) fn checked(features: Array2<f32>, targets: Targets) -> Self {
        Self { features, targets }
    }
}

/// Prints shapes only: rows are an owner's secret.
impl fmt::Debug for Examples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [n, features] = [self.features.nrows(), self.features.ncols()];
        write!(f, "Examples {{ features: [{n}, {features}], targets: {:?} }}", self.targets)
    }
}

/// A training set and a test set.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// The training set.
    pub train: Examples,
    /// The test set.
    pub test: Examples,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: u8) -> Array2<f32> {
        Array2::from_shape_fn((n.into(), 2), |(i, j)| f32::from(u8::try_from(i * 2 + j).unwrap()))
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refusal = |features, labels: &[u32]| Examples::new(features, labels.to_vec(), 3).unwrap_err().to_string();
        assert_eq!(refusal(rows(2), &[0]), "2 rows of features, but 1 labels; each row needs one");
        assert_eq!(refusal(rows(2), &[2, 3]), "row 1 has label 3, but labels must be below 3");
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut features = rows(2);
            features[[1, 0]] = bad;
            assert!(refusal(features, &[0, 1]).starts_with("row 1, column 0 is "));
        }
    }

    #[test]
    fn slices_keep_rows_and_labels_together() {
        let all = Examples::new(rows(4), vec![0, 1, 2, 0], 3).unwrap();
        let part = all.slice(1..3);
        assert_eq!((part.len(), part.labels()), (2, &[1, 2][..]));
        assert_eq!(part.features, ndarray::array![[2.0, 3.0], [4.0, 5.0]]);
        assert_eq!(all.first(9), all);
        assert!(all.first(0).is_empty());
        assert_eq!((all.slice(3..usize::MAX).len(), all.slice(9..12).len()), (1, 0));
        #[expect(clippy::reversed_empty_ranges, reason = "of no rows")]
        let reversed = all.slice(3..1);
        assert!(reversed.is_empty());
    }

    #[test]
    fn rows_become_contiguous() {
        let turned = rows(4).reversed_axes();
        let examples = Examples::new(turned.clone(), vec![0, 1], 2).unwrap();
        assert!(examples.features.as_slice().is_some());
        assert_eq!(examples.features, turned);
    }

    #[test]
    fn debug_shows_shapes_only() {
        let examples = Examples::new(rows(4) + 77.0, vec![2; 4], 3).unwrap();
        assert_eq!(
            format!("{examples:?}"),
            "Examples { features: [4, 2], targets: Classes { labels: [4], classes: 3 } }"
        );
        let numbers = Examples::with_numbers(rows(4), rows(4) + 88.0).unwrap();
        assert_eq!(format!("{numbers:?}"), "Examples { features: [4, 2], targets: Numbers([4, 2]) }");
    }

    #[test]
    fn labels_and_numbers_go_along_with_their_rows() {
        let labels = Array2::from_shape_fn((4, 3), |(row, label)| row == label);
        let examples = Examples::with_labels(rows(4), labels.clone()).unwrap();
        assert_eq!((examples.labels(), examples.classes()), (&[][..], 0));
        assert_eq!(*examples.slice(1..3).targets(), Targets::Labels(labels.slice(s![1..3, ..]).to_owned()));
        assert!(Examples::with_labels(rows(3), labels).is_err());
        let mut numbers = rows(4);
        assert_eq!(Examples::with_numbers(rows(4), numbers.clone()).unwrap().targets().width(), 2);
        numbers[[2, 1]] = f32::NAN;
        let text = Examples::with_numbers(rows(4), numbers).unwrap_err().to_string();
        assert_eq!(text, "row 2, target 1 is NaN; targets must be finite numbers");
    }
}
