//! What a run leaves: its folder, the closing table; and `ppdnn evaluate`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::cli::args::{EvaluateArgs, JobArgs};
use crate::cli::screen::{bytes, json, percent, say, seconds};
use crate::cli::train::next_folder;
use crate::data::{Places, load};
use crate::error::{Error, Result};
use crate::nn::Saved;
use crate::roles::{Bytes, Event, Summary};
use crate::train::Job;

/// The folder of a run: `job.toml`, `metrics.jsonl`, `summary.json`, `model.safetensors`, `logs/`.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder that was asked for, or a new one under `runs`.
    pub(super) fn create(out: Option<&Path>, job: &JobArgs) -> Result<Self> {
        match out {
            Some(out) => {
                fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
                Ok(Self(out.to_owned()))
            }
            None => next_folder(job).map(Self),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the job as it runs.
    pub(super) fn write_config(&self, args: &JobArgs, job: &Job) -> Result<()> {
        let job = toml::to_string(job).map_err(|e| Error::format(self.0.join("job.toml"), e.to_string()))?;
        self.write("job.toml", &format!("# data set {}\n{job}", args.dataset))
    }

    pub(super) fn write_summary(&self, summary: &Summary) -> Result<()> {
        let text = serde_json::to_string_pretty(summary).expect("a summary can be written");
        self.write("summary.json", &(text + "\n"))
    }

    /// Where events are noted.
    pub(super) fn metrics(&self) -> Result<Metrics> {
        let path = self.0.join("metrics.jsonl");
        let file = File::create(&path).map_err(|e| Error::file(&path, e))?;
        Ok(Metrics { path, file })
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|e| Error::file(path, e))
    }
}

/// The events of a run, as JSON lines.
pub(super) struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    pub(super) fn note(&mut self, event: &Event) -> Result<()> {
        let line = serde_json::to_string(event).expect("an event can be written") + "\n";
        self.file.write_all(line.as_bytes()).map_err(|e| Error::file(&self.path, e))
    }
}

/// Scores a saved model in the clear.
pub(super) fn evaluate(args: &EvaluateArgs) -> Result<()> {
    let saved = Saved::load(&args.model)?;
    let data = load(&args.dataset, &Places::new(args.data_dir.as_deref()), &mut |_| ())?;
    let accuracy = saved.accuracy(data.test.features.view(), &data.test.labels)?;
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
    t.row("test accuracy", s.test_accuracy.map_or("not revealed".into(), percent));
    if let Some(clear) = s.clear_accuracy {
        t.row("  in the clear", percent(clear));
    }
    t.row("time", format!("{}, {} epochs, {} steps", s.seconds.map_or("-".into(), seconds), s.epochs, s.steps));
    if let (Some(step), Some(p)) = (s.seconds_per_step, s.step_parts) {
        let ms = |x: f64| format!("{:.1} ms", 1e3 * x);
        let parts =
            format!("compute {}, exchange {}, waiting for the dealer {}", ms(p.compute), ms(p.exchange), ms(p.dealer));
        t.row("time per step", format!("{} ({parts})", ms(step)));
    }
    costs(&mut t, s);
    let by_role = |map: &std::collections::BTreeMap<String, f64>, unit: &str| {
        map.iter().map(|(role, x)| format!("{role} {x:.0}")).collect::<Vec<_>>().join(", ") + unit
    };
    t.row("peak memory", by_role(&s.peak_rss_mib, " MiB"));
    t.row("processor time", by_role(&s.cpu_seconds, " s"));
    t.row("model", s.model_file.clone().unwrap_or("not revealed".into()));
    t.0
}

/// The table of `ppdnn plan`.
pub(super) fn plan_table(s: &Summary) -> String {
    let mut t = Table::default();
    t.row(
        "job",
        format!(
            "{} on {}, profile {}, {} epochs, {} steps of {}",
            s.model, s.dataset, s.profile, s.epochs, s.steps, s.batch
        ),
    );
    costs(&mut t, s);
    t.0
}

fn costs(t: &mut Table, s: &Summary) {
    let links = |b: &Bytes| {
        let (to1, to0) = (bytes(b.server0_to_server1), bytes(b.server1_to_server0));
        let (d0, d1) = (bytes(b.dealer_to_server0), bytes(b.dealer_to_server1));
        format!("servers {to1} / {to0}, dealer to servers {d0} / {d1}")
    };
    let total = |b: &Bytes| {
        let n = s.steps as f64;
        Bytes {
            server0_to_server1: n * b.server0_to_server1,
            server1_to_server0: n * b.server1_to_server0,
            dealer_to_server0: n * b.dealer_to_server0,
            dealer_to_server1: n * b.dealer_to_server1,
        }
    };
    t.row("rounds per step", format!("{:.0}", s.rounds_per_step));
    t.row("bytes per step", links(&s.bytes_per_step));
    t.row("bytes of all steps", links(&total(&s.bytes_per_step)));
    if s.rounds_per_evaluation > 0.0 {
        t.row("an evaluation", format!("{:.0} rounds, {}", s.rounds_per_evaluation, links(&s.bytes_per_evaluation)));
    }
}

/// Lines of a name and a value.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, name: &str, value: String) {
        let line = format!("{name:<20}{value}");
        let end = if self.0.is_empty() { "" } else { "\n" };
        let _ = write!(self.0, "{end}{}", line.trim_end());
    }
}
