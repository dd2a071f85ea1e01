//! A network as stages: a product with parameters, what is added to it, a pool, an activation; and which layers may follow which.

use crate::gates::{Bilinear, Boxes, Conv, Layout, Pass};
use crate::nn::layer::projection;
use crate::nn::{Factor, LayerSpec, Model, PoolMethod};
use crate::shape::Shape;

/// What turns a product into the next stage's operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Following {
    /// ReLU.
    Relu,
    /// The sigmoid in three pieces.
    Sigmoid,
    /// A max pool, with ReLU.
    MaxPool(Boxes, PoolMethod),
}

impl Following {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
            Self::MaxPool(..) => "pool",
        }
    }
}

/// A public linear map of a product's operand, forward or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fold {
    /// Sums of boxes, which a factor turns into means: a pool, or zeros around images.
    Sums(Boxes, Factor),
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
pub(crate) struct Linear {
    /// Rows and columns of the weight.
    pub(crate) weight: [usize; 2],
    /// Whether there is a bias.
    pub(crate) bias: bool,
    /// The convolution of what the folds give; none for a matrix product.
    pub(crate) conv: Option<Conv>,
    /// What happens to the operand before, in this order.
    pub(crate) folds: Vec<Fold>,
}

impl Linear {
    /// Its name in reports and model files.
    pub(crate) fn name(&self) -> &'static str {
        if self.conv.is_some() { "conv" } else { "dense" }
    }

    /// The factor of outputs, and of gradients by the weight and the input, that is left to them.
    pub(crate) fn factor(&self, training: bool) -> Factor {
        self.folds.iter().fold(Factor { times: 1, shift: 0 }, |all, fold| match fold {
            Fold::Dropout { .. } if !training => all,
            Fold::Sums(_, factor) | Fold::Dropout { factor, .. } => {
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

/// What a residual block adds to its last product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortcut {
    /// The stage whose input it is.
    pub(crate) from: usize,
    /// What it is multiplied with first, where its shape is another.
    pub(crate) projection: Option<Linear>,
}

/// A product and what follows it; nothing behind the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    /// The product.
    pub(crate) linear: Linear,
    /// What is added to it.
    pub(crate) shortcut: Option<Shortcut>,
    /// What follows.
    pub(crate) following: Option<Following>,
}

impl Stage {
    /// The products, in the order of their parameters.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &Linear> {
        std::iter::once(&self.linear).chain(self.shortcut.iter().flat_map(|s| &s.projection))
    }
}

/// Where a walk over layers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Before the first layer, or behind an activation: an operand of products.
    Operand,
    /// Behind the ReLU of images, which a max pool may still follow.
    Relu,
    /// Behind a public linear map of an operand.
    Folded,
    /// Behind a product.
    Product { images: bool },
    /// Behind an average pool of a product.
    Average,
    /// Behind a max pool of a product.
    Max,
    /// Behind a residual block.
    Sum { images: bool },
}

impl After {
    /// Where a layer leads, or what is wrong with it there.
    pub(super) fn then(self, layer: &LayerSpec) -> Result<Self, String> {
        use After::{Average, Folded, Max, Operand, Product, Relu, Sum};
        let wrong = |reason: &str| Err(reason.to_owned());
        match (layer, self) {
            (LayerSpec::Flatten, after) => Ok(after),
            (LayerSpec::Dense { .. }, Operand | Relu | Folded) => Ok(Product { images: false }),
            (LayerSpec::Conv2d { .. }, Operand | Relu | Folded) => Ok(Product { images: true }),
            (LayerSpec::Residual { body, .. }, Operand | Relu) => {
                Ok(Sum { images: body.iter().any(|l| matches!(l, LayerSpec::Conv2d { .. })) })
            }
            (LayerSpec::Residual { .. }, Folded) => {
                wrong("a residual block begins behind an activation; put the layer before it into its body")
            }
            (LayerSpec::Dense { .. } | LayerSpec::Conv2d { .. } | LayerSpec::Residual { .. }, _) => {
                wrong("put an activation (relu, sigmoid) between it and the layer before it")
            }
            (LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool, Product { images: true }) => Ok(Average),
            (
                LayerSpec::AveragePool { .. }
                | LayerSpec::GlobalAveragePool
                | LayerSpec::ZeroPadding { .. }
                | LayerSpec::Dropout { .. },
                Operand | Relu | Folded,
            ) => Ok(Folded),
            (LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool, _) => {
                wrong("an average pool follows a conv2d or an activation; put one before it")
            }
            (LayerSpec::ZeroPadding { .. } | LayerSpec::Dropout { .. }, _) => {
                wrong("it begins a network or follows an activation; put one before it")
            }
            (LayerSpec::MaxPool { .. }, Product { images: true } | Sum { images: true }) => Ok(Max),
            (LayerSpec::MaxPool { .. }, Relu) => Ok(Operand),
            (LayerSpec::MaxPool { .. }, _) => {
                wrong("a max pool follows a conv2d, before or behind its relu; put it there")
            }
            (LayerSpec::Relu, Product { images: true } | Sum { images: true }) => Ok(Relu),
            (LayerSpec::Relu, Product { .. } | Sum { .. } | Average | Max) => Ok(Operand),
            (LayerSpec::Sigmoid, Product { .. } | Sum { .. } | Average) => Ok(Operand),
            (LayerSpec::Sigmoid, Max) => wrong("a max pool goes with relu; put that in its place"),
            (LayerSpec::Relu | LayerSpec::Sigmoid, _) => {
                wrong("an activation follows a dense or conv2d layer; put one before it")
            }
        }
    }

