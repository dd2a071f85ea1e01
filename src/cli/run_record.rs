//! What the folder of a run says of it, read again: `job.toml`, `metrics.jsonl`, `summary.json`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::print::warn;
use crate::cli::run_folder::{JOB, METRICS, MODEL, SUMMARY, WRONG_MODEL};
use crate::data::Description;
use crate::error::{Error, Result};
use crate::input;
use crate::net::{is_printable, printable};
use crate::roles::{Event, Summary};
use crate::train::Job;

/// A run, as its folder has it. What is missing or damaged is left out, but for the job.
pub(super) struct RunRecord {
    /// The folder.
    pub path: PathBuf,
    /// The job.
    pub job: Job,
    /// Name of the data set; empty if it is not recorded.
    pub dataset: String,
    /// The command that started the run, as a shell takes it.
    pub command: Option<String>,
    /// The events, in order.
    pub events: Vec<Event>,
    /// The figures of a run that came to its end.
    pub summary: Option<Summary>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// With a model that is wrong.
    Wrong,
    /// After its last step, or at an early stop.
    Finished,
    /// By the user, before its last step.
    Interrupted,
    /// It is still running, or it failed.
    Unfinished,
}

impl State {
    /// Its name in tables and as JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
        }
    }
}

impl RunRecord {
    /// Reads the folder of a run.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`] if it has no job that can be read.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let (job, text) = read_job(folder)?;
        let note = |name: &str| {
            let line = text.lines().take_while(|line| line.starts_with('#')).find_map(|line| line.strip_prefix(name));
            line.filter(|line| is_printable(line)).map(str::to_owned)
        };
        let summary = input::read_text(&folder.join(SUMMARY), MOST_BYTES).ok().and_then(|text| summary(&text));
        let dataset = note(DATASET).unwrap_or_else(|| job.dataset.clone());
        Ok(Self { path: folder.to_owned(), job, dataset, command: note(COMMAND), events: events(folder), summary })
    }

    /// The name of the folder.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().map_or_else(|| self.path.to_string_lossy(), |name| name.to_string_lossy());
        printable(&name)
    }

    /// How it ended.
    pub(super) fn state(&self) -> State {
        match &self.summary {
            Some(s) if !s.faults.is_empty() => State::Wrong,
            Some(s) if s.interrupted => State::Interrupted,
            Some(_) => State::Finished,
            None => State::Unfinished,
        }
    }

    /// The model file, if there is one.
    pub(super) fn model(&self) -> Option<PathBuf> {
        [MODEL, WRONG_MODEL].map(|name| self.path.join(name)).into_iter().find(|path| path.is_file())
    }

    /// Steps done.
    pub(super) fn steps(&self) -> u64 {
        let seen = self.events.iter().filter_map(|event| match event {
            Event::Progress { step, .. } | Event::Epoch { step, .. } => Some(*step),
            _ => None,
        });
        self.summary.as_ref().map_or_else(|| seen.max().unwrap_or(0), |s| s.steps)
    }

    /// Accuracies by epoch, from 0 to 1: on shares, and in the clear.
    pub(super) fn accuracies(&self) -> [Vec<(u32, f64)>; 2] {
        let shares = self.events.iter().filter_map(|event| match event {
            Event::Epoch { epoch, test_accuracy: Some(accuracy), .. } => Some((*epoch, *accuracy)),
            _ => None,
        });
        let clear = self.events.iter().filter_map(|event| match event {
            Event::Clear { epoch, test_accuracy: Some(accuracy), .. } => Some((*epoch, *accuracy)),
            _ => None,
        });
        [shares.collect(), clear.collect()]
    }

    /// Squared errors of a test row by epoch: on shares, and in the clear.
    pub(super) fn squared_errors(&self) -> [Vec<(u32, f64)>; 2] {
        let shares = self.events.iter().filter_map(|event| match event {
            Event::Epoch { epoch, squared_error: Some(error), .. } => Some((*epoch, *error)),
            _ => None,
        });
        let clear = self.events.iter().filter_map(|event| match event {
            Event::Clear { epoch, squared_error: Some(error), .. } => Some((*epoch, *error)),
            _ => None,
        });
        [shares.collect(), clear.collect()]
    }
}

