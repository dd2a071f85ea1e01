//! What a network has to know of the rows that it is for.

use crate::data::{DatasetInfo, Description};
use crate::nn::Task;
use crate::shape::Shape;

/// The form of the rows of a data set: of a known one, or of one that is described.
#[derive(Clone, Debug)]
pub struct RowFormat<'a> {
    /// The name of the data set.
    pub name: &'a str,
    /// The shape of a row: that of an image, or the number of features.
    pub shape: Shape,
    /// What is to be learned of a row.
    pub task: Task,
    /// How many classes, labels or numbers there are.
    pub outputs: usize,
    /// Mean and standard deviation of the features, where they are known.
    pub scale: Option<[f64; 2]>,
    /// The description; `None` for a known set.
    pub description: Option<&'a Description>,
}

impl<'a> From<&'a DatasetInfo> for RowFormat<'a> {
    fn from(data: &'a DatasetInfo) -> Self {
        let scale = Some([data.mean, data.deviation]);
        Self {
            name: data.name,
            shape: data.image.into(),
            task: Task::Classification,
            outputs: data.classes,
            scale,
            description: None,
        }
    }
}

impl<'a> From<&'a Description> for RowFormat<'a> {
    fn from(data: &'a Description) -> Self {
        Self {
            name: &data.name,
            shape: data.shape(),
            task: data.target.task(),
            outputs: data.target.width(),
            scale: None,
            description: Some(data),
        }
    }
}
