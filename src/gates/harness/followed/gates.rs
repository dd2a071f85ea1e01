//! The gates of a followed run.

use super::{Followed, plain};
use crate::error::{Error, Result};
use crate::fixed::{Profile, Window, signed};
use crate::gates::harness::law::inverse_sqrt_error;
use crate::gates::harness::near::{Near, box_off, cut_off, kept_off, table};
use crate::gates::harness::record::Gate;
use crate::gates::harness::terms::product_terms;
use crate::gates::{
    Bilinear, BitOpening, Checked, Chunks, Compare, DropoutMask, ImageWindows, Local, MaxPoolGates, OpenRequest,
    Opening, Product, PublicWires, RangeCheck, Rescale, Reveal, Sampling, Scaling, Select, Softmax, Winner, exp_frac,
};
use crate::kernel::layout::pairs;
use crate::party::{Interpreter, Revealed, RunPhase, Scaled, Set, Verdict};
use crate::shape::Shape;

impl Interpreter for Followed {
    type Share = Near;
    type Wire = Near;
    type Bits = Near;
    type MaskedBits = Near;
    type Selectors = Near;

    fn profile(&self) -> &Profile {
        self.clear.profile()
    }

    fn enter_phase(&mut self, section: RunPhase) {
        self.clear.enter_phase(section);
    }

    fn scope(&mut self, name: &str) {
        self.clear.scope(name);
    }

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<Near> {
        self.clear.parameter(index, shape).map(Near::exact)
    }

    fn zeros(&mut self, shape: &Shape) -> Result<Near> {
        self.clear.zeros(shape).map(Near::exact)
    }

    fn rows(&mut self, set: Set, rows: &[u32]) -> Result<Near> {
        self.clear.rows(set, rows).map(Near::exact)
    }

    fn step_done(&mut self, step: u64) -> Result<bool> {
        self.clear.step_done(step)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        self.clear.judge(epoch)
    }

    fn bits_of(selectors: &Near) -> Near {
        selectors.clone()
    }
}

/// Gates that make one value of values, and behind a semicolon of what is handed on as it is: the clear run's, recorded as a
/// [`Gate`], and how far the shares' may be off.
macro_rules! followed {
    ($(fn $name:ident($($x:ident),+ $(; $($arg:ident: $plain:ty),+)?) as $gate:expr => $off:expr;)+) => { $(
        fn $name(&mut self, $($x: &Near,)+ $($($arg: $plain),+)?) -> Result<Near> {
            let value = self.clear.$name($(&$x.value,)+ $($($arg),+)?)?;
            let off = $off;
            self.near(&$gate, value, off)
        }
    )+ };
}

/// How far every element may be off, by its number and the clear run's integer.
fn each(x: &Near, off: impl Fn(usize, i64) -> f64) -> Vec<f64> {
    x.value.x.iter().enumerate().map(|(i, x)| off(i, *x)).collect()
}

impl Opening for Followed {
    fn open_all(&mut self, list: &[OpenRequest<'_, Near>]) -> Result<Vec<Near>> {
        let wires = self.clear.open_all(&list.iter().map(plain).collect::<Vec<_>>())?;
        self.opened(list, wires)
    }
}

impl Compare for Followed {
    fn sign_all(&mut self, list: &[(&Near, Window)]) -> Result<Vec<Near>> {
        list.iter().map(|(y, window)| self.sign(&Gate::Sign { window: *window }, y, *window, 0)).collect()
    }

    fn at_least_all(&mut self, y: &Near, window: Window, thresholds: &[i64]) -> Result<Vec<Near>> {
        let one = |t: &i64| self.sign(&Gate::AtLeast { window, threshold: *t }, y, window, *t);
        thresholds.iter().map(one).collect()
    }

    fn compare_batch(
        &mut self,
        pairs: &[(&Near, &Near)],
        wires: &[&Near],
        window: Window,
    ) -> Result<(Vec<Near>, Vec<Near>)> {
        let p = *self.profile();
        let larger = |(x, y): &(&Near, &Near)| {
            self.branch(&Gate::Larger { window }, x.value.shape.clone(), |i| Self::pair((x, i), (y, i), window, &p))
        };
        let larger = pairs.iter().map(larger).collect::<Result<_>>()?;
        Ok((larger, Compare::sign_all(self, &wires.iter().map(|y| (*y, window)).collect::<Vec<_>>())?))
    }

