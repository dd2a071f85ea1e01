//! A network as stages: a product with parameters, what is added to it, a pool, an activation.

use crate::gates::ImageWindows;
use crate::nn::lowered::{LinearMap, LinearSpec, Lowered};
use crate::nn::{AnyActivation, Flow, LayerSpec, Model, NormSpec, ParameterSpec};
use crate::shape::Shape;

/// What a residual block adds to its last product.
#[derive(Clone, Debug)]
pub(crate) struct ShortcutSpec {
    /// The stage whose input it is.
    pub(crate) from: usize,
    /// What it is multiplied with first, where its shape is another.
    pub(crate) projection: Option<LinearSpec>,
}

/// A product and what follows it; nothing behind the last.
#[derive(Clone, Debug)]
pub(crate) struct StageSpec {
    /// The product.
    pub(crate) linear: LinearSpec,
    /// How it is normalized.
    pub(crate) norm: Option<NormSpec>,
    /// What is added to it.
    pub(crate) shortcut: Option<ShortcutSpec>,
    /// What follows.
    pub(crate) following: Option<AnyActivation>,
}

/// What has parameters in a stage.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// A product.
    Linear(LinearSpec),
    /// The normalization of the product before it.
    Norm(NormSpec),
}

impl Part {
    /// Its name in model files.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Linear(linear) => linear.name(),
            Self::Norm(norm) => norm.name(),
        }
    }

    /// Its parameters.
    pub(crate) fn parameters(&self) -> Vec<ParameterSpec> {
        match self {
            Self::Linear(linear) => ParameterSpec::weight_and_bias(linear.weight, linear.bias),
            Self::Norm(norm) => norm.parameters(),
        }
    }
}

impl StageSpec {
    /// What has parameters, in their order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = Part> {
        let projection = self.shortcut.iter().flat_map(|s| s.projection.clone()).map(Part::Linear);
        let norm = self.norm.clone().map(Part::Norm);
        std::iter::once(Part::Linear(self.linear.clone())).chain(norm).chain(projection)
    }

    /// The products, in the order of their parameters.
    pub(crate) fn linears(&self) -> impl Iterator<Item = &LinearSpec> {
        std::iter::once(&self.linear).chain(self.shortcut.iter().flat_map(|s| &s.projection))
    }
}

/// Stages, while layers are read.
#[derive(Default)]
struct Builder {
    stages: Vec<StageSpec>,
    /// Of the operand of the product that comes next.
    linear_maps: Vec<LinearMap>,
    dropouts: u64,
}

impl Builder {
    /// Adds layers that take `input`.
    fn add(&mut self, layers: &[LayerSpec], input: &Shape, mut flow: Flow) {
        let mut input = input.clone();
        for layer in layers {
            self.add_one(layer, &input, flow);
            flow = layer.follow(flow).expect("a checked model's layers follow each other");
            input = layer.output(&input).expect("a checked model's layers fit");
        }
    }

    fn add_one(&mut self, layer: &LayerSpec, input: &Shape, flow: Flow) {
        match layer.lower(flow, input) {
            Lowered::Nothing => {}
            Lowered::Product(linear) => {
                let linear = LinearSpec { linear_maps: std::mem::take(&mut self.linear_maps), ..linear };
                self.stages.push(StageSpec { linear, norm: None, shortcut: None, following: None });
            }
            Lowered::Norm(norm) => self.last().norm = Some(norm),
            Lowered::Block(projection) => {
                let from = self.stages.len();
                self.add(layer.body(), input, Flow::Operand);
                self.last().shortcut = Some(ShortcutSpec { from, projection });
            }
            Lowered::Sums(boxes, factor) => match self.stages.last_mut().filter(|stage| stage.following.is_none()) {
                Some(StageSpec { linear, .. }) => {
                    let conv = linear.conv.expect("an average pool follows a convolution or an operand");
                    let (sums, conv) = ImageWindows::before(conv, boxes.window);
                    linear.conv = Some(conv);
                    linear.linear_maps.push(LinearMap::Sums(sums, factor));
                }
                None => self.linear_maps.push(LinearMap::Sums(boxes, factor)),
            },
            Lowered::Dropout(factor) => {
                self.linear_maps.push(LinearMap::Dropout { layer: self.dropouts, factor });
                self.dropouts += 1;
            }
            Lowered::Activation(following) => self.last().following = Some(following),
        }
    }

    fn last(&mut self) -> &mut StageSpec {
        self.stages.last_mut().expect("a checked network begins with a product")
    }
}

impl Model {
    /// The stages of a checked network.
    pub(crate) fn stages(&self) -> Vec<StageSpec> {
        let mut all = Builder::default();
        all.add(self.layers(), self.input(), Flow::Operand);
        all.stages
    }

    /// What has parameters, in their order, with the number of the product that it is or belongs to, from 1.
    pub(crate) fn parts(&self) -> Vec<(usize, Part)> {
        let mut number = 0;
        let parts = self.stages().into_iter().flat_map(|stage| stage.parts().collect::<Vec<_>>());
        let numbered = parts.map(|part| {
            number += usize::from(matches!(part, Part::Linear(_)));
            (number, part)
        });
        numbered.collect()
    }
}
