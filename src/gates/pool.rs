//! The larger of two wires, and the AND of opened bits: the steps of a max pool as a tree.
//!
//! larger:   1. D: tables and masks of a comparison of ((rho_x >> t) - (rho_y >> t)) mod 2^(k+1)
//!           2. [c] = [x >= y] of ((A_x >> t) - (A_y >> t)): shift first, then subtract           (compare, 1 round)
//! pick:     1. D: lambda and lambda (rho_x - rho_y), l bits each
//!           2. [y + c (x - y)] in Z_2^l, locally
//! and:      1. D: shares of the products of two or more of the masks that the bits are open under
//!           2. [AND b_i] = XOR_S (AND_(i not in S) b_hat_i) [AND_(i in S) lambda_i], locally
//!
//! Rounds 1, 0, 0; opens 2 (k/4 - 1) bits per pair, 0, 0; deals 54 bits for k = 12, 2 l, 2^N - N - 1 for N bits.
//! Source: protocols.md 3.3, 3.4. Perfectly private. What is picked is below the larger by less than 2^(t+1), as each of the two
//! is cut to the window by itself.

use crate::error::{Error, Result};
use crate::kernel::count;
use crate::kernel::packed::{plane, words};
use crate::kernel::twin::pack::{CONCAT, ConcatParams};
use crate::kernel::twin::pool::{AND_ALL, AndAllParams, DEAL_AND_ALL, DEAL_PICK, PICK, PickParams};
use crate::party::{
    AdditiveShare, BitShare, Clear, ClearTensor, CostKind, Dealer, DealtBits, DealtShare, DealtWire, Interpreter,
    MaskedBits, MaskedWire, Plan, Server, planned,
};
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

use super::{check_rings, check_scales};

/// Picks the larger of wires.
pub trait MaxPoolGates: Interpreter {
    /// `x` where the bit is 1, else `y`: of two lifted wires of the same bits, as a share of `Z_2^bits`.
    ///
    /// # Errors
    /// [`Error::Shape`] if their shapes differ; see also [`Engine`](crate::gates::Engine#errors).
    fn pick(&mut self, c: &Self::MaskedBits, x: &Self::Wire, y: &Self::Wire) -> Result<Self::Share>;

    /// The AND of opened bits, each complemented where its flag says so.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn and(&mut self, bits: &[(&Self::MaskedBits, bool)]) -> Result<Self::Bits>;
}

/// Words that are dealt for the AND of `n` bits.
fn and_words(n: usize, len: usize) -> usize {
    ((1 << n) - n - 1) * plane(len)
}

/// Planes one behind the other.
fn stack(device: &Device, planes: &[&Tensor]) -> Result<Tensor> {
    let mut all = planes[0].clone();
    for plane in &planes[1..] {
        all =
            device.run(&CONCAT, ConcatParams { first: count(all.len()) }, &[&all, plane], [all.len() + plane.len()])?;
    }
    Ok(all)
}

/// The bits whose flag says that they are complemented.
fn flips<T>(bits: &[(T, bool)]) -> u32 {
    bits.iter().enumerate().map(|(i, (_, flip))| u32::from(*flip) << i).sum()
}

fn same(op: &'static str, x: &Shape, y: &Shape) -> Result<()> {
    if x == y { Ok(()) } else { Err(Error::Shape { op, lhs: x.clone(), rhs: y.clone() }) }
}

