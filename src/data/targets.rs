//! What is to be learned of rows.

use std::fmt;
use std::ops::Range;

use ndarray::{Array2, s};

use crate::error::{Error, Result};
use crate::nn::Task;

/// What is to be learned of every row, in the order of the rows.
#[derive(Clone, PartialEq)]
pub enum Targets {
    /// The class of each.
    Classes {
        /// One of them per row, each below `classes`.
        labels: Vec<u32>,
        /// How many classes there are.
        classes: usize,
    },
    /// Which labels each has, `[rows, labels]`.
    Labels(Array2<bool>),
    /// Numbers, `[rows, targets]`, finite; scaled, so that they are about as large as 1.
    Numbers(Array2<f32>),
}

impl Targets {
    /// Checks that there is a target for each of `rows` rows, and that classes exist and numbers are finite.
    pub(super) fn check(&self, rows: usize) -> Result<()> {
        if rows != self.len() {
            let len = self.len();
            return Err(Error::Usage(format!("{rows} rows of features, but {len} labels; each row needs one")));
        }
        match self {
            Self::Classes { labels, classes } => {
                let Some(row) = labels.iter().position(|&label| label as usize >= *classes) else { return Ok(()) };
                let label = labels[row];
                Err(Error::Usage(format!("row {row} has label {label}, but labels must be below {classes}")))
            }
            Self::Labels(_) => Ok(()),
            Self::Numbers(numbers) => {
                let Some(((row, target), x)) = numbers.indexed_iter().find(|(_, x)| !x.is_finite()) else {
                    return Ok(());
                };
                Err(Error::Usage(format!("row {row}, target {target} is {x}; targets must be finite numbers")))
            }
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Labels(labels) => labels.nrows(),
            Self::Numbers(numbers) => numbers.nrows(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The task that they are for.
    pub fn task(&self) -> Task {
        match self {
            Self::Classes { .. } => Task::Classification,
            Self::Labels(_) => Task::MultiLabel,
            Self::Numbers(_) => Task::Regression,
        }
    }

    /// The number of classes, labels or numbers of a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { classes, .. } => *classes,
            Self::Labels(labels) => labels.ncols(),
            Self::Numbers(numbers) => numbers.ncols(),
        }
    }

    /// Those of some rows.
    pub(super) fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::Classes { labels, classes } => Self::Classes { labels: labels[rows].to_vec(), classes: *classes },
            Self::Labels(labels) => Self::Labels(labels.slice(s![rows, ..]).to_owned()),
            Self::Numbers(numbers) => Self::Numbers(numbers.slice(s![rows, ..]).to_owned()),
        }
    }
}

/// Prints shapes only: targets are an owner's secret.
impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, width) = (self.len(), self.width());
        match self {
            Self::Classes { .. } => write!(f, "Classes {{ labels: [{rows}], classes: {width} }}"),
            Self::Labels(_) => write!(f, "Labels([{rows}, {width}])"),
            Self::Numbers(_) => write!(f, "Numbers([{rows}, {width}])"),
        }
    }
}
