//! A first description of data, guessed from its values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use csv::ByteRecord;

use crate::data::Description;
use crate::data::description::check::{MOST_CLASSES, is_name, is_text};
#[cfg(feature = "images")]
use crate::data::description::draft_image;
use crate::data::description::draft_target::{DraftTarget, Learn};
use crate::data::description::{draft_array, draft_record};
use crate::data::idx::{refused, unpacked, up_to};
use crate::data::records;
use crate::data::table::{TableReader, few_enough, named};
use crate::error::{Error, Result};
use crate::input;
use crate::net::printable;
use crate::nn::Task;

/// A drafted description.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The description as a file, with comments.
    pub text: String,
    /// The same, read.
    pub description: Description,
    /// The number of rows.
    pub rows: u64,
}

/// Guesses the description of data.
///
/// The label of a table is the last column, if none is named; what kind of task it is for follows from its values, unless it is said. A column of finite numbers is a number with the range of its values;
/// one of at most 100 texts is a category; the others are ignored. Arrays (NPZ, NPY, IDX, or a folder of the latter two) are told
/// by their names: `x` and `y`, `images` and `labels`, and other usual ones. A folder of folders of images has a class for each, and
/// files that end in `.bin` are records as CIFAR-10 has them.
///
/// # Errors
/// [`Error::File`] and [`Error::Format`] if the file cannot be read, its rows have different numbers of fields, it has no such
/// label, or its label has fewer than 2 or more than 1,000 values.
pub fn draft(path: &Path, learn: Learn<'_>) -> Result<Draft> {
    if path.is_dir() {
        return draft_folder(path, learn);
    }
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    if name.ends_with(".bin") || name.ends_with(".bin.gz") {
        return draft_record::draft(path);
    }
    let start = input::start(path, 4).map_err(|e| Error::file(path, e))?;
    let mut unpacked = unpacked(path).map_err(|e| refused(path, e))?;
    let first = up_to(&mut unpacked, 4).map_err(|e| refused(path, e))?;
    let is_array =
        start.starts_with(b"PK") || first.starts_with(&[0x93, b'N', b'U', b'M']) || first.starts_with(&[0, 0]);
    if is_array { draft_array::draft(path, learn) } else { draft_table(path, learn) }
}

/// A folder has folders of images, files of records, or arrays.
fn draft_folder(path: &Path, learn: Learn<'_>) -> Result<Draft> {
    #[cfg(feature = "images")]
    if let Some(draft) = draft_image::draft(path)? {
        return Ok(draft);
    }
    if records::files(path).is_ok() { draft_record::draft(path) } else { draft_array::draft(path, learn) }
}

fn draft_table(path: &Path, learn: Learn<'_>) -> Result<Draft> {
    let mut reader = TableReader::open(path, None)?;
    let mut record = ByteRecord::new();
    reader.next(&mut record)?;
    few_enough(path, &record)?;
    let mut columns = names(path, &record)?.into_iter().map(Seen::new).collect::<Vec<_>>();
    let last = columns.last().map(|column| column.name.clone());
    let names = if learn.labels.is_empty() { last.as_slice() } else { learn.labels };
    let learned = |column: &Seen| names.contains(&column.name);
    if let Some(name) = names.iter().find(|name| columns.iter().all(|column| column.name != **name)) {
        let known = columns.iter().take(20).map(|column| format!("`{}`", column.name)).collect::<Vec<_>>().join(", ");
        return Err(Error::format(
            path,
            format!("the header does not have the column `{}` of --label; it has {known}", printable(name)),
        ));
    }
    columns.iter_mut().filter(|column| learned(column)).for_each(|column| column.most = MOST_CLASSES);
    let mut rows = 0;
    while reader.next(&mut record)? {
        if record.len() != columns.len() {
            let line = record.position().map_or(0, csv::Position::line);
            let (has, wants) = (record.len(), columns.len());
            return Err(Error::format(path, format!("line {line}: has {has} fields, but the header has {wants}")));
        }
        rows += 1;
        columns.iter_mut().zip(&record).for_each(|(column, value)| column.add(value));
    }
    let (learned, columns): (Vec<_>, Vec<_>) = columns.into_iter().partition(learned);
    finished(path, file(path, &learned, &columns, learn.task)?, rows)
}

/// A draft, whose text is read.
pub(super) fn finished(path: &Path, text: String, rows: u64) -> Result<Draft> {
    let description = Description::parse(&text).map_err(|reason| {
        Error::format(path, format!("its draft is not a valid description: {reason}; change the names or the values"))
    })?;
    Ok(Draft { text, description, rows })
}

/// The names of the header.
fn names(path: &Path, header: &ByteRecord) -> Result<Vec<String>> {
    if header.len() < 2 {
        return Err(Error::format(
            path,
            "the header has one column; a table needs a label and at least one other column",
        ));
    }
    let text = |name: Vec<u8>| String::from_utf8(name).ok().filter(|name| is_text(name));
    let names = (1..).zip(header).map(|(number, name)| {
        text(named(number, name)).ok_or_else(|| {
            Error::format(
                path,
                format!("column {number} of the header has an unprintable or very long name; rename it"),
            )
        })
    });
    names.collect()
}

