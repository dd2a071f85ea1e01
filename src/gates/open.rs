//! Openings under masks; truncation of a product is the opening of a cut share.
//!
//!   1. t <- share, cut by c bits: P0 shifts, P1 rounds up; t = z / 2^c + e, |e| < 1, mean 0, exact on multiples
//!   2. r_b <- PRG in Z_2^l
//!   3. y_hat <- open(t + r + 2^(l-2) if lifted)          one round for a whole list
//!
//! Rounds 1, opens l bits per element, deals nothing. A lifted wire holds |y| <= 2^(l-2) and can be compared, selected
//! and extended; a plain one (l = n) is an operand of products.
//! Source: protocols.md 1.1, 1.3, 2.3. Error: below one unit of the cut grid, unbiased. Every opening has its own fresh mask.

use std::cell::OnceCell;

use crate::error::Result;
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile, mask, signed};
use crate::kernel::Operand;
use crate::kernel::fast::bits::words;
use crate::kernel::table::{MASK, MASK_WIDE, MERGE, MaskParams, MergeParams};
use crate::party::{Clear, CostKind, Dealer, DealtWire, Half, Number, OpenWire, Plan, Server, Values, power};
use crate::tensor::Tensor;

use super::width;

/// What is opened, and how.
#[derive(Debug)]
pub struct Open<'a, S> {
    /// The value.
    pub share: &'a S,
    /// Bits that are cut from it.
    pub cut: u32,
    /// Bits that are opened.
    pub bits: u32,
    /// Whether the wire is lifted by `2^(bits - 2)`.
    pub lifted: bool,
    /// Whether it is an argument of the loss's tables.
    pub argument: bool,
}

impl<S> Clone for Open<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Open<'_, S> {}

impl<'a, S> Open<'a, S> {
    /// A value of the ring that becomes an operand of products.
    pub fn operand(share: &'a S, p: &Profile) -> Self {
        Self { share, cut: 0, bits: p.ring, lifted: false, argument: false }
    }

    /// A master weight that becomes an operand of products.
    pub fn weight(share: &'a S, p: &Profile) -> Self {
        Self { share, cut: MASTER_FRAC - p.frac, bits: p.ring, lifted: false, argument: false }
    }

    /// What was picked of lifted wires of `bits` bits ([`Values::wire_bits`]).
    pub fn picked(share: &'a S, bits: u32) -> Self {
        Self { share, cut: 0, bits: width::picked(bits), lifted: true, argument: false }
    }

    /// The same opening of another value.
    pub(super) fn of<'b, T>(&self, share: &'b T) -> Open<'b, T> {
        Open { share, cut: self.cut, bits: self.bits, lifted: self.lifted, argument: self.argument }
    }

    /// A product, `cut` bits of which are cut.
    pub fn product(share: &'a S, cut: u32, p: &Profile) -> Self {
        Self { share, cut, bits: p.wire_after(cut), lifted: true, argument: false }
    }

    /// What the opening's cost counts as: of an argument of the loss's tables, of a product, or of an operand.
    pub(super) fn kind(&self) -> CostKind {
        match (self.argument, self.lifted) {
            (true, _) => CostKind::Loss,
            (false, true) => CostKind::Outputs,
            (false, false) => CostKind::Inputs,
        }
    }

    /// Checks that a share of `have` bits has all the bits that are opened: of a longer share, the lowest are.
    pub(super) fn check(&self, have: u32) -> Result<()> {
        width::holds("open", have, self.cut + self.bits)
    }
}

