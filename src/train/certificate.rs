//! Range certificates: what a run in the clear, on public or synthetic data, saw of a job's ranges.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::Normalization;
use crate::party::Ranges;
use crate::train::{Job, Schedule};

/// Says that a job's values stayed in their ranges in a run in the clear. As a file: JSON.
///
/// A promise by evidence, not by proof: other data may reach further, for which the margins leave room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The network: its name.
    pub model: String,
    /// Its sizes, as `784-128-128-10`.
    pub sizes: String,
    /// BLAKE3 of its layers, loss and beginnings, in hex.
    pub model_hash: String,
    /// The data it was run on, in words.
    pub data: String,
    /// Columns of a row.
    pub features: usize,
    /// Classes.
    pub classes: usize,
    /// Rows to train on.
    pub rows: u32,
    /// The settings.
    pub settings: Conditions,
    /// Share of the test rows that were classified right at the end; none without test rows.
    pub test_accuracy: Option<f64>,
    /// The tensors.
    pub ranges: Vec<Margin>,
    /// The profile that the ranges recommend; none where some range fits no profile.
    pub recommended: Option<String>,
}

/// The settings that ranges depend on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The number settings.
    pub profile: Profile,
    /// Steps of the run.
    pub steps: u64,
    /// Rows of a batch.
    pub batch: u32,
    /// Batches of a step.
    pub accumulate: u32,
    /// The learning rate over the rows of a step, as it is used.
    pub step_size: String,
    /// The momentum.
    pub momentum: f64,
    /// The weight decay.
    pub weight_decay: f64,
    /// How the learning rate goes.
    pub schedule: Schedule,
    /// How features are scaled.
    pub normalization: Option<Normalization>,
    /// BLAKE3 of the parameters that the run began with, in hex; none where they were random.
    pub initial: Option<String>,
}

impl Conditions {
    fn of(job: &Job, initial: Option<&str>) -> Self {
        Self {
            profile: job.profile.clone(),
            steps: job.total_steps(),
            batch: job.batch,
            accumulate: job.accumulate,
            step_size: job.rate.to_string(),
            momentum: job.momentum.value(),
            weight_decay: job.weight_decay,
            schedule: job.schedule,
            normalization: job.normalization,
            initial: initial.map(str::to_owned),
        }
    }
}

/// A tensor's largest magnitude against its bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// The place in the program, as `relu1/forward`.
    pub place: String,
    /// What it is of, as `output`.
    pub tensor: String,
    /// The largest magnitude.
    pub largest: f64,
    /// The largest magnitude that is still right in the run's profile.
    pub bound: f64,
    /// Bits between the two; none where all values were 0.
    pub margin_bits: Option<f64>,
    /// The step, from 1, in which or after which a value first left the range.
    pub overflow_step: Option<u64>,
}

impl Certificate {
    /// The certificate of a job that ran in the clear, from the parameters of this hash
    /// ([`Training::initial_hash`](crate::roles::Training::initial_hash)).
    pub fn new(
        job: &Job,
        initial: Option<&str>,
        data: impl Into<String>,
        test_accuracy: Option<f64>,
        ranges: &Ranges,
    ) -> Self {
        let own = job.profile.number();
        let margin = |r: &crate::party::Range| Margin {
            place: r.place.clone(),
            tensor: r.what.into(),
            largest: r.largest,
            bound: r.bounds[own],
            margin_bits: r.margin(own),
            overflow_step: r.overflow.map(|moment| moment.step),
        };
        Self {
            model: job.model.name().into(),
            sizes: job.model.sizes(),
            model_hash: model_hash(job),
            data: data.into(),
            features: job.model.features(),
            classes: job.model.classes(),
            rows: job.train_rows(),
            settings: Conditions::of(job, initial),
            test_accuracy,
            ranges: ranges.iter().map(margin).collect(),
            recommended: recommended(ranges).map(|p| p.name),
        }
    }

    /// Checks that the certificate speaks for a job that begins with the parameters of this hash: for its network and settings,
    /// for at least as many steps, and with room left in every range.
    ///
    /// # Errors
    /// [`Error::Usage`] with what does not fit.
    pub fn check(&self, job: &Job, initial: Option<&str>) -> Result<()> {
        let (own, theirs) = (&self.settings, Conditions::of(job, initial));
        let close = |m: &&Margin| m.overflow_step.is_some() || m.margin_bits.is_some_and(|bits| bits < ROOM_BITS);
        let wrong = if self.model_hash != model_hash(job) {
            format!("is of another network, {} {}", self.model, self.sizes)
        } else if own.steps < theirs.steps {
            format!("is of {} steps, the job has {}", own.steps, theirs.steps)
        } else if own.initial != theirs.initial {
            "is of a run from other initial parameters".into()
        } else if (Conditions { steps: 0, ..own.clone() }) != (Conditions { steps: 0, ..theirs }) {
            "is of other settings: profile, batches, learning rate, momentum, weight decay, schedule or scale of the features"
                .into()
        } else if let Some(tensor) = self.ranges.iter().find(close) {
            format!("leaves less than {ROOM_BITS} bit of room at {}, {}", tensor.place, tensor.tensor)
        } else {
            return Ok(());
        };
        Err(Error::Usage(format!("the range certificate {wrong}; run `ppdnn dry-run` for this job")))
    }

    /// Writes the certificate.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("a certificate can be written");
        fs::write(path, text + "\n").map_err(|e| Error::file(path, e))
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Format`].
    pub fn load(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::file(path, e))?;
        let mut text = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut text).map_err(|e| Error::file(path, e))?;
        serde_json::from_slice(&text).map_err(|e| Error::format(path, format!("is no range certificate: {e}")))
    }
}

/// Bytes of a file.
const MOST_BYTES: u64 = 16 << 20;

/// Bits that a range must leave free: data that nobody may see first may reach twice as far.
pub const ROOM_BITS: f64 = 1.0;

/// The smallest profile whose ranges all keep [`ROOM_BITS`] free.
pub fn recommended(ranges: &Ranges) -> Option<Profile> {
    let fits = |p: &Profile| ranges.smallest_margin(p.number()).is_none_or(|bits| bits >= ROOM_BITS);
    Profile::all().into_iter().find(fits)
}

fn model_hash(job: &Job) -> String {
    let bytes = postcard::to_stdvec(&job.model).expect("a model can be written");
    blake3::hash(&bytes).to_hex().to_string()
}
