//! `report.html`: one file about a run that a browser shows without a network.
//!
//! It is made from the files of the run's folder alone, so that it can be made again at any time ([`write`]).

mod chart;
mod costs;
pub(super) mod html;
mod parties;
mod times;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::cli::format::{count, loss, percent, seconds};
use crate::cli::report::html::{Page, escape, table};
use crate::cli::run_folder::write_new;
use crate::cli::run_record::{RunRecord, State};
use crate::cli::test_figures;
use crate::error::Result;
use crate::nn::Task;
use crate::roles::{Costs, Event, Summary};

/// Writes the report into the run's folder.
///
/// # Errors
/// [`Error::File`] if the file cannot be written; [`Error::Usage`] if the job cannot be planned.
pub(super) fn write(run: &RunRecord) -> Result<PathBuf> {
    let path = run.path.join(REPORT);
    write_new(&path, &page(run)?)?;
    Ok(path)
}

/// The file's name in the folder of a run.
pub(super) const REPORT: &str = "report.html";

/// The report.
fn page(run: &RunRecord) -> Result<String> {
    let costs = Costs::of(&run.job, "")?;
    let mut page = Page::new(&run.name());
    page.paragraph(&headline(run));
    faults(&mut page, run);
    page.section("Results", &table(&["", ""], &results(run)));
    accuracy(&mut page, run);
    losses(&mut page, run);
    for labels in run.summary.iter().filter_map(|s| s.figures.labels.as_ref()) {
        page.section("Test rows by label", &test_figures::labels_html(labels));
    }
    for confusion in run.summary.iter().filter_map(|s| s.figures.confusion.as_ref()) {
        page.section("Test rows by label and predicted class", &test_figures::html(confusion));
    }
    moments(&mut page, run);
    ranges(&mut page, run);
    parties::section(&mut page, run, &costs);
    costs::section(&mut page, run, &costs);
    pace(&mut page, run);
    if let Some(summary) = &run.summary {
        times::section(&mut page, &summary.step_times);
        resources(&mut page, summary);
    }
    page.section("Settings", &table(&["Setting", "Value"], &settings(run)));
    if let Some(command) = &run.command {
        page.section("Command", &format!("<pre><code>{}</code></pre>", escape(command)));
    }
    Ok(page.finish())
}

/// One sentence about the run.
fn headline(run: &RunRecord) -> String {
    let (job, steps) = (&run.job, run.steps());
    let end = match run.state() {
        State::Finished => "finished".to_owned(),
        State::Interrupted => format!("was ended by the user at step {steps} of {}", job.total_steps()),
        State::Wrong => "finished, but its model is wrong".into(),
        State::Unfinished => format!("has no summary: it is still running, or it failed after step {steps}"),
    };
    format!(
        "The network <b>{}</b> ({}) on the data set <b>{}</b>, trained on secret shares: the run {end}.",
        escape(job.model.name()),
        escape(&job.model.sizes()),
        escape(&run.dataset),
    )
}

/// What shows that the model is wrong.
fn faults(page: &mut Page, run: &RunRecord) {
    let faults = run.summary.iter().flat_map(|s| &s.faults).map(|fault| format!("<li>{}</li>", escape(fault)));
    let list: String = faults.collect();
    if !list.is_empty() {
        page.section("The model is wrong", &format!("<ul class=\"bad\">{list}</ul>"));
    }
}

