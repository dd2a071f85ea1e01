//! The closing table of a run and of a plan; and `ppdnn evaluate`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::cli::args::EvaluateArgs;
use crate::cli::convert::load;
use crate::cli::format::{MOST_SIZES, bytes, count, percent, seconds};
use crate::cli::print::{json, say, warn};
use crate::cli::run_folder::{dataset_of, model_in};
use crate::cli::test_figures;
use crate::cli::wrap::shortened;
use crate::data::{DataSet, DataSource, DatasetInfo, Description, Examples, dataset_info, names};
use crate::error::{Error, Result};
use crate::nn::{Task, TrainedModel};
use crate::roles::{Bytes, Summary};
use crate::train::describe::batches;
use crate::train::{ClassFigures, Regression};

/// Scores a saved model in the clear.
pub(super) fn evaluate(args: &EvaluateArgs) -> Result<()> {
    let file = model_in(&args.model)?;
    let (saved, remarks) = load(&file)?;
    remarks.iter().for_each(|remark| warn(remark));
    let own = saved.dataset.clone().or_else(|| dataset_of(&file));
    let known = || data_set(args.dataset.as_deref(), own.as_deref());
    let source = args.files.own.source_for(Some(&file), known)?;
    check_own(&source, &saved, own.as_deref())?;
    let Some([train_rows, test_rows]) = source.rows() else {
        return Err(Error::Usage("--description needs --data, the file of the rows".into()));
    };
    // rows without a split are all for testing
    let split = test_rows > 0;
    let all = if split { test_rows } else { train_rows };
    let rows = args.test_limit.unwrap_or(all).min(all);
    if rows == 0 {
        return Err(Error::Usage("--test-limit 0 leaves no rows to evaluate the model on".into()));
    }
    if let Some(limit) = args.test_limit.filter(|limit| *limit > all) {
        warn(&format!("--test-limit {limit} is more than {} has: all its {rows} test rows are used", source.name()));
    }
    let ranges = if split { [0..0, 0..rows] } else { [0..rows, 0..0] };
    let DataSet { name: dataset, train, test } = source.load_rows(ranges, &args.files.places(), &mut |_| ())?;
    let test = if split { test } else { train };
    scored(args.json, &saved, (&dataset, &test), source.description())
}

/// Shows the score of a model on rows of a data set.
fn scored(
    as_json: bool,
    saved: &TrainedModel,
    (dataset, test): (&str, &Examples),
    description: Option<&Description>,
) -> Result<()> {
    let rows = test.len();
    let (name, sizes) = (saved.model.name(), shortened(&saved.model.sizes(), MOST_SIZES));
    if saved.model.task() == Task::Regression {
        let figures = Regression::of(saved, test, description)?;
        if as_json {
            json(&serde_json::json!({ "model": name, "dataset": dataset, "rows": rows, "regression": figures }));
        } else {
            say(&format!("{name} ({sizes}) on {dataset}, {rows} test rows"));
            test_figures::regression(&figures).iter().for_each(|(name, value)| say(&report_line(name, value)));
        }
        return Ok(());
    }
    let accuracy = saved.score(test)?;
    if as_json {
        json(&serde_json::json!({ "model": name, "dataset": dataset, "rows": rows, "test_accuracy": accuracy }));
    } else {
        let what = if saved.model.task() == Task::MultiLabel { "the labels of " } else { "" };
        say(&format!("{name} ({sizes}) on {dataset}: {} of {what}{rows} test rows", percent(accuracy)));
    }
    Ok(())
}

/// Refuses own data of another shape than the model's, and warns of data of another name.
fn check_own(source: &DataSource, saved: &TrainedModel, trained_on: Option<&str>) -> Result<()> {
    let Some(description) = source.description() else { return Ok(()) };
    description.fits(&saved.model).map_err(Error::Usage)?;
    if let Some(other) = trained_on.filter(|name| *name != description.name) {
        warn(&format!("the model was trained on {other}; --data evaluates it on {}", description.name));
    }
    warn_of_other_rows(saved, description);
    Ok(())
}

