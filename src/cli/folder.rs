//! The folder of a run: `job.toml`, `metrics.jsonl`, `summary.json`, `model.safetensors`, `logs/`.
//!
//! A model that is wrong is `model-wrong.safetensors` instead, and the summary has what shows it under `faults`.
//!
//! It holds one run. A run that failed before it began to train takes its files out again, so that the same command can be
//! given again.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::args::JobArgs;
use crate::error::{Error, Result};
use crate::roles::{Agreement, Event, Summary};
use crate::train::Job;

/// The folder of a run.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder that was asked for, which holds no other run, or a new one under `runs`.
    ///
    /// # Errors
    /// [`Error::Usage`] where it holds a run that is not to be replaced.
    pub(super) fn create(out: Option<&Path>, overwrite: bool, job: &Job, dataset: &str) -> Result<Self> {
        let Some(out) = out else { return next_folder(job, dataset).map(Self) };
        let folder = Self(out.to_owned());
        folder.check(overwrite)?;
        fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
        folder.move_run(out, &folder.replaced())?;
        Ok(folder)
    }

    /// Training has begun: a run that this one replaces goes, the model first.
    pub(super) fn begun(&self) -> Result<()> {
        let replaced = self.replaced();
        RUN.into_iter().try_for_each(|name| self.remove(&replaced.join(name)))?;
        match fs::remove_dir(&replaced) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file(replaced, e)),
            _ => Ok(()),
        }
    }

    /// Where a run is that this one replaces, until this one trains.
    fn replaced(&self) -> PathBuf {
        self.0.join("replaced")
    }

    /// Moves the files of a run.
    fn move_run(&self, from: &Path, to: &Path) -> Result<()> {
        for (from, to) in RUN.into_iter().map(|name| (from.join(name), to.join(name))).filter(|(from, _)| from.exists())
        {
            to.parent().map_or(Ok(()), fs::create_dir_all).map_err(|e| Error::file(&to, e))?;
            fs::rename(&from, &to).map_err(|e| Error::file(from, e))?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the model is saved.
    pub(super) fn model(&self) -> PathBuf {
        self.0.join(MODEL)
    }

    /// Where a model is saved that is wrong.
    pub(super) fn wrong_model(&self) -> PathBuf {
        self.0.join(WRONG_MODEL)
    }

    /// Writes the job as it runs.
    pub(super) fn write_config(&self, job: &Job, args: &JobArgs, agreement: Option<&Agreement>) -> Result<()> {
        let job = toml::to_string(job).map_err(|e| Error::format(self.0.join(JOB), e.to_string()))?;
        let init = args.init.as_ref().map_or(String::new(), |file| format!("# begun with {file:?}\n"));
        let hash = agreement.map_or(String::new(), |hash| format!("# owners know it as job {hash}\n"));
        self.write(JOB, &format!("# data set {}\n{init}{hash}{job}", args.data()?.name))
    }

    pub(super) fn write_summary(&self, summary: &Summary) -> Result<()> {
        let text = serde_json::to_string_pretty(summary).expect("a summary can be written");
        self.write(SUMMARY, &(text + "\n"))
    }

    /// Where events are noted.
    pub(super) fn metrics(&self) -> Result<Metrics> {
        let path = self.0.join(METRICS);
        let file = File::create(&path).map_err(|e| Error::file(&path, e))?;
        Ok(Metrics { path, file })
    }

    /// Takes the files of a run that did not begin to train out, logs too, and puts those of the run back that it was to replace.
    pub(super) fn empty(&self) -> Result<()> {
        RUN.into_iter().try_for_each(|name| self.remove(&self.0.join(name)))?;
        self.move_run(&self.replaced(), &self.0)?;
        let _ = fs::remove_dir(self.replaced());
        let Ok(logs) = fs::read_dir(self.0.join(LOGS)) else { return Ok(()) };
        let logs = logs.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
        logs.into_iter().try_for_each(|log| self.remove(&log))
    }

    /// Refuses a folder that holds a run.
    fn check(&self, overwrite: bool) -> Result<()> {
        let there: Vec<&str> = RUN.into_iter().filter(|name| self.0.join(name).exists()).collect();
        if there.is_empty() || overwrite {
            return Ok(());
        }
        let (folder, files) = (self.0.display(), there.join(", "));
        let advice = "choose another folder, or add --overwrite to replace that run";
        Err(Error::Usage(format!("{folder} holds a run already ({files}); {advice}")))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file(path, e)),
            _ => Ok(()),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|e| Error::file(path, e))
    }
}

/// The files that make a folder that of a run, in the order in which they are taken out or moved.
const RUN: [&str; 5] = [MODEL, WRONG_MODEL, SUMMARY, METRICS, JOB];
const MODEL: &str = "model.safetensors";
const WRONG_MODEL: &str = "model-wrong.safetensors";
const SUMMARY: &str = "summary.json";
const METRICS: &str = "metrics.jsonl";
const JOB: &str = "job.toml";

/// Where the roles' logs are.
pub(super) const LOGS: &str = "logs";

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

/// A folder of its own under `runs`: `secureml-mnist-1`.
pub(super) fn next_folder(job: &Job, dataset: &str) -> Result<PathBuf> {
    let runs = Path::new("runs");
    // a working folder that cannot be written to is no fault of the name
    let elsewhere = |path: &Path, e: io::Error| {
        let advice = "; name a folder that can be written to with --out";
        Error::file(path, io::Error::new(e.kind(), format!("{e}{advice}")))
    };
    fs::create_dir_all(runs).map_err(|e| elsewhere(runs, e))?;
    for n in 1u32.. {
        let folder = runs.join(format!("{}-{dataset}-{n}", job.model.name()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(elsewhere(&folder, e)),
        }
    }
    Err(Error::Usage("there are too many folders in runs/; use --out".into()))
}
