//! Rows with numbers and with several labels to learn: what they mean, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use ppdnn::data::description::{Learn, Target, draft};
use ppdnn::data::{DataSet, Description, Examples, OwnData, Targets};
use ppdnn::error::Error;
use ppdnn::nn::Task;

fn samples() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "targets"].iter().collect()
}

/// What the samples mean, as Python computed it.
fn meaning<T: serde::de::DeserializeOwned + Clone>(what: &str) -> Array2<T> {
    let text = fs::read_to_string(samples().join("meaning.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows: Vec<Vec<T>> = serde_json::from_value(all[what].take()).unwrap();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

const NUMBERS: &str = "task = \"regression\"\n[[targets]]\nname = \"price\"\nrange = [0, 125000]\n[[targets]]\nname = \"rent\"\nscale = \"none\"\n";
const LABELS: &str = "task = \"multi-label\"\nlabels = [\"big\", \"sold\", \"old\"]\n";

fn described(target: &str, ignored: &[&str]) -> Description {
    let ignored = ignored.iter().map(|name| format!("[[columns]]\nname = \"{name}\"\nkind = \"ignore\"\n"));
    let text = format!(
        "name = \"homes\"\n{target}\n[[columns]]\nname = \"size\"\nkind = \"number\"\nrange = [0, 100]\n\
         [[columns]]\nname = \"rooms\"\nkind = \"number\"\nrange = [0, 10]\n{}",
        ignored.collect::<String>()
    );
    Description::parse(&text).unwrap()
}

fn arrays(target: &str) -> Description {
    let text = format!("name = \"homes\"\n{target}\n[array]\nshape = [2]\nscale = \"none\"\n");
    Description::parse(&text).unwrap()
}

fn load(path: &Path, description: Description) -> Result<Examples, Error> {
    let data = OwnData::open(path, None, description)?;
    let [train, test] = data.rows();
    let DataSet { train, .. } = data.load_rows([0..train, 0..test])?;
    Ok(train)
}

#[test]
fn a_table_has_the_numbers_and_the_labels_that_python_wrote() {
    let table = samples().join("homes.csv");
    let numbers = load(&table, described(NUMBERS, &["big", "sold", "old"])).unwrap();
    assert_eq!(*numbers.features(), meaning::<f32>("features"));
    assert_eq!(*numbers.targets(), Targets::Numbers(meaning("numbers")));
    let labels = load(&table, described(LABELS, &["price", "rent"])).unwrap();
    assert_eq!(*labels.targets(), Targets::Labels(meaning("labels")));
    // in another order they are others
    let turned = LABELS.replace("\"big\", \"sold\"", "\"sold\", \"big\"");
    let turned = load(&table, described(&turned, &["price", "rent"])).unwrap();
    assert_ne!(*turned.targets(), Targets::Labels(meaning("labels")));
}

#[test]
fn arrays_have_the_numbers_and_the_labels_that_numpy_wrote() {
    let numbers = load(&samples().join("numbers.npz"), arrays(NUMBERS)).unwrap();
    assert_eq!(*numbers.targets(), Targets::Numbers(meaning("numbers")));
    let labels = load(&samples().join("labels.npz"), arrays(LABELS)).unwrap();
    assert_eq!(*labels.targets(), Targets::Labels(meaning("labels")));
    let price = "task = \"regression\"\n[[targets]]\nname = \"price\"\nrange = [0, 125000]\n";
    let single = load(&samples().join("single.npz"), arrays(price)).unwrap();
    let Targets::Numbers(own) = single.targets() else { panic!("numbers") };
    let want = meaning::<f32>("numbers");
    assert!(own.column(0).iter().zip(want.column(0)).all(|(a, b)| (a - b).abs() < 1e-6) && own.ncols() == 1);
}

#[test]
fn targets_that_do_not_fit_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("homes.csv");
    let refused = |text: &str, target: &str, ignored: &[&str]| {
        fs::write(&rows, text).unwrap();
        load(&rows, described(target, ignored)).unwrap_err().to_string()
    };
    let price = "task = \"regression\"\n[[targets]]\nname = \"price\"\nrange = [0, 100]\n";
    for (value, says) in [
        ("150", "line 3, column `price`: is outside 0 to 100"),
        ("cheap", "line 3, column `price`: is not a number"),
        ("nan", "line 3, column `price`: is not a finite number"),
        ("", "line 3, column `price`: the value is missing"),
    ] {
        let text = refused(&format!("size,rooms,price\n1,2,3\n4,5,{value}\n"), price, &[]);
        assert!(text.contains(says) && !text.contains("150"), "`{says}` is not in `{text}`");
    }
    let plain = price.replace("range = [0, 100]", "scale = \"none\"");
    let text = refused("size,rooms,price\n1,2,9\n", &plain, &[]);
    assert!(text.contains("line 2, column `price`: is not below 8 in magnitude"), "{text}");
    let text = refused("size,rooms,big,sold,old\n1,2,0,1,maybe\n", LABELS, &[]);
    assert!(text.contains("line 2, column `old`: says neither") && !text.contains("maybe"), "{text}");
    assert!(
        refused("size,rooms,big,sold\n1,2,0,1\n", LABELS, &[]).contains("column `old`: is in the description, but not")
    );
    let of = |file: &str, target: &str| load(&samples().join(file), arrays(target)).unwrap_err().to_string();
    assert!(of("numbers.npz", LABELS).contains("`y` has shape [30, 2]; rows of 3 labels are wanted"));
    assert!(of("labels.npz", NUMBERS).contains("has shape [30, 3]; rows of 2 targets are wanted"));
    let three = "task = \"multi-label\"\nlabels = [\"a\", \"b\"]\n";
    assert!(
        of("numbers.npz", three).contains("row 0, `y[0, 0]`: says neither")
            || of("numbers.npz", three).contains("`y[0, 1]`")
    );
    assert!(of("numbers.npz", "classes = [\"a\", \"b\"]\n").contains("labels have one axis"));
}

#[test]
fn descriptions_of_targets_are_checked() {
    let refused = |target: &str| {
        let text =
            format!("name = \"homes\"\n{target}\n[[columns]]\nname = \"size\"\nkind = \"number\"\nrange = [0, 100]\n");
        Description::parse(&text).unwrap_err()
    };
    assert!(refused("task = \"regression\"").contains("`targets` has 0 entries; it must have 1 to 1000"));
    assert!(refused("task = \"multi-label\"").contains("`labels` is missing"));
    assert!(refused("task = \"multi-label\"\nlabels = [\"size\"]").contains("column `size` is to be learned"));
    assert!(refused("task = \"multi-label\"\nlabels = [\"a\"]\nlabel = \"b\"").contains("`label` goes with `classes`"));
    assert!(
        refused("task = \"multi-label\"\nlabels = [\"a\"]\nclasses = [\"b\", \"c\"]").contains("unknown key `classes`")
    );
    assert!(
        refused("task = \"regression\"\n[[targets]]\nname = \"a\"")
            .contains("target `a`: `range = [low, high]` is missing")
    );
    let far = "task = \"regression\"\n[[targets]]\nname = \"a\"\nrange = [0, 9]\nscale = \"none\"";
    assert!(refused(far).contains("target `a`: without scaling, its `range` must be within 8"));
    let image = "name = \"x\"\ntask = \"regression\"\n[[targets]]\nname = \"a\"\nrange = [0, 1]\n[image]\nheight = 2\nwidth = 2\nchannels = 1\n";
    assert!(Description::parse(image).unwrap_err().contains("images and records have classes"));
}

#[test]
fn drafts_of_targets_read_the_rows_that_they_are_of() {
    for (file, labels, task) in [
        ("homes.csv", &["price"][..], Task::Regression),
        ("homes.csv", &["price", "rent"], Task::Regression),
        ("homes.csv", &["big", "sold", "old"], Task::MultiLabel),
        ("homes.csv", &["sold"], Task::Classification),
        ("numbers.npz", &[], Task::Regression),
        ("labels.npz", &[], Task::MultiLabel),
        ("single.npz", &[], Task::Regression),
    ] {
        let path = samples().join(file);
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let drafted = draft(&path, Learn { labels: &labels, task: None }).unwrap();
        assert_eq!(drafted.description.target.task(), task, "{file}: {}", drafted.text);
        let data = OwnData::open(&path, None, drafted.description.clone()).unwrap();
        assert_eq!(data.rows().iter().sum::<usize>(), 30, "{file}");
        if let Target::Numbers(numbers) = &drafted.description.target {
            assert!(numbers.iter().all(|number| number.unit() > 1.0), "{}", drafted.text);
        }
    }
}
