//! Kinds of layers: what each does to a shape, which parameters it has, what it costs.

use std::cell::Cell;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::gates::{Boxes, Conv};
use crate::nn::Factor;
use crate::nn::model::{misfit_of, of_batch};
use crate::nn::stage::Linear;
use crate::shape::Shape;

/// How the largest of a window is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoolMethod {
    /// Pair by pair, in as many levels as it takes: fewer comparisons.
    Tree,
    /// All pairs at once: fewer rounds.
    OneShot,
}

impl PoolMethod {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::OneShot => "one-shot",
        }
    }
}

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
    /// The mean over windows of images, by channel: their sum times [`Factor::mean`]. A bias of the convolution before it is added once,
    /// to the mean.
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
        /// How the largest is found.
        method: PoolMethod,
    },
    /// Zeros around images.
    ZeroPadding {
        /// Rows and columns of zeros on each side.
        padding: [usize; 2],
    },
    /// In training, zeros in place of values that public coins choose; the others become larger, so that the mean stays.
    Dropout {
        /// What the others are multiplied with; one in so many is kept.
        factor: Factor,
    },
    /// `body(x) + x` (He et al., 2016); the body ends with a product. An activation follows.
    Residual {
        /// The layers whose output is added to; no block is among them.
        #[serde(deserialize_with = "one_level")]
        body: Vec<Self>,
        /// Whether `x` is multiplied with a weight first, so that it has the body's shape: a convolution of 1x1 whose stride follows
        /// from the two shapes, or a matrix.
        projection: bool,
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
            Self::ZeroPadding { .. } => "zero-padding",
            Self::Dropout { .. } => "dropout",
            Self::Residual { .. } => "residual",
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
        match self {
            Self::Dense { .. } | Self::Relu | Self::Sigmoid | Self::Flatten | Self::Dropout { .. } => false,
            Self::Residual { body, .. } => body.iter().any(Self::takes_images),
            _ => true,
        }
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
            Self::AveragePool { window, stride } | Self::MaxPool { window, stride, .. } => {
                let [height, width, channels] = self.image(input)?;
                let [rows, columns] = self.positions([height, width], *window, *stride, [0, 0])?;
                self.pooled(*window)?;
                Ok(Shape::from([rows, columns, channels]))
            }
            Self::GlobalAveragePool => {
                let [height, width, channels] = self.image(input)?;
                self.pooled([height, width])?;
                Ok(Shape::from([1, 1, channels]))
            }
            Self::ZeroPadding { padding } => {
                let [height, width, channels] = self.image(input)?;
                let [rows, columns] = self.positions([height, width], [1, 1], [1, 1], *padding)?;
                Ok(Shape::from([rows, columns, channels]))
            }
            Self::Dropout { factor } if factor.value() < 1.0 || factor.value() > 64.0 || factor.shift > 6 => {
                Err("`rate` is a number from 0 to less than 1".into())
            }
            Self::Residual { body, projection } => residual(body, *projection, input),
            Self::Flatten => Ok(Shape::from([input.len()])),
            Self::Dropout { .. } => Ok(input.clone()),
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
    fn pooled(&self, window: [usize; 2]) -> Result<(), String> {
        let most = match self {
            Self::MaxPool { method: PoolMethod::OneShot, .. } => MOST_AT_ONCE,
            Self::MaxPool { .. } => MOST_IN_TREE,
            _ => MOST_AVERAGED,
        };
        let values = window[0].saturating_mul(window[1]);
        if values <= most {
            return Ok(());
        }
        Err(format!("a window of {values} values is too large; one of {most} fits"))
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
            Self::AveragePool { window, stride } | Self::MaxPool { window, stride, .. } => (window, stride),
            Self::GlobalAveragePool => ([height, width], [1, 1]),
            Self::ZeroPadding { padding } => return Some(Boxes::zeros_around([height, width], channels, padding)),
            _ => return None,
        };
        Some(Boxes::pool([height, width], channels, window, stride))
    }

    /// Shapes of its parameters for a shape that [`LayerSpec::output`] takes: the weight `[inputs, outputs]`, or the filter
    /// `[kernel rows kernel columns channels, outputs]`; and the bias.
    pub fn parameters(&self, input: &Shape) -> Vec<Shape> {
        if let Self::Residual { body, projection } = self {
            let mut all = Vec::new();
            let output = walk(body, input, |layer, input| all.extend(layer.parameters(input)));
            all.extend(projection.then(|| self::projection(input, &output)).flatten().map(|p| Shape::from(p.weight)));
            return all;
        }
        let (rows, columns, bias) = match self {
            Self::Dense { outputs, bias } => (input.len(), *outputs, *bias),
            Self::Conv2d { channels, kernel, bias, .. } => {
                let inputs = input.axes().last().copied().unwrap_or(1);
                (kernel[0].saturating_mul(kernel[1]).saturating_mul(inputs), *channels, *bias)
            }
            _ => return Vec::new(),
        };
        std::iter::once(Shape::from([rows, columns])).chain(bias.then(|| Shape::from([columns]))).collect()
    }

    /// Multiplications and additions of a forward pass of one example, for a shape that [`LayerSpec::output`] takes; of a
    /// convolution by itself, without a pool that it is folded into.
    pub fn macs(&self, input: &Shape) -> u64 {
        if let Self::Residual { body, projection } = self {
            let mut all = 0u64;
            let output = walk(body, input, |layer, input| all = all.saturating_add(layer.macs(input)));
            let projected = projection.then(|| self::projection(input, &output)).flatten();
            let of = |p: Linear| (p.weight[0] as u64).saturating_mul(output.len() as u64);
            return all.saturating_add(projected.map_or(0, of));
        }
        let weight = self.parameters(input).first().map_or(0, |w| w.len() as u64);
        let positions = match (self, self.output(input)) {
            (Self::Conv2d { channels, .. }, Ok(output)) => output.len() / channels,
            _ => 1,
        };
        weight.saturating_mul(positions as u64)
    }
}

