//! A wire as a share of the ring, and its product with an opened secret bit.
//!
//!   1. D: kappa = carry of rho_0 + rho_1, mu = msb(rho), in n - l bits each; for a product also [lambda rho] in n bits and
//!      [lambda mu] in n - l bits
//!   2. I = y_hat - 2^(l-2) as an integer, m = msb(y_hat);   [y] = I - [rho] + 2^l ([kappa] + (1 - m) [mu])
//!   3. [lambda y] = I [lambda] - [lambda rho] + 2^l (1 - m) [lambda mu];   [b y] = b_hat [y] + (1 - 2 b_hat) [lambda y]
//!
//! Rounds 0, opens nothing, deals 2 (n - l) bits per element to extend, 3 (n - l) + n to select.
//! A bit may select from several wires; each has products of its own. Source: protocols.md 2.3, 3.2. Perfect.

use crate::error::{Error, Result};
use crate::kernel::packed::words;
use crate::kernel::twin::select::{DEAL_EXTEND, DEAL_SELECT, EXTEND, ExtendParams, SELECT, SelectParams};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, CostKind, Dealer, DealtBits, DealtShare, DealtWire, Interpreter, MaskedWire,
    Plan, Selectors, Server, planned,
};

use super::check_rings;

/// Brings wires into the ring.
pub trait Select: Interpreter {
    /// A lifted wire as a share of the ring.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn extend(&mut self, y: &Self::Wire) -> Result<Self::Share>;

    /// `b y` of opened bits and a lifted wire.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn select(&mut self, b: &Self::Selectors, y: &Self::Wire) -> Result<Self::Share>;
}

/// Words that are dealt to extend.
fn extend_words(len: usize, high: u32) -> usize {
    2 * words(len, high)
}

/// Words that are dealt to select.
fn select_words(len: usize, high: u32, ring: u32) -> usize {
    3 * words(len, high) + words(len, ring)
}

impl Select for Server {
    fn extend(&mut self, y: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Selects);
        check_rings::lifted("extend", y.bits, self.profile())?;
        let ring = self.profile().ring;
        let dealt = self.dealt(extend_words(y.hat.len(), ring - y.bits))?;
        let params = ExtendParams { wire: y.bits, ring, first: self.first() };
        let x = self.device().run(&EXTEND, params, &[&y.hat, &y.r, &dealt], y.hat.shape().clone())?;
        Ok(AdditiveShare { x, bits: ring, frac: y.frac })
    }

    fn select(&mut self, b: &Selectors, y: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Selects);
        check_rings::lifted("select", y.bits, self.profile())?;
        let ring = self.profile().ring;
        let dealt = self.dealt(select_words(y.hat.len(), ring - y.bits, ring))?;
        let params = SelectParams { wire: y.bits, ring, first: self.first() };
        if b.bits.shape != *y.hat.shape() {
            return Err(Error::Shape { op: "select", lhs: b.bits.shape.clone(), rhs: y.hat.shape().clone() });
        }
        let inputs = [&y.hat, &y.r, &b.bits.hat, &b.lambda, &dealt];
        let x = self.device().run(&SELECT, params, &inputs, y.hat.shape().clone())?;
        Ok(AdditiveShare { x, bits: ring, frac: y.frac })
    }
}

impl Select for Dealer {
    fn extend(&mut self, y: &DealtWire) -> Result<DealtShare> {
        check_rings::lifted("extend", y.bits, self.profile())?;
        let ring = self.profile().ring;
        let params = ExtendParams { wire: y.bits, ring, first: 0 };
        self.deal(&DEAL_EXTEND, params, &[&y.r], extend_words(y.r.len(), ring - y.bits))?;
        Ok(DealtShare { shape: y.r.shape().clone(), bits: ring, frac: y.frac })
    }

    fn select(&mut self, b: &DealtBits, y: &DealtWire) -> Result<DealtShare> {
        check_rings::lifted("select", y.bits, self.profile())?;
        let ring = self.profile().ring;
        let params = SelectParams { wire: y.bits, ring, first: 0 };
        self.deal(&DEAL_SELECT, params, &[&y.r, &b.lambda], select_words(y.r.len(), ring - y.bits, ring))?;
        Ok(DealtShare { shape: y.r.shape().clone(), bits: ring, frac: y.frac })
    }
}

impl Select for Clear {
    fn extend(&mut self, y: &ClearTensor) -> Result<ClearTensor> {
        check_rings::lifted("extend", y.bits, self.profile())?;
        Ok(ClearTensor::new(y.x.clone(), y.shape.clone(), self.profile().ring, y.frac))
    }

    fn select(&mut self, b: &ClearTensor, y: &ClearTensor) -> Result<ClearTensor> {
        check_rings::lifted("select", y.bits, self.profile())?;
        let product = b.x.iter().zip(&y.x).map(|(b, y)| b * y).collect();
        Ok(ClearTensor::new(product, y.shape.clone(), self.profile().ring, y.frac))
    }
}

impl Select for Plan {
    planned! {
        fn extend(y: Wire) -> Share;
        fn select(b: Selectors, y: Wire) -> Share;
    }
}
