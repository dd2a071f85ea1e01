//! Convolutions of images.

use serde::{Deserialize, Serialize};

use crate::gates::{Conv, Window2d};
use crate::nn::layer::{Layer, Named, ParameterSpec};
use crate::nn::layers::MOST_COLUMNS;
use crate::nn::layers::windows::{MOST_ROWS, axes, image, positions};
use crate::nn::lowered::{LinearSpec, Lowered};
use crate::nn::{Flow, LayerSpec, LineError, TomlTable};
use crate::shape::Shape;

/// A convolution of images, whose filter is `[kernel rows kernel columns channels, outputs]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Channels of the output.
    pub channels: usize,
    /// Rows and columns of the filter.
    pub kernel: [usize; 2],
    /// Distance of neighbouring positions of the filter.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side of an image.
    pub padding: [usize; 2],
    /// Whether a number per channel is added.
    pub bias: bool,
}

impl Layer for Conv2d {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.product(true)
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        if self.channels == 0 {
            return Err("`channels` must be at least 1".into());
        }
        let [height, width, _] = image(Self::NAME, input)?;
        let [rows, columns] = positions("kernel", [height, width], self.kernel, self.stride, self.padding)?;
        Ok(Shape::from([rows, columns, self.channels]))
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        let [height, width, channels] = axes(input);
        let Self { channels: outputs, kernel, stride, padding, bias } = *self;
        let window = Window2d::new(kernel, stride).padded(padding);
        let conv = Conv { image: [height, width], channels, window, outputs };
        Lowered::Product(LinearSpec::conv(conv, bias))
    }

    fn parameters(&self, input: &Shape) -> Vec<ParameterSpec> {
        let channels = input.axes().last().copied().unwrap_or(1);
        let rows = self.kernel[0].saturating_mul(self.kernel[1]).saturating_mul(channels);
        ParameterSpec::weight_and_bias([rows, self.channels], self.bias)
    }

    fn macs(&self, input: &Shape) -> u64 {
        let weight = self.parameters(input)[0].shape.len() as u64;
        let positions = self.output(input).map_or(1, |output| output.len() / self.channels);
        weight.saturating_mul(positions as u64)
    }

    fn is_product(&self) -> bool {
        true
    }

    fn with_bias(&self) -> Option<LayerSpec> {
        Some(Self { bias: true, ..self.clone() }.into())
    }

    fn takes_images(&self) -> bool {
        true
    }

    fn size(&self) -> String {
        let Self { channels, kernel: [h, w], stride, .. } = self;
        let stride = if *stride == [1, 1] { String::new() } else { format!("/{}", stride[0]) };
        format!("{channels}c{h}x{w}{stride}")
    }
}

impl Named for Conv2d {
    const NAME: &'static str = "conv2d";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        let channels = table.whole("channels", 1, MOST_COLUMNS)?.map(|channels| channels as usize);
        let channels = channels.ok_or_else(|| table.wrong("`channels` is missing: the channels of the output"))?;
        let kernel = table.pair("kernel", 1, MOST_ROWS)?;
        let kernel = kernel.ok_or_else(|| table.wrong("`kernel` is missing: 5, or [5, 5]"))?;
        let stride = table.pair("stride", 1, MOST_ROWS)?.unwrap_or([1, 1]);
        let padding = table.pair("padding", 0, MOST_ROWS)?.unwrap_or([0, 0]);
        Ok(Self { channels, kernel, stride, padding, bias: table.flag("bias")?.unwrap_or(true) })
    }
}
