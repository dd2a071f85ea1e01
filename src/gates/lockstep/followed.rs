//! The clear run beside a run on shares: the same program in the clear, and for every number how far the one on shares may be from
//! it.
//!
//! Both round by their own coins, so they drift apart; how far is derived here, gate by gate: a cut adds a unit or two, a table
//! its error, everything else hands on what went in. Where a comparison is in doubt, as its two sides are no farther apart than
//! the drift and the window's unit, the clear run takes the branch that the shares took; elsewhere they have to agree. So a number
//! that is farther off than rounding makes it is noticed at the gate where it first is.

use super::record::{Gate, Record};
use super::terms::{box_terms, product_terms};
use crate::error::{Error, Result};
use crate::fixed::{Profile, Window, signed};
use crate::gates::{
    Bilinear, Boxes, Checked, Compare, Kept, Local, Open, OpenBit, Opening, Places, Pool, Product, RangeCheck, Rescale,
    Reveal, Scaling, Select, Softmax, Winner, exp_frac,
};
use crate::kernel::fast::bits::bit;
use crate::kernel::twin::compare::pairs;
use crate::party::{Clear, Number, Revealed, Section, Set, Values, Verdict};
use crate::shape::Shape;

/// A number of the clear run, and how far the one on shares may be from it, in units of its grid.
#[derive(Clone, Debug)]
pub(crate) struct Near {
    pub(crate) value: Number,
    pub(crate) off: Vec<f64>,
}

impl Near {
    fn exact(value: Number) -> Self {
        Self { off: vec![0.0; value.x.len()], value }
    }

    /// The largest magnitude that the number on shares may have.
    fn most(&self, i: usize) -> f64 {
        self.value.x[i].unsigned_abs() as f64 + self.off[i]
    }
}

/// Follows the records of a run on shares.
pub(crate) struct Followed<'a> {
    clear: Clear,
    records: std::slice::Iter<'a, Record<Number>>,
    /// Comparisons whose branch was in doubt, and all.
    doubts: [u64; 2],
    /// What was revealed.
    revealed: Vec<(Revealed, Near)>,
}

impl<'a> Followed<'a> {
    pub(crate) fn new(clear: Clear, records: &'a [Record<Number>]) -> Self {
        Self { clear, records: records.iter(), doubts: [0; 2], revealed: Vec::new() }
    }

    /// Checks that nothing is left of the run on shares, and that what it revealed is what it computed; returns how many
    /// comparisons were in doubt, and how many there were.
    pub(crate) fn end(mut self, revealed: &[(Revealed, Vec<i64>)]) -> std::result::Result<[u64; 2], String> {
        if let Some(record) = self.records.next() {
            return Err(format!("{:?} is on shares alone", record.gate));
        }
        if self.revealed.len() != revealed.len() {
            return Err(format!("{} things are revealed, {} on shares", self.revealed.len(), revealed.len()));
        }
        for ((what, near), (other, got)) in self.revealed.iter().zip(revealed) {
            let apart = |(a, b): (&i64, &i64)| b.wrapping_sub(*a).unsigned_abs() as f64;
            let fit = near.value.x.iter().zip(got).map(apart).zip(&near.off).all(|(apart, off)| apart <= *off);
            if what != other || near.off.len() != got.len() || !fit {
                return Err(format!("{what:?} is {:?}, {other:?} is {got:?} on shares", near.value.x));
            }
        }
        Ok(self.doubts)
    }