    fn pair_signs(&mut self, y: &Near, window: Window) -> Result<Near> {
        let (rows, classes) = y.value.shape.matrix();
        let (all, p): (Vec<_>, _) = (pairs(classes).collect(), *self.profile());
        let sides = |at: usize| {
            let ((i, j), row) = (all[at / rows], at % rows * classes);
            Self::pair((y, row + i), (y, row + j), window, &p)
        };
        self.branch(&Gate::PairSigns { window }, [all.len(), rows].into(), sides)
    }
}

impl BitOpening for Followed {
    followed! {
        fn xor(a, b) as Gate::Xor => vec![0.0; a.off.len().max(b.off.len())];
        fn share_bits(b) as Gate::ShareBits => b.off.clone();
    }

    fn open_bits_all(&mut self, list: &[&Near]) -> Result<Vec<Near>> {
        let gate = Gate::MaskedBits { ring: false };
        list.iter().map(|b| self.near(&gate, b.value.clone(), b.off.clone())).collect()
    }

    fn open_with_selectors_all(
        &mut self,
        values: &[OpenRequest<'_, Near>],
        list: &[&Near],
    ) -> Result<(Vec<Near>, Vec<Near>)> {
        let (wires, gate) = (self.open_all(values)?, Gate::MaskedBits { ring: true });
        let bits = list.iter().map(|b| self.near(&gate, b.value.clone(), b.off.clone()));
        Ok((wires, bits.collect::<Result<_>>()?))
    }
}

impl Winner for Followed {
    fn winner(&mut self, y: &Near, window: Window) -> Result<Near> {
        let (classes, p) = (y.value.shape.matrix().1, *self.profile());
        let sides = |at: usize| {
            let row = at / classes * classes;
            let others = (row..row + classes).filter(|i| *i != at);
            // the winner is above all others; the nearest of them decides
            let each = others.map(|i| Self::pair((y, at), (y, i), window, &p));
            each.min_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1))).expect("there are two classes or more")
        };
        let record =
            self.records.as_slice().first().cloned().ok_or_else(|| Error::Usage("a winner is missing".into()))?;
        let ones = record.output.x.chunks_exact(classes).all(|row| row.iter().sum::<i64>() == 1);
        if !ones {
            return Err(Error::Usage(format!("{}: a row has no single winner on shares", record.scope)));
        }
        let won = |at: usize| {
            let (lead, off, cut) = sides(at);
            // of the others, it is enough that the winner may be the one
            if record.output.x[at] == 1 { (lead, off, cut) } else { (-f64::INFINITY, 0.0, cut) }
        };
        self.branch(&Gate::Winner { window }, y.value.shape.clone(), won)
    }
}

impl PublicWires for Followed {
    fn public_parameter(&mut self, index: usize, shape: &Shape) -> Result<Near> {
        Ok(Near::exact(self.clear.public_parameter(index, shape)?))
    }

    fn public_numbers(&mut self, x: &[i64], frac: u32, shape: &Shape) -> Result<Near> {
        Ok(Near::exact(self.clear.public_numbers(x, frac, shape)?))
    }
}

impl MaxPoolGates for Followed {
    followed! {
        fn pick(c, x, y) as Gate::Pick => each(c, |i, c| if c == 1 { x.off[i] } else { y.off[i] });
    }

    fn and(&mut self, bits: &[(&Near, bool)]) -> Result<Near> {
        let plain: Vec<_> = bits.iter().map(|(b, flip)| (&b.value, *flip)).collect();
        let x = Near::exact(self.clear.and(&plain)?);
        let flips = bits.iter().map(|(_, flip)| *flip).collect();
        self.near(&Gate::And { flips }, x.value, x.off)
    }
}

impl Select for Followed {
    followed! {
        fn extend(y) as Gate::Extend => y.off.clone();
        fn select(b, y) as Gate::Select => each(b, |i, b| b as f64 * y.off[i]);
    }
}

impl Product for Followed {
    fn product(&mut self, x: &Near, w: &Near, map: impl Into<Bilinear>) -> Result<Near> {
        let map = map.into();
        let value = self.clear.product(&x.value, &w.value, map)?;
        let mut off = vec![0.0; value.x.len()];
        product_terms(map, &x.value.shape, &w.value.shape, |i, j, to| {
            off[to] += x.value.x[i].unsigned_abs() as f64 * w.off[j] + x.off[i] * w.most(j);
        });
        self.near(&Gate::Product { map }, value, off)
    }
}

