//! The parts of softmax: distance to the maximum, exp and reciprocal from rotated tables, their product.
//!
//! | gate | deals per element | error |
//! |---|---|---|
//! | `below_max`: d = y - sum_i w_i y_i mod 2^(8+f) | 2 (8 + f) bits | one unit of the cut |
//! | `exp`: [e^d], 16 fraction bits; 16 entries, knots 16 apart, low part of the mask folded in | 960 bits | 2.4e-5 |
//! | `reciprocal`: [1/S], 16 fraction bits; a quadratic per knot | 13,056 bits in small, 30,720 in wide | 8.6e-4, 9.4e-5 |
//! | `probability`: [e / S] in Z_2^(n + 32 - f), cut by 32 - f | N + 4 (N - 20) + N - 40, and 2 (N - 20) per row | one unit |
//!
//! No rounds of their own: the arguments are opened by [`Opening`](super::Opening). Valid for -224 < d <= 1/8 and 0.95 <= S < 15.8.
//! Source: protocols.md 4.1, 4.2. Perfectly private: an opened argument is uniform, the tables are one-time-padded.

use crate::error::Result;
use crate::fixed::{Profile, mask};
use crate::kernel::fast::bits::words;
use crate::kernel::rotated::{exp_decays, exp_factors, reciprocal_quadratics};
use crate::kernel::table::{
    BELOW_MAX, BelowMaxParams, DEAL_BELOW_MAX, DEAL_EXP, DEAL_PROBABILITY, DEAL_RECIPROCAL, EXP, ExpParams,
    PROBABILITY, ProbabilityParams, RECIPROCAL, ROW_SUM, ReciprocalParams, RowSumParams,
};
use crate::kernel::twin::softmax::{
    EXP_BITS, EXP_ENTRIES, EXP_WHOLE, SUM_BITS, SUM_FRAC, UNIT_FRAC, UNIT_WIRE, probability_words,
};
use crate::party::{
    Clear, CostKind, Dealer, DealtBits, DealtWire, Half, Number, OpenBits, OpenWire, Plan, Server, Values, count,
};
use crate::shape::Shape;

use super::{Open, width};

/// The parts of softmax.
pub trait Softmax: Values {
    /// `y - max y` of every row, given the winners; fraction bits as [`Arguments`] says.
    ///
    /// # Errors
    /// What the device or the link says.
    fn below_max(&mut self, y: &Self::Wire, won: &Self::OpenBits) -> Result<Self::Share>;

    /// `e^d` of an opened [`Arguments::exp`], 16 fraction bits.
    ///
    /// # Errors
    /// What the device or the link says.
    fn exp(&mut self, d: &Self::Wire) -> Result<Self::Share>;

    /// Sums of rows of exponentials, 12 fraction bits.
    ///
    /// # Errors
    /// What the device says.
    fn row_sum(&mut self, e: &Self::Share) -> Result<Self::Share>;

    /// `1 / S` of an opened [`Arguments::sum`], 16 fraction bits.
    ///
    /// # Errors
    /// What the device or the link says.
    fn reciprocal(&mut self, s: &Self::Wire) -> Result<Self::Share>;

    /// `e r` of two opened [`Arguments::unit`]s, one `r` per row; a share of the ring with the profile's fraction bits.
    ///
    /// # Errors
    /// What the device or the link says.
    fn probability(&mut self, e: &Self::Wire, r: &Self::Wire) -> Result<Self::Share>;
}

/// How the arguments of the tables are opened.
#[derive(Debug)]
pub struct Arguments;

impl Arguments {
    /// The argument of `exp`: 8 integer bits and the fraction bits of [`exp_frac`].
    pub fn exp<'a, S>(d: &'a S, p: &Profile) -> Open<'a, S> {
        Open { share: d, cut: 0, bits: exp_bits(p), lifted: false, argument: true }
    }

    /// The argument of `reciprocal`.
    pub fn sum<S>(s: &S) -> Open<'_, S> {
        Open { share: s, cut: 0, bits: SUM_BITS, lifted: false, argument: true }
    }

    /// A factor of `probability`.
    pub fn unit<S>(x: &S) -> Open<'_, S> {
        Open { share: x, cut: 0, bits: UNIT_WIRE, lifted: true, argument: true }
    }
}