impl LayerSpec {
    /// Values of the largest operand or output in the layer, for a shape that [`LayerSpec::output`] takes.
    pub(crate) fn widest(&self, input: &Shape) -> usize {
        let mut most = input.len();
        match self {
            Self::Residual { body, .. } => {
                let output = walk(body, input, |layer, input| most = most.max(layer.widest(input)));
                most.max(output.len())
            }
            _ => self.output(input).map_or(most, |output| most.max(output.len())),
        }
    }
}

/// Calls `f` with every layer and its input; returns the output of the last.
pub(crate) fn walk<'a>(layers: &'a [LayerSpec], input: &Shape, mut f: impl FnMut(&'a LayerSpec, &Shape)) -> Shape {
    layers.iter().fold(input.clone(), |input, layer| {
        f(layer, &input);
        layer.output(&input).expect("a checked model's layers fit")
    })
}

/// Reads a block's body. Files and jobs are not trusted: blocks in blocks in blocks must not use up the stack.
fn one_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LayerSpec>, D::Error> {
    if INSIDE.replace(true) {
        return Err(D::Error::custom(NESTED));
    }
    let body = Vec::deserialize(deserializer);
    INSIDE.set(false);
    body
}

thread_local! {
    /// Whether a block's body is being read.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

const NESTED: &str = "its body has a residual block; put the two one behind the other";

/// The shape behind a residual block.
fn residual(body: &[LayerSpec], projection: bool, input: &Shape) -> Result<Shape, String> {
    if body.iter().any(|layer| matches!(layer, LayerSpec::Residual { .. })) {
        return Err(NESTED.into());
    }
    let (output, after) = misfit_of(body, input).map_err(|misfit| format!("in its body, {misfit}"))?;
    if !after.is_product() {
        return Err("its body has to end with a dense or conv2d layer, or an average pool of one".into());
    }
    let (from, to) = (of_batch(input), of_batch(&output));
    match (projection, self::projection(input, &output)) {
        (false, _) if output.axes() != input.axes() => {
            Err(format!("its body makes {to} of {from}, which cannot be added; `projection = true` fits"))
        }
        (true, None) => Err(format!("no convolution of 1x1 makes {to} of {from}")),
        _ => Ok(output),
    }
}

/// What turns a block's input into the shape of its output: a convolution of 1x1, or a matrix.
pub(super) fn projection(input: &Shape, output: &Shape) -> Option<Linear> {
    let linear = |rows, columns, conv| Linear { weight: [rows, columns], bias: false, conv, folds: Vec::new() };
    match (input.axes(), output.axes()) {
        ([inputs], [outputs]) => Some(linear(*inputs, *outputs, None)),
        ([height, width, channels], [rows, columns, outputs]) => {
            let stride = |from: usize, to: usize| (1..=from).find(|s| (from - 1) / s + 1 == to);
            let (image, stride) = ([*height, *width], [stride(*height, *rows)?, stride(*width, *columns)?]);
            let (channels, outputs) = (*channels, *outputs);
            let conv = Conv { image, channels, kernel: [1, 1], stride, padding: [0, 0], outputs };
            Some(linear(channels, outputs, Some(conv)))
        }
        _ => None,
    }
}

/// Rows of an image, or of zeros around one.
const MOST_ROWS: usize = 1 << 14;
/// Values of a window whose largest is found pair by pair.
const MOST_IN_TREE: usize = 64;
/// The same where all pairs are compared at once: every value's bit is the AND of as many, and that deals a bit for every set of
/// them.
const MOST_AT_ONCE: usize = 6;
/// Values of a window that is averaged: one bit of the ring for every doubling.
const MOST_AVERAGED: usize = 256;

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
            Self::ZeroPadding { padding: [h, w] } => write!(f, "pad{h}x{w}"),
            Self::Dropout { factor } => write!(f, "drop{:.2}", 1.0 - 1.0 / factor.value()),
            Self::Residual { body, .. } => {
                let body: Vec<_> = body.iter().map(Self::to_string).filter(|l| !l.is_empty()).collect();
                write!(f, "({})", body.join("-"))
            }
            Self::Flatten | Self::Relu | Self::Sigmoid => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_from_their_bytes_and_deep_ones_are_refused() {
        let dense = LayerSpec::Dense { outputs: 3, bias: true };
        let block = |body| LayerSpec::Residual { body, projection: false };
        let bytes = |layer: &LayerSpec| postcard::to_stdvec(layer).unwrap();
        let one = block(vec![dense.clone(), LayerSpec::Relu, dense.clone()]);
        let again = || postcard::from_bytes::<LayerSpec>(&bytes(&one));
        assert_eq!(again().unwrap(), one);
        assert!(postcard::from_bytes::<LayerSpec>(&bytes(&block(vec![one.clone()]))).is_err());
        // a million blocks, one in the other
        let [kind, length, ..] = bytes(&block(vec![dense]))[..] else { panic!("a block has bytes") };
        assert!(postcard::from_bytes::<LayerSpec>(&[kind, length].repeat(1_000_000)).is_err());
        assert_eq!(again().unwrap(), one, "what was refused leaves no trace");
    }
}
