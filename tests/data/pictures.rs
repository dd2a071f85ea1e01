//! Image files and binary records: what Pillow and NumPy wrote is read as they mean it (`pictures/make.py`), and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ppdnn::data::description::{Learn, draft};
use ppdnn::data::{At, DataSet, Description, Examples, OwnData, ProblemKind};
use ppdnn::shape::Shape;

type Row = (Vec<f32>, u32);

fn samples(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", "pictures", name].iter().collect()
}

/// A description of images of 6 x 4 pixels, with more lines before and in its section.
fn described(channels: u32, split: &str, more: &str) -> Description {
    let size = format!("height = 4\nwidth = 6\nchannels = {channels}");
    let classes = "classes = [\"cat\", \"dog\", \"wild goose\"]";
    Description::parse(&format!("name = \"pets\"\n{classes}\n{split}\n[image]\n{size}\n{more}\n")).unwrap()
}

fn batches(more: &str) -> Description {
    let size = "height = 3\nwidth = 4\nchannels = 3";
    Description::parse(&format!("name = \"batches\"\nclasses = [\"a\", \"b\", \"c\"]\n[records]\n{size}\n{more}\n"))
        .unwrap()
}

fn load(path: &Path, description: &Description) -> ppdnn::Result<DataSet> {
    let data = OwnData::open(path, None, description.clone())?;
    let [train, test] = data.rows();
    data.load_rows([0..train, 0..test])
}

/// What Pillow takes the files of a folder for.
fn expected(set: &str) -> Vec<Row> {
    let text = fs::read_to_string(samples("meaning.json")).unwrap();
    let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let files: BTreeMap<String, Row> = serde_json::from_value(all[set].take()).unwrap();
    assert!(files.len() > 2, "{set}");
    files.into_values().collect()
}

fn rows(examples: &Examples) -> Vec<Row> {
    examples.features().rows().into_iter().map(|row| row.to_vec()).zip(examples.labels().iter().copied()).collect()
}

/// The largest difference of values from the row that is nearest, as each file has its row and files have no order here.
fn apart(rows: &[Row], expected: &[Row]) -> f32 {
    assert_eq!(rows.len(), expected.len());
    let difference = |(a, class): &Row, (b, other): &Row| {
        let values = a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        if class == other { values } else { f32::INFINITY }
    };
    let nearest = |row: &Row| expected.iter().map(|other| difference(row, other)).fold(f32::INFINITY, f32::min);
    let back = |row: &Row| rows.iter().map(|other| difference(row, other)).fold(f32::INFINITY, f32::min);
    rows.iter().map(nearest).chain(expected.iter().map(back)).fold(0.0, f32::max)
}

#[test]
fn png_files_of_every_kind_mean_exactly_what_pillow_says() {
    let colour = load(&samples("png"), &described(3, "", "")).unwrap();
    assert_eq!(described(3, "", "").shape(), Shape::from([4, 6, 3]));
    assert_eq!(apart(&rows(&colour.train), &expected("png")), 0.0);
    let grey = load(&samples("png"), &described(1, "", "")).unwrap();
    assert_eq!(apart(&rows(&grey.train), &expected("png in grey")), 0.0);
    // the first rows are of all classes, the order is always the same
    let classes = &colour.train.labels()[..5];
    assert!((0..3).all(|class| classes.contains(&class)), "{classes:?}");
    assert_eq!(load(&samples("png"), &described(3, "", "")).unwrap(), colour);
    // another image, or another class, is noticed
    let mut other = expected("png");
    other[3].1 = 0;
    assert!(apart(&rows(&colour.train), &other) > 0.01);
    assert!(apart(&rows(&grey.train), &rows(&colour.train).into_iter().collect::<Vec<_>>()) > 0.01);
}

#[test]
fn jpeg_files_are_within_the_rounding_of_another_decoder() {
    let DataSet { train, .. } = load(&samples("jpeg"), &described(3, "", "")).unwrap();
    // two decoders round the cosine transform, and the colours, by a unit each
    let apart = apart(&rows(&train), &expected("jpeg"));
    assert!(apart < 4.5 / 255.0, "{}", 255.0 * apart);
}

