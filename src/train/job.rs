//! A job: everything that the parties must agree on, and nothing that one of them must not know.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::gates::MOST_COMPARED;
use crate::net::{is_printable, printable};
use crate::nn::{Dyadic, Model, Momentum, Normalization, Rate};
use crate::party::{Revealed, SetShape};
use crate::shape::Shape;
use crate::train::steps::LEAST_DECAY;
use crate::train::{EarlyStop, Initial, Schedule, Settings};

/// Rows that the order of an epoch is made for.
const MOST_ROWS: u64 = 1 << 27;
/// Columns of a layer.
const MOST_COLUMNS: u64 = 1 << 20;
/// Elements of a tensor.
const MOST_ELEMENTS: u64 = 1 << 30;

/// Letters of a data set's name.
const MOST_NAME: usize = 64;

/// Batches of a step.
const MOST_ACCUMULATED: u32 = 1 << 12;

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
    /// How many values of samples were out of their ranges, after every epoch, by layer.
    pub ranges: bool,
}

impl Default for Reveals {
    /// All of it.
    fn default() -> Self {
        Self { accuracy: true, model: true, ranges: true }
    }
}

impl Reveals {
    /// From a list of `accuracy`, `model` and `ranges`.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other word.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut reveals = Self { accuracy: false, model: false, ranges: false };
        for name in names {
            match name {
                "accuracy" => reveals.accuracy = true,
                "model" => reveals.model = true,
                "ranges" => reveals.ranges = true,
                "none" => {}
                _ => {
                    let text =
                        format!("`{name}` cannot be revealed; there are `accuracy`, `model`, `ranges` and `none`");
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
            Revealed::OutOfRange { .. } => self.ranges,
            Revealed::Parameter { .. } => self.model,
        }
    }
}

/// A training job. All of it is public.
///
/// What is said of a job's steps, rows and settings holds for one that [`Job::check`] lets through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The name of the owners' data set; empty where the program that runs the owners has its own rows.
    pub dataset: String,
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
    /// Batches of a step, whose gradients are summed before the parameters move; the last step of an epoch may have fewer.
    pub accumulate: u32,
    /// The learning rate over the rows of a step.
    pub rate: Rate,
    /// The momentum.
    pub momentum: Momentum,
    /// The weight decay, of all parameters; 0 for none.
    pub weight_decay: f64,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// When the run ends before its last epoch.
    pub stop: Option<EarlyStop>,
    /// What the trainer gets to see.
    pub reveal: Reveals,
    /// The steps after which the trainer may end the run at any time and still gets the model that is revealed.
    pub ends_from: u64,
    /// Where the initial parameters come from.
    pub initial: Initial,
    /// Fixes the public choices: the order of the rows, initial weights that are random.
    pub seed: u64,
}

