//! Zeros around images.

use serde::{Deserialize, Serialize};

use crate::gates::ImageWindows;
use crate::nn::layer::{Layer, Named};
use crate::nn::layers::windows::{MOST_ROWS, axes, image, mean, positions};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// Zeros around images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZeroPadding {
    /// Rows and columns of zeros on each side.
    pub padding: [usize; 2],
}

impl Layer for ZeroPadding {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.fold()
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        let [height, width, channels] = image(Self::NAME, input)?;
        let [rows, columns] = positions("window", [height, width], [1, 1], [1, 1], self.padding)?;
        Ok(Shape::from([rows, columns, channels]))
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        let [height, width, channels] = axes(input);
        let boxes = ImageWindows::zeros_around([height, width], channels, self.padding);
        Lowered::Sums(boxes, mean(&boxes))
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn size(&self) -> String {
        let [h, w] = self.padding;
        format!("pad{h}x{w}")
    }
}

impl Named for ZeroPadding {
    const NAME: &'static str = "zero-padding";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        let padding = table.pair("padding", 0, MOST_ROWS)?;
        let padding = padding.ok_or_else(|| table.wrong("`padding` is missing: 1, or [1, 1]"))?;
        Ok(Self { padding })
    }
}