impl Rescale for Followed {
    fn rescale(&mut self, list: &[Scaling<'_, Near>]) -> Result<Vec<Near>> {
        let mut out = Vec::new();
        for s in list {
            let Scaling { share, scale, times, .. } = *s;
            let (bits, shift) = (share.bits(), s.shift());
            let value = self.clear.rescale(&[s.of(&share.value)])?.remove(0);
            let one = |off: &f64| {
                let off = f64::from(scale) * off;
                let off =
                    u32::try_from(shift).map_or_else(|_| off * f64::exp2(f64::from(-shift)), |cut| cut_off(off, cut));
                f64::from(times) * off
            };
            let off = share.off.iter().map(one).collect();
            out.push(self.near(&Gate::Rescale { bits, scale, shift, times }, value, off)?);
        }
        Ok(out)
    }
}

impl Local for Followed {
    followed! {
        fn narrow(x; frac: u32) as Gate::Narrow { cut: x.frac() - frac } => each(x, |i, _| cut_off(x.off[i], x.frac() - frac));
        fn add_row(z, b) as Gate::AddRow => each(z, |i, _| z.off[i] + b.off[i % b.off.len()]);
        fn sum_rows(x; cols: usize, frac: u32) as Gate::SumRows { cols, shift: frac - x.frac() } => {
            let sum = |j: usize| x.off.iter().skip(j).step_by(cols).sum::<f64>();
            (0..cols).map(|j| sum(j) * f64::exp2((frac - x.frac()).into())).collect()
        };
        fn sum_chunks(x; chunks: Chunks) as Gate::SumChunks { chunks } => {
            let mut sums = vec![0.0; chunks.shape(x.shape())?.len()];
            x.off.iter().enumerate().for_each(|(i, off)| sums[chunks.sum_of(i)] += off);
            sums
        };
        fn box_sum(x; boxes: ImageWindows) as Gate::BoxSum { boxes } => box_off(x, boxes);
        fn box_sum_share(x; boxes: ImageWindows) as Gate::BoxSum { boxes } => box_off(x, boxes);
        fn dropout(x; kept: &DropoutMask) as Gate::Dropout { kept: kept.clone() } => kept_off(x, kept);
        fn dropout_share(x; kept: &DropoutMask) as Gate::Dropout { kept: kept.clone() } => kept_off(x, kept);
        fn combine(x, y; kx: i64, ky: i64) as Gate::Combine { kx, ky } => {
            let [a, b] = [kx, ky].map(|k| k.unsigned_abs() as f64);
            each(x, |i, _| a * x.off[i] + b * y.off[i])
        };
        fn share(x) as Gate::Share => x.off.clone();
    }
}

impl RangeCheck for Followed {
    fn sample(&mut self, of: Sampling<'_, Near>) -> Result<Near> {
        let value = self.clear.sample(of.part(|w| &w.value))?;
        let Sampling { kept, y, z, places } = of;
        let taken = |i: usize| {
            let e = places.at + i * places.stride;
            let row = e - e % places.cols;
            y.off[e] + z.map_or(0.0, |z| z.off[row + (e - row + places.turn) % places.cols])
        };
        let held = kept.iter().flat_map(|kept| kept.off.iter().copied());
        let off = held.chain((0..places.count).map(taken)).collect();
        self.near(&Gate::Sample { places, difference: z.is_some(), kept: kept.is_some() }, value, off)
    }

    fn outside(&mut self, list: &[Checked<'_, Near>]) -> Result<Vec<Near>> {
        let one = |y: &Checked<'_, Near>| {
            let (wire, bound) = (&y.wire.value, y.bound as f64);
            let unit = 1u64 << (wire.bits - (wire.bits - wire.bits % 4).min(12));
            // up to a unit beyond the bound, rounded up to units, a value may pass as one that is in range
            let passes = (y.bound.next_multiple_of(unit) + unit - y.bound + 1) as f64;
            let lead = |i: usize| signed(wire.x[i].cast_unsigned(), wire.bits).unsigned_abs() as f64 - bound;
            self.branch(&Gate::Outside { bound: y.bound }, wire.shape.clone(), |i| {
                (lead(i), y.wire.off[i], [0.0, passes])
            })
        };
        list.iter().map(one).collect()
    }

