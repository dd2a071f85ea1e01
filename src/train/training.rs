//! The door for other programs: describe a training, then plan it, run it in this process, or run it in the clear.
//!
//! What a training does stands with the roles: [`Training::run`] in `roles/threads.rs`, [`Training::run_clear`] in
//! `roles/reference_run.rs`, [`Training::plan`] in `roles/planned_cost.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::data::DatasetInfo;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, Profile, encode};
use crate::nn::{Model, Normalization, initial_parameters};
use crate::shape::Shape;
use crate::train::settings::setters;
use crate::train::{
    Certificate, EarlyStop, InitialSource, Job, Owned, Recipe, Reveals, Schedule, Settings, initial_hash, unchecked,
};

/// A training to be: a network, and how it is trained; whatever is not said is as [`Settings::default`] has it.
#[derive(Clone, Debug)]
pub struct Training {
    dataset: String,
    model: Model,
    settings: Settings,
    scale: Normalization,
    owners: usize,
    steps: Option<u64>,
    reveal: Reveals,
    ends_from: Option<u64>,
    end: Arc<AtomicBool>,
    seed: u64,
    initial: Option<Vec<Vec<f64>>>,
    private: bool,
    /// The learning rate that the network's ranges were measured with.
    measured_rate: Option<f64>,
    ranges: RangesOf,
    certificates: Vec<Certificate>,
}

/// What is known of the ranges of a network's values before it is trained.
#[derive(Clone, Debug)]
enum RangesOf {
    /// Nothing: it is a program's own.
    Model,
    /// Nothing: it is from a file.
    File(PathBuf),
    /// They were measured: it is one of this crate's.
    Measured,
}

impl Training {
    /// A training of a model with the default [`Settings`], which suit networks that nobody has measured: the profile `wide`, 5
    /// epochs, batches of 128, learning rate 2^-4 halved along the way, momentum 29/32. There is one owner; accuracy, model and
    /// ranges are revealed.
    pub fn new(model: Model) -> Self {
        Self {
            dataset: String::new(),
            model,
            settings: Settings::default(),
            scale: Normalization { mean: 0.0, deviation: 1.0 },
            owners: 1,
            steps: None,
            reveal: Reveals::default(),
            ends_from: None,
            end: Arc::default(),
            seed: 1,
            initial: None,
            private: false,
            measured_rate: None,
            ranges: RangesOf::Model,
            certificates: Vec::new(),
        }
    }

    /// A training of a recipe's network on a data set, with the recipe's settings; which rows are trained on
    /// ([`Settings::train_limit`]) is up to whoever has them.
    pub fn of(recipe: &Recipe, data: &DatasetInfo) -> Self {
        Self {
            dataset: data.name.into(),
            settings: recipe.settings.clone(),
            scale: Normalization { mean: data.mean, deviation: data.deviation },
            measured_rate: Some(recipe.settings.lr),
            ranges: recipe.file.clone().map_or(RangesOf::Measured, RangesOf::File),
            ..Self::new(recipe.model.clone())
        }
    }

    setters!();

    fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Ends the run before its last epoch by the accuracy, which has to be revealed; never where `stop` has neither patience nor
    /// target. The schedule of the learning rate is that of all epochs.
    #[must_use]
    pub fn stop(self, stop: EarlyStop) -> Self {
        self.patience(stop.patience).target(stop.target)
    }

    /// How the owners scale their features; none where they do not.
    #[must_use]
    pub fn normalization(mut self, normalization: Option<Normalization>) -> Self {
        self.settings.normalize = normalization.is_some();
        self.scale = normalization.unwrap_or(self.scale);
        self
    }

    /// The name of the data set that owners have to bring; without one, any rows will do.
    #[must_use]
    pub fn dataset(self, name: &str) -> Self {
        Self { dataset: name.into(), ..self }
    }

    /// Splits the rows among so many owners.
    #[must_use]
    pub fn owners(self, owners: usize) -> Self {
        Self { owners, ..self }
    }