/// Fraction bits of an exponent.
pub fn exp_frac(p: &Profile) -> u32 {
    p.frac.min(10)
}

/// Bits of an exponent.
fn exp_bits(p: &Profile) -> u32 {
    EXP_WHOLE + exp_frac(p)
}

/// Bits that the wire of logits has at least: their distances from the largest are taken modulo 2^(8 + f).
pub fn logit_bits(p: &Profile) -> u32 {
    EXP_WHOLE + p.frac
}

/// The most classes a row of softmax may have: the sum of its exponentials stays below 16.
pub const MAX_CLASSES: usize = 14;

fn below_max_params(p: &Profile, wire: u32, classes: usize, first: u32, up: u32) -> BelowMaxParams {
    let bits = logit_bits(p);
    BelowMaxParams { classes: count(classes), wire, bits, cut: p.frac - exp_frac(p), first, up }
}

fn reciprocal_params(p: &Profile, up: u32) -> ReciprocalParams {
    if p.frac <= 8 {
        ReciprocalParams { log_knots: 7, bits: 34, up }
    } else {
        ReciprocalParams { log_knots: 8, bits: 40, up }
    }
}

fn reciprocal_words(len: usize, params: &ReciprocalParams) -> usize {
    3 * words(len << params.log_knots, params.bits)
}

/// Checks that two wires are factors of a probability.
fn units(e: u32, r: u32) -> Result<()> {
    width::same("probability", e, UNIT_WIRE)?;
    width::same("probability", r, UNIT_WIRE)
}

fn probability_params(p: &Profile, classes: usize, first: u32, up: u32) -> ProbabilityParams {
    ProbabilityParams { classes: count(classes), ring: p.ring, bits: p.ring + 2 * UNIT_FRAC - p.frac, first, up }
}

impl Softmax for Server {
    fn below_max(&mut self, y: &OpenWire, won: &OpenBits) -> Result<Half> {
        width::holds("below_max", y.bits, logit_bits(self.profile()))?;
        let (_, classes) = y.hat.shape().matrix();
        let params = below_max_params(self.profile(), y.bits, classes, self.first(), self.up());
        let dealt = self.dealt(2 * words(y.hat.len(), params.bits))?;
        let x = self.device().run(&BELOW_MAX, params, &[&y.hat, &y.r, &won.hat, &dealt], y.hat.shape().clone())?;
        Ok(Half { x, bits: params.bits - params.cut })
    }

    fn exp(&mut self, d: &OpenWire) -> Result<Half> {
        width::same("exp", d.bits, exp_bits(self.profile()))?;
        let params = ExpParams { frac: exp_frac(self.profile()), up: self.up() };
        let dealt = self.dealt(words(d.hat.len() * EXP_ENTRIES, EXP_BITS))?;
        let factors = self.constant(exp_factors(params.frac))?;
        let x = self.device().run(&EXP, params, &[&d.hat, &factors, &dealt], d.hat.shape().clone())?;
        Ok(Half { x, bits: UNIT_WIRE })
    }

    fn row_sum(&mut self, e: &Half) -> Result<Half> {
        width::same("row_sum", e.bits, UNIT_WIRE)?;
        let (rows, classes) = e.x.shape().matrix();
        let params = RowSumParams { classes: count(classes), up: self.up() };
        Ok(Half { x: self.device().run(&ROW_SUM, params, &[&e.x], [rows])?, bits: SUM_BITS })
    }

    fn reciprocal(&mut self, s: &OpenWire) -> Result<Half> {
        width::same("reciprocal", s.bits, SUM_BITS)?;
        let params = reciprocal_params(self.profile(), self.up());
        let dealt = self.dealt(reciprocal_words(s.hat.len(), &params))?;
        let x = self.device().run(&RECIPROCAL, params, &[&s.hat, &dealt], s.hat.shape().clone())?;
        Ok(Half { x, bits: UNIT_WIRE })
    }