#[test]
fn images_of_other_sizes_are_refused_by_name_or_resized_as_pillow_does() {
    let error = OwnData::open(&samples("sizes"), None, described(3, "", "")).unwrap_err().to_string();
    assert!(error.contains("pixels (width x height), but the description has 6 x 4"), "{error}");
    assert!(error.contains("`resize = true`") && error.contains(".png: is "), "{error}");
    let DataSet { train, .. } = load(&samples("sizes"), &described(3, "", "resize = true")).unwrap();
    // Pillow rounds to 8 bits after each of two passes
    let apart = apart(&rows(&train), &expected("sizes"));
    assert!(apart < 1.2 / 255.0, "{}", 255.0 * apart);
}

#[test]
fn folders_named_train_and_test_are_parts_and_a_seed_splits_others() {
    let DataSet { train, test, .. } = load(&samples("parts"), &described(3, "", "")).unwrap();
    assert_eq!(apart(&rows(&train), &expected("train")), 0.0);
    assert_eq!(apart(&rows(&test), &expected("test")), 0.0);
    let parts = ["train", "test"].map(|part| samples("parts").join(part));
    let data = OwnData::open(&parts[0], Some(&parts[1]), described(3, "", "")).unwrap();
    assert_eq!(data.rows(), [4, 3]);
    assert_eq!(data.load_rows([0..4, 0..3]).unwrap(), DataSet { train, test, name: "pets".into() });
    let seeded = described(3, "[split]\ntest = 0.4\nseed = 3", "");
    let DataSet { train, test, .. } = load(&samples("png"), &seeded).unwrap();
    assert!(!test.is_empty());
    assert_eq!(apart(&[rows(&train), rows(&test)].concat(), &expected("png")), 0.0);
    // `train` and `test` are no classes of a split
    let error = OwnData::open(&samples("parts"), None, seeded).unwrap_err().to_string();
    assert!(error.contains("no folder that is named like a class"), "{error}");
}

/// Folders with one mistake, and what is said of it.
const BROKEN: [(&str, &str, &str); 10] = [
    ("size", "dog/bad.png", "is 7 x 4 pixels (width x height), but the description has 6 x 4"),
    ("cut", "dog/bad.png", "truncated or damaged"),
    ("cut-jpeg", "dog/bad.png", "truncated or damaged"),
    ("checksum", "dog/bad.png", "truncated or damaged"),
    ("text", "dog/bad.png", "is neither PNG nor JPEG"),
    ("announced", "dog/bad.png", "cannot be decoded"),
    ("empty", "dog/bad.png", "is neither PNG nor JPEG"),
    ("gif", "dog/bad.png", "is neither PNG nor JPEG"),
    ("folder", "fox", "the folder is not named like a class"),
    ("none", "", "broken"),
];

#[test]
fn images_that_do_not_fit_are_refused_with_their_file() {
    for (name, file, says) in BROKEN {
        let folder = samples("broken").join(name);
        let error = OwnData::open(&folder, None, described(3, "", "")).unwrap_err();
        let text = error.to_string();
        assert!(
            !error.is_usage() && text.starts_with(folder.join(file).display().to_string().trim_end_matches('/')),
            "{text}"
        );
        assert!(text.contains(says), "{name}: `{says}` is not in {text}");
    }
    assert_eq!(fs::read_dir(samples("broken")).unwrap().count() + 1, BROKEN.len(), "every folder is tried");
    // 2^62 pixels are not allocated, resized or not
    let report = OwnData::report(&samples("broken/announced"), None, &described(3, "", "resize = true")).unwrap();
    assert_eq!((report.train_rows, report.wrong_rows, report.first.len()), (2, 1, 1));
    let problem = &report.first[0].problem;
    assert!(matches!(problem.kind, ProblemKind::LargeImage | ProblemKind::DamagedImage), "{problem}");
    assert_eq!(problem.at, At::File);
    let error = OwnData::open(&samples("png/cat"), None, described(3, "", "")).unwrap_err().to_string();
    assert!(error.contains("one folder for each class"), "{error}");
}

