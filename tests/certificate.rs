//! Range certificates: what they say of a run in the clear, and for which jobs.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::fixed::Profile;
use ppdnn::nn::{Model, Normalization, Optimizer};
use ppdnn::party::Ranges;
use ppdnn::roles::Training;
use ppdnn::train::{Certificate, Schedule, recommended};

/// Rows of three kinds that differ in their columns, up to `scale`.
fn rows(n: usize, scale: f32) -> Examples {
    let value = |(row, col): (usize, usize)| {
        let noise = ((row * 37 + col * 101 + row * col * 13) % 64) as f32 / 256.0;
        scale * (if col % 3 == row % 3 { 0.75 } else { 0.0 } + noise)
    };
    let labels = (0..n).map(|i| u32::try_from(i % 3).unwrap()).collect();
    Examples::new(Array2::from_shape_fn((n, 6), value), labels, 3).unwrap()
}

fn training() -> Training {
    Training::new(Model::dense("tiny", 6, &[8], 3).unwrap())
        .profile(Profile::small())
        .epochs(4)
        .batch(20)
        .learning_rate(0.25)
}

fn ran(training: &Training, scale: f32) -> (Vec<f64>, Ranges) {
    training.run_clear(&rows(200, scale), &rows(60, scale), &mut |_| ()).unwrap()
}

#[test]
fn a_run_that_stays_in_its_ranges_has_a_certificate_for_its_job() {
    for profile in Profile::all() {
        let training = training().profile(profile);
        let (accuracy, ranges) = ran(&training, 1.0);
        assert!(*accuracy.last().unwrap() > 0.9 && ranges.overflows().is_empty(), "{accuracy:?}");
        assert_eq!(recommended(&ranges).unwrap().name, "small");
        let job = training.job(200, 60).unwrap();
        let certificate = Certificate::new(&job, None, "made up", accuracy.last().copied(), &ranges);
        certificate.check(&job, None).unwrap();
        // features are exact
        let feature = ranges.iter().find(|r| r.what == "feature").unwrap();
        let largest = rows(200, 1.0).features().iter().fold(0.0f32, |a, b| a.max(*b));
        assert!((feature.largest - f64::from(largest)).abs() < 2e-3, "{feature:?}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ranges.json");
        certificate.save(&path).unwrap();
        let loaded = Certificate::load(&path).unwrap();
        assert_eq!((&loaded.ranges.len(), &loaded.settings), (&certificate.ranges.len(), &certificate.settings));
        loaded.check(&job, None).unwrap();
        // fewer steps of other data are covered, other settings are not
        loaded.check(&training.clone().steps(Some(20)).job(150, 10).unwrap(), None).unwrap();
        let refused = |training: Training, says: &str| {
            let error = loaded.check(&training.job(200, 60).unwrap(), None).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("dry-run"), "{error}");
        };
        refused(training.clone().epochs(5), "steps");
        refused(training.clone().learning_rate(0.5), "settings");
        refused(training.clone().momentum(0.5), "settings");
        refused(training.clone().optimizer(Optimizer::Nesterov), "settings");
        refused(training.clone().weight_decay(1e-3), "settings");
        refused(training.clone().schedule(Schedule::Cosine), "settings");
        refused(training.clone().batch(10).accumulate(2), "settings");
        refused(training.clone().normalization(Some(Normalization::uniform(0.0, 2.0))), "settings");
        let began = training.clone().initial(vec![vec![0.5; 48], vec![0.0; 8], vec![0.5; 24], vec![0.0; 3]]);
        let hash = began.initial_hash();
        let error = loaded.check(&began.job(200, 60).unwrap(), hash.as_deref()).unwrap_err().to_string();
        assert!(error.contains("initial parameters") && training.initial_hash().is_none(), "{error}");
        let other = Model::dense("tiny", 6, &[9], 3).unwrap();
        refused(Training::new(other).epochs(4).batch(20).learning_rate(0.25).profile(profile), "network");
        std::fs::write(&path, "{}").unwrap();
        assert!(Certificate::load(&path).unwrap_err().to_string().contains("ranges.json"));
    }
}

#[test]
fn features_out_of_range_are_reported_with_their_layer_and_step() {
    for profile in Profile::all() {
        let training = training().profile(profile);
        for scale in [1e4, 1e7] {
            let (_, ranges) = ran(&training, scale);
            let overflows = ranges.overflows();
            let first = overflows[0].overflow.unwrap();
            assert_eq!((first.step, first.evaluation), (1, false), "{overflows:?}");
            // the first layer's outputs are as large as the features, before anything is learned
            let of_first = |r: &&&ppdnn::party::Range| r.place == "dense1/forward" || r.place == "relu1/forward";
            assert_eq!(overflows.iter().find(of_first).unwrap().overflow, Some(first), "{overflows:?}");
            assert_eq!(overflows.iter().any(|r| r.what == "feature"), scale > 1e6, "{overflows:?}");
            assert!(recommended(&ranges).is_none());
            let job = training.job(200, 60).unwrap();
            let error =
                Certificate::new(&job, None, "made up", None, &ranges).check(&job, None).unwrap_err().to_string();
            assert!(error.contains("margin of less than"), "{error}");
        }
    }
}

#[test]
fn a_learning_rate_out_of_all_proportion_leaves_the_ranges_later() {
    let (_, ranges) = ran(&training().learning_rate(200.0).momentum(0.96875), 1.0);
    let overflows = ranges.overflows();
    assert!(!overflows.is_empty());
    let steps: Vec<u64> = overflows.iter().map(|r| r.overflow.unwrap().step).collect();
    assert!(steps.is_sorted() && steps[0] > 1, "{overflows:?}");
    // the control: at its own rate the same rows stay in their ranges
    let calm = ran(&training(), 1.0).1;
    assert!(calm.overflows().is_empty(), "{:?}", calm.overflows());
}

/// A batch's gradients fit, the sum of ten does not; by a margin that rounding coins do not change.
#[test]
fn a_sum_of_gradients_that_leaves_its_range_is_reported() {
    let overflows = |training: Training| {
        let (_, ranges) = ran(&training.profile(Profile::small()).learning_rate(1e-4).epochs(1), 500.0);
        let own = ranges.overflows().into_iter().filter(|r| r.place == "update").cloned();
        own.map(|r| (r.what, r.overflow.unwrap().step)).collect::<Vec<_>>()
    };
    assert_eq!(overflows(training().steps(Some(1))), []);
    assert_eq!(overflows(training().accumulate(10)), [("gradient", 1)]);
}
