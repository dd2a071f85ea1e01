//! Arrays: what NumPy wrote is read as it means it (`arrays/make.py`), and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use ppdnn::data::description::{Learn, draft};
use ppdnn::data::{At, DataSet, Description, Examples, OwnData};
use ppdnn::nn::Task;
use ppdnn::shape::Shape;
use tempfile::TempDir;

fn samples() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "arrays"].iter().collect()
}

/// A description of rows of a shape, with more lines.
fn described(shape: &str, more: &str) -> Description {
    let text = format!("name = \"samples\"\nclasses = [\"a\", \"b\", \"c\"]\n[array]\nshape = {shape}\n{more}\n");
    Description::parse(&text).unwrap()
}

const PIXELS: &str = "range = [0, 255]";

fn load(path: &Path, description: &Description) -> ppdnn::Result<DataSet> {
    let data = OwnData::open(path, None, description.clone())?;
    let [train, test] = data.rows();
    data.load_rows([0..train, 0..test])
}

/// What NumPy takes a set for: features and class of every row.
fn expected(set: &str) -> Vec<(Vec<f32>, u32)> {
    let text = fs::read_to_string(samples().join("meaning.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(all[set].take()).unwrap()
}

fn rows(examples: &Examples) -> Vec<(Vec<f32>, u32)> {
    examples.features().rows().into_iter().map(|row| row.to_vec()).zip(examples.labels().iter().copied()).collect()
}

#[test]
fn arrays_of_every_container_and_kind_mean_what_numpy_says() {
    let grey = ["stored.npz", "packed.npz", "column.npz", "wide.npz", "big-endian.npz"];
    let folders =
        ["npy", "npy/x.npy", "version2", "gzip", "gzip/x.npy.gz", "idx", "idx/x", "idx-gzip", "idx-gzip/x.gz"];
    for name in grey.into_iter().chain(folders) {
        for shape in ["[3, 4]", "[3, 4, 1]"] {
            let set = load(&samples().join(name), &described(shape, PIXELS));
            let DataSet { train, test, .. } = set.unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(rows(&train), expected("grey"), "{name}");
            assert!(test.is_empty() && train.classes() == 3);
        }
    }
    let last = described("[3, 4, 2]", PIXELS);
    assert_eq!(last.shape(), Shape::from([3, 4, 2]));
    assert_eq!(rows(&load(&samples().join("last.npz"), &last).unwrap().train), expected("colour"));
    let first = described("[3, 4, 2]", "range = [0, 255]\nchannels = \"first\"");
    assert_eq!(rows(&load(&samples().join("first.npz"), &first).unwrap().train), expected("colour"));
    let reals = described("[5]", "scale = \"none\"");
    assert_eq!(rows(&load(&samples().join("reals.npz"), &reals).unwrap().train), expected("reals"));
    assert_eq!(rows(&load(&samples().join("reals32.npz"), &reals).unwrap().train), expected("reals32"));
    // another meaning is noticed
    let other = load(&samples().join("stored.npz"), &described("[3, 4]", "range = [0, 256]")).unwrap();
    assert_ne!(rows(&other.train), expected("grey"));
    assert!(load(&samples().join("first.npz"), &last).is_err());
}

#[test]
fn rows_for_testing_are_picked_or_have_arrays_of_their_own() {
    let own = "features = \"x_train\"\nlabels = \"y_train\"\ntest_features = \"x_test\"\ntest_labels = \"y_test\"";
    let own = described("[3, 4]", &format!("{PIXELS}\n{own}"));
    let DataSet { train, test, .. } = load(&samples().join("split.npz"), &own).unwrap();
    assert_eq!(rows(&train), expected("grey")[..6]);
    assert_eq!(rows(&test), expected("grey")[6..]);
    let stored = samples().join("stored.npz");
    let refused = OwnData::open(&samples().join("split.npz"), Some(&stored), own).unwrap_err();
    assert!(refused.is_usage() && refused.to_string().contains("--test-data"), "{refused}");
    // in a file of their own
    let data = OwnData::open(&stored, Some(&samples().join("npy")), described("[3, 4]", PIXELS)).unwrap();
    assert_eq!(data.rows(), [9, 9]);
    let DataSet { train, test, .. } = data.load_rows([2..5, 8..9]).unwrap();
    assert_eq!((rows(&train), rows(&test)), (expected("grey")[2..5].to_vec(), expected("grey")[8..].to_vec()));
    // picked by a seed: every row is in one of the two
    let seeded = described("[3, 4]", &format!("{PIXELS}\n[split]\ntest = 0.4"));
    let DataSet { train, test, .. } = load(&stored, &seeded).unwrap();
    assert_eq!(train.len() + test.len(), 9);
    let mut all = [rows(&train), rows(&test)].concat();
    let mut whole = expected("grey");
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    whole.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(all, whole);
}

/// Files with one mistake, and what is said of it.
const BROKEN: [(&str, &[&str]); 31] = [
    ("shape", &["x.npy: `x` has shape [9, 12], rows of shape [12], but the description has [3, 4]", "reshape"]),
    ("rows", &["y.npy: `y` has 9 labels, but `x` has 8 rows"]),
    ("label-axes", &["y.npy: `y` has shape [9, 3]; labels have one axis"]),
    ("label-floats", &["`y` must be integers", "astype"]),
    ("label-range", &["y.npy: row 4, `y[4]`: the label is not one of 0 to 2", "ppdnn data check"]),
    ("label-negative", &["row 5, `y[5]`: the label is not one of 0 to 2"]),
    ("nan", &["x.npy: row 2, `x[2, 1, 3]`: is not a finite number"]),
    ("infinity", &["row 3, `x[3, 0, 0]`: is not a finite number"]),
    ("range", &["row 7, `x[7, 2, 1]`: is outside 0 to 255", "\"clip\""]),
    ("cut", &["`x` is truncated: it declares shape [9, 3, 4], but ends in row 8, after 7 of its 12 values"]),
    ("cut-header", &["ends within its header"]),
    ("hostile", &["`y` has 9 labels, but `x` has 9007199254740 rows"]),
    ("overflow", &["more values than a file can have"]),
    ("hostile-labels", &["`y` has 9007199254740 labels, but `x` has 9 rows"]),
    ("header", &["ends within its header"]),
    ("long-header", &["declares a header of 2147483647 bytes"]),
    ("long", &["`x` is too long"]),
    ("fortran", &["Fortran order", "ascontiguousarray"]),
    ("objects", &["Python objects"]),
    ("text", &["neither NPY nor IDX"]),
    ("empty", &["neither NPY nor IDX"]),
    ("cut-gzip", &["`x` is damaged", "copy or save it again"]),
    ("idx-cut", &["`x` is truncated", "ends in row 8, after 11"]),
    ("idx-hostile", &["more values than a file can have"]),
    ("idx-kind", &["0x07"]),
    ("no-labels.npz", &["has no array `y`; it has: labels, x", "`labels` in the description"]),
    ("cut.npz", &["is a damaged archive"]),
    ("checksum.npz", &["`x` is damaged"]),
    ("bomb.npz", &["`x` is too long"]),
    ("spreadsheet.npz", &["has no array `x`, and no other array"]),
    ("none.npz", &["none.npz"]),
];

#[test]
fn arrays_that_do_not_fit_are_refused_with_their_place_and_without_their_values() {
    let folder = samples().join("broken");
    for (name, says) in BROKEN {
        let error = OwnData::open(&folder.join(name), None, described("[3, 4]", PIXELS)).unwrap_err();
        let text = error.to_string();
        assert!(!error.is_usage() && text.starts_with(&folder.display().to_string()), "{text}");
        says.iter().for_each(|words| assert!(text.contains(words), "{name}: `{words}` is not in {text}"));
        assert!(!text.contains("256") && !text.contains("NaN"), "{name}: a value of the owner is in {text}");
    }
    let files = fs::read_dir(folder).unwrap().count();
    assert_eq!(files + 1, BROKEN.len(), "every file is tried");
}

#[test]
fn a_report_has_the_first_places_with_their_values_and_counts_of_all() {
    let description = described("[3, 4]", "range = [0, 100]");
    let report = OwnData::report(&samples().join("stored.npz"), None, &description).unwrap();
    let large = |row: &(Vec<f32>, u32)| row.0.iter().filter(|x| **x * 255.0 > 100.5).count() as u64;
    let problems: u64 = expected("grey").iter().map(large).sum();
    assert_eq!((report.problems(), report.first.len(), report.wrong_rows), (problems, 10, 9));
    let first = &report.first[0].problem;
    assert!(matches!(&first.at, At::Entry(axes) if axes.len() == 3), "{first}");
    let value: f64 = first.value.as_ref().unwrap().parse().unwrap();
    assert!(value > 100.0);
    let counts: Vec<_> = report.counts.iter().map(|((array, kind), n)| (array.as_str(), *kind, *n)).collect();
    assert_eq!(counts, [("x", "out of range", problems)]);
    assert!(OwnData::report(&samples().join("stored.npz"), None, &described("[3, 4]", PIXELS)).unwrap().fits());
}

#[test]
fn a_draft_describes_the_arrays_that_it_was_made_from() {
    for name in
        ["stored.npz", "npy", "npy/x.npy", "idx", "idx/x", "idx-gzip/x.gz", "split.npz", "first.npz", "reals.npz"]
    {
        let path = samples().join(name);
        let drafted = draft(&path, Learn::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(drafted.description.target.names(), ["0", "1", "2"], "{}", drafted.text);
        let data = OwnData::open(&path, None, drafted.description).unwrap();
        assert_eq!(data.rows().iter().sum::<usize>(), 9, "{name}");
        assert_eq!(drafted.text.contains("test_features"), name == "split.npz", "{name}");
        assert_ne!(drafted.text.contains("[split]"), name == "split.npz", "{name}");
    }
    let named =
        draft(&samples().join("broken/no-labels.npz"), Learn { labels: &["labels".to_owned()], task: None }).unwrap();
    assert!(named.text.contains("features = \"x\"\nlabels = \"labels\""), "{}", named.text);
    let floats = draft(&samples().join("broken/label-floats"), Learn::default()).unwrap().description;
    assert_eq!(floats.target.task(), Task::Regression);
    let refused = |name: &str| draft(&samples().join("broken").join(name), Learn::default()).unwrap_err().to_string();
    assert!(refused("spreadsheet.npz").contains("Export it as CSV"));
    assert!(refused("hostile-labels").contains("is truncated"));
}

#[test]
fn a_file_that_changes_between_its_check_and_its_reading_is_noticed() {
    let folder = TempDir::new().unwrap();
    let put = |from: &str| {
        for file in ["x.npy", "y.npy"] {
            fs::copy(samples().join(from).join(file), folder.path().join(file)).unwrap();
        }
    };
    put("npy");
    let data = OwnData::open(folder.path(), None, described("[3, 4]", PIXELS)).unwrap();
    put("broken/range");
    let error = data.load_rows([0..9, 0..0]).unwrap_err().to_string();
    assert!(error.contains("row 7"), "{error}");
}

#[test]
fn arrays_with_any_byte_changed_or_cut_anywhere_are_read_or_refused() {
    let folder = TempDir::new().unwrap();
    let description = described("[3, 4]", PIXELS);
    let mut refused = 0;
    for name in ["npy/x.npy", "idx/x", "gzip/x.npy.gz", "packed.npz"] {
        let whole = fs::read(samples().join(name)).unwrap();
        let labels = fs::read(samples().join("npy/y.npy")).unwrap();
        fs::write(folder.path().join("y.npy"), labels).unwrap();
        let file = folder.path().join("x");
        let read = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            OwnData::open(&file, None, description.clone()).is_ok()
        };
        assert!(read(&whole), "{name}");
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                refused += u32::from(!read(&changed));
            }
            assert!(!read(&whole[..at]), "{name} fits when it is cut after {at} of {} bytes", whole.len());
        }
    }
    assert!(refused > 1000, "{refused}");
}