    fn probability(&mut self, e: &OpenWire, r: &OpenWire) -> Result<Half> {
        units(e.bits, r.bits)?;
        let (rows, classes) = e.hat.shape().matrix();
        let params = probability_params(self.profile(), classes, self.first(), self.up());
        let dealt = self.dealt(probability_words(rows, classes, params.bits))?;
        let inputs = [&e.hat, &e.r, &r.hat, &r.r, &dealt];
        let x = self.device().run(&PROBABILITY, params, &inputs, e.hat.shape().clone())?;
        Ok(Half { x, bits: params.ring })
    }
}

impl Softmax for Dealer {
    fn below_max(&mut self, y: &DealtWire, won: &DealtBits) -> Result<Shape> {
        width::holds("below_max", y.bits, logit_bits(self.profile()))?;
        let (_, classes) = y.r.shape().matrix();
        let params = below_max_params(self.profile(), y.bits, classes, 0, 0);
        let share0 = self.share0(2 * words(y.r.len(), params.bits))?;
        let dealt = self.device().run(&DEAL_BELOW_MAX, params, &[&y.r, &won.lambda, &share0], [share0.len()])?;
        self.ship(&dealt)?;
        Ok(y.r.shape().clone())
    }

    fn exp(&mut self, d: &DealtWire) -> Result<Shape> {
        width::same("exp", d.bits, exp_bits(self.profile()))?;
        let params = ExpParams { frac: exp_frac(self.profile()), up: 0 };
        let decays = self.constant(exp_decays(params.frac))?;
        let share0 = self.share0(words(d.r.len() * EXP_ENTRIES, EXP_BITS))?;
        let dealt = self.device().run(&DEAL_EXP, params, &[&d.r, &decays, &share0], [share0.len()])?;
        self.ship(&dealt)?;
        Ok(d.r.shape().clone())
    }

    fn row_sum(&mut self, e: &Shape) -> Result<Shape> {
        Ok([e.matrix().0].into())
    }

    fn reciprocal(&mut self, s: &DealtWire) -> Result<Shape> {
        width::same("reciprocal", s.bits, SUM_BITS)?;
        let params = reciprocal_params(self.profile(), 0);
        let quadratics = self.constant(reciprocal_quadratics(params.log_knots))?;
        let share0 = self.share0(reciprocal_words(s.r.len(), &params))?;
        let dealt = self.device().run(&DEAL_RECIPROCAL, params, &[&s.r, &quadratics, &share0], [share0.len()])?;
        self.ship(&dealt)?;
        Ok(s.r.shape().clone())
    }

    fn probability(&mut self, e: &DealtWire, r: &DealtWire) -> Result<Shape> {
        units(e.bits, r.bits)?;
        let (rows, classes) = e.r.shape().matrix();
        let params = probability_params(self.profile(), classes, 0, 0);
        let share0 = self.share0(probability_words(rows, classes, params.bits))?;
        let dealt = self.device().run(&DEAL_PROBABILITY, params, &[&e.r, &r.r, &share0], [share0.len()])?;
        self.ship(&dealt)?;
        Ok(e.r.shape().clone())
    }
}

impl Softmax for Clear {
    fn below_max(&mut self, y: &Number, won: &Number) -> Result<Number> {
        width::holds("below_max", y.bits, logit_bits(self.profile()))?;
        let p = self.profile().clone();
        let (_, classes) = y.shape.matrix();
        let mut d = Vec::with_capacity(y.x.len());
        for (y, won) in y.x.chunks_exact(classes).zip(won.x.chunks_exact(classes)) {
            let top: i64 = y.iter().zip(won).map(|(y, w)| y * w).sum();
            d.extend(y.iter().map(|y| y - top));
        }
        self.check("spread of logits", &d, p.frac, (SPREAD << p.frac) - 1, |_| SPREAD as f64);
        let cut = p.frac - exp_frac(&p);
        let x = d.into_iter().map(|d| self.round(d, cut)).collect();
        Ok(Number::new(x, y.shape.clone(), EXP_WHOLE + exp_frac(&p)))
    }

