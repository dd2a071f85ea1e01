//! The arguments of `ppdnn runs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Clone, Debug)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    pub what: RunsCommand,
}

/// Runs are given by their folders, or by the names of folders in `runs`.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum RunsCommand {
    /// List the runs of a folder, the oldest first
    List {
        #[command(flatten)]
        folder: RunsFolder,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Print the results of a run
    Show {
        /// The run's folder, or its name in runs/
        run: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print the results of several runs side by side, and the settings in which they differ
    Compare {
        /// The runs' folders, or their names in runs/
        #[arg(required = true, num_args = 2..)]
        runs: Vec<PathBuf>,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Open the report of a run in a browser; it is written again if it is missing
    Open {
        /// The run's folder, or its name in runs/
        run: PathBuf,
        /// Print the report's path instead of opening it
        #[arg(long)]
        print: bool,
    },
    /// Delete the files of runs that did not finish, or of old ones
    ///
    /// Lists what it would delete; deletes with --yes.
    ///
    /// A run that is in progress stays.
    Prune {
        #[command(flatten)]
        folder: RunsFolder,
        /// Delete runs that have no summary and cannot resume
        #[arg(long)]
        unfinished: bool,
        /// With --unfinished, delete runs that can resume, too
        #[arg(long, requires = "unfinished")]
        resumable: bool,
        /// Delete all but the N newest runs
        #[arg(long, value_name = "N", required_unless_present = "unfinished")]
        keep: Option<usize>,
        /// Delete
        #[arg(long)]
        yes: bool,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
}

/// Where runs are.
#[derive(Args, Clone, Debug)]
pub(super) struct RunsFolder {
    /// Folder with the folders of runs
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub dir: PathBuf,
}
