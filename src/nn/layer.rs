//! Kinds of layers: what each does to a shape, which parameters it has, what it costs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::gates::{Boxes, Conv};
use crate::shape::Shape;

/// One layer, without what follows from its input. Images are `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerSpec {
    /// `y = x w + b`, x `[n, inputs]`, y `[n, outputs]`; an image is taken as its row of values.
    Dense {
        /// Columns of the output.
        outputs: usize,
        /// Whether there is a `b`.
        bias: bool,
    },
    /// A convolution of images.
    Conv2d {
        /// Channels of the output.
        channels: usize,
        /// Rows and columns of the filter.
        kernel: [usize; 2],
        /// Distance of neighbouring positions of the filter.
        stride: [usize; 2],
        /// Rows and columns of zeros on each side of an image.
        padding: [usize; 2],
        /// Whether a number per channel is added.
        bias: bool,
    },
    /// The mean over windows of images, by channel.
    AveragePool {
        /// Rows and columns of a window.
        window: [usize; 2],
        /// Distance of neighbouring windows.
        stride: [usize; 2],
    },
    /// The mean over whole images, by channel.
    GlobalAveragePool,
    /// The largest of windows of images, by channel.
    MaxPool {
        /// Rows and columns of a window.
        window: [usize; 2],
        /// Distance of neighbouring windows.
        stride: [usize; 2],
    },
    /// Images as rows of values.
    Flatten,
    /// `max(x, 0)`.
    Relu,
    /// `x / 4 + 1/2` cut to `0 ..= 1`: the sigmoid in three pieces.
    Sigmoid,
}

