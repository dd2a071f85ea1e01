//! Arrays in files: NumPy's NPZ and NPY, and IDX; the latter two plain or gzip.
//!
//! Labels are read first. Features are read row by row, and a row is decoded, scaled and handed on before the next is read: memory
//! holds the labels and one row, whatever a header announces.

mod element;
mod files;
mod header;
mod npy;

use std::path::Path;

use crate::data::description::{ArrayFormat, position};
use crate::data::feature::feature;
use crate::data::pick::Pick;
use crate::data::visit::{Row, Set, Visitor};
use crate::data::{At, Description, Problem, ProblemKind};
use crate::error::{Error, Result};

pub(crate) use element::Element;
pub(crate) use files::{Array, ArrayFiles};

/// Reads the rows of arrays; see [`visit`](crate::data::visit::visit).
pub(crate) fn visit(
    path: &Path,
    description: &Description,
    format: &ArrayFormat,
    set: Option<Set>,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let mut files = ArrayFiles::open(path)?;
    let reader = Reader { format, classes: description.classes.len(), pick: Pick::new(&description.split) };
    let names = [format.features.as_str(), &format.labels];
    match (&format.test, set) {
        (_, Some(Set::Ask)) => reader.visit(&mut files, names, set, visitor),
        (None, set) => reader.visit(&mut files, names, set, visitor),
        (Some(test), None) => {
            reader.visit(&mut files, names, Some(Set::Train), visitor)?;
            reader.visit(&mut files, [&test[0], &test[1]], Some(Set::Test), visitor)
        }
        (Some(_), Some(_)) => {
            let text =
                "the description names arrays of test rows (`test_features`); remove them from it, or --test-data";
            Err(Error::Usage(text.into()))
        }
    }
}

/// How arrays are read.
struct Reader<'d> {
    format: &'d ArrayFormat,
    classes: usize,
    pick: Option<Pick>,
}

impl Reader<'_> {
    /// Reads the rows of two arrays, features and labels.
    fn visit(
        &self,
        files: &mut ArrayFiles,
        [features, labels]: [&str; 2],
        set: Option<Set>,
        visitor: &mut dyn Visitor,
    ) -> Result<()> {
        // a wrong shape is told before all labels are read
        let array = files.features(features)?;
        let stored = self.stored_shape(&array)?;
        let rows = array.shape()[0];
        drop(array);
        let labels = match set {
            Some(Set::Ask) => None,
            _ => Some(self.labels(files.labels(labels)?, rows, features, visitor)?),
        };
        let mut array = files.features(features)?;
        let values: usize = stored.iter().product();
        let mut bytes = vec![0; values * array.element().bytes()];
        let mut row = vec![0.0; values];
        for number in 0..rows {
            let label = labels.as_ref().map_or(0, |labels| labels[usize::try_from(number).unwrap_or(usize::MAX)]);
            array.read(&mut bytes, number, values)?;
            let mut fits = label != NO_CLASS;
            self.row(array.element(), &bytes, &mut row, &mut |at, kind, x| {
                fits = false;
                let axes = position(at, &stored).into_iter().map(|axis| axis as u64);
                let at = At::Entry([number].into_iter().chain(axes).collect());
                let problem = Problem { at, column: Some(features.to_owned()), kind, value: Some(x.to_string()) };
                visitor.problem(array.file(), problem);
            });
            let set = set.or_else(|| self.pick.as_ref().map(|pick| pick.set(number))).unwrap_or(Set::Train);
            if visitor.row(Row { set, class: fits.then_some(label) }, &row).is_break() {
                return Ok(());
            }
        }
        array.finish()
    }

    /// The classes of as many rows as the features have; [`NO_CLASS`] where a label is none, which is noted.
    fn labels(&self, mut array: Array<'_>, rows: u64, features: &str, visitor: &mut dyn Visitor) -> Result<Vec<u32>> {
        let ([has] | [has, 1]) = *array.shape() else {
            let text = format!("has shape {:?}; labels have one axis: a class number for each row", array.shape());
            return Err(array.wrong(&text));
        };
        if !array.element().is_integer() {
            return Err(array.wrong("must be integers, 0 for the first class; save it with `.astype(\"int64\")`"));
        }
        if has != rows {
            return Err(array.wrong(&format!("has {has} labels, but `{features}` has {rows} rows; each row needs one")));
        }
        let mut bytes = vec![0; array.element().bytes()];
        let mut labels = Vec::new();
        for row in 0..rows {
            array.read(&mut bytes, row, 1)?;
            let label = array.element().integer(&bytes);
            let class = u32::try_from(label).ok().filter(|class| (*class as usize) < self.classes);
            labels.push(class.unwrap_or(NO_CLASS));
            if class.is_none() {
                let kind = ProblemKind::TooLargeClass { classes: self.classes };
                let (column, value) = (Some(array.name().to_owned()), Some(label.to_string()));
                visitor.problem(array.file(), Problem { at: At::Entry(vec![row]), column, kind, value });
            }
        }
        array.finish()?;
        Ok(labels)
    }

    /// The shape of a row as it is stored, if the array has such rows.
    fn stored_shape(&self, array: &Array<'_>) -> Result<Vec<usize>> {
        let stored = self.format.stored_shape();
        let wanted: Vec<u64> = stored.iter().map(|axis| *axis as u64).collect();
        let [_, has @ ..] = array.shape() else {
            return Err(array.wrong("has no axes; its first axis must be the rows"));
        };
        // one channel may have an axis, and may not
        let channels = if self.format.channels_first { 0 } else { 2 };
        let squeezed = |axes: &[u64]| {
            let mut axes = axes.to_vec();
            if axes.len() == 3 && axes[channels] == 1 {
                axes.remove(channels);
            }
            axes
        };
        if squeezed(has) == squeezed(&wanted) {
            return Ok(has.iter().filter_map(|axis| usize::try_from(*axis).ok()).collect());
        }
        let text = format!(
            "has shape {:?}, rows of shape {has:?}, but the description has {wanted:?}; change its `shape`, or reshape the array",
            array.shape()
        );
        Err(array.wrong(&text))
    }

    /// Decodes and scales the values of a row; what does not fit goes to `note` with its number.
    fn row(&self, element: Element, bytes: &[u8], row: &mut [f32], note: &mut dyn FnMut(usize, ProblemKind, f64)) {
        let scaling = &self.format.scaling;
        let (channels, pixels) = match self.format.shape[..] {
            [height, width, channels] if self.format.channels_first => (channels, height * width),
            _ => (1, row.len()),
        };
        for (at, bytes) in bytes.chunks_exact(element.bytes()).enumerate() {
            let x = element.value(bytes);
            match feature(x, scaling) {
                Ok(x) => row[at % pixels * channels + at / pixels] = x,
                Err(kind) => note(at, kind, x),
            }
        }
    }
}

/// Stands for the class of a row that has none.
const NO_CLASS: u32 = u32::MAX;
