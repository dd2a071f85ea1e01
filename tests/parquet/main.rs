//! Tables in Parquet files of two other programs (`data/parquet/make.py`): they mean what the same table as CSV means, and damaged
//! or unsupported files are refused.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod crafted;
mod damaged;

use std::fs;
use std::path::{Path, PathBuf};

use ppdnn::data::description::{Draft, Learn, Target, draft};
use ppdnn::data::{At, DataSet, Description, OwnData};

fn samples(folder: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", folder].iter().collect()
}

fn people() -> Description {
    Description::load(&samples("tables").join("people.toml")).unwrap()
}

fn load(path: &Path, description: &Description) -> ppdnn::Result<DataSet> {
    let data = OwnData::open(path, None, description.clone())?;
    let [train, test] = data.rows();
    data.load_rows([0..train, 0..test])
}

fn refused(path: &Path) -> String {
    OwnData::open(path, None, people()).map(|_| ()).unwrap_err().to_string()
}

const GOOD: [&str; 7] = [
    "snappy.parquet",
    "plain.parquet",
    "version2.parquet",
    "pages.parquet",
    "fastparquet.parquet",
    "gzip.parquet",
    "zstd.parquet",
];

#[test]
fn files_of_other_programs_mean_what_the_same_table_as_csv_means() {
    let csv = load(&samples("tables").join("people.csv"), &people()).unwrap();
    assert_eq!((csv.train.len(), csv.test.len()), (32, 8));
    for name in GOOD {
        assert_eq!(load(&samples("parquet").join(name), &people()).unwrap(), csv, "{name}");
    }
    // another meaning is noticed
    let mut other = people();
    let Target::Class(classes) = &mut other.target else { panic!("people have classes") };
    classes.swap(0, 1);
    assert_ne!(load(&samples("parquet").join(GOOD[0]), &other).unwrap(), csv);
}

#[test]
fn drafts_are_those_of_the_same_table_as_csv() {
    // the same values; a CSV file has spaces and question marks besides
    let csv = fs::read_to_string(samples("tables").join("people.csv")).unwrap().replace('?', "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snappy.csv");
    fs::write(&path, csv).unwrap();
    let expected = draft(&path, Learn::default()).unwrap();
    let Draft { text, description, rows } = draft(&samples("parquet").join(GOOD[0]), Learn::default()).unwrap();
    assert_eq!((description, rows), (expected.description, 40), "{text}");
}

/// A description of a table whose column has these categories, and the rest is ignored.
fn categories(column: &str, categories: &[&str]) -> Description {
    let columns = ["flag", "i8", "u8", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "date", "bytes"];
    let ignored = |name: &&&str| **name != column;
    let mut text = format!(
        "name = \"kinds\"\nlabel = \"answer\"\nclasses = [\"no\", \"yes\"]\n[[columns]]\nname = \"{column}\"\nkind = \"category\"\n\
         missing = \"category\"\ncategories = {categories:?}\n"
    );
    for name in columns.iter().filter(ignored) {
        text += &format!("[[columns]]\nname = \"{name}\"\nkind = \"ignore\"\n");
    }
    Description::parse(&text).unwrap()
}

#[test]
fn values_of_every_type_have_all_their_digits() {
    let kinds = [
        ("flag", ["true", "false"]),
        ("i8", ["-128", "127"]),
        ("u8", ["0", "255"]),
        ("u16", ["0", "65535"]),
        ("i32", ["-2147483648", "2147483647"]),
        ("u32", ["0", "4294967295"]),
        ("i64", ["-9223372036854775808", "9223372036854775807"]),
        ("u64", ["0", "18446744073709551615"]),
        ("f32", ["0.1", "-340282350000000000000000000000000000000"]),
        ("date", ["1", "-1"]),
        ("bytes", ["a,b", "\"c\""]),
    ];
    let path = samples("parquet").join("kinds.parquet");
    for (column, texts) in kinds {
        let DataSet { train, .. } = load(&path, &categories(column, &texts)).unwrap();
        let features: Vec<f32> = train.features().iter().copied().collect();
        assert_eq!(features, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0], "{column}");
        assert_eq!(train.labels(), [0, 1, 0]);
        assert!(load(&path, &categories(column, &["0.25", texts[1]])).is_err(), "{column}: another text is noticed");
    }
}

#[test]
fn tables_that_are_not_read_are_refused_with_the_reason() {
    let broken = [
        ("list", "column `other`: has lists or records; export its parts"),
        ("record", "column `other`: has lists or records"),
        ("decimal", "column `other`: has decimals"),
        ("fixed", "column `other`: has a type that is not supported"),
        ("brotli", "is compressed with BROTLI; export it with snappy, gzip, zstd"),
        ("one-column", "has fewer than two columns"),
        ("no-column", "has fewer than two columns"),
        ("doubled", "column `age`: stands twice in the header"),
        ("out-of-range", "row 2 (from 0), column `age`: is outside 0 to 80"),
        ("missing-value", "row 1 (from 0), column `age`: the value is missing"),
        ("latin-1", "row 1 (from 0), column `city`: is not UTF-8"),
    ];
    let folder = samples("parquet").join("broken");
    for (name, says) in broken {
        let path = folder.join(format!("{name}.parquet"));
        let text = refused(&path);
        assert!(text.starts_with(&path.display().to_string()), "{text}");
        assert!(text.contains(says), "{name}: `{says}` is not in {text}");
    }
    let text = draft(&folder.join("delta.parquet"), Learn { labels: &["answer".to_owned()], task: None })
        .unwrap_err()
        .to_string();
    assert!(text.contains("column `other`: is stored in an encoding that is not supported"), "{text}");
    // as of a CSV file with nothing but a header
    assert_eq!(OwnData::open(&folder.join("no-rows.parquet"), None, people()).unwrap().rows(), [0, 0]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), broken.len() + 2, "every file is tried");
    let report = OwnData::report(&folder.join("out-of-range.parquet"), None, &people()).unwrap();
    assert_eq!(report.first[0].problem.at, At::Row(2));
}
