//! Loading: where the files of a known set are, what they hold, and whether that is right.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::slice;

use ndarray::Array2;

use crate::data::idx::Idx;
use crate::data::{DataSet, DatasetInfo, Examples, Format, SearchPath, Targets, cifar, dataset_info};
use crate::error::{Error, Result};
use crate::shape::Shape;

/// How far the download of a file is. Begins again at 0 when the next mirror is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Download {
    /// Name of the file.
    pub file: &'static str,
    /// Bytes that have arrived.
    pub bytes: u64,
    /// Bytes it has.
    pub total: u64,
}

/// Loads a set by its name; pixels become `value / 255`, in `[0, 1]`.
///
/// # Errors
/// If no set has the name, `--data-dir` lacks it, it is not found and cannot be downloaded, or one of its files is
/// damaged or has another SHA-256.
pub fn load(name: &str, places: &SearchPath, progress: &mut dyn FnMut(Download)) -> Result<DataSet> {
    dataset_info(name)?.load(places, progress)
}

/// Makes sure that a set is on this machine, without reading it.
///
/// # Errors
/// If no set has the name, `--data-dir` lacks it, or it is not found and cannot be downloaded.
pub fn locate(name: &str, places: &SearchPath, progress: &mut dyn FnMut(Download)) -> Result<()> {
    dataset_info(name)?.files(places, progress).map(|_| ())
}

impl DatasetInfo {
    /// Where this set's files lie.
    fn files(&self, places: &SearchPath, progress: &mut dyn FnMut(Download)) -> Result<Vec<PathBuf>> {
        match places.find(self)? {
            Some(paths) => Ok(paths),
            #[cfg(feature = "download")]
            None => crate::data::download::fetch(self, places, progress),
            #[cfg(not(feature = "download"))]
            None => {
                let _ = progress;
                Err(unavailable(self, places, "this build of ppdnn does not download (its feature `download` is off)"))
            }
        }
    }

    /// Loads this set; see [`load`].
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(&self, places: &SearchPath, progress: &mut dyn FnMut(Download)) -> Result<DataSet> {
        self.load_rows([0..self.train_rows, 0..self.test_rows], places, progress)
    }

    /// Loads ranges of training and test rows of this set. The other rows are skipped, not stored, and files are read up to the
    /// last requested row.
    ///
    /// # Errors
    /// As [`load`], and [`Error::Usage`] if the set has no such rows.
    pub fn load_rows(
        &self,
        [train, test]: [Range<usize>; 2],
        places: &SearchPath,
        progress: &mut dyn FnMut(Download),
    ) -> Result<DataSet> {
        self.check_rows([&train, &test])?;
        let paths = self.files(places, progress)?;
        match (self.format, &paths[..]) {
            (Format::Idx, [train_images, train_labels, test_images, test_labels]) => {
                self.load_idx([train_images, train_labels, test_images, test_labels], [train, test], places)
            }
            (Format::Cifar, [train_files @ .., test_file]) => {
                let (_, first) = cifar::read(train_files, self.train_rows, 0..self.first_labels.len(), self)?;
                self.is_mine(&train_files[0], &first)?;
                let train = cifar::read(train_files, self.train_rows, train, self)?;
                self.set(train, cifar::read(slice::from_ref(test_file), self.test_rows, test, self)?)
            }
            _ => Err(Error::Usage(format!("the files of the data set `{}` are not known", self.name))),
        }
    }

    /// Refuses rows that the set does not have, and a set that has no features or no classes.
    fn check_rows(&self, [train, test]: [&Range<usize>; 2]) -> Result<()> {
        if self.features != self.image.iter().product::<usize>() || self.features == 0 || self.classes == 0 {
            let Self { name, features, image, classes, .. } = self;
            return Err(Error::Usage(format!(
                "the data set `{name}` is inconsistent: {features} features, images of {image:?}, {classes} classes"
            )));
        }
        for (rows, all) in [(train, self.train_rows), (test, self.test_rows)] {
            if rows.start > rows.end || rows.end > all {
                let Range { start, end } = rows;
                return Err(Error::Usage(format!("rows {start} to {end} were requested, but {} has {all}", self.name)));
            }
        }
        Ok(())
    }

