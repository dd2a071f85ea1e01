//! Networks over images: gradients against difference quotients of a naive loss in f64, on shares as in the clear; and every
//! gate's law and the planned cost along the way ([`World::run`]).

use super::naive::{Naive, loss};
use super::*;
use crate::fixed::{MASTER_FRAC, encode};
use crate::gates::harness::{Gate, Record};
use crate::nn::layers::{
    AveragePool, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool, HardTanh, LayerNorm, LeakyRelu,
    MaxPool, Relu, Residual, Sigmoid, Square, ZeroPadding,
};
use crate::nn::{DropoutMasks, Factor, Init, LayerSpec, Loss, PoolMethod, TrainedModel};
use crate::shape::Shape;

fn dense(outputs: usize) -> LayerSpec {
    LayerSpec::from(Dense { outputs, bias: true })
}

fn conv(channels: usize, kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> LayerSpec {
    LayerSpec::from(Conv2d { channels, kernel, stride, padding, bias: true })
}

fn average(window: [usize; 2]) -> LayerSpec {
    LayerSpec::from(AveragePool { window, stride: window })
}

fn max(window: [usize; 2]) -> LayerSpec {
    LayerSpec::from(MaxPool { window, stride: window, method: PoolMethod::Tree })
}

fn flatten() -> LayerSpec {
    Flatten.into()
}

fn global() -> LayerSpec {
    GlobalAveragePool.into()
}

fn relu() -> LayerSpec {
    Relu.into()
}

fn leaky(shift: u32) -> LayerSpec {
    LeakyRelu { shift }.into()
}

fn tanh() -> LayerSpec {
    HardTanh.into()
}

fn sigmoid() -> LayerSpec {
    Sigmoid.into()
}

fn square() -> LayerSpec {
    Square.into()
}

fn batch_norm() -> LayerSpec {
    BatchNorm { momentum: 3 }.into()
}

fn layer_norm() -> LayerSpec {
    LayerNorm.into()
}

fn dropout(rate: f64) -> LayerSpec {
    LayerSpec::from(Dropout { factor: Factor::kept(rate) })
}

/// Images and the layers over them: every layer before and behind every other that it may be next to, on odd sizes. Networks
/// at random are in [`random`](super::random).
pub(super) fn networks() -> Vec<([usize; 3], Vec<LayerSpec>)> {
    let residual = |body, projection| LayerSpec::from(Residual { body, projection });
    let padding = |padding| LayerSpec::from(ZeroPadding { padding });
    let pointwise = |channels| conv(channels, [1, 1], [1, 1], [0, 0]);
    let overlapping = |window, stride, method| LayerSpec::from(MaxPool { window, stride, method });
    vec![
        (
            [4, 3, 2],
            vec![conv(2, [3, 2], [1, 1], [1, 0]), leaky(2), conv(2, [2, 2], [1, 1], [0, 0]), leaky(7), dense(3)],
        ),
        ([3, 3, 1], vec![conv(2, [2, 2], [1, 1], [0, 0]), average([2, 2]), leaky(1), dense(2)]),
        ([2, 3, 1], vec![conv(2, [2, 2], [1, 1], [0, 0]), square(), dense(3), square(), dense(2)]),
        // batch normalization of images and rows, in a block, before a max pool; of a product with a factor
        (
            [4, 3, 1],
            vec![conv(3, [2, 2], [1, 1], [0, 0]), batch_norm(), relu(), dense(4), batch_norm(), sigmoid(), dense(2)],
        ),
        (
            [3, 3, 2],
            vec![
                pointwise(2),
                batch_norm(),
                relu(),
                residual(vec![pointwise(3), batch_norm(), relu(), pointwise(2), batch_norm()], false),
                relu(),
                residual(vec![pointwise(3), batch_norm()], true),
                relu(),
                dense(2),
            ],
        ),
        (
            [4, 4, 1],
            vec![average([2, 2]), conv(2, [1, 1], [1, 1], [0, 0]), batch_norm(), max([2, 1]), relu(), dense(2)],
        ),
        (
            [2, 3, 1],
            vec![conv(2, [1, 2], [1, 1], [0, 0]), layer_norm(), relu(), dense(5), layer_norm(), tanh(), dense(3)],
        ),
        ([4, 4, 1], vec![conv(2, [2, 2], [2, 2], [0, 0]), tanh(), dense(4), tanh(), dense(3)]),
        ([4, 3, 2], vec![conv(2, [3, 2], [2, 1], [1, 0]), relu(), dense(3)]),
        ([5, 4, 1], vec![conv(2, [2, 3], [1, 1], [0, 0]), average([2, 2]), relu(), flatten(), dense(3)]),
        ([4, 4, 1], vec![conv(2, [3, 3], [1, 1], [0, 0]), max([2, 2]), relu(), dense(3)]),
        ([3, 3, 1], vec![conv(2, [2, 2], [1, 1], [1, 1]), relu(), max([2, 4]), dense(2)]),
        (
            [4, 4, 1],
            vec![conv(1, [2, 2], [2, 2], [0, 0]), sigmoid(), conv(3, [2, 2], [1, 1], [0, 0]), sigmoid(), dense(2)],
        ),
        // the second pool's padding is larger than its window: some sums are of zeros alone
        (
            [3, 3, 1],
            vec![
                conv(2, [2, 2], [1, 1], [0, 0]),
                relu(),
                conv(1, [3, 3], [1, 1], [2, 2]),
                average([2, 2]),
                relu(),
                dense(2),
            ],
        ),
        ([2, 2, 3], vec![conv(4, [1, 1], [1, 1], [0, 0]), global(), relu(), dense(3)]),
        // pools of an area that is no power of two: of a strided convolution, of the input, of activations; overlapping
        ([6, 7, 1], vec![conv(2, [2, 3], [2, 1], [0, 1]), average([3, 2]), relu(), dense(2)]),
        ([4, 3, 2], vec![average([2, 3]), conv(2, [2, 1], [1, 1], [0, 0]), relu(), global(), dense(3)]),
        (
            [4, 4, 1],
            vec![
                conv(2, [2, 2], [1, 1], [0, 0]),
                LayerSpec::from(AveragePool { window: [2, 2], stride: [1, 1] }),
                sigmoid(),
                LayerSpec::from(AveragePool { window: [1, 2], stride: [1, 1] }),
                dense(2),
            ],
        ),
        (
            [2, 3, 1],
            vec![padding([1, 0]), conv(2, [3, 2], [1, 1], [0, 0]), relu(), padding([0, 1]), average([1, 2]), dense(2)],
        ),
        (
            [4, 4, 1],
            vec![conv(1, [2, 2], [1, 1], [0, 0]), overlapping([2, 2], [1, 1], PoolMethod::Tree), relu(), dense(2)],
        ),
        ([3, 3, 1], vec![pointwise(1), relu(), overlapping([3, 3], [1, 1], PoolMethod::Tree), dense(3)]),
        (
            [3, 4, 1],
            vec![conv(2, [2, 1], [1, 1], [0, 0]), overlapping([2, 2], [1, 2], PoolMethod::OneShot), relu(), dense(2)],
        ),
        ([2, 3, 1], vec![pointwise(1), relu(), overlapping([1, 3], [1, 1], PoolMethod::OneShot), dense(2)]),
        // an identity, a projection of stride 2, a pool and a dropout in a body, one block behind the other
        ([3, 3, 1], vec![residual(vec![conv(1, [3, 3], [1, 1], [1, 1])], false), relu(), dense(2)]),
        (
            [3, 4, 2],
            vec![
                pointwise(2),
                relu(),
                residual(vec![conv(3, [2, 2], [2, 2], [1, 0]), sigmoid(), pointwise(3)], true),
                relu(),
                residual(vec![pointwise(3)], false),
                max([2, 2]),
                relu(),
                dense(2),
            ],
        ),
        (
            [4, 4, 1],
            vec![
                pointwise(2),
                relu(),
                residual(vec![dropout(0.2), conv(2, [1, 1], [1, 1], [0, 0]), average([2, 2])], true),
                sigmoid(),
                dense(2),
            ],
        ),
        (
            [1, 1, 5],
            vec![
                flatten(),
                dense(4),
                relu(),
                residual(vec![dense(3), relu(), dense(4)], false),
                relu(),
                residual(vec![dense(3)], true),
                sigmoid(),
                dense(2),
            ],
        ),
        (
            [2, 3, 2],
            vec![
                dropout(0.25),
                conv(2, [2, 2], [1, 1], [0, 0]),
                relu(),
                dropout(0.5),
                dense(4),
                sigmoid(),
                dropout(0.2),
                dense(2),
            ],
        ),
        // max pools of wires that folds have made shorter, of an odd number of values
        ([6, 5, 1], vec![average([2, 1]), conv(2, [2, 2], [1, 1], [0, 0]), max([1, 3]), relu(), dense(2)]),
        ([3, 4, 1], vec![dropout(0.2), conv(1, [2, 2], [1, 1], [0, 0]), max([2, 3]), relu(), dense(2)]),
        (
            [4, 4, 1],
            vec![
                average([2, 2]),
                dropout(0.25),
                conv(2, [1, 1], [1, 1], [0, 0]),
                overlapping([1, 2], [1, 1], PoolMethod::OneShot),
                relu(),
                dense(2),
            ],
        ),
        // 10 bits before the logits, which leaves too short a wire for softmax
        (
            [7, 7, 1],
            vec![
                LayerSpec::from(AveragePool { window: [4, 4], stride: [1, 1] }),
                average([4, 4]),
                dropout(0.2),
                dense(3),
            ],
        ),
    ]
}

/// The network of layers over images.
pub(super) fn model(image: [usize; 3], layers: Vec<LayerSpec>, init: Init) -> Model {
    let classes = layers[layers.len() - 1].get::<Dense>().expect("the last is dense").outputs;
    Model::new("images", image, layers, classes, Loss::SoftmaxCrossEntropy, init).unwrap()
}

/// Numbers in `-1 .. 1` on a grid of `2^-frac`.
fn numbers(seed: u64, what: &str, len: usize, frac: u32) -> Vec<f64> {
    let grid = f64::exp2(f64::from(frac));
    let number = |r: u64| (((r >> 11) as f64 * f64::exp2(-52.0) - 1.0) * grid).round() / grid;
    random(&public_seed(seed, what), len).into_iter().map(number).collect()
}

/// What the last update took off the parameters, divided by the rate.
fn moved(records: &[Record<ClearTensor>], job: &Job) -> Vec<f64> {
    let step = |r: &&Record<ClearTensor>| r.scope == "update" && r.gate == Gate::Combine { kx: 1, ky: -1 };
    let moved = |r: &Record<ClearTensor>| {
        let pairs = r.inputs[0].x.iter().zip(&r.output.x).map(|(before, after)| before - after).collect::<Vec<_>>();
        pairs.into_iter().map(|d| d as f64 * f64::exp2(-f64::from(MASTER_FRAC)) / job.rate().value())
    };
    records.iter().filter(step).flat_map(moved).collect()
}

#[test]
fn gradients_are_the_difference_quotients_of_a_naive_loss() {
    let p = Profile::wide();
    for (number, (image, layers)) in networks().into_iter().enumerate() {
        let model = model(image, layers, Init::He);
        let classes = model.classes();
        let batch = 3;
        let job = Job { model: model.clone(), ..job(&p, &[model.features(), classes], batch) }.with(|s| {
            s.batch = batch;
            s.lr = 3.0 / 64.0;
        });
        let (cols, coins) = (model.features(), DropoutMasks::new(job.seed, 0));
        // parameters that leave no branch in doubt: a sign is sure 2^-4 from 0, the larger of two 2^-3 apart
        let of = |seed: u64| {
            let draw = |(i, shape): (usize, Shape)| {
                let all = numbers(seed, &format!("parameter {i}"), shape.len(), p.frac);
                all.into_iter().map(|x| 2.0 * x).collect::<Vec<f64>>()
            };
            let parameters: Vec<Vec<f64>> = model.parameters().into_iter().enumerate().map(draw).collect();
            let x: Vec<f64> = numbers(seed, "rows", batch as usize * cols, p.frac);
            let rows: Vec<_> = x.chunks(cols).map(<[f64]>::to_vec).zip((0..classes).cycle()).collect();
            (parameters, rows)
        };
        let sure = |seed: &u64| {
            let (parameters, rows) = of(*seed);
            let (value, sure) = loss(&model, &parameters, &rows, &coins);
            // sure, and not so sure of itself that there is nothing to learn
            sure > 0.08 && value > 1.0
        };
        let seed = (0..200_000).find(sure).expect("some parameters leave no branch in doubt");
        let (parameters, rows) = of(seed);
        let mut quotients = Vec::new();
        let specs = model.layers_with_inputs().flat_map(|(layer, input)| layer.parameters(&input));
        let trained = parameters.iter().enumerate().zip(specs).filter(|(_, spec)| !spec.statistic);
        for (i, values) in trained.map(|(parameter, _)| parameter) {
            for j in 0..values.len() {
                let moved = |by: f64| {
                    let mut all = parameters.clone();
                    all[i][j] += by;
                    loss(&model, &all, &rows, &coins).0
                };
                quotients.push((moved(1e-5) - moved(-1e-5)) / 2e-5);
            }
        }
        let mut world = World::new(&p, seed);
        let grid = |x: &f64| encode(*x, p.frac).cast_signed();
        let features = rows.iter().flat_map(|(x, _)| x.iter().map(grid)).collect();
        let one_hot = |(_, label): &(Vec<f64>, usize)| {
            let label = *label;
            (0..classes).map(move |c| i64::from(c == label) << p.frac).collect::<Vec<_>>()
        };
        push(&mut world, Set::TrainFeatures, cols, features);
        push(&mut world, Set::TrainLabels, classes, rows.iter().flat_map(one_hot).collect());
        let master = |(x, shape): (&Vec<f64>, Shape)| {
            ClearTensor::master(x.iter().map(|x| encode(*x, MASTER_FRAC).cast_signed()).collect(), shape)
        };
        world.parameters = parameters.iter().zip(model.parameters()).map(master).collect();
        for records in [world.run(&Training(&job)).records, world.run_clear(&Training(&job))] {
            let got = moved(&records, &job);
            assert_eq!(got.len(), quotients.len());
            let off = got.iter().zip(&quotients).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let largest = quotients.iter().map(|q| q.abs()).fold(0.0, f64::max);
            // three rows, each by the softmax tables' 8e-4 of what its activations and weights make of it
            assert!(off < 0.02 + largest / 200.0, "network {number}: off by {off}, the largest is {largest}");
            assert!(largest > 0.2, "network {number}: a wrong gradient of {largest} at most would not be noticed");
        }
    }
}

#[test]
fn a_saved_network_gives_the_outputs_of_its_definition() {
    for (number, (image, layers)) in networks().into_iter().enumerate() {
        let model = model(image, layers, Init::Glorot);
        let parameters: Vec<Vec<f64>> =
            model.parameters().iter().zip(0..).map(|(s, i)| numbers(i, "a saved parameter", s.len(), 16)).collect();
        let rows = numbers(99, "rows", 3 * model.features(), 16);
        #[expect(clippy::cast_possible_truncation, reason = "on a grid that single precision has")]
        let single = rows.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let saved = TrainedModel::new(model.clone(), None, &parameters).unwrap();
        let got = saved.logits(ndarray::ArrayView2::from_shape((3, model.features()), &single).unwrap()).unwrap();
        for (row, got) in rows.chunks(model.features()).zip(got.rows()) {
            let mut naive = Naive { parameters: parameters.iter(), sure: 0.0, coins: None };
            let (_, want) = naive.run(model.layers(), model.input(), &[row.to_vec()]);
            let want = &want[0];
            let off = want.iter().zip(got).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
            let largest = want.iter().map(|w| w.abs()).fold(1.0, f64::max);
            assert!(off < 1e-5 * largest, "network {number}: {got:?} instead of {want:?}");
        }
    }
}

#[test]
fn runs_over_images_keep_every_gate_s_law_and_cost_what_was_planned() {
    for p in Profile::all() {
        for (seed, (image, layers)) in (40..).zip(networks()) {
            let model = model(image, layers, Init::Glorot);
            let classes = model.classes();
            let reveal = Reveals::default();
            let owners = vec![Owned { train: 10, test: 4 }, Owned { train: 9, test: 1 }];
            let momentum = 0.90625;
            let job =
                Job { owners, reveal, ..job(&p, &[model.features(), classes], 19) }.with(|s| s.momentum = momentum);
            let job = Job { model, ..job };
            let world = world(&job, seed);
            let run = world.run(&Training(&job));
            let clear = world.run_clear(&Training(&job));
            assert!(run.records.iter().zip(&clear).all(|(a, b)| (&a.scope, &a.gate) == (&b.scope, &b.gate)));
            assert_eq!(run.revealed.len(), 2 + job.model.parameters().len(), "counts of ranges, hits, the model");
        }
    }
}
