//! The records of a table, whatever its file is.

use std::path::Path;

use csv::ByteRecord;

use crate::data::At;
#[cfg(feature = "parquet")]
use crate::data::table::parquet::ParquetRows;
use crate::data::table::source::Lines;
use crate::error::Result;
#[cfg(feature = "parquet")]
use crate::{error::Error, input};

/// The records of a file, the header first.
pub(crate) enum TableReader {
    Lines(Lines),
    #[cfg(feature = "parquet")]
    Parquet(ParquetRows),
}

impl TableReader {
    /// Opens a file; a text without a given delimiter has the most frequent one in its first line.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) and [`Error::Format`](crate::Error::Format) if the file cannot be read.
    pub(crate) fn open(path: &Path, delimiter: Option<u8>) -> Result<Self> {
        #[cfg(feature = "parquet")]
        if ParquetRows::is(&input::start(path, 4).map_err(|e| Error::file(path, e))?) {
            return ParquetRows::open(path).map(Self::Parquet);
        }
        Lines::open(path, delimiter).map(Self::Lines)
    }

    /// The character between two fields, where there is one.
    pub(super) fn delimiter(&self) -> u8 {
        match self {
            Self::Lines(lines) => lines.delimiter(),
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => b',',
        }
    }

    /// Reads the next record; false after the last.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) and [`Error::Format`](crate::Error::Format) if the file cannot be read, or a record is
    /// too long.
    pub(crate) fn next(&mut self, record: &mut ByteRecord) -> Result<bool> {
        match self {
            Self::Lines(lines) => lines.next(record),
            #[cfg(feature = "parquet")]
            Self::Parquet(rows) => rows.next(record),
        }
    }

    /// Where something is in the file: its line, or, without lines, its row from 0; `None` is the header, which counts as line 1.
    pub(super) fn place(&self, line: At, row: Option<u64>) -> At {
        match (self, row) {
            #[cfg(feature = "parquet")]
            (Self::Parquet(_), Some(row)) => At::Row(row),
            _ => line,
        }
    }
}
