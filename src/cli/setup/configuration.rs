//! The folder of a party's configuration: `ppdnn.toml`, `identity.key`, `NAME.party`, and the folder of its state.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Deserialize;
use toml::Spanned;

use crate::cli::compute::BackendArg;
use crate::cli::units;
use crate::error::{Error, Result};
use crate::input;
use crate::net::{Cluster, Identity, KnownParties, PartyEntry, Role};

/// A party's configuration. Not all parties need to be known yet.
pub(in crate::cli) struct Configuration {
    /// The folder that everything is in.
    pub folder: PathBuf,
    /// Whose configuration it is.
    pub role: Role,
    /// Where to listen, if not at the address that others connect to.
    pub listen: Option<String>,
    /// Where to keep what outlasts a job.
    pub state: PathBuf,
    /// The most bytes that a job may be planned to take.
    pub memory_limit: Option<u64>,
    /// Where a server computes.
    pub backend: BackendArg,
    /// The GPU, if there are several.
    pub adapter: Option<String>,
    /// The parties that are known.
    pub parties: KnownParties,
}

impl Configuration {
    /// The configuration in a folder.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`], naming the file, the line, and what to do.
    pub(in crate::cli) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let text = input::read_text(&path, MOST_BYTES).map_err(|e| Error::file_with(&path, &e, NONE))?;
        let wrong = |reason: String| Error::format(&path, reason);
        let parties = KnownParties::read(&text).map_err(wrong)?;
        let Sections { party } = toml::from_str(&text).map_err(|e| wrong(in_line(&text, e.span(), e.message())))?;
        let at = |span: Range<usize>, reason: &str| wrong(in_line(&text, Some(span), reason));
        let role = Role::from_slug(party.role.as_ref())
            .ok_or_else(|| at(party.role.span(), "`role` is no role of a party, such as server0 or owner1"))?;
        let memory_limit = party
            .memory_limit
            .as_ref()
            .map(|limit| units::size(limit.as_ref()).map_err(|e| at(limit.span(), &format!("`memory_limit`: {e}"))));
        let backend = party.backend.as_ref().map_or(Ok(BackendArg::Auto), |name| {
            let known = BackendArg::from_str(name.as_ref(), false);
            known.map_err(|_| at(name.span(), "`backend` should be \"auto\", \"cpu\" or \"gpu\""))
        })?;
        Ok(Self {
            role,
            listen: party.listen,
            state: folder.join(party.state.unwrap_or_else(|| STATE.into())),
            memory_limit: memory_limit.transpose()?,
            backend,
            adapter: party.adapter,
            parties,
            folder: folder.to_owned(),
        })
    }

    /// The file of the settings and of the parties.
    pub(in crate::cli) fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// The party's keys.
    ///
    /// # Errors
    /// As [`Identity::load`].
    pub(in crate::cli) fn identity(&self) -> Result<Identity> {
        Identity::load(&self.folder.join(KEY))
    }

    /// All parties.
    ///
    /// # Errors
    /// As [`Cluster::load`], among others if some are not known yet.
    pub(in crate::cli) fn cluster(&self) -> Result<Cluster> {
        Cluster::load(&self.path())
    }

    /// The party itself, as others know it.
    pub(in crate::cli) fn own(&self) -> Option<&PartyEntry> {
        self.parties.entry(self.role)
    }

    /// Writes the parties that are known now, in place of the file, which is whole at all times.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(in crate::cli) fn save(&self) -> Result<()> {
        let path = self.path();
        let failed = |e| Error::file(&path, e);
        // a link stays a link
        let target = path.canonicalize().map_err(failed)?;
        let folder = target.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(self.parties.text().as_bytes()).map_err(failed)?;
        let mode = File::open(&target).and_then(|old| old.metadata()).map_err(failed)?.permissions();
        file.as_file().set_permissions(mode).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&target).map_err(|e| failed(e.error)).map(drop)
    }
}

/// The folder where none is given: that of the environment, for services, or the usual one.
pub(in crate::cli) fn usual_folder() -> PathBuf {
    std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map_or_else(|| FOLDER.into(), PathBuf::from)
}

/// The option that names a folder in a command, unless it is the usual one.
pub(in crate::cli) fn option(folder: &Path) -> String {
    if folder == usual_folder() {
        return String::new();
    }
    format!(" --config {}", crate::cli::shell::quoted(&folder.display().to_string()))
}

fn in_line(text: &str, span: Option<Range<usize>>, reason: &str) -> String {
    let before = |span: Range<usize>| text.bytes().take(span.start).filter(|b| *b == b'\n').count();
    span.map_or_else(|| reason.to_owned(), |span| format!("line {}: {reason}", 1 + before(span)))
}

/// What is the party's own in the file; [`KnownParties`] reads the rest.
#[derive(Deserialize)]
struct Sections {
    party: PartySection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartySection {
    role: Spanned<String>,
    listen: Option<String>,
    state: Option<PathBuf>,
    memory_limit: Option<Spanned<String>>,
    backend: Option<Spanned<String>>,
    adapter: Option<String>,
}

/// The usual folder, in the working folder.
const FOLDER: &str = "ppdnn-config";
/// The variable that names another.
const VARIABLE: &str = "PPDNN_CONFIG";
/// The file of the settings and of the parties.
pub(super) const FILE: &str = "ppdnn.toml";
/// The file of the keys.
pub(super) const KEY: &str = "identity.key";
/// The folder of the state, by default.
pub(super) const STATE: &str = "state";
/// Bytes of the file: that of a cluster of 65,536 owners.
const MOST_BYTES: u64 = 16 << 20;
const NONE: &str =
    "there is no configuration: `ppdnn init --role ROLE` makes one, --config DIR names the folder of one";
