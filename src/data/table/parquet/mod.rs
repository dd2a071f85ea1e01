//! The rows of a Parquet file, as the fields that a CSV file of the same table has.
//!
//! Files are read as pyarrow, pandas, fastparquet, DuckDB and Spark write them unless told otherwise: snappy or no compression,
//! plain or dictionary encoding. No text of the `parquet` crate reaches an error of ours: it may quote values.

mod column;
mod pages;
mod thrift;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::ByteRecord;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result as Decoded};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use crate::error::{Error, Result};
use crate::input;
use crate::net::printable;

use column::Column;
use pages::Chunks;

/// The rows of a file, the names of its columns first.
pub(crate) struct ParquetRows {
    path: PathBuf,
    chunks: Arc<Chunks>,
    metadata: ParquetMetaData,
    names: Vec<String>,
    /// Whether the names were read.
    started: bool,
    /// The row group that is read next.
    group: usize,
    columns: Vec<Column>,
    /// Rows of the group that are not decoded yet, and decoded rows that are not read yet.
    undecoded: u64,
    decoded: usize,
    /// Rows that were read.
    number: u64,
}

impl ParquetRows {
    /// Whether a file begins as Parquet does.
    pub(super) fn is(start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if it cannot be read, is damaged, has fewer than two columns, or has columns or a
    /// compression that are not supported.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file = input::open(path).map_err(|e| Error::file(path, e))?;
        let bytes = file.metadata().map_err(|e| Error::file(path, e))?.len();
        let footer = footer(&mut file, bytes).map_err(|e| Error::file(path, e))?;
        let damaged = || {
            Error::format(path, "is damaged or truncated: its Parquet footer cannot be read; copy or export it again")
        };
        if let Some(name) = thrift::group(&footer).ok_or_else(damaged)? {
            return Err(Error::format(path, format!("{}: {NESTED}", shown(&String::from_utf8_lossy(name)))));
        }
        let metadata = caught(|| ParquetMetaDataReader::new().parse_and_finish(&file)).map_err(|_| damaged())?;
        let names = caught(|| Ok(checked(&metadata, bytes))).unwrap_or_else(|_| Err(DAMAGED.to_owned()));
        let names = names.map_err(|reason| Error::format(path, reason))?;
        Ok(Self::new(path, file, metadata, names))
    }

    fn new(path: &Path, file: File, metadata: ParquetMetaData, names: Vec<String>) -> Self {
        Self {
            path: path.to_owned(),
            chunks: Arc::new(Chunks::new(file)),
            metadata,
            names,
            started: false,
            group: 0,
            columns: Vec::new(),
            undecoded: 0,
            decoded: 0,
            number: 0,
        }
    }

    /// Reads the names, and then row by row; false after the last.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if a row cannot be read.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> Result<bool> {
        record.clear();
        if !self.started {
            self.started = true;
            self.names.iter().for_each(|name| record.push_field(name.as_bytes()));
            return Ok(true);
        }
        while self.decoded == 0 {
            if self.undecoded > 0 {
                self.decode()?;
            } else if self.group < self.metadata.num_row_groups() {
                self.open_group()?;
            } else {
                return Ok(false);
            }
        }
        for (column, name) in self.columns.iter_mut().zip(&self.names) {
            if column.push(record).is_none() || record.as_slice().len() > MOST_BYTES {
                let text = "the row has more than 64 MiB, or too few values; export the table again";
                return Err(Error::format(&self.path, format!("row {}, {}: {text}", self.number, shown(name))));
            }
        }
        self.decoded -= 1;
        self.number += 1;
        Ok(true)
    }

    /// Begins the next row group.
    fn open_group(&mut self) -> Result<()> {
        let group = self.metadata.row_group(self.group);
        self.columns.clear();
        for at in 0..self.names.len() {
            let column = caught(|| Column::open(&self.chunks, group, at));
            self.columns.push(column.map_err(|e| self.refusal(at, e))?);
        }
        self.undecoded = u64::try_from(group.num_rows()).unwrap_or(0);
        self.group += 1;
        Ok(())
    }

    /// Decodes the next rows of a group.
    fn decode(&mut self) -> Result<()> {
        let most = (MOST_CELLS / self.columns.len()).clamp(1, MOST_ROWS);
        let rows = usize::try_from(self.undecoded).unwrap_or(most).min(most);
        for at in 0..self.columns.len() {
            let column = &mut self.columns[at];
            caught(|| column.decode(rows)).map_err(|e| self.refusal(at, e))?;
        }
        self.undecoded -= rows as u64;
        self.decoded = rows;
        Ok(())
    }

    /// What is wrong with a column, from the next row on.
    fn refusal(&self, column: usize, e: ParquetError) -> Error {
        let reason = match e {
            ParquetError::External(e) => match e.downcast::<io::Error>() {
                Ok(e) if e.kind() != io::ErrorKind::UnexpectedEof => return Error::file(&self.path, *e),
                _ => DAMAGED,
            },
            ParquetError::NYI(_) => {
                "is stored in an encoding that is not supported; export the table with plain or dictionary encoding"
            }
            _ => DAMAGED,
        };
        let name = shown(&self.names[column]);
        Error::format(&self.path, format!("row {} or one soon after it, {name}: {reason}", self.number))
    }
}

