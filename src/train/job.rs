//! A job: everything that the parties must agree on, and nothing that one of them must not know.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::{Model, Momentum, Normalization, Rate};
use crate::party::Revealed;
use crate::prg::public_seed;
use crate::shape::Shape;
use crate::train::{Schedule, Settings};

/// Rows that the order of an epoch is made for.
const MOST_ROWS: u64 = 1 << 27;
/// Columns of a layer.
const MOST_COLUMNS: u64 = 1 << 20;
/// Elements of a tensor.
const MOST_ELEMENTS: u64 = 1 << 30;

/// How many rows an owner brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Rows to train on.
    pub train: u32,
    /// Rows to test on.
    pub test: u32,
}

/// What the trainer gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reveals {
    /// The accuracy on the owners' test rows, after every epoch.
    pub accuracy: bool,
    /// The final model.
    pub model: bool,
}

impl Reveals {
    /// From a list of `accuracy` and `model`.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other word.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut reveals = Self { accuracy: false, model: false };
        for name in names {
            match name {
                "accuracy" => reveals.accuracy = true,
                "model" => reveals.model = true,
                "none" => {}
                _ => {
                    let text = format!("`{name}` cannot be revealed; there are `accuracy`, `model` and `none`");
                    return Err(Error::Usage(text));
                }
            }
        }
        Ok(reveals)
    }

    /// Whether it lists something.
    pub fn allows(&self, what: Revealed) -> bool {
        match what {
            Revealed::Hits { .. } => self.accuracy,
            Revealed::Parameter { .. } => self.model,
        }
    }
}

/// Steps that cost the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepKind {
    /// The first of them, from 0.
    pub step: u64,
    /// Rows of its batch.
    pub rows: u32,
    /// How many there are.
    pub times: u64,
}

/// A training job. All of it is public.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The network.
    pub model: Model,
    /// The number settings.
    pub profile: Profile,
    /// Rows by owner.
    pub owners: Vec<Owned>,
    /// How the owners scale their features.
    pub normalization: Option<Normalization>,
    /// Whether every epoch goes over the rows in an order of its own.
    pub shuffle: bool,
    /// Passes over the data.
    pub epochs: u32,
    /// Stop after so many steps.
    pub steps: Option<u64>,
    /// Rows of a batch; the last of an epoch may be smaller.
    pub batch: u32,
    /// The learning rate over the batch size.
    pub rate: Rate,
    /// The momentum.
    pub momentum: Momentum,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// What the trainer gets to see.
    pub reveal: Reveals,
    /// Fixes the public choices: the order of the rows, the initial weights.
    pub seed: u64,
}

