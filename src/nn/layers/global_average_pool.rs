//! Means over whole images.

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named};
use crate::nn::layers::windows::{self, MOST_AVERAGED, axes, image};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// The mean over whole images, by channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalAveragePool;

impl Layer for GlobalAveragePool {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.average()
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        let [height, width, channels] = image(Self::NAME, input)?;
        let values = height.saturating_mul(width);
        if values > MOST_AVERAGED {
            return Err(format!("a window of {values} values is too large; at most {MOST_AVERAGED} are supported"));
        }
        Ok(Shape::from([1, 1, channels]))
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        let [height, width, _] = axes(input);
        let boxes = windows::boxes(input, [height, width], [1, 1]);
        Lowered::Sums(boxes, windows::mean(&boxes))
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn size(&self) -> String {
        "avg".into()
    }
}

impl Named for GlobalAveragePool {
    const NAME: &'static str = "global-average-pool";

    fn read(_: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        Ok(Self)
    }
}
