//! Whether layers fit one another.

use std::fmt;

use crate::nn::{Flow, LayerSpec};
use crate::shape::Shape;

/// A layer that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerMismatch {
    /// Its number, from 0.
    pub(crate) layer: usize,
    /// Its kind.
    pub(super) kind: &'static str,
    /// The shape that it gets.
    pub(super) input: Shape,
    /// What is wrong with it.
    pub(super) reason: String,
}

impl fmt::Display for LayerMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, kind, input, reason } = self;
        write!(f, "layer {} ({kind}) gets {}; {reason}", layer + 1, of_batch(input))
    }
}

/// The shape behind layers, and where they lead; or the first that does not fit.
pub(super) fn lead(layers: &[LayerSpec], input: &Shape) -> Result<(Shape, Flow), LayerMismatch> {
    let begin = Ok((input.clone(), Flow::Operand));
    layers.iter().enumerate().fold(begin, |so_far, (at, layer)| {
        let (input, before) = so_far?;
        let fits = layer.follow(before).and_then(|flow| {
            let output = layer.output(&input)?;
            checked_len(&output).ok_or("its output is too large")?;
            let parameters = layer.parameters(&input);
            let counted = parameters.iter().try_fold(0usize, |n, p| n.checked_add(checked_len(&p.shape)?));
            counted.ok_or("its weight is too large")?;
            Ok((output, flow))
        });
        fits.map_err(|reason| LayerMismatch { layer: at, kind: layer.kind(), input, reason })
    })
}

/// `[batch, 784]`.
pub(crate) fn of_batch(example: &Shape) -> String {
    let axes = example.axes().iter().map(|axis| format!(", {axis}"));
    format!("[batch{}]", axes.collect::<String>())
}

/// The values of a shape, where they can be counted.
pub(super) fn checked_len(shape: &Shape) -> Option<usize> {
    shape.axes().iter().try_fold(1usize, |n, axis| n.checked_mul(*axis))
}
