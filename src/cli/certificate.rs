//! Finds the range certificates of a job.

use std::path::{Path, PathBuf};

use crate::cli::args::TrainArgs;
use crate::cli::print::warn;
use crate::error::Result;
use crate::train::Training;
use crate::train::{Certificate, Job};

/// The training with the certificate that is asked for, or with those that are found for a network from a file or on described data.
///
/// # Errors
/// The problem with a certificate that was asked for.
pub(super) fn with_certificates(args: &TrainArgs, training: Training, job: &Job) -> Result<Training> {
    if let Some(path) = &args.ranges {
        let certificate = Certificate::load(path)?;
        certificate.check(job, training.initial_hash().as_deref())?;
        return Ok(training.certificate(certificate));
    }
    let network = match args.job.recipe.file() {
        Some(network) => Some(network),
        // named networks are measured on known data sets only
        None if job.description.is_none() => return Ok(training),
        None => None,
    };
    let found = places(args, network, job)?.into_iter().filter_map(|path| {
        // one that cannot be read speaks for nothing, and the run warns without it
        Certificate::load(&path).inspect_err(|e| warn(&e.to_string())).ok()
    });
    Ok(found.fold(training, Training::certificate))
}

/// Where certificates may lie, those that are there: what dry runs left, the newest first.
fn places(args: &TrainArgs, network: Option<&Path>, job: &Job) -> Result<Vec<PathBuf>> {
    let data = &job.dataset;
    let mut folders: Vec<PathBuf> = args.out.iter().cloned().collect();
    folders.extend(network.and_then(Path::parent).map(Path::to_owned));
    let run = |n: &u32| Path::new("runs").join(format!("{}-{data}-{n}", job.model.name()));
    let runs: Vec<PathBuf> = (1..).map(|n| run(&n)).take_while(|folder| folder.is_dir()).collect();
    folders.extend(runs.into_iter().rev());
    Ok(folders.iter().map(|folder| folder.join("ranges.json")).filter(|file| file.is_file()).collect())
}
