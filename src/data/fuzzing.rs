//! Files of data sets, as fuzz targets.

use std::path::Path;

use super::idx::Idx;
use super::{Format, Known, cifar};

/// An IDX file, plain or gzip: what is read has as many values as it announces.
pub(crate) fn idx(path: &Path) {
    if let Ok(idx) = Idx::open(path) {
        let shape = idx.shape().clone();
        if let Ok(values) = idx.map(u32::from) {
            assert_eq!(values.len(), shape.len());
        }
    }
}

/// A file of rows in CIFAR's binary form, plain or gzip.
pub(crate) fn cifar(path: &Path) {
    let files = [path.to_owned(), path.to_owned()];
    if let Ok((features, labels)) = cifar::read(&files, 2 * ROWS, &SMALL) {
        assert_eq!((features.nrows(), labels.len()), (2 * ROWS, 2 * ROWS));
        assert!(labels.iter().all(|label| (*label as usize) < SMALL.classes));
    }
}

/// Rows of a file.
const ROWS: usize = 3;

/// A set of images of 2 rows, 3 columns and 3 channels.
const SMALL: Known = Known {
    name: "small",
    classes: 10,
    features: 18,
    image: [2, 3, 3],
    train_rows: 2 * ROWS,
    test_rows: 0,
    mean: 0.5,
    deviation: 0.25,
    first_labels: [0; 8],
    format: Format::Cifar,
    files: &[],
    urls: &[],
};
