//! A job: everything that the parties must agree on. All of it is public.

use serde::{Deserialize, Serialize};

use crate::data::Description;
use crate::error::{Error, Result};
use crate::net::{is_printable, printable};
use crate::nn::{ClassWeights, Dyadic, LearningRate, Model, Momentum, Normalization, Task};
use crate::party::SetShape;
use crate::shape::Shape;
use crate::train::steps::LEAST_DECAY;
use crate::train::{InitialSource, Reveals, Settings};

/// Maximum rows of an epoch's order.
const MOST_ROWS: u64 = 1 << 27;
/// Maximum columns of a layer.
const MOST_COLUMNS: u64 = 1 << 20;
/// Maximum elements of a tensor.
const MOST_ELEMENTS: u64 = 1 << 30;

/// Maximum length of a data set's name.
const MOST_NAME: usize = 64;

/// How many rows an owner contributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Training rows.
    pub train: u32,
    /// Test rows.
    pub test: u32,
}

/// A training job. All of it is public.
///
/// The documentation of its methods holds for jobs that pass [`Job::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The name of the owners' data set; empty if the program that runs the owners supplies the rows.
    pub dataset: String,
    /// What is public about the owners' data; `None` for a known data set, and for rows that a program supplies.
    pub description: Option<Description>,
    /// The network.
    pub model: Model,
    /// Rows by owner.
    pub owners: Vec<Owned>,
    /// How it is trained, as requested; [`Job::used_settings`] has the settings that are used.
    pub settings: Settings,
    /// Mean and standard deviation of the data set's features, for jobs that normalize them.
    pub scale: Normalization,
    /// Stop after this many steps.
    pub steps: Option<u64>,
    /// The results that are revealed to the trainer.
    pub reveal: Reveals,
    /// The number of steps after which the trainer may end the run at any time and still get the model, if it is revealed.
    pub ends_from: u64,
    /// Where the initial parameters come from.
    pub initial: InitialSource,
    /// Seed of the public random choices: order of the rows, dropout, random initial weights.
    pub seed: u64,
}

