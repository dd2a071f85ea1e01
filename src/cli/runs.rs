//! `ppdnn runs`: what earlier runs gave.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::cli::columns::columns;
use crate::cli::format::{count, loss, percent, seconds};
use crate::cli::print::{self, say, warn};
use crate::cli::report::{self, REPORT};
use crate::cli::resume::{can_resume, is_in_progress};
use crate::cli::run_folder::{JOB, LOGS, files_of_run, remove_state};
use crate::cli::run_record::{RunRecord, State};
use crate::cli::runs_args::{RunsArgs, RunsCommand};
use crate::cli::tables::summary_table;
use crate::error::{Error, Result};
use crate::net::printable;
use crate::roles::Summary;

/// Does what is asked for.
pub(super) fn runs(args: &RunsArgs) -> Result<()> {
    match &args.what {
        RunsCommand::List { folder, json } => list(&folder.dir, *json),
        RunsCommand::Show { run, json } => show(&find(run)?, *json),
        RunsCommand::Compare { runs, json } => {
            compare(&runs.iter().map(|run| find(run)).collect::<Result<Vec<_>>>()?, *json)
        }
        RunsCommand::Open { run, print } => open(&find(run)?, *print),
        RunsCommand::Prune { folder, unfinished, resumable, keep, yes, json } => {
            prune(&folder.dir, (*unfinished, *resumable, *keep), *yes, *json)
        }
    }
}

/// A path as a terminal may show it.
fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// A run by its folder, or by the name of its folder in `runs`.
fn find(run: &Path) -> Result<RunRecord> {
    let named = Path::new("runs").join(run);
    if run.join(JOB).is_file() {
        return RunRecord::read(run);
    }
    if named.join(JOB).is_file() {
        return RunRecord::read(&named);
    }
    let name = run.display();
    Err(Error::Usage(format!("there is no run `{name}`, nor runs/{name}; `ppdnn runs list` shows those of runs/")))
}

/// The runs of a folder, the oldest first.
fn all(dir: &Path) -> Result<Vec<RunRecord>> {
    let entries =
        fs::read_dir(dir).map_err(|e| Error::file_with(dir, &e, "pass the folder of your runs with --dir"))?;
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in entries.flatten() {
        // a link is a run of another folder
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if let Some(time) =
            fs::metadata(entry.path().join(JOB)).and_then(|file| file.modified()).ok().filter(|_| is_folder)
        {
            found.push((time, entry.path()));
        }
    }
    found.sort();
    let read = |path: &PathBuf| RunRecord::read(path).inspect_err(|e| warn(&e.to_string())).ok();
    Ok(found.iter().filter_map(|(_, path)| read(path)).collect())
}

fn list(dir: &Path, as_json: bool) -> Result<()> {
    let runs = all(dir)?;
    if as_json {
        runs.iter().for_each(|run| print::json(&object(run)));
        return Ok(());
    }
    if runs.is_empty() {
        say(&format!("no runs in {}; `ppdnn train` starts one", dir.display()));
        return Ok(());
    }
    let header = ["run", "network", "data set", "result", "steps", "time", "state"].map(str::to_owned).to_vec();
    let row = |run: &RunRecord| {
        let summary = run.summary.as_ref();
        vec![
            run.name(),
            run.job.model.name().to_owned(),
            run.dataset.clone(),
            summary.map_or("-".into(), result),
            format!("{} of {}", run.steps(), run.job.total_steps()),
            summary.and_then(|s| s.seconds).map_or("-".into(), seconds),
            run.state().name().to_owned(),
        ]
    };
    say(&columns(&[header].into_iter().chain(runs.iter().map(row)).collect::<Vec<_>>(), 3));
    Ok(())
}

/// The accuracy of a run, or the squared error of a regression.
fn result(s: &Summary) -> String {
    match (s.test_accuracy, s.figures.squared_error) {
        (Some(accuracy), _) => percent(accuracy),
        (None, Some(error)) => format!("error {}", loss(error)),
        (None, None) => "-".into(),
    }
}

fn show(run: &RunRecord, as_json: bool) -> Result<()> {
    if as_json {
        print::json(&object(run));
        return Ok(());
    }
    say(&format!("{:<20}{}, {}", "run", shown(&run.path), run.state().name()));
    say(&format!("{:<20}{} on {}", "network", run.job.model.name(), run.dataset));
    match &run.summary {
        Some(summary) => say(&summary_table(summary)),
        None => say(&format!("{:<20}{} of {}", "steps", run.steps(), run.job.total_steps())),
    }
    let report = run.path.join(REPORT);
    if report.is_file() {
        say(&format!("{:<20}{}", "report", shown(&report)));
    }
    Ok(())
}