#[test]
fn records_mean_what_numpy_says() {
    let text = fs::read_to_string(samples("records/meaning.json")).unwrap();
    let all: BTreeMap<String, Vec<Row>> = serde_json::from_str(&text).unwrap();
    let [first, second, test] = ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"].map(|name| &all[name]);
    let set = load(&samples("records/cifar"), &batches("")).unwrap();
    assert_eq!(rows(&set.train), [&first[..], second].concat());
    assert_eq!(&rows(&set.test), test);
    assert_eq!(batches("").shape(), Shape::from([3, 4, 3]));
    let one = samples("records/cifar/data_batch_2.bin");
    let data = OwnData::open(&one, Some(&samples("records/test.bin.gz")), batches("")).unwrap();
    let DataSet { train, test: tested, .. } = data.load_rows([1..3, 0..3]).unwrap();
    assert_eq!((rows(&train), &rows(&tested)), (second[1..3].to_vec(), test));
    let fine = load(&samples("records/fine.bin"), &batches("label_bytes = 2")).unwrap();
    assert_eq!(&rows(&fine.train), test);
    assert_ne!(rows(&load(&samples("records/cifar"), &batches("")).unwrap().test), *second);
}

#[test]
fn records_that_do_not_fit_are_refused_with_their_row() {
    for (name, says) in [
        ("cut.bin", "is truncated: it ends in row 2 (from 0), after 36 of its 37 bytes"),
        ("empty.bin", "is truncated: it ends in row 0"),
        ("label.bin", "row 1 (from 0): the label is not one of 0 to 2"),
        ("none.bin", "none.bin"),
        ("../png", "has no file of records"),
    ] {
        let error = OwnData::open(&samples("records").join(name), None, batches("")).unwrap_err().to_string();
        assert!(error.contains(says), "`{says}` is not in {error}");
    }
    let report = OwnData::report(&samples("records/label.bin"), None, &batches("")).unwrap();
    assert_eq!((report.wrong_rows, report.first[0].problem.value.as_deref()), (1, Some("3")));
    assert_eq!(report.first[0].problem.at, At::Row(1));
}

#[test]
fn a_draft_describes_the_folder_that_it_was_made_from() {
    for (name, rows, resized) in [("png", 8, false), ("jpeg", 4, false), ("sizes", 4, true), ("parts", 7, false)] {
        let drafted = draft(&samples(name), Learn::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(drafted.text.contains("resize = true"), resized, "{}", drafted.text);
        assert_eq!(drafted.text.contains("[split]"), name != "parts");
        let data = OwnData::open(&samples(name), None, drafted.description).unwrap();
        assert_eq!(data.rows().iter().sum::<usize>(), rows, "{name}");
    }
    let refused = |name: &str| draft(&samples(name), Learn::default()).unwrap_err().to_string();
    assert!(refused("records/cifar").contains("section [records]"));
    let folder = tempfile::tempdir().unwrap();
    let mut batch = vec![0; 2 * 3073];
    batch[3073] = 9;
    fs::write(folder.path().join("data_batch_1.bin"), &batch).unwrap();
    fs::write(folder.path().join("test_batch.bin"), &batch[..3073]).unwrap();
    let drafted = draft(folder.path(), Learn::default()).unwrap();
    assert_eq!((drafted.description.target.width(), drafted.rows), (10, 3));
    assert_eq!(OwnData::open(folder.path(), None, drafted.description).unwrap().rows(), [2, 1]);
}

#[test]
fn images_with_any_byte_changed_or_cut_anywhere_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("cat")).unwrap();
    let file = folder.path().join("cat/image");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let report = OwnData::report(folder.path(), None, &described(3, "", "resize = true")).unwrap();
        assert_eq!(report.train_rows, 1);
        report.fits()
    };
    let mut refused = 0;
    for name in ["png/cat/palette.png", "png/dog/grey.png", "jpeg/cat/a.jpg", "jpeg/dog/c.jpg"] {
        let whole = fs::read(samples(name)).unwrap();
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
