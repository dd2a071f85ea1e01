//! How many values of some samples are out of their range, and nothing on which.
//!
//!   1. sample: y[at], y[at + stride], .. of a wire, or differences of two wires; of y_hat and of the masks alike
//!   2. [c_t] = [rho > a_t], a_t = y_hat - lift - t mod 2^l, for the thresholds -b and b + u of every sample, on the same tables
//!      (compare); the window has the top bits of the wire's ring, u is the unit of its lowest
//!   3. [out] = 1 ^ [c_(-b)] ^ [c_(b + u)] ^ (a_(-b) > a_(b + u)), the last of it public;   out_hat <- open
//!   4. count: the sum of [out] in the ring for every sample
//!
//! The value is y_hat - lift - rho mod 2^l, so it is in [-b, b + u) exactly if rho is one of the 2b + u numbers that follow
//! a_(b + u): if a_(b + u) <= a_(-b), those between the two, else those that are not.
//! Rounds 2 for a whole list, opens 4 (k/4 - 1) + 1 bits per element, deals 59 + n bits for k = 12. Source: protocols.md 3.7.
//! Never counts a value in [-b, b], always one below -b - u or from b + u on, of the ring's whole. Private as comparisons are.

use crate::error::{Error, Result};
use crate::fixed::{mask, signed};
use crate::kernel::twin::compare::{WINDOW, WindowParams};
use crate::kernel::twin::linear::{SUM_ROWS, SumRowsParams};
use crate::kernel::twin::range::{SAMPLE, SampleParams};
use crate::kernel::{count, low};
use crate::party::{
    AdditiveShare, Clear, ClearTensor, CostKind, Dealer, DealtBits, DealtShare, DealtWire, Interpreter, MaskedWire,
    Plan, Scaled, Selectors, Server,
};
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

use super::compare_window::Windows;
use super::{BitOpening, Local, check_rings, check_scales};

/// Which elements of a wire are looked at: from `at` on every `stride`-th, `count` of them.
///
/// In a difference, the partner of an element is `turn` columns further in its row of `cols`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamplePositions {
    /// The first.
    pub at: usize,
    /// The distance between two.
    pub stride: usize,
    /// How many.
    pub count: usize,
    /// Columns of a row.
    pub cols: usize,
    /// Columns from an element to its partner.
    pub turn: usize,
}

impl SamplePositions {
    /// All elements of a wire of `len`.
    pub fn all(len: usize) -> Self {
        Self { at: 0, stride: 1, count: len, cols: 1, turn: 0 }
    }

    /// The elements, each with its partner.
    fn pairs(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { at, stride, count, cols, turn } = self;
        (0..count).map(move |i| {
            let e = at + i * stride;
            (e, e - e % cols + (e % cols + turn) % cols)
        })
    }

    /// Checks that all elements are there.
    fn check(self, kept: Option<&Shape>, y: &Shape, z: &Shape) -> Result<()> {
        let inside = self.stride > 0 && self.cols > 0 && self.pairs().all(|(e, other)| e < y.len() && other < z.len());
        if inside { Ok(()) } else { Err(Error::Shape { op: "sample", lhs: kept.unwrap_or(y).clone(), rhs: y.clone() }) }
    }
}

/// Elements of a wire, or differences of two wires, that join a sample.
#[derive(Debug)]
pub struct Sampling<'a, W> {
    /// The sample so far, if there is one.
    pub kept: Option<&'a W>,
    /// The wire.
    pub y: &'a W,
    /// The wire whose elements are subtracted, if there is one.
    pub z: Option<&'a W>,
    /// The elements.
    pub places: SamplePositions,
}

impl<'a, W> Sampling<'a, W> {
    /// The same elements of a part of every wire.
    pub(crate) fn part<V>(&self, part: impl Fn(&'a W) -> &'a V) -> Sampling<'a, V> {
        Sampling { kept: self.kept.map(&part), y: part(self.y), z: self.z.map(&part), places: self.places }
    }
}

impl<W: Scaled> Sampling<'_, W> {
    /// The bits of the wire and its fraction bits.
    ///
    /// # Errors
    /// Of others in what it is put together with.
    fn scale(&self) -> Result<(u32, u32)> {
        let (bits, frac) = (self.y.bits(), self.y.frac());
        for w in [self.kept, self.z].into_iter().flatten() {
            check_rings::same("sample", w.bits(), bits)?;
            check_scales::same("sample", w.frac(), frac)?;
        }
        Ok((bits, frac))
    }
}

impl Sampling<'_, Tensor> {
    /// The sample on a device.
    fn take(&self, device: &Device) -> Result<Tensor> {
        let Self { kept, y, z, places } = *self;
        places.check(kept.map(Tensor::shape), y.shape(), z.unwrap_or(y).shape())?;
        let held = kept.map_or(0, Tensor::len);
        let params = SampleParams {
            held: count(held),
            at: count(places.at),
            stride: count(places.stride),
            cols: count(places.cols),
            turn: count(places.turn),
            minus: z.is_some().into(),
        };
        device.run(&SAMPLE, params, &[kept.unwrap_or(y), y, z.unwrap_or(y)], [held + places.count])
    }
}