fn compare(runs: &[RunRecord], as_json: bool) -> Result<()> {
    if as_json {
        print::json(&runs.iter().map(object).collect::<Vec<_>>());
        return Ok(());
    }
    let mut rows = vec![std::iter::once(String::new()).chain(runs.iter().map(RunRecord::name)).collect::<Vec<_>>()];
    let mut row = |name: &str, of: &dyn Fn(&RunRecord) -> String| {
        rows.push(std::iter::once(name.to_owned()).chain(runs.iter().map(of)).collect());
    };
    let figure = |run: &RunRecord, of: fn(&Summary) -> Option<f64>, show: fn(f64) -> String| {
        run.summary.as_ref().and_then(of).map_or("-".to_owned(), show)
    };
    row("network", &|run| run.job.model.name().to_owned());
    row("data set", &|run| run.dataset.clone());
    row("state", &|run| run.state().name().to_owned());
    row("test accuracy", &|run| figure(run, |s| s.test_accuracy, percent));
    row("in the clear", &|run| figure(run, |s| s.clear_accuracy, percent));
    row("squared error", &|run| figure(run, |s| s.figures.squared_error, loss));
    row("in the clear", &|run| figure(run, |s| s.clear_squared_error, loss));
    row("steps", &|run| run.steps().to_string());
    row("time", &|run| figure(run, |s| s.seconds, seconds));
    row("ms per step", &|run| figure(run, |s| s.seconds_per_step, |x| format!("{:.1}", 1e3 * x)));
    let settings: Vec<Value> =
        runs.iter().map(|run| serde_json::to_value(run.job.used_settings()).unwrap_or_default()).collect();
    let names: BTreeSet<&String> =
        settings.iter().filter_map(Value::as_object).flat_map(|fields| fields.keys()).collect();
    for name in names {
        if settings.iter().any(|own| own[name] != settings[0][name]) {
            let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            rows.push(std::iter::once(name.clone()).chain(settings.iter().map(|own| shown(&own[name]))).collect());
        }
    }
    say(&columns(&rows, 1));
    Ok(())
}

/// A run for a script.
fn object(run: &RunRecord) -> Value {
    json!({
        "run": run.path.display().to_string(),
        "state": run.state().name(),
        "model": run.job.model.name(),
        "dataset": run.dataset,
        "command": run.command,
        "steps": run.steps(),
        "total_steps": run.job.total_steps(),
        "model_file": run.model().map(|path| path.display().to_string()),
        "settings": run.job.used_settings(),
        "summary": run.summary,
    })
}

fn open(run: &RunRecord, print: bool) -> Result<()> {
    let there = run.path.join(REPORT);
    let path = if there.is_file() { there } else { report::write(run)? };
    if print {
        say(&shown(&path));
        return Ok(());
    }
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let started =
        Command::new(program).arg(&path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    match started {
        Ok(_) => say(&format!("opening {}", shown(&path))),
        Err(e) => {
            return Err(Error::file_with(program, &e, &format!("open {} with a browser", path.display())));
        }
    }
    Ok(())
}

fn prune(
    dir: &Path,
    (unfinished, resumable, keep): (bool, bool, Option<usize>),
    yes: bool,
    as_json: bool,
) -> Result<()> {
    let runs = all(dir)?;
    let old = keep.map_or(0, |keep| runs.len().saturating_sub(keep));
    let broken = |run: &RunRecord| run.state() == State::Unfinished && (resumable || !can_resume(&run.path));
    let unwanted =
        |(at, run): &(usize, &RunRecord)| (*at < old || unfinished && broken(run)) && !is_in_progress(&run.path);
    let unwanted: Vec<&RunRecord> = runs.iter().enumerate().filter(unwanted).map(|(_, run)| run).collect();
    for run in &unwanted {
        if !as_json {
            say(&format!("{}  {}", shown(&run.path), run.state().name()));
        }
        if yes {
            delete(&run.path)?;
        }
    }
    if as_json {
        let own = |run: &&RunRecord| json!({ "folder": run.path, "state": run.state().name(), "deleted": yes });
        print::json(&unwanted.iter().map(own).collect::<Vec<_>>());
        return Ok(());
    }
    let what = count(unwanted.len() as u64, "run");
    say(&match (unwanted.is_empty(), yes) {
        (true, _) => "nothing to delete".to_owned(),
        (false, true) => format!("{what} deleted"),
        (false, false) => format!("{what} would be deleted; add --yes to delete"),
    });
    Ok(())
}

/// Deletes the files of a run; its folder stays where it has others.
fn delete(folder: &Path) -> Result<()> {
    let remove = |path: PathBuf| match fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::file(path, e)),
        _ => Ok(()),
    };
    let logs = folder.join(LOGS);
    let own = fs::symlink_metadata(&logs).is_ok_and(|kind| kind.is_dir());
    for log in own.then(|| fs::read_dir(&logs)).into_iter().flatten().flatten().flatten() {
        if log.path().extension().is_some_and(|extension| extension == "log") {
            remove(log.path())?;
        }
    }
    let _ = fs::remove_dir(logs);
    remove_state(folder);
    files_of_run(folder).into_iter().try_for_each(remove)?;
    let _ = fs::remove_dir(folder);
    Ok(())
}
