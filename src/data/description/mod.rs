//! The public description of data: what its files hold, and how that becomes the rows of a network.
//!
//! All owners of a job have the same description, and the job contains it: [`Job::description`](crate::train::Job). In a file it
//! is TOML ([`Description::load`]); `ppdnn data describe` drafts one.

mod array_format;
mod check;
mod difference;
#[cfg(feature = "datasets")]
mod draft;
#[cfg(feature = "datasets")]
mod draft_array;
#[cfg(feature = "images")]
mod draft_image;
#[cfg(feature = "datasets")]
mod draft_record;
#[cfg(feature = "datasets")]
mod draft_target;
mod image_format;
mod scaling;
mod table_format;
mod target;
mod toml_file;
mod toml_formats;

use serde::{Deserialize, Serialize};

use crate::nn::{Model, Task};
use crate::shape::Shape;

pub use array_format::ArrayFormat;
#[cfg(feature = "datasets")]
pub(crate) use array_format::position;
#[cfg(feature = "datasets")]
pub use draft::{Draft, draft};
#[cfg(feature = "datasets")]
pub use draft_target::Learn;
pub use image_format::{ImageFormat, ImageSize, RecordFormat};
pub use scaling::{Scale, Scaling};
pub use table_format::{Column, ColumnKind, MissingCategory, TableFormat};
pub use target::{LARGEST, Target, TargetNumber};

/// What is public about an owner's data: what its files hold, and how that becomes features and classes.
///
/// The documentation of its methods holds for descriptions that pass [`Description::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The name of the data: 1 to 64 letters, digits, `-`, `_` or `.`, and no name of a known data set.
    pub name: String,
    /// What is to be learned of a row.
    pub target: Target,
    /// What the files hold.
    pub format: DataFormat,
    /// Which rows are for testing.
    pub split: Split,
}

/// What the files of the data hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DataFormat {
    /// Arrays of features and of labels.
    Array(ArrayFormat),
    /// Image files, in a folder for each class.
    Image(ImageFormat),
    /// Binary records of images.
    Records(RecordFormat),
    /// A table.
    Table(TableFormat),
}

/// Which rows are for testing; the others are for training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Split {
    /// Those that have a text in a column; the rows for training have another one, and no row has neither.
    Column {
        /// The column.
        name: String,
        /// The text of rows that are for testing.
        test: String,
        /// The text of rows that are for training.
        train: String,
    },
    /// Those of a file of their own (`--test-data`), or of a part of the data that is for testing.
    Files,
    /// A pseudorandom part, which depends on a row's number in its file and on a seed.
    Seed {
        /// The part that is for testing, above 0 and below 1.
        test: f64,
        /// The seed.
        seed: u64,
    },
}

/// A feature that is standardized by its mean and deviation over all owners' training rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standardized {
    /// Its number.
    pub feature: usize,
    /// The range of the numbers, which are 0 to 1 before that.
    pub range: [f64; 2],
}

impl Description {
    /// The shape of a row: a number of features, or height, width and channels of an image.
    pub fn shape(&self) -> Shape {
        match &self.format {
            DataFormat::Array(array) => array.row_shape(),
            DataFormat::Image(image) => image.size.shape(),
            DataFormat::Records(record) => record.size.shape(),
            DataFormat::Table(table) => table.features().into(),
        }
    }

    /// The number of features of a row.
    pub fn features(&self) -> usize {
        self.shape().len()
    }

    /// The name of a feature by its number: `age`, `city=Graz`, `city=(missing)`, `x[3, 4]`,
    /// `pixel[3, 4, 0]`.
    pub fn feature_name(&self, feature: usize) -> String {
        match &self.format {
            DataFormat::Array(array) => array.feature_name(feature),
            DataFormat::Image(image) => image.size.feature_name(feature),
            DataFormat::Records(record) => record.size.feature_name(feature),
            DataFormat::Table(table) => table.feature_names().nth(feature).unwrap_or_default(),
        }
    }

    /// BLAKE3 of what it says of features and targets, in hexadecimal digits: without its name and the split of the rows.
    pub fn fingerprint(&self) -> String {
        let said = postcard::to_stdvec(&(&self.target, &self.format)).expect("a description can be written");
        blake3::hash(&said).to_hex().to_string()
    }

