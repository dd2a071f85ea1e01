//! The parts of softmax: distance to the maximum, exp and reciprocal from rotated tables, their product.
//!
//! | gate | deals per element | error |
//! |---|---|---|
//! | `below_max`: d = y - sum_i w_i y_i mod 2^(8+f) | 2 (8 + f) bits | one unit of the cut |
//! | `exp`: [e^d], 16 fraction bits; 16 entries, knots 16 apart, low part of the mask folded in | 960 bits | 2.4e-5 |
//! | `reciprocal`: [1/S], 16 fraction bits; a quadratic per knot | 13,056 bits in small, 30,720 in wide | 8.6e-4, 9.4e-5 |
//! | `inverse_sqrt`: [1/sqrt(S)], the same with other coefficients, for 0.9 <= S < 15.8 | the same | 2.6e-4, 5.5e-5 |
//! | `probability`: [e / S] in Z_2^(n + 32 - f), cut by 32 - f | N + 4 (N - 20) + N - 40, and 2 (N - 20) per row | one unit |
//!
//! No rounds of their own: the arguments are opened by [`Opening`](super::Opening). Valid for -224 < d <= 1/8 and 0.95 <= S <
//! 15.8. Source: protocols.md 4.1, 4.2. Perfectly private: an opened argument is uniform, the tables are one-time-padded.

use crate::error::Result;
use crate::fixed::{Profile, mask};
use crate::kernel::count;
use crate::kernel::layout::{
    EXP_BITS, EXP_ENTRIES, EXP_WHOLE, SUM_BITS, SUM_FRAC, UNIT_FRAC, UNIT_WIRE, probability_words,
};
use crate::kernel::lookup_tables::{exp_decays, exp_factors, inverse_sqrt_quadratics, reciprocal_quadratics};
use crate::kernel::packed::words;
use crate::kernel::twin::softmax::{
    BELOW_MAX, BelowMaxParams, DEAL_BELOW_MAX, DEAL_EXP, DEAL_PROBABILITY, DEAL_RECIPROCAL, EXP, ExpParams,
    PROBABILITY, ProbabilityParams, RECIPROCAL, ROW_SUM, ReciprocalParams, RowSumParams,
};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, CostKind, Dealer, DealtBits, DealtShare, DealtWire, Interpreter, MaskedBits,
    MaskedWire, Plan, Scaled, Server, planned,
};

use super::{OpenRequest, check_rings, check_scales};

/// The parts of softmax.
pub trait Softmax: Interpreter {
    /// `y - max y` of every row, given the winners; fraction bits as [`Arguments`] says.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn below_max(&mut self, y: &Self::Wire, won: &Self::MaskedBits) -> Result<Self::Share>;

    /// `e^d` of an opened [`Arguments::exp`], 16 fraction bits.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn exp(&mut self, d: &Self::Wire) -> Result<Self::Share>;

    /// Sums of rows of exponentials, 12 fraction bits.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn row_sum(&mut self, e: &Self::Share) -> Result<Self::Share>;

    /// `1 / S` of an opened [`Arguments::sum`], 16 fraction bits.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn reciprocal(&mut self, s: &Self::Wire) -> Result<Self::Share>;

    /// `1 / sqrt(S)` of an opened [`Arguments::sum`], 16 fraction bits; of less than 1/2 that of 1/2.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn inverse_sqrt(&mut self, s: &Self::Wire) -> Result<Self::Share>;

    /// `e r` of two opened [`Arguments::unit`]s, one `r` per row; a share of the ring with the profile's fraction bits.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn probability(&mut self, e: &Self::Wire, r: &Self::Wire) -> Result<Self::Share>;
}

/// How the arguments of the tables are opened.
#[derive(Debug)]
pub struct Arguments;

impl Arguments {
    /// The argument of `exp`: 8 integer bits and the fraction bits of [`exp_frac`].
    pub fn exp<'a, S>(d: &'a S, p: &Profile) -> OpenRequest<'a, S> {
        OpenRequest { share: d, frac: exp_frac(p), bits: exp_bits(p), lifted: false, argument: true }
    }

    /// The argument of `reciprocal`.
    pub fn sum<S>(s: &S) -> OpenRequest<'_, S> {
        OpenRequest { share: s, frac: SUM_FRAC, bits: SUM_BITS, lifted: false, argument: true }
    }

    /// A factor of `probability`.
    pub fn unit<S>(x: &S) -> OpenRequest<'_, S> {
        OpenRequest { share: x, frac: UNIT_FRAC, bits: UNIT_WIRE, lifted: true, argument: true }
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