    /// Loads rows of IDX files: the images and the labels to train on, then those to test on.
    fn load_idx(&self, paths: [&Path; 4], [train, test]: [Range<usize>; 2], places: &SearchPath) -> Result<DataSet> {
        let [train_images, train_labels, test_images, test_labels] = paths;
        // Labels first: they are small, and tell a mix-up before the images are read.
        let (labels_train, sum_train) = self.labels(train_labels, self.train_rows)?;
        let (labels_test, sum_test) = self.labels(test_labels, self.test_rows)?;
        self.is_mine(train_labels, &labels_train)?;
        self.is_known(1, train_labels, &sum_train, places)?;
        self.is_known(3, test_labels, &sum_test, places)?;
        let (labels_train, labels_test) = (labels_train[train.clone()].to_vec(), labels_test[test.clone()].to_vec());
        let (images_train, sum) = self.images(train_images, self.train_rows, train)?;
        sum.map_or(Ok(()), |sum| self.is_known(0, train_images, &sum, places))?;
        let (images_test, sum) = self.images(test_images, self.test_rows, test)?;
        sum.map_or(Ok(()), |sum| self.is_known(2, test_images, &sum, places))?;
        self.set((images_train, labels_train), (images_test, labels_test))
    }

    fn set(&self, train: (Array2<f32>, Vec<u32>), test: (Array2<f32>, Vec<u32>)) -> Result<DataSet> {
        let examples =
            |(features, labels)| Examples::checked(features, Targets::Classes { labels, classes: self.classes });
        Ok(DataSet { name: self.name.to_owned(), train: examples(train), test: examples(test) })
    }

    /// Checks the first labels of the training set, which are those of `path`.
    fn is_mine(&self, path: &Path, train: &[u32]) -> Result<()> {
        if !train.iter().zip(self.first_labels).all(|(have, want)| *have == u32::from(want)) {
            let reason = format!(
                "these labels are not those of {name}: its training set starts with {want:?}; \
                 is this another data set of the same shape? A folder named {name} keeps them apart",
                name = self.name,
                want = self.first_labels,
            );
            return Err(Error::format(path, reason));
        }
        Ok(())
    }

    /// Checks the SHA-256 of what file number `file` unpacks to.
    fn is_known(&self, file: usize, path: &Path, sum: &str, places: &SearchPath) -> Result<()> {
        let known = self.files.get(file).map_or("", |file| file.content);
        if known.is_empty() || sum == known || places.unchecked {
            return Ok(());
        }
        let (name, short) = (self.name, |sum: &str| sum.chars().take(12).collect::<String>());
        let reason = format!(
            "is not the known file of {name}: its content has the SHA-256 {}.., not {}..; download it again, or add \
             --unchecked-data if it is meant to differ",
            short(sum),
            short(known),
        );
        Err(Error::format(path, reason))
    }

    /// Some of the `all` images of a file; where it is read whole, with the SHA-256 of what it unpacks to.
    fn images(&self, path: &Path, all: usize, rows: Range<usize>) -> Result<(Array2<f32>, Option<String>)> {
        let [h, w, _] = self.image;
        let idx = self.open(path, "images", Shape::from([all, h, w]))?;
        let (count, pixel) = (rows.len(), |byte| f32::from(byte) / 255.0);
        let (pixels, sum) = match count == all {
            true => idx.map_hashed(pixel).map(|(pixels, sum)| (pixels, Some(sum)))?,
            false => (idx.part(rows.start * self.features..rows.end * self.features, pixel)?, None),
        };
        let images = Array2::from_shape_vec((count, self.features), pixels);
        Ok((images.expect("idx yields as many values as are asked for"), sum))
    }

    /// All labels of a file, and the SHA-256 of what it unpacks to.
    fn labels(&self, path: &Path, rows: usize) -> Result<(Vec<u32>, String)> {
        let (labels, sum) = self.open(path, "labels", Shape::from([rows]))?.map_hashed(u32::from)?;
        self.check_labels(path, &labels).map(|()| (labels, sum))
    }

    /// Refuses labels of a file that are no classes.
    pub(super) fn check_labels(&self, path: &Path, labels: &[u32]) -> Result<()> {
        match labels.iter().position(|&label| label as usize >= self.classes) {
            None => Ok(()),
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
             is the file misnamed, or of another data set?",
            have = idx.shape(),
            name = self.name,
        );
        Err(Error::format(path, reason))
    }
}

/// The error that says how to do without a network.
pub(super) fn unavailable(known: &DatasetInfo, places: &SearchPath, reason: &str) -> Error {
    let files: Vec<_> = known.files.iter().map(|file| format!("{}[.gz]", file.name)).collect();
    let from = match known.format {
        Format::Cifar => "\nthe binary version is at https://www.cs.toronto.edu/~kriz/cifar.html",
        Format::Idx => "",
    };
    let reason = format!(
        "{reason}\nput its files into one of these folders, or pass their folder with \
         --data-dir:\n  {}\nthe files are\n  {}{from}{}",
        places.wanted(known).join("\n  "),
        files.join("\n  "),
        places.partial(known),
    );
    Error::peer(format!("data set {}", known.name), reason)
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
