//! The reference: the same program on plain fixed-point numbers, with the same ranges and the same law of rounding.

use std::fmt;

use super::masked_rows::Set;
use super::observed_ranges::Observation;
use super::scaled::scaled;
use super::{Interpreter, Judge, Ranges, Revealed, RunPhase, StepId, Verdict};
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile, mask, signed};
use crate::prg::Seed;
use crate::shape::Shape;

/// Plain integers that stand for elements of a ring of `bits` bits.
#[derive(Clone, PartialEq, Eq)]
pub struct ClearTensor {
    /// The integers, in `[-2^(bits-1), 2^(bits-1))`.
    pub x: Vec<i64>,
    /// Their shape.
    pub shape: Shape,
    /// Bits of their ring.
    pub bits: u32,
    /// Fraction bits: an integer `x` stands for `x / 2^frac`.
    pub frac: u32,
}

impl ClearTensor {
    /// Integers reduced into a ring, numbers of `frac` fraction bits.
    pub fn new(x: Vec<i64>, shape: impl Into<Shape>, bits: u32, frac: u32) -> Self {
        let x = x.into_iter().map(|x| signed(x.cast_unsigned(), bits)).collect();
        Self { x, shape: shape.into(), bits, frac }
    }

    /// A parameter: integers of `Z_2^64` at the scale of the master weights.
    pub fn master(x: Vec<i64>, shape: impl Into<Shape>) -> Self {
        Self::new(x, shape, MASTER_BITS, MASTER_FRAC)
    }

    /// Bits.
    pub(crate) fn of_bits(x: Vec<i64>, shape: impl Into<Shape>) -> Self {
        Self { x, shape: shape.into(), bits: 1, frac: 0 }
    }
}

scaled!(ClearTensor, |number| &number.shape);

impl fmt::Debug for ClearTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number{:?} mod 2^{}, {} fraction bits", self.shape, self.bits, self.frac)
    }
}

/// Trains in the clear.
pub struct Clear {
    profile: Profile,
    coins: RoundingCoins,
    scope: String,
    section: RunPhase,
    step: u64,
    ranges: Ranges,
    parameters: Vec<ClearTensor>,
    sets: Vec<(Set, usize, Vec<i32>)>,
    reveal_channel: Sink,
    observer: Box<dyn FnMut(u64) -> Result<()> + Send>,
    judge: Judge,
}

impl Clear {
    /// A run in the clear; `coins` is where its rounding comes from.
    pub fn new(profile: Profile, coins: Seed) -> Self {
        Self {
            profile,
            coins: RoundingCoins { seed: coins, block: 0, words: Vec::new() },
            scope: String::new(),
            section: RunPhase::Setup,
            step: 0,
            ranges: Ranges::default(),
            parameters: Vec::new(),
            sets: Vec::new(),
            reveal_channel: Box::new(|_, _| Ok(())),
            observer: Box::new(|_| Ok(())),
            judge: Box::new(|_| Ok(Verdict { goes_on: true, best: true })),
        }
    }

    /// Gives the initial parameters, as integers of `Z_2^64`.
    pub fn set_parameters(&mut self, parameters: Vec<ClearTensor>) {
        self.parameters = parameters;
    }

    /// Gives a data set: rows of `cols` integers on the profile's grid.
    pub fn set_rows(&mut self, set: Set, cols: usize, rows: Vec<i32>) {
        self.sets.push((set, cols, rows));
    }

    /// Notes the largest magnitude of a data set's features, before they were cut to 32 bits.
    pub fn saw_features(&mut self, largest: u64) {
        let top = |p: &Profile| p.ring.min(32) - 1;
        let (frac, allowed) = (self.profile.frac, mask(top(&self.profile)));
        self.scope("rows");
        self.check_largest("feature", largest, frac, allowed, |p| power(top(p), p.frac));
    }

    /// Calls `observer` after every step.
    pub fn observe(&mut self, observer: impl FnMut(u64) -> Result<()> + Send + 'static) {
        self.observer = Box::new(observer);
    }

    /// Lets `judge` say after every epoch whether the run goes on, and whether the epoch is the best so far.
    pub fn set_judge(&mut self, judge: impl FnMut(u32) -> Result<Verdict> + Send + 'static) {
        self.judge = Box::new(judge);
    }

    /// Gives what is revealed to `reveal_channel`.
    pub fn set_reveal_channel(
        &mut self,
        reveal_channel: impl FnMut(Revealed, &ClearTensor) -> Result<()> + Send + 'static,
    ) {
        self.reveal_channel = Box::new(reveal_channel);
    }

    /// Reveals a number.
    pub(crate) fn reveal_to_trainer(&mut self, what: Revealed, number: &ClearTensor) -> Result<()> {
        (self.reveal_channel)(what, number)
    }

    /// What was seen of the values' ranges.
    pub fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Notes the magnitudes of values of `frac` fraction bits at this place; up to `allowed` they are right. `bound` is the
    /// same bound in any profile, as a real number.
    pub(crate) fn check(
        &mut self,
        what: &'static str,
        x: &[i64],
        frac: u32,
        allowed: u64,
        bound: impl Fn(&Profile) -> f64,
    ) {
        self.check_largest(what, largest(x), frac, allowed, bound);
    }

