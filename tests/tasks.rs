//! Trainings of every task on shares, against the revealed model in the clear and against the law that the rows follow.

mod dice;

use ndarray::Array2;
use ppdnn::data::{Examples, Targets};
use ppdnn::fixed::Profile;
use ppdnn::nn::{Model, Task, TrainedModel};
use ppdnn::roles::{Outcome, Training};
use ppdnn::train::Reveals;

use dice::Dice;

/// Rows of four features around 0.
fn features(rows: usize, seed: u64) -> Array2<f32> {
    let mut dice = Dice(seed);
    Array2::from_shape_fn((rows, 4), |_| 0.5 * dice.bell())
}

fn run(training: &Training, [train, test]: [&Examples; 2]) -> Outcome {
    training.run(train, test, &mut |_| ()).expect("a run")
}

fn model(outcome: &Outcome) -> &TrainedModel {
    assert!(outcome.summary.faults.is_empty(), "{:?}", outcome.summary.faults);
    outcome.model.as_ref().expect("the model is revealed")
}

/// Two numbers that follow the features: the second one is not linear. Both are within 0 and 1 as a rule.
fn numbers(rows: usize, seed: u64) -> Examples {
    let x = features(rows, seed);
    let mut dice = Dice(seed + 50);
    let law = |x: ndarray::ArrayView1<'_, f32>| [0.5 + 0.3 * x[0] - 0.2 * x[1], 0.5 + 0.4 * x[2].abs() - 0.2 * x[3]];
    let y: Vec<f32> = x.rows().into_iter().flat_map(law).map(|y| y + 0.03 * dice.bell()).collect();
    Examples::with_numbers(x, Array2::from_shape_vec((rows, 2), y).expect("two numbers a row")).expect("finite numbers")
}

#[test]
fn a_regression_learns_its_law_and_reveals_its_errors() {
    let (train, test) = (numbers(1200, 1), numbers(400, 2));
    for profile in [Profile::small(), Profile::wide()] {
        let network = Model::dense("numbers", 4, &[16], 2).expect("a model").with_task(Task::Regression);
        let training = Training::new(network).profile(profile).epochs(10).batch(32).learning_rate(0.1);
        let reveal = Reveals { r2: true, ..Reveals::of(Task::Regression) };
        let outcome = run(&training.clone().reveal(reveal), [&train, &test]);
        let regression = outcome.summary.figures.regression.as_ref().expect("it is listed");
        // from the definition, of the revealed model
        let outputs = model(&outcome).logits(test.features().view()).expect("rows of the model");
        let Targets::Numbers(y) = test.targets() else { panic!("numbers") };
        let (mut squares, mut explained) = (0.0, 0.0);
        for (target, own) in regression.targets.iter().enumerate() {
            let pairs = || {
                y.column(target).into_iter().zip(outputs.column(target)).map(|(y, z)| (f64::from(*y), f64::from(*z)))
            };
            let mean = pairs().map(|(y, _)| y).sum::<f64>() / 400.0;
            let error = pairs().map(|(y, z)| (y - z).powi(2)).sum::<f64>() / 400.0;
            let variance = pairs().map(|(y, _)| (y - mean).powi(2)).sum::<f64>() / 400.0;
            let r2 = own.r2.expect("targets vary");
            println!(
                "{}: RMSE {} for {}, R2 {r2} for {}",
                profile.name,
                own.rmse,
                error.sqrt(),
                1.0 - error / variance
            );
            assert!((own.rmse - error.sqrt()).abs() < 0.004, "{} for {}", own.rmse, error.sqrt());
            assert!((r2 - (1.0 - error / variance)).abs() < 0.03, "{r2} for {}", 1.0 - error / variance);
            assert!((own.mean - mean).abs() < 0.003 && (own.deviation - variance.sqrt()).abs() < 0.003, "{own:?}");
            assert!(r2 > 0.8, "it has learned: {r2}");
            (squares, explained) = (squares + error, explained + 0.5 * (1.0 - error / variance));
        }
        assert!((outcome.summary.figures.squared_error.expect("listed") - squares).abs() < 0.002);
        assert!((outcome.summary.scored_squared_error.map_or(squares, |x| x) - squares).abs() < 1e-6);
        let scored = model(&outcome).score(&test).expect("rows of the model");
        assert!((scored - explained).abs() < 1e-4, "{scored} for {explained}");
        assert_eq!((outcome.summary.test_accuracy, outcome.accuracy.len()), (None, 0));
        let curve = &outcome.squared_errors;
        assert!(curve.len() == 10 && curve[9] < 0.5 * curve[0], "it gets better: {curve:?}");
        // the squared error is nothing that a rate of 0.1 cannot make worse: the best epoch's model is kept
        let stopped = run(&training.clone().epochs(60).patience(Some(2)), [&train, &test]);
        let (best, last) = (stopped.summary.model_epoch.expect("an early stop"), stopped.squared_errors.len());
        let least = stopped.squared_errors.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(stopped.squared_errors[best as usize - 1], least);
        assert_eq!(stopped.summary.figures.squared_error, Some(least));
        assert!(last == 60 || last == best as usize + 2, "{best} of {last}");
        assert!(stopped.summary.scored_squared_error.is_some_and(|scored| (scored - least).abs() < 0.002));
        assert_eq!(outcome.summary.out_of_range, Some(0));
        // what is not listed is not revealed
        let plain = run(&training, [&train, &test]).summary.figures;
        assert!(plain.regression.is_none() && plain.squared_error.is_some());
    }
}

