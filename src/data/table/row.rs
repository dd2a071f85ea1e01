//! The features and the class of a row.

use std::collections::HashMap;

use csv::ByteRecord;

use crate::data::Description;
use crate::data::description::{Column, ColumnKind, MissingCategory, Split};
use crate::data::table::Set;
use crate::data::table::header::Header;
use crate::data::table::problem::{Problem, ProblemKind};
use crate::net::printable;

/// How the fields of a row are read.
pub(super) struct Rows<'d> {
    description: &'d Description,
    fields: usize,
    label: usize,
    classes: HashMap<&'d str, u32>,
    columns: Vec<Field<'d>>,
    split: Pick<'d>,
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
enum Pick<'d> {
    /// Those of a text in a column.
    Column { at: usize, name: &'d str, test: &'d str, train: &'d str },
    /// None.
    None,
    /// Those whose number hashes to less than a bound.
    Seed { key: [u8; 32], below: u64 },
}

impl<'d> Rows<'d> {
    /// For a header; what does not fit in it goes to `note`. The rows of a file that is all of one `set` need no split.
    pub(super) fn new(
        description: &'d Description,
        header: &Header,
        set: Option<Set>,
        note: &mut dyn FnMut(Problem),
    ) -> Self {
        let Description { label, classes, columns, split, .. } = description;
        let mut known: HashMap<&[u8], ()> = HashMap::from([(label.as_bytes(), ())]);
        known.extend(columns.iter().map(|column| (column.name.as_bytes(), ())));
        if let Split::Column { name, .. } = split {
            known.insert(name.as_bytes(), ());
        }
        header.check(|name| known.contains_key(name), note);
        let mut first = 0;
        let mut fields = Vec::new();
        for column in columns.iter().filter(|column| column.features() > 0) {
            let (at, width) = (header.find(&column.name, note), column.features());
            fields.push(Field { column, at, first, width, categories: categories(column) });
            first += width;
        }
        let split = match (set, split) {
            (Some(_), _) | (_, Split::Files) => Pick::None,
            (None, Split::Column { name, test, train }) => {
                Pick::Column { at: header.find(name, note), name, test, train }
            }
            (None, Split::Seed { test, seed }) => Pick::seed(*test, *seed),
        };
        Self {
            description,
            fields: header.len(),
            label: header.find(label, note),
            classes: classes.iter().map(String::as_str).zip(0..).collect(),
            columns: fields,
            split,
        }
    }

    /// Whether a row, the `number`th of its file from 0, is for training or for testing.
    pub(super) fn set(&self, record: &ByteRecord, number: u64) -> Set {
        let test = match &self.split {
            Pick::None => false,
            Pick::Column { at, test, .. } => record.get(*at).is_some_and(|text| text.trim_ascii() == test.as_bytes()),
            Pick::Seed { key, below } => {
                let hash = *blake3::keyed_hash(key, &number.to_le_bytes()).as_bytes();
                let first = *hash.first_chunk().expect("a hash has 32 bytes");
                u64::from_le_bytes(first) < *below
            }
        };
        if test { Set::Test } else { Set::Train }
    }

    /// Writes the features of a row, and gives its class; `None` if something does not fit, which is noted.
    pub(super) fn read(
        &self,
        record: &ByteRecord,
        line: u64,
        features: &mut [f32],
        note: &mut dyn FnMut(Problem),
    ) -> Option<u32> {
        if record.len() != self.fields {
            let kind = ProblemKind::Fields { has: record.len(), wants: self.fields };
            note(Problem { line, column: None, kind, value: None });
            return None;
        }
        let mut fits = true;
        let mut wrong = |column: &str, kind: ProblemKind, value: &[u8]| {
            fits = false;
            let value = shown(value);
            note(Problem { line, column: Some(column.to_owned()), kind, value: Some(value) });
        };
        for field in &self.columns {
            let value = record[field.at].trim_ascii();
            let out = &mut features[field.first..field.first + field.width];
            let read = text(value).and_then(|text| field.read(self.given(text), out));
            read.unwrap_or_else(|kind| wrong(&field.column.name, kind, value));
        }
        if let Pick::Column { at, name, test, train } = &self.split {
            let value = record[*at].trim_ascii();
            if value != test.as_bytes() && value != train.as_bytes() {
                wrong(name, ProblemKind::UnknownPart, value);
            }
        }
        let value = record[self.label].trim_ascii();
        let class = text(value).and_then(|text| {
            let text = self.given(text).ok_or(ProblemKind::Missing)?;
            self.classes.get(text).copied().ok_or(ProblemKind::UnknownClass)
        });
        let class = class.map_err(|kind| wrong(&self.description.label, kind, value)).ok();
        class.filter(|_| fits)
    }

