//! Samples of a step's wires, kept until it is counted how many values are out of their range.

use crate::error::Result;
use crate::fixed::Profile;
use crate::gates::{Checked, Engine, SamplePositions, Sampling, window_on};
use crate::nn::Model;
use crate::party::Scaled;
use crate::prg::{Seed, public_seed};

/// Keeps samples of what the steps of a run open behind products, at places that public coins choose, and counts what is out of
/// range, by place: those of [`Model::watched`] (protocols.md 3.7).
pub struct RangeWatch<E: Engine> {
    seed: Seed,
    step: u64,
    /// Steps whose samples are kept.
    steps: u64,
    /// The wire that is seen next in this step.
    next: usize,
    samples: Vec<Sample<E::Wire>>,
    counts: Option<E::Share>,
}

/// What is kept of the wires of one place.
#[derive(Clone)]
struct Sample<W> {
    wire: W,
    bound: u64,
    lifted: bool,
}

/// The samples of one step.
#[derive(Clone)]
pub(crate) struct Samples<W>(Vec<Sample<W>>);

impl<E: Engine> RangeWatch<E> {
    /// Nothing seen yet; the job's `seed` chooses places.
    pub fn new(seed: u64) -> Self {
        let seed = public_seed(seed, "ranges");
        Self { seed, step: 0, steps: 0, next: 0, samples: Vec::new(), counts: None }
    }

    /// A step begins, whose number in the run is `step`.
    pub fn begin(&mut self, step: u64) {
        (self.step, self.next) = (step, 0);
        self.steps += 1;
    }

    /// Takes a sample of a lifted wire whose magnitudes are up to `bound` units.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn see(&mut self, e: &mut E, y: &E::Wire, bound: u64) -> Result<()> {
        let [coin, _] = self.coins();
        self.keep(e, y, None, places(coin, y.shape().len(), SAMPLE), bound)
    }

    /// Takes a larger sample of the differences of a row's values to another of the same row, both of a lifted wire `[rows,
    /// columns]`.
    pub(crate) fn see_rows(&mut self, e: &mut E, y: &E::Wire, bound: u64) -> Result<()> {
        let ([coin, turn], shape) = (self.coins(), y.shape());
        let (_, cols) = shape.matrix();
        let turn = 1 + turn as usize % cols.saturating_sub(1).max(1);
        self.keep(
            e,
            y,
            Some(y),
            SamplePositions { cols, turn: turn % cols, ..places(coin, shape.len(), LOGITS) },
            bound,
        )
    }

    /// Takes a sample of the differences of two of some lifted wires of one shape; of the wire itself where there is one.
    pub(crate) fn see_two(&mut self, e: &mut E, all: &[E::Wire], bound: u64) -> Result<()> {
        let [coin, pair] = self.coins();
        let first = pair as usize % all.len();
        let step = 1 + (pair as usize / all.len()) % all.len().saturating_sub(1).max(1);
        let second = (first + step) % all.len();
        let z = (first != second).then(|| &all[second]);
        self.keep(e, &all[first], z, places(coin, all[first].shape().len(), SAMPLE), bound)
    }

    /// Two public words for the wire that is seen next.
    fn coins(&self) -> [u32; 2] {
        let mut words = [0; 2];
        self.seed.stream(self.step << 16 | self.next as u64).fill(0, &mut words);
        words
    }

    fn keep(&mut self, e: &mut E, y: &E::Wire, z: Option<&E::Wire>, places: SamplePositions, bound: u64) -> Result<()> {
        let kept = self.samples.get(self.next);
        let wire = e.sample(Sampling { kept: kept.map(|sample| &sample.wire), y, z, places })?;
        match self.samples.get_mut(self.next) {
            Some(sample) => sample.wire = wire,
            None => self.samples.push(Sample { wire, bound, lifted: z.is_none() }),
        }
        self.next += 1;
        Ok(())
    }

    /// Counts, where enough samples are kept. Two rounds.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn count_in_turn(&mut self, e: &mut E) -> Result<()> {
        if self.steps == STEPS_AT_ONCE { self.count(e) } else { Ok(()) }
    }

    /// Counts what is left, and gives the counts since the last time, `[places]`; `None` if nothing was seen.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn counts(&mut self, e: &mut E) -> Result<Option<E::Share>> {
        if self.steps > 0 {
            self.count(e)?;
        }
        Ok(self.counts.take())
    }

    /// What has been counted since the last time, without what has not.
    pub fn counted(&mut self) -> Option<E::Share> {
        self.counts.take()
    }

    /// Whether all that was seen is counted, so that the counts are all there is to keep.
    pub(crate) fn is_settled(&self) -> bool {
        self.steps == 0
    }

    /// The counts since they were revealed last, to be kept; `None` if there are none.
    pub(crate) fn kept_counts(&self) -> Option<&E::Share> {
        self.counts.as_ref()
    }

    /// Resumes with counts that were kept.
    pub(crate) fn resume(&mut self, counts: Option<E::Share>) {
        self.counts = counts;
    }

    fn count(&mut self, e: &mut E) -> Result<()> {
        e.scope("ranges");
        let samples = self.take().0;
        let list: Vec<_> =
            samples.iter().map(|s| Checked { wire: &s.wire, bound: s.bound, lifted: s.lifted }).collect();
        let outside = e.outside(&list)?;
        let outside = e.open_selectors_all(&outside.iter().collect::<Vec<_>>())?;
        self.counts = Some(e.count(self.counts.as_ref(), &outside.iter().collect::<Vec<_>>())?);
        Ok(())
    }

    /// Takes all samples that are kept.
    pub(crate) fn take(&mut self) -> Samples<E::Wire> {
        self.steps = 0;
        Samples(std::mem::take(&mut self.samples))
    }

    /// Keeps a step's samples once more: for plans.
    pub(crate) fn put(&mut self, e: &mut E, step: &Samples<E::Wire>) -> Result<()> {
        self.begin(self.step);
        for Sample { wire, bound, .. } in &step.0 {
            self.keep(e, wire, None, SamplePositions::all(wire.shape().len()), *bound)?;
        }
        Ok(())
    }
}