/// Warns of rows that are described differently than those that a model was trained on.
pub(super) fn warn_of_other_rows(model: &TrainedModel, description: &Description) {
    if model.description.as_ref().is_some_and(|own| *own != description.fingerprint()) {
        warn(&format!(
            "the model was trained on rows of another description than `{}`: where ranges, categories or their order differ, its answers \
             are wrong",
            description.name
        ));
    }
}

/// The data set to score on: the one that is asked for, or the model's.
fn data_set(asked: Option<&str>, own: Option<&str>) -> Result<&'static DatasetInfo> {
    match (asked, own) {
        (Some(asked), Some(own)) if asked != own => {
            let set = dataset_info(asked)?;
            warn(&format!("the model was trained on {own}; --dataset {asked} evaluates it on different data"));
            Ok(set)
        }
        (Some(name), _) => dataset_info(name),
        (None, Some(own)) => dataset_info(own).map_err(|_| {
            let names: Vec<_> = names().collect();
            let there = names.join(", ");
            Error::Usage(format!(
                "the model was trained on `{own}`, which ppdnn does not know; choose one of {there} with --dataset, or pass its file with --data"
            ))
        }),
        (None, None) => dataset_info("mnist"),
    }
}

/// The row of a closing table for the report of a run.
pub(super) fn report_row(report: &Path) -> String {
    report_line("report", &report.display().to_string())
}

/// A row of a closing table.
fn report_line(name: &str, value: &str) -> String {
    let mut t = Table::default();
    t.row(name, value);
    t.text()
}

/// The closing table.
pub(super) fn summary_table(s: &Summary) -> String {
    let mut t = Table::default();
    match s.task {
        Task::Classification | Task::MultiLabel => accuracy(&mut t, s),
        Task::Regression => {}
    }
    if s.task == Task::Regression || s.figures.squared_error.is_some() {
        squared_error(&mut t, s);
    }
    test_figures::rows(&s.figures).iter().for_each(|(name, value)| t.row(name, value));
    s.figures.confusion.iter().for_each(|confusion| classes(&mut t, "by class", &confusion.names, &confusion.classes));
    s.figures.labels.iter().for_each(|labels| classes(&mut t, "by label", &labels.names, &labels.labels));
    t.row("values out of range", &out_of_range(s));
    let wall = s.seconds.map_or("-".into(), seconds);
    let early = if s.stopped_early || s.interrupted { format!(" of {}", s.settings.epochs) } else { String::new() };
    t.row("time", &format!("{wall}, {}{early}, {}", count(s.epochs, "epoch"), count(s.steps, "step")));
    if let (Some(step), Some(p)) = (s.seconds_per_step, s.step_parts) {
        let ms = |x: f64| format!("{:.1}", 1e3 * x);
        s.resumed_from
            .iter()
            .for_each(|step| t.row("  resumed", &format!("from step {step}; what follows is of the steps since")));
        t.row("  of a step", &format!("{} ms", ms(step)));
        let (compute, exchange, dealer) = (ms(p.compute), ms(p.exchange), ms(p.dealer));
        t.row("  at server 1", &format!("compute {compute}, exchange {exchange}, waiting for the dealer {dealer}"));
    }
    costs(&mut t, s);
    let by_role = |map: &BTreeMap<String, f64>, show: fn(f64) -> String| {
        map.iter().map(|(role, x)| format!("{role} {}", show(*x))).collect::<Vec<_>>().join(", ")
    };
    t.row("peak memory, MiB", &by_role(&s.peak_rss_mib, |x| format!("{x:.0}")));
    t.row("CPU time, s", &by_role(&s.cpu_seconds, |x| format!("{x:.1}")));
    let wrong = if s.faults.is_empty() { "" } else { ", which is wrong" };
    t.row("model", &s.model_file.as_ref().map_or("none".into(), |file| format!("{file}{wrong}")));
    t.0
}