impl Job {
    /// Checks a job from an untrusted source.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the setting or layer that is invalid.
    pub fn check(&self) -> Result<()> {
        if !is_printable(self.model.name()) {
            let name = printable(self.model.name());
            return Err(Error::Usage(format!("the network's name `{name}` has control characters or is too long")));
        }
        self.model.check()?;
        if self.dataset.len() > MOST_NAME || !self.dataset.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::Usage(
                "the data set's name must have at most 64 printable ASCII characters, without spaces".into(),
            ));
        }
        self.check_description()?;
        self.settings.check()?;
        self.initial.check()?;
        let Settings { profile, schedule, .. } = &self.settings;
        let rate = LearningRate::new(self.settings.lr, self.rows_per_step())?;
        rate.check(profile, schedule.least())?;
        let least = rate.times(schedule.least());
        self.update(least, least).check(profile, self.model.most_extra_bits())?;
        if self.reveal.moments == self.standardized().is_empty() {
            let wrong = if self.reveal.moments { "are revealed only" } else { "must be revealed" };
            let text = format!("the moments of features {wrong} where the data description has `reveal = true`");
            return Err(Error::Usage(text));
        }
        let mistake = self.mistake().map(String::from).or_else(|| self.figure_mistake());
        mistake.map_or(Ok(()), |wrong| Err(Error::Usage(wrong)))
    }

    /// What is too large in the job, or not supported.
    fn mistake(&self) -> Option<&'static str> {
        let Settings { profile, batch, .. } = &self.settings;
        let rows = |of: fn(&Owned) -> u32| self.owners.iter().map(|o| u64::from(of(o))).sum::<u64>();
        let (train, test) = (rows(|o| o.train), rows(|o| o.test));
        let widest = self.model.widest() as u64;
        let size = |shape: &Shape| shape.axes().iter().fold(1u64, |n, axis| n.saturating_mul(*axis as u64));
        let parameters = self.model.parameters().iter().map(size).fold(0, u64::saturating_add);
        let wrong = if train == 0 {
            "there are no training rows"
        } else if train.max(test) > MOST_ROWS {
            "more than 2^27 rows are not supported; use fewer (--train-limit, --test-limit)"
        } else if widest > MOST_COLUMNS || parameters > MOST_ELEMENTS {
            "the network is too large: at most 2^20 columns per layer and 2^30 parameters are supported"
        } else if train.min(u64::from(*batch)) * widest > MOST_ELEMENTS {
            "the batch is too large: at most 2^30 elements per layer are supported; use a smaller batch"
        } else if self.smallest_batch() < self.model.least_batch() {
            "batch normalization of a dense layer needs at least 2 rows in every batch, and one has only 1; change the batch \
             size or the number of rows"
        } else if self.most_mask_blocks() > 1 << 32 {
            "an owner has too many rows: a mask has at most 2^32 blocks of 64 bytes; split the rows among more owners"
        } else if self.reveal.accuracy && test == 0 {
            "accuracy is to be revealed, but there are no test rows"
        } else if self.settings.target.is_some() && self.model.decisions() == 0 {
            "a regression has no accuracy that could reach a target; remove --target, and use --patience"
        } else if self.settings.early_stop().is_some() && !self.stops_by_error() && !self.reveal.accuracy {
            "an early stop depends on the accuracy, which must be revealed; add accuracy to --reveal"
        } else if self.settings.early_stop().is_some() && !self.reveal.accuracy && !self.reveal.squared_error {
            "an early stop of a regression depends on the squared error, which must be revealed; add squared-error to --reveal"
        } else if self.ends_from == 0 {
            "a run cannot be ended before its first step"
        } else if ![0, self.model.classes()].contains(&self.settings.class_weights.len()) {
            "there must be as many class weights as the network has classes, and none where it learns several labels or numbers"
        } else if ClassWeights::new(&self.settings.class_weights).is_none() {
            "class weights must be from 1/16 to 16; scale them, and the learning rate the other way"
        } else if self.steps == Some(0) {
            "steps must be at least 1"
        } else if !self.scale.fits(self.model.features()) {
            "features cannot be normalized: means and deviations must be finite, and deviations positive"
        } else if !(self.settings.weight_decay == 0.0 || (LEAST_DECAY..1.0).contains(&self.decay())) {
            "weight decay times learning rate must be 0, or from 2^-50 to less than 1"
        } else if self.owners.len() > 1 << 16 {
            "more than 2^16 owners are not supported"
        } else if u128::from(self.decisions()) << profile.frac >= 1 << (profile.ring - 1) {
            "there are too many test rows to count in this profile; use fewer, or the profile `wide`"
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

    /// The settings as used: with rounded rates, and the actual numbers of rows.
    pub fn used_settings(&self) -> Settings {
        let lr = self.rate().value() * self.rows_per_step() as f64;
        Settings {
            lr,
            momentum: self.momentum().value(),
            class_weights: self.class_weights().values(),
            weight_decay: Dyadic::near(self.decay()).map_or(0.0, |decay| decay.value() / lr),
            train_limit: Some(self.train_rows() as usize),
            test_limit: Some(self.test_rows() as usize),
            ..self.settings.clone()
        }
    }

    /// Whether an early stop goes by the squared error, as there is no accuracy in a regression.
    pub(crate) fn stops_by_error(&self) -> bool {
        self.model.task() == Task::Regression
    }

    /// The learning rate divided by the rows of a step, rounded.
    pub fn rate(&self) -> LearningRate {
        let one = || LearningRate::new(1.0, 1).expect("a power of two");
        LearningRate::new(self.settings.lr, self.rows_per_step()).unwrap_or_else(|_| one())
    }

    /// The weights of the classes, rounded; none if all rows count the same.
    pub fn class_weights(&self) -> ClassWeights {
        ClassWeights::new(&self.settings.class_weights).unwrap_or_default()
    }

    /// The momentum, rounded.
    pub fn momentum(&self) -> Momentum {
        let none = || Momentum::new(0.0).expect("a multiple of 1/32");
        Momentum::new(self.settings.momentum).unwrap_or_else(|_| none())
    }

    /// How owners normalize their features; `None` if they do not.
    pub fn normalization(&self) -> Option<Normalization> {
        self.settings.normalize.then(|| self.scale.clone())
    }

    /// The minimum number of steps before a figure or the model can leave the servers, whatever the trainer does.
    pub fn least_steps(&self) -> u64 {
        let (total, epoch) = (self.total_steps(), self.steps_per_epoch());
        let figures = self.reveal.accuracy
            || self.reveal.squared_error
            || self.reveal.ranges
            || self.settings.early_stop().is_some();
        let first = if figures { epoch } else { total };
        let asked = if self.reveal.model || self.reveal.ranges { self.ends_from } else { total };
        total.min(first).min(asked)
    }

    /// Learning rate times weight decay, at the initial rate.
    pub(crate) fn decay(&self) -> f64 {
        self.rate().value() * self.rows_per_step() as f64 * self.settings.weight_decay
    }

    /// ChaCha blocks of the longest mask of an owner's rows: the block counter has 32 bits.
    fn most_mask_blocks(&self) -> u64 {
        let blocks = |cols: usize| SetShape { cols, bits: self.settings.profile.ring }.blocks() as u64;
        let rows = self.owners.iter().map(|o| o.train.max(o.test)).max().unwrap_or(0);
        u64::from(rows) * blocks(self.model.features()).max(blocks(self.model.outputs()))
    }

    /// Checks that the job uses the data set of an owner.
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
            "the job {wants}, but this owner has `{dataset}`; use the same --dataset or --data for both"
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

    /// What is right or wrong in an evaluation: the class of every test row, or each of its labels.
    pub fn decisions(&self) -> u64 {
        u64::from(self.test_rows()) * self.model.decisions() as u64
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
    /// [`Error::Usage`] if they do not encode a valid job.
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
        assert!(refused(&tall).contains("the batch is too large"));
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
        assert!(refused(&|j| j.owners.clear()).contains("no training rows"));
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
        assert!(refused(&unseen).contains("must be revealed"));
        for decay in [-1e-4, f64::NAN, f64::INFINITY, 16.0, 1e-300] {
            assert!(refused(&|j| j.settings.weight_decay = decay).contains("weight decay"), "{decay}");
        }
    }
}
