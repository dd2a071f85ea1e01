//! The losses: gradients by the outputs, and the count of right answers.

use crate::engine::Engine;
use crate::error::Result;
use crate::gates::{Arguments, Open, logit_bits};
use crate::nn::relu::one;
use crate::nn::watch::{Watch, spread, whole};
use crate::nn::{Loss, Sigmoid};

impl Loss {
    /// The opened gradient by the outputs, from the last product's share (twice the scale, with `extra` more fraction bits) and one-hot
    /// labels.
    ///
    /// # Errors
    /// What the engine says.
    pub fn gradient<E: Engine>(
        self,
        e: &mut E,
        z: &E::Share,
        extra: u32,
        labels: &E::Wire,
        watch: Option<&mut Watch<E>>,
    ) -> Result<E::Wire> {
        let p = e.profile().clone();
        let y = match self {
            Self::SoftmaxCrossEntropy => {
                let z = logits(e, z, extra)?;
                watch.map_or(Ok(()), |watch| watch.see_rows(e, &z, spread(&p, E::wire_bits(&z))))?;
                softmax(e, &z)?
            }
            Self::Square => {
                let z = one(e.open(&[Open::product(z, p.frac + extra, &p)])?);
                watch.map_or(Ok(()), |watch| watch.see(e, &z, whole(E::wire_bits(&z))))?;
                e.extend(&z)?
            }
            Self::SigmoidCrossEntropy => Sigmoid::default().activate(e, z, extra, watch)?,
        };
        let labels = e.share(labels)?;
        let dz = e.combine(&y, &labels, 1, -1)?;
        Ok(one(e.open(&[Open::operand(&dz, &p)])?))
    }
}

/// Cuts and opens the logits; where folds of the last product leave a wire that is too short for softmax, once more from the ring
/// (protocols.md 4.2).
fn logits<E: Engine>(e: &mut E, z: &E::Share, extra: u32) -> Result<E::Wire> {
    let p = e.profile().clone();
    let y = one(e.open(&[Open::product(z, p.frac + extra, &p)])?);
    if E::wire_bits(&y) >= logit_bits(&p) {
        return Ok(y);
    }
    let y = e.extend(&y)?;
    Ok(one(e.open(&[Open::product(&y, 0, &p)])?))
}

/// `softmax(z)` of every row, a share of the ring.     6 rounds (protocols.md 4.2)
///
/// Exact to one unit and 1.6e-3 in `small`, 8e-4 in `wide`, for logits that spread over less than 224.
fn softmax<E: Engine>(e: &mut E, z: &E::Wire) -> Result<E::Share> {
    let p = e.profile().clone();
    let won = e.winner(z, p.window)?;
    let d = e.below_max(z, &won)?;
    let d = one(e.open(&[Arguments::exp(&d, &p)])?);
    let exps = e.exp(&d)?;
    let sum = e.row_sum(&exps)?;
    let mut opened = e.open(&[Arguments::unit(&exps), Arguments::sum(&sum)])?.into_iter();
    let mut next = || opened.next().expect("a gate answers every entry of its list");
    let (exps, sum) = (next(), next());
    let inverse = e.reciprocal(&sum)?;
    let inverse = one(e.open(&[Arguments::unit(&inverse)])?);
    e.probability(&exps, &inverse)
}

/// How many rows have their largest output at the label, from the last product's share with `extra` more fraction bits; a share
/// scaled like the labels.
///
/// # Errors
/// What the engine says.
pub fn hits<E: Engine>(e: &mut E, z: &E::Share, extra: u32, labels: &E::Wire) -> Result<E::Share> {
    let p = e.profile().clone();
    let z = one(e.open(&[Open::product(z, p.frac + extra, &p)])?);
    let won = e.winner(&z, p.argmax_window())?;
    e.hits(&won, labels)
}
