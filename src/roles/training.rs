//! The door for other programs: describe a training, then plan it, run it in this process, or run it in the clear.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::data::Known;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_FRAC, Profile, encode};
use crate::nn::{Model, Momentum, Normalization, Rate, initial_parameters};
use crate::roles::costs::{Costs, plan_summary};
use crate::roles::event::Summary;
use crate::roles::fitness::{look_at_parameters, look_at_rate};
use crate::shape::Shape;
use crate::train::{EarlyStop, Initial, Job, Owned, Recipe, Reveals, Schedule, initial_hash};

/// A training to be: the settings, all with defaults that train `secureml` on MNIST.
#[derive(Clone, Debug)]
pub struct Training {
    dataset: String,
    model: Model,
    profile: Profile,
    owners: usize,
    normalization: Option<Normalization>,
    shuffle: bool,
    epochs: u32,
    steps: Option<u64>,
    batch: u32,
    accumulate: u32,
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    schedule: Schedule,
    stop: Option<EarlyStop>,
    reveal: Reveals,
    ends_from: Option<u64>,
    pub(super) end: Arc<AtomicBool>,
    seed: u64,
    initial: Option<Vec<Vec<f64>>>,
    private: bool,
    /// The learning rate that the network's ranges were measured with.
    measured_rate: Option<f64>,
}

impl Training {
    /// A training of a model: 5 epochs, batches of 128, learning rate 2^-4 halved along the way, momentum 29/32, one owner,
    /// profile `small`; accuracy and model are revealed.
    pub fn new(model: Model) -> Self {
        Self {
            dataset: String::new(),
            model,
            profile: Profile::small(),
            owners: 1,
            normalization: None,
            shuffle: true,
            epochs: 5,
            steps: None,
            batch: 128,
            accumulate: 1,
            learning_rate: 0.0625,
            momentum: 0.90625,
            weight_decay: 0.0,
            schedule: Schedule::Halving,
            stop: None,
            reveal: Reveals::default(),
            ends_from: None,
            end: Arc::default(),
            seed: 1,
            initial: None,
            private: false,
            measured_rate: None,
        }
    }

    /// A training of a recipe's network on a data set, with the recipe's settings; which rows are trained on
    /// ([`Settings::train_limit`](crate::train::Settings::train_limit)) is up to whoever has them.
    ///
    /// # Errors
    /// [`Error::Usage`] where a setting has a name that is none.
    pub fn of(recipe: &Recipe, data: &Known) -> Result<Self> {
        let s = &recipe.settings;
        let scale = Normalization { mean: data.mean, deviation: data.deviation };
        Ok(Self::new(recipe.model.clone())
            .dataset(data.name)
            .profile(Profile::named(&s.profile)?)
            .normalization(s.normalize.then_some(scale))
            .shuffle(s.shuffle)
            .epochs(s.epochs)
            .batch(s.batch)
            .accumulate(s.accumulate)
            .learning_rate(s.lr)
            .measured_at(s.lr)
            .momentum(s.momentum)
            .weight_decay(s.weight_decay)
            .schedule(s.schedule.parse()?)
            .stop(EarlyStop { patience: s.patience, target: s.target }))
    }

    /// The name of the data set that owners have to bring; without one, any rows will do.
    #[must_use]
    pub fn dataset(self, name: &str) -> Self {
        Self { dataset: name.into(), ..self }
    }

    /// The number settings.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Splits the rows among so many owners.
    #[must_use]
    pub fn owners(self, owners: usize) -> Self {
        Self { owners, ..self }
    }

    /// How the owners scale their features.
    #[must_use]
    pub fn normalization(self, normalization: Option<Normalization>) -> Self {
        Self { normalization, ..self }
    }

    /// Whether every epoch goes over the rows in an order of its own.
    #[must_use]
    pub fn shuffle(self, shuffle: bool) -> Self {
        Self { shuffle, ..self }
    }

    /// Passes over the data.
    #[must_use]
    pub fn epochs(self, epochs: u32) -> Self {
        Self { epochs, ..self }
    }

    /// Stops after so many steps.
    #[must_use]
    pub fn steps(self, steps: Option<u64>) -> Self {
        Self { steps, ..self }
    }