/// Rows of names and values.
fn results(run: &RunRecord) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    let job = &run.job;
    row("Rows", format!("{} to train on, {} to test on", job.train_rows(), job.test_rows()));
    row("Steps", format!("{} of {}", run.steps(), job.total_steps()));
    let Some(s) = &run.summary else { return rows };
    let unknown = if job.reveal.accuracy { "not known" } else { "not revealed" };
    if job.model.task() != Task::Regression {
        row("Test accuracy, on shares", s.test_accuracy.map_or(unknown.into(), percent));
    }
    if let Some(epoch) = s.model_epoch {
        row("Model", format!("of epoch {epoch}, the best"));
    }
    if let Some(scored) = s.scored_accuracy {
        row("Test accuracy, saved model", percent(scored));
    }
    for (name, value) in test_figures::rows(&s.figures) {
        row(&capital(name), escape(&value));
    }
    if let Some(error) = s.figures.squared_error {
        row("Squared error, on shares", format!("{} per row", loss(error)));
    }
    let errors = [("saved model", s.scored_squared_error), ("trained in the clear", s.clear_squared_error)];
    for (of, error) in errors.iter().filter_map(|(of, error)| error.map(|error| (of, error))) {
        row(&format!("Squared error, {of}"), format!("{error:.5} per row"));
    }
    if let Some(clear) = s.clear_accuracy {
        row("Test accuracy, trained in the clear", percent(clear));
    }
    if let Some(wall) = s.seconds {
        row("Time", format!("{}, {}", seconds(wall), count(s.epochs, "epoch")));
    }
    if let Some(step) = s.seconds_per_step {
        row("Time of a step", format!("{:.1} ms", 1e3 * step));
    }
    row("Model file", s.model_file.as_ref().map_or("none".into(), |file| escape(file)));
    rows
}

/// A name with a capital letter.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The curve of the accuracy.
fn accuracy(page: &mut Page, run: &RunRecord) {
    let about = ["Test accuracy", "Test accuracy in percent, by epoch", "%"];
    by_epoch(page, about, run.accuracies(), (100.0, percent));
}

/// The curve of the loss on the test rows.
fn losses(page: &mut Page, run: &RunRecord) {
    let about = ["Loss: squared error of the test rows", "Squared error of a test row in the mean, by epoch", ""];
    by_epoch(page, about, run.squared_errors(), (1.0, loss));
}

/// A curve of what epochs gave on shares and in the clear, where they gave it.
fn by_epoch(
    page: &mut Page,
    [title, about, unit]: [&str; 3],
    [shares, clear]: [Vec<(u32, f64)>; 2],
    (times, shown): (f64, fn(f64) -> String),
) {
    if shares.is_empty() && clear.is_empty() {
        return;
    }
    let points = |known: &[(u32, f64)]| known.iter().map(|(epoch, x)| (f64::from(*epoch), times * x)).collect();
    let series = [("on shares", points(&shares)), ("in the clear", points(&clear))];
    let epochs: BTreeSet<u32> = shares.iter().chain(&clear).map(|(epoch, _)| *epoch).collect();
    let of = |known: &[(u32, f64)], epoch| {
        known.iter().find(|(own, _)| *own == epoch).map_or("-".to_owned(), |(_, x)| shown(*x))
    };
    let both = !shares.is_empty() && !clear.is_empty();
    let columns =
        [("On shares", &shares), ("In the clear", &clear)].into_iter().filter(|(_, own)| both || !own.is_empty());
    let columns: Vec<_> = columns.collect();
    let cells = |e: u32| std::iter::once(e.to_string()).chain(columns.iter().map(move |(_, own)| of(own, e))).collect();
    let rows: Vec<Vec<String>> = epochs.into_iter().map(cells).collect();
    let head: Vec<&str> = std::iter::once("Epoch").chain(columns.iter().map(|(name, _)| *name)).collect();
    let text = table(&head, &rows);
    page.figure(title, about, &chart::lines("epoch", unit, &series), &text);
}

/// Mean and deviation of the features that were standardized.
fn moments(page: &mut Page, run: &RunRecord) {
    let features = run.events.iter().filter_map(|event| match event {
        Event::Moments { features } => Some(features),
        _ => None,
    });
    for features in features {
        let rows = features.iter().take(MOST_FEATURES).map(|own| {
            let number = |x: f64| format!("{x:.6}").trim_end_matches('0').trim_end_matches('.').to_owned();
            vec![escape(&own.name), number(own.mean), number(own.deviation)]
        });
        let text = table(&["Feature", "Mean", "Deviation"], &rows.collect::<Vec<_>>());
        let about = "<p>Over the training rows of all owners, computed on shares and revealed before training.</p>";
        let more = match features.len().saturating_sub(MOST_FEATURES) {
            0 => String::new(),
            more => format!("<p>And {more} more, in metrics.jsonl.</p>"),
        };
        page.section("Features that were standardized", &(about.to_owned() + &text + &more));
    }
}

