//! Networks over images: gradients against difference quotients of a naive loss in f64, on shares as in the clear; and every
//! gate's law and the planned cost along the way ([`World::run`]).

use super::*;
use crate::fixed::{MASTER_FRAC, encode};
use crate::gates::lockstep::{Gate, Record};
use crate::nn::{Init, LayerSpec, Loss};
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
    LayerSpec::MaxPool { window, stride: window }
}

/// Images and the layers over them: every layer, in every order that there is, on odd sizes.
fn networks() -> Vec<([usize; 3], Vec<LayerSpec>)> {
    use LayerSpec::{Flatten, GlobalAveragePool, Relu, Sigmoid};
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
    ]
}

/// A network of the layers as its definitions say, and how sure its branches are: the least distance of a pre-activation from a
/// knot, and of the largest of a window from the next.
fn logits(model: &Model, parameters: &[Vec<f64>], x: &[f64]) -> (Vec<f64>, f64) {
    let (mut x, mut sure, mut next) = (x.to_vec(), f64::INFINITY, 0);
    for (layer, input) in model.layers_with_inputs() {
        let axes = match *input.axes() {
            [h, w, c] => [h, w, c],
            _ => [1, 1, input.len()],
        };
        let at = |y: usize, x0: usize, c: usize| (y * axes[1] + x0) * axes[2] + c;
        let mut parameter = || {
            next += 1;
            &parameters[next - 1]
        };
        x = match layer {
            LayerSpec::Dense { outputs, .. } => {
                let (w, b) = (parameter(), parameter());
                (0..*outputs).map(|j| b[j] + (0..x.len()).map(|i| x[i] * w[i * outputs + j]).sum::<f64>()).collect()
            }
            LayerSpec::Conv2d { channels, kernel, stride, padding, .. } => {
                let (w, b) = (parameter(), parameter());
                let [rows, columns] = [0, 1].map(|a| (axes[a] + 2 * padding[a] - kernel[a]) / stride[a] + 1);
                let mut out = Vec::new();
                for (oy, ox) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                    for o in 0..*channels {
                        let mut sum = b[o];
                        for (ky, kx) in (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| (y, x))) {
                            let (sy, sx) = (oy * stride[0] + ky, ox * stride[1] + kx);
                            let inside = |s: usize, a: usize| s >= padding[a] && s - padding[a] < axes[a];
                            if inside(sy, 0) && inside(sx, 1) {
                                let pixel = |c| x[at(sy - padding[0], sx - padding[1], c)];
                                let tap = |c| w[((ky * kernel[1] + kx) * axes[2] + c) * channels + o];
                                sum += (0..axes[2]).map(|c| pixel(c) * tap(c)).sum::<f64>();
                            }
                        }
                        out.push(sum);
                    }
                }
                out
            }
            LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool | LayerSpec::MaxPool { .. } => {
                let (window, stride) = match layer {
                    LayerSpec::AveragePool { window, stride } | LayerSpec::MaxPool { window, stride } => {
                        (*window, *stride)
                    }
                    _ => ([axes[0], axes[1]], [1, 1]),
                };
                let [rows, columns] = [0, 1].map(|a| (axes[a] - window[a]) / stride[a] + 1);
                let mut out = Vec::new();
                for (oy, ox) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                    for c in 0..axes[2] {
                        let pixels = (0..window[0]).flat_map(|y| (0..window[1]).map(move |x| (y, x)));
                        let mut values: Vec<f64> =
                            pixels.map(|(dy, dx)| x[at(oy * stride[0] + dy, ox * stride[1] + dx, c)]).collect();
                        values.sort_by(f64::total_cmp);
                        let top = values[values.len() - 1];
                        if matches!(layer, LayerSpec::MaxPool { .. }) {
                            // where the largest is negative (or ReLU came first), ReLU does not care which it is
                            if top > 0.0 {
                                sure = sure.min(values.iter().rev().nth(1).map_or(1.0, |second| top - second) / 2.0);
                            }
                            out.push(top);
                        } else {
                            out.push(values.iter().sum::<f64>() / values.len() as f64);
                        }
                    }
                }
                out
            }
            LayerSpec::Flatten => x,
            LayerSpec::Relu => x.iter().map(|z| (sure = sure.min(z.abs()), z.max(0.0)).1).collect(),
            LayerSpec::Sigmoid => {
                x.iter().map(|z| (sure = sure.min((z.abs() - 2.0).abs()), (z / 4.0 + 0.5).clamp(0.0, 1.0)).1).collect()
            }
        };
    }
    (x, sure)
}

/// The sum over a batch of cross-entropies, and how sure all branches are.
fn loss(model: &Model, parameters: &[Vec<f64>], rows: &[(Vec<f64>, usize)]) -> (f64, f64) {
    rows.iter().fold((0.0, f64::INFINITY), |(sum, sure), (x, label)| {
        let (y, own) = logits(model, parameters, x);
        let log_sum = y.iter().map(|y| y.exp()).sum::<f64>().ln();
        (sum + log_sum - y[*label], sure.min(own))
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
        let LayerSpec::Dense { outputs: classes, .. } = layers[layers.len() - 1] else { panic!("the last is dense") };
        let model = Model::new("images", image, layers, classes, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
        let batch = 3;
        let job = Job {
            model: model.clone(),
            batch,
            rate: Rate::new(3.0 / 64.0, 3).unwrap(),
            ..job(&p, &[model.features(), classes], batch)
        };
        let cols = model.features();
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
            let (value, sure) = loss(&model, &parameters, &rows);
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
                    loss(&model, &all, &rows).0
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
fn runs_over_images_keep_every_gate_s_law_and_cost_what_was_planned() {
    for p in profiles() {
        for (seed, (image, layers)) in (40..).zip(networks()) {
            let LayerSpec::Dense { outputs: classes, .. } = layers[layers.len() - 1] else {
                panic!("the last is dense")
            };
            let model = Model::new("images", image, layers, classes, Loss::SoftmaxCrossEntropy, Init::Glorot).unwrap();
            let reveal = Reveals { accuracy: true, model: true };
            let owners = vec![Owned { train: 10, test: 4 }, Owned { train: 9, test: 1 }];
            let momentum = Momentum::new(0.90625).unwrap();
            let job = Job { owners, reveal, momentum, ..job(&p, &[model.features(), classes], 19) };
            let job = Job { model, ..job };
            let world = world(&job, seed);
            let run = world.run(&Training(&job));
            let clear = world.run_clear(&Training(&job));
            assert!(run.records.iter().zip(&clear).all(|(a, b)| (&a.scope, &a.gate) == (&b.scope, &b.gate)));
            assert_eq!(run.revealed.len(), 1 + job.model.parameters().len());
        }
    }
}
