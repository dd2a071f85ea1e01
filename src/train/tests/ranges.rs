//! Samples of a run's wires: where they are taken, that a healthy run counts nothing, and that what overflows is counted.

use super::*;
use crate::gates::harness::Gate;
use crate::nn::layers::{Dense, Relu, Sigmoid};
use crate::nn::{Init, LayerSpec, Loss, STEPS_AT_ONCE};
use crate::party::Revealed;
use crate::train::Recipe;
use crate::train::run::plan;

/// The counts that a run reveals, by epoch.
fn counts(revealed: &[(Revealed, Vec<i64>)]) -> Vec<Vec<i64>> {
    let ranges = revealed.iter().filter(|(what, _)| matches!(what, Revealed::OutOfRange { .. }));
    ranges.map(|(_, counts)| counts.clone()).collect()
}

#[test]
fn every_layer_is_watched_at_the_places_that_the_model_names() {
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    let own = |layers, loss| Model::new("own", 6, layers, 3, loss, Init::He).unwrap();
    let layers = vec![dense(4), LayerSpec::from(Sigmoid), dense(5), LayerSpec::from(Relu), dense(3)];
    let mut models: Vec<Model> = [Loss::SoftmaxCrossEntropy, Loss::Square, Loss::SigmoidCrossEntropy]
        .map(|loss| own(layers.clone(), loss))
        .into();
    models.push(own(vec![dense(3)], Loss::Square));
    // max pools by both methods, average pools, residual blocks
    for (image, layers) in images::networks() {
        models.push(images::model(image, layers, Init::He));
    }
    for model in models {
        let job = Job { model, ..job(&Profile::wide(), &[2, 2], 2) }.with(|s| s.batch = 2);
        let name = job.model.sizes();
        let records = world(&job, 1).clear_unchecked(&Training(&job));
        let fresh = records.iter().filter(|r| matches!(r.gate, Gate::Sample { kept: false, .. }));
        let places: Vec<_> = fresh.map(|r| r.scope.clone()).collect();
        assert_eq!(places, job.model.watched(), "{name}");
        let checked = records.iter().filter(|r| matches!(r.gate, Gate::Outside { .. })).count();
        assert_eq!(checked, places.len(), "{name}");
    }
}

#[test]
fn a_healthy_run_counts_nothing_however_many_steps_an_epoch_has() {
    for p in Profile::all() {
        for steps in [1, 31, 32, 33, 65] {
            let job = job(&p, &[4, 3, 2], 2 * steps - 1).with(|s| {
                s.batch = 2;
                s.epochs = 2;
            });
            assert_eq!(job.steps_per_epoch(), u64::from(steps));
            let run = world(&job, steps.into()).run(&Training(&job));
            assert_eq!(counts(&run.revealed), [vec![0; 3], vec![0; 3]], "{}, {steps} steps", p.name);
        }
    }
}

/// A weight that is far too large for one layer: its values are counted there, on shares, and nothing before it.
#[test]
fn what_overflows_is_counted_where_it_does() {
    for p in Profile::all() {
        let job = job(&p, &[6, 5, 4, 3], 64).with(|s| s.batch = 16);
        assert_eq!(job.model.watched(), ["relu1/forward", "relu2/forward", "loss", "relu2/backward", "relu1/backward"]);
        let mut world = world(&job, 4);
        // the bias of the second layer, beyond what is compared and within the ring
        let beyond = 3i64 << (p.window.high - p.frac - 1);
        world.parameters[3].x.fill(beyond << 32);
        let run = world.run_unwatched(&Training(&job));
        let counts = &counts(&run.revealed)[0];
        assert_eq!(counts[0], 0, "{}: {counts:?}", p.name);
        assert_eq!(counts[1], 4 * 64, "all of four steps' samples, {}: {counts:?}", p.name);
    }
}

#[test]
fn watching_costs_less_than_two_percent_of_a_step_of_every_named_network() {
    for name in Model::names() {
        let recipe = Recipe::named(name, Recipe::data(name).unwrap()).unwrap();
        let settings = recipe.settings;
        let p = settings.profile;
        let owners = vec![Owned { train: 10_000, test: 0 }];
        let base = Job { model: recipe.model, owners, ..job(&p, &[2, 2], 1) }.with(|s| s.batch = settings.batch);
        let cost = |ranges| {
            let job = Job { reveal: Reveals { ranges, ..base.reveal }, ..base.clone() };
            let (server, dealer) =
                plan(&job).map(|plan| (plan.server(RunPhase::Step), plan.dealer(RunPhase::Step))).unwrap();
            [server.rounds, server.sent.bytes, dealer.dealt.bytes].map(|x| x as f64)
        };
        let (with, without) = (cost(true), cost(false));
        for (with, without) in with.iter().zip(without) {
            assert!((1.0..1.02).contains(&(with / without)), "{name}: {with} with, {without} without");
        }
    }
    assert_eq!(STEPS_AT_ONCE, 32, "as docs/protocols.md 3.7 says");
}
