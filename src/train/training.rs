//! The entry point for other programs: describe a training, then plan it, run it in this process, or run it in the clear.
//!
//! What a training does is implemented with the roles: [`Training::run`] in `roles/threads.rs`, [`Training::run_clear`] in
//! `roles/reference_run.rs`, [`Training::plan`] in `roles/planned_cost.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::data::{Description, RowFormat};
use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, Profile, encode};
use crate::nn::{Model, Normalization, initial_parameters};
use crate::shape::Shape;
use crate::train::settings::setters;
use crate::train::{
    Certificate, EarlyStop, InitialSource, Job, Owned, Recipe, Reveals, Schedule, Settings, initial_hash, unchecked,
};

/// Describes a training: a network, and how it is trained. What is not set has the value of [`Settings::default`].
#[derive(Clone, Debug)]
pub struct Training {
    dataset: String,
    description: Option<Description>,
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

/// Where a network is from, and so whether its ranges are known before it is trained.
#[derive(Clone, Debug)]
enum RangesOf {
    /// From a program: unknown.
    Model,
    /// From a file: unknown.
    File(PathBuf),
    /// From this crate: measured.
    Measured,
}

impl Training {
    /// A training of a model with the default [`Settings`], which suit networks whose ranges have not been measured: the profile
    /// `wide`, 5 epochs, batches of 128 rows, a learning rate of 2^-4 with the schedule `halving`, momentum 29/32. There is one
    /// owner; model, ranges and the accuracy, or the squared error of a regression, are revealed.
    pub fn new(model: Model) -> Self {
        let reveal = Reveals::of(model.task());
        Self {
            dataset: String::new(),
            description: None,
            model,
            settings: Settings::default(),
            scale: Normalization::uniform(0.0, 1.0),
            owners: 1,
            steps: None,
            reveal,
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

    /// A training of a recipe's network on a data set, with the recipe's settings. [`Settings::train_limit`] is not applied here:
    /// the caller selects the rows.
    pub fn of<'a>(recipe: &Recipe, data: impl Into<RowFormat<'a>>) -> Self {
        let data = data.into();
        let [mean, deviation] = data.scale.unwrap_or([0.0, 1.0]);
        let ranges = match (&recipe.file, data.description) {
            (Some(file), _) => RangesOf::File(file.clone()),
            // a named network is measured on the known data sets
            (None, Some(_)) => RangesOf::File(recipe.model.name().into()),
            (None, None) => RangesOf::Measured,
        };
        Self {
            dataset: data.name.into(),
            description: data.description.cloned(),
            settings: recipe.settings.clone(),
            scale: Normalization::uniform(mean, deviation),
            measured_rate: Some(recipe.settings.lr),
            ranges,
            ..Self::new(recipe.model.clone())
        }
    }

    setters!();

    fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// Stops the run early, depending on the accuracy, which must be revealed; never if `stop` has neither patience nor target.
    /// The learning rate schedule spans all epochs nevertheless.
    #[must_use]
    pub fn stop(self, stop: EarlyStop) -> Self {
        self.patience(stop.patience).target(stop.target)
    }

    /// How the owners normalize their features; `None` if they do not.
    #[must_use]
    pub fn normalization(mut self, normalization: Option<Normalization>) -> Self {
        self.settings.normalize = normalization.is_some();
        self.scale = normalization.unwrap_or(self.scale);
        self
    }

    /// The name of the data set that the owners must have; without a name, any rows are accepted.
    #[must_use]
    pub fn dataset(self, name: &str) -> Self {
        Self { dataset: name.into(), ..self }
    }

    /// The data set that the owners must have: one that is described, whose name and description are part of the job.
    #[must_use]
    pub fn description(self, description: Description) -> Self {
        Self { dataset: description.name.clone(), description: Some(description), ..self }
    }

    /// Splits the rows evenly among this many owners.
    #[must_use]
    pub fn owners(self, owners: usize) -> Self {
        Self { owners, ..self }
    }

    /// Stops after this many steps, if given.
    #[must_use]
    pub fn steps(self, steps: Option<u64>) -> Self {
        Self { steps, ..self }
    }

    /// The learning rate that the ranges of the network were measured with; a rate far above it triggers a warning. For a
    /// recipe's network, it is the recipe's.
    #[must_use]
    pub fn measured_at(self, learning_rate: f64) -> Self {
        Self { measured_rate: Some(learning_rate), ..self }
    }

    /// Adds a range certificate of this training, as returned by a run in the clear ([`Training::run_clear`]). Without one that
    /// applies to its job, a network of your own triggers a warning in the profile `small`, and one from a file in any profile.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificates.push(certificate);
        self
    }

    /// The results that are revealed to the trainer.
    #[must_use]
    pub fn reveal(self, reveal: Reveals) -> Self {
        Self { reveal, ..self }
    }

