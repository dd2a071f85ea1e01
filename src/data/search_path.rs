//! Where data sets may lie.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::data::DatasetInfo;
use crate::error::{Error, Result};

/// Where to look for data sets, and where to keep those that are downloaded.
///
/// In each folder, `<folder>/<set>/` is tried and then `<folder>/` itself; each file may be gzip or plain.
#[derive(Clone, Debug)]
pub struct SearchPath {
    /// The folder of `--data-dir`. Where it is given, nothing else is looked at and nothing downloaded.
    pub chosen: Option<PathBuf>,
    /// The other folders, in the order of the search.
    pub folders: Vec<PathBuf>,
    /// The folder that downloads are kept in; nothing is downloaded if `None`.
    pub cache: Option<PathBuf>,
    /// Certificates (PEM) that https mirrors are checked against; the system's if `None`.
    pub certificates: Option<PathBuf>,
    /// How long a mirror may say nothing.
    pub patience: Duration,
    /// Whether files under a known name may differ from the known ones.
    pub unchecked: bool,
}

impl SearchPath {
    /// The usual places: `$PPDNN_DATA`, `./datasets`, the user's cache, `/usr/share/datasets`.
    pub fn new(data_dir: Option<&Path>) -> Self {
        Self::from_env(data_dir, |name| env::var_os(name))
    }

    /// The same, whose files need not be those that are known.
    #[must_use]
    pub fn unchecked(self, unchecked: bool) -> Self {
        Self { unchecked, ..self }
    }

    /// The default places, from the environment as `var` reads it.
    pub fn from_env(data_dir: Option<&Path>, var: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // A relative XDG_CACHE_HOME is to be ignored (XDG base directory specification).
        let caches = path("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| Some(path("HOME")?.join(".cache")));
        let cache = caches.map(|folder| folder.join("ppdnn"));
        let usual = [path("PPDNN_DATA"), Some("datasets".into()), cache.clone(), Some("/usr/share/datasets".into())];
        Self {
            chosen: data_dir.map(Path::to_owned),
            folders: usual.into_iter().flatten().collect(),
            cache,
            certificates: path("SSL_CERT_FILE"),
            patience: Duration::from_secs(30),
            unchecked: false,
        }
    }

    /// The set's files in the first folder that has them all; `None` if it is to be downloaded.
    ///
    /// # Errors
    /// If `--data-dir` lacks the set.
    pub(super) fn find(&self, known: &DatasetInfo) -> Result<Option<Vec<PathBuf>>> {
        match &self.chosen {
            None => Ok(self.folders.iter().find_map(|folder| within(folder, known))),
            Some(folder) => match within(folder, known) {
                Some(paths) => Ok(Some(paths)),
                None => Err(Error::Usage(absence(folder, known))),
            },
        }
    }

    /// The folders that the set can be put into.
    pub(super) fn wanted(&self, known: &DatasetInfo) -> Vec<String> {
        self.folders.iter().map(|place| place.join(known.name).display().to_string()).collect()
    }

    /// A remark for each folder that has some of the files, but not all.
    pub(super) fn partial(&self, known: &DatasetInfo) -> String {
        let folders = self.folders.iter().flat_map(|place| folders(place, known));
        let some = folders.filter(|folder| missing(folder, known).len() < known.files.len());
        some.map(|folder| format!("\n{} lacks\n  {}", folder.display(), missing(&folder, known).join("\n  "))).collect()
    }
}

/// The files, where one of the folders of a place has them all.
fn within(place: &Path, known: &DatasetInfo) -> Option<Vec<PathBuf>> {
    folders(place, known)
        .into_iter()
        .find_map(|folder| known.files.iter().map(|file| present(&folder, file.name)).collect())
}

/// The folders that a place may keep a set in.
fn folders(place: &Path, known: &DatasetInfo) -> [PathBuf; 2] {
    [place.join(known.name), place.to_owned()]
}

/// The file as gzip or plain. Gzip first: that is what a download replaces.
fn present(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(format!("{name}.gz")), folder.join(name)].into_iter().find(|path| path.is_file())
}

/// The files that a folder has not.
fn missing(folder: &Path, known: &DatasetInfo) -> Vec<String> {
    let files = known.files.iter().filter(|file| present(folder, file.name).is_none());
    files.map(|file| format!("{}[.gz]", file.name)).collect()
}

/// What was looked for under `--data-dir`, and which of it is not there.
fn absence(place: &Path, known: &DatasetInfo) -> String {
    let lacks = folders(place, known)
        .map(|folder| format!("{} lacks\n  {}", folder.display(), missing(&folder, known).join("\n  ")))
        .join("\n");
    format!("--data-dir has no {}\n{lacks}\nput the files there or remove --data-dir", known.name)
}
