//! Binary records of images, as in the binary version of CIFAR-10, plain or gzip.
//!
//! A record is a byte with the class (or several, of which the last counts), then the bytes of an image, channel by channel, each
//! from the top row down. A folder's files that end in `.bin` are read in the order of their names.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::data::description::RecordFormat;
use crate::data::idx::{refused, unpacked};
use crate::data::pick::Pick;
use crate::data::visit::{Row, Set, Visitor};
use crate::data::{At, Description, Problem, ProblemKind, Split};
use crate::error::{Error, Result};

/// Reads the records of a file or of a folder's files; see [`visit`](crate::data::visit::visit). If the description does not split
/// the rows, those of files whose names begin with `test` are for testing.
pub(crate) fn visit(
    path: &Path,
    description: &Description,
    format: &RecordFormat,
    set: Option<Set>,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let named = set.is_none() && description.split == Split::Files && path.is_dir();
    let pick = Pick::new(&description.split);
    let mut number = 0;
    for file in files(path)? {
        let is_test = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("test"));
        let set = if named && is_test { Some(Set::Test) } else { set };
        let mut records = Records::open(&file, description, format)?;
        while let Some(class) = records.next(visitor)? {
            let set = set.or_else(|| pick.as_ref().map(|pick| pick.set(number))).unwrap_or(Set::Train);
            number += 1;
            let (fits, class) = (class.is_some(), [f32::from(class.unwrap_or(0))]);
            if visitor.row(Row { set, fits, features: &records.features, targets: &class }).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The files of a path, by name.
///
/// # Errors
/// [`Error::File`] and [`Error::Format`] if a folder cannot be read, or has no such file.
pub(crate) fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fail = |e| Error::file(path, e);
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(fail)? {
        let file = entry.map_err(fail)?.path();
        let name = file.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        if !name.starts_with('.') && (name.ends_with(".bin") || name.ends_with(".bin.gz")) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Error::format(path, "has no file of records, whose name ends in .bin or .bin.gz"));
    }
    Ok(files)
}

/// The records of a file.
struct Records<'d> {
    file: PathBuf,
    body: Box<dyn Read>,
    format: &'d RecordFormat,
    classes: usize,
    record: Vec<u8>,
    row: u64,
    features: Vec<f32>,
}

impl<'d> Records<'d> {
    fn open(file: &Path, description: &Description, format: &'d RecordFormat) -> Result<Self> {
        let features = vec![0.0; description.features()];
        Ok(Self {
            file: file.to_owned(),
            body: unpacked(file).map_err(|e| refused(file, e))?,
            format,
            classes: description.target.width(),
            record: vec![0; format.label_bytes + features.len()],
            row: 0,
            features,
        })
    }

    /// Reads a record: its class, or `None` in it if the label is none; `None` after the last.
    fn next(&mut self, visitor: &mut dyn Visitor) -> Result<Option<Option<u8>>> {
        let has = fill(&mut self.body, &mut self.record).map_err(|e| refused(&self.file, e))?;
        let (all, row) = (self.record.len(), self.row);
        if has == 0 && row > 0 {
            return Ok(None);
        }
        if has < all {
            let text = format!(
                "is truncated: it ends in row {row} (from 0), after {has} of its {all} bytes; is the size right?"
            );
            return Err(Error::format(&self.file, text));
        }
        self.row += 1;
        let (label, planes) = self.record.split_at(self.format.label_bytes);
        let label = label.last().copied().unwrap_or(0);
        let (channels, pixels) = (self.format.size.channels, self.format.size.height * self.format.size.width);
        for (at, value) in planes.iter().enumerate() {
            self.features[at % pixels * channels + at / pixels] = f32::from(*value) / 255.0;
        }
        let class = (usize::from(label) < self.classes).then_some(label);
        if class.is_none() {
            let kind = ProblemKind::TooLargeClass { classes: self.classes };
            visitor
                .problem(&self.file, Problem { at: At::Row(row), column: None, kind, value: Some(label.to_string()) });
        }
        Ok(Some(class))
    }
}

/// Reads until `bytes` are full or the file ends.
fn fill(body: &mut dyn Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match body.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