    fn exp(&mut self, d: &Number) -> Result<Number> {
        width::same("exp", d.bits, exp_bits(self.profile()))?;
        let frac = exp_frac(self.profile());
        let ring = EXP_WHOLE + frac;
        let value = |x: &i64| {
            // the ring stands for -224 <= d < 32
            let u = x.cast_unsigned() & mask(ring);
            let lifted = if u >= 32 << frac { u as f64 - f64::exp2(f64::from(ring)) } else { u as f64 };
            f64::exp(lifted * f64::exp2(-f64::from(frac)))
        };
        let x = d.x.iter().map(|x| self.round_real(value(x) * UNIT)).collect();
        Ok(Number::new(x, d.shape.clone(), UNIT_WIRE))
    }

    fn row_sum(&mut self, e: &Number) -> Result<Number> {
        width::same("row_sum", e.bits, UNIT_WIRE)?;
        let (rows, classes) = e.shape.matrix();
        let sums = e.x.chunks_exact(classes).map(|row| row.iter().sum::<i64>()).collect::<Vec<_>>();
        let x = sums.into_iter().map(|s| self.round(s, UNIT_FRAC - SUM_FRAC)).collect();
        Ok(Number::new(x, [rows], SUM_BITS))
    }

    fn reciprocal(&mut self, s: &Number) -> Result<Number> {
        width::same("reciprocal", s.bits, SUM_BITS)?;
        let value = |x: &i64| {
            let s = (x.cast_unsigned() & mask(SUM_BITS)) as f64 * f64::exp2(-f64::from(SUM_FRAC));
            1.0 / s.max(0.5)
        };
        let x = s.x.iter().map(|x| self.round_real(value(x) * UNIT)).collect();
        Ok(Number::new(x, s.shape.clone(), UNIT_WIRE))
    }

    fn probability(&mut self, e: &Number, r: &Number) -> Result<Number> {
        units(e.bits, r.bits)?;
        let (_, classes) = e.shape.matrix();
        let (ring, cut) = (self.profile().ring, 2 * UNIT_FRAC - self.profile().frac);
        let product = |(i, e): (usize, &i64)| self.round(e * r.x[i / classes], cut);
        let x = e.x.iter().enumerate().map(product).collect();
        Ok(Number::new(x, e.shape.clone(), ring))
    }
}

impl Clear {
    /// A real number, rounded down or up so that the mean is right.
    #[expect(clippy::cast_possible_truncation, reason = "the values of the tables are below 2^53")]
    fn round_real(&mut self, x: f64) -> i64 {
        (x + self.coin(32) as f64 * f64::exp2(-32.0)).floor() as i64
    }
}

/// The largest spread of a row's logits.
const SPREAD: u64 = 224;
/// One, with 16 fraction bits.
const UNIT: f64 = 65_536.0;

impl Softmax for Plan {
    fn below_max(&mut self, y: &Self::Wire, won: &Self::OpenBits) -> Result<Self::Share> {
        self.gate(CostKind::Loss, |server| server.below_max(&y.0, &won.0), |dealer| dealer.below_max(&y.1, &won.1))
    }

    fn exp(&mut self, d: &Self::Wire) -> Result<Self::Share> {
        self.gate(CostKind::Loss, |server| server.exp(&d.0), |dealer| dealer.exp(&d.1))
    }

    fn row_sum(&mut self, e: &Self::Share) -> Result<Self::Share> {
        self.gate(CostKind::Loss, |server| server.row_sum(&e.0), |dealer| dealer.row_sum(&e.1))
    }

    fn reciprocal(&mut self, s: &Self::Wire) -> Result<Self::Share> {
        self.gate(CostKind::Loss, |server| server.reciprocal(&s.0), |dealer| dealer.reciprocal(&s.1))
    }

    fn probability(&mut self, e: &Self::Wire, r: &Self::Wire) -> Result<Self::Share> {
        self.gate(CostKind::Loss, |server| server.probability(&e.0, &r.0), |dealer| dealer.probability(&e.1, &r.1))
    }
}
