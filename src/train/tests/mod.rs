//! Whole training runs by dealer and two servers in lockstep.

mod cifar;
mod classes;
mod cost;
#[cfg(feature = "gpu")]
mod device;
mod figures;
mod gradient;
mod images;
mod lockstep;
mod model;
mod naive;
mod norms;
mod pools;
mod privacy;
mod random;
mod ranges;
mod stop;
mod targets;
mod vectors;

use crate::error::Result;
use crate::fixed::Profile;
use crate::gates::Engine;
use crate::gates::harness::{Program, World, random};
use crate::nn::{Model, Normalization, initial_parameters};
use crate::party::{ClearTensor, RunPhase, Set};
use crate::prg::public_seed;
use crate::train::{InitialSource, Job, Owned, Reveals, Schedule, Settings, plan, train};

/// A job's training as a program.
struct Training<'a>(&'a Job);

impl Program for Training<'_> {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        train(e, self.0)
    }
}

/// A job of one epoch over `rows` rows of one owner: batches of 7, a rate of 2^-7 a row, no momentum, nothing revealed.
fn job(p: &Profile, sizes: &[usize], rows: u32) -> Job {
    let (hidden, classes) = (&sizes[1..sizes.len() - 1], sizes[sizes.len() - 1]);
    let settings = Settings::default().profile(*p).epochs(1).batch(7).momentum(0.0).schedule(Schedule::Constant);
    let job = Job {
        dataset: String::new(),
        description: None,
        model: Model::dense("test", sizes[0], hidden, classes).unwrap(),
        owners: vec![Owned { train: rows, test: 0 }],
        settings,
        scale: Normalization::uniform(0.0, 1.0),
        steps: None,
        reveal: Reveals { ranges: true, ..Reveals::NOTHING },
        ends_from: 1,
        initial: InitialSource::Seed,
        seed: 3,
    };
    job.with(|_| ())
}

impl Job {
    /// The job with other settings. A step is 2^-7 times the gradient, however many rows it has, unless the learning rate is set.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        self.settings.lr = f64::NAN;
        change(&mut self.settings);
        if self.settings.lr.is_nan() {
            self.settings.lr = self.rows_per_step() as f64 / 128.0;
        }
        self
    }
}

/// A session of the job on features in `[0, 1)`, labelled by what is larger: the sums of every class's share of the columns.
fn world(job: &Job, seed: u64) -> World {
    job.check().unwrap();
    let (cols, classes) = (job.model.features(), job.model.classes());
    let grid = 1i64 << job.settings.profile.frac;
    let mut world = World::new(&job.settings.profile, seed);
    for (at, owned) in (0..).zip(&job.owners) {
        for (features, labels, rows) in
            [(Set::TrainFeatures, Set::TrainLabels, owned.train), (Set::TestFeatures, Set::TestLabels, owned.test)]
        {
            let random = random(&public_seed(seed, &format!("{features:?} {at}")), rows as usize * cols);
            let x: Vec<i64> = random.iter().map(|r| (r >> 20).cast_signed() & (grid - 1)).collect();
            let label = |x: &[i64]| {
                let score = |class: usize| x.iter().skip(class).step_by(classes).sum::<i64>();
                (0..classes).max_by_key(|class| score(*class)).unwrap()
            };
            let one_hot = |x: &[i64]| {
                let label = label(x);
                (0..classes).map(move |class| if class == label { grid } else { 0 }).collect::<Vec<_>>()
            };
            let y = x.chunks_exact(cols).flat_map(one_hot).collect();
            push(&mut world, features, cols, x);
            push(&mut world, labels, classes, y);
        }
    }
    let number = |(x, shape): (Vec<u64>, _)| ClearTensor::master(x.into_iter().map(u64::cast_signed).collect(), shape);
    let initial = initial_parameters(&job.model, job.seed);
    world.parameters = initial.into_iter().zip(job.model.parameters()).map(number).collect();
    world
}

/// Appends an owner's rows of a set.
fn push(world: &mut World, set: Set, cols: usize, rows: Vec<i64>) {
    match world.sets.iter_mut().find(|(s, ..)| *s == set) {
        Some((.., owners)) => owners.push(rows),
        None => world.sets.push((set, cols, vec![rows])),
    }
}

/// Both profiles.
fn profiles() -> [Profile; 2] {
    [Profile::small(), Profile::wide()]
}

/// All sections.
const SECTIONS: [RunPhase; 3] = [RunPhase::Setup, RunPhase::Step, RunPhase::Evaluation];