    /// The number of steps after which the trainer may end the run at any time and still get the model. The default is one epoch,
    /// and at least 100 steps. It is part of the job, which owners see.
    #[must_use]
    pub fn ends_from(self, steps: u64) -> Self {
        Self { ends_from: Some(steps), ..self }
    }

    /// A flag that ends the run: once it is set, the run ends after the next step. The model is revealed if enough steps are done
    /// ([`Training::ends_from`]).
    #[must_use]
    pub fn ends_on(self, end: Arc<AtomicBool>) -> Self {
        Self { end, ..self }
    }

    /// The seed of the public random choices: order of the rows, dropout and initial weights. Masks never depend on it.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Starts from these parameters instead of random ones, in the order of [`Model::parameters`], with zero momentum. They are
    /// public: the job contains their hash. [`Outcome::parameters`](crate::roles::Outcome::parameters) and
    /// [`TrainedModel::load_parameters`](crate::nn::TrainedModel::load_parameters) have this form.
    #[must_use]
    pub fn initial(self, parameters: Vec<Vec<f64>>) -> Self {
        Self { initial: Some(parameters), private: false, ..self }
    }

    /// Starts from these parameters, which the trainer secret-shares so that nobody else sees them. Owners refuse this unless
    /// their policy allows it: maliciously chosen weights can single out rows.
    #[must_use]
    pub fn private_initial(self, parameters: Vec<Vec<f64>>) -> Self {
        Self { private: true, ..self.initial(parameters) }
    }

    /// The initial parameters of a job, with 32 fraction bits.
    ///
    /// # Errors
    /// [`Error::Usage`] if the given parameters do not have the model's shapes, or one is out of the range of weights.
    pub fn initial_parameters(&self, job: &Job) -> Result<Vec<Vec<u64>>> {
        self.given(&job.model, &job.settings.profile).unwrap_or_else(|| Ok(initial_parameters(&job.model, job.seed)))
    }

    /// The given parameters in fixed point; `None` if they are random.
    fn given(&self, model: &Model, profile: &Profile) -> Option<Result<Vec<Vec<u64>>>> {
        self.initial.as_ref().map(|given| on_grid(given, model, profile))
    }

    /// A hash of the given initial parameters, for range certificates; `None` if they are random.
    pub fn initial_hash(&self) -> Option<String> {
        let given = self.initial.as_ref()?;
        let mut hasher = blake3::Hasher::new();
        given.iter().flatten().for_each(|x| {
            hasher.update(&x.to_le_bytes());
        });
        Some(hasher.finalize().to_hex().to_string())
    }

    /// The job for the given numbers of training and test rows, which are split evenly among the owners.
    ///
    /// # Errors
    /// [`Error::Usage`] if settings do not fit each other or the rows.
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
        self.job_of(owners.map_err(|_| Error::Usage("more than 2^32 rows are not supported; use fewer".into()))?)
    }

    /// The job for owners with these numbers of rows.
    ///
    /// # Errors
    /// As [`Training::job`].
    pub fn job_of(&self, owners: Vec<Owned>) -> Result<Job> {
        let standardized = self.description.as_ref().is_some_and(|own| !own.standardized().is_empty());
        let job = Job {
            dataset: self.dataset.clone(),
            description: self.description.clone(),
            model: self.model.clone(),
            owners,
            settings: self.settings.clone(),
            scale: self.scale.clone(),
            steps: self.steps,
            // what the description says
            reveal: Reveals { moments: standardized, ..self.reveal },
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

    /// The flag that ends the run.
    pub(crate) fn end(&self) -> &Arc<AtomicBool> {
        &self.end
    }

    /// The learning rate, and the one that the network's ranges were measured with.
    pub(crate) fn rates(&self) -> (f64, Option<f64>) {
        (self.settings.lr, self.measured_rate)
    }

    /// A warning if nobody has checked that the values of the job's network fit its profile.
    ///
    /// `wide` and `deep` have headroom for unmeasured networks, but not for every value, and the samples that are checked in
    /// training do not include the gradients summed over a batch.
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

/// Parameters with 32 fraction bits, if they have the model's shapes and are in the range of weights.
pub(crate) fn on_grid(given: &[Vec<f64>], model: &Model, profile: &Profile) -> Result<Vec<Vec<u64>>> {
    if !model.parameters().iter().map(Shape::len).eq(given.iter().map(Vec::len)) {
        return Err(Error::Usage(format!("the parameters do not have the shapes of `{}`", model.name())));
    }
    let bound = f64::from(profile.ring.saturating_sub(1 + profile.frac)).exp2();
    match given.iter().flatten().find(|x| x.is_nan() || x.abs() >= bound) {
        Some(x) => Err(Error::Usage(format!("the parameter {x} is out of range; magnitudes must be below {bound}"))),
        None => Ok(given.iter().map(|all| all.iter().map(|x| encode(*x, MASTER_FRAC)).collect()).collect()),
    }
}

/// The default of [`Training::ends_from`], unless an epoch has more steps.
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
