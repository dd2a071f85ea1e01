//! Records of a text file, plain or gzip, with a limit for each.

use std::cell::Cell;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use crate::data::idx::{refused, unpacked, up_to};
use crate::error::{Error, Result};

/// The records of a file, the header first.
pub(crate) struct Lines {
    path: PathBuf,
    delimiter: u8,
    reader: csv::Reader<Limited<Box<dyn Read>>>,
    /// Bytes that may still be read for a record.
    left: Rc<Cell<u64>>,
}

impl Lines {
    /// Opens a file; without a delimiter, the most frequent in its first line is taken.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read, is empty, or is UTF-16.
    pub(super) fn open(path: &Path, delimiter: Option<u8>) -> Result<Self> {
        let mut file = unpacked(path).map_err(|e| damaged(path, e))?;
        let mut start = up_to(&mut file, FIRST).map_err(|e| damaged(path, e))?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(Error::format(path, "is UTF-16; save it as UTF-8"));
        }
        if start.starts_with(b"PK\x03\x04") {
            return Err(Error::format(path, "is a zip archive or a spreadsheet; export the table as CSV"));
        }
        if start.starts_with(b"PAR1") {
            return Err(Error::format(path, PARQUET));
        }
        if start.starts_with(b"\xef\xbb\xbf") {
            start.drain(..3);
        }
        if start.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::format(path, "is empty; its first line must have the names of the columns"));
        }
        let delimiter = delimiter.unwrap_or_else(|| detected(&start));
        let left = Rc::new(Cell::new(MOST_BYTES));
        let body: Box<dyn Read> = Box::new(Cursor::new(start).chain(file));
        let body = Limited { body, left: left.clone() };
        let mut builder = ReaderBuilder::new();
        builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(BUFFER);
        Ok(Self { path: path.to_owned(), delimiter, reader: builder.from_reader(body), left })
    }

    /// The character between two fields.
    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Reads the next record; false after the last.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read, or a record is too long.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> Result<bool> {
        self.left.set(MOST_BYTES);
        let line = self.reader.position().line();
        self.reader.read_byte_record(record).map_err(|e| match e.into_kind() {
            csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::FileTooLarge => {
                Error::format(&self.path, format!("line {line}: {e}"))
            }
            csv::ErrorKind::Io(e) => damaged(&self.path, e),
            _ => Error::format(&self.path, format!("line {line}: cannot be read as fields")),
        })
    }
}

/// A file that cannot be read.
fn damaged(path: &Path, e: io::Error) -> Error {
    refused(path, e)
}

/// Reads no more than what is left for a record.
struct Limited<R> {
    body: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            let text = "the row that begins here has more than 64 MiB; is a quotation mark not closed?";
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let read = self.body.read(into)?;
        self.left.set(self.left.get().saturating_sub(read as u64));
        Ok(read)
    }
}

/// The delimiter that is most frequent in the first line, outside of quotation marks.
fn detected(start: &[u8]) -> u8 {
    let mut counts = [0usize; DELIMITERS.len()];
    let mut quoted = false;
    for byte in start.iter().skip_while(|byte| byte.is_ascii_whitespace()) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            byte => DELIMITERS.iter().zip(&mut counts).filter(|(d, _)| *d == byte).for_each(|(_, n)| *n += 1),
        }
    }
    // the first of those that are equally frequent
    let most = counts.iter().copied().max().unwrap_or(0);
    DELIMITERS.iter().zip(counts).find(|(_, n)| *n == most).map_or(b',', |(delimiter, _)| *delimiter)
}

/// Of Parquet files that come here.
#[cfg(feature = "parquet")]
const PARQUET: &str = "is a Parquet file inside a gzip file; decompress it with gunzip";
#[cfg(not(feature = "parquet"))]
const PARQUET: &str = "is a Parquet file, which this build of ppdnn does not read: build it with the feature `parquet`, or export the table as CSV";

/// Delimiters that are detected.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// Bytes that the delimiter is detected in.
const FIRST: usize = 1 << 16;

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 16;

/// Bytes of a record, and of what is read ahead of it.
const MOST_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_those_of_the_first_line_outside_of_quotes() {
        let cases: [(&[u8], u8); 7] = [
            (b"a,b,c\n1;2;3;4;5", b','),
            (b"a;b,c;d\n", b';'),
            (b"a\tb\tc", b'\t'),
            (b"\"a,b,c,d\"|e\n", b'|'),
            (b"\na;b", b';'),
            (b"a\n1,2", b','),
            (b"", b','),
        ];
        for (text, delimiter) in cases {
            assert_eq!(detected(text), delimiter, "{text:?}");
        }
    }

    #[test]
    fn a_row_without_an_end_is_refused_before_it_fills_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("open.csv");
        let mut text = b"a,b\n1,2\n3,\"".to_vec();
        text.resize(70 << 20, b'x');
        std::fs::write(&path, text).unwrap();
        let mut lines = Lines::open(&path, None).unwrap();
        let mut record = ByteRecord::new();
        assert!(lines.next(&mut record).unwrap() && lines.next(&mut record).unwrap());
        let text = lines.next(&mut record).unwrap_err().to_string();
        assert!(text.contains("line 3: the row that begins here has more than 64 MiB"), "{text}");
    }
}