impl LayerSpec {
    /// Its kind, as model files name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Conv2d { .. } => "conv2d",
            Self::AveragePool { .. } => "average-pool",
            Self::GlobalAveragePool => "global-average-pool",
            Self::MaxPool { .. } => "max-pool",
            Self::Flatten => "flatten",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
        }
    }

    /// Whether it is made of products with parameters, which activations follow.
    pub fn is_product(&self) -> bool {
        matches!(self, Self::Dense { .. } | Self::Conv2d { .. })
    }

    /// Whether it takes images, and not any row of values.
    pub fn takes_images(&self) -> bool {
        !matches!(self, Self::Dense { .. } | Self::Relu | Self::Sigmoid | Self::Flatten)
    }

    /// The shape of an example behind the layer, from the shape before it.
    ///
    /// # Errors
    /// What is wrong with the shape, and what would fit.
    pub fn output(&self, input: &Shape) -> Result<Shape, String> {
        match self {
            Self::Dense { outputs: 0, .. } => Err("`outputs` has to be at least 1".into()),
            Self::Dense { .. } if input.axes().contains(&0) => {
                Err("a dense layer takes rows of at least one column".into())
            }
            Self::Dense { outputs, .. } => Ok(Shape::from([*outputs])),
            Self::Conv2d { channels: 0, .. } => Err("`channels` has to be at least 1".into()),
            Self::Conv2d { channels, kernel, stride, padding, .. } => {
                let [height, width, _] = self.image(input)?;
                let [rows, columns] = self.positions([height, width], *kernel, *stride, *padding)?;
                Ok(Shape::from([rows, columns, *channels]))
            }
            Self::AveragePool { window, stride } | Self::MaxPool { window, stride } => {
                let [height, width, channels] = self.image(input)?;
                let [rows, columns] = self.positions([height, width], *window, *stride, [0, 0])?;
                self.pooled(*window, *stride)?;
                Ok(Shape::from([rows, columns, channels]))
            }
            Self::GlobalAveragePool => {
                let [height, width, channels] = self.image(input)?;
                self.pooled([height, width], [1, 1])?;
                Ok(Shape::from([1, 1, channels]))
            }
            Self::Flatten => Ok(Shape::from([input.len()])),
            Self::Relu | Self::Sigmoid => Ok(input.clone()),
        }
    }

    /// The axes of an image.
    fn image(&self, input: &Shape) -> Result<[usize; 3], String> {
        let axes = input.axes().try_into();
        axes.map_err(|_| format!("a {} layer takes images; [batch, height, width, channels] fits", self.kind()))
    }

    /// Rows and columns of the windows of an image.
    fn positions(
        &self,
        image: [usize; 2],
        window: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Result<[usize; 2], String> {
        let limits =
            window.iter().chain(&stride).any(|n| *n == 0) || padding.iter().chain(&image).any(|n| *n > MOST_ROWS);
        let [h, w] = [0, 1].map(|a: usize| image[a].saturating_add(padding[a].saturating_mul(2)));
        if limits || window[0] > h || window[1] > w {
            let what = if self.is_product() { "kernel" } else { "window" };
            return Err(format!("its {what} is of 1 to {h} rows and 1 to {w} columns, in steps of at least 1"));
        }
        Ok([(h - window[0]) / stride[0] + 1, (w - window[1]) / stride[1] + 1])
    }

    /// Whether windows are of a size that can be pooled.
    fn pooled(&self, window: [usize; 2], stride: [usize; 2]) -> Result<(), String> {
        if !(window[0] * window[1]).is_power_of_two() {
            return Err("a window has as many values as a power of two; [2, 2] fits".into());
        }
        if matches!(self, Self::MaxPool { .. }) && (stride[0] < window[0] || stride[1] < window[1]) {
            return Err(format!("windows of a max pool do not overlap; a stride of {window:?} fits"));
        }
        Ok(())
    }

    /// The convolution of images, for a shape that [`LayerSpec::output`] takes.
    pub(crate) fn conv(&self, input: &Shape) -> Option<Conv> {
        let Self::Conv2d { channels: outputs, kernel, stride, padding, .. } = *self else { return None };
        let [height, width, channels] = input.axes().try_into().ok()?;
        Some(Conv { image: [height, width], channels, kernel, stride, padding, outputs })
    }

    /// The windows of a pool, for a shape that [`LayerSpec::output`] takes.
    pub(crate) fn windows(&self, input: &Shape) -> Option<Boxes> {
        let [height, width, channels] = input.axes().try_into().ok()?;
        let (window, stride) = match *self {
            Self::AveragePool { window, stride } | Self::MaxPool { window, stride } => (window, stride),
            Self::GlobalAveragePool => ([height, width], [1, 1]),
            _ => return None,
        };
        Some(Boxes::pool([height, width], channels, window, stride))
    }

    /// Shapes of its parameters for a shape that [`LayerSpec::output`] takes: the weight `[inputs, outputs]`, or the filter
    /// `[kernel rows kernel columns channels, outputs]`; and the bias.
    pub fn parameters(&self, input: &Shape) -> Vec<Shape> {
        let (rows, columns, bias) = match self {
            Self::Dense { outputs, bias } => (input.len(), *outputs, *bias),
            Self::Conv2d { channels, kernel, bias, .. } => {
                let inputs = input.axes().last().copied().unwrap_or(1);
                (kernel[0] * kernel[1] * inputs, *channels, *bias)
            }
            _ => return Vec::new(),
        };
        std::iter::once(Shape::from([rows, columns])).chain(bias.then(|| Shape::from([columns]))).collect()
    }

    /// Multiplications and additions of a forward pass of one example, for a shape that [`LayerSpec::output`] takes; of a
    /// convolution by itself, without a pool that it is folded into.
    pub fn macs(&self, input: &Shape) -> u64 {
        let weight = self.parameters(input).first().map_or(0, |w| w.len() as u64);
        let positions = match (self, self.output(input)) {
            (Self::Conv2d { channels, .. }, Ok(output)) => output.len() / channels,
            _ => 1,
        };
        weight.saturating_mul(positions as u64)
    }
}

/// Rows of an image, or of zeros around one.
const MOST_ROWS: usize = 1 << 14;

impl fmt::Display for LayerSpec {
    /// `128`, `20c5x5`, `max 2x2`; nothing for what is not seen in a network's sizes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense { outputs, .. } => write!(f, "{outputs}"),
            Self::Conv2d { channels, kernel: [h, w], stride, .. } => {
                write!(f, "{channels}c{h}x{w}")?;
                if *stride == [1, 1] { Ok(()) } else { write!(f, "/{}", stride[0]) }
            }
            Self::AveragePool { window: [h, w], .. } => write!(f, "avg{h}x{w}"),
            Self::MaxPool { window: [h, w], .. } => write!(f, "max{h}x{w}"),
            Self::GlobalAveragePool => write!(f, "avg"),
            Self::Flatten | Self::Relu | Self::Sigmoid => Ok(()),
        }
    }
}