/// The rows of the accuracy: on shares, of the model as it is saved, and in the clear.
fn accuracy(t: &mut Table, s: &Summary) {
    let unknown = if s.interrupted { "not measured for the model of the last step" } else { "not revealed" };
    let of = s.model_epoch.map_or(String::new(), |epoch| format!(", epoch {epoch}, the best"));
    t.row("test accuracy", &s.test_accuracy.map_or(unknown.into(), |accuracy| percent(accuracy) + &of));
    if let Some(target) = s.settings.target.filter(|target| s.test_accuracy.is_some_and(|reached| reached < *target)) {
        t.row("  target", &format!("{}, not reached", percent(target)));
    }
    match (s.scored_accuracy, s.test_accuracy.and(s.model_file.as_ref())) {
        (Some(scored), _) => {
            let within = s.scored_tolerance.map_or(0.0, |tolerance| 100.0 * tolerance);
            let scored = percent(scored);
            t.row("  saved model", &format!("{scored}, evaluated here; up to {within:.2} points are rounding"));
        }
        (None, Some(_)) => t.row("  saved model", "not checked, no test rows here; use ppdnn evaluate"),
        (None, None) => {}
    }
    if let Some(clear) = s.clear_accuracy {
        let apart = s.clear_difference.map_or(String::new(), |d| format!(", at most {:.2} points apart", 100.0 * d));
        t.row("  in the clear", &format!("{}{apart}", percent(clear)));
    }
}

/// The rows of the squared error: on shares, of a regression's model as it is saved, and in the clear.
fn squared_error(t: &mut Table, s: &Summary) {
    let error = |x: f64| format!("{x:.5} per row");
    let unknown = if s.interrupted { "not measured for the model of the last step" } else { "not revealed" };
    let of = s.model_epoch.map_or(String::new(), |epoch| format!(", epoch {epoch}, the best"));
    t.row("squared error", &s.figures.squared_error.map_or(unknown.into(), |own| error(own) + &of));
    let model = s.model_file.as_ref().filter(|_| s.task == Task::Regression);
    match (s.scored_squared_error, s.figures.squared_error.and(model)) {
        (Some(scored), _) => t.row("  saved model", &format!("{}, evaluated here", error(scored))),
        (None, Some(_)) => t.row("  saved model", "not checked, no test rows here; use ppdnn evaluate"),
        (None, None) => {}
    }
    s.clear_squared_error.iter().for_each(|clear| t.row("  in the clear", &error(*clear)));
}

/// The figures of every class or label.
fn classes(t: &mut Table, name: &str, names: &[String], figures: &[ClassFigures]) {
    let line = |[class, rows, precision, recall, f1]: [&str; 5]| {
        format!("{:>12}{rows:>9}{precision:>11}{recall:>11}{f1:>9}", shortened(class, 12))
    };
    t.row(name, &line(["", "rows", "precision", "recall", "F1"]));
    for class in test_figures::classes(names, figures) {
        t.row("", &line(class.each_ref().map(String::as_str)));
    }
}

/// What samples of the steps' values showed of their ranges.
fn out_of_range(s: &Summary) -> String {
    let unchecked = s.steps - s.steps_checked.unwrap_or(0).min(s.steps);
    match (s.out_of_range, s.epochs_out_of_range.first()) {
        (None, _) if s.interrupted && s.steps_checked.is_none() => {
            "unknown, the run ended before they were counted".into()
        }
        (None, _) => "not revealed: an overflow goes unnoticed".into(),
        (Some(_), None) if unchecked > 0 => {
            format!("none in the samples of {} steps; the last {unchecked} were not checked", s.steps - unchecked)
        }
        (Some(_), None) => "none in the samples".into(),
        (Some(n), Some(first)) => {
            let places: Vec<&str> = first.places.iter().map(|(place, _)| place.as_str()).collect();
            format!("{n} in the samples, first in epoch {}, at {}", first.epoch, places.join(", "))
        }
    }
}

