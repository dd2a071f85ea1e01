//! The coefficient of determination, R2, and the errors of every target.

use crate::error::Result;
use crate::gates::{Bilinear, Chunks, Engine, OpenRequest, Scaling};
use crate::nn::Loss;
use crate::nn::columns::side_by_side;
use crate::nn::figures::squared_error::CHUNK;
use crate::party::Scaled;

/// For every target y and its prediction the sums over rows of their squared difference, then of `y^2`, then of `(y + 1)^2`; a
/// share `[3 targets]` of `Z_2^64` at the scale of the master weights. The sum of y follows from the latter two.     3 rounds
///
///   1. rows [prediction - y | y | y + 1], opened as an operand;   their squares, summed over chunks of 128 rows
///   2. the sums are rescaled into `Z_2^64` (protocols.md 2.5), and added up
///
/// Of rows whose mean square in a chunk is below 128.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn r2<E: Engine>(e: &mut E, loss: Loss, z: &E::Share, labels: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let prediction = loss.prediction(e, z)?;
    let y = e.share(labels)?;
    let off = e.subtract(&prediction, &y)?;
    let (rows, targets) = y.shape().matrix();
    let ones = e.public_numbers(&vec![1 << p.frac; rows * targets], p.frac, y.shape())?;
    let ones = e.share(&ones)?;
    let above = e.add(&y, &ones)?;
    let all = side_by_side(e, &[&off, &y, &above], targets)?;
    let [all] = e.open([OpenRequest::operand(&all, &p)])?;
    let cols = 3 * targets;
    let sums = e.product(&all, &all, Bilinear::Dot(Chunks { cols, chunk: CHUNK }))?;
    let sums = e.rescale(&[Scaling { share: &sums, what: "squares", scale: 1, over: 0, times: 1 }])?.remove(0);
    let chunk = sums.shape().len() / cols;
    e.sum_chunks(&sums, Chunks { cols, chunk })
}
