//! Shapes of tensors: sizes of the axes, slowest first.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The sizes of a tensor's axes, slowest first.
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape from its axes.
    pub fn new(axes: impl Into<Vec<usize>>) -> Self {
        Self(axes.into())
    }

    /// Number of elements; `usize::MAX` if they overflow, as in a job that has not been checked yet.
    pub fn len(&self) -> usize {
        count(&self.0)
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sizes, slowest axis first.
    pub fn axes(&self) -> &[usize] {
        &self.0
    }

    /// Rows and columns of the shape as a matrix: the first axis, and the product of the others.
    pub fn matrix(&self) -> (usize, usize) {
        let rows = self.0.first().copied().unwrap_or(1);
        (rows, count(self.0.get(1..).unwrap_or_default()))
    }
}

fn count(axes: &[usize]) -> usize {
    // a size of 0 first: what it is multiplied with does not matter
    if axes.contains(&0) { 0 } else { axes.iter().fold(1, |n, axis| n.saturating_mul(*axis)) }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(axes: [usize; N]) -> Self {
        Self(axes.to_vec())
    }
}

impl From<usize> for Shape {
    fn from(len: usize) -> Self {
        Self(vec![len])
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        write!(f, "[{}]", axes.join(", "))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_folds_the_later_axes() {
        assert_eq!(Shape::from([5, 2, 3]).matrix(), (5, 6));
        assert_eq!(Shape::from([5, 2, 3]).len(), 30);
        assert_eq!(Shape::from([7]).to_string(), "[7]");
        assert_eq!((Shape::default().len(), Shape::default().matrix()), (1, (1, 1)));
    }

    #[test]
    fn more_elements_than_can_be_counted_are_no_wrapped_number() {
        let half = 1 << (usize::BITS / 2);
        assert_eq!(Shape::from([half, half, 4]).len(), usize::MAX);
        assert_eq!(Shape::from([half, half, 0]).len(), 0);
        assert_eq!(Shape::from([3, half, half]).matrix(), (3, usize::MAX));
    }
}