    /// [`Clear::check`] of values whose largest magnitude is known.
    pub(crate) fn check_largest(
        &mut self,
        what: &'static str,
        largest: u64,
        frac: u32,
        allowed: u64,
        bound: impl Fn(&Profile) -> f64,
    ) {
        let evaluation = self.section == RunPhase::Evaluation;
        // a step is ticked when it is done
        let moment = StepId { step: self.step + u64::from(!evaluation), evaluation };
        let seen = Observation { place: &self.scope, what, units: (largest, allowed), frac, moment };
        self.ranges.note(&seen, bound);
    }

    /// A uniform number of `bits` bits.
    pub(crate) fn coin(&mut self, bits: u32) -> u64 {
        if bits == 0 { 0 } else { self.coins.next() & mask(bits) }
    }

    /// `floor((z + u) / 2^cut)`, `u` uniform in `0 .. 2^cut`: unbiased, and exact on multiples.
    pub(crate) fn round(&mut self, z: i64, cut: u32) -> i64 {
        let coin = i128::from(self.coin(cut));
        i64::try_from((i128::from(z) + coin) >> cut).expect("a quotient is no larger than its dividend, but for one")
    }
}

/// The largest magnitude.
pub(crate) fn largest(x: &[i64]) -> u64 {
    x.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0)
}

/// `2^(bits - frac)`: a bound of `2^bits` units as a real number.
pub(crate) fn power(bits: u32, frac: u32) -> f64 {
    f64::exp2(f64::from(bits) - f64::from(frac))
}

/// Takes what is revealed.
type Sink = Box<dyn FnMut(Revealed, &ClearTensor) -> Result<()> + Send>;

/// Random words for the rounding.
struct RoundingCoins {
    seed: Seed,
    /// Blocks used so far, of all streams.
    block: u64,
    words: Vec<u64>,
}

impl RoundingCoins {
    fn next(&mut self) -> u64 {
        if let Some(word) = self.words.pop() {
            return word;
        }
        let mut words = [0u32; 1024];
        // a long run needs more blocks than the 2^32 that a stream has
        self.seed.stream(self.block >> 31).fill(self.block & ((1 << 31) - 1), &mut words);
        self.block += 64;
        self.words = words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect();
        self.words.pop().unwrap_or(0)
    }
}

impl Interpreter for Clear {
    type Share = ClearTensor;
    type Wire = ClearTensor;
    type Bits = ClearTensor;
    type MaskedBits = ClearTensor;
    type Selectors = ClearTensor;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn enter_phase(&mut self, section: RunPhase) {
        self.section = section;
    }

    fn scope(&mut self, name: &str) {
        self.scope.clear();
        self.scope.push_str(name);
    }

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<ClearTensor> {
        let parameter = self.parameters.get(index).filter(|p| p.shape.len() == shape.len());
        let parameter =
            parameter.ok_or_else(|| Error::Usage(format!("there is no parameter {index} of shape {shape}")))?;
        Ok(ClearTensor { shape: shape.clone(), ..parameter.clone() })
    }

    fn zeros(&mut self, shape: &Shape) -> Result<ClearTensor> {
        Ok(ClearTensor::master(vec![0; shape.len()], shape.clone()))
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<ClearTensor> {
        let found = self.sets.iter().find(|(s, ..)| *s == set);
        let (_, cols, rows) = found.ok_or_else(|| Error::Usage(format!("there are no rows of {set:?}")))?;
        let row = |n: &u32| {
            let at = *n as usize * cols;
            rows.get(at..at + cols).ok_or_else(|| Error::Usage(format!("there is no row {n} of {set:?}")))
        };
        let rows = numbers.iter().map(row).collect::<Result<Vec<_>>>()?;
        let x = rows.into_iter().flatten().map(|x| i64::from(*x)).collect();
        let Profile { ring: bits, frac, .. } = self.profile;
        Ok(ClearTensor { x, shape: [numbers.len(), *cols].into(), bits, frac })
    }

    fn step_done(&mut self, step: u64) -> Result<bool> {
        self.step = step;
        (self.observer)(step)?;
        Ok(true)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        (self.judge)(epoch)
    }

    fn bits_of(selectors: &ClearTensor) -> ClearTensor {
        selectors.clone()
    }
}

impl fmt::Debug for Clear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clear({})", self.profile.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_go_on_where_a_stream_ends() {
        let seed = crate::prg::public_seed(1, "coins");
        let mut coins = RoundingCoins { seed: seed.clone(), block: (1 << 31) - 64, words: Vec::new() };
        let two: Vec<Vec<u64>> = (0..2).map(|_| (0..512).map(|_| coins.next()).collect()).collect();
        let of = |stream: u64, block: u64| {
            let mut words = vec![0u32; 1024];
            seed.stream(stream).fill(block, &mut words);
            let mut all: Vec<u64> = bytemuck::pod_collect_to_vec(&words);
            all.reverse();
            all
        };
        assert_eq!(two, [of(0, (1 << 31) - 64), of(1, 0)]);
    }
}
