//! Losses, initializations and feature scaling that no named network uses: on shares as in the clear.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use ndarray::Array2;

use ppdnn::data::Examples;
use ppdnn::fixed::Profile;
use ppdnn::nn::layers::{Dense, Sigmoid};
use ppdnn::nn::{Init, LayerSpec, Loss, Model, Normalization, TrainedModel};
use ppdnn::roles::Training;

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
    let training = Training::new(model.clone())
        .profile(Profile::small())
        .normalization(normalization.clone())
        .epochs(3)
        .batch(20)
        .learning_rate(0.05);
    let outcome = training.run(&train, &test, &mut |_| ()).unwrap();
    let (clear, _) = training.run_clear(&train, &test, &mut |_| ()).unwrap();
    let saved = TrainedModel::new(model, normalization, &outcome.parameters).unwrap();
    let own = saved.accuracy(test.features().view(), test.labels()).unwrap();
    [*outcome.accuracy.last().unwrap(), *clear.last().unwrap(), own]
}

/// The three kinds of rows are apart, so that whoever learns gets nearly all right; a guess gets a third.
fn learned(all: [f64; 3]) {
    assert!(all.iter().all(|a| *a > 0.9), "{all:?}");
    assert!((all[0] - all[1]).abs() < 0.05 && (all[0] - all[2]).abs() < 0.02, "{all:?}");
}

#[test]
fn the_square_loss_learns_from_any_initialization() {
    for init in [Init::Glorot, Init::Uniform] {
        learned(accuracies(Model::dense("square", 6, &[16], 3).unwrap().with_loss(Loss::Square).with_init(init), None));
    }
}

#[test]
fn sigmoid_layers_and_sigmoid_outputs_learn() {
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    for loss in [Loss::SoftmaxCrossEntropy, Loss::SigmoidCrossEntropy] {
        let layers = vec![dense(16), LayerSpec::from(Sigmoid), dense(3)];
        let model = Model::new("sigmoid", 6, layers, 3, loss, Init::Glorot).unwrap();
        learned(accuracies(model, Some(Normalization::uniform(1.7, 0.8))));
    }
}

#[test]
fn scaled_features_are_the_owners_doing_and_the_models_knowledge() {
    let scaled = Some(Normalization::uniform(1.7, 1.0));
    let model = || Model::dense("scaled", 6, &[16], 3).unwrap();
    learned(accuracies(model(), scaled.clone()));
    // a model that does not know of the scale is another model
    let (train, test) = (rows(600, 1), rows(300, 2));
    let outcome = Training::new(model())
        .profile(Profile::small())
        .normalization(scaled.clone())
        .epochs(1)
        .batch(20)
        .run(&train, &test, &mut |_| ())
        .unwrap();
    let logits =
        |n| TrainedModel::new(model(), n, &outcome.parameters).unwrap().logits(test.features().view()).unwrap();
    assert_ne!(logits(scaled), logits(None));
}

/// Rows of `classes` kinds: a column each.
fn letters(n: usize, classes: u32, seed: u32) -> Examples {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let columns = classes as usize;
    let features = Array2::from_shape_fn((n, columns), |(row, col)| f32::from(row % columns == col) + 0.4 * noise());
    Examples::new(features, (0..classes).cycle().take(n).collect(), columns).unwrap()
}

/// 26 and 100 classes: the revealed accuracy is that of the revealed model, and as good as in the clear. A guess gets 1 %.
#[test]
fn every_loss_trains_more_than_14_classes() {
    let rates = [(Loss::Square, 0.5), (Loss::SigmoidCrossEntropy, 2.0), (Loss::SoftmaxCrossEntropy, 1.0)];
    let all = rates.map(|(loss, rate)| (26, 780, 3, loss, rate));
    let hundred = (100, 1000, 4, Loss::SoftmaxCrossEntropy, 2.0);
    for (classes, rows, epochs, loss, rate) in all.into_iter().chain([hundred]) {
        let (train, test) = (letters(rows, classes, 1), letters(260, classes, 2));
        let layers = vec![LayerSpec::from(Dense { outputs: classes as usize, bias: true })];
        let model = Model::new("letters", classes as usize, layers, classes as usize, loss, Init::Glorot).unwrap();
        let training = Training::new(model.clone()).epochs(epochs).batch(26).learning_rate(rate);
        let outcome = training.run(&train, &test, &mut |_| ()).unwrap();
        let (clear, _) = training.run_clear(&train, &test, &mut |_| ()).unwrap();
        let saved = TrainedModel::new(model, None, &outcome.parameters).unwrap();
        let own = saved.accuracy(test.features().view(), test.labels()).unwrap();
        let (shares, clear) = (*outcome.accuracy.last().unwrap(), *clear.last().unwrap());
        let all = [shares, clear, own];
        assert!(all.iter().all(|accuracy| *accuracy > 0.8), "{classes} classes, {}: {all:?}", loss.name());
        let near = (shares - clear).abs() < 0.05 && (shares - own).abs() < 0.02;
        assert!(near, "{classes} classes, {}: {all:?}", loss.name());
    }
}
