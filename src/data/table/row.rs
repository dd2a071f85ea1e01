//! The features and the class of a row.

use std::collections::{HashMap, HashSet};

use csv::ByteRecord;

use crate::data::description::{Column, ColumnKind, MissingCategory, TableFormat, Target};
use crate::data::feature::{feature, target};
use crate::data::pick::Pick;
use crate::data::table::header::Header;
use crate::data::visit::Set;
use crate::data::{At, Description, Problem, ProblemKind, Split};
use crate::net::printable;

/// How the fields of a row are read.
pub(super) struct Rows<'d> {
    format: &'d TableFormat,
    fields: usize,
    /// What is to be learned, with the names and places of its columns; none of them if it is not read.
    target: &'d Target,
    learned: Vec<(&'d str, usize)>,
    /// The number of a class by its text.
    classes: HashMap<&'d str, f32>,
    columns: Vec<Field<'d>>,
    parts: Parts<'d>,
}

/// A column that becomes features.
struct Field<'d> {
    column: &'d Column,
    /// Where it stands in the file.
    at: usize,
    /// Its first feature, and their number.
    first: usize,
    width: usize,
    /// The categories by their text.
    categories: HashMap<&'d str, usize>,
}

/// Which rows are for testing.
enum Parts<'d> {
    /// Those of a text in a column.
    Column { at: usize, name: &'d str, test: &'d str, train: &'d str },
    /// None.
    None,
    /// Those that are picked by their number.
    Seed(Pick),
}

impl<'d> Rows<'d> {
    /// For a header; what does not fit in it goes to `note`. The rows of a file that is all of one `set` need no split.
    pub(super) fn new(
        description: &'d Description,
        format: &'d TableFormat,
        header: &Header,
        set: Option<Set>,
        note: &mut dyn FnMut(Problem),
    ) -> Self {
        let (Description { target, split, .. }, TableFormat { columns, .. }) = (description, format);
        let learned = format.learned(target);
        let mut known: HashSet<&[u8]> = learned.iter().map(|name| name.as_bytes()).collect();
        known.extend(columns.iter().map(|column| column.name.as_bytes()));
        if let Split::Column { name, .. } = split {
            known.insert(name.as_bytes());
        }
        header.check(|name| known.contains(name), note);
        let mut first = 0;
        let mut fields = Vec::new();
        for column in columns.iter().filter(|column| column.features() > 0) {
            let (at, width) = (header.find(&column.name, note), column.features());
            fields.push(Field { column, at, first, width, categories: categories(column) });
            first += width;
        }
        let parts = match (set, split) {
            (None, Split::Column { name, test, train }) => {
                Parts::Column { at: header.find(name, note), name, test, train }
            }
            (None, split) => Pick::new(split).map_or(Parts::None, Parts::Seed),
            (Some(_), _) => Parts::None,
        };
        Self {
            format,
            fields: header.len(),
            target,
            learned: match set {
                Some(Set::Ask) => Vec::new(),
                _ => learned.into_iter().map(|name| (name, header.find(name, note))).collect(),
            },
            classes: numbers_of(target),
            columns: fields,
            parts,
        }
    }

    /// Whether a row, the `number`th of its file from 0, is for training or for testing.
    pub(super) fn set(&self, record: &ByteRecord, number: u64) -> Set {
        match &self.parts {
            Parts::None => Set::Train,
            Parts::Column { at, test, .. } => {
                let is_test = record.get(*at).is_some_and(|text| text.trim_ascii() == test.as_bytes());
                if is_test { Set::Test } else { Set::Train }
            }
            Parts::Seed(pick) => pick.set(number),
        }
    }

