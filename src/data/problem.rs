//! What does not fit in a file, and where.

use std::fmt;
use std::path::Path;

use crate::error::Error;

/// Something in a file that does not fit its description.
#[derive(Clone, PartialEq)]
pub struct Problem {
    /// Where it is.
    pub at: At,
    /// The name of the column or the array; `None` if it is about the whole row or file.
    pub column: Option<String>,
    /// What is wrong.
    pub kind: ProblemKind,
    /// The beginning of the value, for its owner alone; no error shows it.
    pub value: Option<String>,
}

/// Where something is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// At a value of an array: its row and its place in the row, each axis from 0.
    Entry(Vec<u64>),
    /// In the file as a whole.
    File,
    /// In a line, from 1.
    Line(u64),
    /// In a row, from 0.
    Row(u64),
}

impl Problem {
    /// As the error of a file. It names the place and what is wrong, and no value.
    pub(crate) fn refusal(&self, file: &Path) -> Error {
        Error::format(file, format!("{self}; `ppdnn data check` lists all places"))
    }
}

/// What is wrong with a value, a row or a header.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// An image cannot be decoded.
    DamagedImage,
    /// The header has a name twice.
    DuplicateColumn,
    /// A row has another number of fields than the header.
    Fields {
        /// Those that it has.
        has: usize,
        /// Those of the header.
        wants: usize,
    },
    /// An image has another size.
    ImageSize {
        /// Its width and height.
        has: [usize; 2],
        /// Those of the description.
        wants: [usize; 2],
    },
    /// An image has too many pixels or bytes to be decoded.
    LargeImage,
    /// A number that is to be learned is too large without scaling.
    LargeTarget,
    /// A value is missing.
    Missing,
    /// The header does not have a column of the description.
    NoColumn,
    /// A number is not finite, or too large.
    NotFinite,
    /// A file is no image.
    NotImage,
    /// A label says neither that it is there nor that it is not.
    NotLabel,
    /// A number is not one.
    NotNumber,
    /// A value is not UTF-8.
    NotText,
    /// A number is out of its range.
    OutOfRange {
        /// The smallest and the largest value.
        range: [f64; 2],
    },
    /// The number of a class is too large.
    TooLargeClass {
        /// The number of classes.
        classes: usize,
    },
    /// A text is no category of its column.
    UnknownCategory,
    /// A label is no class.
    UnknownClass,
    /// The description does not have a column of the header.
    UnknownColumn,
    /// A folder is not named like a class.
    UnknownFolder,
    /// The column that splits the rows says neither training nor testing.
    UnknownPart,
    /// The header has only one field.
    WrongDelimiter {
        /// The delimiter that the header was read with.
        delimiter: char,
    },
}

impl ProblemKind {
    /// A short name, for counts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DamagedImage => "damaged image",
            Self::DuplicateColumn => "duplicate column",
            Self::Fields { has, wants } if has < wants => "missing fields",
            Self::Fields { .. } => "extra fields",
            Self::ImageSize { .. } => "other size",
            Self::LargeImage => "too large",
            Self::LargeTarget => "large target",
            Self::Missing => "missing value",
            Self::NoColumn => "missing column",
            Self::NotFinite => "not finite",
            Self::NotImage => "not an image",
            Self::NotLabel => "neither 0 nor 1",
            Self::NotNumber => "not a number",
            Self::NotText => "not UTF-8",
            Self::OutOfRange { .. } => "out of range",
            Self::UnknownCategory => "unknown category",
            Self::TooLargeClass { .. } | Self::UnknownClass => "unknown class",
            Self::UnknownColumn => "unknown column",
            Self::UnknownFolder => "unknown folder",
            Self::UnknownPart => "neither training nor test row",
            Self::WrongDelimiter { .. } => "wrong delimiter",
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields { has, wants } => write!(
                f,
                "the row has {has} fields, but the header has {wants}; put fields with delimiters in them in quotation marks"
            ),
            Self::ImageSize { has: [width, height], wants } => write!(
                f,
                "is {width} x {height} pixels (width x height), but the description has {} x {}; resize it, or add \
                 `resize = true` to the description",
                wants[0], wants[1]
            ),
            Self::OutOfRange { range: [low, high] } => write!(
                f,
                "is outside {low} to {high}, the range of the description; correct it, widen the range, or add \
                 `outside = \"clip\"`"
            ),
            Self::TooLargeClass { classes } => write!(
                f,
                "the label is not one of 0 to {}; correct it, or add its class to `classes` of the description (the first is 0)",
                classes.saturating_sub(1)
            ),
            Self::WrongDelimiter { delimiter } => write!(
                f,
                "the header is a single field when it is read with the delimiter {delimiter:?}; set `delimiter` in the description"
            ),
            fixed => f.write_str(fixed.in_words()),
        }
    }
}

