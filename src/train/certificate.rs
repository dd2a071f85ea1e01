//! Range certificates: what a run in the clear, on public or synthetic data, saw of a job's ranges.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::input;
use crate::nn::Normalization;
use crate::party::Ranges;
use crate::train::{Job, Settings};

/// A range certificate: records how far the values of a job reached in a run in the clear. The file format is JSON.
///
/// It is evidence, not proof: other data may reach further, which is what the margins are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Name of the network.
    pub model: String,
    /// Its layer sizes, such as `784-128-128-10`.
    pub sizes: String,
    /// BLAKE3 hash of its layers, loss and initialization, in hex.
    pub model_hash: String,
    /// A description of the data of the run.
    pub data: String,
    /// Number of features of a row.
    pub features: usize,
    /// Number of outputs: classes, labels or targets.
    pub outputs: usize,
    /// Number of training rows.
    pub rows: u32,
    /// The settings.
    pub settings: Conditions,
    /// Fraction of the test rows that were classified correctly at the end; `None` without test rows.
    pub test_accuracy: Option<f64>,
    /// The range of every tensor.
    pub ranges: Vec<Margin>,
    /// The profile that the ranges recommend; `None` if some range fits no profile.
    pub recommended: Option<String>,
    /// The file that it was read from, which errors name.
    #[serde(skip)]
    file: Option<PathBuf>,
}

/// The settings of a run, and what follows from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The settings, with the momentum as it is used.
    #[serde(flatten)]
    pub settings: Settings,
    /// Steps of the run.
    pub steps: u64,
    /// The learning rate divided by the rows of a step, as used.
    pub step_size: String,
    /// How features are normalized.
    pub normalization: Option<Normalization>,
    /// BLAKE3 hash of the initial parameters, in hex; `None` if they were random.
    pub initial: Option<String>,
}

impl Conditions {
    fn of(job: &Job, initial: Option<&str>) -> Self {
        Self {
            settings: Settings { momentum: job.momentum().value(), ..job.settings.clone() },
            steps: job.total_steps(),
            step_size: job.rate().to_string(),
            normalization: job.normalization(),
            initial: initial.map(str::to_owned),
        }
    }

    /// Those that ranges depend on: not how many rows and epochs there are, in which order, or when a run ends; and the learning
    /// rate as it is used alone.
    fn of_ranges(&self) -> Self {
        let some = Settings::default();
        let settings = Settings {
            epochs: some.epochs,
            lr: some.lr,
            patience: None,
            target: None,
            shuffle: some.shuffle,
            train_limit: None,
            test_limit: None,
            ..self.settings.clone()
        };
        Self { settings, steps: 0, ..self.clone() }
    }
}

/// A tensor's largest magnitude against its bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Margin {
    /// The place in the program, such as `relu1/forward`.
    pub place: String,
    /// Name of the tensor, such as `output`.
    pub tensor: String,
    /// The largest magnitude.
    pub largest: f64,
    /// The largest magnitude that is still right in the run's profile.
    pub bound: f64,
    /// Bits between the two; `None` if all values were 0.
    pub margin_bits: Option<f64>,
    /// The step, from 1, in which or after which a value first left the range.
    pub overflow_step: Option<u64>,
}

impl Certificate {
    /// The certificate of a job that ran in the clear, from the parameters of this hash
    /// ([`Training::initial_hash`](crate::train::Training::initial_hash)).
    pub fn new(
        job: &Job,
        initial: Option<&str>,
        data: impl Into<String>,
        test_accuracy: Option<f64>,
        ranges: &Ranges,
    ) -> Self {
        let own = job.settings.profile.number();
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
            outputs: job.model.outputs(),
            rows: job.train_rows(),
            settings: Conditions::of(job, initial),
            test_accuracy,
            ranges: ranges.iter().map(margin).collect(),
            recommended: recommended(ranges).map(|p| p.name.into()),
            file: None,
        }
    }

    /// Checks that the certificate applies to a job that starts from the parameters with this hash: for its network and settings,
    /// for at least as many steps, and with room left in every range.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the mismatch.
    pub fn check(&self, job: &Job, initial: Option<&str>) -> Result<()> {
        let (own, theirs) = (&self.settings, Conditions::of(job, initial));
        let close = |m: &&Margin| m.overflow_step.is_some() || m.margin_bits.is_some_and(|bits| bits < ROOM_BITS);
        let wrong = if self.model_hash != model_hash(job) {
            format!("is for another network, {} {}", self.model, self.sizes)
        } else if own.steps < theirs.steps {
            format!("is for {} steps, the job has {}", own.steps, theirs.steps)
        } else if own.initial != theirs.initial {
            "is for a run from other initial parameters".into()
        } else if own.of_ranges() != theirs.of_ranges() {
            "is for other settings: profile, batches, learning rate, optimizer, momentum, weight decay, schedule or scale of the \
             features"
                .into()
        } else if let Some(tensor) = self.ranges.iter().find(close) {
            format!("has a margin of less than {ROOM_BITS} bit at {}, {}", tensor.place, tensor.tensor)
        } else {
            return Ok(());
        };
        let error = Error::Usage(format!("the range certificate {wrong}; run `ppdnn dry-run` for this job"));
        Err(match &self.file {
            Some(file) => error.at(file.display().to_string()),
            None => error,
        })
    }

    /// Writes the certificate.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("a certificate can be written");
        fs::write(path, text + "\n").map_err(|e| Error::file(path, e))
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, [`Error::Format`] if it is not a range certificate.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
        let read = serde_json::from_slice(&text);
        let certificate: Self = read.map_err(|e| Error::format(path, format!("is not a range certificate: {e}")))?;
        Ok(Self { file: Some(path.to_owned()), ..certificate })
    }
}

/// The warning about a job whose ranges have not been checked: `file` is that of its network, `reasons` are why certificates do
/// not apply to it.
pub(crate) fn unchecked(job: &Job, file: Option<&Path>, reasons: &[String]) -> String {
    let (name, profile) = (job.model.name(), job.settings.profile.name);
    let advice = match file {
        Some(file) => format!(
            "A dry run checks\n\
             all values and writes a range certificate, which is found here or passed with --ranges:\n  \
             ppdnn dry-run --model {}{} [and the same settings]",
            file.display(),
            if job.description.is_some() { " --data FILE --description FILE" } else { "" }
        ),
        None => "A run in the\n\
             clear checks all values (`Training::run_clear`); pass a `Certificate` of the ranges that it\n\
             returns to `Training::certificate`. The profile `wide` has more headroom."
            .into(),
    };
    let reasons: String = reasons.iter().map(|reason| format!("\n  {reason}")).collect();
    format!(
        "the ranges of `{name}` have not been checked for the profile `{profile}`; values out of\n\
         range give wrong results, and training does not check summed gradients. {advice}{reasons}"
    )
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