/// Three labels: two follow a feature each, one is the combination of the two.
fn labels(rows: usize, seed: u64) -> Examples {
    let x = features(rows, seed);
    let law = |x: ndarray::ArrayView1<'_, f32>| [x[0] > 0.0, x[1] > 0.2, x[0] > 0.0 && x[1] < 0.2];
    let y: Vec<bool> = x.rows().into_iter().flat_map(law).collect();
    Examples::with_labels(x, Array2::from_shape_vec((rows, 3), y).expect("three labels a row"))
        .expect("finite features")
}

#[test]
fn several_labels_are_learned_and_counted_one_by_one() {
    let (train, test) = (labels(1500, 3), labels(500, 4));
    for profile in [Profile::small(), Profile::wide()] {
        let network = Model::dense("labels", 4, &[16], 3).expect("a model").with_task(Task::MultiLabel);
        let reveal = Reveals { confusion: true, squared_error: true, ..Reveals::default() };
        let training = Training::new(network).profile(profile).epochs(8).batch(32).learning_rate(0.25).reveal(reveal);
        let outcome = run(&training, [&train, &test]);
        let (predicted, Targets::Labels(labels)) =
            (model(&outcome).labels(test.features().view()).expect("rows of the model"), test.targets())
        else {
            panic!("labels")
        };
        let count = |is: &dyn Fn(bool, bool) -> bool, at: usize| {
            predicted.column(at).iter().zip(labels.column(at)).filter(|(z, y)| is(**z, **y)).count() as f64
        };
        let figures = outcome.summary.figures.labels.as_ref().expect("it is listed");
        for (at, own) in figures.counts.iter().enumerate() {
            let near =
                |have: u64, want: f64| assert!((have as f64 - want).abs() <= 4.0, "label {at}: {have} for {want}");
            near(own.right, count(&|z, y| z && y, at));
            near(own.predicted, count(&|z, _| z, at));
            assert_eq!(own.labelled as f64, count(&|_, y| y, at));
        }
        let right: f64 = (0..3).map(|at| count(&|z, y| z == y, at)).sum();
        let accuracy = outcome.summary.test_accuracy.expect("it is listed");
        println!("{}: {accuracy} for {}, macro F1 {}", profile.name, right / 1500.0, figures.macro_f1);
        assert!((accuracy - right / 1500.0).abs() < 0.006 && accuracy > 0.93, "{accuracy} for {}", right / 1500.0);
        assert!((model(&outcome).score(&test).expect("labels") - right / 1500.0).abs() < 1e-9);
        assert!(model(&outcome).predict(test.features().view()).is_err(), "labels are no classes");
        assert!(outcome.summary.figures.confusion.is_none());
    }
}

/// Two classes around a line; one row in four is of the second.
fn classes(rows: usize, seed: u64) -> Examples {
    let x = features(rows, seed);
    let mut dice = Dice(seed + 70);
    let class = |x: ndarray::ArrayView1<'_, f32>| u32::from(x[0] + x[1] - x[2] + 0.3 * dice.bell() > 0.6);
    let labels = x.rows().into_iter().map(class).collect();
    Examples::new(x, labels, 2).expect("rows of two classes")
}

