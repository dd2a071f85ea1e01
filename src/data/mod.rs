//! Data sets: found on this machine or downloaded, checked, and handed on as rows and labels.
//!
//! [`load`] finds a set of [`known`](known()) sets in the [`Places`] it may lie in, reads its four IDX
//! files ([`idx`]) and checks that they are what their names promise. Only what lies nowhere is downloaded.

pub mod idx;

mod download;
mod examples;
mod known;
mod places;

use std::path::{Path, PathBuf};

use ndarray::Array2;

use crate::data::idx::Idx;
use crate::error::{Error, Result};
use crate::shape::Shape;

pub use download::Download;
pub use examples::{DataSet, Examples};
pub use known::{Known, KnownFile, known, names};
pub use places::Places;

/// Loads a set by its name; pixels become `value / 255`, in `[0, 1]`.
///
/// # Errors
/// Where no set has the name, `--data-dir` lacks it, it lies nowhere and cannot be downloaded, or a file of
/// it is not what it should be.
pub fn load(name: &str, places: &Places, progress: &mut dyn FnMut(Download)) -> Result<DataSet> {
    known(name)?.load(places, progress)
}

/// Makes sure that a set is on this machine, without reading it.
///
/// # Errors
/// Where no set has the name, `--data-dir` lacks it, or it lies nowhere and cannot be downloaded.
pub fn locate(name: &str, places: &Places, progress: &mut dyn FnMut(Download)) -> Result<()> {
    known(name)?.files(places, progress).map(|_| ())
}

impl Known {
    /// Where this set's files lie.
    fn files(&self, places: &Places, progress: &mut dyn FnMut(Download)) -> Result<[PathBuf; 4]> {
        match places.find(self)? {
            Some(paths) => Ok(paths),
            None => download::fetch(self, places, progress),
        }
    }

    /// Loads this set; see [`load`].
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(&self, places: &Places, progress: &mut dyn FnMut(Download)) -> Result<DataSet> {
        let paths = self.files(places, progress)?;
        let [train_images, train_labels, test_images, test_labels] = &paths;
        // Labels first: they are small, and tell a mix-up before the images are read.
        let (train, test) = (self.labels(train_labels, self.train_rows)?, self.labels(test_labels, self.test_rows)?);
        if !train.iter().zip(self.first_labels).all(|(have, want)| *have == u32::from(want)) {
            let reason = format!(
                "these labels are not those of {name}: its training set begins with {want:?}; \
                 is this another set of the same shape? A folder named {name} keeps them apart",
                name = self.name,
                want = self.first_labels,
            );
            return Err(Error::format(train_labels, reason));
        }
        Ok(DataSet {
            name: self.name.to_owned(),
            train: Examples::checked(self.images(train_images, self.train_rows)?, train, self.classes),
            test: Examples::checked(self.images(test_images, self.test_rows)?, test, self.classes),
        })
    }

    fn images(&self, path: &Path, rows: usize) -> Result<Array2<f32>> {
        let [h, w, _] = self.image;
        let idx = self.open(path, "images", Shape::from([rows, h, w]))?;
        let pixels = idx.map(|byte| f32::from(byte) / 255.0)?;
        Ok(Array2::from_shape_vec((rows, self.features), pixels).expect("idx yields as many values as it announced"))
    }

    fn labels(&self, path: &Path, rows: usize) -> Result<Vec<u32>> {
        let labels = self.open(path, "labels", Shape::from([rows]))?.map(u32::from)?;
        match labels.iter().position(|&label| label as usize >= self.classes) {
            None => Ok(labels),
            Some(row) => {
                let (label, last) = (labels[row], self.classes - 1);
                Err(Error::format(path, format!("row {row} has label {label}, but {} has 0 to {last}", self.name)))
            }
        }
    }

    /// Opens a file that must have a shape, and says what it is where it has another.
    fn open(&self, path: &Path, what: &str, shape: Shape) -> Result<Idx> {
        let idx = Idx::open(path)?;
        if *idx.shape() == shape {
            return Ok(idx);
        }
        let is = match idx.shape().axes() {
            [_] => "labels",
            [_, _, _] => "images",
            _ => "neither images nor labels",
        };
        let reason = format!(
            "holds {is} of shape {have}, but the {what} of {name} here have shape {shape}; \
             is the file under another file's name, or of another set?",
            have = idx.shape(),
            name = self.name,
        );
        Err(Error::format(path, reason))
    }
}