/// Opens values under masks.
pub trait Opening: Values {
    /// Opens all of a list in one round.
    ///
    /// # Errors
    /// What the device or the link says.
    fn open(&mut self, list: &[Open<'_, Self::Share>]) -> Result<Vec<Self::Wire>>;
}

/// A value that is being opened: what is sent, and my half of its mask.
pub(super) struct Asked {
    pub(super) packed: Tensor,
    r: Tensor,
    bits: u32,
}

impl Server {
    /// Draws the masks of values and puts them on.
    pub(super) fn ask_open(&mut self, list: &[Open<'_, Half>]) -> Result<Vec<Asked>> {
        let mut asked = Vec::with_capacity(list.len());
        for open in list {
            open.check(open.share.bits)?;
            let x = &open.share.x;
            let r = self.draw_mask(x.shape(), open.bits)?;
            let params = MaskParams {
                in_bits: open.share.bits,
                cut: open.cut,
                up: self.up(),
                out_bits: open.bits,
                offset: u32::from(open.lifted) * self.first(),
            };
            let kernel = if x.kind() == Operand::Wide { &MASK_WIDE } else { &MASK };
            let packed = self.device().run(kernel, params, &[x, &r], [words(x.len(), open.bits)])?;
            asked.push(Asked { packed, r, bits: open.bits });
        }
        Ok(asked)
    }

    /// An opened value, from the other server's half at word `at`.
    pub(super) fn tell_open(&self, asked: Asked, peer: &Tensor, at: u32) -> Result<OpenWire> {
        let Asked { packed, r, bits } = asked;
        let hat = self.device().run(&MERGE, MergeParams { bits, at }, &[&packed, peer], r.shape().clone())?;
        Ok(OpenWire { hat, r, bits, half: OnceCell::new() })
    }
}

impl Opening for Server {
    fn open(&mut self, list: &[Open<'_, Half>]) -> Result<Vec<OpenWire>> {
        let asked = self.ask_open(list)?;
        let asks: Vec<_> = asked.iter().map(|a| (&a.packed, a.packed.len())).collect();
        let peer = self.exchange(&asks)?;
        asked.into_iter().zip(&peer.at).map(|(a, at)| self.tell_open(a, &peer.words, *at)).collect()
    }
}

impl Opening for Dealer {
    fn open(&mut self, list: &[Open<'_, Self::Share>]) -> Result<Vec<DealtWire>> {
        list.iter().map(|open| self.draw_mask(open.share, open.bits)).collect()
    }
}

impl Opening for Clear {
    fn open(&mut self, list: &[Open<'_, Number>]) -> Result<Vec<Number>> {
        list.iter().map(|open| open.check(open.share.bits).map(|()| self.cut(open))).collect()
    }
}

impl Clear {
    fn cut(&mut self, open: &Open<'_, Number>) -> Number {
        let Open { share, cut, bits, lifted, argument } = *open;
        let p = self.profile().clone();
        let mut x: Vec<i64> = share.x.iter().map(|z| self.round(*z, cut)).collect();
        if !lifted && share.bits == MASTER_BITS {
            self.check("weight", &x, p.frac, mask(bits - 1), |p| power(p.ring - 1, p.frac));
        }
        if lifted {
            let bound = 1u64 << (bits - 2);
            // the arguments of the loss's tables stay in theirs while the logits do
            if !argument {
                // a cut of more than f bits leaves a shorter wire
                let short = p.wire - bits;
                self.check("output", &x, p.frac, bound, |p| power(p.wire - short - 2, p.frac));
            }
            for y in x.iter_mut().filter(|y| y.unsigned_abs() > bound) {
                *y = self.overflow(*y, bits);
            }
        }
        // a lifted wire keeps its integer: 2^(l-2) itself is in range
        let bits = if lifted { 64 } else { bits };
        Number { bits: open.bits, ..Number::new(x, share.shape.clone(), bits) }
    }

    /// What the extension of a wire makes of a value outside its range: off by a multiple of `2^l` that depends on the mask.
    fn overflow(&mut self, y: i64, bits: u32) -> i64 {
        let rho = self.coin(bits);
        let hat = y.cast_unsigned().wrapping_add(rho).wrapping_add(1 << (bits - 2)) & mask(bits);
        let wrap = (1 ^ (hat >> (bits - 1))) & (rho >> (bits - 1));
        let y = hat.wrapping_sub(1 << (bits - 2)).wrapping_sub(rho).wrapping_add(wrap << bits);
        signed(y, 64)
    }
}

impl Opening for Plan {
    fn open(&mut self, list: &[Open<'_, Self::Share>]) -> Result<Vec<Self::Wire>> {
        let server: Vec<_> = list.iter().map(|o| o.of(&o.share.0)).collect();
        let dealer: Vec<_> = list.iter().map(|o| o.of(&o.share.1)).collect();
        let kind = list.first().map_or(CostKind::Outputs, Open::kind);
        self.gates(kind, |s| s.open(&server), |d| d.open(&dealer))
    }
}
