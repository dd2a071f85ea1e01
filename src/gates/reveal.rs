//! What leaves the two servers: counts of right answers, and the model; to the trainer alone, and only what the job lists.
//!
//!   1. hits: sum_i w_i L_i of winner bits and one-hot labels; D deals [lambda], [lambda r_L], n bits each
//!   2. reveal: each server adds (P1 subtracts) a fresh number from the servers' common seed to its half and hands it out
//!
//! Rounds 0 between the servers. Source: protocols.md 8. What the trainer sees of the two halves is uniform but for their sum.

use crate::error::{Error, Result};
use crate::fixed::mask;
use crate::kernel::fast::bits::words;
use crate::kernel::table::{DEAL_HITS, HITS, HitsParams};
use crate::party::{
    Clear, CostKind, Dealer, DealtBits, DealtWire, Half, Number, OpenBits, OpenWire, Plan, Revealed, Server, Values,
};
use crate::shape::Shape;

use super::width;

/// Reveals to the trainer.
pub trait Reveal: Values {
    /// The number of rows whose winner is the label, scaled like the labels; a share `[1]`.
    ///
    /// # Errors
    /// What the device or the link says.
    fn hits(&mut self, won: &Self::OpenBits, labels: &Self::Wire) -> Result<Self::Share>;

    /// Hands a share to the trainer.
    ///
    /// # Errors
    /// [`Error::Usage`] for what the job does not list; what the device or the link says.
    fn reveal(&mut self, what: Revealed, share: &Self::Share) -> Result<()>;
}

impl Reveal for Server {
    fn hits(&mut self, won: &OpenBits, labels: &OpenWire) -> Result<Half> {
        width::operand("hits", labels.bits, self.profile())?;
        let ring = self.profile().ring;
        let dealt = self.dealt(2 * words(labels.hat.len(), ring))?;
        let params = HitsParams { ring, first: self.first() };
        let x = self.device().run(&HITS, params, &[&won.hat, &labels.hat, &labels.r, &dealt], [1])?;
        Ok(Half { x, bits: ring })
    }

    fn reveal(&mut self, what: Revealed, share: &Half) -> Result<()> {
        if !self.may_reveal(what) {
            return Err(Error::Usage(format!("the job does not list {what:?} to be revealed")));
        }
        let mut half = self.device().download(&share.x)?;
        let pads = self.common_pads(half.len());
        let (m, id) = (mask(share.bits), self.id());
        for (x, pad) in half.iter_mut().zip(pads) {
            *x = if id == 0 { x.wrapping_add(pad) } else { x.wrapping_sub(pad) } & m;
        }
        self.hand_out(what, half, share.bits)
    }
}

impl Reveal for Dealer {
    fn hits(&mut self, won: &DealtBits, labels: &DealtWire) -> Result<Shape> {
        width::operand("hits", labels.bits, self.profile())?;
        let ring = self.profile().ring;
        let share0 = self.share0(2 * words(labels.r.len(), ring))?;
        let params = HitsParams { ring, first: 0 };
        let dealt = self.device().run(&DEAL_HITS, params, &[&labels.r, &won.lambda, &share0], [share0.len()])?;
        self.ship(&dealt)?;
        Ok([1].into())
    }

    fn reveal(&mut self, _: Revealed, _: &Shape) -> Result<()> {
        Ok(())
    }
}

impl Reveal for Clear {
    fn hits(&mut self, won: &Number, labels: &Number) -> Result<Number> {
        width::operand("hits", labels.bits, self.profile())?;
        let sum = won.x.iter().zip(&labels.x).map(|(w, l)| w * l).sum();
        Ok(Number::new(vec![sum], [1], self.profile().ring))
    }

    fn reveal(&mut self, what: Revealed, share: &Number) -> Result<()> {
        self.hand_out(what, share)
    }
}

impl Reveal for Plan {
    fn hits(&mut self, won: &Self::OpenBits, labels: &Self::Wire) -> Result<Self::Share> {
        self.gate(CostKind::Hits, |s| s.hits(&won.0, &labels.0), |d| d.hits(&won.1, &labels.1))
    }

    fn reveal(&mut self, _: Revealed, _: &Self::Share) -> Result<()> {
        Ok(())
    }
}
