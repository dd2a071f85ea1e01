//! Tables: what they mean, compared with a second implementation (`tables/make.py`), and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use ppdnn::data::description::Target;
use ppdnn::data::{At, DataSet, Description, Examples, OwnData, Split};
use tempfile::TempDir;

use crate::harness::write;

fn samples() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "tables"].iter().collect()
}

fn people() -> Description {
    Description::load(&samples().join("people.toml")).unwrap()
}

/// All rows of a file.
fn load(path: &Path, description: &Description) -> ppdnn::Result<DataSet> {
    let data = OwnData::open(path, None, description.clone())?;
    let [train, test] = data.rows();
    data.load_rows([0..train, 0..test])
}

/// What Python takes a table for: features and class of every row.
fn expected(set: &str) -> Vec<(Vec<f32>, u32)> {
    let text = fs::read_to_string(samples().join("people.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[set].take()).unwrap()
}

fn rows(examples: &Examples) -> Vec<(Vec<f32>, u32)> {
    examples.features().rows().into_iter().map(|row| row.to_vec()).zip(examples.labels().iter().copied()).collect()
}

#[test]
fn tables_of_every_dialect_mean_what_another_program_says() {
    let names = ["people.csv", "people.tsv", "people-semicolon.csv", "people-bom-crlf.csv", "people.csv.gz"];
    for name in names.into_iter().chain(["people-other-order.csv"]) {
        let DataSet { name: data, train, test } = load(&samples().join(name), &people()).unwrap();
        assert_eq!((data.as_str(), train.len(), test.len()), ("people", 32, 8), "{name}");
        assert_eq!(rows(&train), expected("train"), "{name}");
        assert_eq!(rows(&test), expected("test"), "{name}");
        assert_eq!((train.features().ncols(), train.classes()), (people().features(), 2));
    }
    // another meaning is noticed
    let mut other = people();
    let Target::Class(classes) = &mut other.target else { panic!("people have classes") };
    classes.swap(0, 1);
    let swapped = load(&samples().join("people.csv"), &other).unwrap();
    assert_ne!(rows(&swapped.train), expected("train"));
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_parquet_file_is_refused_with_the_feature_that_reads_it() {
    let path = samples().with_file_name("parquet").join("snappy.parquet");
    let text = OwnData::open(&path, None, people()).unwrap_err().to_string();
    assert!(text.contains("is a Parquet file, which this build"), "{text}");
    assert!(text.contains("build it with the feature `parquet`"), "{text}");
}

#[test]
fn some_rows_are_those_of_all() {
    let data = OwnData::open(&samples().join("people.tsv"), None, people()).unwrap();
    let DataSet { train, test, .. } = data.load_rows([7..19, 8..8]).unwrap();
    assert_eq!(rows(&train), expected("train")[7..19]);
    assert!(test.is_empty());
    let refused = data.load_rows([0..33, 0..0]).unwrap_err();
    assert!(refused.to_string().contains("rows 0 to 33 were requested, but people has 32"), "{refused}");
}

#[test]
fn test_rows_may_be_in_a_file_of_their_own() {
    let (train, test) = (samples().join("people.csv"), samples().join("people.tsv"));
    let refused = OwnData::open(&train, Some(&test), people()).unwrap_err().to_string();
    assert!(refused.contains("remove its `[split]`, or --test-data"), "{refused}");
    let mut whole = people();
    whole.split = Split::Files;
    let data = OwnData::open(&train, Some(&test), whole.clone()).unwrap();
    assert_eq!(data.rows(), [40, 40]);
    assert_eq!(OwnData::open(&train, None, whole).unwrap().rows(), [40, 0]);
    // by a seed: every row is in one of the two, the same each time
    let mut seeded = people();
    seeded.split = Split::Seed { test: 0.3, seed: 5 };
    let [first, again] = [(); 2].map(|()| load(&train, &seeded).unwrap());
    assert_eq!(first, again);
    assert_eq!(first.train.len() + first.test.len(), 40);
    assert!((3..25).contains(&first.test.len()));
}

/// Files with one mistake, and what is said of it.
const BROKEN: [(&str, &[&str]); 23] = [
    ("empty.csv", &["is empty; its first line must have the names"]),
    ("blank.csv", &["is empty"]),
    ("wrong-delimiter.csv", &["line 1: the header is a single field", "set `delimiter`"]),
    ("missing-fields.csv", &["line 4: the row has 4 fields, but the header has 6", "quotation marks"]),
    ("extra-fields.csv", &["line 5: the row has 7 fields, but the header has 6"]),
    ("nan.csv", &["line 3, column `age`: is not a finite number", "missing_values"]),
    ("infinity.csv", &["line 4, column `size`: is not a finite number"]),
    ("too-large.csv", &["line 4, column `size`: is not a finite number"]),
    ("text-in-number.csv", &["line 5, column `age`: is not a number"]),
    ("comma-in-number.csv", &["line 5, column `size`: is not a number", "1234.5"]),
    ("out-of-range.csv", &["line 6, column `age`: is outside 0 to 80", "\"clip\""]),
    ("missing-value.csv", &["line 6, column `age`: the value is missing", "missing = \"constant\""]),
    ("unknown-category.csv", &["line 2, column `city`: the value is not one of the column's categories"]),
    ("unknown-class.csv", &["line 7, column `answer`: the value is not one of the classes"]),
    ("unknown-part.csv", &["line 3, column `set`: is neither the `test_value` nor the `train_value`"]),
    ("missing-label.csv", &["line 7, column `answer`: the value is missing"]),
    ("duplicate-header.csv", &["line 1, column `age`: stands twice in the header"]),
    ("unknown-column.csv", &["line 1, column `notes`: is in the header, but not in the description"]),
    ("no-column.csv", &["line 1, column `town`: is in the header, but not"]),
    ("latin-1.csv", &["line 2, column `city`: is not UTF-8"]),
    ("utf-16.csv", &["is UTF-16; save it as UTF-8"]),
    ("cut.csv.gz", &["is truncated"]),
    ("spreadsheet.csv", &["export the table as CSV"]),
];

#[test]
fn a_table_that_does_not_fit_is_refused_with_its_place_and_without_its_values() {
    let folder = samples().join("broken");
    for (name, says) in BROKEN {
        let path = folder.join(name);
        let error = OwnData::open(&path, None, people()).unwrap_err();
        let text = error.to_string();
        assert!(!error.is_usage(), "an error of a file is its owner's affair");
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        says.iter().for_each(|words| assert!(text.contains(words), "{name}: `{words}` is not in {text}"));
        for value in ["forty", "1,5", "Test", "80.5", "maybe", "graz", "1e39"] {
            assert!(!text.contains(value), "{name}: a value of the owner is in {text}");
        }
    }
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(files, BROKEN.len(), "every file is tried");
}

#[test]
fn a_report_has_the_first_places_and_counts_of_all() {
    let folder = TempDir::new().unwrap();
    let rows: String =
        (0..25).map(|i| format!("train,{i},Graz,{},x,{}\n", if i < 12 { "old" } else { "99" }, "no")).collect();
    let path = write(&folder, "many.csv", format!("set,size,city,age,note,answer\n{rows}train,1\n").as_bytes());
    let report = OwnData::report(&path, None, &people()).unwrap();
    assert_eq!((report.train_rows, report.test_rows, report.wrong_rows, report.problems()), (26, 0, 26, 26));
    assert_eq!(report.first.len(), 10);
    assert_eq!(
        (report.first[9].problem.at.clone(), report.first[9].problem.value.as_deref()),
        (At::Line(11), Some("old"))
    );
    assert!(!format!("{report:?}").contains("old"), "a value is in {report:?}");
    let counts: Vec<_> = report.counts.iter().map(|((column, kind), n)| (column.as_str(), *kind, *n)).collect();
    assert_eq!(counts, [("", "missing fields", 1), ("age", "not a number", 12), ("age", "out of range", 13)]);
    assert!(OwnData::report(&samples().join("people.csv"), None, &people()).unwrap().fits());
}

#[test]
fn a_file_that_changes_between_its_check_and_its_reading_is_noticed() {
    let folder = TempDir::new().unwrap();
    let text = fs::read(samples().join("people.csv")).unwrap();
    let path = write(&folder, "people.csv", &text);
    let data = OwnData::open(&path, None, people()).unwrap();
    let end = text.iter().rposition(|byte| *byte == b'\n').unwrap();
    let start = text[..end].iter().rposition(|byte| *byte == b'\n').unwrap();
    fs::write(&path, &text[..=start]).unwrap();
    let error = data.load_rows([0..32, 0..8]).unwrap_err().to_string();
    assert!(error.contains("changed while it was read"), "{error}");
    fs::write(&path, String::from_utf8(text).unwrap().replace("yes", "perhaps")).unwrap();
    let error = data.load_rows([0..32, 0..8]).unwrap_err().to_string();
    assert!(error.contains("column `answer`: the value is not one of the classes"), "{error}");
}