/// What was seen in a column.
pub(super) struct Seen {
    pub(super) name: String,
    /// Different texts, until there are too many; [`Seen::most`] is the limit.
    pub(super) texts: Option<BTreeMap<String, u64>>,
    most: usize,
    /// The smallest and the largest number, as long as there are only numbers.
    range: Option<[f64; 2]>,
    /// The number that follows the last, as long as each is one more than the one before.
    next: Option<f64>,
    /// Missing values, by the text that stands for them.
    missing: [u64; MISSING.len()],
}

impl Seen {
    fn new(name: String) -> Self {
        let range = Some([f64::INFINITY, f64::NEG_INFINITY]);
        let texts = Some(BTreeMap::new());
        Self { name, texts, most: MOST_CATEGORIES, range, next: Some(f64::NAN), missing: [0; MISSING.len()] }
    }

    fn add(&mut self, value: &[u8]) {
        let text = std::str::from_utf8(value).map(str::trim).unwrap_or(NO_TEXT);
        if let Some(at) = MISSING.iter().position(|missing| *missing == text) {
            self.missing[at] += 1;
            return;
        }
        let number = text.parse::<f64>().ok().filter(|x| x.is_finite());
        self.range = self.range.zip(number).map(|([low, high], x)| [low.min(x), high.max(x)]);
        // the first may be any number
        self.next = self.next.zip(number).filter(|(next, x)| next.is_nan() || next == x).map(|(_, x)| x + 1.0);
        let Some(texts) = &mut self.texts else { return };
        let room = texts.len() < self.most;
        match texts.get_mut(text) {
            Some(count) => *count += 1,
            None if room && is_text(text) => {
                texts.insert(text.to_owned(), 1);
            }
            None => self.texts = None,
        }
    }

    fn has_missing(&self) -> bool {
        self.missing.iter().any(|count| *count > 0)
    }

    /// The range, if all values are numbers and not all are the same.
    pub(super) fn numbers(&self) -> Option<[f64; 2]> {
        self.range.filter(|[low, high]| low < high && low.abs().max(high.abs()) < f64::from(f32::MAX))
    }
}

fn file(path: &Path, learned: &[Seen], columns: &[Seen], task: Option<Task>) -> Result<String> {
    let target = DraftTarget::of_columns(path, learned, task)?;
    let mut text = HEAD.to_owned();
    let _ = write!(text, "name = {}\n{}", quoted(&name(path)), target.keys);
    let all = columns.iter().chain(learned);
    let stands = |at: usize| all.clone().any(|column| column.missing[at] > 0);
    let missing: Vec<String> = (1..MISSING.len()).filter(|at| stands(*at)).map(|at| MISSING[at].to_owned()).collect();
    if !missing.is_empty() {
        let _ = writeln!(text, "missing_values = {}    # as an empty field", list(&missing));
    }
    text += "\n# or a column of \"train\" and \"test\": column = \"NAME\"";
    text += SPLIT;
    text += &target.sections;
    columns.iter().for_each(|column| section(&mut text, column));
    Ok(text)
}

fn section(text: &mut String, column: &Seen) {
    let _ = writeln!(text, "\n[[columns]]\nname = {}", quoted(&column.name));
    let missing = column.missing.iter().sum::<u64>();
    match (column.numbers(), &column.texts) {
        (Some(_), _) if column.next.is_some() => {
            let _ = writeln!(text, "kind = \"ignore\"    # numbers of rows");
        }
        (Some([low, high]), _) => {
            let _ = writeln!(text, "kind = \"number\"\nrange = [{low:?}, {high:?}]");
            if column.has_missing() {
                let _ = writeln!(
                    text,
                    "missing = \"constant\"    # {missing} values\nconstant = {:?}",
                    low / 2.0 + high / 2.0
                );
            }
        }
        (None, Some(texts)) if texts.len() >= 2 || (texts.len() == 1 && column.has_missing()) => {
            let _ = writeln!(text, "kind = \"category\"\ncategories = {}", list(texts.keys()));
            if column.has_missing() {
                let _ = writeln!(text, "missing = \"category\"    # {missing} values");
            }
        }
        (None, texts) => {
            let why = match texts {
                Some(_) => "all values are the same".to_owned(),
                None => format!("not all numbers, and more than {MOST_CATEGORIES} different or long texts"),
            };
            let _ = writeln!(text, "kind = \"ignore\"    # {why}");
        }
    }
}

