//! Whether anybody has looked if a job's values fit: finds its range certificate, or warns.

use std::path::{Path, PathBuf};

use crate::cli::args::{Choice, TrainArgs};
use crate::error::Result;
use crate::train::{Certificate, Job};

/// What a person should know before a job runs; none where there is nothing.
///
/// The named networks have been measured, and the profile `wide` has room for what nobody has measured.
///
/// # Errors
/// What is wrong with a certificate that was asked for.
pub(super) fn warning(args: &TrainArgs, choice: &Choice, job: &Job) -> Result<Option<String>> {
    let initial = choice.training.initial_hash();
    let speaks = |path: &Path| Certificate::load(path)?.check(job, initial.as_deref()).map_err(|e| e.at(shown(path)));
    if let Some(path) = &args.ranges {
        return speaks(path).map(|()| None);
    }
    let Some(network) = args.job.recipe.file().filter(|_| job.profile.name == "small") else { return Ok(None) };
    let mut reasons = Vec::new();
    for path in places(args, network, job)? {
        match speaks(&path) {
            Ok(()) => return Ok(None),
            Err(e) => reasons.push(format!("\n  {e}")),
        }
    }
    let (network, name) = (shown(network), job.model.name());
    Ok(Some(format!(
        "nobody has looked whether the values of `{name}` fit the profile `small`,\n\
         and what does not fit is wrong. A run in the clear looks at all of them, and makes\n\
         a range certificate, which is found here or named with --ranges:\n  \
         ppdnn dry-run --model {network} [and the same settings]{}",
        reasons.concat()
    )))
}

/// Where certificates may lie, those that are there: what dry runs left, the newest first.
fn places(args: &TrainArgs, network: &Path, job: &Job) -> Result<Vec<PathBuf>> {
    let data = args.job.data()?.name;
    let mut folders: Vec<PathBuf> = args.out.iter().cloned().collect();
    folders.extend(network.parent().map(Path::to_owned));
    let run = |n: &u32| Path::new("runs").join(format!("{}-{data}-{n}", job.model.name()));
    let runs: Vec<PathBuf> = (1..).map(|n| run(&n)).take_while(|folder| folder.is_dir()).collect();
    folders.extend(runs.into_iter().rev());
    Ok(folders.iter().map(|folder| folder.join("ranges.json")).filter(|file| file.is_file()).collect())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
