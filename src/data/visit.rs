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
    /// Takes a row and its features; they are not valid where the row has no class.
    fn row(&mut self, row: Row, features: &[f32]) -> ControlFlow<()>;
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
pub(crate) struct Row {
    pub(crate) set: Set,
    /// Its class, 0 where it is not read; `None` if something in the row does not fit.
    pub(crate) class: Option<u32>,
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
