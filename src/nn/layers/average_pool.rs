//! Average pools.

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named};
use crate::nn::layers::windows::{self, MOST_AVERAGED};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// The mean over windows of images, by channel: their sum times [`Factor::mean`](crate::nn::Factor::mean). A bias of the
/// convolution before it is added once, to the mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AveragePool {
    /// Rows and columns of a window.
    pub window: [usize; 2],
    /// Distance of neighbouring windows.
    pub stride: [usize; 2],
}

impl Layer for AveragePool {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.average()
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        windows::pooled(Self::NAME, input, self.window, self.stride, MOST_AVERAGED)
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        let boxes = windows::boxes(input, self.window, self.stride);
        Lowered::Sums(boxes, windows::mean(&boxes))
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn size(&self) -> String {
        let [h, w] = self.window;
        format!("avg{h}x{w}")
    }
}

impl Named for AveragePool {
    const NAME: &'static str = "average-pool";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        let (window, stride) = windows::read(table)?;
        Ok(Self { window, stride })
    }
}
