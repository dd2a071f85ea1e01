//! What layers are made into: products with parameters, public linear maps of their operands, activations.

use crate::gates::{Bilinear, Conv, ImageWindows, Layout, Pass};
use crate::nn::{AnyActivation, Factor, NormSpec};

/// What a layer is made into.
#[derive(Clone, Debug)]
pub enum Lowered {
    /// Nothing: values stay, or the layer before or behind it does its part.
    Nothing,
    /// A product with parameters.
    Product(LinearSpec),
    /// Normalization of a product.
    Norm(NormSpec),
    /// Sums of boxes, which a factor turns into means, of a product's operand; or of a convolution that is before it.
    Sums(ImageWindows, Factor),
    /// Dropout of a product's operand, in training alone: what kept values are multiplied with.
    Dropout(Factor),
    /// What turns a product into the next one's operand. It takes the place of an activation that the product has.
    Activation(AnyActivation),
    /// The layers of its body, to whose last product its input is added; multiplied with a weight first where there is one.
    Block(Option<LinearSpec>),
}

/// A public linear map of a product's operand, forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinearMap {
    /// Sums of boxes, which a factor turns into means: a pool, or zeros around images.
    Sums(ImageWindows, Factor),
    /// Dropout, in training alone; number `layer` of them in the network.
    Dropout {
        /// Its number.
        layer: u64,
        /// What kept values are multiplied with.
        factor: Factor,
    },
}

/// A product with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearSpec {
    /// Rows and columns of the weight.
    pub(crate) weight: [usize; 2],
    /// Whether there is a bias.
    pub(crate) bias: bool,
    /// The convolution of what the folds give; none for a matrix product.
    pub(crate) conv: Option<Conv>,
    /// What happens to the operand before, in this order.
    pub(crate) linear_maps: Vec<LinearMap>,
}

impl LinearSpec {
    /// The product with a matrix of `rows` and `columns`.
    pub fn matrix(rows: usize, columns: usize, bias: bool) -> Self {
        Self { weight: [rows, columns], bias, conv: None, linear_maps: Vec::new() }
    }

    /// A convolution.
    pub fn conv(conv: Conv, bias: bool) -> Self {
        let rows = conv.window.kernel[0].saturating_mul(conv.window.kernel[1]).saturating_mul(conv.channels);
        Self { weight: [rows, conv.outputs], bias, conv: Some(conv), linear_maps: Vec::new() }
    }

    /// Its name in reports and model files.
    pub(crate) fn name(&self) -> &'static str {
        if self.conv.is_some() { "conv" } else { "dense" }
    }

    /// The factor of outputs, and of gradients by the weight and the input, that is left to them.
    pub(crate) fn factor(&self, training: bool) -> Factor {
        self.linear_maps.iter().fold(Factor { times: 1, shift: 0 }, |all, fold| match fold {
            LinearMap::Dropout { .. } if !training => all,
            LinearMap::Sums(_, factor) | LinearMap::Dropout { factor, .. } => {
                let times = all.times.saturating_mul(factor.times);
                Factor { times, shift: all.shift.saturating_add(factor.shift) }
            }
        })
    }

    /// The three products.
    pub(crate) fn map(&self, pass: Pass) -> Bilinear {
        match (self.conv, pass) {
            (Some(conv), _) => Bilinear::Conv(conv, pass),
            (None, Pass::Forward) => Bilinear::Matrix(Layout::Plain),
            (None, Pass::Filter) => Bilinear::Matrix(Layout::LeftTransposed),
            (None, Pass::Image) => Bilinear::Matrix(Layout::RightTransposed),
        }
    }
}