/// Values of a wire that are looked at in a step, where it has as many.
pub(crate) const SAMPLE: usize = 64;

/// Differences of logits that are looked at in a step, where there are as many: a learning rate that is too high shows there
/// first, in few rows, and a single one of them spoils the model.
pub(crate) const LOGITS: usize = 512;

/// Steps whose samples are counted in one go: two rounds are less than 2 % of a step's then.
pub(crate) const STEPS_AT_ONCE: u64 = 32;

/// A systematic sample of up to `most` of `len` values: an odd number from one to the next, so that it does not keep to one
/// column.
fn places(coin: u32, len: usize, most: usize) -> SamplePositions {
    let count = most.min(len);
    let stride = (len / most).saturating_sub(1) | 1;
    let at = coin as usize % (len - (count - 1) * stride);
    SamplePositions { at, stride, count, cols: 1, turn: 0 }
}

/// The largest magnitude of a wire that is selected by a bit, or extended, and not compared; in its units, as all of these.
pub fn whole(y: &impl Scaled) -> u64 {
    1 << (y.bits() - 2)
}

/// The largest magnitude of a wire that is compared in the profile's window.
pub fn compared(p: &Profile, y: &impl Scaled) -> u64 {
    1 << window_on(p.window, y, p).high
}

/// The largest difference of two logits of a row under softmax (protocols.md 4.2).
pub(crate) fn spread(p: &Profile, y: &impl Scaled) -> u64 {
    (SPREAD << y.frac()).min(compared(p, y))
}

/// What the exponentials' table takes.
const SPREAD: u64 = 224;

impl Model {
    /// The places in a step, as `relu1/forward`, whose values are watched, in the order of the counts; a place that is watched in
    /// two ways comes twice.
    pub fn watched(&self) -> Vec<String> {
        let (mut forward, mut back) = (Vec::new(), Vec::new());
        for (i, stage) in (1..).zip(self.stages()) {
            let norm = stage.norm.as_ref().map(|norm| (norm.name(), norm.looks()));
            let following = stage.following.as_ref().map(|following| (following.name(), following.looks()));
            for (name, looks) in norm.into_iter().chain(following) {
                forward.extend(std::iter::repeat_n(format!("{name}{i}/forward"), looks[0]));
                back.extend(std::iter::repeat_n(format!("{name}{i}/backward"), looks[1]));
            }
        }
        forward.push("loss".into());
        forward.extend(back.into_iter().rev());
        forward
    }
}
