//! Descriptions in TOML.
//!
//! ```toml
//! name = "people"                        # of the data: in policies, and in the names of folders
//! task = "classification"                # the default; "multi-label" and "regression" see below
//! label = "answer"                       # the column of the label
//! classes = ["no", "yes"]                # its texts, class 0 first
//! missing_values = ["?"]                 # texts that stand for a missing value, as an empty field always does
//! delimiter = ";"                        # detected if it is left out
//!
//! [split]                                # left out where test rows are in a file of their own (--test-data)
//! test = 0.2                             # a pseudorandom fifth of the rows
//! seed = 1
//! # column = "set"                       # or: by a column of "test" and "train" (or `test_value` and `train_value`)
//!
//! [[columns]]
//! name = "age"
//! kind = "number"
//! range = [0, 80]                        # public; becomes 0 to 1
//! scale = "range"                        # the default; "none" leaves numbers as they are, and "standard" takes off a mean and
//!                                        # divides by a deviation: `mean = 38.6` and `deviation = 13.6`, public as well
//! outside = "refuse"                     # the default; "clip" moves values to the nearest end of the range
//! missing = "constant"                   # the default is "refuse"
//! constant = 40
//!
//! [[columns]]
//! name = "city"
//! kind = "category"                      # a feature for each category
//! categories = ["Graz", "Linz"]
//! missing = "category"                   # a category of its own; or "refuse", or "constant"
//!
//! [[columns]]
//! name = "id"
//! kind = "ignore"
//! ```
//!
//! Instead of `label` and `classes`, rows may have several labels, each of which is there or not:
//!
//! ```toml
//! task = "multi-label"
//! labels = ["sport", "news"]             # columns of 0 and 1, or no and yes, or false and true
//! ```
//!
//! or numbers that are to be learned:
//!
//! ```toml
//! task = "regression"
//!
//! [[targets]]
//! name = "price"                         # a column of numbers
//! range = [0, 500000]                    # with `scale` and `outside` as of other columns
//! ```
//!
//! Data that is no table has one section more instead of `label`, `missing_values`, `delimiter` and `[[columns]]`. Arrays (NPZ, NPY
//! and IDX):
//!
//! ```toml
//! [array]
//! shape = [28, 28]                       # of a row: [features], [height, width] or [height, width, channels]
//! range = [0, 255]                       # as of a column of numbers, with `scale` and `outside`
//! features = "x"                         # the default: an array in an archive, or a file without its ending
//! labels = "y"                           # the default: integers, 0 for the first of `classes`; or a column per label or target
//! test_features = "x_test"               # if test rows are arrays of their own; then there is no [split]
//! test_labels = "y_test"
//! channels = "last"                      # the default; "first" if rows are stored as channels, height, width
//! ```
//!
//! Image files (PNG and JPEG), in folders that are named like `classes`; or binary records, such as those of CIFAR-10:
//!
//! ```toml
//! [image]                                # without [split], the folders of the classes are in `train` and `test`
//! height = 28
//! width = 28
//! channels = 3                           # 1 is grey
//! resize = true                          # the default is false: images of another size are errors
//! ```
//!
//! ```toml
//! [records]                              # without [split], files whose names begin with `test` have the test rows
//! height = 32
//! width = 32
//! channels = 3                           # channel by channel
//! label_bytes = 1                        # the default; the last is the class
//! ```
//!
//! Files are not trusted: whatever is wrong is an error with its line.

use std::path::Path;

use crate::data::description::check::{NAME, TEXT, is_name, is_text};
use crate::data::description::{
    Column, ColumnKind, DataFormat, Description, MissingCategory, Split, TableFormat, Target, TargetNumber,
    toml_formats,
};
use crate::error::{Error, Result};
use crate::input;
use crate::nn::{LineError, Task, TomlTable};

impl Description {
    /// The description of a file, checked.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Format`], naming the file, the line or the column, and what would fit.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path, MOST_BYTES)
            .map_err(|e| Error::file_with(path, &e, "`ppdnn data describe FILE` drafts a description"))?;
        Self::parse(&text).map_err(|reason| Error::format(path, reason))
    }

    /// The description of a text, checked.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let read = read(text).map_err(|e| e.to_string())?;
        read.check().map_err(|e| e.to_string())?;
        Ok(read)
    }
}

fn read(text: &str) -> std::result::Result<Description, LineError> {
    let mut file = TomlTable::parse(text)?;
    let missing = |file: &TomlTable<'_>, key: &str| file.wrong(format!("`{key}` is missing"));
    let name = file.text("name", NAME, is_name)?.ok_or_else(|| missing(&file, "name"))?;
    let target = target(&mut file)?;
    let split = file.table("split")?.map_or(Ok(Split::Files), split)?;
    let (other, columns) = (toml_formats::format(&mut file)?, file.tables("columns")?);
    let format = match (other, columns.is_empty()) {
        (Some(other), true) => other,
        (None, false) => DataFormat::Table(table(&mut file, columns)?),
        _ => return Err(file.wrong(toml_formats::FORMATS)),
    };
    file.finish()?;
    Ok(Description { name, target, format, split })
}

