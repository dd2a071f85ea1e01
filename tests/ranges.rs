//! Runs whose values leave their range are told as such, and what can be known before a run is told before it.

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::error::{Error, Result};
use ppdnn::fixed::Profile;
use ppdnn::nn::{Init, LayerSpec, Loss, Model};
use ppdnn::roles::{Event, Outcome, Training};
use ppdnn::train::Reveals;

/// Random numbers of a seed, for data alone.
struct Dice(u64);

impl Dice {
    fn even(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 16_777_216.0
    }

    fn bell(&mut self) -> f32 {
        (0..12).map(|_| self.even()).sum::<f32>() - 6.0
    }
}

/// Clouds around a middle per class, three classes, ten columns, all values times `scale`.
fn clouds(rows: usize, scale: f32, seed: u64) -> Examples {
    let (mut place, mut dice) = (Dice(99), Dice(seed));
    let middle: Vec<f32> = (0..30).map(|_| place.bell()).collect();
    let x = Array2::from_shape_fn((rows, 10), |(i, j)| scale * (middle[i % 3 * 10 + j] + 0.7 * dice.bell()));
    Examples::new(x, (0..3).cycle().take(rows).collect(), 3).expect("rows of three classes")
}

fn training() -> Training {
    let dense = |outputs| LayerSpec::Dense { outputs, bias: true };
    let layers = vec![dense(16), LayerSpec::Relu, dense(3)];
    let model = Model::new("own", 10, layers, 3, Loss::SoftmaxCrossEntropy, Init::He).expect("layers that fit");
    Training::new(model).epochs(4).batch(32)
}

/// What a run gave, and what it warned of.
fn run(training: &Training, train: &Examples, test: &Examples) -> (Result<Outcome>, Vec<String>) {
    let mut warnings = Vec::new();
    let outcome = training.run(train, test, &mut |event| {
        if let Event::Warning { text } = event {
            warnings.push(text);
        }
    });
    (outcome, warnings)
}

#[test]
fn features_that_are_not_scaled_are_warned_of_and_their_overflow_is_told_with_layer_and_epoch() {
    for profile in [Profile::small(), Profile::wide()] {
        for scale in [16.0, 64.0, 300.0] {
            let about = format!("{}, scale {scale}", profile.name);
            let training = training().profile(profile.clone());
            let (outcome, warnings) = run(&training, &clouds(600, scale, 1), &clouds(300, scale, 2));
            assert!(
                warnings.iter().any(|w| w.contains("column") && w.contains("deviation 1")),
                "{about}: {warnings:?}"
            );
            let outcome = outcome.unwrap();
            let Err(Error::Unsound(text)) = outcome.check() else { panic!("{about}: {:?}", outcome.accuracy) };
            assert!(outcome.summary.out_of_range.unwrap() > 0, "{about}: {text}");
            assert!(text.contains("in epoch 1, at ") && text.contains("Lower the learning rate"), "{about}: {text}");
        }
    }
}

#[test]
fn a_run_in_its_ranges_is_sound_and_counts_nothing() {
    for profile in Profile::all() {
        let (outcome, warnings) = run(&training().profile(profile), &clouds(600, 0.5, 1), &clouds(300, 0.5, 2));
        let outcome = outcome.unwrap();
        outcome.check().unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!((outcome.summary.out_of_range, outcome.out_of_range.len()), (Some(0), 4));
        let (told, scored) = (outcome.accuracy[3], outcome.summary.scored_accuracy.unwrap());
        assert!(told > 0.9 && (told - scored).abs() < 0.02, "{told} {scored}");
    }
}

#[test]
fn without_ranges_in_the_job_the_model_and_its_accuracy_still_tell() {
    let reveal = Reveals { ranges: false, ..Reveals::default() };
    let (outcome, _) = run(&training().reveal(reveal), &clouds(600, 300.0, 1), &clouds(300, 300.0, 2));
    let outcome = outcome.unwrap();
    assert_eq!((outcome.summary.out_of_range, outcome.out_of_range.len()), (None, 0));
    let text = outcome.check().unwrap_err().to_string();
    assert!(text.contains("the parameters left their range: `dense"), "{text}");
}

#[test]
fn a_cell_that_does_not_fit_is_refused_before_anything_is_shared() {
    let with = |value: f32| {
        let (mut x, labels) = clouds(300, 0.25, 1).into_parts();
        x[[3, 2]] = value;
        Examples::new(x, labels, 3)
    };
    for value in [1e6, 1e10, f32::MAX] {
        let (refused, _) = run(&training(), &with(value).unwrap(), &clouds(300, 0.25, 2));
        let error = refused.unwrap_err();
        assert!(error.is_usage() && error.to_string().starts_with("training row 3, column 2 is "), "{error}");
    }
    for value in [f32::NAN, f32::INFINITY] {
        assert!(with(value).unwrap_err().to_string().starts_with("row 3, column 2 is "), "{value}");
    }
    let (outlier, warnings) = run(&training().epochs(1), &with(40.0).unwrap(), &clouds(300, 0.25, 2));
    outlier.unwrap();
    assert!(warnings[0].starts_with("column 2 of the training rows reaches 40.000 (row 3)"), "{warnings:?}");
}

#[test]
fn a_label_that_is_no_class_is_an_error_that_names_its_row() {
    let (x, mut labels) = clouds(300, 0.25, 1).into_parts();
    labels[3] = 7;
    let error = Examples::new(x, labels, 3).unwrap_err().to_string();
    assert_eq!(error, "row 3 has label 7, but labels must be below 3");
}