    fn count(&mut self, before: Option<&Near>, list: &[&Near]) -> Result<Near> {
        let bits: Vec<_> = list.iter().map(|b| &b.value).collect();
        let x = Near::exact(self.clear.count(before.map(|b| &b.value), &bits)?);
        self.near(&Gate::Count { before: before.is_some() }, x.value, x.off)
    }
}

impl Softmax for Followed {
    fn below_max(&mut self, y: &Near, won: &Near) -> Result<Near> {
        let value = self.clear.below_max(&y.value, &won.value)?;
        let (p, classes) = (*self.clear.profile(), y.value.shape.matrix().1);
        let top = |row: usize| (row..row + classes).map(|i| won.value.x[i] as f64 * y.off[i]).sum::<f64>();
        let one = |i: usize| {
            let off = if won.value.x[i] == 1 { 0.0 } else { y.off[i] + top(i / classes * classes) };
            cut_off(off, p.frac - exp_frac(&p))
        };
        let off = (0..y.off.len()).map(one).collect();
        self.near(&Gate::BelowMax, value, off)
    }

    fn exp(&mut self, d: &Near) -> Result<Near> {
        let value = self.clear.exp(&d.value)?;
        let unit = f64::exp2(-f64::from(exp_frac(self.clear.profile())));
        let one = |(d, off): (&i64, &f64)| {
            let (d, off) = (*d as f64 * unit, off * unit);
            // on shares, too, it is at most e^(1/8)
            table(((d + off).exp() - d.exp()).min(1.14), 2.4e-5)
        };
        let off = d.value.x.iter().zip(&d.off).map(one).collect();
        self.near(&Gate::Exp, value, off)
    }

    fn row_sum(&mut self, e: &Near) -> Result<Near> {
        let value = self.clear.row_sum(&e.value)?;
        let classes = e.value.shape.matrix().1;
        let off = e.off.chunks_exact(classes).map(|row| cut_off(row.iter().sum(), 4)).collect();
        self.near(&Gate::RowSum, value, off)
    }

    fn reciprocal(&mut self, s: &Near) -> Result<Near> {
        let value = self.clear.reciprocal(&s.value)?;
        let error = if self.clear.profile().frac <= 8 { 8.6e-4 } else { 9.4e-5 };
        let one = |(s, off): (&i64, &f64)| {
            let (s, off) = (*s as f64 / 4096.0, off / 4096.0);
            // on shares, too, S is at least 0.95, or a 16th of 15
            table(1.0 / (s - off).max(0.9375) - 1.0 / s, error)
        };
        let off = s.value.x.iter().zip(&s.off).map(one).collect();
        self.near(&Gate::Reciprocal, value, off)
    }

    fn inverse_sqrt(&mut self, s: &Near) -> Result<Near> {
        let value = self.clear.inverse_sqrt(&s.value)?;
        let one = |(s, off): (&i64, &f64)| {
            let (s, off) = (*s as f64 / 4096.0, off / 4096.0);
            let root = |s: f64| 1.0 / s.max(0.5).sqrt();
            // below 1/2 the function is constant: the far side is above
            let exact = (root(s - off) - root(s)).max(root(s) - root(s + off));
            table(exact, inverse_sqrt_error((s - off).max(0.5), self.clear.profile()))
        };
        let off = s.value.x.iter().zip(&s.off).map(one).collect();
        self.near(&Gate::InverseSqrt, value, off)
    }

    fn probability(&mut self, e: &Near, r: &Near) -> Result<Near> {
        let value = self.clear.probability(&e.value, &r.value)?;
        let (classes, frac) = (e.value.shape.matrix().1, self.clear.profile().frac);
        let one = |i: usize| {
            let row = i / classes;
            let off = cut_off(e.value.x[i].unsigned_abs() as f64 * r.off[row] + e.off[i] * r.most(row), 32 - frac);
            // on shares, too, it is at most e^(1/8) / 0.9375
            off.min(1.21 * f64::exp2(frac.into()) + 2.0)
        };
        let off = (0..e.off.len()).map(one).collect();
        self.near(&Gate::Probability, value, off)
    }
}

impl Reveal for Followed {
    followed! {
        fn hits(won, labels) as Gate::Hits => vec![0.0];
    }

    fn reveal(&mut self, what: Revealed, share: &Near) -> Result<()> {
        self.revealed.push((what, share.clone()));
        self.clear.reveal(what, &share.value)
    }

    fn reveal_bits(&mut self, what: Revealed, bits: &Near) -> Result<()> {
        self.reveal(what, bits)
    }
}
