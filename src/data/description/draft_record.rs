//! A first description of binary records, as CIFAR-10 has them.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use crate::data::description::draft::{Draft, HEAD, SPLIT, finished, list, name, quoted};
use crate::data::idx::{refused, unpacked};
use crate::data::records::files;
use crate::error::{Error, Result};

/// Guesses the description of files of records: 32 x 32 pixels of three channels behind one byte of a label. The classes are the
/// numbers up to the largest label.
///
/// # Errors
/// [`Error::File`] and [`Error::Format`] if a file cannot be read, or does not consist of such records.
pub(super) fn draft(path: &Path) -> Result<Draft> {
    let files = files(path)?;
    let (mut rows, mut largest) = (0, 1);
    for file in &files {
        let mut body = unpacked(file).map_err(|e| refused(file, e))?;
        let mut record = Vec::with_capacity(RECORD);
        loop {
            record.clear();
            (&mut body).take(RECORD as u64).read_to_end(&mut record).map_err(|e| refused(file, e))?;
            match record.len() {
                0 => break,
                RECORD => (rows, largest) = (rows + 1, largest.max(record[0])),
                _ => return Err(Error::format(file, NO_RECORDS)),
            }
        }
    }
    let is_test = |file: &Path| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("test"));
    let parted = path.is_dir() && files.iter().any(|file| is_test(file));
    let classes: Vec<String> = (0..=largest).map(|class| class.to_string()).collect();
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "name = {}\ntask = \"classification\"", quoted(&name(path)));
    let _ = writeln!(text, "classes = {}    # by label, 0 first: write what they are", list(&classes));
    if !parted {
        text += SPLIT;
    }
    text += "\n[records]    # a byte of the label, then the image, channel by channel\nheight = 32\nwidth = 32\nchannels = 3\n";
    finished(path, text, rows)
}

/// Bytes of a record.
const RECORD: usize = 1 + 32 * 32 * 3;

const NO_RECORDS: &str = "does not consist of records of 3073 bytes, as CIFAR-10 has them; describe it by hand in a section [records], \
                          with `height`, `width`, `channels` and `label_bytes`";