/// The most classes a row of softmax may have.
pub const MAX_CLASSES: usize = 1000;

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

/// Checks that a value has the ring and the scale that a gate's tables are made for.
fn fits(gate: &'static str, x: &impl Scaled, bits: u32, frac: u32) -> Result<()> {
    check_rings::same(gate, x.bits(), bits)?;
    check_scales::same(gate, x.frac(), frac)
}

/// Checks that a wire holds logits.
fn logits(y: &impl Scaled, p: &Profile) -> Result<()> {
    check_rings::holds("below_max", y.bits(), logit_bits(p))?;
    check_scales::same("below_max", y.frac(), p.frac)
}

/// Checks that two wires are factors of a probability.
fn units<W: Scaled>(e: &W, r: &W) -> Result<()> {
    [e, r].into_iter().try_for_each(|x| fits("probability", x, UNIT_WIRE, UNIT_FRAC))
}

fn probability_params(p: &Profile, classes: usize, first: u32, up: u32) -> ProbabilityParams {
    ProbabilityParams { classes: count(classes), ring: p.ring, bits: p.ring + 2 * UNIT_FRAC - p.frac, first, up }
}

impl Server {
    /// What a rotated table of quadratics has at an opened argument.
    fn quadratic(&mut self, s: &MaskedWire) -> Result<AdditiveShare> {
        let params = reciprocal_params(self.profile(), self.up());
        let dealt = self.dealt(reciprocal_words(s.hat.len(), &params))?;
        let x = self.device().run(&RECIPROCAL, params, &[&s.hat, &dealt], s.hat.shape().clone())?;
        Ok(AdditiveShare { x, bits: UNIT_WIRE, frac: UNIT_FRAC })
    }
}

impl Dealer {
    /// Deals the table for a number of knots, rotated by the argument's mask.
    fn deal_quadratic(&mut self, s: &DealtWire, table: fn(u32) -> &'static [u64]) -> Result<DealtShare> {
        let params = reciprocal_params(self.profile(), 0);
        let quadratics = self.session.constant(table(params.log_knots))?;
        self.deal(&DEAL_RECIPROCAL, params, &[&s.r, &quadratics], reciprocal_words(s.r.len(), &params))?;
        Ok(DealtShare { shape: s.r.shape().clone(), bits: UNIT_WIRE, frac: UNIT_FRAC })
    }
}

impl Softmax for Server {
    fn below_max(&mut self, y: &MaskedWire, won: &MaskedBits) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Loss);
        logits(y, self.profile())?;
        let (_, classes) = y.hat.shape().matrix();
        let params = below_max_params(self.profile(), y.bits, classes, self.first(), self.up());
        let dealt = self.dealt(2 * words(y.hat.len(), params.bits))?;
        let x = self.device().run(&BELOW_MAX, params, &[&y.hat, &y.r, &won.hat, &dealt], y.hat.shape().clone())?;
        Ok(AdditiveShare { x, bits: params.bits - params.cut, frac: exp_frac(self.profile()) })
    }

    fn exp(&mut self, d: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Loss);
        fits("exp", d, exp_bits(self.profile()), exp_frac(self.profile()))?;
        let params = ExpParams { frac: exp_frac(self.profile()), up: self.up() };
        let dealt = self.dealt(words(d.hat.len() * EXP_ENTRIES, EXP_BITS))?;
        let factors = self.session.constant(exp_factors(params.frac))?;
        let x = self.device().run(&EXP, params, &[&d.hat, &factors, &dealt], d.hat.shape().clone())?;
        Ok(AdditiveShare { x, bits: UNIT_WIRE, frac: UNIT_FRAC })
    }

    fn row_sum(&mut self, e: &AdditiveShare) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Loss);
        fits("row_sum", e, UNIT_WIRE, UNIT_FRAC)?;
        let (rows, classes) = e.x.shape().matrix();
        let params = RowSumParams { classes: count(classes), up: self.up() };
        Ok(AdditiveShare { x: self.device().run(&ROW_SUM, params, &[&e.x], [rows])?, bits: SUM_BITS, frac: SUM_FRAC })
    }

    fn reciprocal(&mut self, s: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Loss);
        fits("reciprocal", s, SUM_BITS, SUM_FRAC)?;
        self.quadratic(s)
    }

    fn inverse_sqrt(&mut self, s: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Loss);
        fits("inverse_sqrt", s, SUM_BITS, SUM_FRAC)?;
        self.quadratic(s)
    }

    fn probability(&mut self, e: &MaskedWire, r: &MaskedWire) -> Result<AdditiveShare> {
        let _gate = self.gate(CostKind::Loss);
        units(e, r)?;
        let (rows, classes) = e.hat.shape().matrix();
        let params = probability_params(self.profile(), classes, self.first(), self.up());
        let dealt = self.dealt(probability_words(rows, classes, params.bits))?;
        let inputs = [&e.hat, &e.r, &r.hat, &r.r, &dealt];
        let x = self.device().run(&PROBABILITY, params, &inputs, e.hat.shape().clone())?;
        Ok(AdditiveShare { x, bits: params.ring, frac: self.profile().frac })
    }
}

