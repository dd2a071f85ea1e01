//! What the mean of a pool is to the true one.

use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LayerSpec};
use crate::shape::Shape;

/// What an average pool computes is so many times the true mean, for example 63/64 times with 7/64 in place of 1/9
/// ([`Factor::mean`](crate::nn::Factor::mean)); 1 for other layers. Weights of other programs are divided by it.
pub(super) fn mean_ratio(layer: &LayerSpec, flow: Flow, input: &Shape) -> f64 {
    match layer.lower(flow, input) {
        Lowered::Sums(boxes, factor) => factor.value() * boxes.len() as f64,
        _ => 1.0,
    }
}