    /// Whether a residual block's body may end here.
    pub(super) fn is_product(self) -> bool {
        matches!(self, Self::Product { .. } | Self::Average)
    }
}

/// Stages, while layers are read.
#[derive(Default)]
struct Builder {
    stages: Vec<Stage>,
    /// Of the operand of the product that comes next.
    folds: Vec<Fold>,
    dropouts: u64,
}

impl Builder {
    /// Adds layers that take `input`.
    fn add(&mut self, layers: &[LayerSpec], input: &Shape) {
        let mut input = input.clone();
        for layer in layers {
            let output = layer.output(&input).expect("a checked model's layers fit");
            self.add_one(layer, &input, &output);
            input = output;
        }
    }

    fn add_one(&mut self, layer: &LayerSpec, input: &Shape, output: &Shape) {
        match layer {
            LayerSpec::Dense { .. } | LayerSpec::Conv2d { .. } => {
                let parameters = layer.parameters(input);
                let (rows, columns) = parameters[0].matrix();
                let folds = std::mem::take(&mut self.folds);
                let (bias, conv) = (parameters.len() > 1, layer.conv(input));
                let linear = Linear { weight: [rows, columns], bias, conv, folds };
                self.stages.push(Stage { linear, shortcut: None, following: None });
            }
            LayerSpec::Residual { body, projection: projected } => {
                let from = self.stages.len();
                self.add(body, input);
                let projection = projected.then(|| projection(input, output)).flatten();
                self.last().shortcut = Some(Shortcut { from, projection });
            }
            LayerSpec::AveragePool { .. } | LayerSpec::GlobalAveragePool | LayerSpec::ZeroPadding { .. } => {
                let boxes = layer.windows(input).expect("a checked model's pools have images");
                let factor = if boxes.len() == 1 { Factor { times: 1, shift: 0 } } else { Factor::mean(boxes.len()) };
                match self.stages.last_mut().filter(|stage| stage.following.is_none()) {
                    Some(Stage { linear, .. }) => {
                        let conv = linear.conv.expect("an average pool follows a convolution or an operand");
                        let (sums, conv) = Boxes::before(conv, boxes.window, boxes.stride);
                        linear.conv = Some(conv);
                        linear.folds.push(Fold::Sums(sums, factor));
                    }
                    None => self.folds.push(Fold::Sums(boxes, factor)),
                }
            }
            LayerSpec::Dropout { factor } => {
                self.folds.push(Fold::Dropout { layer: self.dropouts, factor: *factor });
                self.dropouts += 1;
            }
            LayerSpec::MaxPool { method, .. } => {
                let boxes = layer.windows(input).expect("a checked model's pools have images");
                self.last().following = Some(Following::MaxPool(boxes, *method));
            }
            // with a max pool, ReLU is one step
            LayerSpec::Relu => {
                let _ = self.last().following.get_or_insert(Following::Relu);
            }
            LayerSpec::Sigmoid => self.last().following = Some(Following::Sigmoid),
            LayerSpec::Flatten => {}
        }
    }

    fn last(&mut self) -> &mut Stage {
        self.stages.last_mut().expect("a checked network begins with a product")
    }
}

impl Model {
    /// The stages of a checked network.
    pub(crate) fn stages(&self) -> Vec<Stage> {
        let mut all = Builder::default();
        all.add(self.layers(), self.input());
        all.stages
    }
}
