//! A job: everything that the parties must agree on, and nothing that one of them must not know.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::net::{is_printable, printable};
use crate::nn::{Dyadic, LearningRate, Model, Momentum, Normalization};
use crate::party::{Revealed, SetShape};
use crate::shape::Shape;
use crate::train::steps::LEAST_DECAY;
use crate::train::{InitialSource, Settings};

/// Rows that the order of an epoch is made for.
const MOST_ROWS: u64 = 1 << 27;
/// Columns of a layer.
const MOST_COLUMNS: u64 = 1 << 20;
/// Elements of a tensor.
const MOST_ELEMENTS: u64 = 1 << 30;

/// Letters of a data set's name.
const MOST_NAME: usize = 64;

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
        let names: Vec<&str> = names.into_iter().collect();
        if names.contains(&"none") && names.len() > 1 {
            let text =
                "`none` stands alone; to reveal something, list some of `accuracy`, `model` and `ranges` without it";
            return Err(Error::Usage(text.into()));
        }
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
    /// Rows by owner.
    pub owners: Vec<Owned>,
    /// How it is trained, as it was asked for: [`Job::used_settings`] are those that are used.
    pub settings: Settings,
    /// The mean and the deviation of the data set's features, for jobs that scale them.
    pub scale: Normalization,
    /// Stop after so many steps.
    pub steps: Option<u64>,
    /// What the trainer gets to see.
    pub reveal: Reveals,
    /// The steps after which the trainer may end the run at any time and still gets the model that is revealed.
    pub ends_from: u64,
    /// Where the initial parameters come from.
    pub initial: InitialSource,
    /// Fixes the public choices: the order of the rows, initial weights that are random.
    pub seed: u64,
}

