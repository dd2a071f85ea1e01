//! Public coins for dropout.

use crate::gates::DropoutMask;
use crate::nn::Factor;
use crate::prg::{Seed, public_seed};

/// The coins of one batch of a run, which everybody knows.
#[derive(Clone, Debug)]
pub struct DropoutMasks {
    seed: Seed,
    batch: u64,
}

impl DropoutMasks {
    /// Those of batch number `batch` of a run with a public seed.
    pub fn new(seed: u64, batch: u64) -> Self {
        Self { seed: public_seed(seed, "dropout"), batch }
    }

    /// What dropout number `layer` of a network keeps: one in `factor`.
    pub(crate) fn kept(&self, layer: u64, factor: Factor) -> DropoutMask {
        DropoutMask::new(self.seed.clone(), self.batch << 16 | layer, 1.0 / factor.value())
    }
}