/// What is to be learned.
fn target(file: &mut TomlTable<'_>) -> std::result::Result<Target, LineError> {
    let missing = |file: &TomlTable<'_>, key: &str| file.wrong(format!("`{key}` is missing"));
    let tasks = Task::ALL.map(|task| (task.name(), task));
    Ok(match file.word("task", &tasks)?.unwrap_or_default() {
        Task::Classification => {
            let classes = file.texts("classes", TEXT, is_text)?;
            Target::Class(classes.ok_or_else(|| file.wrong("`classes` is missing; or write `task = \"regression\"` with [[targets]], or `task = \"multi-label\"` with `labels`"))?)
        }
        Task::MultiLabel => {
            Target::Labels(file.texts("labels", TEXT, is_text)?.ok_or_else(|| missing(file, "labels"))?)
        }
        Task::Regression => {
            let numbers = (1..).zip(file.tables("targets")?);
            let numbers = numbers.map(|(number, table)| target_number(table.called(format!("target {number}"))));
            Target::Numbers(numbers.collect::<std::result::Result<_, _>>()?)
        }
    })
}

fn target_number(mut table: TomlTable<'_>) -> std::result::Result<TargetNumber, LineError> {
    let name = table.text("name", TEXT, is_text)?.ok_or_else(|| table.wrong("`name` is missing"))?;
    let mut table = table.called(format!("target `{name}`"));
    let scaling = toml_formats::scaling(&mut table)?;
    table.finish()?;
    Ok(TargetNumber { name, scaling })
}

fn table(file: &mut TomlTable<'_>, columns: Vec<TomlTable<'_>>) -> std::result::Result<TableFormat, LineError> {
    let label = file.text("label", TEXT, is_text)?;
    let fits = |text: &str| text.is_empty() || is_text(text);
    let missing = file.texts("missing_values", TEXT, fits)?.unwrap_or_default();
    let one = |text: &str| text.len() == 1;
    let delimiter = file.text("delimiter", "one ASCII character", one)?.and_then(|text| text.bytes().next());
    let columns = (1..).zip(columns).map(|(number, table)| column(table.called(format!("column {number}"))));
    let columns = columns.collect::<std::result::Result<_, _>>()?;
    Ok(TableFormat { label, columns, missing, delimiter })
}

fn split(mut table: TomlTable<'_>) -> std::result::Result<Split, LineError> {
    let part = table.number("test", "a number above 0 and below 1", |x| x > 0.0 && x < 1.0)?;
    let seed = table.whole("seed", 0, u32::MAX)?;
    let column = table.text("column", TEXT, is_text)?;
    let [test_value, train_value] = ["test_value", "train_value"].map(|key| table.text(key, TEXT, is_text));
    let (test_value, train_value) = (test_value?, train_value?);
    let split = match (column, part) {
        (Some(name), None) if seed.is_none() => Split::Column {
            name,
            test: test_value.unwrap_or_else(|| "test".into()),
            train: train_value.unwrap_or_else(|| "train".into()),
        },
        (None, Some(test)) if test_value.is_none() && train_value.is_none() => {
            Split::Seed { test, seed: seed.unwrap_or(1).into() }
        }
        _ => return Err(table.wrong("needs either `test` (and `seed`) or `column` (and `test_value`, `train_value`)")),
    };
    table.finish()?;
    Ok(split)
}

/// What a missing value becomes, before its kind of column is known.
#[derive(Clone, Copy, PartialEq)]
enum Missing {
    Category,
    Constant,
    Refuse,
}

fn column(mut table: TomlTable<'_>) -> std::result::Result<Column, LineError> {
    let name = table.text("name", TEXT, is_text)?.ok_or_else(|| table.wrong("`name` is missing"))?;
    let mut table = table.called(format!("column `{name}`"));
    let kinds = [("category", "category"), ("ignore", "ignore"), ("number", "number")];
    let kind = table
        .word("kind", &kinds)?
        .ok_or_else(|| table.wrong("`kind` is missing; it is one of `number`, `category`, `ignore`"))?;
    let kind = match kind {
        "category" => category(&mut table)?,
        "number" => number(&mut table)?,
        _ => ColumnKind::Ignore,
    };
    table.finish()?;
    Ok(Column { name, kind })
}

fn category(table: &mut TomlTable<'_>) -> std::result::Result<ColumnKind, LineError> {
    let categories = table.texts("categories", TEXT, is_text)?;
    let categories = categories.ok_or_else(|| table.wrong("`categories` is missing"))?;
    let words = [("refuse", Missing::Refuse), ("constant", Missing::Constant), ("category", Missing::Category)];
    let missing = table.word("missing", &words)?.unwrap_or(Missing::Refuse);
    let constant = table.text("constant", TEXT, is_text)?;
    let missing = match (missing, constant) {
        (Missing::Category, None) => MissingCategory::Own,
        (Missing::Constant, Some(text)) => MissingCategory::Constant(text),
        (Missing::Refuse, None) => MissingCategory::Refuse,
        _ => return Err(table.wrong(CONSTANT)),
    };
    Ok(ColumnKind::Category { categories, missing })
}

