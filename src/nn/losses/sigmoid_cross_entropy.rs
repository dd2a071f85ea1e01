//! Binary cross-entropy of the sigmoid of every output.

use super::LossFunction;
use crate::error::Result;
use crate::gates::Engine;
use crate::nn::layers::Pieces;
use crate::nn::range_check::RangeWatch;

/// The gradient is `sigmoid(y) - onehot`, of the sigmoid in three pieces.     4 rounds (protocols.md 4.3)
pub(super) struct SigmoidCrossEntropy;

impl LossFunction for SigmoidCrossEntropy {
    fn prediction<E: Engine>(e: &mut E, z: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Share> {
        Pieces::default().activate(e, z, watch)
    }
}