impl MaxPoolGates for Server {
    fn pick(&mut self, c: &MaskedBits, x: &MaskedWire, y: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Selects);
        same("pick", x.hat.shape(), y.hat.shape())?;
        same("pick", x.hat.shape(), &c.shape)?;
        check_rings::same("pick", x.bits, y.bits)?;
        check_scales::same("pick", x.frac, y.frac)?;
        let (bits, shape) = (x.bits, x.hat.shape().clone());
        let dealt = self.dealt(2 * words(shape.len(), bits))?;
        let params = PickParams { bits, first: self.first() };
        let inputs = [&x.hat, &x.r, &y.hat, &y.r, &c.hat, &dealt];
        Ok(AdditiveShare { x: self.device().run(&PICK, params, &inputs, shape)?, bits, frac: x.frac })
    }

    fn and(&mut self, bits: &[(&MaskedBits, bool)]) -> Result<BitShare> {
        let _gate = self.gate(CostKind::Bits);
        let shape = bits[0].0.shape.clone();
        bits.iter().try_for_each(|(b, _)| same("and", &shape, &b.shape))?;
        let dealt = self.dealt(and_words(bits.len(), shape.len()))?;
        let hats = stack(self.device(), &bits.iter().map(|(b, _)| &b.hat).collect::<Vec<_>>())?;
        let owns = stack(self.device(), &bits.iter().map(|(b, _)| &b.own).collect::<Vec<_>>())?;
        let params = AndAllParams { inputs: count(bits.len()), flips: flips(bits), first: self.first() };
        let x = self.device().run(&AND_ALL, params, &[&hats, &owns, &dealt], [plane(shape.len())])?;
        Ok(BitShare { x, shape })
    }
}

impl MaxPoolGates for Dealer {
    fn pick(&mut self, c: &DealtBits, x: &DealtWire, y: &DealtWire) -> Result<DealtShare> {
        check_rings::same("pick", x.bits, y.bits)?;
        check_scales::same("pick", x.frac, y.frac)?;
        let (bits, shape) = (x.bits, x.r.shape().clone());
        let params = PickParams { bits, first: 0 };
        self.deal(&DEAL_PICK, params, &[&x.r, &y.r, &c.lambda], 2 * words(shape.len(), bits))?;
        Ok(DealtShare { shape, bits, frac: x.frac })
    }

    fn and(&mut self, bits: &[(&DealtBits, bool)]) -> Result<Shape> {
        let shape = bits[0].0.shape.clone();
        let masks = stack(self.device(), &bits.iter().map(|(b, _)| &b.lambda).collect::<Vec<_>>())?;
        let params = AndAllParams { inputs: count(bits.len()), flips: 0, first: 0 };
        self.deal(&DEAL_AND_ALL, params, &[&masks], and_words(bits.len(), shape.len()))?;
        Ok(shape)
    }
}

impl MaxPoolGates for Clear {
    fn pick(&mut self, c: &ClearTensor, x: &ClearTensor, y: &ClearTensor) -> Result<ClearTensor> {
        check_rings::same("pick", x.bits, y.bits)?;
        check_scales::same("pick", x.frac, y.frac)?;
        let one = |((c, x), y): ((&i64, &i64), &i64)| if *c == 1 { *x } else { *y };
        let picked = c.x.iter().zip(&x.x).zip(&y.x).map(one).collect();
        Ok(ClearTensor::new(picked, x.shape.clone(), x.bits, x.frac))
    }

    fn and(&mut self, bits: &[(&ClearTensor, bool)]) -> Result<ClearTensor> {
        let all = |i: usize| bits.iter().map(|(b, flip)| b.x[i] ^ i64::from(*flip)).product();
        let shape = bits[0].0.shape.clone();
        Ok(ClearTensor::of_bits((0..shape.len()).map(all).collect(), shape))
    }
}

impl MaxPoolGates for Plan {
    planned! {
        fn pick(c: MaskedBits, x: Wire, y: Wire) -> Share;
    }

    fn and(&mut self, bits: &[(&Self::MaskedBits, bool)]) -> Result<Self::Bits> {
        let server: Vec<_> = bits.iter().map(|(b, flip)| (&b.0, *flip)).collect();
        let dealer: Vec<_> = bits.iter().map(|(b, flip)| (&b.1, *flip)).collect();
        self.gate(|s| s.and(&server), |d| d.and(&dealer))
    }
}