fn number(table: &mut TomlTable<'_>) -> std::result::Result<ColumnKind, LineError> {
    let scaling = toml_formats::scaling(table)?;
    let words = [("refuse", Missing::Refuse), ("constant", Missing::Constant)];
    let missing = table.word("missing", &words)?.unwrap_or(Missing::Refuse);
    let constant = table.number("constant", "a finite number", f64::is_finite)?;
    if (missing == Missing::Constant) != constant.is_some() {
        return Err(table.wrong(CONSTANT));
    }
    Ok(ColumnKind::Number { scaling, missing: constant })
}

/// What is wrong with the treatment of missing values.
const CONSTANT: &str = "`missing = \"constant\"` and `constant` go together";

/// Bytes of a file.
const MOST_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::tests::small;

    /// [`small`] as people write it.
    const SMALL: &str = r#"
name = "people"
label = "answer"
classes = ["no", "yes"]
missing_values = ["?"]

[split]
test = 0.2

[[columns]]
name = "age"
kind = "number"
range = [0, 80.0]

[[columns]]
name = "city"
kind = "category"
categories = ["Graz", "Linz"]
missing = "category"

[[columns]]
name = "id"
kind = "ignore"

[[columns]]
name = "size"
kind = "number"
scale = "none"
missing = "constant"
constant = 0.5
"#;

    #[test]
    fn a_description_is_read_and_is_the_same_as_bytes() {
        let read = Description::parse(SMALL).unwrap();
        assert_eq!(read, small());
        let bytes = postcard::to_stdvec(&read).unwrap();
        assert_eq!(postcard::from_bytes::<Description>(&bytes).unwrap(), read);
        let set = SMALL.replace("test = 0.2", "column = \"id\"");
        let by_column = Split::Column { name: "id".into(), test: "test".into(), train: "train".into() };
        assert_eq!(Description::parse(&set).unwrap().split, by_column);
        assert_eq!(Description::parse(&SMALL.replace("[split]\ntest = 0.2", "")).unwrap().split, Split::Files);
    }

    #[test]
    fn what_is_wrong_has_a_line_and_a_column() {
        for (from, to, says) in [
            ("name = \"people\"\n", "", "line 1: `name` is missing"),
            (
                "label =",
                "task = \"numbers\"\nlabel =",
                "line 3: `task` must be one of `classification`, `multi-label`, `regression`, not `\"numbers\"`",
            ),
            ("[0, 80.0]", "[80, 0]", "line 13: column `age`: `range` must be a list of two numbers"),
            ("[0, 80.0]", "[0, nan]", "line 13: column `age`: `range` must be"),
            ("range = [0, 80.0]\n", "", "column `age`: `range = [low, high]` is missing"),
            ("\"Graz\", \"Linz\"", "\"Graz\", 5", "line 18: column `city`: `categories` must be a list of texts"),
            ("\"Graz\", \"Linz\"", "\"Graz\", \"Graz\"", "column `city`: `categories` has `Graz` twice"),
            ("kind = \"ignore\"", "kind = \"text\"", "line 23: column `id`: `kind` must be one of"),
            ("kind = \"ignore\"", "", "line 21: column `id`: `kind` is missing"),
            ("scale = \"none\"", "scale = \"standard\"\nmean = 2", "goes with a public `mean` and `deviation`, or"),
            ("scale = \"none\"", "scale = \"standard\"\nreveal = true\nmean = 2", "or with `reveal = true`"),
            ("scale = \"none\"", "scale = \"none\"\nreveal = true", "or with `reveal = true`"),
            (
                "scale = \"none\"",
                "scale = \"standard\"\nreveal = true",
                "column `size`: `reveal = true` needs a public `range",
            ),
            ("scale = \"none\"", "scale = \"standard\"\nmean = 2\ndeviation = 0", "`deviation` above 0"),
            ("constant = 0.5", "", "line 25: column `size`: `missing = \"constant\"` and `constant` go together"),
            ("constant = 0.5", "constant = 0.5\nunits = 3", "line 31: column `size`: unknown key `units`"),
            ("test = 0.2", "test = 1.5", "line 8: split: `test` must be a number above 0 and below 1"),
            ("test = 0.2", "seed = 3", "needs either `test`"),
        ] {
            assert!(SMALL.contains(from), "{from}");
            let text = Description::parse(&SMALL.replacen(from, to, 1)).unwrap_err();
            assert!(text.contains(says), "`{says}` is not in `{text}`");
        }
    }

    #[test]
    fn a_description_of_many_columns_takes_time_in_proportion() {
        let columns = |n: usize| -> String {
            (0..n).map(|i| format!("[[columns]]\nname = \"c{i}\"\nkind = \"ignore\"\n")).collect()
        };
        let text = format!("{}{}", SMALL, columns(100_000));
        let start = std::time::Instant::now();
        assert_eq!(Description::parse(&text).unwrap().table().columns.len(), 100_004);
        // counting lines from the start took minutes
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        let text = Description::parse(&text.replace("c99999", "c5")).unwrap_err();
        assert!(text.contains("two columns have the name `c5`"), "{text}");
    }
}