impl Job {
    /// Checks a job that came from outside.
    ///
    /// # Errors
    /// [`Error::Usage`] with what does not fit.
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        if Profile::named(&self.profile.name)? != self.profile {
            return Err(Error::Usage(format!("the profile `{}` has other numbers here", self.profile.name)));
        }
        self.rate.check(&self.profile, self.schedule.most())?;
        let rows = |of: fn(&Owned) -> u32| self.owners.iter().map(|o| u64::from(of(o))).sum::<u64>();
        let (train, test) = (rows(|o| o.train), rows(|o| o.test));
        let widest = self.model.layers_with_inputs().map(|(_, input)| input.len() as u64).max().unwrap_or(0);
        let size = |shape: &Shape| shape.axes().iter().fold(1u64, |n, axis| n.saturating_mul(*axis as u64));
        let parameters = self.model.parameters().iter().map(size).fold(0, u64::saturating_add);
        let wrong = if train == 0 {
            "there are no rows to train on"
        } else if train.max(test) > MOST_ROWS {
            "there are more than 2^27 rows"
        } else if widest > MOST_COLUMNS || parameters > MOST_ELEMENTS {
            "the network is too large: layers have up to 2^20 columns, all together 2^30 parameters"
        } else if train.min(self.batch.into()) * widest > MOST_ELEMENTS {
            "a batch is too large: it has up to 2^30 elements in any layer"
        } else if self.reveal.accuracy && test == 0 {
            "accuracy is to be revealed, but there are no rows to test on"
        } else if self.batch == 0 || self.epochs == 0 || self.steps == Some(0) {
            "batch, epochs and steps must be at least 1"
        } else if self
            .normalization
            .is_some_and(|n| !(n.mean.is_finite() && n.deviation.is_finite() && n.deviation > 0.0))
        {
            "features cannot be scaled by a deviation that is not positive"
        } else if !self.momentum.is_valid() {
            "the momentum is not below 1"
        } else if self.owners.len() > 1 << 16 {
            "there are more than 2^16 owners"
        } else if test << self.profile.frac >= 1 << (self.profile.ring - 1) {
            "there are too many rows to test on for the profile to count"
        } else {
            return Ok(());
        };
        Err(Error::Usage(wrong.into()))
    }

    /// The settings as they are used: rates as the ring takes them.
    pub fn settings(&self) -> Settings {
        Settings {
            profile: self.profile.name.clone(),
            epochs: self.epochs,
            batch: self.batch,
            lr: self.rate.value() * f64::from(self.batch),
            momentum: self.momentum.value(),
            schedule: self.schedule.name().into(),
            normalize: self.normalization.is_some(),
            shuffle: self.shuffle,
            train_limit: Some(self.train_rows() as usize),
        }
    }

    /// Rows to train on.
    pub fn train_rows(&self) -> u32 {
        self.owners.iter().map(|o| o.train).sum()
    }

    /// Rows to test on.
    pub fn test_rows(&self) -> u32 {
        self.owners.iter().map(|o| o.test).sum()
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        u64::from(self.train_rows().div_ceil(self.batch))
    }

    /// Steps of the run.
    pub fn total_steps(&self) -> u64 {
        let all = self.steps_per_epoch() * u64::from(self.epochs);
        self.steps.map_or(all, |steps| steps.min(all))
    }

    /// Epochs that the run begins.
    pub fn epochs_begun(&self) -> u32 {
        let epochs = self.total_steps().div_ceil(self.steps_per_epoch());
        u32::try_from(epochs).expect("no more than the job's epochs")
    }

    /// The run's steps by kind: the rows of the batch, and how often the rate was halved before the step and in it.
    ///
    /// Takes no longer for a longer run.
    pub fn kinds_of_steps(&self) -> Vec<StepKind> {
        let (total, every, last) = (self.total_steps(), self.steps_per_epoch(), self.train_rows() % self.batch);
        let mut kinds = Vec::new();
        let mut push = |from: u64, to: u64| {
            // the last batch of an epoch may be smaller
            let partial = if last > 0 { to / every - from / every } else { 0 };
            let first_partial = from + (every - 1 - from % every);
            let first_full = if last > 0 && from == first_partial { from + 1 } else { from };
            let whole = self.batch.min(self.train_rows());
            kinds.push(StepKind { step: first_full, rows: whole, times: to - from - partial });
            kinds.push(StepKind { step: first_partial, rows: last, times: partial });
        };
        let mut from = 0;
        while from < total {
            let halvings = self.schedule.halvings(from, total);
            let to = self.schedule.steps_within(halvings, total);
            // the step in which the rate is halved is a kind of its own
            push(from, from + 1);
            push(from + 1, to);
            from = to;
        }
        kinds.retain(|kind| kind.times > 0);
        kinds
    }

    /// The batches of an epoch (from 1): the rows in an order of the public seed, or in their own; every batch ascending.
    pub fn batches(&self, epoch: u32) -> Vec<Vec<u32>> {
        let mut rows: Vec<u32> = (0..self.train_rows()).collect();
        let mut words = vec![0u32; 2 * rows.len()];
        public_seed(self.seed, "shuffle").stream(u64::from(epoch)).fill(0, &mut words);
        // Fisher and Yates; 64 random bits make the bias of the remainder negligible
        for i in (1..if self.shuffle { rows.len() } else { 0 }).rev() {
            let random = u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32;
            #[expect(clippy::cast_possible_truncation, reason = "below the number of rows")]
            rows.swap(i, (random % (i as u64 + 1)) as usize);
        }
        let mut batches: Vec<Vec<u32>> = rows.chunks(self.batch as usize).map(<[u32]>::to_vec).collect();
        batches.iter_mut().for_each(|b| b.sort_unstable());
        batches
    }

    /// The bytes that the parties compare.
    ///
    /// # Panics
    /// Never: a job has no field that cannot be written.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a job can be written")
    }

    /// A job from its bytes, checked.
    ///
    /// # Errors
    /// [`Error::Usage`] where they are not a job's.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let job: Self = postcard::from_bytes(bytes).map_err(|e| Error::Usage(format!("this is not a job: {e}")))?;
        job.check()?;
        Ok(job)
    }

    /// What identifies the job.
    pub fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.to_bytes()).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Model;

    fn job() -> Job {
        Job {
            model: Model::named("secureml", 784, 10).unwrap(),
            profile: Profile::small(),
            owners: vec![Owned { train: 300, test: 10 }, Owned { train: 41, test: 0 }],
            normalization: None,
            shuffle: true,
            epochs: 2,
            steps: None,
            batch: 128,
            rate: Rate::new(0.0625, 128).unwrap(),
            momentum: Momentum::new(0.9).unwrap(),
            schedule: Schedule::Halving,
            reveal: Reveals { accuracy: true, model: true },
            seed: 1,
        }
    }

    #[test]
    fn a_job_comes_back_from_its_bytes_and_garbage_does_not() {
        let bytes = job().to_bytes();
        assert_eq!(Job::from_bytes(&bytes).unwrap(), job());
        assert!(Job::from_bytes(&bytes[..bytes.len() / 2]).unwrap_err().is_usage());
        assert!(Job::from_bytes(&[0xff; 300]).unwrap_err().is_usage());
    }

    #[test]
    fn jobs_that_no_machine_could_hold_are_refused() {
        let refused = |change: &dyn Fn(&mut Job)| {
            let mut job = job();
            change(&mut job);
            Job::from_bytes(&job.to_bytes()).unwrap_err().to_string()
        };
        assert!(refused(&|j| j.owners[0].train = u32::MAX).contains("2^27 rows"));
        let wide = |n| move |j: &mut Job| j.model = Model::dense("wide", n, &[n], 10).unwrap();
        assert!(refused(&wide(1 << 21)).contains("too large"));
        assert!(refused(&wide(1 << 20)).contains("too large"));
        assert!(refused(&wide(usize::MAX)).contains("too large"));
        let tall = |j: &mut Job| {
            (j.owners[0].train, j.batch) = (1 << 26, 1 << 26);
        };
        assert!(refused(&tall).contains("a batch is too large"));
        assert!(refused(&|j| j.batch = 0).contains("at least 1"));
        assert!(refused(&|j| j.owners.clear()).contains("no rows"));
    }

    #[test]
    fn kinds_of_steps_are_those_of_all_steps() {
        let owners = |rows| vec![Owned { train: rows, test: 10 }];
        for (rows, batch, epochs, steps) in
            [(341, 128, 2, None), (341, 128, 9, Some(23)), (256, 128, 40, None), (5, 7, 1, None), (7, 7, 3, Some(2))]
        {
            for schedule in [Schedule::Halving, Schedule::Constant] {
                let job = Job { owners: owners(rows), batch, epochs, steps, schedule, ..job() };
                let total = job.total_steps();
                let every = job.steps_per_epoch();
                let rows_of =
                    |step: u64| if step % every < every - 1 { batch } else { rows - (rows - 1) / batch * batch };
                let halvings = |step: u64| {
                    (
                        schedule.halvings(step, total),
                        step.checked_sub(1).map(|s| schedule.halvings(s, total)).unwrap_or(0),
                    )
                };
                let key = |step: u64, rows: u32| {
                    let (now, before) = halvings(step);
                    (rows, now, now - before)
                };
                let mut want = std::collections::BTreeMap::<_, u64>::new();
                (0..total).for_each(|step| *want.entry(key(step, rows_of(step))).or_default() += 1);
                let mut have = std::collections::BTreeMap::<_, u64>::new();
                for kind in job.kinds_of_steps() {
                    assert_eq!(kind.rows, rows_of(kind.step), "{kind:?}");
                    *have.entry(key(kind.step, kind.rows)).or_default() += kind.times;
                }
                assert_eq!(have, want, "{rows} rows, {epochs} epochs, {schedule:?}");
            }
        }
        let long = Job { epochs: u32::MAX, ..job() };
        assert!(long.kinds_of_steps().len() <= 16);
        assert_eq!(long.kinds_of_steps().iter().map(|k| k.times).sum::<u64>(), long.total_steps());
    }

    #[test]
    fn an_epoch_goes_over_every_row_once_in_an_order_of_its_own() {
        let job = job();
        let all = |epoch| job.batches(epoch).concat();
        let sorted = |mut rows: Vec<u32>| {
            rows.sort_unstable();
            rows
        };
        assert_eq!(job.batches(1).iter().map(Vec::len).collect::<Vec<_>>(), [128, 128, 85]);
        assert!(job.batches(1).iter().all(|b| b.is_sorted()));
        assert_eq!(sorted(all(1)), (0..341).collect::<Vec<_>>());
        assert_ne!(all(1), all(2));
        let still = Job { shuffle: false, ..job.clone() };
        assert_eq!(still.batches(2).concat(), (0..341).collect::<Vec<_>>());
    }
}
