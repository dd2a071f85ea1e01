//! The header of a table: which column stands where.

use std::collections::HashMap;

use csv::ByteRecord;

use crate::data::{At, Problem, ProblemKind};
use crate::net::printable;

/// The names of a table's columns.
pub(super) struct Header {
    /// Where a name stands; the last, if it stands there twice.
    at: HashMap<Vec<u8>, usize>,
    names: Vec<Vec<u8>>,
    delimiter: u8,
    line: u64,
}

impl Header {
    pub(super) fn new(record: &ByteRecord, delimiter: u8) -> Self {
        let names: Vec<Vec<u8>> = (1..).zip(record).map(|(number, name)| named(number, name)).collect();
        let at = names.iter().cloned().zip(0..).collect();
        Self { at, names, delimiter, line: record.position().map_or(1, csv::Position::line) }
    }

    /// The number of columns.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Where the column of a name stands; if there is none, that is noted, and it is taken for the first.
    pub(super) fn find(&self, name: &str, note: &mut dyn FnMut(Problem)) -> usize {
        self.at.get(name.as_bytes()).copied().unwrap_or_else(|| {
            if self.len() > 1 {
                note(self.problem(name.as_bytes(), ProblemKind::NoColumn));
            }
            0
        })
    }

    /// Notes names that stand there twice, names that `known` does not know, and a header that is read with a wrong delimiter.
    pub(super) fn check(&self, known: impl Fn(&[u8]) -> bool, note: &mut dyn FnMut(Problem)) {
        if self.len() == 1 {
            // a description has a label and a feature
            let kind = ProblemKind::WrongDelimiter { delimiter: self.delimiter.into() };
            return note(Problem { at: At::Line(self.line), column: None, kind, value: None });
        }
        for (at, name) in self.names.iter().enumerate() {
            if self.at.get(name) != Some(&at) {
                note(self.problem(name, ProblemKind::DuplicateColumn));
            } else if !known(name) {
                note(self.problem(name, ProblemKind::UnknownColumn));
            }
        }
    }

    fn problem(&self, name: &[u8], kind: ProblemKind) -> Problem {
        let name: String = printable(&String::from_utf8_lossy(name)).chars().take(MOST_SHOWN).collect();
        Problem { at: At::Line(self.line), column: Some(name), kind, value: None }
    }
}

/// The name of a column; one without a name, such as row numbers often are, has its number.
pub(crate) fn named(number: usize, name: &[u8]) -> Vec<u8> {
    match name.trim_ascii() {
        [] => format!("column {number}").into_bytes(),
        name => name.to_vec(),
    }
}

/// Characters of a name that errors show.
const MOST_SHOWN: usize = 128;