    /// The next gate on shares, which has to be this one.
    fn next(&mut self, gate: &Gate) -> Result<&'a Record<Number>> {
        let record = self.records.next().ok_or_else(|| Error::Usage(format!("{gate:?} is missing on shares")))?;
        if record.gate == *gate {
            return Ok(record);
        }
        Err(Error::Usage(format!("{gate:?} is {:?} on shares", record.gate)))
    }

    /// Holds a gate's result on shares against the one in the clear.
    fn near(&mut self, gate: &Gate, value: Number, off: Vec<f64>) -> Result<Near> {
        let record = self.next(gate)?;
        let got = &record.output;
        if (&got.shape, got.bits, off.len()) != (&value.shape, value.bits, value.x.len()) {
            let (a, b) = (&value, got);
            return Err(Error::Usage(format!("{}: {gate:?} gives {a:?}, {b:?} on shares", record.scope)));
        }
        for (i, ((a, b), off)) in value.x.iter().zip(&got.x).zip(&off).enumerate() {
            let apart = signed(b.wrapping_sub(*a).cast_unsigned(), value.bits).unsigned_abs() as f64;
            // what is no number is no bound
            if apart > *off || off.is_nan() {
                let at = format!("{}: {gate:?}: element {i}", record.scope);
                return Err(Error::Usage(format!("{at} is {a}, {b} on shares: {apart} apart, {off:.1} by rounding")));
            }
        }
        Ok(Near { value, off })
    }

    /// The bits of a comparison on shares; `sides` says of an element by how much the bit 1 is right, how far that may be off, and
    /// how far below 0 it may be taken for.
    fn branch(&mut self, gate: &Gate, shape: Shape, sides: impl Fn(usize) -> (f64, f64, [f64; 2])) -> Result<Near> {
        let record = self.next(gate)?;
        for (i, bit) in record.output.x.iter().enumerate() {
            let (lead, off, [below, above]) = sides(i);
            let (may, may_not) = (lead + off > -below, lead - off < above);
            self.doubts[0] += u64::from(may && may_not);
            self.doubts[1] += 1;
            if !(if *bit == 1 { may } else { may_not }) {
                let at = format!("{}: {gate:?}: element {i}", record.scope);
                return Err(Error::Usage(format!(
                    "{at} is {bit} on shares where the clear run leads by {lead} +- {off:.1}"
                )));
            }
        }
        Ok(Near::exact(Number { x: record.output.x.clone(), shape, bits: 1 }))
    }

    /// A sign: between `-2^low` and 0 it may come out either way.
    fn sign(&mut self, gate: &Gate, y: &Near, window: Window, threshold: i64) -> Result<Near> {
        let unit = f64::exp2(window.on(y.value.bits).low.into());
        self.branch(gate, y.value.shape.clone(), |i| ((y.value.x[i] - threshold) as f64, y.off[i], [unit, 0.0]))
    }

    /// Both sides are cut to the window.
    fn pair(a: (&Near, usize), b: (&Near, usize), window: Window) -> (f64, f64, [f64; 2]) {
        let cut = 2.0 * f64::exp2(window.on(a.0.value.bits).low.into());
        ((a.0.value.x[a.1] - b.0.value.x[b.1]) as f64, a.0.off[a.1] + b.0.off[b.1], [cut; 2])
    }

    /// What an opening makes of how far its share may be off.
    fn opened(&mut self, list: &[Open<'_, Near>], wires: Vec<Number>) -> Result<Vec<Near>> {
        let one = |(open, wire): (&Open<'_, Near>, Number)| {
            let Open { share, cut, bits, lifted, .. } = *open;
            let off = share.off.iter().map(|off| cut_off(*off, cut)).collect();
            self.near(&Gate::Open { cut, bits, lifted }, wire, off)
        };
        list.iter().zip(wires).map(one).collect()
    }
}

/// What is cut: both runs round down or up, so that they are off by a unit at most where they cut the same, else by less than two
/// more.
fn cut_off(off: f64, cut: u32) -> f64 {
    if cut == 0 { off } else { off * f64::exp2(-f64::from(cut)) + if off == 0.0 { 1.0 } else { 2.0 } }
}

/// The values of a list.
fn plain<'a>(open: &Open<'a, Near>) -> Open<'a, Number> {
    let Open { share, cut, bits, lifted, argument } = *open;
    Open { share: &share.value, cut, bits, lifted, argument }
}

impl Values for Followed<'_> {
    type Share = Near;
    type Wire = Near;
    type Bits = Near;
    type OpenBits = Near;

    fn profile(&self) -> &Profile {
        self.clear.profile()
    }

    fn section(&mut self, section: Section) {
        self.clear.section(section);
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

    fn tick(&mut self, step: u64) -> Result<bool> {
        self.clear.tick(step)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        self.clear.judge(epoch)
    }

    fn shape_of(share: &Near) -> Shape {
        share.value.shape.clone()
    }

    fn wire_bits(wire: &Near) -> u32 {
        wire.value.bits
    }

    fn wire_shape(wire: &Near) -> Shape {
        wire.value.shape.clone()
    }
}

impl Opening for Followed<'_> {
    fn open(&mut self, list: &[Open<'_, Near>]) -> Result<Vec<Near>> {
        let wires = self.clear.open(&list.iter().map(plain).collect::<Vec<_>>())?;
        self.opened(list, wires)
    }
}

