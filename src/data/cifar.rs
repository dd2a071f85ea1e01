//! The binary form of CIFAR-10, plain or gzip.
//!
//! A row is a byte, its label, and the red, green and blue values of its image, each from the top row of 32 bytes down. Source:
//! Krizhevsky, "Learning multiple layers of features from tiny images" (2009), the data set's page.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::data::Known;
use crate::data::idx::{refused, unpacked, up_to};
use crate::error::{Error, Result};

/// The rows of some files with as many rows each, `rows` in all: features `value / 255`, channels last; and labels.
///
/// # Errors
/// Where a file cannot be read, has more or fewer rows, or labels that are no classes.
pub(super) fn read(paths: &[PathBuf], rows: usize, known: &Known) -> Result<(Array2<f32>, Vec<u32>)> {
    let [height, width, channels] = known.image;
    let (pixels, every) = (height * width, rows / paths.len());
    let mut features = Vec::with_capacity(rows * pixels * channels);
    let mut labels = Vec::with_capacity(rows);
    for path in paths {
        let bytes = bytes(path, every * (1 + pixels * channels))?;
        let first = labels.len();
        for row in bytes.chunks_exact(1 + pixels * channels) {
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

/// The bytes of a file that has to have so many.
fn bytes(path: &Path, wants: usize) -> Result<Vec<u8>> {
    let mut file = unpacked(path).map_err(|e| refused(path, e))?;
    let bytes = up_to(&mut file, wants + 1).map_err(|e| refused(path, e))?;
    if bytes.len() == wants {
        return Ok(bytes);
    }
    let has = if bytes.len() > wants { format!("more than {wants}") } else { bytes.len().to_string() };
    Err(Error::format(path, format!("has {has} bytes instead of {wants}; is it the binary version of the set?")))
}
