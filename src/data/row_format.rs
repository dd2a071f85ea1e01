//! What a network has to know of the rows that it is for.

use crate::data::{DatasetInfo, Description};
use crate::shape::Shape;

/// The form of the rows of a data set: of a known one, or of one that is described.
#[derive(Clone, Debug)]
pub struct RowFormat<'a> {
    /// The name of the data set.
    pub name: &'a str,
    /// The shape of a row: that of an image, or the number of features.
    pub shape: Shape,
    /// The number of classes.
    pub classes: usize,
    /// Mean and standard deviation of the features, where they are known.
    pub scale: Option<[f64; 2]>,
    /// The description; `None` for a known set.
    pub description: Option<&'a Description>,
}

impl<'a> From<&'a DatasetInfo> for RowFormat<'a> {
    fn from(data: &'a DatasetInfo) -> Self {
        let scale = Some([data.mean, data.deviation]);
        Self { name: data.name, shape: data.image.into(), classes: data.classes, scale, description: None }
    }
}

impl<'a> From<&'a Description> for RowFormat<'a> {
    fn from(data: &'a Description) -> Self {
        Self {
            name: &data.name,
            shape: data.shape(),
            classes: data.classes.len(),
            scale: None,
            description: Some(data),
        }
    }
}
