//! The networks for CIFAR-10: a few steps on shares, against a naive loss in f64.

use super::naive::loss;
use super::*;
use crate::fixed::{MASTER_FRAC, decode};
use crate::nn::DropoutMasks;
use crate::train::Recipe;

/// Every step goes down the loss's gradient: along what it moved of a third of the parameters, the naive loss falls as steeply as
/// that is long; a little less, as values closer to 0 than a sign's unit of 2^-10 may pass a ReLU.
#[test]
fn a_few_steps_of_the_networks_for_cifar_follow_the_gradient_of_a_naive_loss() {
    for name in ["alexnet", "resnet18", "vgg16", "resnet18-bn", "vgg16-bn"] {
        let recipe = Recipe::named(name, Recipe::data(name).unwrap()).unwrap();
        let rate = match name {
            // without batch normalization, the sums of residual blocks grow; with it, two images are soon learnt
            "resnet18" | "resnet18-bn" | "vgg16-bn" => f64::exp2(-13.0),
            _ => 0.0625,
        };
        let p = recipe.settings.profile;
        let job =
            Job { model: recipe.model, reveal: Reveals { model: true, ..Reveals::NOTHING }, ..job(&p, &[2, 2], 2) }
                .with(|s| {
                    s.epochs = 2;
                    s.batch = 2;
                    s.lr = 2.0 * rate;
                });
        // an image's values from -4 to 4
        let mut world = world(&job, 5);
        for (set, _, owners) in world.sets.iter_mut().filter(|(set, ..)| *set == Set::TrainFeatures) {
            assert!(set.is_features());
            owners.iter_mut().flatten().for_each(|x| *x = 8 * *x - (4 << p.frac));
        }
        let real = |x: &i64, frac: u32| decode(x.cast_unsigned(), 64, frac);
        let rows = |set: Set| {
            let (_, cols, owners) = world.sets.iter().find(|(s, ..)| *s == set).unwrap();
            let all = owners[0].chunks(*cols).map(|row| row.iter().map(|x| real(x, p.frac)).collect());
            all.collect::<Vec<Vec<f64>>>()
        };
        let label = |one_hot: Vec<f64>| one_hot.iter().position(|x| *x == 1.0).unwrap();
        let labels = rows(Set::TrainLabels).into_iter().map(label);
        let images: Vec<(Vec<f64>, usize)> = rows(Set::TrainFeatures).into_iter().zip(labels).collect();
        let run = |steps: u64| {
            // bytes and rounds are those of the plan
            let run = world.run_unwatched(&Training(&Job { steps: Some(steps), ..job.clone() }));
            run.revealed.iter().map(|(_, x)| x.iter().map(|x| real(x, p.frac)).collect()).collect::<Vec<Vec<f64>>>()
        };
        let initial = world.parameters.iter().map(|n| n.x.iter().map(|x| real(x, MASTER_FRAC)).collect()).collect();
        let specs = job.model.layers_with_inputs().flat_map(|(layer, input)| layer.parameters(&input));
        let trained: Vec<bool> = specs.map(|spec| !spec.statistic).collect();
        let parameters: [Vec<Vec<f64>>; 3] = [initial, run(1), run(2)];
        for step in 0..2 {
            let [before, after] = [&parameters[step], &parameters[step + 1]];
            // gradients of normalized networks are small: of most weights they hide in the model's rounding
            let normalized = name.ends_with("-bn");
            let least = if normalized { 4.0 * f64::exp2(-f64::from(p.frac)) } else { 0.0 };
            let moved = |((a, b), trained): ((&Vec<f64>, &Vec<f64>), &bool)| {
                let moved =
                    |(a, b): (&f64, &f64)| if *trained && (a - b).abs() >= least { (a - b) / rate } else { 0.0 };
                a.iter().zip(b).map(moved).collect()
            };
            let gradient: Vec<Vec<f64>> = before.iter().zip(after).zip(&trained).map(moved).collect();
            // nothing that is trained stands still, but for what no example reaches
            let still = gradient.iter().filter(|g| g.iter().all(|g| g.abs() < 1e-3)).count();
            let (still, all) = (still - trained.iter().filter(|t| !**t).count(), gradient.len());
            assert!(normalized || still <= all / 8, "{name}: {still} of {all} parameters stand still");
            for part in 0..3 {
                let all = gradient.iter().skip(part).step_by(3).flatten();
                let length = all.map(|g| g * g).sum::<f64>().sqrt();
                let along = |by: f64| {
                    let shift = |(at, (w, g)): (usize, (&Vec<f64>, &Vec<f64>))| {
                        let by = if at % 3 == part { by / length } else { 0.0 };
                        w.iter().zip(g).map(|(w, g)| w + by * g).collect::<Vec<f64>>()
                    };
                    let all: Vec<_> = before.iter().zip(&gradient).enumerate().map(shift).collect();
                    loss(&job.model, &all, &images, &DropoutMasks::new(1, 0)).0
                };
                let slope = (along(1e-4) - along(-1e-4)) / 2e-4;
                println!("{name}, step {step}, part {part}: {slope}, {length}");
                assert!(length > 0.05, "{name}: a wrong gradient would not be noticed");
                assert!((slope / length - 1.0).abs() < 0.2, "{name}, step {step}, part {part}: {slope}, not {length}");
            }
        }
    }
}
