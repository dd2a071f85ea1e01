//! Networks over images: gradients against difference quotients of a naive loss in f64, on shares as in the clear; and every
//! gate's law and the planned cost along the way ([`World::run`]).

use super::*;
use crate::fixed::{MASTER_FRAC, encode};
use crate::gates::lockstep::{Gate, Record};
use crate::nn::{Coins, Factor, Init, LayerSpec, Loss, PoolMethod, Saved};
use crate::shape::Shape;

fn dense(outputs: usize) -> LayerSpec {
    LayerSpec::Dense { outputs, bias: true }
}

fn conv(channels: usize, kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> LayerSpec {
    LayerSpec::Conv2d { channels, kernel, stride, padding, bias: true }
}

fn average(window: [usize; 2]) -> LayerSpec {
    LayerSpec::AveragePool { window, stride: window }
}

fn max(window: [usize; 2]) -> LayerSpec {
    LayerSpec::MaxPool { window, stride: window, method: PoolMethod::Tree }
}

fn dropout(rate: f64) -> LayerSpec {
    LayerSpec::Dropout { factor: Factor::kept(rate) }
}

/// Images and the layers over them: every layer before and behind every other that it may be next to, on odd sizes. Networks
/// at random are in [`random`](super::random).
pub(super) fn networks() -> Vec<([usize; 3], Vec<LayerSpec>)> {
    use LayerSpec::{Flatten, GlobalAveragePool, Relu, Sigmoid};
    let residual = |body, projection| LayerSpec::Residual { body, projection };
    let padding = |padding| LayerSpec::ZeroPadding { padding };
    let pointwise = |channels| conv(channels, [1, 1], [1, 1], [0, 0]);
    let overlapping = |window, stride, method| LayerSpec::MaxPool { window, stride, method };
    vec![
        ([4, 3, 2], vec![conv(2, [3, 2], [2, 1], [1, 0]), Relu, dense(3)]),
        ([5, 4, 1], vec![conv(2, [2, 3], [1, 1], [0, 0]), average([2, 2]), Relu, Flatten, dense(3)]),
        ([4, 4, 1], vec![conv(2, [3, 3], [1, 1], [0, 0]), max([2, 2]), Relu, dense(3)]),
        ([3, 3, 1], vec![conv(2, [2, 2], [1, 1], [1, 1]), Relu, max([2, 4]), dense(2)]),
        ([4, 4, 1], vec![conv(1, [2, 2], [2, 2], [0, 0]), Sigmoid, conv(3, [2, 2], [1, 1], [0, 0]), Sigmoid, dense(2)]),
        // the second pool's padding is larger than its window: some sums are of zeros alone
        (
            [3, 3, 1],
            vec![
                conv(2, [2, 2], [1, 1], [0, 0]),
                Relu,
                conv(1, [3, 3], [1, 1], [2, 2]),
                average([2, 2]),
                Relu,
                dense(2),
            ],
        ),
        ([2, 2, 3], vec![conv(4, [1, 1], [1, 1], [0, 0]), GlobalAveragePool, Relu, dense(3)]),
        // pools of an area that is no power of two: of a strided convolution, of the input, of activations; overlapping
        ([6, 7, 1], vec![conv(2, [2, 3], [2, 1], [0, 1]), average([3, 2]), Relu, dense(2)]),
        ([4, 3, 2], vec![average([2, 3]), conv(2, [2, 1], [1, 1], [0, 0]), Relu, GlobalAveragePool, dense(3)]),
        (
            [4, 4, 1],
            vec![
                conv(2, [2, 2], [1, 1], [0, 0]),
                LayerSpec::AveragePool { window: [2, 2], stride: [1, 1] },
                Sigmoid,
                LayerSpec::AveragePool { window: [1, 2], stride: [1, 1] },
                dense(2),
            ],
        ),
        (
            [2, 3, 1],
            vec![padding([1, 0]), conv(2, [3, 2], [1, 1], [0, 0]), Relu, padding([0, 1]), average([1, 2]), dense(2)],
        ),
        (
            [4, 4, 1],
            vec![conv(1, [2, 2], [1, 1], [0, 0]), overlapping([2, 2], [1, 1], PoolMethod::Tree), Relu, dense(2)],
        ),
        ([3, 3, 1], vec![pointwise(1), Relu, overlapping([3, 3], [1, 1], PoolMethod::Tree), dense(3)]),
        (
            [3, 4, 1],
            vec![conv(2, [2, 1], [1, 1], [0, 0]), overlapping([2, 2], [1, 2], PoolMethod::OneShot), Relu, dense(2)],
        ),
        ([2, 3, 1], vec![pointwise(1), Relu, overlapping([1, 3], [1, 1], PoolMethod::OneShot), dense(2)]),
        // an identity, a projection of stride 2, a pool and a dropout in a body, one block behind the other
        ([3, 3, 1], vec![residual(vec![conv(1, [3, 3], [1, 1], [1, 1])], false), Relu, dense(2)]),
        (
            [3, 4, 2],
            vec![
                pointwise(2),
                Relu,
                residual(vec![conv(3, [2, 2], [2, 2], [1, 0]), Sigmoid, pointwise(3)], true),
                Relu,
                residual(vec![pointwise(3)], false),
                max([2, 2]),
                Relu,
                dense(2),
            ],
        ),
        (
            [4, 4, 1],
            vec![
                pointwise(2),
                Relu,
                residual(vec![dropout(0.2), conv(2, [1, 1], [1, 1], [0, 0]), average([2, 2])], true),
                Sigmoid,
                dense(2),
            ],
        ),
        (
            [1, 1, 5],
            vec![
                Flatten,
                dense(4),
                Relu,
                residual(vec![dense(3), Relu, dense(4)], false),
                Relu,
                residual(vec![dense(3)], true),
                Sigmoid,
                dense(2),
            ],
        ),
        (
            [2, 3, 2],
            vec![
                dropout(0.25),
                conv(2, [2, 2], [1, 1], [0, 0]),
                Relu,
                dropout(0.5),
                dense(4),
                Sigmoid,
                dropout(0.2),
                dense(2),
            ],
        ),
        // max pools of wires that folds have made shorter, of an odd number of values
        ([6, 5, 1], vec![average([2, 1]), conv(2, [2, 2], [1, 1], [0, 0]), max([1, 3]), Relu, dense(2)]),
        ([3, 4, 1], vec![dropout(0.2), conv(1, [2, 2], [1, 1], [0, 0]), max([2, 3]), Relu, dense(2)]),
        (
            [4, 4, 1],
            vec![
                average([2, 2]),
                dropout(0.25),
                conv(2, [1, 1], [1, 1], [0, 0]),
                overlapping([1, 2], [1, 1], PoolMethod::OneShot),
                Relu,
                dense(2),
            ],
        ),
        // 10 bits before the logits, which leaves too short a wire for softmax
        (
            [7, 7, 1],
            vec![LayerSpec::AveragePool { window: [4, 4], stride: [1, 1] }, average([4, 4]), dropout(0.2), dense(3)],
        ),
    ]
}

/// The network of layers over images.
pub(super) fn model(image: [usize; 3], layers: Vec<LayerSpec>, init: Init) -> Model {
    let LayerSpec::Dense { outputs: classes, .. } = layers[layers.len() - 1] else { panic!("the last is dense") };
    Model::new("images", image, layers, classes, Loss::SoftmaxCrossEntropy, init).unwrap()
}

/// A network as its definitions say, for one example.
pub(super) struct Naive<'a> {
    pub(super) parameters: std::slice::Iter<'a, Vec<f64>>,
    /// The least distance of a pre-activation from a knot, and of the largest of a window from the next: how sure its branches
    /// are.
    pub(super) sure: f64,
    /// The row of the batch, its rows, its coins, and dropouts so far; none where nothing is dropped.
    pub(super) coins: Option<(usize, usize, &'a Coins, u64)>,
}

impl Naive<'_> {
    pub(super) fn run(&mut self, layers: &[LayerSpec], input: &Shape, x: &[f64]) -> (Shape, Vec<f64>) {
        let (mut input, mut x, mut bias) = (input.clone(), x.to_vec(), Vec::new());
        for (i, layer) in layers.iter().enumerate() {
            (x, bias) = match self.layer(layer, &input, x, bias) {
                // the mean is of what a bias is added to: a sum's factor is not exactly its inverse length
                (x, bias)
                    if matches!(
                        layers.get(i + 1),
                        Some(LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool)
                    ) =>
                {
                    (x, bias)
                }
                (x, bias) if bias.is_empty() => (x, bias),
                (x, bias) => (x.iter().zip(bias.iter().cycle()).map(|(y, b)| y + b).collect(), Vec::new()),
            };
            input = layer.output(&input).unwrap();
        }
        (input, x)
    }

    fn next(&mut self) -> Vec<f64> {
        self.parameters.next().unwrap().clone()
    }

    fn convolve(x: &[f64], axes: [usize; 3], w: &[f64], channels: usize, window: [[usize; 2]; 3]) -> Vec<f64> {
        let [kernel, stride, padding] = window;
        let [rows, columns] = [0, 1].map(|a| (axes[a] + 2 * padding[a] - kernel[a]) / stride[a] + 1);
        let mut out = vec![0.0; rows * columns * channels];
        for ((oy, ox), out) in
            (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))).zip(out.chunks_exact_mut(channels))
        {
            for (ky, kx) in (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| (y, x))) {
                let (sy, sx) = (oy * stride[0] + ky, ox * stride[1] + kx);
                let inside = |s: usize, a: usize| s >= padding[a] && s - padding[a] < axes[a];
                if inside(sy, 0) && inside(sx, 1) {
                    let pixel = ((sy - padding[0]) * axes[1] + sx - padding[1]) * axes[2];
                    let tap = (ky * kernel[1] + kx) * axes[2];
                    for c in 0..axes[2] {
                        let w = &w[(tap + c) * channels..][..channels];
                        out.iter_mut().zip(w).for_each(|(o, w)| *o += x[pixel + c] * w);
                    }
                }
            }
        }
        out
    }

    fn pool(&mut self, x: &[f64], axes: [usize; 3], window: [usize; 2], stride: [usize; 2], largest: bool) -> Vec<f64> {
        let at = |y: usize, x0: usize, c: usize| (y * axes[1] + x0) * axes[2] + c;
        let [rows, columns] = [0, 1].map(|a| (axes[a] - window[a]) / stride[a] + 1);
        let mut out = Vec::new();
        for (oy, ox) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            for c in 0..axes[2] {
                let pixels = (0..window[0]).flat_map(|y| (0..window[1]).map(move |x| (y, x)));
                let mut values: Vec<f64> =
                    pixels.map(|(dy, dx)| x[at(oy * stride[0] + dy, ox * stride[1] + dx, c)]).collect();
                values.sort_by(f64::total_cmp);
                let top = values[values.len() - 1];
                if largest {
                    // where the largest is negative (or ReLU came first), ReLU does not care which it is
                    if top > 0.0 {
                        let second = values.iter().rev().nth(1);
                        self.sure = self.sure.min(second.map_or(1.0, |second| top - second) / 2.0);
                    }
                    out.push(top);
                } else {
                    out.push(values.iter().sum::<f64>() * Factor::mean(values.len()).value());
                }
            }
        }
        out
    }

    /// What a layer makes of values that a bias is still to be added to; and that bias.
    fn layer(&mut self, layer: &LayerSpec, input: &Shape, x: Vec<f64>, mut bias: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let axes = match *input.axes() {
            [h, w, c] => [h, w, c],
            _ => [1, 1, input.len()],
        };
        let y = match layer {
            LayerSpec::Dense { outputs, .. } => {
                let w = self.next();
                bias = self.next();
                (0..*outputs).map(|j| (0..x.len()).map(|i| x[i] * w[i * outputs + j]).sum()).collect()
            }
            LayerSpec::Conv2d { channels, kernel, stride, padding, .. } => {
                let w = self.next();
                bias = self.next();
                Self::convolve(&x, axes, &w, *channels, [*kernel, *stride, *padding])
            }
            LayerSpec::AveragePool { window, stride } => self.pool(&x, axes, *window, *stride, false),
            LayerSpec::GlobalAveragePool => self.pool(&x, axes, [axes[0], axes[1]], [1, 1], false),
            LayerSpec::MaxPool { window, stride, .. } => self.pool(&x, axes, *window, *stride, true),
            LayerSpec::ZeroPadding { padding } => {
                // every channel's image in the middle of a larger one
                let one: Vec<f64> =
                    (0..axes[2] * axes[2]).map(|i| f64::from(u8::from(i % (axes[2] + 1) == 0))).collect();
                Self::convolve(&x, axes, &one, axes[2], [[1, 1], [1, 1], *padding])
            }
            LayerSpec::Dropout { factor } => {
                let Some((row, rows, coins, layer)) = &mut self.coins else { return (x, bias) };
                let bits = coins.kept(*layer, *factor).bits(*rows * x.len());
                *layer += 1;
                let kept = |i: usize| bits[i / 32] >> (i % 32) & 1 == 1;
                let value = |(i, x): (usize, f64)| if kept(i) { x * factor.value() } else { 0.0 };
                let first = *row * x.len();
                (first..).zip(x).map(value).collect()
            }
            LayerSpec::Residual { body, projection } => {
                let (shape, y) = self.run(body, input, &x);
                let shortcut = match (projection, shape.axes()) {
                    (false, _) => x,
                    (true, [outputs]) => {
                        let w = self.next();
                        (0..*outputs).map(|j| (0..x.len()).map(|i| x[i] * w[i * outputs + j]).sum()).collect()
                    }
                    (true, [rows, columns, outputs]) => {
                        let w = self.next();
                        let stride = [axes[0].div_ceil(*rows), axes[1].div_ceil(*columns)];
                        Self::convolve(&x, axes, &w, *outputs, [[1, 1], stride, [0, 0]])
                    }
                    _ => panic!("images and rows have three axes or one"),
                };
                y.iter().zip(&shortcut).map(|(y, x)| y + x).collect()
            }
            LayerSpec::Flatten => x,
            LayerSpec::Relu => x.iter().map(|z| (self.sure = self.sure.min(z.abs()), z.max(0.0)).1).collect(),
            LayerSpec::Sigmoid => {
                let knot = |z: &f64| (z.abs() - 2.0).abs();
                x.iter().map(|z| (self.sure = self.sure.min(knot(z)), (z / 4.0 + 0.5).clamp(0.0, 1.0)).1).collect()
            }
        };
        (y, bias)
    }
}

