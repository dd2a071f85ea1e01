//! The networks for CIFAR-10: a few steps on shares, against a naive loss in f64.

use ndarray::Array2;

use super::images::loss;
use super::*;
use crate::data::{Examples, known};
use crate::fixed::{MASTER_FRAC, decode};
use crate::nn::{Coins, initial_parameters};
use crate::roles::Training as Builder;
use crate::train::Recipe;

/// Images of the data set's shape, smooth as photographs are.
fn examples(rows: usize) -> Examples {
    let value = |(row, i): (usize, usize)| {
        let (pixel, channel) = (i / 3, i % 3);
        let (y, x) = ((pixel / 32) as f32, (pixel % 32) as f32);
        let wave = (0.21 * y + row as f32).sin() + (0.13 * x * (1.0 + row as f32) + channel as f32).cos();
        2.0 * wave
    };
    let features = Array2::from_shape_fn((rows, 3072), value);
    Examples::new(features, (0..rows).map(|row| (row * 3 % 10) as u32).collect(), 10).unwrap()
}

/// By how much a step moved every parameter, per unit of the learning rate.
fn moved(before: &[Vec<f64>], after: &[Vec<f64>], rate: f64) -> Vec<Vec<f64>> {
    let one = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| (a - b) / rate).collect();
    before.iter().zip(after).map(one).collect()
}

/// Every step goes down the loss's gradient: along what it moved of a third of the parameters, the naive loss falls as steeply as
/// that is long; a little less, as values closer to 0 than a sign's unit of 2^-10 may pass a ReLU.
#[test]
fn a_few_steps_of_the_networks_for_cifar_follow_the_gradient_of_a_naive_loss() {
    for name in ["alexnet", "resnet18", "vgg16"] {
        let data = known("cifar-10").unwrap();
        let recipe = Recipe::named(name, data).unwrap();
        let (rows, rate) = (2u32, 0.0625);
        let builder = Builder::of(&recipe, data).unwrap().normalization(None).batch(rows).epochs(2).momentum(0.0);
        let builder = builder.schedule(Schedule::Constant).learning_rate(rate * f64::from(rows));
        let train = examples(rows as usize);
        let run = |steps: u64| {
            let builder = builder.clone().steps(Some(steps)).reveal(Reveals { accuracy: false, model: true });
            let outcome = builder.run(&train, &examples(0), &mut |_| ()).unwrap();
            let planned = builder.plan(train.len(), 0, "cpu").unwrap();
            assert_eq!(planned.bytes_per_step, outcome.summary.bytes_per_step, "{name}: planned is counted");
            assert_eq!(planned.rounds_per_step, outcome.summary.rounds_per_step, "{name}");
            outcome.parameters
        };
        let initial = initial_parameters(&recipe.model, 1);
        let initial = initial.iter().map(|x| x.iter().map(|x| decode(*x, 64, MASTER_FRAC)).collect()).collect();
        let parameters: [Vec<Vec<f64>>; 3] = [initial, run(1), run(2)];
        let images: Vec<(Vec<f64>, usize)> = train
            .features
            .rows()
            .into_iter()
            .zip(&train.labels)
            .map(|(x, label)| (x.iter().map(|x| f64::from(*x)).collect(), *label as usize))
            .collect();
        for step in 0..2 {
            let [before, after] = [&parameters[step], &parameters[step + 1]];
            let gradient = moved(before, after, rate);
            let length = |part: usize| {
                let all = gradient.iter().skip(part).step_by(3).flatten();
                all.map(|g| g * g).sum::<f64>().sqrt()
            };
            // nothing stands still, but for what no example reaches
            let still = gradient.iter().filter(|g| g.iter().all(|g| g.abs() < 1e-3)).count();
            assert!(still <= gradient.len() / 8, "{name}: {still} of {} parameters stand still", gradient.len());
            for part in 0..3 {
                let length = length(part);
                let along = |by: f64| {
                    let shift = |(at, (w, g)): (usize, (&Vec<f64>, &Vec<f64>))| {
                        let by = if at % 3 == part { by / length } else { 0.0 };
                        w.iter().zip(g).map(|(w, g)| w + by * g).collect::<Vec<f64>>()
                    };
                    let all: Vec<_> = before.iter().zip(&gradient).enumerate().map(shift).collect();
                    loss(&recipe.model, &all, &images, &Coins::new(1, 0)).0
                };
                let slope = (along(1e-4) - along(-1e-4)) / 2e-4;
                assert!(length > 0.05, "{name}: a wrong gradient would not be noticed");
                assert!((slope / length - 1.0).abs() < 0.2, "{name}, step {step}, part {part}: {slope}, not {length}");
            }
        }
    }
}
