//! Whether what a run left can be right: its values in their ranges, its parameters sane, its accuracy that of its model.

use crate::data::Examples;
use crate::error::Result;
use crate::nn::{Loss, Normalization, Task, TrainedModel};
use crate::party::Figure;
use crate::roles::Outcome;
use crate::roles::event::OutOfRange;
use crate::roles::input_check::SANE_PARAMETER;
use crate::train::{Job, Regression};

/// What shows that a run did not train what it should have: nothing where it looks right.
pub(crate) fn faults(job: &Job, outcome: &Outcome) -> Vec<String> {
    let scored = outcome.summary.test_accuracy.zip(outcome.summary.scored_accuracy);
    let apart = scored.and_then(|(told, scored)| apart(told, scored, job.test_rows()));
    let errors = outcome.summary.figures.squared_error.zip(outcome.summary.scored_squared_error);
    let errors = errors.and_then(|(told, scored)| errors_apart(told, scored, job.model.outputs()));
    let first = [ranges(job, &outcome.out_of_range), parameters(job, &outcome.parameters), apart, errors];
    let first = first.into_iter().flatten();
    first.chain(outcome.wrong_figures.iter().map(|figure| impossible(*figure))).collect()
}

/// A figure that no predictions on these rows have.
fn impossible(figure: Figure) -> String {
    format!(
        "the servers revealed sums for `{}` that no predictions on the test rows have, for example after an overflow",
        figure.name()
    )
}

/// What the revealed model makes of test rows, in the clear.
pub(crate) enum Scored {
    /// The part of its decisions that are right.
    Accuracy(f64),
    /// The squared error of a row, the sum over its scaled targets, in the mean.
    SquaredError(f64),
}

/// Scores the model on test rows, in the clear; `None` if it is not known.
///
/// # Errors
/// If the rows are not the model's.
pub(crate) fn score(
    job: &Job,
    (scale, parameters): (Option<Normalization>, &[Vec<f64>]),
    test: &Examples,
) -> Result<Option<Scored>> {
    if parameters.is_empty() || test.is_empty() {
        return Ok(None);
    }
    let saved = TrainedModel::new(job.model.clone(), scale, parameters)?;
    Ok(Some(match job.model.task() {
        Task::Classification | Task::MultiLabel => Scored::Accuracy(saved.score(test)?),
        // without a description, in the network's unit
        Task::Regression => {
            let targets = Regression::of(&saved, test, None)?.targets;
            Scored::SquaredError(targets.iter().map(|target| target.rmse * target.rmse).sum())
        }
    }))
}

fn ranges(job: &Job, epochs: &[OutOfRange]) -> Option<String> {
    let mut bad = epochs.iter().filter(|o| o.values > 0);
    let first = bad.next()?;
    let places: Vec<String> = first.places.iter().map(|(place, count)| format!("{place} {count}")).collect();
    let more = match bad.count() {
        0 => String::new(),
        1 => ", and in 1 more epoch".into(),
        n => format!(", and in {n} more epochs"),
    };
    // the exponentials' table is the same in all profiles (protocols.md 4.2)
    let loss = epochs.iter().flat_map(|o| &o.places).all(|(place, _)| place == "loss");
    let wider = match job.settings.profile.name {
        _ if loss && job.model.loss() == Loss::SoftmaxCrossEntropy => {
            "; another profile does not help: the logits of a row are too far apart for all profiles"
        }
        "small" => ", scale the features, or use the profile `wide`",
        "wide" => ", scale the features, or use the profile `deep`",
        _ => ", or scale the features",
    };
    Some(format!(
        "values left their range in epoch {}, at {}{more}, according to samples of the steps' values; everything trained from \
         then on is wrong. Lower the learning rate{wider}; `ppdnn dry-run` shows the range of every value",
        first.epoch,
        places.join(", "),
    ))
}

fn parameters(job: &Job, parameters: &[Vec<f64>]) -> Option<String> {
    let largest = |values: &Vec<f64>| values.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
    let names = job.model.parameter_names();
    let (name, largest) = names.iter().zip(parameters.iter().map(largest)).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    (largest >= SANE_PARAMETER).then(|| {
        format!(
            "the parameters left their range: `{name}` reaches {largest:.0}, and those of a well-trained network stay below \
             {SANE_PARAMETER}; lower the learning rate or scale the features"
        )
    })
}

/// How far two accuracies on the same `rows` rows may be apart by rounding: that flips near ties, up to 4 % of the rows, about as
/// many for the better as for the worse. What it changes is below 2 % and four standard deviations.
pub(crate) fn tolerance(rows: u32) -> f64 {
    0.02 + 4.0 * (0.04 / f64::from(rows.max(1))).sqrt()
}

/// Two mean squared errors on the same rows that rounding does not explain: an output is off by a few units of 2^-8, and the roots of
/// the errors by no more than 0.02 of each output and a twentieth.
fn errors_apart(told: f64, scored: f64, outputs: usize) -> Option<String> {
    let (a, b) = (told.sqrt(), scored.sqrt());
    ((a - b).abs() > 0.02 * (outputs as f64).sqrt() + 0.05 * a.max(b)).then(|| {
        format!(
            "the servers computed a squared error of {told:.5}, but the model that they revealed has {scored:.5} on the same rows: \
             one of the two is wrong, for example after an overflow"
        )
    })
}

