//! The closing table of a run and of a plan; and `ppdnn evaluate`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::cli::args::EvaluateArgs;
use crate::cli::screen::{bytes, count, json, percent, say, seconds};
use crate::cli::settings::{batches, in_words};
use crate::data::load;
use crate::error::Result;
use crate::nn::Saved;
use crate::roles::{Bytes, Summary};

/// Scores a saved model in the clear.
pub(super) fn evaluate(args: &EvaluateArgs) -> Result<()> {
    let saved = Saved::load(&args.model)?;
    let data = load(&args.dataset, &args.files.places(), &mut |_| ())?;
    let accuracy = saved.accuracy(data.test.features().view(), data.test.labels())?;
    if args.json {
        let (model, rows) = (saved.model.name(), data.test.len());
        json(&serde_json::json!({ "model": model, "dataset": data.name, "rows": rows, "test_accuracy": accuracy }));
    } else {
        let (name, sizes) = (saved.model.name(), saved.model.sizes());
        say(&format!("{name} ({sizes}) on {}: {} of {} test rows", data.name, percent(accuracy), data.test.len()));
    }
    Ok(())
}

/// The closing table.
pub(super) fn summary_table(s: &Summary) -> String {
    let mut t = Table::default();
    let unknown = if s.interrupted { "not measured for the model of the last step" } else { "not revealed" };
    let of = s.model_epoch.map_or(String::new(), |epoch| format!(", epoch {epoch}, the best"));
    t.row("test accuracy", &s.test_accuracy.map_or(unknown.into(), |accuracy| percent(accuracy) + &of));
    match (s.scored_accuracy, s.test_accuracy.and(s.model_file.as_ref())) {
        (Some(scored), _) => t.row("  saved model", &format!("{}, scored here on the same rows", percent(scored))),
        (None, Some(_)) => t.row("  saved model", "not checked, the test rows are elsewhere; see ppdnn evaluate"),
        (None, None) => {}
    }
    t.row("values out of range", &out_of_range(s));
    if let Some(clear) = s.clear_accuracy {
        let apart = s.clear_difference.map_or(String::new(), |d| format!(", at most {:.2} points apart", 100.0 * d));
        t.row("  in the clear", &format!("{}{apart}", percent(clear)));
    }
    let wall = s.seconds.map_or("-".into(), seconds);
    let early = if s.stopped_early || s.interrupted { format!(" of {}", s.settings.epochs) } else { String::new() };
    t.row("time", &format!("{wall}, {}{early}, {}", count(s.epochs, "epoch"), count(s.steps, "step")));
    if let (Some(step), Some(p)) = (s.seconds_per_step, s.step_parts) {
        let ms = |x: f64| format!("{:.1}", 1e3 * x);
        t.row("  of a step", &format!("{} ms", ms(step)));
        let (compute, exchange, dealer) = (ms(p.compute), ms(p.exchange), ms(p.dealer));
        t.row("  at server 1", &format!("compute {compute}, exchange {exchange}, waiting for the dealer {dealer}"));
    }
    costs(&mut t, s);
    let by_role = |map: &BTreeMap<String, f64>, show: fn(f64) -> String| {
        map.iter().map(|(role, x)| format!("{role} {}", show(*x))).collect::<Vec<_>>().join(", ")
    };
    t.row("peak memory, MiB", &by_role(&s.peak_rss_mib, |x| format!("{x:.0}")));
    t.row("processor time, s", &by_role(&s.cpu_seconds, |x| format!("{x:.1}")));
    let wrong = if s.faults.is_empty() { "" } else { ", which is wrong" };
    t.row("model", &s.model_file.as_ref().map_or("none".into(), |file| format!("{file}{wrong}")));
    t.0
}

/// What samples of the steps' values showed of their ranges.
fn out_of_range(s: &Summary) -> String {
    match (s.out_of_range, s.epochs_out_of_range.first()) {
        (None, _) => "not revealed, so that an overflow is not noticed".into(),
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
    let most = if s.settings.patience.is_some() || s.settings.target.is_some() { " at most" } else { "" };
    t.row("job", &format!("{epochs}{most}, {steps}, {}", batches(s.batch, s.settings.accumulate)));
    let [_, rows, rate, more] = in_words(&s.settings, &s.loss);
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