impl Softmax for Dealer {
    fn below_max(&mut self, y: &DealtWire, won: &DealtBits) -> Result<DealtShare> {
        logits(y, self.profile())?;
        let (_, classes) = y.r.shape().matrix();
        let params = below_max_params(self.profile(), y.bits, classes, 0, 0);
        self.deal(&DEAL_BELOW_MAX, params, &[&y.r, &won.lambda], 2 * words(y.r.len(), params.bits))?;
        let frac = exp_frac(self.profile());
        Ok(DealtShare { shape: y.r.shape().clone(), bits: params.bits - params.cut, frac })
    }

    fn exp(&mut self, d: &DealtWire) -> Result<DealtShare> {
        fits("exp", d, exp_bits(self.profile()), exp_frac(self.profile()))?;
        let params = ExpParams { frac: exp_frac(self.profile()), up: 0 };
        let decays = self.session.constant(exp_decays(params.frac))?;
        self.deal(&DEAL_EXP, params, &[&d.r, &decays], words(d.r.len() * EXP_ENTRIES, EXP_BITS))?;
        Ok(DealtShare { shape: d.r.shape().clone(), bits: UNIT_WIRE, frac: UNIT_FRAC })
    }

    fn row_sum(&mut self, e: &DealtShare) -> Result<DealtShare> {
        fits("row_sum", e, UNIT_WIRE, UNIT_FRAC)?;
        Ok(DealtShare { shape: [e.shape.matrix().0].into(), bits: SUM_BITS, frac: SUM_FRAC })
    }

    fn reciprocal(&mut self, s: &DealtWire) -> Result<DealtShare> {
        fits("reciprocal", s, SUM_BITS, SUM_FRAC)?;
        self.deal_quadratic(s, reciprocal_quadratics)
    }

    fn inverse_sqrt(&mut self, s: &DealtWire) -> Result<DealtShare> {
        fits("inverse_sqrt", s, SUM_BITS, SUM_FRAC)?;
        self.deal_quadratic(s, inverse_sqrt_quadratics)
    }

    fn probability(&mut self, e: &DealtWire, r: &DealtWire) -> Result<DealtShare> {
        units(e, r)?;
        let (rows, classes) = e.r.shape().matrix();
        let params = probability_params(self.profile(), classes, 0, 0);
        self.deal(&DEAL_PROBABILITY, params, &[&e.r, &r.r], probability_words(rows, classes, params.bits))?;
        Ok(DealtShare { shape: e.r.shape().clone(), bits: params.ring, frac: self.profile().frac })
    }
}