    /// The features that are standardized by mean and deviation over all owners' training rows, which the servers reveal.
    pub fn standardized(&self) -> Vec<Standardized> {
        let of = |feature, scaling: &Scaling| match *scaling {
            Scaling { range: Some(range), scale: Scale::Revealed, .. } => Some(Standardized { feature, range }),
            _ => None,
        };
        match &self.format {
            DataFormat::Array(array) => {
                (0..self.features()).filter_map(|feature| of(feature, &array.scaling)).collect()
            }
            DataFormat::Image(_) | DataFormat::Records(_) => Vec::new(),
            DataFormat::Table(table) => {
                let mut feature = 0;
                let all = table.columns.iter().filter_map(|column| {
                    let first = feature;
                    feature += column.features();
                    if let ColumnKind::Number { scaling, .. } = &column.kind { of(first, scaling) } else { None }
                });
                all.collect()
            }
        }
    }

    /// Where labels or targets are, in words.
    pub fn labels(&self) -> String {
        let kind = if self.target.task() == Task::Regression { "target" } else { "label" };
        let plural = if self.target.columns().len() == 1 { "" } else { "s" };
        match &self.format {
            DataFormat::Table(TableFormat { label: None, .. }) => {
                format!("{kind}{plural} `{}`", self.target.columns().join("`, `"))
            }
            DataFormat::Array(array) => format!("labels `{}`", array.labels),
            DataFormat::Image(_) => "the folders".into(),
            DataFormat::Records(_) => "the records' first bytes".into(),
            DataFormat::Table(TableFormat { label: Some(label), .. }) => format!("label `{label}`"),
        }
    }

    /// Checks that a network takes the features and learns what is to be learned.
    ///
    /// # Errors
    /// Where the two differ.
    pub fn fits(&self, model: &Model) -> Result<(), String> {
        let learns = self.target.width() == model.outputs() || self.target.width() == model.classes();
        if self.target.task() == model.task() && learns && self.features() == model.features() {
            return Ok(());
        }
        let learned = match model.classes() {
            0 => format!("{} {}", model.outputs(), model.task().learned()),
            classes => format!("{classes} classes"),
        };
        let (takes, has, width) = (model.features(), self.features(), self.target.in_words());
        Err(format!(
            "the network takes {takes} features and has {learned}, but the data description `{}` has {has} features and {width}",
            self.name
        ))
    }

    /// The classes, if rows have some.
    #[cfg(test)]
    pub(crate) fn classes(&mut self) -> &mut Vec<String> {
        match &mut self.target {
            Target::Class(classes) => classes,
            _ => panic!("the description of classes"),
        }
    }

    /// The table, if the data is one.
    #[cfg(test)]
    pub(crate) fn table(&mut self) -> &mut TableFormat {
        match &mut self.format {
            DataFormat::Table(table) => table,
            _ => panic!("the description of a table"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A number that is scaled by its range, or stays as it is without one.
    pub(crate) fn number(range: Option<[f64; 2]>, missing: Option<f64>) -> ColumnKind {
        let scale = if range.is_some() { Scale::Range } else { Scale::None };
        ColumnKind::Number { scaling: Scaling { range, clip: false, scale }, missing }
    }

    /// Two numbers, a category of two and their missing values, and an ignored column.
    pub(crate) fn small() -> Description {
        let column = |name: &str, kind| Column { name: name.into(), kind };
        let city =
            ColumnKind::Category { categories: vec!["Graz".into(), "Linz".into()], missing: MissingCategory::Own };
        let age = number(Some([0.0, 80.0]), None);
        let size = number(None, Some(0.5));
        Description {
            name: "people".into(),
            target: Target::Class(vec!["no".into(), "yes".into()]),
            format: DataFormat::Table(TableFormat {
                label: Some("answer".into()),
                columns: vec![
                    column("age", age),
                    column("city", city),
                    column("id", ColumnKind::Ignore),
                    column("size", size),
                ],
                missing: vec!["?".into()],
                delimiter: None,
            }),
            split: Split::Seed { test: 0.2, seed: 1 },
        }
    }

    #[test]
    fn features_are_counted_and_named_in_the_order_of_the_columns() {
        let names = [0, 1, 2, 3, 4].map(|feature| small().feature_name(feature));
        assert_eq!(names, ["age", "city=Graz", "city=Linz", "city=(missing)", "size"]);
        assert_eq!((small().features(), small().shape()), (5, Shape::from(5)));
        let table = small().table().clone();
        assert!(table.is_missing("") && table.is_missing("?") && !table.is_missing("0"));
    }
}