    /// A text that stands for a value; `None` if it is missing.
    fn given<'t>(&self, text: &'t str) -> Option<&'t str> {
        (!self.description.is_missing(text)).then_some(text)
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
            ColumnKind::Number { range, clip, scaled, missing } => {
                let x = match (value, missing) {
                    (Some(text), _) => text.parse::<f64>().map_err(|_| ProblemKind::NotNumber)?,
                    (None, Some(constant)) => *constant,
                    (None, None) => return Err(ProblemKind::Missing),
                };
                out[0] = number(x, *range, *clip, *scaled)?;
                Ok(())
            }
        }
    }
}

impl Pick<'_> {
    fn seed(test: f64, seed: u64) -> Self {
        let key = blake3::derive_key("ppdnn 2026 split into training and test rows", &seed.to_le_bytes());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^64, saturating")]
        let below = (test * f64::exp2(64.0)) as u64;
        Self::Seed { key, below }
    }
}

/// The feature of a number.
fn number(x: f64, range: Option<[f64; 2]>, clip: bool, scaled: bool) -> Result<f32, ProblemKind> {
    if !x.is_finite() {
        return Err(ProblemKind::NotFinite);
    }
    let x = match range {
        Some([low, high]) if clip => x.clamp(low, high),
        Some(range) if !(range[0]..=range[1]).contains(&x) => return Err(ProblemKind::OutOfRange { range }),
        _ => x,
    };
    let x = match range {
        Some([low, high]) if scaled => (x - low) / (high - low),
        _ => x,
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is too large for f32 is refused")]
    let feature = x as f32;
    if feature.is_finite() { Ok(feature) } else { Err(ProblemKind::NotFinite) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scaled_by_their_range_and_nothing_else_passes() {
        let range = Some([-10.0, 30.0]);
        let scaled = [-10.0, 0.0, 30.0].map(|x| number(x, range, false, true).unwrap());
        assert_eq!(scaled, [0.0, 0.25, 1.0]);
        assert_eq!(number(99.0, range, true, true), Ok(1.0));
        assert_eq!(number(99.0, range, true, false), Ok(30.0));
        assert_eq!(number(99.0, None, false, false), Ok(99.0));
        let out = ProblemKind::OutOfRange { range: [-10.0, 30.0] };
        assert_eq!(number(30.001, range, false, true), Err(out));
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(x, range, true, true), Err(ProblemKind::NotFinite));
        }
        assert_eq!(number(1e300, None, false, false), Err(ProblemKind::NotFinite));
    }

    #[test]
    fn a_fifth_of_the_rows_is_for_testing_and_another_seed_picks_others() {
        let description = crate::data::description::tests::small();
        let record = ByteRecord::from(vec!["age", "city", "id", "size", "answer"]);
        let header = Header::new(&record, b',');
        let mut rows = Rows::new(&description, &header, None, &mut |problem| panic!("{problem}"));
        let picked = |rows: &Rows<'_>| (0..10_000).filter(|n| rows.set(&record, *n) == Set::Test).collect::<Vec<_>>();
        let first = picked(&rows);
        // five deviations of a binomial distribution
        assert!(first.len().abs_diff(2000) < 200, "{}", first.len());
        assert_eq!(picked(&rows), first);
        rows.split = Pick::seed(0.2, 2);
        assert_ne!(picked(&rows), first);
    }
}