impl Compare for Followed<'_> {
    fn sign(&mut self, list: &[(&Near, Window)]) -> Result<Vec<Near>> {
        list.iter().map(|(y, window)| self.sign(&Gate::Sign { window: *window }, y, *window, 0)).collect()
    }

    fn at_least(&mut self, y: &Near, window: Window, thresholds: &[i64]) -> Result<Vec<Near>> {
        let one = |t: &i64| self.sign(&Gate::AtLeast { window, threshold: *t }, y, window, *t);
        thresholds.iter().map(one).collect()
    }

    fn order(&mut self, pairs: &[(&Near, &Near)], wires: &[&Near], window: Window) -> Result<(Vec<Near>, Vec<Near>)> {
        let larger = |(x, y): &(&Near, &Near)| {
            self.branch(&Gate::Larger { window }, x.value.shape.clone(), |i| Self::pair((x, i), (y, i), window))
        };
        let larger = pairs.iter().map(larger).collect::<Result<_>>()?;
        Ok((larger, Compare::sign(self, &wires.iter().map(|y| (*y, window)).collect::<Vec<_>>())?))
    }

    fn pair_signs(&mut self, y: &Near, window: Window) -> Result<Near> {
        let (rows, classes) = y.value.shape.matrix();
        let all: Vec<_> = pairs(classes).collect();
        let sides = |at: usize| {
            let ((i, j), row) = (all[at / rows], at % rows * classes);
            Self::pair((y, row + i), (y, row + j), window)
        };
        self.branch(&Gate::PairSigns { window }, [all.len(), rows].into(), sides)
    }
}

impl OpenBit for Followed<'_> {
    fn xor(&mut self, a: &Near, b: &Near) -> Result<Near> {
        let x = self.clear.xor(&a.value, &b.value)?;
        let exact = Near::exact(x);
        self.near(&Gate::Xor, exact.value, exact.off)
    }

    fn share_bits(&mut self, b: &Near) -> Result<Near> {
        let x = Near::exact(self.clear.share_bits(&b.value)?);
        self.near(&Gate::ShareBits, x.value, x.off)
    }

    fn open_bits(&mut self, list: &[&Near], ring: bool) -> Result<Vec<Near>> {
        list.iter().map(|b| self.near(&Gate::OpenBits { ring }, b.value.clone(), b.off.clone())).collect()
    }
}

impl Winner for Followed<'_> {
    fn winner(&mut self, y: &Near, window: Window) -> Result<Near> {
        let classes = y.value.shape.matrix().1;
        let sides = |at: usize| {
            let row = at / classes * classes;
            let others = (row..row + classes).filter(|i| *i != at);
            // the winner is above all others; the nearest of them decides
            let each = others.map(|i| Self::pair((y, at), (y, i), window));
            each.min_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1))).expect("there are two classes or more")
        };
        let record = self.records.as_slice().first().ok_or_else(|| Error::Usage("a winner is missing".into()))?;
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

impl Pool for Followed<'_> {
    fn pick(&mut self, c: &Near, x: &Near, y: &Near) -> Result<Near> {
        let value = self.clear.pick(&c.value, &x.value, &y.value)?;
        let off = c.value.x.iter().zip(x.off.iter().zip(&y.off)).map(|(c, (x, y))| if *c == 1 { *x } else { *y });
        self.near(&Gate::Pick, value, off.collect())
    }

    fn and(&mut self, bits: &[(&Near, bool)]) -> Result<Near> {
        let plain: Vec<_> = bits.iter().map(|(b, flip)| (&b.value, *flip)).collect();
        let x = Near::exact(self.clear.and(&plain)?);
        let flips = bits.iter().map(|(_, flip)| *flip).collect();
        self.near(&Gate::And { flips }, x.value, x.off)
    }
}

impl Select for Followed<'_> {
    fn extend(&mut self, y: &Near) -> Result<Near> {
        let value = self.clear.extend(&y.value)?;
        self.near(&Gate::Extend, value, y.off.clone())
    }

    fn select(&mut self, b: &Near, y: &Near) -> Result<Near> {
        let value = self.clear.select(&b.value, &y.value)?;
        let off = b.value.x.iter().zip(&y.off).map(|(b, off)| *b as f64 * off).collect();
        self.near(&Gate::Select, value, off)
    }
}

impl Product for Followed<'_> {
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

