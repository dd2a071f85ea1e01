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

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sizes, slowest axis first.
    pub fn axes(&self) -> &[usize] {
        &self.0
    }

    /// Rows and columns, where the shape is a matrix: the first axis, and the product of the others.
    pub fn matrix(&self) -> (usize, usize) {
        let rows = self.0.first().copied().unwrap_or(1);
        (rows, self.0.iter().skip(1).product())
    }
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
    }
}
