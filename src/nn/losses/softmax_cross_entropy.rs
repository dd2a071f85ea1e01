//! Cross-entropy of the softmax.

use super::LossFunction;
use crate::error::Result;
use crate::gates::{Arguments, Engine, MAX_CLASSES, MOST_COMPARED, OpenRequest, logit_bits};
use crate::nn::many_classes::softmax_of_many;
use crate::nn::range_check::{RangeWatch, spread};
use crate::party::Scaled;

/// The gradient is `softmax(y) - onehot`.     8 rounds; more from 15 classes on (protocols.md 4.2, 4.4)
pub(super) struct SoftmaxCrossEntropy;

impl LossFunction for SoftmaxCrossEntropy {
    const MOST_CLASSES: usize = MAX_CLASSES;

    fn prediction<E: Engine>(e: &mut E, z: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Share> {
        let p = *e.profile();
        let z = logits(e, z)?;
        watch.map_or(Ok(()), |watch| watch.see_rows(e, &z, spread(&p, &z)))?;
        if z.shape().matrix().1 <= MOST_COMPARED { softmax(e, &z) } else { softmax_of_many(e, &z) }
    }
}

/// Cuts and opens the logits; where folds of the last product leave a wire that is too short for softmax, once more from the ring
/// (protocols.md 4.2).
fn logits<E: Engine>(e: &mut E, z: &E::Share) -> Result<E::Wire> {
    let p = *e.profile();
    let [y] = e.open([OpenRequest::product(z, &p)])?;
    if y.bits() >= logit_bits(&p) {
        return Ok(y);
    }
    let y = e.extend(&y)?;
    let [y] = e.open([OpenRequest::product(&y, &p)])?;
    Ok(y)
}

/// `softmax(z)` of every row, a share of the ring.     6 rounds (protocols.md 4.2)
///
/// Exact to one unit and 1.6e-3 in `small`, 8e-4 in `wide`, for logits that spread over less than 224.
fn softmax<E: Engine>(e: &mut E, z: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let won = e.winner(z, p.window)?;
    let [won] = e.open_bits([&won])?;
    let d = e.below_max(z, &won)?;
    let [d] = e.open([Arguments::exp(&d, &p)])?;
    let exps = e.exp(&d)?;
    let sum = e.row_sum(&exps)?;
    let [exps, sum] = e.open([Arguments::unit(&exps), Arguments::sum(&sum)])?;
    let inverse = e.reciprocal(&sum)?;
    let [inverse] = e.open([Arguments::unit(&inverse)])?;
    e.probability(&exps, &inverse)
}
