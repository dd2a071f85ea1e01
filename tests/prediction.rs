//! Private predictions by the public API: the answers are those of the same model in the clear, whatever is asked and however the
//! model is held.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use ndarray::{Array2, ArrayView2};
use ppdnn::layer::{average_pool, conv2d, dense, flatten, layer_norm, leaky_relu, max_pool, relu, residual, sigmoid};
use ppdnn::nn::LayerSpec;
use ppdnn::{AnswerKind, Answers, Loss, Model, Normalization, Prediction, Profile, Task, TrainedModel};

/// Numbers that look random, from -1 to 1.
fn numbers(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / f64::from(1u32 << 31) / f64::from(1u32 << 21) - 1.0
    })
}

/// A model with parameters that look random, of the size that training leaves them.
fn trained(model: Model, normalization: Option<Normalization>) -> TrainedModel {
    let mut numbers = numbers(7);
    let parameters: Vec<Vec<f64>> = model
        .parameters()
        .iter()
        .map(|shape| {
            // biases are small, so that the class depends on the row
            let scale = if shape.axes().len() == 1 { 0.1 } else { 1.5 / (shape.axes()[0] as f64).sqrt() };
            (0..shape.len()).map(|_| numbers.next().unwrap() * scale).collect()
        })
        .collect();
    TrainedModel::new(model, normalization, &parameters).unwrap()
}

#[expect(clippy::cast_possible_truncation, reason = "test data")]
fn rows(count: usize, features: usize) -> Array2<f32> {
    let mut numbers = numbers(count as u64 + 1);
    Array2::from_shape_simple_fn((count, features), || 3.0 * numbers.next().unwrap() as f32)
}

fn dense_model() -> TrainedModel {
    let layers: Vec<LayerSpec> = vec![dense(12), relu(), dense(9), sigmoid(), dense(4)];
    let model = Model::new("dense", 10, layers, 4, Loss::SoftmaxCrossEntropy, ppdnn::Init::He).unwrap();
    trained(model, Some(Normalization::uniform(0.25, 0.5)))
}

fn image_model() -> TrainedModel {
    let layers: Vec<LayerSpec> =
        vec![conv2d(3, 3), relu(), average_pool(2), conv2d(4, 2), max_pool(2), relu(), flatten(), dense(5)];
    let model = Model::new("images", [10, 10, 1], layers, 5, Loss::SoftmaxCrossEntropy, ppdnn::Init::He).unwrap();
    trained(model, None)
}