/// A sample, and the range that its values should have.
#[derive(Debug)]
pub struct Checked<'a, W> {
    /// The wire.
    pub wire: &'a W,
    /// The largest magnitude, in units of the wire.
    pub bound: u64,
    /// Whether the wire is lifted: a difference is not.
    pub lifted: bool,
}

impl<W> Clone for Checked<'_, W> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<W> Copy for Checked<'_, W> {}

impl<W> Checked<'_, W> {
    fn of<'b, V>(&self, wire: &'b V) -> Checked<'b, V> {
        Checked { wire, bound: self.bound, lifted: self.lifted }
    }

    /// Bits that are cut from a wire of `bits` bits, and bits that are compared.
    fn window(bits: u32) -> (u32, u32) {
        let k = (bits - bits % 4).min(MOST_BITS);
        (bits - k, k)
    }

    /// The two thresholds; multiples of the unit.
    fn thresholds(&self, bits: u32) -> [i64; 2] {
        let unit = 1u64 << Self::window(bits).0;
        let bound = self.bound.next_multiple_of(unit);
        [-bound.cast_signed(), (bound + unit).cast_signed()]
    }
}

/// Bits that are compared: ranges are told within 1/16 of the bound of what is compared.
const MOST_BITS: u32 = 12;

/// Checks samples of wires against their ranges.
pub trait RangeCheck: BitOpening + Local {
    /// `kept`, and behind it elements of `y`, less those of `z` where there is one; a wire of the same bits, `[n]`. Locally.
    ///
    /// # Errors
    /// [`Error::Shape`] if a position is outside its wire; see also [`Engine`](crate::gates::Engine#errors).
    fn sample(&mut self, of: Sampling<'_, Self::Wire>) -> Result<Self::Wire>;

    /// For every wire of a list, bits that say which values are out of their range; in one round.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn outside(&mut self, list: &[Checked<'_, Self::Wire>]) -> Result<Vec<Self::Bits>>;

    /// The numbers of bits of a list that are set, `[list]`, added to those `before`. Locally.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn count(&mut self, before: Option<&Self::Share>, list: &[&Self::Selectors]) -> Result<Self::Share>;
}

/// The windows of what is open, less each threshold. Bit `k` is bit `l` of the difference as an integer: that of two thresholds
/// differs where one of them and not the other is above what is open. The upper one's is turned over, for the 1 of step 3.
fn public_windows(device: &Device, y: &Checked<'_, MaskedWire>) -> Result<Windows> {
    let (bits, lift) = (y.wire.bits, if y.lifted { 1i64 << (y.wire.bits - 2) } else { 0 });
    let (cut, k) = Checked::<MaskedWire>::window(bits);
    let [below, above] = y.thresholds(bits);
    let one = |add: i64| {
        let add = add.cast_unsigned() & mask(bits + 1);
        let params = WindowParams { bits: bits + 1, low: cut, k, add_lo: low(add), add_hi: low(add >> 32) };
        device.run(&WINDOW, params, &[&y.wire.hat], y.wire.hat.shape().clone())
    };
    Ok(Windows { a: vec![one(-lift - below)?, one(-lift - above + (1 << bits))?], k })
}

impl RangeCheck for Server {
    fn sample(&mut self, of: Sampling<'_, MaskedWire>) -> Result<MaskedWire> {
        let (bits, frac) = of.scale()?;
        let (hat, r) = (of.part(|w| &w.hat).take(self.device())?, of.part(|w| &w.r).take(self.device())?);
        Ok(MaskedWire::new(hat, r, bits, frac))
    }

    fn outside(&mut self, list: &[Checked<'_, MaskedWire>]) -> Result<Vec<Self::Bits>> {
        let _gate = self.gate(CostKind::Ranges);
        list.iter().try_for_each(|y| check_rings::lifted("outside", y.wire.bits, self.profile()))?;
        let windows = list.iter().map(|y| public_windows(self.device(), y)).collect::<Result<_>>()?;
        let bits = self.compare(windows)?;
        bits.iter().map(|both| self.xor(&both[0], &both[1])).collect()
    }

    fn count(&mut self, before: Option<&AdditiveShare>, list: &[&Selectors]) -> Result<AdditiveShare> {
        let mut counts: Option<Tensor> = None;
        for bits in list {
            let each = self.share_bits(bits)?;
            let sum = self.device().run(&SUM_ROWS, SumRowsParams { cols: 1, shift: 0 }, &[&each.x], [1])?;
            let all = Sampling { kept: counts.as_ref(), y: &sum, z: None, places: SamplePositions::all(1) };
            counts = Some(all.take(self.device())?);
        }
        let x = counts.ok_or_else(|| Error::Usage("there is nothing to count".into()))?;
        let counts = AdditiveShare { x, bits: self.profile().ring, frac: 0 };
        before.map_or(Ok(counts.clone()), |before| self.add(before, &counts))
    }
}

impl RangeCheck for Dealer {
    fn sample(&mut self, of: Sampling<'_, DealtWire>) -> Result<DealtWire> {
        let (bits, frac) = of.scale()?;
        Ok(DealtWire { r: of.part(|w| &w.r).take(self.device())?, bits, frac, public: false })
    }