impl ProblemKind {
    /// What is wrong, and what to do, where no number is part of it.
    fn in_words(&self) -> &'static str {
        match self {
            Self::DamagedImage => "cannot be decoded: it is truncated or damaged; copy or save it again, or remove it",
            Self::DuplicateColumn => "stands twice in the header; rename one of the two",
            Self::LargeImage => "has more than 33 million pixels, or more than 64 MiB; make it smaller",
            Self::LargeTarget => {
                "is not below 8 in magnitude, as numbers that are learned must be; give the target a `range`, by which it is scaled"
            }
            Self::Missing => {
                "the value is missing; fill it in, or let the description say what it becomes (`missing = \"constant\"`, or \
                 of categories `missing = \"category\"`)"
            }
            Self::NoColumn => "is in the description, but not in the header",
            Self::NotFinite => {
                "is not a finite number; correct it, or, in a table, list the text in `missing_values` of the description"
            }
            Self::NotImage => "is neither PNG nor JPEG; convert or remove it",
            Self::NotLabel => {
                "says neither that the row has the label nor that it does not; write 1 or 0, yes or no, true or false"
            }
            Self::NotNumber => {
                "is not a number; numbers are written as 1234.5 or 1.2e3. Correct it, or list the text in `missing_values` of \
                 the description"
            }
            Self::NotText => "is not UTF-8; save the file as UTF-8",
            Self::UnknownCategory => {
                "the value is not one of the column's categories; correct it, or add it to `categories` of the description"
            }
            Self::UnknownClass => {
                "the value is not one of the classes; correct it, or add it to `classes` of the description"
            }
            Self::UnknownColumn => {
                "is in the header, but not in the description; remove it, or add it with `kind = \"ignore\"`"
            }
            Self::UnknownFolder => {
                "the folder is not named like a class of the description; rename or remove it, or add it to `classes`"
            }
            Self::UnknownPart => {
                "is neither the `test_value` nor the `train_value` of the split (\"test\" and \"train\" by default); correct it"
            }
            other => other.name(),
        }
    }
}

/// Prints no value: it is an owner's secret.
impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, column, kind, value: _ } = self;
        f.debug_struct("Problem").field("at", at).field("column", column).field("kind", kind).finish_non_exhaustive()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, column, kind, value: _ } = self;
        match (at, column) {
            (At::Entry(axes), name) => {
                let name = name.as_deref().unwrap_or("row");
                write!(f, "row {}, `{name}{axes:?}`: {kind}", axes.first().copied().unwrap_or(0))
            }
            (At::File, _) => write!(f, "{kind}"),
            (At::Row(row), Some(column)) => write!(f, "row {row} (from 0), column `{column}`: {kind}"),
            (At::Row(row), None) => write!(f, "row {row} (from 0): {kind}"),
            (At::Line(line), Some(column)) => write!(f, "line {line}, column `{column}`: {kind}"),
            (At::Line(line), None) => write!(f, "line {line}: {kind}"),
        }
    }
}
