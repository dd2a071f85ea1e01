//! Openings under masks; truncation of a product is the opening of a cut share: what it has of fraction bits beyond the wire's
//! is cut.
//!
//!   1. t <- share, cut by c bits: P0 shifts, P1 rounds up; t = z / 2^c + e, |e| < 1, mean 0, exact on multiples
//!   2. r_b <- PRG in Z_2^l
//!   3. y_hat <- open(t + r + 2^(l-2) if lifted)          one round for a whole list
//!
//! Rounds 1, opens l bits per element, deals nothing. A lifted wire holds |y| <= 2^(l-2) and can be compared, selected
//! and extended; a plain one (l = n) is an operand of products.
//! Source: protocols.md 1.1, 2.1, 2.2. Error: below one unit of the cut grid, unbiased. Every opening has its own fresh mask.

use crate::error::Result;
use crate::fixed::{MASTER_BITS, Profile, mask, signed};
use crate::kernel::Operand;
use crate::kernel::packed::words;
use crate::kernel::twin::pack::{MASK, MASK_WIDE, MERGE, MaskParams, MergeParams};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, CostKind, Dealer, DealtWire, Interpreter, MaskedWire, Plan, Scaled, Server,
    power,
};
use crate::tensor::Tensor;

use super::{array, check_rings, check_scales};

/// What is opened, and how.
#[derive(Debug)]
pub struct OpenRequest<'a, S> {
    /// The value.
    pub share: &'a S,
    /// Fraction bits of the wire; what the value has more of them is cut.
    pub frac: u32,
    /// Bits that are opened.
    pub bits: u32,
    /// Whether the wire is lifted by `2^(bits - 2)`.
    pub lifted: bool,
    /// Whether it is an argument of the loss's tables.
    pub argument: bool,
}

impl<S> Clone for OpenRequest<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for OpenRequest<'_, S> {}

impl<'a, S> OpenRequest<'a, S> {
    /// A value of the ring, or a master weight, that becomes an operand of products at the profile's scale.
    pub fn operand(share: &'a S, p: &Profile) -> Self {
        Self { share, frac: p.frac, bits: p.ring, lifted: false, argument: false }
    }

    /// The same opening of another value.
    pub(crate) fn of<'b, T>(&self, share: &'b T) -> OpenRequest<'b, T> {
        OpenRequest { share, frac: self.frac, bits: self.bits, lifted: self.lifted, argument: self.argument }
    }

    /// What the opening's cost counts as: of an argument of the loss's tables, of a product, or of an operand.
    pub(super) fn kind(&self) -> CostKind {
        match (self.argument, self.lifted) {
            (true, _) => CostKind::Loss,
            (false, true) => CostKind::Outputs,
            (false, false) => CostKind::Inputs,
        }
    }
}

impl<'a, S: Scaled> OpenRequest<'a, S> {
    /// A product or a sum of products, cut to the profile's scale; it can be compared, selected and extended.
    pub fn product(share: &'a S, p: &Profile) -> Self {
        let cut = share.frac().saturating_sub(p.frac);
        Self { share, frac: p.frac, bits: p.wire_after(cut), lifted: true, argument: false }
    }

    /// What was picked of lifted wires.
    pub fn picked(share: &'a S) -> Self {
        Self { share, frac: share.frac(), bits: check_rings::picked(share.bits()), lifted: true, argument: false }
    }

    /// Bits that are cut from the value, which has all the bits that are opened: of a longer one, the lowest are.
    pub(crate) fn cut(&self) -> Result<u32> {
        let cut = check_scales::cut("open", self.share.frac(), self.frac)?;
        check_rings::holds("open", self.share.bits(), cut + self.bits)?;
        Ok(cut)
    }
}

/// Opens values under masks.
pub trait Opening: Interpreter {
    /// Opens all of a list in one round.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn open_all(&mut self, list: &[OpenRequest<'_, Self::Share>]) -> Result<Vec<Self::Wire>>;

