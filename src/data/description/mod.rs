//! The public description of a table: its columns, its label, and how both become the rows of a network.
//!
//! All owners of a job have the same description, and the job contains it: [`Job::description`](crate::train::Job). In a file it
//! is TOML ([`Description::load`]); `ppdnn data describe` drafts one.

mod check;
mod difference;
#[cfg(feature = "datasets")]
mod draft;
mod toml_file;

use serde::{Deserialize, Serialize};

#[cfg(feature = "datasets")]
pub use draft::{Draft, draft};

/// What is public about a table: how its values become features and labels.
///
/// The documentation of its methods holds for descriptions that pass [`Description::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The name of the data: 1 to 64 letters, digits, `-`, `_` or `.`, and no name of a known data set.
    pub name: String,
    /// What is learned.
    pub task: Task,
    /// The column of the label.
    pub label: String,
    /// The labels by class, 2 to 1,000.
    pub classes: Vec<String>,
    /// The other columns, in the order of the features that they become.
    pub columns: Vec<Column>,
    /// The texts that stand for a missing value; the empty one always does.
    pub missing: Vec<String>,
    /// The character between two fields, of ASCII; detected from the header if `None`.
    pub delimiter: Option<u8>,
    /// Which rows are for testing.
    pub split: Split,
}

/// What is learned from the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// The class of a row.
    Classes,
}

/// A column of a table that is not its label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// What is in it.
    pub kind: ColumnKind,
}

/// What is in a column, and the features that it becomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ColumnKind {
    /// One of some texts: a feature for each, which is 1 where the row has that text, and 0 elsewhere.
    Category {
        /// The texts.
        categories: Vec<String>,
        /// What a missing value becomes.
        missing: MissingCategory,
    },
    /// Not used: no feature.
    Ignore,
    /// A number: one feature.
    Number {
        /// The smallest and the largest value.
        range: Option<[f64; 2]>,
        /// Whether values out of the range become its end; otherwise they are errors.
        clip: bool,
        /// Whether the range becomes `[0, 1]`; otherwise the feature is the number.
        scaled: bool,
        /// The number that a missing value becomes, before it is scaled; `None` if it is an error.
        missing: Option<f64>,
    },
}

/// What a missing value of a category becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingCategory {
    /// This category.
    Constant(String),
    /// A category of its own, the last.
    Own,
    /// An error.
    Refuse,
}

/// Which rows are for testing; the others are for training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Split {
    /// Those that have a text in a column; the rows for training have another one, and no row has neither.
    Column {
        /// The column.
        name: String,
        /// The text of rows that are for testing.
        test: String,
        /// The text of rows that are for training.
        train: String,
    },
    /// Those of a file of their own (`--test-data`).
    Files,
    /// A pseudorandom part, which depends on a row's number in its file and on a seed.
    Seed {
        /// The part that is for testing, above 0 and below 1.
        test: f64,
        /// The seed.
        seed: u64,
    },
}

impl Description {
    /// The number of features of a row.
    pub fn features(&self) -> usize {
        self.columns.iter().map(Column::features).fold(0, usize::saturating_add)
    }

    /// The names of the features: `age`, `city=Graz`, `city=(missing)`.
    pub fn feature_names(&self) -> impl Iterator<Item = String> {
        self.columns.iter().flat_map(Column::feature_names)
    }

    /// Whether a text stands for a missing value.
    pub fn is_missing(&self, text: &str) -> bool {
        text.is_empty() || self.missing.iter().any(|missing| missing == text)
    }
}

impl Column {
    /// The number of features that it becomes.
    pub fn features(&self) -> usize {
        match &self.kind {
            ColumnKind::Category { categories, missing } => {
                categories.len().saturating_add(usize::from(*missing == MissingCategory::Own))
            }
            ColumnKind::Ignore => 0,
            ColumnKind::Number { .. } => 1,
        }
    }

    fn feature_names(&self) -> Vec<String> {
        let name = &self.name;
        match &self.kind {
            ColumnKind::Category { categories, missing } => {
                let own = (*missing == MissingCategory::Own).then(|| format!("{name}=(missing)"));
                categories.iter().map(|category| format!("{name}={category}")).chain(own).collect()
            }
            ColumnKind::Ignore => Vec::new(),
            ColumnKind::Number { .. } => vec![name.clone()],
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two numbers, a category of two and their missing values, and an ignored column.
    pub(crate) fn small() -> Description {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let city =
            ColumnKind::Category { categories: vec!["Graz".into(), "Linz".into()], missing: MissingCategory::Own };
        let age = ColumnKind::Number { range: Some([0.0, 80.0]), clip: false, scaled: true, missing: None };
        let size = ColumnKind::Number { range: None, clip: false, scaled: false, missing: Some(0.5) };
        Description {
            name: "people".into(),
            task: Task::Classes,
            label: "answer".into(),
            classes: vec!["no".into(), "yes".into()],
            columns: vec![
                column("age", age),
                column("city", city),
                column("id", ColumnKind::Ignore),
                column("size", size),
            ],
            missing: vec!["?".into()],
            delimiter: None,
            split: Split::Seed { test: 0.2, seed: 1 },
        }
    }

    #[test]
    fn features_are_counted_and_named_in_the_order_of_the_columns() {
        let names: Vec<String> = small().feature_names().collect();
        assert_eq!(names, ["age", "city=Graz", "city=Linz", "city=(missing)", "size"]);
        assert_eq!(small().features(), 5);
        assert!(small().is_missing("") && small().is_missing("?") && !small().is_missing("0"));
    }
}
