//! Losses, beginnings and scales of features that no named network uses: on shares as in the clear.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use ndarray::Array2;

use ppdnn::data::Examples;
use ppdnn::nn::{Init, LayerSpec, Loss, Model, Normalization, Saved};
use ppdnn::roles::Training;
use ppdnn::train::Reveals;

/// Rows around one of three centres, which is the label; the same rows for a seed.
fn rows(n: usize, seed: u32) -> Examples {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24) - 0.5
    };
    let labels: Vec<u32> = (0..3).cycle().take(n).collect();
    #[expect(clippy::cast_possible_truncation, reason = "features have single precision")]
    let value = |(row, col): (usize, usize)| {
        let centre = if col % 3 == row % 3 { 3.0 } else { 1.0 };
        (centre + 1.5 * noise()) as f32
    };
    Examples::new(Array2::from_shape_fn((n, 6), value), labels, 3).unwrap()
}

/// Accuracy on shares and in the clear, and the revealed model's own.
fn accuracies(model: Model, normalization: Option<Normalization>) -> [f64; 3] {
    let (train, test) = (rows(600, 1), rows(300, 2));
    let training = Training::new(model.clone()).normalization(normalization).epochs(3).batch(20).learning_rate(0.05);
    let outcome = training.run(&train, &test, &mut |_| ()).unwrap();
    let (clear, _) = training.run_clear(&train, &test, &mut |_| ()).unwrap();
    let saved = Saved::new(model, normalization, &outcome.parameters).unwrap();
    let own = saved.accuracy(test.features().view(), test.labels()).unwrap();
    [*outcome.accuracy.last().unwrap(), *clear.last().unwrap(), own]
}

/// The three kinds of rows are apart, so that whoever learns gets nearly all right; a guess gets a third.
fn learned(all: [f64; 3]) {
    assert!(all.iter().all(|a| *a > 0.9), "{all:?}");
    assert!((all[0] - all[1]).abs() < 0.05 && (all[0] - all[2]).abs() < 0.02, "{all:?}");
}

#[test]
fn the_square_loss_learns_from_any_beginning() {
    for init in [Init::Glorot, Init::Uniform] {
        learned(accuracies(Model::dense("square", 6, &[16], 3).unwrap().with_loss(Loss::Square).with_init(init), None));
    }
}

#[test]
fn sigmoid_layers_and_sigmoid_outputs_learn() {
    let dense = |outputs| LayerSpec::Dense { outputs, bias: true };
    for loss in [Loss::SoftmaxCrossEntropy, Loss::SigmoidCrossEntropy] {
        let layers = vec![dense(16), LayerSpec::Sigmoid, dense(3)];
        let model = Model::new("sigmoid", 6, layers, 3, loss, Init::Glorot).unwrap();
        learned(accuracies(model, Some(Normalization { mean: 1.7, deviation: 0.8 })));
    }
}

#[test]
fn scaled_features_are_the_owners_doing_and_the_models_knowledge() {
    let scaled = Some(Normalization { mean: 1.7, deviation: 1.0 });
    let model = || Model::dense("scaled", 6, &[16], 3).unwrap();
    learned(accuracies(model(), scaled));
    // a model that does not know of the scale is another model
    let (train, test) = (rows(600, 1), rows(300, 2));
    let outcome =
        Training::new(model()).normalization(scaled).epochs(1).batch(20).run(&train, &test, &mut |_| ()).unwrap();
    let logits = |n| Saved::new(model(), n, &outcome.parameters).unwrap().logits(test.features().view()).unwrap();
    assert_ne!(logits(scaled), logits(None));
}

/// Rows of as many kinds as there are letters: a column each.
fn letters(n: usize, seed: u32) -> Examples {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let features = Array2::from_shape_fn((n, 26), |(row, col)| f32::from(row % 26 == col) + 0.4 * noise());
    Examples::new(features, (0..26).cycle().take(n).collect(), 26).unwrap()
}

#[test]
fn losses_without_softmax_train_more_than_14_classes_where_no_accuracy_is_revealed() {
    let (train, test) = (letters(780, 1), letters(260, 2));
    for (loss, rate) in [(Loss::Square, 0.5), (Loss::SigmoidCrossEntropy, 2.0)] {
        let layers = vec![LayerSpec::Dense { outputs: 26, bias: true }];
        let model = Model::new("letters", 26, layers, 26, loss, Init::Glorot).unwrap();
        let training = Training::new(model.clone()).epochs(3).batch(26).learning_rate(rate);
        let refused = training.run(&train, &test, &mut |_| ()).unwrap_err();
        let says = "the accuracy is counted for up to 14 classes, not 26";
        assert!(refused.is_usage() && refused.to_string().starts_with(says), "{refused}");
        let training = training.reveal(Reveals { accuracy: false, model: true, ranges: true });
        let outcome = training.run(&train, &test, &mut |_| ()).unwrap();
        let saved = Saved::new(model, None, &outcome.parameters).unwrap();
        let accuracy = saved.accuracy(test.features().view(), test.labels()).unwrap();
        assert!(accuracy > 0.8, "{}: {accuracy}", loss.name());
    }
}
