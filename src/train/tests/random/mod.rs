//! Networks at random, two steps and evaluations each: on shares as in the clear, gate by gate and to the end, at the cost that
//! was planned.

mod draw;
mod toml;

use std::collections::BTreeMap;

use super::*;
use crate::data::{DatasetInfo, dataset_info};
use crate::gates::careless;
use crate::gates::harness::{Followed, law};
use crate::nn::layers::{AveragePool, Conv2d, Dense, MaxPool, Pooled, Relu, Residual};
use crate::nn::stage::StageSpec;
use crate::nn::{Init, LayerSpec, Loss, PoolMethod};
use crate::train::{Recipe, plan};

use draw::Dice;

/// Networks that a test run looks at.
const NETWORKS: u64 = 500;
/// Bits that every value of the clear run has to stay below its bound, so that on shares none leaves its range by rounding.
const MARGIN: f64 = 0.3;

/// How a network fared.
#[derive(Clone, Copy, PartialEq)]
enum Fared {
    /// On shares as in the clear; so many comparisons were in doubt, of so many.
    Same([u64; 2]),
    /// Its values leave their ranges, which is no fault of the network.
    OutOfRange,
}

/// A session of a job, with biases that are not 0.
fn session(job: &Job, seed: u64) -> World {
    let mut world = world(job, seed);
    for (i, bias) in world.parameters.iter_mut().enumerate().filter(|(_, p)| p.shape.axes().len() == 1) {
        let words = random(&public_seed(seed, &format!("bias {i}")), bias.x.len());
        // within 1/2, on a finer grid than any profile's
        bias.x.iter_mut().zip(words).for_each(|(b, word)| *b = word.cast_signed() >> 32);
    }
    world
}

/// Trains a job on shares and in the clear, and compares.
fn compare(job: &Job, seed: u64) -> std::result::Result<Fared, String> {
    let (world, program) = (session(job, seed), Training(job));
    let mut clear = world.clear();
    train(&mut clear, job).map_err(|e| format!("in the clear: {e}"))?;
    let ranges = clear.ranges();
    let near = ranges.smallest_margin(job.settings.profile.number()).is_some_and(|margin| margin < MARGIN);
    if near || !ranges.overflows().is_empty() {
        return Ok(Fared::OutOfRange);
    }
    let run = world.try_run(&program)?;
    law::check_all(&run.records, &job.settings.profile)?;
    run.assert_cost(&world.plan(&program));
    run.assert_cost(&plan(job).map_err(|e| e.to_string())?);
    let mut followed = Followed::new(world.clear(), &run.records);
    train(&mut followed, job).map_err(|e| format!("on shares beside the clear run: {e}"))?;
    followed.end(&run.revealed).map(Fared::Same)
}

/// Says which network it was where a test fails.
struct Told<'a>(u64, &'a Job);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(seed, job) = self;
            let model = toml::toml(&job.model);
            let (Job { owners, settings, .. }, rate) = (&**job, job.rate());
            let Settings { profile, batch, accumulate, epochs, .. } = settings;
            eprintln!(
                "PPDNN_SEED={seed}, profile {}, {owners:?}, batch {batch} x {accumulate}, {epochs} epochs, rate {rate}, {job:?}\n{model}",
                profile.name
            );
        }
    }
}

/// Draws networks and compares each; says what they were made of.
fn compare_all(from: u64, networks: u64) {
    let (mut made_of, mut skipped, mut doubts) = (BTreeMap::<String, u64>::new(), 0, [0; 2]);
    for seed in from..from + networks {
        let job = draw::job(&mut Dice::new(seed));
        let _told = Told(seed, &job);
        match compare(&job, seed).unwrap_or_else(|e| panic!("network {seed}: {e}")) {
            Fared::OutOfRange => skipped += 1,
            Fared::Same(more) => {
                doubts = [doubts[0] + more[0], doubts[1] + more[1]];
                parts(&job).into_iter().for_each(|part| *made_of.entry(part).or_default() += 1);
            }
        }
    }
    println!(
        "{networks} networks from seed {from}, {skipped} of them out of range; {} of {} comparisons in doubt",
        doubts[0], doubts[1]
    );
    println!("{made_of:?}");
    assert!(skipped * 10 <= networks, "{skipped} of {networks} networks are out of range: too few are compared");
    if networks >= NETWORKS {
        let missing: Vec<_> = PARTS.iter().filter(|part| !made_of.contains_key(**part)).collect();
        assert!(missing.is_empty(), "no network has {missing:?}");
    }
}

/// What some of [`NETWORKS`] networks have.
const PARTS: [&str; 35] = [
    "dense",
    "conv2d",
    "average-pool",
    "global-average-pool",
    "max-pool",
    "zero-padding",
    "dropout",
    "residual",
    "flatten",
    "relu",
    "sigmoid",
    "leaky-relu",
    "hard-tanh",
    "square",
    "batch-norm",
    "layer-norm",
    "small",
    "wide",
    "deep",
    "softmax-cross-entropy",
    "square",
    "sigmoid-cross-entropy",
    "a tree of short wires",
    "one-shot of short wires",
    "a residual block with a projection",
    "a residual block without",
    "short logits",
    "a pool in a block",
    "2 classes",
    "14 classes",
    "15 classes",
    "27 classes",
    "batch 1",
    "batch 40",
    "several batches a step",
];

