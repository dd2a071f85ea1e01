//! Files of data sets, as fuzz targets.

use std::ops::Range;
use std::path::Path;

use csv::ByteRecord;
use ndarray::s;

use super::idx::Idx;
use super::table::TableReader;
use super::{DatasetInfo, Format, cifar};

/// An IDX file, plain or gzip: it has as many values as it announces, and some are those of all.
pub(crate) fn idx(path: &Path) {
    if let Ok(idx) = Idx::open(path) {
        let shape = idx.shape().clone();
        if let Ok(values) = idx.map(u32::from) {
            assert_eq!(values.len(), shape.len());
            let last = values.len() / 2..values.len();
            let own = Idx::open(path).and_then(|idx| idx.part(last.clone(), u32::from));
            assert_eq!(own.expect("values of a file that can be read"), values[last]);
        }
    }
}

/// A file of rows in CIFAR's binary form, plain or gzip; some rows are those of all.
pub(crate) fn cifar(path: &Path) {
    let files = [path.to_owned(), path.to_owned()];
    let read = |rows| cifar::read(&files, 2 * ROWS, rows, &SMALL);
    let some = read(SOME);
    if let Ok((features, labels)) = read(0..2 * ROWS) {
        assert!(labels.iter().all(|label| (*label as usize) < SMALL.classes));
        let (own, own_labels) = some.expect("rows of a file that can be read");
        assert_eq!((own.view(), &own_labels[..]), (features.slice(s![SOME, ..]), &labels[SOME]));
    }
}

/// A table, the first rows of it: a row has as many fields as the header.
pub(crate) fn parquet(path: &Path) {
    let Ok(mut reader) = TableReader::open(path, Some(b',')) else { return };
    let (mut record, mut header) = (ByteRecord::new(), None);
    for _ in 0..MOST_READ {
        match reader.next(&mut record) {
            Ok(true) if matches!(reader, TableReader::Lines(_)) => {}
            Ok(true) => assert_eq!(record.len(), *header.get_or_insert(record.len())),
            Ok(false) | Err(_) => return,
        }
    }
}

/// Rows of a table that are read.
const MOST_READ: usize = 1000;

/// Rows of a file.
const ROWS: usize = 3;
/// Some rows of two files.
const SOME: Range<usize> = 1..5;

/// A set of images of 2 rows, 3 columns and 3 channels.
const SMALL: DatasetInfo = DatasetInfo {
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