/// The table of `ppdnn plan`.
pub(super) fn plan_table(s: &Summary) -> String {
    let mut t = Table::default();
    t.row("network", &format!("{} on {}, profile {}", s.model, s.dataset, s.profile));
    let (epochs, steps) = (count(s.epochs, "epoch"), count(s.steps, "step"));
    let most = if s.settings.early_stop().is_some() { " at most" } else { "" };
    t.row("job", &format!("{epochs}{most}, {steps}, {}", batches(s.batch, s.settings.accumulate)));
    let [_, rows, rate, more] = s.settings.in_words(&s.loss);
    for (name, text) in [("settings", rows), ("", rate), ("", more)] {
        if !text.is_empty() {
            t.row(name, &text);
        }
    }
    costs(&mut t, s);
    t.text()
}

fn costs(t: &mut Table, s: &Summary) {
    let mut line = |name: &str, rounds: &str, [a, b, c, d]: [&str; 4]| {
        t.row(name, &format!("{rounds:>9}{a:>12}{b:>12}{c:>13}{d:>13}"));
    };
    let links = |b: &Bytes, times: f64| {
        [b.server0_to_server1, b.server1_to_server0, b.dealer_to_server0, b.dealer_to_server1].map(|x| bytes(times * x))
    };
    line("traffic", "rounds", ["0 to 1", "1 to 0", "dealer to 0", "dealer to 1"]);
    let steps = s.steps as f64;
    let rows = [
        ("  of a step", s.rounds_per_step, links(&s.bytes_per_step, 1.0)),
        ("  of all steps", steps * s.rounds_per_step, links(&s.bytes_per_step, steps)),
        ("  of an evaluation", s.rounds_per_evaluation, links(&s.bytes_per_evaluation, 1.0)),
    ];
    for (name, rounds, sent) in rows.iter().filter(|(_, rounds, _)| *rounds > 0.0) {
        line(name, &format!("{rounds:.0}"), sent.each_ref().map(String::as_str));
    }
}

/// Lines of a name and a value.
#[derive(Default)]
pub(super) struct Table(String);

impl Table {
    /// A row; a list that is too long goes on below itself.
    pub(super) fn row(&mut self, name: &str, value: &str) {
        let mut line = format!("{name:<INDENT$}");
        for part in value.split_inclusive(", ") {
            if line.len() > INDENT && line.len() + part.trim_end().len() > WIDTH {
                self.line(&line);
                line = " ".repeat(INDENT);
            }
            line += part;
        }
        self.line(&line);
    }

    pub(super) fn text(self) -> String {
        self.0
    }

    fn line(&mut self, line: &str) {
        let end = if self.0.is_empty() { "" } else { "\n" };
        let _ = write!(self.0, "{end}{}", line.trim_end());
    }
}

const INDENT: usize = 20;
const WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_table_is_wider_than_a_terminal() {
        let by_role: BTreeMap<String, f64> = (0..40).map(|i| (format!("owner{i}"), 1234.5)).collect();
        let large = Bytes {
            server0_to_server1: 987.65e9,
            server1_to_server0: 987.65e9,
            dealer_to_server0: 987.65e9,
            dealer_to_server1: 987.65e9,
        };
        let summary = Summary {
            steps: 999_999,
            epochs: 1000,
            rounds_per_step: 999.0,
            bytes_per_step: large,
            seconds: Some(1e6),
            peak_rss_mib: by_role.clone(),
            cpu_seconds: by_role,
            model_file: Some("runs/secureml-mnist-1/model.safetensors".into()),
            ..Summary::default()
        };
        for table in [summary_table(&summary), plan_table(&summary)] {
            for line in table.lines() {
                assert!(line.len() <= WIDTH, "{line}");
            }
        }
    }
}