/// What a job is made of.
fn parts(job: &Job) -> Vec<String> {
    let mut parts = vec![job.settings.profile.name.into(), job.model.loss().name().into()];
    parts.push(format!("{} classes", job.model.classes()));
    parts.extend([1, 40].contains(&job.settings.batch).then(|| format!("batch {}", job.settings.batch)));
    parts.extend((job.settings.accumulate > 1).then(|| "several batches a step".into()));
    for layer in job.model.layers() {
        parts.push(layer.kind().into());
        if let Some(Residual { body, projection }) = layer.get() {
            parts.push(format!("a residual block with{}", if *projection { " a projection" } else { "out" }));
            let pool = |l: &LayerSpec| l.is::<MaxPool>() || l.is::<AveragePool>();
            parts.extend(body.iter().any(pool).then(|| "a pool in a block".into()));
        }
    }
    for StageSpec { linear, following, .. } in job.model.stages() {
        let more = linear.factor(true).shift;
        let pool = following.as_ref().and_then(|following| following.get::<Pooled>()).map(|pool| pool.method);
        parts.extend(match pool {
            Some(PoolMethod::Tree) if more > 0 => Some("a tree of short wires".into()),
            Some(PoolMethod::OneShot) if more > 0 => Some("one-shot of short wires".into()),
            None if following.is_none() && more > 8 && job.model.loss() == Loss::SoftmaxCrossEntropy => {
                Some("short logits".into())
            }
            _ => None,
        });
    }
    parts.sort();
    parts.dedup();
    parts
}

#[test]
fn networks_at_random_train_on_shares_as_in_the_clear() {
    compare_all(1, NETWORKS);
}

/// `PPDNN_NETWORKS=3000 PPDNN_SEED=1000 cargo test --release --lib networks_by_the_thousand -- --ignored --nocapture`
#[test]
#[ignore = "as many networks as PPDNN_NETWORKS says, from PPDNN_SEED on"]
fn networks_by_the_thousand() {
    let number = |name: &str, otherwise| std::env::var(name).map_or(otherwise, |n| n.parse().expect("a whole number"));
    compare_all(number("PPDNN_SEED", 1000), number("PPDNN_NETWORKS", 3000));
}

/// A training where what is picked is opened in the bits of a whole wire, and no gate looks at widths.
struct Careless<'a>(&'a Job);

impl Program for Careless<'_> {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        careless::with(self.0.settings.profile.wire, || train(e, self.0))
    }
}

/// That the comparison can fail: a wire's bits forgotten, a rate that is off, a weight that is off.
#[test]
fn a_network_that_is_computed_wrongly_is_noticed() {
    let conv = LayerSpec::from(Conv2d { channels: 2, kernel: [2, 2], stride: [1, 1], padding: [0, 0], bias: true });
    let window = [2, 2];
    let average = LayerSpec::from(AveragePool { window, stride: window });
    let max = LayerSpec::from(MaxPool { window, stride: window, method: PoolMethod::Tree });
    let layers = vec![average, conv, max, LayerSpec::from(Relu), LayerSpec::from(Dense { outputs: 3, bias: true })];
    let model = Model::new("folded", [6, 6, 1], layers, 3, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
    for p in Profile::all() {
        let reveal = Reveals::default();
        let owners = vec![Owned { train: 8, test: 4 }];
        let job = Job { model: model.clone(), owners, reveal, ..job(&p, &[36, 3], 8) }.with(|s| s.batch = 4);
        assert!(compare(&job, 1).is_ok_and(|fared| fared != Fared::OutOfRange));
        let world = session(&job, 1);
        let careless = world.try_run(&Careless(&job)).unwrap();
        assert!(law::check_all(&careless.records, &p).is_err(), "{}: the law of an opening notices", p.name);
        let mut followed = Followed::new(world.clear(), &careless.records);
        let said = Careless(&job).run(&mut followed).unwrap_err().to_string();
        assert!(said.contains("Open") && said.contains("apart"), "{}: {said}", p.name);
        let follow = |job: &Job, world: &World, records| train(&mut Followed::new(world.clear(), records), job);
        let right = world.run(&Training(&job));
        follow(&job, &world, &right.records).unwrap();
        let other = job.clone().with(|s| s.lr = 4.0 / 128.0 * 1.04);
        assert!(follow(&other, &world, &right.records).is_err(), "{}: another rate is noticed", p.name);
        let mut off = session(&job, 1);
        // a sixteenth
        off.parameters[0].x[0] += 1 << 28;
        assert!(follow(&job, &off, &right.records).is_err(), "{}: another weight is noticed", p.name);
    }
}

#[test]
fn a_random_network_is_the_file_that_is_printed() {
    for seed in 0..300 {
        let model = draw::model(&mut Dice::new(seed));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("random.toml");
        std::fs::write(&file, toml::toml(&model)).unwrap();
        let image = match *model.input().axes() {
            [h, w, c] => [h, w, c],
            _ => [1, 1, model.features()],
        };
        let data = DatasetInfo {
            image,
            features: model.features(),
            classes: model.classes(),
            ..dataset_info("mnist").unwrap().clone()
        };
        let read = Recipe::load(&file, &data).unwrap_or_else(|e| panic!("{e}\n{}", toml::toml(&model))).model;
        assert_eq!((read.layers(), read.loss(), read.init()), (model.layers(), model.loss(), model.init()));
    }
}
