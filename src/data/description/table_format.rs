//! The description of a table: its columns and its label.

use serde::{Deserialize, Serialize};

use crate::data::description::Scaling;

/// What is public about a table: how its values become features and labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableFormat {
    /// The column of the label, whose texts are the classes; `None` where the columns of labels or numbers are named by the
    /// [`Target`](crate::data::description::Target).
    pub label: Option<String>,
    /// The other columns, in the order of the features that they become.
    pub columns: Vec<Column>,
    /// The texts that stand for a missing value; the empty one always does.
    pub missing: Vec<String>,
    /// The character between two fields, of ASCII; detected from the header if `None`.
    pub delimiter: Option<u8>,
}

/// A column of a table that is not to be learned.
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
        /// How it is scaled.
        scaling: Scaling,
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

impl TableFormat {
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
