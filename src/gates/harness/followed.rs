//! The clear run beside a run on shares: the same program in the clear, and for every number how far the one on shares may be
//! from it.
//!
//! Both round by their own coins, so they drift apart; how far is derived here, gate by gate: a cut adds a unit or two, a table
//! its error, everything else hands on what went in. Where a comparison is in doubt, as its two sides are no farther apart than
//! the drift and the window's unit, the clear run takes the branch that the shares took; elsewhere they have to agree. So a
//! number that is farther off than rounding makes it is noticed at the gate where it first is.

mod gates;

use super::near::{Near, cut_off};
use super::record::{Gate, Record};
use crate::error::{Error, Result};
use crate::fixed::{Profile, Window, signed};
use crate::gates::{OpenRequest, window_on};
use crate::party::{Clear, ClearTensor, Interpreter, Revealed};
use crate::shape::Shape;

/// Follows the records of a run on shares.
pub(crate) struct Followed {
    clear: Clear,
    records: std::vec::IntoIter<Record<ClearTensor>>,
    /// Comparisons whose branch was in doubt, and all.
    doubts: [u64; 2],
    /// What was revealed.
    revealed: Vec<(Revealed, Near)>,
}

impl Followed {
    pub(crate) fn new(clear: Clear, records: &[Record<ClearTensor>]) -> Self {
        let records: Vec<_> = records.to_vec();
        Self { clear, records: records.into_iter(), doubts: [0; 2], revealed: Vec::new() }
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
    fn next(&mut self, gate: &Gate) -> Result<Record<ClearTensor>> {
        let record = self.records.next().ok_or_else(|| Error::Usage(format!("{gate:?} is missing on shares")))?;
        if record.gate == *gate {
            return Ok(record);
        }
        Err(Error::Usage(format!("{gate:?} is {:?} on shares", record.gate)))
    }

    /// Holds a gate's result on shares against the one in the clear.
    fn near(&mut self, gate: &Gate, value: ClearTensor, off: Vec<f64>) -> Result<Near> {
        let record = self.next(gate)?;
        let got = &record.output;
        if (&got.shape, got.bits, got.frac, off.len()) != (&value.shape, value.bits, value.frac, value.x.len()) {
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
        // beyond any ring a bound bounds nothing: squares and small variances take it there, and further
        let off = off.into_iter().map(|off| off.min(f64::exp2(70.0))).collect();
        Ok(Near { value, off })
    }

    /// The bits of a comparison on shares; `sides` says of an element by how much the bit 1 is right, how far that may be off,
    /// and how far below 0 it may be taken for.
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
        Ok(Near::exact(ClearTensor::of_bits(record.output.x.clone(), shape)))
    }

    /// A sign: between `-2^low` and 0 it may come out either way.
    fn sign(&mut self, gate: &Gate, y: &Near, window: Window, threshold: i64) -> Result<Near> {
        let unit = f64::exp2(window_on(window, y, self.profile()).low.into());
        self.branch(gate, y.value.shape.clone(), |i| ((y.value.x[i] - threshold) as f64, y.off[i], [unit, 0.0]))
    }

    /// Both sides are cut to the window.
    fn pair(a: (&Near, usize), b: (&Near, usize), window: Window, p: &Profile) -> (f64, f64, [f64; 2]) {
        let cut = 2.0 * f64::exp2(window_on(window, a.0, p).low.into());
        ((a.0.value.x[a.1] - b.0.value.x[b.1]) as f64, a.0.off[a.1] + b.0.off[b.1], [cut; 2])
    }

    /// What an opening makes of how far its share may be off.
    fn opened(&mut self, list: &[OpenRequest<'_, Near>], wires: Vec<ClearTensor>) -> Result<Vec<Near>> {
        let one = |(open, wire): (&OpenRequest<'_, Near>, ClearTensor)| {
            let OpenRequest { share, bits, lifted, .. } = *open;
            let cut = open.cut()?;
            let off = share.off.iter().map(|off| cut_off(*off, cut)).collect();
            self.near(&Gate::Open { cut, bits, lifted }, wire, off)
        };
        list.iter().zip(wires).map(one).collect()
    }
}

/// The values of a list.
fn plain<'a>(open: &OpenRequest<'a, Near>) -> OpenRequest<'a, ClearTensor> {
    open.of(&open.share.value)
}
