//! Networks and jobs at random: whatever the model check lets through, of a size that a test can train.

use std::vec::IntoIter;

use super::super::*;
use crate::gates::MOST_COMPARED;
use crate::nn::layers::{
    AveragePool, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool, HardTanh, LayerNorm, LeakyRelu,
    MaxPool, Relu, Residual, Sigmoid, Square, ZeroPadding,
};
use crate::nn::{Factor, Init, LayerSpec, LearningRate, Loss, Optimizer, PoolMethod};
use crate::shape::Shape;

/// Choices that follow from a seed.
pub(super) struct Dice {
    seed: u64,
    drawn: u64,
    words: IntoIter<u64>,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, drawn: 0, words: Vec::new().into_iter() }
    }

    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        let word = self.words.next().unwrap_or_else(|| {
            let words = random(&public_seed(self.seed, &format!("dice {}", self.drawn)), 64);
            (self.drawn, self.words) = (self.drawn + 1, words.into_iter());
            self.words.next().unwrap()
        });
        usize::try_from(word % n as u64).unwrap()
    }

    /// A number from `least` to `most`.
    fn from(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    fn two(&mut self, least: usize, most: usize) -> [usize; 2] {
        [self.from(least, most), self.from(least, most)]
    }

    fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 1
    }
}

/// A job of two steps, with an evaluation and the model.
pub(super) fn job(dice: &mut Dice) -> Job {
    loop {
        let model = model(dice);
        let profile = dice.of(&Profile::all());
        let accumulate = dice.of(&[1, 1, 2, 3]);
        // a test's time: values and multiplications of all rows
        let most = (MOST_VALUES / model.widest()).min(MOST_MACS / usize::try_from(model.macs()).unwrap().max(1));
        let batch = dice.from(1, 40).min(most / accumulate).max(1);
        let rows = batch * accumulate;
        // two steps of an epoch, of which the second has fewer rows; or a step in each of two epochs
        let (epochs, train) = if dice.yes() { (1, dice.from(rows + 1, 2 * rows)) } else { (2, dice.from(1, rows)) };
        let test = dice.from(1, 20).min(most.max(1));
        let lr = dice.of(&[0.01, 0.05, 0.125, 0.3, 0.5]);
        if LearningRate::new(lr, rows as u64).is_err() {
            continue;
        }
        let count = |n: usize| u32::try_from(n).unwrap();
        let schedules =
            [Schedule::Constant, Schedule::Halving, Schedule::Cosine, Schedule::Step { epochs: 1, factor: 0.3 }];
        let owners = owners(dice, train, test);
        let settings = Settings::default()
            .profile(profile)
            .epochs(epochs)
            .batch(count(batch))
            .accumulate(count(accumulate))
            .momentum(dice.of(&[0.0, 0.5, 0.90625]))
            .optimizer(dice.of(Optimizer::ALL))
            .weight_decay(dice.of(&[0.0, 0.0, 1e-2]))
            .schedule(dice.of(&schedules));
        let reveal = Reveals { accuracy: true, model: true, ranges: dice.yes(), ..Reveals::NOTHING };
        let mut job = Job {
            model,
            owners: owners.into_iter().map(|(a, b)| Owned { train: count(a), test: count(b) }).collect(),
            settings: settings.shuffle(dice.yes()),
            steps: Some(2),
            reveal,
            seed: dice.below(1000) as u64,
            ..super::super::job(&Profile::small(), &[2, 2], 1)
        };
        // by as much of the gradient as on whole batches, where there are fewer rows
        job.settings.lr = lr / rows as f64 * job.rows_per_step() as f64;
        if job.check().is_ok() {
            figures(dice, &mut job);
            return job;
        }
    }
}

/// Some of the figures that the network has.
fn figures(dice: &mut Dice, job: &mut Job) {
    let classes = job.model.classes();
    job.reveal.confusion = classes <= MOST_COMPARED && dice.below(4) == 0;
    job.reveal.roc = classes == 2 && dice.below(8) == 0;
    job.reveal.squared_error = dice.below(4) == 0;
    job.reveal.top5 = classes > 5 && dice.yes();
}

/// Rows of one to three owners, who may have none of a kind.
fn owners(dice: &mut Dice, train: usize, test: usize) -> Vec<(usize, usize)> {
    let mut owners = vec![(train, test)];
    for _ in 0..dice.below(3) {
        let (a, b) = owners.pop().unwrap();
        let (x, y) = (dice.from(0, a), dice.from(0, b));
        owners.extend([(x, y), (a - x, b - y)]);
    }
    owners
}

