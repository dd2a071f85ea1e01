//! Arrays in files: NumPy's NPZ and NPY, and IDX; the latter two plain or gzip.
//!
//! Labels are read first. Features are read row by row, and a row is decoded, scaled and handed on before the next is read: memory
//! holds the labels and one row, whatever a header announces.

mod element;
mod files;
mod header;
mod npy;

use std::path::Path;

use crate::data::description::{ArrayFormat, Target, position};
use crate::data::feature::{feature, target};
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
    let reader = Reader { format, target: &description.target, pick: Pick::new(&description.split) };
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
    target: &'d Target,
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
        let targets = match set {
            Some(Set::Ask) => Vec::new(),
            _ => self.targets(files.labels(labels)?, rows, features, visitor)?,
        };
        let mut targets = targets.chunks_exact(self.target.values());
        let mut array = files.features(features)?;
        let values: usize = stored.iter().product();
        let mut bytes = vec![0; values * array.element().bytes()];
        let mut row = vec![0.0; values];
        for number in 0..rows {
            let targets = targets.next().unwrap_or_default();
            array.read(&mut bytes, number, values)?;
            let mut fits = !targets.iter().any(|x| x.is_nan());
            self.row(array.element(), &bytes, &mut row, &mut |at, kind, x| {
                fits = false;
                let axes = position(at, &stored).into_iter().map(|axis| axis as u64);
                let at = At::Entry([number].into_iter().chain(axes).collect());
                let problem = Problem { at, column: Some(features.to_owned()), kind, value: Some(x.to_string()) };
                visitor.problem(array.file(), problem);
            });
            let set = set.or_else(|| self.pick.as_ref().map(|pick| pick.set(number))).unwrap_or(Set::Train);
            if visitor.row(Row { set, fits, features: &row, targets }).is_break() {
                return Ok(());
            }
        }
        array.finish()
    }

    /// What is to be learned of as many rows as the features have, row by row; [`UNFIT`] where a value does not fit, which is noted.
    fn targets(&self, mut array: Array<'_>, rows: u64, features: &str, visitor: &mut dyn Visitor) -> Result<Vec<f32>> {
        let width = self.target.values();
        self.check_targets(&array, rows, features)?;
        let mut bytes = vec![0; width * array.element().bytes()];
        let mut targets = Vec::new();
        for row in 0..rows {
            array.read(&mut bytes, row, width)?;
            for (number, bytes) in bytes.chunks_exact(array.element().bytes()).enumerate() {
                let learned = self.learn(number, array.element(), bytes);
                targets.push(*learned.as_ref().unwrap_or(&UNFIT));
                if let Err((kind, value)) = learned {
                    let at = if array.shape().len() > 1 { vec![row, number as u64] } else { vec![row] };
                    let (column, value) = (Some(array.name().to_owned()), Some(value));
                    visitor.problem(array.file(), Problem { at: At::Entry(at), column, kind, value });
                }
            }
        }
        array.finish()?;
        Ok(targets)
    }

    /// Refuses an array of another shape than rows of the targets have, and classes that are not integers.
    fn check_targets(&self, array: &Array<'_>, rows: u64, features: &str) -> Result<()> {
        let (width, shape) = (self.target.values(), array.shape());
        let wanted = match self.target {
            Target::Class(_) => "labels have one axis: a class number for each row".to_owned(),
            Target::Labels(_) | Target::Numbers(_) => format!("rows of {} are wanted", self.target.in_words()),
        };
        let has = match *shape {
            [has] if width == 1 => has,
            [has, axis] if axis == width as u64 => has,
            _ => return Err(array.wrong(&format!("has shape {shape:?}; {wanted}"))),
        };
        if matches!(self.target, Target::Class(_)) && !array.element().is_integer() {
            return Err(array.wrong("must be integers, 0 for the first class; save it with `.astype(\"int64\")`"));
        }
        if has != rows {
            return Err(array.wrong(&format!("has {has} labels, but `{features}` has {rows} rows; each row needs one")));
        }
        Ok(())
    }

    /// The number of a class, whether a label is there, or number `number`; otherwise why not, and the value.
    fn learn(&self, number: usize, element: Element, bytes: &[u8]) -> std::result::Result<f32, (ProblemKind, String)> {
        match self.target {
            Target::Class(classes) => {
                let (label, classes) = (element.integer(bytes), classes.len());
                let class = u16::try_from(label).ok().filter(|class| usize::from(*class) < classes);
                class.map(f32::from).ok_or_else(|| (ProblemKind::TooLargeClass { classes }, label.to_string()))
            }
            Target::Labels(_) => match element.value(bytes) {
                0.0 => Ok(0.0),
                1.0 => Ok(1.0),
                x => Err((ProblemKind::NotLabel, x.to_string())),
            },
            Target::Numbers(numbers) => {
                let x = element.value(bytes);
                target(x, &numbers[number].scaling).map_err(|kind| (kind, x.to_string()))
            }
        }
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

/// Stands for a class, a label or a number that does not fit.
const UNFIT: f32 = f32::NAN;
