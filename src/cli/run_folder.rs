//! The folder of a run: `job.toml`, `metrics.jsonl`, `metrics.csv`, `summary.json`, `model.safetensors`, `report.html`,
//! `events.out.tfevents.*.ppdnn`, `logs/`.
//!
//! A model that is wrong is `model-wrong.safetensors` instead, and the summary has what shows it under `faults`.
//!
//! It holds one run. A run that failed before it began to train takes its files out again, so that the same command can be
//! given again.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::cli::args::JobArgs;
use crate::cli::print::warn;
use crate::cli::report::REPORT;
use crate::cli::run_record::{COMMAND, DATASET, RunRecord};
use crate::cli::shell;
use crate::cli::tensorboard::EventFile;
use crate::error::{Error, Result};
use crate::input;
use crate::net::is_printable;
use crate::roles::{Agreement, Event, Summary};
use crate::train::Job;

/// The folder of a run.
pub(super) struct RunFolder {
    path: PathBuf,
    /// Folders that were made for it, the innermost first: they go where nothing is left in them.
    made: Vec<PathBuf>,
}

impl RunFolder {
    /// The folder that was asked for, which holds no other run, or a new one under `runs`.
    ///
    /// # Errors
    /// [`Error::Usage`] if it contains a run that is not to be replaced.
    pub(super) fn create(out: Option<&Path>, overwrite: bool, job: &Job, dataset: &str) -> Result<Self> {
        out.map_or(Ok(()), |out| check(out, overwrite))?;
        let folder = Self::beside(out, job, dataset)?;
        folder.move_run(&folder.path, &folder.replaced())?;
        Ok(folder)
    }

    /// The folder of a run that resumes.
    pub(super) fn resumed(path: &Path) -> Self {
        Self { path: path.to_owned(), made: Vec::new() }
    }

    /// The same, for something that goes beside a run.
    pub(super) fn beside(out: Option<&Path>, job: &Job, dataset: &str) -> Result<Self> {
        let Some(out) = out else { return Self::next(job, dataset) };
        let made = out.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let made = made.map(Path::to_owned).collect();
        fs::create_dir_all(out).map_err(|e| Error::file_with(out, &e, instead_of(out)))?;
        Ok(Self { path: out.to_owned(), made })
    }

    /// Forgets what a run needed to resume.
    pub(super) fn forget_state(&self) {
        remove_state(&self.path);
    }

    /// A folder of its own under `runs`: `secureml-mnist-1`.
    fn next(job: &Job, dataset: &str) -> Result<Self> {
        let runs = Path::new("runs");
        let made = if runs.exists() { None } else { Some(runs.to_owned()) };
        let path = next_folder(runs, job, dataset)?;
        Ok(Self { made: [path.clone()].into_iter().chain(made).collect(), path })
    }

    /// Training has started: a run that this one replaces goes, the model first.
    pub(super) fn begun(&self) -> Result<()> {
        let replaced = self.replaced();
        remove_state(&replaced);
        files_of_run(&replaced).iter().try_for_each(|file| self.remove(file))?;
        match fs::remove_dir(&replaced) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file(replaced, e)),
            _ => Ok(()),
        }
    }

    /// Where a run is that this one replaces, until this one trains.
    fn replaced(&self) -> PathBuf {
        self.path.join(REPLACED)
    }

    /// Moves the files of a run.
    fn move_run(&self, from: &Path, to: &Path) -> Result<()> {
        let state = from.join(STATE);
        if state.is_dir() {
            fs::create_dir_all(to)
                .and_then(|()| fs::rename(&state, to.join(STATE)))
                .map_err(|e| Error::file(&state, e))?;
        }
        for from in files_of_run(from) {
            let to = to.join(from.file_name().unwrap_or_default());
            to.parent().map_or(Ok(()), fs::create_dir_all).map_err(|e| Error::file(&to, e))?;
            fs::rename(&from, &to).map_err(|e| Error::file(from, e))?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the model is saved.
    pub(super) fn model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// Where a model is saved that is wrong.
    pub(super) fn wrong_model(&self) -> PathBuf {
        self.path.join(WRONG_MODEL)
    }

    /// Writes the job as it runs.
    pub(super) fn write_config(&self, job: &Job, args: &JobArgs, agreement: Option<&Agreement>) -> Result<()> {
        // through JSON, which layers are written in; TOML has no null
        let mut value = serde_json::to_value(job).expect("a job can be written");
        without_nulls(&mut value);
        let text = toml::to_string(&value).map_err(|e| Error::format(self.path.join(JOB), e.to_string()))?;
        let init = args.init.as_ref().map_or(String::new(), |file| format!("# initialized from {file:?}\n"));
        let hash = agreement.map_or(String::new(), |hash| format!("# owners know it as job {hash}\n"));
        let (dataset, command) = (&job.dataset, shell::command());
        self.write(JOB, &format!("{DATASET}{dataset}\n{COMMAND}{command}\n{init}{hash}{text}"))
    }

    /// Writes the figures of every epoch as a table.
    pub(super) fn write_csv(&self, run: &RunRecord) -> Result<()> {
        write_new(&self.path.join(CSV), &metrics_csv(run))
    }

    pub(super) fn write_summary(&self, summary: &Summary) -> Result<()> {
        let text = serde_json::to_string_pretty(summary).expect("a summary can be written");
        self.write(SUMMARY, &(text + "\n"))
    }

    /// Where the events of a job are noted.
    pub(super) fn metrics(&self, job: &Job, resumes: bool) -> Result<Metrics> {
        let path = self.path.join(METRICS);
        let mut file = File::options()
            .create(true)
            .write(true)
            .truncate(!resumes)
            .append(resumes)
            .open(&path)
            .map_err(|e| Error::file(&path, e))?;
        if resumes {
            // the last line may have broken off
            file.write_all(b"\n").map_err(|e| Error::file(&path, e))?;
        }
        Ok(Metrics { path, file, scalars: EventFile::create(&self.path, job)? })
    }

    /// Takes the files of a run that did not begin to train out, logs too, and puts those of the run back that it was to replace.
    pub(super) fn empty(&self) -> Result<()> {
        remove_state(&self.path);
        files_of_run(&self.path).iter().try_for_each(|file| self.remove(file))?;
        self.move_run(&self.replaced(), &self.path)?;
        let _ = fs::remove_dir(self.replaced());
        if let Ok(logs) = fs::read_dir(self.path.join(LOGS)) {
            let logs =
                logs.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
            logs.into_iter().try_for_each(|log| self.remove(&log))?;
            let _ = fs::remove_dir(self.path.join(LOGS));
        }
        self.leave();
        Ok(())
    }

    /// Takes the folders that were made for it away again, as far as nothing is in them.
    pub(super) fn leave(&self) {
        let _ = self.made.iter().try_for_each(fs::remove_dir);
    }

    fn remove(&self, path: &Path) -> Result<()> {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::file(path, e)),
            _ => Ok(()),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(|e| Error::file(path, e))
    }
}

