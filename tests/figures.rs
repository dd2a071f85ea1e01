//! Figures that a training on shares reveals, against those of the revealed model in the clear, by their definitions.

mod dice;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Array2;
use ppdnn::data::Examples;
use ppdnn::fixed::Profile;
use ppdnn::nn::Model;
use ppdnn::roles::{Event, Outcome, Training};
use ppdnn::train::{EarlyStop, Reveals};

use dice::Dice;

/// Clouds that overlap, around a middle per class; one in `rare` rows is of class 1, the others of the other classes in turn.
fn clouds(rows: usize, classes: u32, rare: usize, seed: u64) -> Examples {
    let (mut place, mut dice) = (Dice(99), Dice(seed));
    let middle: Vec<f32> = (0..8 * classes).map(|_| 0.5 * place.bell()).collect();
    let label = |i: usize| match (i.is_multiple_of(rare), u32::try_from(i).expect("a few rows") % classes) {
        (true, _) => 1,
        (false, 1) => 0,
        (false, other) => other,
    };
    let labels: Vec<u32> = (0..rows).map(label).collect();
    let x = Array2::from_shape_fn((rows, 8), |(i, j)| middle[labels[i] as usize * 8 + j] + 0.8 * dice.bell());
    Examples::new(x, labels, classes as usize).expect("rows of these classes")
}

fn run(training: &Training, [train, test]: [&Examples; 2]) -> Outcome {
    training.run(train, test, &mut |_| ()).expect("a run")
}

/// The revealed model's outputs on rows, in the clear.
fn outputs(outcome: &Outcome, test: &Examples) -> Array2<f32> {
    let model = outcome.model.as_ref().expect("the model is revealed");
    model.logits(test.features().view()).expect("rows of the model")
}

/// The part of all pairs of a row of class 1 and one of class 0 whose first has the higher score.
fn exact_auc(y: &Array2<f32>, labels: &[u32]) -> f64 {
    let of = |class: u32| y.rows().into_iter().zip(labels).filter(move |(_, l)| **l == class).map(|(y, _)| y[1] - y[0]);
    let (second, first): (Vec<f32>, Vec<f32>) = (of(1).collect(), of(0).collect());
    let above: usize = second.iter().map(|a| first.iter().filter(|b| a > b).count()).sum();
    above as f64 / (second.len() * first.len()) as f64
}

#[test]
fn the_area_under_the_curve_is_that_of_the_revealed_model() {
    let reveal = Reveals { roc: true, squared_error: true, confusion: true, ..Reveals::default() };
    for (profile, rare) in [(Profile::small(), 2), (Profile::wide(), 2), (Profile::small(), 12), (Profile::wide(), 12)]
    {
        let (train, test) = (clouds(2000, 2, rare, 1), clouds(1500, 2, rare, 2));
        let training = Training::new(Model::dense("own", 8, &[6], 2).expect("a model")).profile(profile);
        let outcome = run(&training.epochs(3).batch(32).learning_rate(0.1).reveal(reveal), [&train, &test]);
        let (y, labels) = (outputs(&outcome, &test), test.labels());
        let figures = &outcome.summary.figures;
        let roc = figures.roc.as_ref().expect("it is listed");
        let exact = exact_auc(&y, labels);
        println!("{}, 1 in {rare}: AUC {} on shares, {exact} exactly", profile.name, roc.auc);
        assert!((0.6..0.99).contains(&exact), "the classes overlap: {exact}");
        assert!((roc.auc - exact).abs() < 0.001, "{} for {exact}", roc.auc);
        assert!(roc.auc_error < 0.03 && roc.positives == labels.iter().map(|l| u64::from(*l)).sum::<u64>());
        // the Brier score, of the exact softmax
        let brier = |(row, label): (ndarray::ArrayView1<'_, f32>, &u32)| {
            let p = 1.0 / (1.0 + f64::from(row[0] - row[1]).exp());
            let d = p - f64::from(*label);
            2.0 * d * d
        };
        let exact: f64 = y.rows().into_iter().zip(labels).map(brier).sum::<f64>() / labels.len() as f64;
        let got = figures.squared_error.expect("it is listed");
        assert!((got - exact).abs() < 0.004, "{got} for {exact}");
        // and the confusion matrix has as many right as the accuracy says
        let confusion = figures.confusion.as_ref().expect("it is listed");
        let right: u64 = (0..2).map(|class| confusion.rows[class][class]).sum();
        let accuracy = outcome.summary.test_accuracy.expect("it is listed");
        assert!((right as f64 / labels.len() as f64 - accuracy).abs() < 1e-9);
        assert!(outcome.summary.faults.is_empty(), "{:?}", outcome.summary.faults);
    }
}

