//! The times of a step by layer and kind, measured at a server, against the whole and against the plan.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;

use ppdnn::layer::{batch_norm, conv2d, dense, flatten, max_pool, relu, sigmoid};
use ppdnn::ndarray::Array2;
use ppdnn::roles::StepTime;
use ppdnn::{Data, Model, Summary, Training};

/// Rows of 8 x 8 pixels, of two classes.
fn data(rows: usize) -> Data {
    let pixels = Array2::from_shape_fn((rows, 64), |(row, at)| ((row * 7 + at * 3) % 11) as f32 / 11.0);
    Data::new(pixels, (0..rows).map(|row| u32::from(row % 2 == 0)).collect(), 2).unwrap()
}

fn networks() -> Vec<Model> {
    let dense_only = vec![flatten(), dense(12), relu(), dense(6), sigmoid(), dense(2)];
    let images = vec![conv2d(3, 3), batch_norm(), relu(), max_pool(2), flatten(), dense(2)];
    [dense_only, images].map(|layers| Model::sequential([8, 8, 1], layers).unwrap()).into()
}

fn run(model: Model) -> (Training, Summary) {
    let training = Training::new(model).epochs(2).batch(16);
    let outcome = training.run(&data(64), &data(20), |_| ()).unwrap();
    (training, outcome.summary)
}

#[test]
fn the_times_of_all_layers_are_the_time_of_a_step() {
    for model in networks() {
        let (_, summary) = run(model);
        let sum: f64 = summary.step_times.iter().map(|time| time.seconds).sum();
        let parts = summary.step_parts.unwrap();
        let step = parts.compute + parts.exchange + parts.dealer;
        // one clock reads both; only the sums are rounded
        assert!(sum > 0.0 && (sum / step - 1.0).abs() < 1e-6, "{sum} s in layers, {step} s a step");
        let layers = summary.step_times.iter().filter(|time| time.layer.is_some()).map(|time| time.seconds);
        assert!(layers.sum::<f64>() >= step / 2.0, "{summary:?}");
        assert!(summary.step_times.iter().all(|time| time.seconds > 0.0 && time.seconds < step), "{summary:?}");
    }
}

/// Whatever costs something in the plan takes time at the server, under the same name, and the other way round.
#[test]
fn times_have_the_layers_and_kinds_of_the_plan() {
    for model in networks() {
        let (training, summary) = run(model);
        let of = |time: &StepTime| Some((time.layer.clone()?, time.pass.clone(), time.kind?));
        let measured: BTreeSet<_> = summary.step_times.iter().filter_map(of).collect();
        let step = training.costs(64, 20, "cpu").unwrap().step;
        let planned: BTreeSet<_> = step.into_iter().map(|row| (row.layer, row.pass, row.kind)).collect();
        // bits that are opened with values, in one round, are planned apart
        let missing: Vec<_> = planned.difference(&measured).filter(|(.., kind)| kind.name() != "bits").collect();
        assert!(missing.is_empty(), "without times: {missing:?}");
        let unplanned: Vec<_> = measured.difference(&planned).collect();
        assert!(unplanned.is_empty(), "not planned: {unplanned:?}");
        let layers: BTreeSet<_> = measured.iter().map(|(layer, ..)| layer.as_str()).collect();
        assert!(["weights", "loss", "update"].into_iter().all(|layer| layers.contains(layer)), "{layers:?}");
        assert!(layers.len() >= 6, "{layers:?}");
    }
}