    /// Stops after so many steps.
    #[must_use]
    pub fn steps(self, steps: Option<u64>) -> Self {
        Self { steps, ..self }
    }

    /// The learning rate that the ranges of the network were measured with: a rate far above it is warned of. For a recipe's
    /// network it is the recipe's.
    #[must_use]
    pub fn measured_at(self, learning_rate: f64) -> Self {
        Self { measured_rate: Some(learning_rate), ..self }
    }

    /// What a run in the clear ([`Training::run_clear`]) saw of the ranges of this training's values. Without a certificate that
    /// speaks for its job, a network that nobody has measured is warned of in the profile `small`, and one from a file in any.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificates.push(certificate);
        self
    }

    /// What the trainer gets to see.
    #[must_use]
    pub fn reveal(self, reveal: Reveals) -> Self {
        Self { reveal, ..self }
    }

    /// The steps after which the trainer may end the run at any time and still gets the model: those of an epoch, and at least
    /// 100, unless this is said. Owners know it from the job.
    #[must_use]
    pub fn ends_from(self, steps: u64) -> Self {
        Self { ends_from: Some(steps), ..self }
    }

    /// A signal: once it is set, the run ends after the next step, and reveals what the job lists if enough steps were done.
    #[must_use]
    pub fn ends_on(self, end: Arc<AtomicBool>) -> Self {
        Self { end, ..self }
    }

    /// Fixes the public choices: the order of the rows and the initial weights. Masks never follow it.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Begins with these parameters instead of random ones, in the order of [`Model::parameters`]; momentum is at rest. They are
    /// public: the job has their hash. [`Outcome::parameters`](crate::roles::Outcome::parameters) and
    /// [`TrainedModel::load_parameters`](crate::nn::TrainedModel::load_parameters) are of this form.
    #[must_use]
    pub fn initial(self, parameters: Vec<Vec<f64>>) -> Self {
        Self { initial: Some(parameters), private: false, ..self }
    }

    /// The same, seen by nobody but the trainer, which shares them. Owners allow it only if their policy says so: who chooses
    /// weights unseen can make them a trap for rows.
    #[must_use]
    pub fn private_initial(self, parameters: Vec<Vec<f64>>) -> Self {
        Self { private: true, ..self.initial(parameters) }
    }

    /// The parameters that a job begins with, with 32 fraction bits.
    ///
    /// # Errors
    /// [`Error::Usage`] where those that were given are not the model's, or out of the range of weights.
    pub fn initial_parameters(&self, job: &Job) -> Result<Vec<Vec<u64>>> {
        self.given(&job.model, &job.settings.profile).unwrap_or_else(|| Ok(initial_parameters(&job.model, job.seed)))
    }

    /// The parameters that were given, on the grid; none where they are random.
    fn given(&self, model: &Model, profile: &Profile) -> Option<Result<Vec<Vec<u64>>>> {
        self.initial.as_ref().map(|given| on_grid(given, model, profile))
    }

    /// What tells the parameters that were given from others; none where they are random. It is for range certificates.
    pub fn initial_hash(&self) -> Option<String> {
        let given = self.initial.as_ref()?;
        let mut hasher = blake3::Hasher::new();
        given.iter().flatten().for_each(|x| {
            hasher.update(&x.to_le_bytes());
        });
        Some(hasher.finalize().to_hex().to_string())
    }

    /// The job for so many rows to train on and to test on, split evenly among the owners.
    ///
    /// # Errors
    /// [`Error::Usage`] where settings do not fit each other or the rows.
    pub fn job(&self, train_rows: usize, test_rows: usize) -> Result<Job> {
        if self.owners == 0 || self.owners > train_rows.max(1) || self.owners > MOST_OWNERS {
            let most = train_rows.min(MOST_OWNERS);
            let text = format!("{} owners cannot share {train_rows} rows; there must be 1 to {most}", self.owners);
            return Err(Error::Usage(text));
        }
        let owned = |owner| {
            let rows = |of| u32::try_from(share_of(of, self.owners, owner).len());
            Ok(Owned { train: rows(train_rows)?, test: rows(test_rows)? })
        };
        let owners = (0..self.owners).map(owned).collect::<std::result::Result<_, std::num::TryFromIntError>>();
        let job = Job {
            dataset: self.dataset.clone(),
            model: self.model.clone(),
            owners: owners.map_err(|_| Error::Usage("there are more than 2^32 rows".into()))?,
            settings: self.settings.clone(),
            scale: self.scale,
            steps: self.steps,
            reveal: self.reveal,
            ends_from: self.ends_from.unwrap_or(1),
            initial: match self.given(&self.model, &self.settings.profile).transpose()? {
                None => InitialSource::Seed,
                Some(_) if self.private => InitialSource::Private,
                Some(parameters) => InitialSource::Public { blake3: initial_hash(&parameters) },
            },
            seed: self.seed,
        };
        job.check()?;
        let ends_from = self.ends_from.unwrap_or_else(|| job.steps_per_epoch().max(FIRST_END));
        Ok(Job { ends_from, ..job })
    }

    /// What ends the run once it is set.
    pub(crate) fn end(&self) -> &Arc<AtomicBool> {
        &self.end
    }

    /// The learning rate, and the one that the network's ranges were measured with.
    pub(crate) fn rates(&self) -> (f64, Option<f64>) {
        (self.settings.lr, self.measured_rate)
    }

    /// A warning where nobody has checked that the values of the job's network fit its profile.
    ///
    /// `wide` and `deep` have room for what nobody has measured, but not for everything, and what a batch's gradients add up to
    /// is not among the samples that are checked in training.
    pub(crate) fn unchecked(&self, job: &Job) -> Option<String> {
        let file = match &self.ranges {
            RangesOf::Measured => return None,
            RangesOf::Model if job.settings.profile != Profile::small() => return None,
            RangesOf::Model => None,
            RangesOf::File(file) => Some(file.as_path()),
        };
        let initial = self.initial_hash();
        let checks = self.certificates.iter().map(|certificate| certificate.check(job, initial.as_deref()));
        let reasons = checks.map(|check| check.err().map(|e| e.to_string())).collect::<Option<Vec<_>>>()?;
        Some(unchecked(job, file, &reasons))
    }
}