    /// Rows of a batch.
    #[must_use]
    pub fn batch(self, batch: u32) -> Self {
        Self { batch, ..self }
    }

    /// Sums the gradients of so many batches before the parameters move: as one batch of all their rows, in the memory of one.
    #[must_use]
    pub fn accumulate(self, accumulate: u32) -> Self {
        Self { accumulate, ..self }
    }

    /// The learning rate, for the mean over the rows of a step: of a batch, or of as many as are summed.
    #[must_use]
    pub fn learning_rate(self, learning_rate: f64) -> Self {
        Self { learning_rate, ..self }
    }

    /// The learning rate that the ranges of the network were measured with: a rate far above it is warned of. For a recipe's network
    /// it is the recipe's.
    #[must_use]
    pub fn measured_at(self, learning_rate: f64) -> Self {
        Self { measured_rate: Some(learning_rate), ..self }
    }

    /// The momentum; rounded to a multiple of 1/32.
    #[must_use]
    pub fn momentum(self, momentum: f64) -> Self {
        Self { momentum, ..self }
    }

    /// The weight decay, as `torch.optim.SGD` has it: what is added to every gradient is `weight_decay` times the parameter,
    /// biases included; times the learning rate, it is rounded to a small odd multiple of a power of two.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// How the learning rate goes.
    #[must_use]
    pub fn schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Ends the run before its last epoch by the accuracy, which has to be revealed; never where `stop` has neither patience nor
    /// target. The schedule of the learning rate is that of all epochs.
    #[must_use]
    pub fn stop(self, stop: EarlyStop) -> Self {
        Self { stop: (stop != EarlyStop::default()).then_some(stop), ..self }
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
    /// [`Saved::load_parameters`](crate::nn::Saved::load_parameters) are of this form.
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
        self.given(&job.model, &job.profile).unwrap_or_else(|| Ok(initial_parameters(&job.model, job.seed)))
    }

    /// The parameters that were given, on the grid; none where they are random.
    fn given(&self, model: &Model, profile: &Profile) -> Option<Result<Vec<Vec<u64>>>> {
        self.initial.as_ref().map(|given| on_grid(given, model, profile))
    }

    /// What a person should know before a job begins with these parameters, as [`Training::initial_parameters`] gives them: a rate or
    /// parameters that are far from what ranges were measured with.
    pub fn warnings(&self, initial: &[Vec<u64>]) -> Vec<String> {
        let rate = look_at_rate(self.learning_rate, self.measured_rate);
        rate.into_iter().chain(look_at_parameters(initial)).collect()
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
            profile: self.profile.clone(),
            owners: owners.map_err(|_| Error::Usage("there are more than 2^32 rows".into()))?,
            normalization: self.normalization,
            shuffle: self.shuffle,
            epochs: self.epochs,
            steps: self.steps,
            batch: self.batch,
            accumulate: self.accumulate,
            rate: Rate::new(self.learning_rate, self.batch.max(1) as usize * self.accumulate.max(1) as usize)?,
            momentum: Momentum::new(self.momentum)?,
            weight_decay: self.weight_decay,
            schedule: self.schedule,
            stop: self.stop,
            reveal: self.reveal,
            ends_from: self.ends_from.unwrap_or(1),
            initial: match self.given(&self.model, &self.profile).transpose()? {
                None => Initial::Seed,
                Some(_) if self.private => Initial::Private,
                Some(parameters) => Initial::Public { blake3: initial_hash(&parameters) },
            },
            seed: self.seed,
        };
        job.check()?;
        let ends_from = self.ends_from.unwrap_or_else(|| job.steps_per_epoch().max(FIRST_END));
        Ok(Job { ends_from, ..job })
    }

    /// What the training costs on `backend`, without running it.
    ///
    /// # Errors
    /// [`Error::Usage`] where settings do not fit each other or the rows.
    pub fn plan(&self, train_rows: usize, test_rows: usize, backend: &str) -> Result<Summary> {
        plan_summary(&self.job(train_rows, test_rows)?, backend)
    }

    /// The same by layer and kind, and in memory.
    ///
    /// # Errors
    /// As there.
    pub fn costs(&self, train_rows: usize, test_rows: usize, backend: &str) -> Result<Costs> {
        Costs::of(&self.job(train_rows, test_rows)?, backend)
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
