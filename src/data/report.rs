//! Data as a whole: how many rows it has, and what does not fit.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::data::problem::Problem;
use crate::data::visit::{Row, Set, Visitor};

/// What was found in the files of the data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Rows for training.
    pub train_rows: usize,
    /// Rows for testing.
    pub test_rows: usize,
    /// Rows with problems.
    pub wrong_rows: u64,
    /// The first [`MOST_PLACES`] problems.
    pub first: Vec<Place>,
    /// The number of problems by column and kind; the column is empty where the whole row or file is meant.
    pub counts: BTreeMap<(String, &'static str), u64>,
}

/// A problem and the file that it is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The problem.
    pub problem: Problem,
}

/// Problems that are kept with their places.
pub const MOST_PLACES: usize = 10;

impl Report {
    /// Whether nothing is wrong.
    pub fn fits(&self) -> bool {
        self.counts.is_empty()
    }

    /// The number of problems.
    pub fn problems(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl Visitor for Report {
    fn row(&mut self, row: Row<'_>) -> ControlFlow<()> {
        self.wrong_rows += u64::from(!row.fits);
        match row.set {
            Set::Train => self.train_rows += 1,
            Set::Test => self.test_rows += 1,
            Set::Ask => {}
        }
        ControlFlow::Continue(())
    }

    fn problem(&mut self, file: &Path, problem: Problem) {
        let column = problem.column.clone().unwrap_or_default();
        *self.counts.entry((column, problem.kind.name())).or_default() += 1;
        if self.first.len() < MOST_PLACES {
            self.first.push(Place { file: file.to_owned(), problem });
        }
    }
}