impl Job {
    /// Checks a job that came from outside.
    ///
    /// # Errors
    /// [`Error::Usage`] with what does not fit.
    pub fn check(&self) -> Result<()> {
        if !is_printable(self.model.name()) {
            let name = printable(self.model.name());
            return Err(Error::Usage(format!("the network's name `{name}` has control characters or is too long")));
        }
        self.model.check()?;
        if self.dataset.len() > MOST_NAME || !self.dataset.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::Usage(
                "the data set's name has up to 64 letters, digits and signs, without blanks".into(),
            ));
        }
        self.settings.check()?;
        self.initial.check()?;
        let Settings { profile, schedule, .. } = &self.settings;
        let rate = LearningRate::new(self.settings.lr, self.rows_per_step())?;
        rate.check(profile, schedule.least())?;
        let least = rate.times(schedule.least());
        self.update(least, least).check(profile, self.model.most_extra_bits())?;
        self.mistake().map_or(Ok(()), |wrong| Err(Error::Usage(wrong.into())))
    }

    /// What is too large in the job, or cannot be done.
    fn mistake(&self) -> Option<&'static str> {
        let Settings { profile, batch, .. } = &self.settings;
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
        } else if train.min(u64::from(*batch)) * widest > MOST_ELEMENTS {
            "a batch is too large: it has up to 2^30 elements in any layer"
        } else if self.smallest_batch() < self.model.least_batch() {
            "batch normalization of a dense layer takes two or more rows a batch, and one of these has one; change the batch size or \
             the number of rows"
        } else if self.most_mask_blocks() > 1 << 32 {
            "an owner has too many rows: the mask of its rows has up to 2^32 blocks of 64 bytes; split them among owners"
        } else if self.reveal.accuracy && test == 0 {
            "accuracy is to be revealed, but there are no rows to test on"
        } else if self.settings.early_stop().is_some() && !self.reveal.accuracy {
            "an early stop goes by the accuracy, which has to be revealed"
        } else if self.ends_from == 0 {
            "a run may be ended after 1 step at the earliest"
        } else if self.steps == Some(0) {
            "steps must be at least 1"
        } else if !(self.scale.mean.is_finite() && self.scale.deviation.is_finite() && self.scale.deviation > 0.0) {
            "features cannot be scaled by a deviation that is not positive"
        } else if !(self.settings.weight_decay == 0.0 || (LEAST_DECAY..1.0).contains(&self.decay())) {
            "weight decay times learning rate must be 0, or from 2^-50 to less than 1"
        } else if self.owners.len() > 1 << 16 {
            "there are more than 2^16 owners"
        } else if test << profile.frac >= 1 << (profile.ring - 1) {
            "there are too many rows to test on for the profile to count"
        } else {
            return None;
        };
        Some(wrong)
    }

    /// Rows of the smallest batch.
    fn smallest_batch(&self) -> u32 {
        let (rows, batch) = (self.train_rows(), self.settings.batch);
        match rows.checked_rem(batch) {
            Some(0) | None => batch,
            Some(rest) => rest,
        }
    }

    /// The settings as they are used: rates as the ring takes them, and the rows that there are.
    pub fn used_settings(&self) -> Settings {
        let lr = self.rate().value() * self.rows_per_step() as f64;
        Settings {
            lr,
            momentum: self.momentum().value(),
            weight_decay: Dyadic::near(self.decay()).map_or(0.0, |decay| decay.value() / lr),
            train_limit: Some(self.train_rows() as usize),
            test_limit: Some(self.test_rows() as usize),
            ..self.settings.clone()
        }
    }

    /// The learning rate over the rows of a step, as the ring takes it.
    pub fn rate(&self) -> LearningRate {
        let one = || LearningRate::new(1.0, 1).expect("a power of two");
        LearningRate::new(self.settings.lr, self.rows_per_step()).unwrap_or_else(|_| one())
    }

    /// The momentum, as the ring takes it.
    pub fn momentum(&self) -> Momentum {
        let none = || Momentum::new(0.0).expect("a multiple of 1/32");
        Momentum::new(self.settings.momentum).unwrap_or_else(|_| none())
    }

    /// How owners scale their features; none where they do not.
    pub fn normalization(&self) -> Option<Normalization> {
        self.settings.normalize.then_some(self.scale)
    }

    /// The fewest steps after which a figure or the model can leave the servers, whatever the trainer says.
    pub fn least_steps(&self) -> u64 {
        let (total, epoch) = (self.total_steps(), self.steps_per_epoch());
        let figures = self.reveal.accuracy || self.reveal.ranges || self.settings.early_stop().is_some();
        let first = if figures { epoch } else { total };
        let asked = if self.reveal.model || self.reveal.ranges { self.ends_from } else { total };
        total.min(first).min(asked)
    }

    /// Learning rate times weight decay, before the rate changes.
    pub(crate) fn decay(&self) -> f64 {
        self.rate().value() * self.rows_per_step() as f64 * self.settings.weight_decay
    }

    /// ChaCha blocks of the longest mask of an owner's rows: the block counter has 32 bits.
    fn most_mask_blocks(&self) -> u64 {
        let blocks = |cols: usize| SetShape { cols, bits: self.settings.profile.ring }.blocks() as u64;
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
    use crate::train::Schedule;
    use crate::train::steps::tests::job;

    #[test]
    fn a_job_comes_back_from_its_bytes_and_garbage_does_not() {
        let bytes = job().to_bytes();
        assert_eq!(Job::from_bytes(&bytes).unwrap(), job());
        assert!(Job::from_bytes(&bytes[..bytes.len() / 2]).unwrap_err().is_usage());
        assert!(Job::from_bytes(&[0xff; 300]).unwrap_err().is_usage());
        // a profile that is none, of as many letters
        let at = bytes.windows(5).position(|text| text == b"small").unwrap();
        let unknown = [&bytes[..at], b"smell", &bytes[at + 5..]].concat();
        assert!(Job::from_bytes(&unknown).unwrap_err().is_usage());
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
            (j.owners[0].train, j.settings.batch) = (1 << 26, 1 << 26);
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
        assert!(refused(&|j| j.settings.batch = 0).contains("at least 1"));
        for name in ["a\u{1b}[2Jb", "a\nerror: b", "\u{202e}a"] {
            let text = refused(&|j| j.model.name = name.into());
            assert!(text.contains("control characters") && is_printable(&text), "{text:?}");
        }
        assert!(refused(&|j| j.owners.clear()).contains("no rows"));
        assert!(refused(&|j| j.settings.accumulate = 0).contains("at least 1"));
        assert!(refused(&|j| j.settings.accumulate = u32::MAX).contains("4096"));
        assert!(
            refused(&|j| j.settings.schedule = Schedule::Step { epochs: 0, factor: 0.5 }).contains("at least 1 epoch")
        );
        assert!(refused(&|j| j.settings.schedule = Schedule::Step { epochs: 1, factor: f64::NAN }).contains("0.99"));
        assert!(refused(&|j| j.settings.target = Some(2.0)).contains("must be above 0"));
        let unseen = |j: &mut Job| {
            j.settings.patience = Some(1);
            j.reveal.accuracy = false;
        };
        assert!(refused(&unseen).contains("has to be revealed"));
        for decay in [-1e-4, f64::NAN, f64::INFINITY, 16.0, 1e-300] {
            assert!(refused(&|j| j.settings.weight_decay = decay).contains("weight decay"), "{decay}");
        }
    }
}
