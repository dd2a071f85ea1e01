//! Rescaling: a share is multiplied by a public number and truncated to the scale of the master weights in `Z_2^64`, without
//! opening the value (MW with one OR). The shift k includes the number's own. Operands of products are truncated as they are
//! opened: see `open.rs`.
//!
//!   1. x' = scale x + 2^(n-2) (P0 adds): its top bit is 0, so its shares wrap iff either share's top bit m_b is 1
//!   2. D: pads alpha_b, one private bit from each seed; [alpha_0 alpha_1] in 64 - n + k bits
//!   3. P_b sends m_b ^ alpha_b; the two padded bits stay apart, this is not the opening of a secret
//!   4. [w] = m_0 + m_1 - m_0 m_1;   [y] = x' / 2^k - 2^(n-k) [w] - 2^(n-2-k)   (P0 shifts, P1 rounds up; exact for k <= 0)
//!
//! Rounds 1 for a whole list, opens 1 padded bit per element, deals 64 - n + k bits. Needs |scale x| < 2^(n-2).
//! Source: protocols.md 2.5. Error: below one unit of the result, unbiased.

use crate::error::Result;
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile, mask, signed};
use crate::kernel::packed::{plane, words};
use crate::kernel::twin::rescale::{DEAL_RESCALE, RESCALE, RESCALE_ASK, RESCALE_ASK_WIDE, RESCALE_WIDE, RescaleParams};
use crate::kernel::twin::select::CorrectParams;
use crate::kernel::{Operand, count};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, CostKind, Dealer, DealtShare, Interpreter, Plan, Scaled, Server, power,
};
use crate::shape::Shape;

/// `times scale x / 2^over`.
#[derive(Debug)]
pub struct Scaling<'a, S> {
    /// The value, in the ring of products or in `Z_2^64`.
    pub share: &'a S,
    /// What it is, as `gradient`; for range reports.
    pub what: &'static str,
    /// Multiplies the value before it is shifted.
    pub scale: u32,
    /// The power of two that it is divided by; multiplied where negative.
    pub over: i32,
    /// Multiplies the result.
    pub times: u32,
}

impl<S> Scaling<'_, S> {
    /// The same scaling of another value.
    pub(crate) fn of<'a, T>(&self, share: &'a T) -> Scaling<'a, T> {
        Scaling { share, what: self.what, scale: self.scale, over: self.over, times: self.times }
    }
}

impl<S: Scaled> Scaling<'_, S> {
    /// Bits that are cut from the value; a left shift where negative.
    pub(crate) fn shift(&self) -> i32 {
        self.share.frac().cast_signed() - MASTER_FRAC.cast_signed() + self.over
    }

    /// Bits that the dealer ships per element.
    fn room(&self) -> u32 {
        (MASTER_BITS - self.share.bits()).wrapping_add_signed(self.shift())
    }
}

/// Rescales shares.
pub trait Rescale: Interpreter {
    /// Rescales all of a list into `Z_2^64`, to the scale of the master weights, in one round.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn rescale(&mut self, list: &[Scaling<'_, Self::Share>]) -> Result<Vec<Self::Share>>;
}

impl Rescale for Server {
    fn rescale(&mut self, list: &[Scaling<'_, AdditiveShare>]) -> Result<Vec<AdditiveShare>> {
        let _gate = self.gate(CostKind::Update);
        let params = |s: &Self, x: &Scaling<'_, AdditiveShare>, peer_at| RescaleParams {
            bits: x.share.bits,
            scale: x.scale,
            shift: x.shift().cast_unsigned(),
            times: x.times,
            first: s.first(),
            up: s.up(),
            peer_at,
        };
        let mut held = Vec::with_capacity(list.len());
        for s in list {
            let x = &s.share.x;
            let own = self.draw(plane(x.len()))?;
            let dealt = self.dealt(words(x.len(), s.room()))?;
            let kernel = if x.kind() == Operand::Wide { &RESCALE_ASK_WIDE } else { &RESCALE_ASK };
            let asked = self.device().run(kernel, params(self, s, 0), &[x, &own], [plane(x.len())])?;
            held.push((asked, own, dealt));
        }
        let asks: Vec<_> = held.iter().map(|(asked, ..)| (asked, asked.len())).collect();
        let peer = self.exchange(&asks)?;
        let mut out = Vec::with_capacity(list.len());
        for (((asked, own, dealt), at), s) in held.into_iter().zip(&peer.at).zip(list) {
            let x = &s.share.x;
            let kernel = if x.kind() == Operand::Wide { &RESCALE_WIDE } else { &RESCALE };
            let inputs = [x, &own, &asked, &peer.words, &dealt];
            let y = self.device().run(kernel, params(self, s, *at), &inputs, x.shape().clone())?;
            out.push(AdditiveShare { x: y, bits: MASTER_BITS, frac: MASTER_FRAC });
        }
        Ok(out)
    }
}