/// Values of a layer over all rows of a step, and their multiplications.
const MOST_VALUES: usize = 1500;
const MOST_MACS: usize = 40_000;
/// Values of an example in a layer.
const MOST_WIDE: usize = 100;

/// A network that the model check lets through.
pub(super) fn model(dice: &mut Dice) -> Model {
    loop {
        let classes = dice.of(&[2, 2, 2, 3, 3, 4, 5, 7, 10, 14, 15, 27]);
        let loss =
            dice.of(&[Loss::SoftmaxCrossEntropy, Loss::SoftmaxCrossEntropy, Loss::Square, Loss::SigmoidCrossEntropy]);
        let init = dice.of(&[Init::Glorot, Init::He, Init::Uniform]);
        let input = if dice.below(5) == 0 {
            Shape::from(dice.from(1, 12))
        } else {
            Shape::from([dice.from(1, 7), dice.from(1, 7), dice.from(1, 2)])
        };
        let length = dice.from(0, 9);
        let mut layers = walk(dice, &input, length, true);
        let ends: [&[LayerSpec]; 4] =
            [&[], &[LayerSpec::from(Flatten)], &[LayerSpec::from(Relu)], &[LayerSpec::from(Sigmoid)]];
        layers.extend(dice.of(&ends).iter().cloned());
        layers.push(LayerSpec::from(Dense { outputs: classes, bias: dice.below(4) > 0 }));
        if let Ok(model) = Model::new("random", input, layers, classes, loss, init) {
            return model;
        }
    }
}

/// Up to `length` layers that may follow one another.
fn walk(dice: &mut Dice, input: &Shape, length: usize, blocks: bool) -> Vec<LayerSpec> {
    let (mut layers, mut shape) = (Vec::new(), input.clone());
    for _ in 0..20 * length {
        if layers.len() == length {
            break;
        }
        layers.push(layer(dice, &shape, blocks));
        match Model::leads_to(&layers, input).filter(|shape| shape.len() <= MOST_WIDE) {
            Some(next) => shape = next,
            None => drop(layers.pop()),
        }
    }
    layers
}

/// A layer of any kind, which may not fit.
fn layer(dice: &mut Dice, input: &Shape, blocks: bool) -> LayerSpec {
    let sides = match *input.axes() {
        [h, w, _] => [h, w],
        _ => [1, 1],
    };
    let window = |dice: &mut Dice| [0, 1].map(|a: usize| dice.from(1, sides[a].clamp(1, 4)));
    match dice.below(if blocks { 28 } else { 25 }) {
        0 => LayerSpec::from(Dense { outputs: dice.from(1, 8), bias: dice.yes() }),
        1..4 => {
            let padding = dice.two(0, 2);
            let kernel = [0, 1].map(|a: usize| dice.from(1, (sides[a] + 2 * padding[a]).min(4)));
            let (channels, stride) = (dice.from(1, 3), dice.of(&[[1, 1], [1, 1], [2, 1], [1, 3], [2, 2]]));
            LayerSpec::from(Conv2d { channels, kernel, stride, padding, bias: dice.below(4) > 0 })
        }
        4..6 => LayerSpec::from(AveragePool { window: window(dice), stride: dice.two(1, 3) }),
        6 => LayerSpec::from(GlobalAveragePool),
        7..10 => {
            let method = dice.of(&[PoolMethod::Tree, PoolMethod::Tree, PoolMethod::OneShot]);
            LayerSpec::from(MaxPool { window: window(dice), stride: dice.two(1, 3), method })
        }
        10 => LayerSpec::from(ZeroPadding { padding: dice.two(0, 2) }),
        11..13 => LayerSpec::from(Dropout { factor: Factor::kept(dice.of(&super::toml::RATES)) }),
        13 => LayerSpec::from(Flatten),
        14..18 => LayerSpec::from(Relu),
        18 => LayerSpec::from(Sigmoid),
        19 => LayerSpec::from(LeakyRelu { shift: u32::try_from(dice.from(1, 7)).expect("a few bits") }),
        20 => LayerSpec::from(HardTanh),
        21 => LayerSpec::from(Square),
        22..24 => LayerSpec::from(BatchNorm { momentum: u32::try_from(dice.from(1, 7)).expect("a few bits") }),
        24 => LayerSpec::from(LayerNorm),
        _ => {
            let length = dice.from(1, 5);
            LayerSpec::from(Residual { body: walk(dice, input, length, false), projection: dice.yes() })
        }
    }
}