    /// Opens values in one round.
    ///
    /// # Errors
    /// As [`Opening::open_all`].
    fn open<const N: usize>(&mut self, list: [OpenRequest<'_, Self::Share>; N]) -> Result<[Self::Wire; N]> {
        self.open_all(&list).map(array)
    }
}

/// A value that is being opened: what is sent, and my half of its mask.
pub(super) struct Asked {
    pub(super) packed: Tensor,
    r: Tensor,
    bits: u32,
    frac: u32,
}

impl Server {
    /// Draws the masks of values and puts them on.
    pub(super) fn ask_open(&mut self, list: &[OpenRequest<'_, AdditiveShare>]) -> Result<Vec<Asked>> {
        let mut asked = Vec::with_capacity(list.len());
        for open in list {
            let cut = open.cut()?;
            let x = &open.share.x;
            let r = self.draw_mask(x.shape(), open.bits)?;
            let params = MaskParams {
                in_bits: open.share.bits,
                cut,
                up: self.up(),
                out_bits: open.bits,
                offset: u32::from(open.lifted) * self.first(),
            };
            let kernel = if x.kind() == Operand::Wide { &MASK_WIDE } else { &MASK };
            let packed = self.device().run(kernel, params, &[x, &r], [words(x.len(), open.bits)])?;
            asked.push(Asked { packed, r, bits: open.bits, frac: open.frac });
        }
        Ok(asked)
    }

    /// An opened value, from the other server's half at word `at`.
    pub(super) fn tell_open(&self, asked: Asked, peer: &Tensor, at: u32) -> Result<MaskedWire> {
        let Asked { packed, r, bits, frac } = asked;
        let hat = self.device().run(&MERGE, MergeParams { bits, at }, &[&packed, peer], r.shape().clone())?;
        Ok(MaskedWire::new(hat, r, bits, frac))
    }
}

impl Opening for Server {
    fn open_all(&mut self, list: &[OpenRequest<'_, AdditiveShare>]) -> Result<Vec<MaskedWire>> {
        let _gate = self.gate(list.first().map_or(CostKind::Outputs, OpenRequest::kind));
        let asked = self.ask_open(list)?;
        let asks: Vec<_> = asked.iter().map(|a| (&a.packed, a.packed.len())).collect();
        let peer = self.exchange(&asks)?;
        asked.into_iter().zip(&peer.at).map(|(a, at)| self.tell_open(a, &peer.words, *at)).collect()
    }
}

impl Opening for Dealer {
    fn open_all(&mut self, list: &[OpenRequest<'_, Self::Share>]) -> Result<Vec<DealtWire>> {
        list.iter().try_for_each(|open| open.cut().map(drop))?;
        list.iter().map(|open| self.draw_mask(&open.share.shape, open.bits, open.frac)).collect()
    }
}

impl Opening for Clear {
    fn open_all(&mut self, list: &[OpenRequest<'_, ClearTensor>]) -> Result<Vec<ClearTensor>> {
        list.iter().map(|open| open.cut().map(|cut| self.cut(open, cut))).collect()
    }
}

impl Clear {
    fn cut(&mut self, open: &OpenRequest<'_, ClearTensor>, cut: u32) -> ClearTensor {
        let OpenRequest { share, frac, bits, lifted, argument } = *open;
        let p = *self.profile();
        let mut x: Vec<i64> = share.x.iter().map(|z| self.round(*z, cut)).collect();
        if !lifted && share.bits == MASTER_BITS {
            self.check("weight", &x, p.frac, mask(bits - 1), |p| power(p.ring - 1, p.frac));
        }
        if lifted {
            let bound = 1u64 << (bits - 2);
            // the arguments of the loss's tables stay in theirs while the logits do, and labels are 0 or 1
            if !argument && frac == p.frac {
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
        ClearTensor { bits: open.bits, ..ClearTensor::new(x, share.shape.clone(), bits, frac) }
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
    fn open_all(&mut self, list: &[OpenRequest<'_, Self::Share>]) -> Result<Vec<Self::Wire>> {
        let server: Vec<_> = list.iter().map(|o| o.of(&o.share.0)).collect();
        let dealer: Vec<_> = list.iter().map(|o| o.of(&o.share.1)).collect();
        self.gates(|s| s.open_all(&server), |d| d.open_all(&dealer))
    }
}