/// Parameters with 32 fraction bits, where they are a model's and in the range of weights.
fn on_grid(given: &[Vec<f64>], model: &Model, profile: &Profile) -> Result<Vec<Vec<u64>>> {
    if !model.parameters().iter().map(Shape::len).eq(given.iter().map(Vec::len)) {
        return Err(Error::Usage(format!("the initial parameters are not those of `{}`", model.name())));
    }
    let bound = f64::from(profile.ring.saturating_sub(1 + profile.frac)).exp2();
    match given.iter().flatten().find(|x| x.is_nan() || x.abs() >= bound) {
        Some(x) => Err(Error::Usage(format!("an initial parameter of {x} does not fit: they are below {bound}"))),
        None => Ok(given.iter().map(|all| all.iter().map(|x| encode(*x, MASTER_FRAC)).collect()).collect()),
    }
}

/// The steps that are done before the trainer may end a run, unless somebody says otherwise; or an epoch, if that is more.
const FIRST_END: u64 = 100;

/// Owners of a job.
const MOST_OWNERS: usize = 1 << 16;

/// The rows of owner `owner` when `rows` rows are split evenly among `owners`.
pub fn share_of(rows: usize, owners: usize, owner: usize) -> std::ops::Range<usize> {
    // no sum or product of them overflows
    let until = |n: usize| {
        let part = rows as u128 * n.min(owners) as u128 / owners.max(1) as u128;
        usize::try_from(part).expect("no more than all rows")
    };
    until(owner)..until(owner.saturating_add(1))
}
