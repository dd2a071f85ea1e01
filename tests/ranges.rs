//! Runs whose values leave their range are told as such, and what can be known before a run is told before it.

mod dice;

use ndarray::Array2;
use ppdnn::data::{Examples, dataset_info};
use ppdnn::error::{Error, Result};
use ppdnn::fixed::Profile;
use ppdnn::nn::layers::{Dense, Relu};
use ppdnn::nn::{Init, LayerSpec, Loss, Model};
use ppdnn::roles::{Event, Outcome, Training};
use ppdnn::train::{Certificate, Recipe, Reveals};

use dice::Dice;

/// Clouds around a middle per class, three classes, ten columns, all values times `scale`.
fn clouds(rows: usize, scale: f32, seed: u64) -> Examples {
    let (mut place, mut dice) = (Dice(99), Dice(seed));
    let middle: Vec<f32> = (0..30).map(|_| place.bell()).collect();
    let x = Array2::from_shape_fn((rows, 10), |(i, j)| scale * (middle[i % 3 * 10 + j] + 0.7 * dice.bell()));
    Examples::new(x, (0..3).cycle().take(rows).collect(), 3).expect("rows of three classes")
}

fn training() -> Training {
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    let layers = vec![dense(16), LayerSpec::from(Relu), dense(3)];
    let model = Model::new("own", 10, layers, 3, Loss::SoftmaxCrossEntropy, Init::He).expect("layers that fit");
    Training::new(model).profile(Profile::small()).epochs(4).batch(32)
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
fn features_that_are_not_scaled_trigger_a_warning_and_their_overflow_is_reported_with_layer_and_epoch() {
    for profile in [Profile::small(), Profile::wide()] {
        for scale in [16.0, 64.0, 300.0] {
            let about = format!("{}, scale {scale}", profile.name);
            let training = training().profile(profile);
            let (outcome, warnings) = run(&training, &clouds(600, scale, 1), &clouds(300, scale, 2));
            assert!(
                warnings.iter().any(|w| w.contains("column") && w.contains("deviation 1")),
                "{about}: {warnings:?}"
            );
            let outcome = outcome.unwrap();
            let Err(Error::Unsound(text)) = outcome.check() else { panic!("{about}: {:?}", outcome.accuracy) };
            assert!(outcome.summary.out_of_range.unwrap() > 0, "{about}: {text}");
            assert_eq!(outcome.model.unwrap().profile, None, "{about}");
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
        // in `small`, that the network's ranges have not been checked
        assert_eq!(warnings.len(), usize::from(profile == Profile::small()), "{warnings:?}");
        assert_eq!((outcome.summary.out_of_range, outcome.out_of_range.len()), (Some(0), 4));
        assert_eq!(outcome.model.unwrap().profile, Some(profile));
        let (told, scored) = (outcome.accuracy[3], outcome.summary.scored_accuracy.unwrap());
        assert!(told > 0.9 && (told - scored).abs() < 0.02, "{told} {scored}");
    }
}

#[test]
fn a_program_s_own_network_in_small_triggers_a_warning_without_a_certificate() {
    let (train, test) = (clouds(64, 0.5, 1), clouds(20, 0.5, 2));
    let short = training().epochs(1);
    let warned = |training: &Training| run(training, &train, &test).1;
    let [text] = &warned(&short)[..] else { panic!("one warning") };
    for words in ["ranges of `own` have not been checked", "profile `small`", "`Training::run_clear`", "`wide`"] {
        assert!(text.contains(words), "`{words}` is not in {text}");
    }
    assert_eq!(warned(&short.clone().profile(Profile::wide())), [""; 0]);
    // what nobody has said anything about is trained in the profile with more room
    let plain = Training::new(Model::dense("plain", 10, &[4], 3).expect("a network")).epochs(1);
    assert_eq!(plain.job(64, 20).expect("a job").settings.profile, Profile::wide());
    assert_eq!(warned(&plain), [""; 0]);

    let (_, ranges) = short.run_clear(&train, &test, &mut |_| ()).expect("a run in the clear");
    let certificate = Certificate::new(&short.job(64, 20).expect("a job"), None, "clouds", None, &ranges);
    assert_eq!(warned(&short.clone().certificate(certificate.clone())), [""; 0]);
    let [text] = &warned(&short.learning_rate(0.125).certificate(certificate))[..] else { panic!("one warning") };
    assert!(text.contains("other settings"), "{text}");
}

#[test]
fn a_network_from_a_file_triggers_a_warning_in_every_profile_and_a_named_one_in_none() {
    let data = dataset_info("mnist").expect("a known set");
    let warned = |recipe: &Recipe, profile| {
        let training = Training::of(recipe, data).profile(profile);
        let job = training.job(256, 20).expect("a job");
        training.warnings(&job, &training.initial_parameters(&job).expect("random ones"))
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.toml");
    std::fs::write(&path, Recipe::text("logistic").expect("a named network")).expect("a file");
    for profile in Profile::all() {
        let file = warned(&Recipe::load(&path, data).expect("a network"), profile);
        assert!(
            file.len() == 1 && file[0].contains("ppdnn dry-run --model") && file[0].contains(profile.name),
            "{file:?}"
        );
        assert_eq!(warned(&Recipe::named("logistic", data).expect("a network"), profile), [""; 0]);
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
    assert!(warnings[1].starts_with("column 2 of the training rows reaches 40.000 (row 3)"), "{warnings:?}");
}

#[test]
fn a_label_that_is_no_class_is_an_error_that_names_its_row() {
    let (x, mut labels) = clouds(300, 0.25, 1).into_parts();
    labels[3] = 7;
    let error = Examples::new(x, labels, 3).unwrap_err().to_string();
    assert_eq!(error, "row 3 has label 7, but labels must be below 3");
}