    fn outside(&mut self, list: &[Checked<'_, DealtWire>]) -> Result<Vec<Shape>> {
        list.iter().try_for_each(|y| check_rings::lifted("outside", y.wire.bits, self.profile()))?;
        let one = |y: &Checked<'_, DealtWire>| {
            let bits = y.wire.bits;
            let (cut, k) = Checked::<DealtWire>::window(bits);
            let params = WindowParams { bits, low: cut, k, add_lo: 0, add_hi: 0 };
            let rho = self.device().run(&WINDOW, params, &[&y.wire.r], y.wire.r.shape().clone())?;
            Ok((Windows { a: vec![rho], k }, 2))
        };
        let list = list.iter().map(one).collect::<Result<_>>()?;
        Ok(self.compare(list)?.into_iter().map(|both| both[0].clone()).collect())
    }

    fn count(&mut self, before: Option<&DealtShare>, list: &[&DealtBits]) -> Result<DealtShare> {
        let counts = DealtShare { shape: [list.len()].into(), bits: self.profile().ring, frac: 0 };
        before.map_or(Ok(counts.clone()), |before| self.add(before, &counts))
    }
}

impl RangeCheck for Clear {
    fn sample(&mut self, of: Sampling<'_, ClearTensor>) -> Result<ClearTensor> {
        let (bits, frac) = of.scale()?;
        let Sampling { kept, y, z, places } = of;
        places.check(kept.map(|kept| &kept.shape), &y.shape, &z.unwrap_or(y).shape)?;
        let minus = |other: usize| z.map_or(0, |z| z.x[other]);
        let new = places.pairs().map(|(e, other)| y.x[e] - minus(other));
        let x: Vec<i64> = kept.iter().flat_map(|kept| kept.x.iter().copied()).chain(new).collect();
        Ok(ClearTensor { shape: [x.len()].into(), x, bits, frac })
    }

    fn outside(&mut self, list: &[Checked<'_, ClearTensor>]) -> Result<Vec<ClearTensor>> {
        let mut all = Vec::with_capacity(list.len());
        for y in list {
            check_rings::lifted("outside", y.wire.bits, self.profile())?;
            let bits = y.wire.bits;
            let (cut, _) = Checked::<ClearTensor>::window(bits);
            let [below, above] = y.thresholds(bits).map(|t| t >> cut);
            let out = |y: &i64| {
                let v = signed(self.round(signed(y.cast_unsigned(), bits), cut).cast_unsigned(), bits - cut);
                i64::from(!(below..above).contains(&v))
            };
            all.push(ClearTensor::of_bits(y.wire.x.iter().map(out).collect(), y.wire.shape.clone()));
        }
        Ok(all)
    }

    fn count(&mut self, before: Option<&ClearTensor>, list: &[&ClearTensor]) -> Result<ClearTensor> {
        before.map_or(Ok(()), |before| check_scales::same("count", before.frac, 0))?;
        let known = |i: usize| before.map_or(0, |before| before.x[i]);
        let counts = list.iter().enumerate().map(|(i, bits)| known(i) + bits.x.iter().sum::<i64>()).collect();
        Ok(ClearTensor::new(counts, [list.len()], self.profile().ring, 0))
    }
}

impl RangeCheck for Plan {
    fn sample(&mut self, of: Sampling<'_, Self::Wire>) -> Result<Self::Wire> {
        Ok((self.server.sample(of.part(|w| &w.0))?, self.dealer.sample(of.part(|w| &w.1))?))
    }

    fn outside(&mut self, list: &[Checked<'_, Self::Wire>]) -> Result<Vec<Self::Bits>> {
        let server: Vec<_> = list.iter().map(|y| y.of(&y.wire.0)).collect();
        let dealer: Vec<_> = list.iter().map(|y| y.of(&y.wire.1)).collect();
        self.gates(|s| s.outside(&server), |d| d.outside(&dealer))
    }

    fn count(&mut self, before: Option<&Self::Share>, list: &[&Self::Selectors]) -> Result<Self::Share> {
        let (server, dealer): (Vec<_>, Vec<_>) = list.iter().map(|bits| (&bits.0, &bits.1)).unzip();
        let (known, shape) = before.map(|x| (&x.0, &x.1)).unzip();
        Ok((self.server.count(known, &server)?, self.dealer.count(shape, &dealer)?))
    }
}
