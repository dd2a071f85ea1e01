//! The rows of a Parquet file, as the fields that a CSV file of the same table has.
//!
//! The format is that of <https://github.com/apache/parquet-format>. Files are read as pyarrow, pandas, fastparquet, DuckDB, Polars
//! and Spark write them unless told otherwise: flat columns, plain or dictionary encoding, compressed with snappy, gzip, zstd or
//! not at all. That is a small part of the format, and is read here: readers of all of it nest as deep as a file says, allocate what
//! it announces, and panic where it is damaged.

mod cells;
mod fault;
mod footer;
mod page_header;
mod pages;
mod runs;
mod schema;
mod thrift;
mod unpack;

use std::fs::File;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use crate::error::{Error, Result};
use crate::input;

use cells::Cells;
use fault::{DAMAGED, Fault, shown};
use footer::Footer;
use unpack::page_share;

/// The rows of a file, the names of its columns first.
pub(crate) struct ParquetRows {
    path: PathBuf,
    file: File,
    footer: Footer,
    /// Whether the names were read.
    started: bool,
    /// The row group that is read next.
    group: usize,
    columns: Vec<Cells>,
    /// Rows of this group that are still to be read.
    left: u64,
    /// Rows that were read.
    number: u64,
    /// A field, while it is made.
    text: Vec<u8>,
}

impl ParquetRows {
    /// Whether a file begins as Parquet does.
    pub(super) fn is(start: &[u8]) -> bool {
        start.starts_with(b"PAR1")
    }

    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if it cannot be read, is damaged, has fewer than two columns, or has columns or a
    /// compression that are not supported.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut file = input::open(path).map_err(|e| Error::file(path, e))?;
        let footer = Footer::read(&mut file).map_err(|fault| fault.of(path, ""))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            footer,
            started: false,
            group: 0,
            columns: Vec::new(),
            left: 0,
            number: 0,
            text: Vec::new(),
        })
    }

    /// Reads the names, and then row by row; false after the last.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if a row cannot be read.
    pub(super) fn next(&mut self, record: &mut ByteRecord) -> Result<bool> {
        record.clear();
        if !self.started {
            self.started = true;
            self.footer.columns.iter().for_each(|column| record.push_field(column.name.as_bytes()));
            return Ok(true);
        }
        while self.left == 0 {
            let Some(group) = self.footer.groups.get(self.group) else { return Ok(false) };
            let columns = self.footer.columns.iter().zip(&group.chunks);
            let most = page_share(self.footer.columns.len());
            self.columns = columns.map(|(column, chunk)| Cells::new(column, *chunk, most)).collect();
            self.left = group.rows;
            self.group += 1;
        }
        for at in 0..self.columns.len() {
            self.field(at, record).map_err(|fault| {
                let place = format!("row {} (from 0), {}: ", self.number, shown(&self.footer.columns[at].name));
                fault.of(&self.path, &place)
            })?;
        }
        self.left -= 1;
        self.number += 1;
        Ok(true)
    }

    /// Adds the next value of a column.
    fn field(&mut self, column: usize, record: &mut ByteRecord) -> std::result::Result<(), Fault> {
        self.text.clear();
        self.columns.get_mut(column).ok_or(DAMAGED)?.next(&mut self.file, &mut self.text)?;
        if record.as_slice().len().saturating_add(self.text.len()) > MOST_BYTES {
            return Err("the row has more than 64 MiB; export the table again".into());
        }
        record.push_field(&self.text);
        Ok(())
    }
}

/// Bytes of a row.
const MOST_BYTES: usize = 64 << 20;