/// The job of the run in a folder, and the text of its file.
fn read_job(folder: &Path) -> Result<(Job, String)> {
    let path = folder.join(JOB);
    let advice = "pass the folder of a run, such as runs/MODEL-DATASET-N";
    let text = input::read_text(&path, MOST_BYTES).map_err(|e| Error::file_with(&path, &e, advice))?;
    let value: Value =
        toml::from_str(&text).map_err(|e| Error::format(&path, format!("is not TOML: {}", e.message())))?;
    let job: Job = serde_json::from_value(value)
        .map_err(|e| Error::format(&path, format!("is not the job of a run of this version of ppdnn: {e}")))?;
    job.check().map_err(|e| Error::format(&path, e.to_string()))?;
    Ok((job, text))
}

/// The data description of the run that a model is of: the run's folder, its name in `runs`, or a file in it. A job that cannot be
/// read has none, with a warning.
pub(super) fn description_of_run(model: &Path) -> Option<Description> {
    let folders = [Some(model.to_owned()), Some(Path::new("runs").join(model)), model.parent().map(Path::to_owned)];
    let folder = folders.into_iter().flatten().find(|folder| folder.join(JOB).is_file())?;
    let (job, _) = read_job(&folder).inspect_err(|e| warn(&e.to_string())).ok()?;
    job.description
}

/// The figures, with texts that a terminal may show.
fn summary(text: &str) -> Option<Summary> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    make_printable(&mut value);
    serde_json::from_value(value).ok()
}

fn make_printable(value: &mut Value) {
    match value {
        Value::String(text) => *text = printable(text),
        Value::Array(items) => items.iter_mut().for_each(make_printable),
        Value::Object(fields) => {
            let mut own = std::mem::take(fields);
            own.values_mut().for_each(make_printable);
            *fields = own.into_iter().map(|(name, value)| (printable(&name), value)).collect();
        }
        _ => {}
    }
}

/// The lines that can be read.
fn events(folder: &Path) -> Vec<Event> {
    let bytes = input::read(&folder.join(METRICS), MOST_METRICS).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let (mut events, mut every, mut seen) = (Vec::new(), 1, 0);
    for event in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        if let Event::Resumed { step, .. } = event {
            forget_after(&mut events, step);
        }
        if matches!(event, Event::Progress { .. }) {
            seen += 1;
            if seen % every != 0 {
                continue;
            }
        }
        events.push(event);
        if events.len() > MOST_EVENTS {
            // a long run reports its progress often
            let mut at = 0;
            events.retain(|event| {
                at += usize::from(matches!(event, Event::Progress { .. }));
                !matches!(event, Event::Progress { .. }) || at % 2 == 0
            });
            every *= 2;
            events.truncate(MOST_EVENTS);
        }
    }
    events
}

/// Takes out what a run that resumed from step `step` did again.
fn forget_after(events: &mut Vec<Event>, step: u64) {
    let mut over = 0;
    events.retain(|event| match event {
        Event::Progress { step: own, .. } => *own <= step,
        Event::Epoch { step: own, epoch, .. } => {
            let stays = *own <= step;
            over = if stays { *epoch } else { over };
            stays
        }
        _ => true,
    });
    events.retain(|event| !matches!(event, Event::Ranges(counts) if counts.epoch > over));
}

/// The comment of `job.toml` with the data set.
pub(super) const DATASET: &str = "# data set ";
/// The comment of `job.toml` with the command.
pub(super) const COMMAND: &str = "# command: ";

/// Bytes of a summary or of a job.
const MOST_BYTES: u64 = 16 << 20;
/// Events that are kept; of those that report progress, fewer.
const MOST_EVENTS: usize = 20_000;
/// Bytes of the events.
const MOST_METRICS: u64 = 512 << 20;
