//! Tables in files: CSV, TSV, and others with one character between fields, plain or gzip; Parquet.
//!
//! A file is read row by row, and a row becomes features and a class as its [`Description`] says. Nothing but the rows that are
//! asked for is stored.

mod header;
#[cfg(feature = "parquet")]
mod parquet;
mod reader;
mod row;
mod source;

use std::path::Path;

use csv::ByteRecord;

use crate::data::description::TableFormat;
use crate::data::visit::{Row, Set, Visitor};
use crate::data::{Description, Problem};
use crate::error::{Error, Result};

pub(crate) use header::named;
pub(crate) use reader::TableReader;

use header::Header;
use row::Rows;

/// Reads the rows of a table; see [`visit`](crate::data::visit::visit).
pub(crate) fn visit(
    path: &Path,
    description: &Description,
    format: &TableFormat,
    set: Option<Set>,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let table = Table::open(path, description, format, set, &mut |problem| visitor.problem(path, problem))?;
    let Some(mut table) = table else { return Ok(()) };
    let (mut features, mut targets) = (vec![0.0; format.features()], vec![0.0; description.target.values()]);
    while let Some((set, fits)) =
        table.next(&mut features, &mut targets, &mut |problem| visitor.problem(path, problem))?
    {
        if visitor.row(Row { set, fits, features: &features, targets: &targets }).is_break() {
            break;
        }
    }
    Ok(())
}

/// An open table: its header fits the description, its rows are still to be read.
struct Table<'d> {
    reader: TableReader,
    rows: Rows<'d>,
    record: ByteRecord,
    number: u64,
    /// Whether all rows are of one set: those of a file of test rows, or of training rows.
    set: Option<Set>,
}

impl<'d> Table<'d> {
    /// Opens a table and compares its header with the description; `set` is for files whose rows are all of one set.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read, is empty, or is not text. What does not fit in the header
    /// goes to `note`; then there is no table.
    fn open(
        path: &Path,
        description: &'d Description,
        format: &'d TableFormat,
        set: Option<Set>,
        note: &mut dyn FnMut(Problem),
    ) -> Result<Option<Self>> {
        let mut reader = TableReader::open(path, format.delimiter)?;
        let mut record = ByteRecord::new();
        reader.next(&mut record)?;
        few_enough(path, &record)?;
        let header = Header::new(&record, reader.delimiter());
        let mut fits = true;
        let rows = Rows::new(description, format, &header, set, &mut |problem| {
            fits = false;
            note(Problem { at: reader.place(problem.at, None), ..problem });
        });
        Ok(fits.then_some(Self { reader, rows, record, number: 0, set }))
    }

    /// Reads the next row into `features` and `targets`, as many values as the description has; its set, and whether all of it
    /// fits; `None` after the last. What does not fit goes to `note`.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read.
    fn next(
        &mut self,
        features: &mut [f32],
        targets: &mut [f32],
        note: &mut dyn FnMut(Problem),
    ) -> Result<Option<(Set, bool)>> {
        if !self.reader.next(&mut self.record)? {
            return Ok(None);
        }
        let number = self.number;
        self.number += 1;
        let line = self.record.position().map_or(0, csv::Position::line);
        let set = self.set.unwrap_or_else(|| self.rows.set(&self.record, number));
        let mut note = |problem: Problem| note(Problem { at: self.reader.place(problem.at, Some(number)), ..problem });
        Ok(Some((set, self.rows.read(&self.record, line, features, targets, &mut note))))
    }
}

/// Refuses a header of more fields than a table may have.
pub(crate) fn few_enough(path: &Path, header: &ByteRecord) -> Result<()> {
    if header.len() <= MOST_FIELDS {
        return Ok(());
    }
    let text = format!("line 1: the header has {} fields; at most {MOST_FIELDS} are supported", header.len());
    Err(Error::format(path, text))
}

/// Fields of a header: as many as there may be features, the label and a few more.
const MOST_FIELDS: usize = (1 << 20) + 64;