/// The footer of a file of so many bytes, which has its length and "PAR1" behind it; empty where there is none.
fn footer(file: &mut File, bytes: u64) -> io::Result<Vec<u8>> {
    let (mut end, mut footer) = ([0; 4], Vec::new());
    let Some(at) = bytes.checked_sub(8) else { return Ok(footer) };
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut end)?;
    let length = u64::from(u32::from_le_bytes(end));
    let Some(start) = at.checked_sub(length) else { return Ok(footer) };
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut footer)?;
    Ok(footer)
}

/// What the decoder makes of a file.
///
/// Its authors treat some damages of a file as impossible, and panic: negative sizes, pages that are shorter than their header
/// says. A file is untrusted input, so that a panic is the file's error here, as any other; the readers are then dropped.
fn caught<T>(decode: impl FnOnce() -> Decoded<T>) -> Decoded<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| Err(ParquetError::General(DAMAGED.to_owned())))
}

/// The names of the columns, if all can be read.
fn checked(metadata: &ParquetMetaData, bytes: u64) -> std::result::Result<Vec<String>, String> {
    let schema = metadata.file_metadata().schema_descr();
    let fields = schema.root_schema().get_fields();
    if fields.len() < 2 {
        return Err("has fewer than two columns; a table needs a label and at least one other column".to_owned());
    }
    for (at, field) in fields.iter().enumerate() {
        let flat = field.is_primitive() && schema.num_columns() > at;
        let reason = match flat.then(|| column::unsupported(&schema.column(at))) {
            None => Some(NESTED),
            Some(reason) => reason,
        };
        if let Some(reason) = reason {
            return Err(format!("{}: {reason}", shown(field.name())));
        }
    }
    metadata.row_groups().iter().try_for_each(|group| fits(group, fields.len(), bytes))?;
    Ok(fields.iter().map(|field| field.name().to_owned()).collect())
}

/// Whether a row group can lie in a file of so many bytes. Columns that share bytes would multiply a file in memory.
fn fits(group: &RowGroupMetaData, columns: usize, bytes: u64) -> std::result::Result<(), String> {
    let mut left = bytes;
    for column in group.columns() {
        let codec = column.compression();
        if !matches!(codec, Compression::UNCOMPRESSED | Compression::SNAPPY) {
            let codec = format!("{codec:?}").chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
            return Err(format!("is compressed with {codec}; export it with snappy or without compression"));
        }
        let (start, length) = column.byte_range();
        left = left.checked_sub(length).ok_or(DAMAGED)?;
        start.checked_add(length).filter(|end| *end <= bytes).ok_or(DAMAGED)?;
    }
    if group.num_columns() == columns && group.num_rows() >= 0 { Ok(()) } else { Err(DAMAGED.to_owned()) }
}

/// A column, in errors.
fn shown(name: &str) -> String {
    format!("column `{}`", printable(name).chars().take(MOST_SHOWN).collect::<String>())
}

/// The first bytes of a file.
const MAGIC: &[u8] = b"PAR1";

/// Of columns that have columns.
const NESTED: &str = "has lists or records; export its parts as columns of their own";

const DAMAGED: &str = "is damaged or truncated; copy or export the file again";

/// Cells and rows that are decoded at a time.
const MOST_CELLS: usize = 1 << 18;
const MOST_ROWS: usize = 1024;

/// Bytes of a row.
const MOST_BYTES: usize = 64 << 20;

/// Characters of a name that errors show.
const MOST_SHOWN: usize = 40;