/// The sum over a batch of cross-entropies, and how sure all branches are.
pub(super) fn loss(model: &Model, parameters: &[Vec<f64>], rows: &[(Vec<f64>, usize)], coins: &Coins) -> (f64, f64) {
    rows.iter().enumerate().fold((0.0, f64::INFINITY), |(sum, sure), (row, (x, label))| {
        let coins = Some((row, rows.len(), coins, 0));
        let mut naive = Naive { parameters: parameters.iter(), sure, coins };
        let (_, y) = naive.run(model.layers(), model.input(), x);
        assert!(naive.parameters.next().is_none(), "every parameter is used");
        let log_sum = y.iter().map(|y| y.exp()).sum::<f64>().ln();
        (sum + log_sum - y[*label], naive.sure)
    })
}

/// Numbers in `-1 .. 1` on a grid of `2^-frac`.
fn numbers(seed: u64, what: &str, len: usize, frac: u32) -> Vec<f64> {
    let grid = f64::exp2(f64::from(frac));
    let number = |r: u64| (((r >> 11) as f64 * f64::exp2(-52.0) - 1.0) * grid).round() / grid;
    random(&public_seed(seed, what), len).into_iter().map(number).collect()
}

/// What the last update took off the parameters, divided by the rate.
fn moved(records: &[Record<Number>], job: &Job) -> Vec<f64> {
    let step = |r: &&Record<Number>| r.scope == "update" && r.gate == Gate::Combine { kx: 1, ky: -1 };
    let moved = |r: &Record<Number>| {
        let pairs = r.inputs[0].x.iter().zip(&r.output.x).map(|(before, after)| before - after).collect::<Vec<_>>();
        pairs.into_iter().map(|d| d as f64 * f64::exp2(-f64::from(MASTER_FRAC)) / job.rate.value())
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
        let job = Job {
            model: model.clone(),
            batch,
            rate: Rate::new(3.0 / 64.0, 3).unwrap(),
            ..job(&p, &[model.features(), classes], batch)
        };
        let (cols, coins) = (model.features(), Coins::new(job.seed, 0));
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
        for (i, values) in parameters.iter().enumerate() {
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
            Number::new(x.iter().map(|x| encode(*x, MASTER_FRAC).cast_signed()).collect(), shape, MASTER_BITS)
        };
        world.parameters = parameters.iter().zip(model.parameters()).map(master).collect();
        for records in [world.run(&Training(&job)).records, world.run_clear(&Training(&job))] {
            let got = moved(&records, &job);
            assert_eq!(got.len(), quotients.len());
            let off = got.iter().zip(&quotients).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            let largest = quotients.iter().map(|q| q.abs()).fold(0.0, f64::max);
            // three rows, each by the softmax tables' 8e-4 of what its activations and weights make of it
            assert!(off < 0.02, "network {number}: off by {off}, the largest is {largest}");
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
        let saved = Saved::new(model.clone(), None, &parameters).unwrap();
        let got = saved.logits(ndarray::ArrayView2::from_shape((3, model.features()), &single).unwrap()).unwrap();
        for (row, got) in rows.chunks(model.features()).zip(got.rows()) {
            let mut naive = Naive { parameters: parameters.iter(), sure: 0.0, coins: None };
            let (_, want) = naive.run(model.layers(), model.input(), row);
            let off = want.iter().zip(got).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
            assert!(off < 1e-5, "network {number}: {got:?} instead of {want:?}");
        }
    }
}

#[test]
fn runs_over_images_keep_every_gate_s_law_and_cost_what_was_planned() {
    for p in Profile::all() {
        for (seed, (image, layers)) in (40..).zip(networks()) {
            let model = model(image, layers, Init::Glorot);
            let classes = model.classes();
            let reveal = Reveals { accuracy: true, model: true, ranges: true };
            let owners = vec![Owned { train: 10, test: 4 }, Owned { train: 9, test: 1 }];
            let momentum = Momentum::new(0.90625).unwrap();
            let job = Job { owners, reveal, momentum, ..job(&p, &[model.features(), classes], 19) };
            let job = Job { model, ..job };
            let world = world(&job, seed);
            let run = world.run(&Training(&job));
            let clear = world.run_clear(&Training(&job));
            assert!(run.records.iter().zip(&clear).all(|(a, b)| (&a.scope, &a.gate) == (&b.scope, &b.gate)));
            assert_eq!(run.revealed.len(), 2 + job.model.parameters().len(), "counts of ranges, hits, the model");
        }
    }
}
