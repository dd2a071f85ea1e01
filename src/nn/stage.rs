//! A network as stages: a product with parameters, a pool, an activation; and which layers may follow which.

use crate::gates::{Bilinear, Boxes, Conv, Layout, Pass};
use crate::nn::{LayerSpec, Model};

/// What turns a product into the next stage's operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Following {
    /// ReLU.
    Relu,
    /// The sigmoid in three pieces.
    Sigmoid,
    /// A max pool, with ReLU.
    MaxPool(Boxes),
}

/// A product with parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linear {
    /// Rows and columns of the weight.
    pub(crate) weight: [usize; 2],
    /// Whether there is a bias.
    pub(crate) bias: bool,
    /// The convolution of what `sums` gives; none for a matrix product.
    pub(crate) conv: Option<Conv>,
    /// The sums of boxes that an average pool behind it is folded into.
    pub(crate) sums: Option<Boxes>,
}

impl Linear {
    /// Its name in reports and model files.
    pub(crate) fn name(&self) -> &'static str {
        if self.conv.is_some() { "conv" } else { "dense" }
    }

    /// Fraction bits of outputs and of gradients by the weight and the input that come from summing instead of averaging.
    pub(crate) fn extra(&self) -> u32 {
        self.sums.map_or(0, |boxes| boxes.len().trailing_zeros())
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

/// A product and what follows it; nothing behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The product.
    pub(crate) linear: Linear,
    /// What follows.
    pub(crate) following: Option<Following>,
}

/// Where a walk over layers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Before the first layer, or behind an activation: an operand of products.
    Operand,
    /// Behind a product; whether it is a convolution of stride 1.
    Product { dense: bool, averaged: bool },
    /// Behind an average pool of a product.
    Average,
    /// Behind a max pool of a product.
    Max,
    /// Behind the ReLU of a convolution, which a max pool may still follow.
    Relu,
}

impl After {
    /// Where a layer leads, or what is wrong with it there.
    pub(super) fn then(self, layer: &LayerSpec) -> Result<Self, String> {
        let wrong = |reason: &str| Err(reason.to_owned());
        match (layer, self) {
            (LayerSpec::Flatten, after) => Ok(after),
            (LayerSpec::Dense { .. }, Self::Operand | Self::Relu) => Ok(Self::Product { dense: true, averaged: false }),
            (LayerSpec::Conv2d { stride, .. }, Self::Operand | Self::Relu) => {
                Ok(Self::Product { dense: false, averaged: *stride == [1, 1] })
            }
            (layer, _) if layer.is_product() => {
                wrong("put an activation (relu, sigmoid) between it and the layer before it")
            }
            (LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool, after) => match after {
                Self::Product { averaged: true, .. } => Ok(Self::Average),
                _ => wrong("an average pool follows a conv2d of stride [1, 1], before the activation; put it there"),
            },
            (LayerSpec::MaxPool { .. }, Self::Product { dense: false, .. }) => Ok(Self::Max),
            (LayerSpec::MaxPool { .. }, Self::Relu) => Ok(Self::Operand),
            (LayerSpec::MaxPool { .. }, _) => {
                wrong("a max pool follows a conv2d, before or behind its relu; put it there")
            }
            (LayerSpec::Relu, Self::Product { dense: false, .. }) => Ok(Self::Relu),
            (LayerSpec::Relu, Self::Product { .. } | Self::Average | Self::Max) => Ok(Self::Operand),
            (LayerSpec::Sigmoid, Self::Product { .. } | Self::Average) => Ok(Self::Operand),
            (LayerSpec::Sigmoid, Self::Max) => wrong("a max pool goes with relu; put that in its place"),
            _ => wrong("an activation follows a dense or conv2d layer; put one before it"),
        }
    }
}

impl Model {
    /// The stages of a checked network.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        for (layer, input) in self.layers_with_inputs() {
            if layer.is_product() {
                let parameters = layer.parameters(&input);
                let (rows, columns) = parameters[0].matrix();
                let (bias, conv) = (parameters.len() > 1, layer.conv(&input));
                let linear = Linear { weight: [rows, columns], bias, conv, sums: None };
                stages.push(Stage { linear, following: None });
                continue;
            }
            let stage = stages.last_mut().expect("a checked network begins with a product");
            match (layer, layer.windows(&input)) {
                (LayerSpec::MaxPool { .. }, Some(windows)) => stage.following = Some(Following::MaxPool(windows)),
                (_, Some(Boxes { window, stride, .. })) => {
                    let conv = stage.linear.conv.expect("an average pool follows a convolution");
                    let (sums, conv) = Boxes::before(conv, window, stride);
                    (stage.linear.sums, stage.linear.conv) = (Some(sums), Some(conv));
                }
                // with a max pool, ReLU is one step
                (LayerSpec::Relu, None) if stage.following.is_none() => stage.following = Some(Following::Relu),
                (LayerSpec::Sigmoid, None) => stage.following = Some(Following::Sigmoid),
                _ => {}
            }
        }
        stages
    }
}