/// The name of the file, as far as it can be the name of data.
pub(super) fn name(path: &Path) -> String {
    let file = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let stem = file.split('.').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = stem.chars().map(plain).take(MOST_NAME).collect();
    let known = crate::data::names().any(|known| known == name);
    if is_name(&name) && !known { name } else { format!("own-{}", name.trim_start_matches('-')) }
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    format!("[{}]", texts.into_iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// Most different texts of a category that is guessed.
pub(super) const MOST_CATEGORIES: usize = 100;

/// Letters of a name that is guessed.
const MOST_NAME: usize = 32;

/// Texts that are taken for a missing value; a description takes the first always.
const MISSING: [&str; 8] = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"];

/// Stands for bytes that are not UTF-8: no text of a category.
const NO_TEXT: &str = "\u{fffd}\n";

/// The split of a draft.
pub(super) const SPLIT: &str = "
# without [split], test rows are in a file of their own (--test-data)
[split]
test = 0.2
seed = 1
";

/// The beginning of a draft.
pub(super) const HEAD: &str = "\
# The data description: all owners and the trainer have the same file, and everything in it is public,
# also to the servers. The ranges and categories below were read from the rows: replace those that reveal
# something about a row (a largest income, a rare category) with generally known values.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::{ColumnKind, MissingCategory, Target};

    fn drafted(text: &str, label: Option<&str>) -> Result<Draft> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my table.csv");
        std::fs::write(&path, text).unwrap();
        let labels: Vec<String> = label.into_iter().flat_map(|label| label.split('+')).map(str::to_owned).collect();
        draft(&path, Learn { labels: &labels, task: None })
    }

    #[test]
    fn tasks_are_guessed_from_the_values() {
        let rows = "age,sport,news,price\n31,0,1,99.5\n-2,1,1,150\n40,0,0,12\n";
        let target = |label| drafted(rows, label).unwrap().description.target;
        let Target::Numbers(prices) = target(None) else { panic!("a price is a number") };
        assert_eq!((prices[0].name.as_str(), prices[0].scaling.range), ("price", Some([12.0, 150.0])));
        assert_eq!(target(Some("sport")), Target::Class(vec!["0".into(), "1".into()]));
        assert_eq!(target(Some("sport+news")), Target::Labels(vec!["sport".into(), "news".into()]));
        let refused = |labels: &[&str], task| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("rows.csv");
            std::fs::write(&path, rows).unwrap();
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            draft(&path, Learn { labels: &labels, task: Some(task) }).unwrap_err().to_string()
        };
        assert!(refused(&["sport", "price"], Task::Classification).contains("classification has one label"));
        assert!(
            refused(&["sport", "price"], Task::MultiLabel).contains("column `price` cannot be one of several labels")
        );
        let ages = drafted(&rows.replace("31", "old"), Some("age")).unwrap().description.target;
        assert_eq!(ages.task(), Task::Classification);
    }

    #[test]
    fn kinds_ranges_and_categories_are_those_of_the_values() {
        let rows = "age,city,id,same,answer\n31, Graz ,a,7,no\n-2.5,Linz,b,7,yes\n40,?,\"c\"\"\",7,no\n";
        let Draft { text, mut description, rows } = drafted(rows, None).unwrap();
        assert_eq!((description.name.as_str(), rows), ("my-table", 3));
        assert!(text.starts_with("# The data description"), "{text}");
        assert_eq!(*description.classes(), ["no", "yes"]);
        let table = description.table();
        assert_eq!((table.label.as_deref(), &table.missing[..]), (Some("answer"), &["?".to_owned()][..]));
        let kinds: Vec<&ColumnKind> = table.columns.iter().map(|column| &column.kind).collect();
        let number = crate::data::description::tests::number(Some([-2.5, 40.0]), None);
        let city =
            ColumnKind::Category { categories: vec!["Graz".into(), "Linz".into()], missing: MissingCategory::Own };
        assert_eq!(kinds[..2], [&number, &city]);
        assert!(matches!(kinds[2], ColumnKind::Category { categories, .. } if categories[2] == "c\""));
        assert_eq!(kinds[3], &ColumnKind::Ignore);
        let many: String = (0..200).map(|i| format!("text {i},{}\n", i % 3)).collect();
        let description = drafted(&format!("free,answer,more\n{}", many.replace('\n', ",1\n")), Some("answer"));
        assert!(description.is_err_and(|e| e.to_string().contains("no feature")));
    }

    #[test]
    fn numbers_of_rows_are_ignored_and_columns_without_a_name_have_one() {
        let Draft { mut description, .. } = drafted(",x,y\n7,0,a\n8,5,b\n9,1,b\n", None).unwrap();
        let first = &description.table().columns[0];
        assert_eq!((first.name.as_str(), &first.kind), ("column 1", &ColumnKind::Ignore));
        assert_eq!(description.features(), 1);
    }

    #[test]
    fn tables_without_a_label_are_refused() {
        let refused = |text: &str, label| drafted(text, label).unwrap_err().to_string();
        assert!(refused("a,b\n1,2\n2,2\n", None).contains("column `b` cannot be the label"));
        assert!(refused("a,b\n1,2\n", Some("c")).contains("--label"));
        assert!(refused("a\n1\n", None).contains("one column"));
        assert!(refused("a,b\n1,2,3\n", None).contains("line 2: has 3 fields"));
        assert!(refused("a,b\u{7}\n1,2\n", None).contains("column 2 of the header has an unprintable"));
        assert!(refused("", None).contains("is empty"));
    }
}
