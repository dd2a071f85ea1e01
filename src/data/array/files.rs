//! Where arrays are: in an archive (NPZ), or in files of a folder (NPY and IDX).

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::data::array::Element;
use crate::data::array::header::{Header, Refused};
use crate::data::idx::{refused, unpacked};
use crate::error::{Error, Result};
use crate::input;
use crate::net::printable;

/// The arrays of a path.
pub(crate) enum ArrayFiles {
    /// Those of an archive.
    Archive { path: PathBuf, archive: ZipArchive<BufReader<File>> },
    /// Files of a folder; the features may be in a file of any name.
    Folder { folder: PathBuf, features: Option<PathBuf> },
}

/// An array whose header is read; its values follow.
pub(crate) struct Array<'f> {
    file: PathBuf,
    name: String,
    header: Header,
    body: Box<dyn Read + 'f>,
}

impl ArrayFiles {
    /// Looks at a file of an archive, at the file of an array, beside which that of the labels is, or at a folder of both.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if there is no such file or folder, or it is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(Self::Folder { folder: path.to_owned(), features: None });
        }
        let start = input::start(path, 4).map_err(|e| Error::file(path, e))?;
        if start == b"PK\x03\x04" || start == b"PK\x05\x06" {
            let file = input::open(path).map_err(|e| Error::file(path, e))?;
            let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| unzipped(path, e))?;
            return Ok(Self::Archive { path: path.to_owned(), archive });
        }
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self::Folder { folder, features: Some(path.to_owned()) })
    }

    /// The names of all arrays, as far as they can be told from names of files.
    ///
    /// # Errors
    /// [`Error::File`] if the folder cannot be read.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let files: Vec<String> = match self {
            Self::Archive { archive, .. } => {
                let names = archive.file_names().take(MOST_NAMES).filter_map(|name| Some(name.ok()?.into_owned()));
                names.filter(|name| name.ends_with(".npy")).collect()
            }
            Self::Folder { folder, .. } => {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                let entries = fs::read_dir(folder).map_err(|e| Error::file(folder, e))?;
                let files = entries.take(MOST_NAMES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                files.collect()
            }
        };
        let mut names: Vec<String> = files.iter().map(|file| stem(file).to_owned()).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Opens the array of the features.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if there is none, or its header cannot be read.
    pub(crate) fn features(&mut self, name: &str) -> Result<Array<'_>> {
        match self {
            Self::Folder { features: Some(file), .. } => Array::of_file(file.clone(), name),
            _ => self.array(name, "features"),
        }
    }

    /// Opens the array of the labels.
    ///
    /// # Errors
    /// As [`ArrayFiles::features`].
    pub(crate) fn labels(&mut self, name: &str) -> Result<Array<'_>> {
        self.array(name, "labels")
    }

    fn array(&mut self, name: &str, key: &str) -> Result<Array<'_>> {
        let names = self.names()?;
        match self {
            Self::Archive { path, archive } => {
                let member =
                    [format!("{name}.npy"), name.to_owned()].into_iter().find(|m| archive.index_for_name(m).is_some());
                let member = member.ok_or_else(|| absent(path, name, key, &names))?;
                let body = archive.by_name(&member).map_err(|e| unzipped(path, e))?;
                Array::new(path.clone(), name, Box::new(body))
            }
            Self::Folder { folder, .. } => {
                let mut files = ENDINGS.iter().map(|ending| folder.join(format!("{name}{ending}")));
                let file = files.find(|file| file.is_file()).ok_or_else(|| absent(folder, name, key, &names))?;
                Array::of_file(file, name)
            }
        }
    }
}

impl<'f> Array<'f> {
    fn of_file(file: PathBuf, name: &str) -> Result<Self> {
        let body = unpacked(&file).map_err(|e| refused(&file, e))?;
        Self::new(file, name, body)
    }

    fn new(file: PathBuf, name: &str, mut body: Box<dyn Read + 'f>) -> Result<Self> {
        match Header::read(&mut *body) {
            Ok(header) => Ok(Self { file, name: name.to_owned(), header, body }),
            Err(Refused::File(e)) => Err(damaged(&file, name, e)),
            Err(Refused::Text(text)) => Err(Error::format(file, format!("`{name}` {text}"))),
        }
    }

    /// The file that it is in.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its axes, slowest first.
    pub(crate) fn shape(&self) -> &[u64] {
        &self.header.shape
    }

    /// What its numbers are.
    pub(crate) fn element(&self) -> Element {
        self.header.element
    }

    /// An error about it.
    pub(crate) fn wrong(&self, reason: &str) -> Error {
        Error::format(&self.file, format!("`{}` {reason}", self.name))
    }

    /// Fills `bytes` with the values of a row, `values` of them.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read, or ends before.
    pub(crate) fn read(&mut self, bytes: &mut [u8], row: u64, values: usize) -> Result<()> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.body.read(&mut bytes[filled..]) {
                Ok(0) => {
                    let (shape, bytes) = (&self.header.shape, self.header.element.bytes());
                    let text = format!(
                        "is truncated: it declares shape {shape:?}, but ends in row {row}, after {} of its {values} values; \
                         copy or save it again",
                        filled / bytes
                    );
                    return Err(self.wrong(&text));
                }
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(damaged(&self.file, &self.name, e)),
            }
        }
        Ok(())
    }

    /// Checks that nothing follows the values; an archive's checksum is compared there.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if something does, or the checksum differs.
    pub(crate) fn finish(mut self) -> Result<()> {
        match io::copy(&mut (&mut self.body).take(1), &mut io::sink()) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.wrong(&format!("is too long: more follows the values of shape {:?}", self.header.shape))),
            Err(e) => Err(damaged(&self.file, &self.name, e)),
        }
    }
}

/// The name of an array by that of its file.
fn stem(file: &str) -> &str {
    let endings = ENDINGS.iter().filter(|ending| !ending.is_empty());
    endings.filter_map(|ending| file.strip_suffix(ending)).min_by_key(|stem| stem.len()).unwrap_or(file)
}

fn absent(path: &Path, name: &str, key: &str, names: &[String]) -> Error {
    if names.is_empty() {
        return Error::format(path, format!("has no array `{name}`, and no other array"));
    }
    let shown: Vec<String> =
        names.iter().take(MOST_SHOWN).map(|name| printable(name).chars().take(40).collect()).collect();
    let more = if names.len() > MOST_SHOWN { ", .." } else { "" };
    let text = format!(
        "has no array `{name}`; it has: {}{more}. Rename one, or change `{key}` in the description",
        shown.join(", ")
    );
    Error::format(path, text)
}

fn unzipped(path: &Path, e: ZipError) -> Error {
    match e {
        ZipError::Io(e) if !is_damage(&e) => Error::file(path, e),
        e => Error::format(path, format!("is a damaged archive ({e}); copy or save it again")),
    }
}

/// What a decoder finds wrong is the file's fault; anything else is the system's.
fn damaged(path: &Path, name: &str, e: io::Error) -> Error {
    if is_damage(&e) {
        return Error::format(path, format!("`{name}` is damaged ({e}); copy or save it again"));
    }
    Error::file(path, e)
}

fn is_damage(e: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(e.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

/// Endings of files with an array.
const ENDINGS: [&str; 7] = [".npy", "", ".gz", ".npy.gz", ".idx", ".idx.gz", ".ubyte"];

/// Names that are looked at, and names that an error shows.
const MOST_NAMES: usize = 10_000;
const MOST_SHOWN: usize = 10;