/// Removes the state of a run.
pub(super) fn remove_state(run: &Path) {
    let state = run.join(STATE);
    if fs::symlink_metadata(&state).is_ok_and(|kind| kind.is_dir()) {
        // what stays takes room, no more
        let _ = fs::remove_dir_all(state);
    }
}

/// What to do where a folder cannot be made.
fn instead_of(folder: &Path) -> &'static str {
    match folder.ancestors().any(Path::is_file) {
        true => "a file has that name; choose another folder with --out, or move the file",
        false => "choose a writable folder with --out",
    }
}

/// Refuses a folder that holds a run.
fn check(folder: &Path, overwrite: bool) -> Result<()> {
    let replaced = folder.join(REPLACED);
    if fs::symlink_metadata(&replaced).is_ok() {
        let text = format!(
            "{} is in the way: a run that was stopped left the one that it was to replace there; move it elsewhere",
            replaced.display()
        );
        return Err(Error::Usage(text));
    }
    let there = files_of_run(folder);
    if there.is_empty() || overwrite {
        return Ok(());
    }
    let names = there.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy())).collect::<Vec<_>>();
    let (folder, files) = (folder.display(), names.join(", "));
    let advice = "choose another folder, or add --overwrite to replace that run";
    Err(Error::Usage(format!("{folder} already contains a run ({files}); {advice}")))
}

/// The files that make a folder that of a run, as far as they are there, in the order in which they are taken out or moved.
pub(super) fn files_of_run(folder: &Path) -> Vec<PathBuf> {
    let named = RUN.into_iter().map(|name| folder.join(name));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut scalars: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(EventFile::is))
        .map(|entry| entry.path())
        .collect();
    scalars.sort();
    // the job last: without it, a folder is no run's
    let mut files: Vec<PathBuf> = named.filter(|file| fs::symlink_metadata(file).is_ok()).collect();
    let end = files.len() - usize::from(files.last().is_some_and(|last| last.ends_with(JOB)));
    files.splice(end..end, scalars);
    files
}

/// Those of them that have one name in every run.
const RUN: [&str; 7] = [MODEL, WRONG_MODEL, SUMMARY, METRICS, CSV, REPORT, JOB];
pub(super) const MODEL: &str = "model.safetensors";
pub(super) const WRONG_MODEL: &str = "model-wrong.safetensors";
pub(super) const SUMMARY: &str = "summary.json";
pub(super) const METRICS: &str = "metrics.jsonl";
const CSV: &str = "metrics.csv";
/// Where a run is that another one replaces, until that one trains.
const REPLACED: &str = "replaced";
pub(super) const JOB: &str = "job.toml";

