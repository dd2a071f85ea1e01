//! Files that outlast a crash: each appears under its name only once it is whole and on the disk.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// Has the disk keep what the folder of a file lists.
///
/// # Errors
/// [`Error::File`].
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Error::file(folder, e))?;
    }
    Ok(())
}

/// Puts a file with this text in place of the one that may be there, once it is on the disk.
///
/// # Errors
/// [`Error::File`], as for a full disk.
pub fn replace_file(path: &Path, text: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = NamedTempFile::new_in(folder_of(path))?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error).map(drop)
    };
    write().map_err(|e| Error::file(path, e))?;
    sync_folder(path)
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