/// Features of a table.
const MOST_FEATURES: usize = 100;

/// The values that were out of range.
fn ranges(page: &mut Page, run: &RunRecord) {
    let found = run.events.iter().filter_map(|event| match event {
        Event::Ranges(out) => Some(out),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    let text = match (run.job.reveal.ranges, found.iter().map(|out| out.values).sum::<u64>()) {
        (false, _) => "<p>Not revealed: an overflow would have gone unnoticed.</p>".into(),
        (true, 0) => "<p>No sampled value was out of its range.</p>".into(),
        (true, _) => {
            let places = |places: &[(String, u64)]| {
                places.iter().map(|(place, n)| format!("{} {n}", escape(place))).collect::<Vec<_>>().join(", ")
            };
            let rows = found.iter().map(|out| vec![out.epoch.to_string(), out.values.to_string(), places(&out.places)]);
            table(&["Epoch", "Values", "Where"], &rows.collect::<Vec<_>>())
        }
    };
    page.section("Values out of range", &text);
}

/// How long steps took in the course of the run.
fn pace(page: &mut Page, run: &RunRecord) {
    let seen = run.events.iter().filter_map(|event| match event {
        Event::Progress { step, seconds, .. } => Some((*step as f64, *seconds)),
        _ => None,
    });
    let seen: Vec<(f64, f64)> = seen.collect();
    let every = (seen.len() / MOST_POINTS).max(1);
    let points: Vec<(f64, f64)> = seen.iter().copied().step_by(every).collect();
    let pace = points.windows(2).filter(|pair| pair[1].0 > pair[0].0);
    let pace: Vec<(f64, f64)> =
        pace.map(|pair| (pair[1].0, 1e3 * (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0))).collect();
    if pace.len() < 2 {
        return;
    }
    let mut sorted: Vec<f64> = pace.iter().map(|(_, ms)| *ms).collect();
    sorted.sort_by(f64::total_cmp);
    let [least, median, most] = [0, sorted.len() / 2, sorted.len() - 1].map(|at| format!("{:.1} ms", sorted[at]));
    let text = table(&["Shortest", "Median", "Longest"], &[vec![least, median, most]]);
    let about = "Milliseconds of a step, in the course of the run";
    page.figure("Time of a step", about, &chart::lines("step", "ms", &[("a step", pace)]), &text);
}

/// Points of a curve.
const MOST_POINTS: usize = 150;

/// Time, memory and processor.
fn resources(page: &mut Page, s: &Summary) {
    if let Some(p) = s.step_parts {
        let parts = [("computing", p.compute), ("exchanging", p.exchange), ("waiting for the dealer", p.dealer)];
        let bars = parts.map(|(name, x)| (name.to_owned(), 1e3 * x, format!("{:.1} ms", 1e3 * x)));
        page.section("A step at server 1", &html::bars("Part", "Time", &bars));
    }
    let roles = s.peak_rss_mib.keys().chain(s.cpu_seconds.keys()).collect::<BTreeSet<_>>();
    let cell = |x: Option<&f64>, unit: &str| x.map_or("-".to_owned(), |x| format!("{x:.1} {unit}"));
    let rows = roles
        .into_iter()
        .map(|role| vec![escape(role), cell(s.peak_rss_mib.get(role), "MiB"), cell(s.cpu_seconds.get(role), "s")]);
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        page.section("Memory and processor", &table(&["Role", "Peak memory", "CPU time"], &rows));
    }
}

/// The settings as used.
fn settings(run: &RunRecord) -> Vec<Vec<String>> {
    let job = &run.job;
    let used = serde_json::to_value(job.used_settings()).unwrap_or_default();
    let shown = |value: &Value| match value {
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    };
    // the numbers of rows are above
    let own = used.as_object().into_iter().flatten();
    let own = own.filter(|(name, value)| !value.is_null() && !name.ends_with("_limit"));
    let mut rows: Vec<_> = own.map(|(name, value)| vec![escape(name), shown(value)]).collect();
    rows.push(vec!["loss".into(), escape(job.model.loss().name())]);
    rows.push(vec!["seed".into(), job.seed.to_string()]);
    rows.push(vec!["owners".into(), job.owners.len().to_string()]);
    rows
}