/// Writes a file beside the one that it replaces, and puts it in its place: what is there may be a link or a pipe.
pub(super) fn write_new(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fail = |e: io::Error| Error::file(path, e);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(text.as_bytes()).map_err(fail)?;
    file.persist(path).map_err(|e| fail(e.error)).map(drop)
}

/// Removes fields without a value.
fn without_nulls(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// A line for every epoch: accuracies from 0 to 1, squared errors, seconds and bytes of all steps so far, values out of range in the
/// epoch.
fn metrics_csv(run: &RunRecord) -> String {
    let mut text = String::from(
        "epoch,step,seconds,bytes,test_accuracy,clear_test_accuracy,squared_error,clear_squared_error,out_of_range\n",
    );
    let ([_, accuracies], [_, errors]) = (run.accuracies(), run.squared_errors());
    let out_of_range = |epoch: u32| {
        run.events.iter().find_map(|event| match event {
            Event::Ranges(out) if out.epoch == epoch => Some(out.values),
            _ => None,
        })
    };
    for event in &run.events {
        let Event::Epoch { epoch, step, test_accuracy, squared_error, seconds, bytes: b } = event else { continue };
        let clear = |known: &[(u32, f64)]| known.iter().find(|(own, _)| own == epoch).map(|(_, x)| *x);
        let bytes = b.server0_to_server1 + b.server1_to_server0 + b.dealer_to_server0 + b.dealer_to_server1;
        let cell = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
        let cells = [*test_accuracy, clear(&accuracies), *squared_error, clear(&errors)].map(cell);
        let out = out_of_range(*epoch).map_or(String::new(), |n| n.to_string());
        let _ = writeln!(text, "{epoch},{step},{seconds},{bytes},{},{out}", cells.join(","));
    }
    text
}

/// The model file that is meant: the file itself, or that of the run in a folder or of a name in `runs`.
pub(super) fn model_in(path: &Path) -> Result<PathBuf> {
    let named = Path::new("runs").join(path);
    if !path.exists() && named.join(JOB).is_file() {
        return model_in(&named);
    }
    let advice = "pass a model file, or the folder of a run: runs/MODEL-DATASET-N, or that of --out";
    let there = fs::metadata(path).map_err(|e| Error::file_with(path, &e, advice))?;
    if !there.is_dir() {
        return Ok(path.to_owned());
    }
    let [model, wrong] = [MODEL, WRONG_MODEL].map(|name| path.join(name));
    match (model.exists(), wrong.exists()) {
        (true, _) => Ok(model),
        (false, true) => {
            warn(&format!("{} is a model that its run marked as wrong", wrong.display()));
            Ok(wrong)
        }
        (false, false) => {
            let reason = format!(
                "is a folder without {MODEL}; pass the folder of a run that revealed its model, or a model file"
            );
            Err(Error::format(path, reason))
        }
    }
}

/// The data set of the run in whose folder a model is, if it is recorded there.
pub(super) fn dataset_of(model: &Path) -> Option<String> {
    let text = |name: &str| input::read_text(&model.with_file_name(name), MOST_BYTES).ok();
    let summary =
        || serde_json::from_str::<serde_json::Value>(&text(SUMMARY)?).ok()?["dataset"].as_str().map(str::to_owned);
    let job = || text(JOB)?.parse::<toml::Table>().ok()?.get("dataset")?.as_str().map(str::to_owned);
    summary().or_else(job).filter(|name| !name.is_empty() && is_printable(name))
}

/// Bytes of a summary or of a job.
const MOST_BYTES: u64 = 16 << 20;

/// Where what a run needs to resume is, until it is done.
pub(super) const STATE: &str = "state";

/// Where the roles' logs are.
pub(super) const LOGS: &str = "logs";

/// The events of a run, as JSON lines, and their figures for TensorBoard.
pub(super) struct Metrics {
    path: PathBuf,
    file: File,
    scalars: EventFile,
}

impl Metrics {
    pub(super) fn note(&mut self, event: &Event) -> Result<()> {
        let line = serde_json::to_string(event).expect("an event can be written") + "\n";
        self.file.write_all(line.as_bytes()).map_err(|e| Error::file(&self.path, e))?;
        self.scalars.note(event)
    }

    /// Notes the figures of the model, for TensorBoard alone.
    pub(super) fn finish(&mut self, summary: &Summary) -> Result<()> {
        self.scalars.finish(summary)
    }
}

/// Makes the next folder under `runs`.
fn next_folder(runs: &Path, job: &Job, dataset: &str) -> Result<PathBuf> {
    // a working folder that cannot be written to is no fault of the name
    let elsewhere = |path: &Path, e: io::Error| Error::file_with(path, &e, "choose a writable folder with --out");
    fs::create_dir_all(runs).map_err(|e| elsewhere(runs, e))?;
    for n in 1u32.. {
        let folder = runs.join(format!("{}-{dataset}-{n}", job.model.name()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(elsewhere(&folder, e)),
        }
    }
    Err(Error::Usage("runs/ has too many folders; choose a folder with --out".into()))
}
