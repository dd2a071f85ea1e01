//! The binary form of CIFAR-10, plain or gzip.
//!
//! A row is a byte, its label, and the red, green and blue values of its image, each from the top row of 32 bytes down. Source:
//! Krizhevsky, "Learning multiple layers of features from tiny images" (2009), the data set's page.

use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::data::DatasetInfo;
use crate::data::idx::{refused, unpacked, up_to};
use crate::error::{Error, Result};

/// Some rows of files with as many rows each, `rows` in all: features `value / 255`, channels last; and labels. Files without
/// such a row are not read.
///
/// # Errors
/// If a file cannot be read, has more or fewer rows, or labels that are no classes.
pub(super) fn read(
    paths: &[PathBuf],
    rows: usize,
    wanted: Range<usize>,
    known: &DatasetInfo,
) -> Result<(Array2<f32>, Vec<u32>)> {
    let [height, width, channels] = known.image;
    let (pixels, every) = (height * width, rows / paths.len());
    let record = 1 + pixels * channels;
    let mut features = Vec::with_capacity(wanted.len() * pixels * channels);
    let mut labels = Vec::with_capacity(wanted.len());
    for (file, path) in paths.iter().enumerate() {
        let within = |row: usize| row.clamp(file * every, (file + 1) * every) - file * every;
        let own = within(wanted.start)..within(wanted.end);
        if own.is_empty() {
            continue;
        }
        let first = labels.len();
        let bytes = bytes(path, own.start * record..own.end * record, every * record)?;
        for row in bytes.chunks_exact(record) {
            let (label, planes) = row.split_at(1);
            labels.push(u32::from(label[0]));
            let value = |i: usize| planes[i % channels * pixels + i / channels];
            features.extend((0..pixels * channels).map(|i| f32::from(value(i)) / 255.0));
        }
        known.check_labels(path, &labels[first..])?;
    }
    let features = Array2::from_shape_vec([labels.len(), pixels * channels], features);
    Ok((features.expect("a row has as many values as an image"), labels))
}

/// Some bytes of a file that has to have `all`; whether it has more is seen where its last ones are asked for.
fn bytes(path: &Path, wanted: Range<usize>, all: usize) -> Result<Vec<u8>> {
    let fail = |e| refused(path, e);
    let mut file = unpacked(path).map_err(fail)?;
    let mut has = io::copy(&mut (&mut file).take(wanted.start as u64), &mut io::sink()).map_err(fail)?;
    let bytes = up_to(&mut file, wanted.len()).map_err(fail)?;
    has += bytes.len() as u64;
    if wanted.end == all {
        has += up_to(&mut file, 1).map_err(fail)?.len() as u64;
    }
    if has == wanted.end as u64 {
        return Ok(bytes);
    }
    let has = if has > all as u64 { format!("more than {all}") } else { has.to_string() };
    Err(Error::format(path, format!("has {has} bytes instead of {all}; is it the binary version of the data set?")))
}