#[test]
fn the_confusion_matrix_and_the_top_five_are_those_of_the_revealed_model() {
    let reveal = Reveals { confusion: true, top5: true, model: true, ..Reveals::NOTHING };
    let (train, test) = (clouds(1600, 8, 5, 1), clouds(800, 8, 5, 2));
    let training = Training::new(Model::dense("own", 8, &[], 8).expect("a model")).profile(Profile::wide());
    let outcome = run(&training.epochs(2).batch(32).learning_rate(0.1).reveal(reveal), [&train, &test]);
    assert!(outcome.accuracy.is_empty(), "it is not listed");
    let y = outputs(&outcome, &test);
    let (mut rows, mut top) = ([[0u64; 8]; 8], 0u64);
    for (row, label) in y.rows().into_iter().zip(test.labels()) {
        let label = *label as usize;
        let predicted = (0..8).max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("eight classes");
        rows[label][predicted] += 1;
        top += u64::from(row.iter().filter(|z| **z > row[label]).count() < 5);
    }
    let confusion = outcome.summary.figures.confusion.as_ref().expect("it is listed");
    let apart: u64 =
        (0..8).flat_map(|a| (0..8).map(move |b| (a, b))).map(|(a, b)| confusion.rows[a][b].abs_diff(rows[a][b])).sum();
    // near ties go either way, of 800 rows a few
    assert!(apart <= 8, "{:?} for {rows:?}", confusion.rows);
    assert!(confusion.classes.iter().map(|class| class.rows).sum::<u64>() == 800);
    let part = outcome.summary.figures.top5_accuracy.expect("it is listed");
    assert!((part - top as f64 / 800.0).abs() < 0.005 && part < 1.0, "{part} for {top} of 800");
}

#[test]
fn without_being_listed_no_figure_is_revealed() {
    let (train, test) = (clouds(64, 2, 2, 1), clouds(32, 2, 2, 2));
    let training = Training::new(Model::dense("own", 8, &[], 2).expect("a model")).profile(Profile::small());
    let outcome = run(&training.epochs(1).batch(16), [&train, &test]);
    let figures = &outcome.summary.figures;
    assert!(figures.roc.is_none() && figures.confusion.is_none());
    assert!(figures.squared_error.is_none() && figures.top5_accuracy.is_none());
}

/// The right answers in the matrix, as a part of all rows.
fn right(outcome: &Outcome) -> f64 {
    let rows = &outcome.summary.figures.confusion.as_ref().expect("it is listed").rows;
    let right: u64 = (0..rows.len()).map(|class| rows[class][class]).sum();
    right as f64 / rows.iter().flatten().sum::<u64>() as f64
}

/// With an early stop the figures are those of the best epoch, like the model.
#[test]
fn the_figures_are_those_of_the_model_that_is_revealed() {
    let (train, test) = (clouds(400, 3, 3, 1), clouds(600, 3, 3, 2));
    let reveal = Reveals { confusion: true, ..Reveals::default() };
    let training = Training::new(Model::dense("own", 8, &[4], 3).expect("a model")).profile(Profile::small());
    let training = training.epochs(12).batch(20).learning_rate(0.4).reveal(reveal);
    let outcome = run(&training.clone().stop(EarlyStop { patience: Some(2), target: None }), [&train, &test]);
    let best = outcome.accuracy.iter().copied().fold(0.0, f64::max);
    assert!((right(&outcome) - best).abs() < 1e-9, "{:?}", outcome.accuracy);
    let outcome = run(&training, [&train, &test]);
    let last = outcome.accuracy.last().expect("an epoch");
    assert!((right(&outcome) - last).abs() < 1e-9, "{:?}", outcome.accuracy);
}

/// A run that is ended within an epoch has a model, if the job lets it, but no figures: nobody counted them.
#[test]
fn a_run_that_is_ended_has_no_figures() {
    let (train, test) = (clouds(400, 3, 3, 1), clouds(100, 3, 3, 2));
    let end = Arc::new(AtomicBool::new(false));
    let reveal = Reveals { confusion: true, model: true, ..Reveals::NOTHING };
    let training = Training::new(Model::dense("own", 8, &[4], 3).expect("a model")).profile(Profile::small());
    let training = training.epochs(500).batch(20).reveal(reveal).ends_from(1).ends_on(end.clone());
    let on_event = &mut |event| {
        if let Event::Progress { .. } = event {
            end.store(true, Ordering::Relaxed);
        }
    };
    let outcome = training.run(&train, &test, on_event).expect("a run");
    assert!(outcome.summary.interrupted && outcome.model.is_some());
    assert!(outcome.summary.figures.confusion.is_none() && outcome.summary.faults.is_empty());
}
