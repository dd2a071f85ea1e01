//! Tables in files: CSV, TSV, and others with one character between fields; plain or gzip.
//!
//! A file is read row by row, and a row becomes features and a class as its [`Description`] says. Nothing but the rows that are
//! asked for is stored.

mod header;
mod problem;
mod report;
mod row;
mod source;

use std::path::Path;

use csv::ByteRecord;

use crate::data::Description;
use crate::error::{Error, Result};

pub(crate) use header::named;
pub use problem::{Problem, ProblemKind};
pub use report::{MOST_PLACES, Place, Report};
pub(crate) use source::Lines;

use header::Header;
use row::Rows;

/// An open table: its header fits the description, its rows are still to be read.
pub(crate) struct Table<'d> {
    lines: Lines,
    rows: Rows<'d>,
    record: ByteRecord,
    number: u64,
    /// Whether all rows are of one set: those of a file of test rows, or of training rows.
    set: Option<Set>,
}

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Training.
    Train,
    /// Testing.
    Test,
}

/// A row that was read.
pub(crate) struct Row {
    pub(crate) set: Set,
    /// Its class; `None` if something in the row does not fit.
    pub(crate) class: Option<u32>,
}

impl<'d> Table<'d> {
    /// Opens a table and compares its header with the description; `set` is for files whose rows are all of one set.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read, is empty, or is not text. What does not fit in the header
    /// goes to `note`; then there is no table.
    pub(crate) fn open(
        path: &Path,
        description: &'d Description,
        set: Option<Set>,
        note: &mut dyn FnMut(Problem),
    ) -> Result<Option<Self>> {
        let mut lines = Lines::open(path, description.delimiter)?;
        let mut record = ByteRecord::new();
        lines.next(&mut record)?;
        few_enough(path, &record)?;
        let header = Header::new(&record, lines.delimiter());
        let mut fits = true;
        let rows = Rows::new(description, &header, set, &mut |problem| {
            fits = false;
            note(problem);
        });
        Ok(fits.then_some(Self { lines, rows, record, number: 0, set }))
    }

    /// Reads the next row into `features`, as many values as the description has features; `None` after the last. What does not
    /// fit goes to `note`.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`] if the file cannot be read.
    pub(crate) fn next(&mut self, features: &mut [f32], note: &mut dyn FnMut(Problem)) -> Result<Option<Row>> {
        if !self.lines.next(&mut self.record)? {
            return Ok(None);
        }
        let number = self.number;
        self.number += 1;
        let line = self.record.position().map_or(0, csv::Position::line);
        let set = self.set.unwrap_or_else(|| self.rows.set(&self.record, number));
        let class = self.rows.read(&self.record, line, features, note);
        Ok(Some(Row { set, class }))
    }

    /// The error of the first problem. It names the place and what is wrong, and no value.
    pub(crate) fn refusal(path: &Path, problem: &Problem) -> Error {
        Error::format(path, format!("{problem}; `ppdnn data check` lists all places"))
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