impl Rescale for Followed<'_> {
    fn rescale(&mut self, list: &[Scaling<'_, Near>]) -> Result<Vec<Near>> {
        let mut out = Vec::new();
        for s in list {
            let Scaling { share, what, bits, scale, shift, times } = *s;
            let value =
                self.clear.rescale(&[Scaling { share: &share.value, what, bits, scale, shift, times }])?.remove(0);
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

impl Local for Followed<'_> {
    fn narrow(&mut self, x: &Near, cut: u32) -> Result<Near> {
        let value = self.clear.narrow(&x.value, cut)?;
        self.near(&Gate::Narrow { cut }, value, x.off.iter().map(|off| cut_off(*off, cut)).collect())
    }

    fn add_row(&mut self, z: &Near, b: &Near) -> Result<Near> {
        let value = self.clear.add_row(&z.value, &b.value)?;
        let off = z.off.iter().zip(b.off.iter().cycle()).map(|(z, b)| z + b).collect();
        self.near(&Gate::AddRow, value, off)
    }

    fn sum_rows(&mut self, x: &Near, cols: usize, shift: u32) -> Result<Near> {
        let value = self.clear.sum_rows(&x.value, cols, shift)?;
        let sum = |j: usize| x.off.iter().skip(j).step_by(cols).sum::<f64>() * f64::exp2(shift.into());
        self.near(&Gate::SumRows { cols, shift }, value, (0..cols).map(sum).collect())
    }

    fn box_sum(&mut self, x: &Near, boxes: Boxes) -> Result<Near> {
        let value = self.clear.box_sum(&x.value, boxes)?;
        self.near(&Gate::BoxSum { boxes }, value, box_off(x, boxes))
    }

    fn box_sum_share(&mut self, x: &Near, boxes: Boxes) -> Result<Near> {
        let value = self.clear.box_sum_share(&x.value, boxes)?;
        self.near(&Gate::BoxSum { boxes }, value, box_off(x, boxes))
    }

    fn dropout(&mut self, x: &Near, kept: &Kept) -> Result<Near> {
        let value = self.clear.dropout(&x.value, kept)?;
        self.near(&Gate::Dropout { kept: kept.clone() }, value, kept_off(x, kept))
    }

    fn dropout_share(&mut self, x: &Near, kept: &Kept) -> Result<Near> {
        let value = self.clear.dropout_share(&x.value, kept)?;
        self.near(&Gate::Dropout { kept: kept.clone() }, value, kept_off(x, kept))
    }

    fn combine(&mut self, x: &Near, y: &Near, kx: i64, ky: i64) -> Result<Near> {
        let value = self.clear.combine(&x.value, &y.value, kx, ky)?;
        let [a, b] = [kx, ky].map(|k| k.unsigned_abs() as f64);
        let off = x.off.iter().zip(&y.off).map(|(x, y)| a * x + b * y).collect();
        self.near(&Gate::Combine { kx, ky }, value, off)
    }

    fn share(&mut self, x: &Near) -> Result<Near> {
        let value = self.clear.share(&x.value)?;
        self.near(&Gate::Share, value, x.off.clone())
    }
}

impl RangeCheck for Followed<'_> {
    fn sample(&mut self, kept: Option<&Near>, y: &Near, z: Option<&Near>, places: Places) -> Result<Near> {
        let value = self.clear.sample(kept.map(|k| &k.value), &y.value, z.map(|z| &z.value), places)?;
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

fn box_off(x: &Near, boxes: Boxes) -> Vec<f64> {
    let batch = x.value.shape.matrix().0;
    let mut off = vec![0.0; batch * boxes.output_len()];
    box_terms(boxes, batch, |from, to| off[to] += x.off[from]);
    off
}

fn kept_off(x: &Near, kept: &Kept) -> Vec<f64> {
    let bits = kept.bits(x.off.len());
    x.off.iter().enumerate().map(|(i, off)| if bit(&bits, i) == 1 { *off } else { 0.0 }).collect()
}

/// A table's error beside the exact function, twice: the clear run rounds by less than a unit, and the shares take the table's.
fn table(exact: f64, error: f64) -> f64 {
    (exact + error) * 65_536.0 + 1.0
}

impl Softmax for Followed<'_> {
    fn below_max(&mut self, y: &Near, won: &Near) -> Result<Near> {
        let value = self.clear.below_max(&y.value, &won.value)?;
        let (p, classes) = (self.clear.profile().clone(), y.value.shape.matrix().1);
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
            // on shares, too, S is at least 0.95
            table(1.0 / (s - off).max(0.95) - 1.0 / s, error)
        };
        let off = s.value.x.iter().zip(&s.off).map(one).collect();
        self.near(&Gate::Reciprocal, value, off)
    }

    fn probability(&mut self, e: &Near, r: &Near) -> Result<Near> {
        let value = self.clear.probability(&e.value, &r.value)?;
        let (classes, frac) = (e.value.shape.matrix().1, self.clear.profile().frac);
        let one = |i: usize| {
            let row = i / classes;
            let off = cut_off(e.value.x[i].unsigned_abs() as f64 * r.off[row] + e.off[i] * r.most(row), 32 - frac);
            // on shares, too, it is at most e^(1/8) / 0.95
            off.min(1.2 * f64::exp2(frac.into()) + 2.0)
        };
        let off = (0..e.off.len()).map(one).collect();
        self.near(&Gate::Probability, value, off)
    }
}

impl Reveal for Followed<'_> {
    fn hits(&mut self, won: &Near, labels: &Near) -> Result<Near> {
        let value = self.clear.hits(&won.value, &labels.value)?;
        self.near(&Gate::Hits, value, vec![0.0])
    }

    fn reveal(&mut self, what: Revealed, share: &Near) -> Result<()> {
        self.revealed.push((what, share.clone()));
        self.clear.reveal(what, &share.value)
    }
}