impl Job {
    /// Checks a job that came from outside.
    ///
    /// # Errors
    /// [`Error::Usage`] with what does not fit.
    pub fn check(&self) -> Result<()> {
        for (of, name) in [("network", self.model.name()), ("profile", &self.profile.name)] {
            if !is_printable(name) {
                let name = printable(name);
                return Err(Error::Usage(format!("the {of}'s name `{name}` has control characters or is too long")));
            }
        }
        self.model.check()?;
        self.check_accuracy()?;
        if self.dataset.len() > MOST_NAME || !self.dataset.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::Usage(
                "the data set's name has up to 64 letters, digits and signs, without blanks".into(),
            ));
        }
        if Profile::named(&self.profile.name)? != self.profile {
            return Err(Error::Usage(format!("the profile `{}` has other numbers here", self.profile.name)));
        }
        self.schedule.check()?;
        self.initial.check()?;
        self.stop.as_ref().map_or(Ok(()), EarlyStop::check)?;
        self.rate.check(&self.profile, self.schedule.least())?;
        let rows = |of: fn(&Owned) -> u32| self.owners.iter().map(|o| u64::from(of(o))).sum::<u64>();
        let (train, test) = (rows(|o| o.train), rows(|o| o.test));
        let widest = self.model.widest() as u64;
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
        } else if self.most_mask_blocks() > 1 << 32 {
            "an owner has too many rows: the mask of its rows has up to 2^32 blocks of 64 bytes; split them among owners"
        } else if self.reveal.accuracy && test == 0 {
            "accuracy is to be revealed, but there are no rows to test on"
        } else if self.stop.is_some() && !self.reveal.accuracy {
            "an early stop goes by the accuracy, which has to be revealed"
        } else if self.batch == 0 || self.accumulate == 0 || self.epochs == 0 || self.steps == Some(0) {
            "batch, accumulate, epochs and steps must be at least 1"
        } else if self.ends_from == 0 {
            "a run may be ended after 1 step at the earliest"
        } else if self.accumulate > MOST_ACCUMULATED {
            "gradients of up to 4096 batches are summed"
        } else if self
            .normalization
            .is_some_and(|n| !(n.mean.is_finite() && n.deviation.is_finite() && n.deviation > 0.0))
        {
            "features cannot be scaled by a deviation that is not positive"
        } else if !self.momentum.is_valid() {
            "the momentum is not below 1"
        } else if !(self.weight_decay == 0.0 || (LEAST_DECAY..1.0).contains(&self.decay())) {
            "weight decay times learning rate must be 0, or from 2^-50 to less than 1"
        } else if self.owners.len() > 1 << 16 {
            "there are more than 2^16 owners"
        } else if test << self.profile.frac >= 1 << (self.profile.ring - 1) {
            "there are too many rows to test on for the profile to count"
        } else {
            return Ok(());
        };
        Err(Error::Usage(wrong.into()))
    }

    /// Checks that the largest output of a row can be found where the accuracy is to be revealed.
    fn check_accuracy(&self) -> Result<()> {
        let classes = self.model.classes();
        if !self.reveal.accuracy || classes <= MOST_COMPARED {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "the accuracy is counted for up to {MOST_COMPARED} classes, not {classes}: all pairs of a row's outputs are compared, and \
             the dealer sends classes x 2^(classes - 1) bits a row to combine them; reveal the model alone, and score it in the clear"
        )))
    }

    /// The settings as they are used: rates as the ring takes them.
    pub fn settings(&self) -> Settings {
        let lr = self.rate.value() * self.rows_per_step() as f64;
        Settings {
            profile: self.profile.name.clone(),
            epochs: self.epochs,
            batch: self.batch,
            accumulate: self.accumulate,
            lr,
            momentum: self.momentum.value(),
            weight_decay: Dyadic::near(self.decay()).map_or(0.0, |decay| decay.value() / lr),
            schedule: self.schedule.to_string(),
            patience: self.stop.and_then(|stop| stop.patience),
            target: self.stop.and_then(|stop| stop.target),
            normalize: self.normalization.is_some(),
            shuffle: self.shuffle,
            train_limit: Some(self.train_rows() as usize),
            test_limit: Some(self.test_rows() as usize),
        }
    }

    /// The fewest steps after which a figure or the model can leave the servers, whatever the trainer says.
    pub fn least_steps(&self) -> u64 {
        let (total, epoch) = (self.total_steps(), self.steps_per_epoch());
        let figures = self.reveal.accuracy || self.reveal.ranges || self.stop.is_some();
        let first = if figures { epoch } else { total };
        let asked = if self.reveal.model || self.reveal.ranges { self.ends_from } else { total };
        total.min(first).min(asked)
    }

    /// Learning rate times weight decay, before the rate changes.
    fn decay(&self) -> f64 {
        self.rate.value() * self.rows_per_step() as f64 * self.weight_decay
    }

    /// ChaCha blocks of the longest mask of an owner's rows: the block counter has 32 bits.
    fn most_mask_blocks(&self) -> u64 {
        let blocks = |cols: usize| SetShape { cols, bits: self.profile.ring }.blocks() as u64;
        let rows = self.owners.iter().map(|o| o.train.max(o.test)).max().unwrap_or(0);
        u64::from(rows) * blocks(self.model.features()).max(blocks(self.model.classes()))
    }

    /// Checks that the job is about the data set that an owner brings.
    ///
    /// # Errors
    /// [`Error::Usage`] with both names.
    pub fn is_about(&self, dataset: &str) -> Result<()> {
        if self.dataset == dataset {
            return Ok(());
        }
        let wants = match &*self.dataset {
            "" => "names no data set",
            name => &format!("is about the data set `{name}`"),
        };
        Err(Error::Usage(format!(
            "the job {wants}, this owner brings `{dataset}`; one of the two has another --dataset"
        )))
    }

    /// Rows to train on.
    pub fn train_rows(&self) -> u32 {
        self.owners.iter().fold(0, |sum, o| sum.saturating_add(o.train))
    }

    /// Rows to test on.
    pub fn test_rows(&self) -> u32 {
        self.owners.iter().fold(0, |sum, o| sum.saturating_add(o.test))
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::steps::tests::job;

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
        assert!(refused(&wide(1 << 31)).contains("too large"));
        let tall = |j: &mut Job| {
            (j.owners[0].train, j.batch) = (1 << 26, 1 << 26);
        };
        assert!(refused(&tall).contains("a batch is too large"));
        // 256 blocks a row: 2^24 rows of one owner are just possible
        let long = |rows| {
            move |j: &mut Job| {
                j.model = Model::dense("long", 4096, &[16], 10).unwrap();
                j.owners[0].train = rows;
            }
        };
        assert!(refused(&long((1 << 24) + 1)).contains("2^32 blocks"));
        let mut most = job();
        long(1 << 24)(&mut most);
        most.check().unwrap();
        for name in ["two words", "a\u{1b}[2J", &"x".repeat(65)] {
            assert!(refused(&|j| j.dataset = name.into()).contains("data set's name"), "{name}");
        }
        assert!(refused(&|j| j.batch = 0).contains("at least 1"));
        for name in ["a\u{1b}[2Jb", "a\nerror: b", "\u{202e}a"] {
            let text = refused(&|j| j.model.name = name.into());
            assert!(text.contains("control characters") && is_printable(&text), "{text:?}");
            let text = refused(&|j| j.profile.name = name.into());
            assert!(text.contains("control characters") && is_printable(&text), "{text:?}");
        }
        assert!(refused(&|j| j.owners.clear()).contains("no rows"));
        assert!(refused(&|j| j.accumulate = 0).contains("at least 1"));
        assert!(refused(&|j| j.accumulate = u32::MAX).contains("4096"));
        assert!(refused(&|j| j.schedule = Schedule::Step { epochs: 0, factor: 0.5 }).contains("at least 1 epoch"));
        assert!(refused(&|j| j.schedule = Schedule::Step { epochs: 1, factor: f64::NAN }).contains("0.99"));
        assert!(refused(&|j| j.stop = Some(EarlyStop::default())).contains("patience or a target"));
        let unseen = |j: &mut Job| {
            j.stop = Some(EarlyStop { patience: Some(1), target: None });
            j.reveal.accuracy = false;
        };
        assert!(refused(&unseen).contains("has to be revealed"));
        for decay in [-1e-4, f64::NAN, f64::INFINITY, 16.0, 1e-300] {
            assert!(refused(&|j| j.weight_decay = decay).contains("weight decay"), "{decay}");
        }
    }
}