impl Softmax for Clear {
    fn below_max(&mut self, y: &ClearTensor, won: &ClearTensor) -> Result<ClearTensor> {
        logits(y, self.profile())?;
        let p = *self.profile();
        let (_, classes) = y.shape.matrix();
        let mut d = Vec::with_capacity(y.x.len());
        for (y, won) in y.x.chunks_exact(classes).zip(won.x.chunks_exact(classes)) {
            let top: i64 = y.iter().zip(won).map(|(y, w)| y * w).sum();
            d.extend(y.iter().map(|y| y - top));
        }
        self.check("spread of logits", &d, p.frac, (SPREAD << p.frac) - 1, |_| SPREAD as f64);
        let cut = p.frac - exp_frac(&p);
        let x = d.into_iter().map(|d| self.round(d, cut)).collect();
        Ok(ClearTensor::new(x, y.shape.clone(), EXP_WHOLE + exp_frac(&p), exp_frac(&p)))
    }

    fn exp(&mut self, d: &ClearTensor) -> Result<ClearTensor> {
        fits("exp", d, exp_bits(self.profile()), exp_frac(self.profile()))?;
        let frac = exp_frac(self.profile());
        let ring = EXP_WHOLE + frac;
        let value = |x: &i64| {
            // the ring stands for -224 <= d < 32
            let u = x.cast_unsigned() & mask(ring);
            let lifted = if u >= 32 << frac { u as f64 - f64::exp2(f64::from(ring)) } else { u as f64 };
            f64::exp(lifted * f64::exp2(-f64::from(frac)))
        };
        let x = d.x.iter().map(|x| self.round_real(value(x) * UNIT)).collect();
        Ok(ClearTensor::new(x, d.shape.clone(), UNIT_WIRE, UNIT_FRAC))
    }

    fn row_sum(&mut self, e: &ClearTensor) -> Result<ClearTensor> {
        fits("row_sum", e, UNIT_WIRE, UNIT_FRAC)?;
        let (rows, classes) = e.shape.matrix();
        let sums = e.x.chunks_exact(classes).map(|row| row.iter().sum::<i64>()).collect::<Vec<_>>();
        let x = sums.into_iter().map(|s| self.round(s, UNIT_FRAC - SUM_FRAC)).collect();
        Ok(ClearTensor::new(x, [rows], SUM_BITS, SUM_FRAC))
    }

    fn reciprocal(&mut self, s: &ClearTensor) -> Result<ClearTensor> {
        fits("reciprocal", s, SUM_BITS, SUM_FRAC)?;
        Ok(self.quadratic(s, |s| 1.0 / s))
    }

    fn inverse_sqrt(&mut self, s: &ClearTensor) -> Result<ClearTensor> {
        fits("inverse_sqrt", s, SUM_BITS, SUM_FRAC)?;
        Ok(self.quadratic(s, |s| 1.0 / s.sqrt()))
    }

    fn probability(&mut self, e: &ClearTensor, r: &ClearTensor) -> Result<ClearTensor> {
        units(e, r)?;
        let (_, classes) = e.shape.matrix();
        let (ring, cut) = (self.profile().ring, 2 * UNIT_FRAC - self.profile().frac);
        let product = |(i, e): (usize, &i64)| self.round(e * r.x[i / classes], cut);
        let x = e.x.iter().enumerate().map(product).collect();
        Ok(ClearTensor::new(x, e.shape.clone(), ring, self.profile().frac))
    }
}

impl Clear {
    /// A function of an argument of at least 1/2.
    fn quadratic(&mut self, s: &ClearTensor, f: impl Fn(f64) -> f64) -> ClearTensor {
        let s_of = |x: &i64| (x.cast_unsigned() & mask(SUM_BITS)) as f64 * f64::exp2(-f64::from(SUM_FRAC));
        let x = s.x.iter().map(|x| self.round_real(f(s_of(x).max(0.5)) * UNIT)).collect();
        ClearTensor::new(x, s.shape.clone(), UNIT_WIRE, UNIT_FRAC)
    }

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
    planned! {
        fn below_max(y: Wire, won: MaskedBits) -> Share;
        fn exp(d: Wire) -> Share;
        fn row_sum(e: Share) -> Share;
        fn reciprocal(s: Wire) -> Share;
        fn inverse_sqrt(s: Wire) -> Share;
        fn probability(e: Wire, r: Wire) -> Share;
    }
}
