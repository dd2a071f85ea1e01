//! The squared error of predictions.

use crate::error::Result;
use crate::gates::{Bilinear, Chunks, Engine, Scaling};
use crate::nn::{ClassWeights, Loss};
use crate::party::Scaled;

/// The sum over rows and outputs of the squared difference of prediction and label, a share `[1]` of `Z_2^64` at the scale of the
/// master weights. Of probabilities, as cross-entropy has them, it is the Brier score times the rows.
///
///   1. d, what the loss's gradient opens;   sums of d d over chunks of 128 rows, output by output
///   2. the sums are rescaled into `Z_2^64` (protocols.md 2.5), and added up: 1 round more
///
/// Of rows whose mean square in a chunk is below 128.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn squared_error<E: Engine>(e: &mut E, loss: Loss, z: &E::Share, labels: &E::Wire) -> Result<E::Share> {
    let d = loss.gradient(e, z, labels, &ClassWeights::default(), None)?;
    let (_, cols) = d.shape().matrix();
    let sums = e.product(&d, &d, Bilinear::Dot(Chunks { cols, chunk: CHUNK }))?;
    let what = "squared error";
    let sums = e.rescale(&[Scaling { share: &sums, what, scale: 1, over: 0, times: 1 }])?.remove(0);
    let chunk = sums.shape().len();
    e.sum_chunks(&sums, Chunks { cols: 1, chunk })
}

/// Rows whose squares stay in the ring.
const CHUNK: usize = 128;
