//! Reading own data, whatever its files hold: row by row, into a [`Visitor`].

use std::ops::ControlFlow;
use std::path::Path;

use crate::data::description::DataFormat;
#[cfg(feature = "images")]
use crate::data::images;
use crate::data::problem::Problem;
use crate::data::{Description, array, records, table};
use crate::error::Result;

/// Takes what is read.
pub(crate) trait Visitor {
    /// Takes a row.
    fn row(&mut self, row: Row<'_>) -> ControlFlow<()>;
    /// Takes something that does not fit.
    fn problem(&mut self, file: &Path, problem: Problem);
}

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    /// Training.
    Train,
    /// Testing.
    Test,
    /// Asking a model about: labels are not read, and need not be there.
    Ask,
}

/// A row that was read.
pub(crate) struct Row<'r> {
    pub(crate) set: Set,
    /// Whether everything in it fits; otherwise its values are not valid.
    pub(crate) fits: bool,
    /// Its features.
    pub(crate) features: &'r [f32],
    /// The number of its class; or for each label 1 if the row has it, else 0; or its numbers that are to be learned. Not valid
    /// where rows are asked about.
    pub(crate) targets: &'r [f32],
}

/// Reads all rows of a file or a folder, as long as the visitor wants more; `set` is for data whose rows are all of one set.
///
/// # Errors
/// [`Error::File`](crate::Error::File) and [`Error::Format`](crate::Error::Format) if the data cannot be read at all. What does
/// not fit in it goes to the visitor.
pub(crate) fn visit(path: &Path, description: &Description, set: Option<Set>, visitor: &mut dyn Visitor) -> Result<()> {
    match &description.format {
        DataFormat::Array(format) => array::visit(path, description, format, set, visitor),
        #[cfg(feature = "images")]
        DataFormat::Image(format) => images::visit(path, description, format, set, visitor),
        #[cfg(not(feature = "images"))]
        DataFormat::Image(_) => Err(crate::error::Error::Usage(
            "this build of ppdnn does not read images (its feature `images` is off)".into(),
        )),
        DataFormat::Records(format) => records::visit(path, description, format, set, visitor),
        DataFormat::Table(format) => table::visit(path, description, format, set, visitor),
    }
}