#[test]
fn two_classes_are_learned_with_one_output() {
    let (train, test) = (classes(1500, 5), classes(600, 6));
    for profile in [Profile::small(), Profile::wide()] {
        let network = Model::dense("one", 4, &[8], 1).expect("a model");
        let reveal = Reveals { confusion: true, roc: true, ..Reveals::default() };
        let training = Training::new(network).profile(profile).epochs(6).batch(32).learning_rate(0.25).reveal(reveal);
        let outcome = run(&training, [&train, &test]);
        let y = model(&outcome).logits(test.features().view()).expect("rows of the model");
        let of =
            |class: u32| y.iter().zip(test.labels()).filter(move |(_, own)| **own == class).map(|(z, _)| *z).collect();
        let [second, first]: [Vec<f32>; 2] = [of(1), of(0)];
        let above: usize = second.iter().map(|a| first.iter().filter(|b| a > b).count()).sum();
        let exact = above as f64 / (second.len() * first.len()) as f64;
        let roc = outcome.summary.figures.roc.as_ref().expect("it is listed");
        println!("{}: AUC {} for {exact}, accuracy {:?}", profile.name, roc.auc, outcome.summary.test_accuracy);
        assert!((roc.auc - exact).abs() < 0.002, "{} for {exact}", roc.auc);
        let matrix = &outcome.summary.figures.confusion.as_ref().expect("it is listed").rows;
        let predicted = model(&outcome).predict(test.features().view()).expect("classes");
        for (label, row) in (0..).zip(matrix) {
            for (class, have) in (0..).zip(row) {
                let pairs = predicted.iter().zip(test.labels());
                let want = pairs.filter(|(own, l)| (**own, **l) == (class, label)).count();
                assert!(
                    want.abs_diff(usize::try_from(*have).expect("few")) <= 4,
                    "{label}, {class}: {have} for {want}"
                );
            }
        }
        let right = (matrix[0][0] + matrix[1][1]) as f64 / 600.0;
        assert_eq!(outcome.summary.test_accuracy, Some(right));
        assert!(right > 0.85, "{right}");
        // rows of the second class that weigh more are found more often
        let weighted = run(&training.class_weights(vec![1.0, 8.0]), [&train, &test]);
        let recall = |outcome: &Outcome| outcome.summary.figures.confusion.as_ref().expect("listed").classes[1].recall;
        assert!(recall(&weighted) > recall(&outcome), "{:?} and {:?}", recall(&weighted), recall(&outcome));
    }
}

#[test]
fn rows_and_networks_of_different_tasks_are_refused() {
    let network = |outputs, task| Model::dense("own", 4, &[], outputs).expect("a model").with_task(task);
    let refused = |training: Training, rows: &Examples| training.run(rows, rows, &mut |_| ()).unwrap_err().to_string();
    let text = refused(Training::new(network(3, Task::MultiLabel)), &classes(40, 7));
    assert_eq!(text, "the job expects rows with 4 features and 3 labels; these have 4 and 2 classes");
    let text = refused(Training::new(network(3, Task::Regression)), &numbers(40, 7));
    assert_eq!(text, "the job expects rows with 4 features and 3 targets; these have 4 and 2 targets");
    let text = refused(Training::new(network(2, Task::Classification)), &labels(40, 7));
    assert_eq!(text, "the job expects rows with 4 features and 2 classes; these have 4 and 3 labels");
    let wrong = |task, change: &dyn Fn(&mut Reveals)| {
        let mut reveal = Reveals::of(task);
        change(&mut reveal);
        Training::new(network(2, task)).reveal(reveal).job(40, 40).unwrap_err().to_string()
    };
    assert!(wrong(Task::Regression, &|r| r.accuracy = true).contains("a regression has no accuracy"));
    assert!(wrong(Task::Regression, &|r| r.confusion = true).contains("`confusion` is of classes or labels"));
    assert!(
        wrong(Task::MultiLabel, &|r| r.roc = true)
            .contains("`roc` is of two classes, and the network learns multi-label")
    );
    let weighted = Training::new(network(2, Task::Regression)).class_weights(vec![1.0, 2.0]);
    assert!(weighted.job(40, 40).unwrap_err().to_string().contains("none where it learns several labels or numbers"));
    let large = numbers(40, 7);
    let (x, Targets::Numbers(mut y)) = large.into_parts() else { panic!("numbers") };
    y[[3, 1]] = 8.0;
    let large = Examples::with_numbers(x, y).expect("finite");
    let text = refused(Training::new(network(2, Task::Regression)), &large);
    assert!(text.contains("training row 3, target 1: targets must be below 8"), "{text}");
}
