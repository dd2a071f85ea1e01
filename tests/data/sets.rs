//! The known sets: what they hold, and files that are not theirs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ppdnn::data::{DataSet, DatasetFile, DatasetInfo, Examples, Format, SearchPath, dataset_info, load};
use tempfile::TempDir;

use crate::harness::{gzip, hex, idx, never, only, only_nothing, put, tiny, tiny_files};

#[test]
fn mnist_is_what_it_should_be() {
    let started = Instant::now();
    let set = load("mnist", &only(&checkout()), &mut never).unwrap();
    println!("mnist loads in {:?}", started.elapsed());
    is_like_mnist(&set, "mnist");
    assert_eq!(set.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(set.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    // Means of the pixels, as published for this set: 0.1307 and 0.1325.
    assert!((mean(&set.train) - 0.1307).abs() < 5e-5 && (mean(&set.test) - 0.1325).abs() < 5e-5);
    // Counts of the digits, as published for this set.
    assert_eq!(counts(set.train.labels()), [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
}

#[test]
fn fashion_mnist_is_what_it_should_be() {
    let mut places = SearchPath::new(None);
    places.cache = None;
    if !Path::new("/usr/share/datasets/fashion-mnist").is_dir() {
        // past the capture of tests that pass
        let why = "SKIPPED: no /usr/share/datasets/fashion-mnist (Debian: apt install dataset-fashion-mnist)\n";
        std::io::stderr().write_all(why.as_bytes()).unwrap();
        return;
    }
    places.folders = vec!["/usr/share/datasets".into()];
    let set = load("fashion-mnist", &places, &mut never).unwrap();
    is_like_mnist(&set, "fashion-mnist");
    assert_eq!(counts(set.train.labels()), [6000; 10]);
    assert_eq!(counts(set.test.labels()), [1000; 10]);
    assert!((mean(&set.train) - 0.2860).abs() < 5e-5);
}

#[test]
fn the_readme_lists_the_checksums_of_the_files() {
    let folder = checkout();
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    assert_eq!(untold(&folder, &readme), Vec::<String>::new());
    let broken = readme.replacen("ae18e77e", "ae18e77f", 1);
    assert_eq!(untold(&folder, &broken), ["t10k-labels-idx1-ubyte.gz"], "a wrong checksum must be noticed");
    for text in ["CC BY-SA 3.0", "Yann LeCun, Corinna Cortes, Christopher J.C. Burges", "yann.lecun.com/exdb/mnist/"] {
        assert!(readme.contains(text), "{text}");
    }
}

#[test]
fn unknown_names_are_errors_that_list_the_known_ones() {
    let error = load("cifar", &only(&checkout()), &mut never).unwrap_err();
    assert!(error.is_usage());
    assert_eq!(error.to_string(), "unknown data set `cifar`; choose one of mnist, fashion-mnist, cifar-10");
}

#[test]
fn mislabelled_files_are_named() {
    let tiny = tiny(&[]);
    let labels = |labels: &[u8]| idx(&[labels.len() as u32], labels);
    let images = |rows: u32, side: u32| idx(&[rows, side, side], &vec![9; (rows * side * side) as usize]);
    let cases: &[(usize, Vec<u8>, &str)] = &[
        (0, labels(&[2, 0, 1]), "holds labels of shape [3], but the images of tiny here have shape [3, 2, 2]"),
        (1, images(3, 2), "holds images of shape [3, 2, 2], but the labels of tiny here have shape [3]"),
        (0, images(2, 2), "holds images of shape [2, 2, 2], but the images of tiny here have shape [3, 2, 2]"),
        (2, images(2, 3), "holds images of shape [2, 3, 3], but the images of tiny here have shape [2, 2, 2]"),
        (3, labels(&[0, 1, 2]), "holds labels of shape [3], but the labels of tiny here have shape [2]"),
        (3, idx(&[1, 2], &[0; 2]), "holds neither images nor labels of shape [1, 2]"),
        (3, labels(&[0, 3]), "row 1 has label 3, but tiny has 0 to 2"),
        (1, labels(&[0, 0, 1]), "these labels are not those of tiny: its training set starts with [2, 0, 1,"),
    ];
    for (which, bytes, reason) in cases {
        let place = TempDir::new().unwrap();
        put(place.path(), &tiny, &tiny_files(0), "");
        let path = place.path().join(tiny.files[*which].name);
        fs::write(&path, bytes).unwrap();
        let error = tiny.load(&only(place.path()), &mut never).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: {reason}", path.display())), "{error}");
    }
}

#[test]
fn cifar_files_become_images_with_channels_last_and_wrong_ones_are_refused() {
    let file = |name| DatasetFile { name, sha256: "", bytes: 0, content: "" };
    let cifar = DatasetInfo {
        name: "tiny-cifar",
        image: [2, 2, 3],
        features: 12,
        train_rows: 4,
        test_rows: 1,
        format: Format::Cifar,
        files: vec![file("data_batch_1.bin"), file("data_batch_2.bin"), file("test_batch.bin")].leak(),
        first_labels: [2, 0, 1, 2, 0, 0, 0, 0],
        ..tiny(&[])
    };
    let place = TempDir::new().unwrap();
    // a label, then four red, four green and four blue values
    let row = |label: u8, first: u8| std::iter::once(label).chain(first..first + 12).collect::<Vec<u8>>();
    let write = |name: &str, rows: &[Vec<u8>]| fs::write(place.path().join(name), rows.concat()).unwrap();
    write("data_batch_1.bin", &[row(2, 0), row(0, 12)]);
    write("data_batch_2.bin", &[row(1, 24), row(2, 36)]);
    fs::write(place.path().join("test_batch.bin.gz"), gzip(&row(1, 100))).unwrap();
    let set = cifar.load(&only(place.path()), &mut never).unwrap();
    assert_eq!((set.train.labels(), set.test.labels()), (&[2, 0, 1, 2][..], &[1][..]));
    let values = |row: &[u8]| row.iter().map(|x| f32::from(*x) / 255.0).collect::<Vec<f32>>();
    let first = [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11];
    assert_eq!(set.train.features().row(0).to_vec(), values(&first));
    assert_eq!(set.train.features().row(3).to_vec(), values(&first.map(|x| x + 36)));
    assert_eq!(set.test.features().row(0).to_vec(), values(&first.map(|x| x + 100)));
    let refused = |name: &str, rows: &[Vec<u8>], says: &str| {
        write(name, rows);
        let error = cifar.load(&only(place.path()), &mut never).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(says), "{error}");
    };
    refused("data_batch_2.bin", &[row(1, 24)], "has 13 bytes instead of 26");
    refused("data_batch_2.bin", &[row(1, 24), row(2, 36), row(2, 36)], "has more than 26 bytes");
    refused("data_batch_2.bin", &[row(1, 24), row(3, 36)], "row 1 has label 3, but tiny-cifar has 0 to 2");
    write("data_batch_2.bin", &[row(1, 24), row(2, 36)]);
    refused("data_batch_1.bin", &[row(0, 0), row(0, 12)], "these labels are not those of tiny-cifar");
    let error = load("cifar-10", &SearchPath { folders: vec!["nowhere".into()], ..only_nothing() }, &mut never);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("ppdnn does not download this data set") && error.contains("data_batch_5.bin"), "{error}");
}

#[test]
fn a_set_in_the_folder_of_another_is_noticed() {
    let error = load("fashion-mnist", &only(&checkout().join("mnist")), &mut never).unwrap_err().to_string();
    assert!(error.contains("train-labels-idx1-ubyte.gz: these labels are not those of fashion-mnist"), "{error}");
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets")
}

fn is_like_mnist(set: &DataSet, name: &str) {
    let known = dataset_info(name).unwrap();
    assert_eq!((set.name.as_str(), set.train.classes(), set.test.classes()), (name, 10, 10));
    for (examples, rows) in [(&set.train, 60_000), (&set.test, 10_000)] {
        assert_eq!((examples.features().dim(), examples.len()), ((rows, known.features), rows));
        let pixels = examples.features().as_slice().unwrap();
        // Whole 255ths in [0, 1], and both ends are reached.
        assert!(pixels.iter().all(|x| (0.0..=1.0).contains(x) && (x * 255.0).round() / 255.0 == *x));
        assert!(pixels.contains(&0.0) && pixels.contains(&1.0));
    }
}

fn mean(examples: &Examples) -> f64 {
    let sum: f64 = examples.features().iter().map(|x| f64::from(*x)).sum();
    sum / examples.features().len() as f64
}

fn counts(labels: &[u32]) -> [usize; 10] {
    std::array::from_fn(|class| labels.iter().filter(|label| **label as usize == class).count())
}

/// The files of `mnist/` whose size and SHA-256 the README does not tell rightly.
fn untold(folder: &Path, readme: &str) -> Vec<String> {
    let names = ["t10k-images", "t10k-labels", "train-images", "train-labels"];
    let files = fs::read_dir(folder.join("mnist")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    assert_eq!(files.len(), names.len());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(files.iter().zip(names).all(|(file, start)| name(file).starts_with(start)));
    let told = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        readme.contains(&format!("| `mnist/{}` | {} | `{}` |", name(path), bytes.len(), hex(&bytes)))
    };
    files.iter().filter(|file| !told(file)).map(|file| name(file)).collect()
}