impl Rescale for Dealer {
    fn rescale(&mut self, list: &[Scaling<'_, DealtShare>]) -> Result<Vec<DealtShare>> {
        for s in list {
            let len = s.share.shape.len();
            let [own0, own1] = self.draw(plane(len))?;
            let params = CorrectParams { len: count(len), bits: s.room() };
            self.deal(&DEAL_RESCALE, params, &[&own0, &own1], words(len, s.room()))?;
        }
        let master = |shape: &Shape| DealtShare { shape: shape.clone(), bits: MASTER_BITS, frac: MASTER_FRAC };
        Ok(list.iter().map(|s| master(&s.share.shape)).collect())
    }
}

impl Rescale for Clear {
    fn rescale(&mut self, list: &[Scaling<'_, ClearTensor>]) -> Result<Vec<ClearTensor>> {
        let one = |s: &Scaling<'_, ClearTensor>| {
            let bits = s.share.bits;
            let frac = |p: &Profile| if bits == MASTER_BITS { MASTER_FRAC } else { 2 * p.frac };
            let ring = |p: &Profile| if bits == MASTER_BITS { MASTER_BITS } else { p.ring };
            let allowed = mask(bits - 2) / u64::from(s.scale.max(1));
            let bound = |p: &Profile| power(ring(p) - 2, frac(p)) / f64::from(s.scale.max(1));
            self.check(s.what, &s.share.x, frac(self.profile()), allowed, bound);
            let y = |x: &i64| self.rescaled(signed(x.wrapping_mul(s.scale.into()).cast_unsigned(), bits), s);
            let y: Vec<i64> = s.share.x.iter().map(y).map(|y| y.wrapping_mul(i64::from(s.times))).collect();
            Ok(ClearTensor::master(y, s.share.shape.clone()))
        };
        list.iter().map(one).collect()
    }
}

impl Clear {
    /// `x / 2^shift`; outside the range, what the shares make of it: off by `2^n / 2^shift` for some masks.
    #[expect(clippy::cast_possible_truncation, reason = "reduced into Z_2^64")]
    fn rescaled(&mut self, x: i64, s: &Scaling<'_, ClearTensor>) -> i64 {
        let (n, quarter) = (s.share.bits, 1i128 << (s.share.bits - 2));
        let mut value = i128::from(x);
        if !(-quarter..quarter).contains(&value) {
            let x = (x.cast_unsigned().wrapping_add(1 << (n - 2))) & mask(n);
            let x0 = self.coin(n);
            let x1 = x.wrapping_sub(x0) & mask(n);
            let wrapped = i128::from((u128::from(x0) + u128::from(x1)) >> n == 1);
            let guessed = i128::from((x0 | x1) >> (n - 1));
            value = i128::from(x) + ((wrapped - guessed) << n) - quarter;
        }
        match u32::try_from(s.shift()) {
            Ok(cut) => ((value + i128::from(self.coin(cut))) >> cut) as i64,
            Err(_) => (value << s.shift().unsigned_abs()) as i64,
        }
    }
}

impl Rescale for Plan {
    fn rescale(&mut self, list: &[Scaling<'_, Self::Share>]) -> Result<Vec<Self::Share>> {
        let halves: Vec<_> = list.iter().map(|s| s.of(&s.share.0)).collect();
        let shapes: Vec<_> = list.iter().map(|s| s.of(&s.share.1)).collect();
        self.gates(|s| s.rescale(&halves), |d| d.rescale(&shapes))
    }
}