    /// Writes the features of a row and what is to be learned of it; `false` if something does not fit, which is noted.
    pub(super) fn read(
        &self,
        record: &ByteRecord,
        line: u64,
        features: &mut [f32],
        targets: &mut [f32],
        note: &mut dyn FnMut(Problem),
    ) -> bool {
        if record.len() != self.fields {
            let kind = ProblemKind::Fields { has: record.len(), wants: self.fields };
            note(Problem { at: At::Line(line), column: None, kind, value: None });
            return false;
        }
        let mut fits = true;
        let mut wrong = |column: &str, kind: ProblemKind, value: &[u8]| {
            fits = false;
            let value = shown(value);
            note(Problem { at: At::Line(line), column: Some(column.to_owned()), kind, value: Some(value) });
        };
        for field in &self.columns {
            let value = record[field.at].trim_ascii();
            let out = &mut features[field.first..field.first + field.width];
            let read = text(value).and_then(|text| field.read(self.given(text), out));
            read.unwrap_or_else(|kind| wrong(&field.column.name, kind, value));
        }
        if let Parts::Column { at, name, test, train } = &self.parts {
            let value = record[*at].trim_ascii();
            if value != test.as_bytes() && value != train.as_bytes() {
                wrong(name, ProblemKind::UnknownPart, value);
            }
        }
        for ((number, (name, at)), out) in self.learned.iter().enumerate().zip(targets) {
            let value = record[*at].trim_ascii();
            match text(value).and_then(|text| self.learn(number, self.given(text).ok_or(ProblemKind::Missing)?)) {
                Ok(x) => *out = x,
                Err(kind) => wrong(name, kind, value),
            }
        }
        fits
    }

    /// What a text says that is to be learned: the number of a class, whether a label is there, or number `number`.
    fn learn(&self, number: usize, text: &str) -> Result<f32, ProblemKind> {
        match self.target {
            Target::Class(_) => self.classes.get(text).copied().ok_or(ProblemKind::UnknownClass),
            Target::Labels(_) => match text.to_ascii_lowercase().as_str() {
                "0" | "no" | "false" => Ok(0.0),
                "1" | "yes" | "true" => Ok(1.0),
                _ => Err(ProblemKind::NotLabel),
            },
            Target::Numbers(numbers) => {
                let x = text.parse::<f64>().map_err(|_| ProblemKind::NotNumber)?;
                target(x, &numbers[number].scaling)
            }
        }
    }

    /// A text that stands for a value; `None` if it is missing.
    fn given<'t>(&self, text: &'t str) -> Option<&'t str> {
        (!self.format.is_missing(text)).then_some(text)
    }
}

impl Field<'_> {
    /// Writes the features of a value; `None` if it is missing.
    fn read(&self, value: Option<&str>, out: &mut [f32]) -> Result<(), ProblemKind> {
        match &self.column.kind {
            ColumnKind::Ignore => Ok(()),
            ColumnKind::Category { missing, .. } => {
                let at = match (value, missing) {
                    (Some(text), _) => self.categories.get(text).copied().ok_or(ProblemKind::UnknownCategory)?,
                    (None, MissingCategory::Constant(text)) => self.categories.get(text.as_str()).copied().unwrap_or(0),
                    (None, MissingCategory::Own) => self.categories.len(),
                    (None, MissingCategory::Refuse) => return Err(ProblemKind::Missing),
                };
                out.fill(0.0);
                out[at] = 1.0;
                Ok(())
            }
            ColumnKind::Number { scaling, missing } => {
                let x = match (value, missing) {
                    (Some(text), _) => text.parse::<f64>().map_err(|_| ProblemKind::NotNumber)?,
                    (None, Some(constant)) => *constant,
                    (None, None) => return Err(ProblemKind::Missing),
                };
                out[0] = feature(x, scaling)?;
                Ok(())
            }
        }
    }
}

/// The numbers of classes by their texts.
fn numbers_of(target: &Target) -> HashMap<&str, f32> {
    let Target::Class(classes) = target else { return HashMap::new() };
    #[expect(clippy::cast_precision_loss, reason = "there are at most 1,000")]
    let numbers = classes.iter().enumerate().map(|(number, class)| (class.as_str(), number as f32));
    numbers.collect()
}

fn categories(column: &Column) -> HashMap<&str, usize> {
    match &column.kind {
        ColumnKind::Category { categories, .. } => categories.iter().map(String::as_str).zip(0..).collect(),
        _ => HashMap::new(),
    }
}

fn text(value: &[u8]) -> Result<&str, ProblemKind> {
    std::str::from_utf8(value).map_err(|_| ProblemKind::NotText)
}

/// The beginning of a value, for its owner.
fn shown(value: &[u8]) -> String {
    let start = &value[..value.len().min(4 * MOST_SHOWN)];
    printable(&String::from_utf8_lossy(start)).chars().take(MOST_SHOWN).collect()
}

/// Characters of a value.
const MOST_SHOWN: usize = 20;
