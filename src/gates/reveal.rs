//! What leaves the two servers: counts of right answers, the model, answers to private questions; to the party that submitted the
//! job alone, and only what the job lists.
//!
//!   1. hits: sum_i w_i L_i of winner bits and one-hot labels; D deals [lambda], [lambda r_L], n bits each
//!   2. reveal: each server adds (P1 subtracts) a fresh number from the servers' common seed to its half and hands it out
//!
//! Rounds 0 between the servers. Source: protocols.md 8. What the trainer sees of the two halves is uniform but for their sum.

use crate::error::{Error, Result};
use crate::fixed::mask;
use crate::kernel::packed::words;
use crate::kernel::twin::select::{DEAL_HITS, HITS, HitsParams};
use crate::party::{
    AdditiveShare, BitShare, Clear, ClearTensor, CostKind, Dealer, DealtBits, DealtShare, DealtWire, Interpreter,
    MaskedBits, MaskedWire, Plan, Revealed, Server, planned,
};

use crate::shape::Shape;

use super::check_rings;

/// Reveals to the trainer.
pub trait Reveal: Interpreter {
    /// The number of rows whose winner is the label, scaled like the labels; a share `[1]`.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn hits(&mut self, won: &Self::MaskedBits, labels: &Self::Wire) -> Result<Self::Share>;

    /// Hands a share to the trainer.
    ///
    /// # Errors
    /// [`Error::Usage`] if the job does not list `what`; see also [`Engine`](crate::gates::Engine#errors).
    fn reveal(&mut self, what: Revealed, share: &Self::Share) -> Result<()>;

    /// Hands secret bits to the trainer, as numbers of `Z_2`.
    ///
    /// # Errors
    /// As [`Reveal::reveal`].
    fn reveal_bits(&mut self, what: Revealed, bits: &Self::Bits) -> Result<()>;
}

impl Reveal for Server {
    fn hits(&mut self, won: &MaskedBits, labels: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Hits);
        check_rings::operand("hits", labels.bits, self.profile())?;
        let ring = self.profile().ring;
        let dealt = self.dealt(2 * words(labels.hat.len(), ring))?;
        let params = HitsParams { ring, first: self.first() };
        let x = self.device().run(&HITS, params, &[&won.hat, &labels.hat, &labels.r, &dealt], [1])?;
        Ok(AdditiveShare { x, bits: ring, frac: labels.frac })
    }

    fn reveal(&mut self, what: Revealed, share: &AdditiveShare) -> Result<()> {
        let half = self.device().download(&share.x)?;
        self.reveal_half(what, half, share.bits)
    }

    fn reveal_bits(&mut self, what: Revealed, bits: &BitShare) -> Result<()> {
        let words = self.device().download(&bits.x)?;
        let half = (0..bits.shape.len()).map(|i| words[i / 32] >> (i % 32) & 1).collect();
        self.reveal_half(what, half, 1)
    }
}

impl Server {
    /// Re-randomizes a half and hands it out.
    fn reveal_half(&mut self, what: Revealed, mut half: Vec<u64>, bits: u32) -> Result<()> {
        if !self.may_reveal(what) {
            return Err(Error::Usage(format!("the job does not list {what:?} to be revealed")));
        }
        let pads = self.common_pads(half.len());
        let (m, id) = (mask(bits), self.id());
        for (x, pad) in half.iter_mut().zip(pads) {
            *x = if id == 0 { x.wrapping_add(pad) } else { x.wrapping_sub(pad) } & m;
        }
        self.reveal_to_trainer(what, half, bits)
    }
}

impl Reveal for Dealer {
    fn hits(&mut self, won: &DealtBits, labels: &DealtWire) -> Result<DealtShare> {
        check_rings::operand("hits", labels.bits, self.profile())?;
        let ring = self.profile().ring;
        let params = HitsParams { ring, first: 0 };
        self.deal(&DEAL_HITS, params, &[&labels.r, &won.lambda], 2 * words(labels.r.len(), ring))?;
        Ok(DealtShare { shape: [1].into(), bits: ring, frac: labels.frac })
    }

    fn reveal(&mut self, _: Revealed, _: &DealtShare) -> Result<()> {
        Ok(())
    }

    fn reveal_bits(&mut self, _: Revealed, _: &Shape) -> Result<()> {
        Ok(())
    }
}

impl Reveal for Clear {
    fn hits(&mut self, won: &ClearTensor, labels: &ClearTensor) -> Result<ClearTensor> {
        check_rings::operand("hits", labels.bits, self.profile())?;
        let sum = won.x.iter().zip(&labels.x).map(|(w, l)| w * l).sum();
        Ok(ClearTensor::new(vec![sum], [1], self.profile().ring, labels.frac))
    }

    fn reveal(&mut self, what: Revealed, share: &ClearTensor) -> Result<()> {
        self.reveal_to_trainer(what, share)
    }

    fn reveal_bits(&mut self, what: Revealed, bits: &ClearTensor) -> Result<()> {
        self.reveal_to_trainer(what, bits)
    }
}

impl Reveal for Plan {
    planned! {
        fn hits(won: MaskedBits, labels: Wire) -> Share;
    }

    fn reveal(&mut self, _: Revealed, _: &Self::Share) -> Result<()> {
        Ok(())
    }

    fn reveal_bits(&mut self, _: Revealed, _: &Self::Bits) -> Result<()> {
        Ok(())
    }
}