/// The largest difference of the answers from what the model makes of the rows in single precision.
fn off(answers: &Answers, want: ArrayView2<'_, f32>) -> f32 {
    let (Answers::Probabilities(got) | Answers::Values(got)) = answers else { panic!("no numbers: {answers:?}") };
    assert_eq!(got.dim(), want.dim());
    got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn answers_are_those_of_the_model_in_the_clear() {
    for (model, features) in [(dense_model(), 10), (image_model(), 100)] {
        let rows = rows(33, features);
        let logits = model.logits(rows.view()).unwrap();
        let softmax = {
            let exp = logits.mapv(f32::exp);
            let sums = exp.sum_axis(ndarray::Axis(1));
            &exp / &sums.insert_axis(ndarray::Axis(1))
        };
        for public in [false, true] {
            // signs of values down to 2^-10; in `wide`, ReLU takes what is below 1/16 for either
            let asked = Prediction::new(model.clone()).profile(Profile::deep()).public_model(public).batch(8);
            let ask = |kind| asked.clone().answers(kind).run(rows.view());
            let values = off(&ask(AnswerKind::Values).unwrap(), logits.view());
            assert!(values < 2e-3, "{}: values are off by {values}", model.model.name());
            let probabilities = off(&ask(AnswerKind::Probabilities).unwrap(), softmax.view());
            assert!(probabilities < 2e-3, "{}: probabilities are off by {probabilities}", model.model.name());
            let classes = ask(AnswerKind::Class).unwrap();
            let differ = |want: &[u32]| classes.classes().iter().zip(want).filter(|(a, b)| a != b).count();
            // near ties may fall either way
            let same = differ(&model.predict(rows.view()).unwrap());
            assert!(same <= 1, "{same} of 33 classes differ");
            // the comparison can fail
            let other = model.predict(rows.mapv(|x| -x).view()).unwrap();
            assert!(differ(&other) > 3, "{other:?}");
        }
    }
}

#[test]
fn one_output_several_labels_and_numbers_are_answered() {
    let network = |outputs| Model::sequential(10, vec![dense(12), relu(), dense(outputs)]).unwrap();
    let rows = rows(40, 10);
    for public in [false, true] {
        let ask = |model: &TrainedModel, kind: Option<AnswerKind>| {
            let asked = Prediction::new(model.clone()).profile(Profile::deep()).public_model(public).batch(16);
            kind.map_or(asked.clone(), |kind| asked.answers(kind)).run(rows.view())
        };
        // two classes with one output
        let one = trained(network(1), None);
        let logits = one.logits(rows.view()).unwrap();
        let classes = ask(&one, None).unwrap().classes();
        let differ = classes.iter().zip(one.predict(rows.view()).unwrap()).filter(|(a, b)| **a != *b).count();
        assert!(differ <= 1 && classes.contains(&0) && classes.contains(&1), "{differ} differ");
        let probabilities = logits.mapv(|z| (z / 4.0 + 0.5).clamp(0.0, 1.0));
        assert!(off(&ask(&one, Some(AnswerKind::Probabilities)).unwrap(), probabilities.view()) < 2e-3);
        // several labels
        let many = trained(network(5).with_task(Task::MultiLabel), None);
        let Answers::Labels(labels) = ask(&many, None).unwrap() else { panic!("labels") };
        let clear = many.labels(rows.view()).unwrap();
        let differ = |own: &Array2<bool>| own.iter().zip(&clear).filter(|(a, b)| a != b).count();
        assert!(labels.dim() == (40, 5) && differ(&labels) <= 2, "{} of 200 differ", differ(&labels));
        assert!(differ(&many.labels(rows.mapv(|x| -x).view()).unwrap()) > 20, "the comparison can fail");
        // numbers
        let numbers = trained(network(2).with_task(Task::Regression), None);
        assert!(off(&ask(&numbers, None).unwrap(), numbers.logits(rows.view()).unwrap().view()) < 2e-3);
        for kind in [AnswerKind::Class, AnswerKind::Probabilities] {
            let text = ask(&numbers, Some(kind)).unwrap_err().to_string();
            assert!(text.contains("values"), "{text}");
        }
    }
}

#[test]
fn networks_with_many_classes_norms_and_blocks_are_answered() {
    let block = residual(vec![dense(8), relu(), dense(8)]);
    let layers: Vec<LayerSpec> = vec![dense(8), layer_norm(), leaky_relu(3), block, relu(), dense(40)];
    let model = Model::new("many", 6, layers, 40, Loss::SoftmaxCrossEntropy, ppdnn::Init::He).unwrap();
    let model = trained(model, None);
    let rows = rows(25, 6);
    let want = model.logits(rows.view()).unwrap();
    for public in [false, true] {
        let asked = Prediction::new(model.clone()).profile(Profile::deep()).public_model(public);
        let answers = asked.run(rows.view()).unwrap().classes();
        for (class, row) in answers.iter().zip(want.rows()) {
            let top = row.iter().copied().fold(f32::MIN, f32::max);
            assert!(
                top - row[*class as usize] < 0.02,
                "class {class} has {}, the largest is {top}",
                row[*class as usize]
            );
        }
        assert!(answers.iter().any(|class| *class != answers[0]), "{answers:?}");
    }
}

#[test]
fn a_session_answers_request_after_request() {
    let model = dense_model();
    let mut session = Prediction::new(model.clone()).profile(Profile::small()).batch(1).start(20).unwrap();
    for count in [1, 3, 0, 1] {
        let rows = rows(count, 10);
        assert_eq!(session.predict(rows.view()).unwrap().len(), count);
    }
    // too many for what is left, and rows of another model: nothing is sent, and the session goes on
    assert!(session.predict(rows(16, 10).view()).unwrap_err().to_string().contains("15 rows are left"));
    assert!(session.predict(rows(1, 9).view()).unwrap_err().is_usage());
    assert!(session.predict(Array2::from_elem((1, 10), f32::NAN).view()).unwrap_err().is_usage());
    assert_eq!(session.predict(rows(2, 10).view()).unwrap().len(), 2);
    let summary = session.finish().unwrap();
    assert_eq!((summary.rows, summary.requests, summary.batch), (7, 7, 1));
    let plan = Prediction::new(model).profile(Profile::small()).batch(1).plan(20).unwrap();
    assert_eq!(plan.rounds_per_request, summary.rounds_per_request);
    assert_eq!(plan.bytes_per_request, summary.bytes_per_request);
    assert!(summary.bytes_per_request.dealer_to_server1 > 0.0);
}

#[test]
fn nothing_is_dealt_for_the_products_of_a_public_model() {
    let plan = |public| Prediction::new(dense_model()).public_model(public).plan(1).unwrap();
    let (private, public) = (plan(false), plan(true));
    // 12 + 9 + 4 outputs of products, of 48 bits each; whole words of 32 bits are dealt for every product
    let words = |bits: f64| (bits / 32.0).ceil() * 4.0;
    let products: f64 = [12.0, 9.0, 4.0].map(|outputs| words(outputs * 48.0)).iter().sum();
    let dealt = |plan: &ppdnn::roles::PredictionSummary| plan.bytes_per_request.dealer_to_server1;
    // each product has a frame of its own, whose header takes 32 bytes
    assert_eq!(dealt(&private) - dealt(&public), products + 3.0 * 32.0);
    assert!(private.bytes_of_setup.server0_to_server1 > 0.0);
    assert_eq!(public.bytes_of_setup.server0_to_server1, 0.0);
}

/// The dealer has dealt for requests that do not come: whoever ends the session early is not told of an error.
#[test]
fn a_session_that_ends_early_ends_well() {
    for asked in [0, 1, 2, 1, 0, 1] {
        let mut session = Prediction::new(dense_model()).batch(1).start(10_000).unwrap();
        assert_eq!(session.predict(rows(asked, 10).view()).unwrap().len(), asked);
        let summary = session.finish().unwrap();
        assert_eq!(summary.rows, asked as u64);
    }
}

#[test]
fn a_session_that_is_dropped_ends_its_threads() {
    let session = Prediction::new(dense_model()).start(10).unwrap();
    let start = std::time::Instant::now();
    drop(session);
    assert!(start.elapsed().as_secs() < 20);
}

#[test]
fn what_a_model_cannot_answer_is_said_before_anything_runs() {
    let square = TrainedModel { model: dense_model().model.with_loss(Loss::Square), ..dense_model() };
    let error = Prediction::new(square).answers(AnswerKind::Probabilities).run(rows(1, 10).view()).unwrap_err();
    assert!(error.to_string().contains("no probabilities"), "{error}");
}
