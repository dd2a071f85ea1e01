//! Where rows come from on the command line; the arguments of `ppdnn data`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::run_record::description_of_run;
use crate::data::{DataSource, DatasetInfo, Description, OwnData, SearchPath};
use crate::error::Result;
use crate::nn::Task;

/// Where the data set's files are, or own data.
#[derive(Args, Clone, Debug)]
pub(super) struct DataArgs {
    #[command(flatten)]
    pub own: OwnDataArgs,
    /// Folder with the data set's files, instead of the default places
    ///
    /// Default: $PPDNN_DATA, ./datasets, ~/.cache/ppdnn and /usr/share/datasets, in this order.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["data", "description"])]
    pub data_dir: Option<PathBuf>,
    /// Accept files that differ from the known files of the data set
    ///
    /// Skips the SHA-256 check of the label files, and of image files that are read completely.
    #[arg(long, conflicts_with_all = ["data", "description"])]
    pub unchecked_data: bool,
}

/// Own data.
#[derive(Args, Clone, Debug)]
pub(super) struct OwnDataArgs {
    /// Rows of your own: a table, arrays, images or binary records
    ///
    /// Instead of a known data set (--dataset). The description says what the files hold.
    ///
    /// CSV, TSV, Parquet; NPZ, NPY, IDX; PNG, JPEG, a folder per class; CIFAR-10's binary files.
    #[arg(long, value_name = "PATH", conflicts_with = "dataset")]
    pub data: Option<PathBuf>,
    /// Description of own data [default: the path of --data, ending in .toml]
    ///
    /// All owners and the trainer have the same; `ppdnn data describe` drafts one.
    #[arg(long, value_name = "FILE", conflicts_with = "dataset")]
    pub description: Option<PathBuf>,
    /// Test rows of own data, if they are in a file or a folder of their own
    ///
    /// Then all rows of --data are training rows, and the description has no [split].
    #[arg(long, value_name = "PATH", requires = "data")]
    pub test_data: Option<PathBuf>,
}

impl DataArgs {
    /// The places to look in.
    pub(super) fn places(&self) -> SearchPath {
        SearchPath::new(self.data_dir.as_deref()).unchecked(self.unchecked_data)
    }

    /// The command line options that mean the same.
    pub(super) fn options(&self) -> Vec<String> {
        let paths = [
            ("--data", &self.own.data),
            ("--description", &self.own.description),
            ("--test-data", &self.own.test_data),
            ("--data-dir", &self.data_dir),
        ];
        let paths =
            paths.iter().filter_map(|(flag, path)| Some([(*flag).to_owned(), path.as_ref()?.display().to_string()]));
        paths.flatten().chain(self.unchecked_data.then(|| "--unchecked-data".to_owned())).collect()
    }

    /// Where the rows come from; see [`OwnDataArgs::source`].
    pub(super) fn source(&self, known: impl FnOnce() -> Result<&'static DatasetInfo>) -> Result<DataSource> {
        self.own.source(known)
    }
}

impl OwnDataArgs {
    /// Where the rows come from: own data, which is checked here, or else a `known` data set.
    pub(super) fn source(&self, known: impl FnOnce() -> Result<&'static DatasetInfo>) -> Result<DataSource> {
        self.source_for(None, known)
    }

    /// As [`OwnDataArgs::source`], of rows for a model.
    pub(super) fn source_for(
        &self,
        model: Option<&Path>,
        known: impl FnOnce() -> Result<&'static DatasetInfo>,
    ) -> Result<DataSource> {
        let Some(data) = &self.data else {
            let described = self.description.as_ref().map(|file| Description::load(file).map(DataSource::Described));
            return described.unwrap_or_else(|| known().map(DataSource::Known));
        };
        OwnData::open(data, self.test_data.as_deref(), self.description_of(data, model)?).map(DataSource::Own)
    }

    /// The description of own data: the one that is given, or that of the run which the model is of, or the usual one.
    pub(super) fn description_of(&self, data: &Path, model: Option<&Path>) -> Result<Description> {
        match (&self.description, model.and_then(description_of_run)) {
            (Some(file), _) => Description::load(file),
            (None, Some(own)) => Ok(own),
            (None, None) => Description::load(&beside(data)),
        }
    }
}

/// The usual description of a file or a folder: `rows.toml` for `rows.csv.gz`.
fn beside(data: &Path) -> PathBuf {
    if data.is_dir() {
        let mut name = data.file_name().unwrap_or_default().to_owned();
        name.push(".toml");
        return data.with_file_name(name);
    }
    let name = data.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let stem = name.strip_suffix(".gz").unwrap_or(&name);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    data.with_file_name(format!("{stem}.toml"))
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum DataCommand {
    /// Check every row of own data against its description
    ///
    /// Prints the number of rows, or the first ten places that do not fit and counts of all.
    Check(CheckArgs),
    /// Draft the description of own data
    ///
    /// Ranges and categories are read from the rows: check that they may be public.
    Describe(DescribeArgs),
}

#[derive(Args, Clone, Debug)]
pub(super) struct CheckArgs {
    /// A table, arrays, images or binary records: a file or a folder
    pub path: PathBuf,
    /// The description
    #[arg(long, value_name = "FILE")]
    pub description: PathBuf,
    /// Test rows, if they are in a file or a folder of their own
    #[arg(long, value_name = "PATH")]
    pub test_data: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct DescribeArgs {
    /// A table, arrays, images or binary records: a file or a folder
    pub path: PathBuf,
    /// Column to learn [default: the last], or array of labels; repeat for several columns
    #[arg(long, value_name = "NAME")]
    pub label: Vec<String>,
    /// classification, multi-label or regression [default: guessed from the values]
    #[arg(long, value_name = "TASK")]
    pub task: Option<Task>,
    /// File to write the description to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print one JSON object, with the draft unless it goes to a file
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_description_lies_beside_the_rows() {
        for (rows, description) in [("a/rows.csv.gz", "a/rows.toml"), ("rows.tsv", "rows.toml"), ("rows", "rows.toml")]
        {
            assert_eq!(beside(Path::new(rows)), Path::new(description));
        }
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows.v1");
        std::fs::create_dir(&rows).unwrap();
        assert_eq!(beside(&rows), folder.path().join("rows.v1.toml"));
    }
}