/// Two accuracies on the same `rows` rows that rounding does not explain.
fn apart(told: f64, scored: f64, rows: u32) -> Option<String> {
    ((told - scored).abs() > tolerance(rows)).then(|| {
        format!(
            "the servers computed an accuracy of {:.2} %, but the model that they revealed has {:.2} % on the same rows, and \
             rounding explains at most {:.2} points: one of the two is wrong, for example after an overflow",
            100.0 * told,
            100.0 * scored,
            100.0 * tolerance(rows)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::Profile;
    use crate::nn::{BOTH_SIDES, Model, THRESHOLDS};
    use crate::roles::{Summary, Training};

    fn job() -> Job {
        Training::new(Model::dense("own", 4, &[3], 2).unwrap()).profile(Profile::small()).job(100, 10_000).unwrap()
    }

    fn outcome(job: &Job, largest: f64, out: u64) -> Outcome {
        let mut parameters: Vec<Vec<f64>> = job.model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
        parameters[2][1] = -largest;
        let counts = |epoch, n| OutOfRange::new(epoch, &job.model.watched(), &[n, 0, 2 * n]);
        let out_of_range = vec![counts(1, 0), counts(2, out), counts(3, out)];
        Outcome { parameters, out_of_range, ..Outcome::default() }
    }

    #[test]
    fn a_sound_run_has_no_fault_and_others_name_layers_epochs_and_what_to_do() {
        let job = job();
        assert!(faults(&job, &outcome(&job, 255.0, 0)).is_empty());
        let [text] = &faults(&job, &outcome(&job, 0.0, 7))[..] else { panic!("one fault") };
        assert!(text.starts_with(
            "values left their range in epoch 2, at relu1/forward 7, relu1/backward 14, and in 1 more epoch"
        ));
        assert!(text.contains("Lower the learning rate") && text.contains("profile `wide`"), "{text}");
        let [text] = &faults(&job, &outcome(&job, 10_870.0, 0))[..] else { panic!("one fault") };
        assert!(text.contains("`dense2.weight` reaches 10870"), "{text}");
    }

    #[test]
    fn sums_that_no_predictions_have_are_told_by_the_name_of_their_figure() {
        let job = job();
        let mut outcome = Outcome::default();
        outcome.take_figure(Figure::Confusion, &[5000.0, 1000.0, 2000.0, 2000.0], &job);
        assert!(faults(&job, &outcome).is_empty() && outcome.summary.figures.confusion.is_some());
        let mut outcome = Outcome::default();
        outcome.take_figure(Figure::Confusion, &[5000.0, 1000.0, 2000.0, 2001.0], &job);
        outcome.take_figure(Figure::SquaredError, &[-1.0], &job);
        let [first, second] = &faults(&job, &outcome)[..] else { panic!("two faults") };
        assert!(first.contains("sums for `confusion` that no predictions"), "{first}");
        assert!(second.contains("`squared-error`"), "{second}");
        // rows of one class have no area, and that is no fault
        let mut outcome = Outcome::default();
        let one_class: Vec<f64> = (0..BOTH_SIDES).map(|at| if at < THRESHOLDS { 10_000.0 } else { 0.0 }).collect();
        outcome.take_figure(Figure::Roc, &one_class, &job);
        assert!(faults(&job, &outcome).is_empty() && outcome.summary.figures.roc.is_none());
    }

    #[test]
    fn no_other_profile_is_advised_where_the_loss_alone_overflows() {
        let job = job();
        let counts = |counts| Outcome {
            out_of_range: vec![OutOfRange::new(1, &job.model.watched(), counts)],
            ..Outcome::default()
        };
        let [text] = &faults(&job, &counts(&[0, 9, 0]))[..] else { panic!("one fault") };
        assert!(text.contains("Lower the learning rate; another profile does not help"), "{text}");
        let [text] = &faults(&job, &counts(&[1, 9, 0]))[..] else { panic!("one fault") };
        assert!(text.contains("profile `wide`") && !text.contains("another profile"), "the control: {text}");
    }

    #[test]
    fn an_accuracy_that_is_not_the_model_s_is_told_and_one_up_to_rounding_is_not() {
        let job = job();
        let with = |told, scored| {
            let summary = Summary { test_accuracy: told, scored_accuracy: scored, ..Summary::default() };
            faults(&job, &Outcome { summary, ..Outcome::default() })
        };
        assert!(with(Some(0.97), Some(0.965)).is_empty() && with(Some(0.1), None).is_empty());
        let [text] = &with(Some(0.0024), Some(0.1546))[..] else { panic!("one fault") };
        assert!(text.contains("0.24 %") && text.contains("15.46 %") && text.contains("at most 2.80 points"), "{text}");
    }
}
