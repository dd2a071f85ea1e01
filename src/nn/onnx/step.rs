//! What leads from one value of an ONNX graph to the next, in the order and layout of ppdnn.

use std::rc::Rc;

use ndarray::{Array1, Array2};

use crate::nn::LayerSpec;
use crate::nn::layers::{Conv2d, Dense, Flatten, Residual};

/// A step from one value to the next.
#[derive(Clone)]
pub(super) struct Step {
    /// What it does.
    pub(super) what: What,
    /// The node that it is from.
    pub(super) node: Rc<str>,
}

/// What a step does.
#[derive(Clone)]
pub(super) enum What {
    /// Nothing comes before it.
    Input,
    /// `x times + plus` for the input: one number for all features, or one for each.
    Scale { times: Rc<Array1<f64>>, plus: Rc<Array1<f64>> },
    /// The input's rows as images of one channel.
    Images,
    /// A layer without parameters.
    Layer(LayerSpec),
    /// A pool whose mean is `ratio` times the true one.
    Mean { layer: LayerSpec, ratio: f64 },
    /// A product with parameters.
    Product(Product),
    /// A residual block: the steps of its body, and what its input is multiplied with.
    Block { body: Vec<Step>, projection: Option<Rc<Array2<f64>>> },
    /// A softmax, behind which nothing comes.
    End,
}

/// A product with parameters.
#[derive(Clone)]
pub(super) struct Product {
    /// The convolution; `None` for a dense layer.
    pub(super) conv: Option<Conv2d>,
    /// `[inputs, outputs]`, or `[kernel rows kernel columns channels, outputs]`.
    pub(super) weight: Rc<Array2<f64>>,
    /// `[outputs]`.
    pub(super) bias: Option<Array1<f64>>,
}

impl Product {
    /// `x w + b + plus`.
    pub(super) fn plus(&self, plus: &Array1<f64>) -> Self {
        let bias = self.bias.as_ref().map_or_else(|| plus.clone(), |bias| bias + plus);
        Self { bias: Some(bias), ..self.clone() }
    }

    /// The layer.
    fn layer(&self) -> LayerSpec {
        let bias = self.bias.is_some();
        match &self.conv {
            Some(conv) => Conv2d { bias, ..conv.clone() }.into(),
            None => Dense { outputs: self.weight.ncols(), bias }.into(),
        }
    }
}

/// Layers, and their parameters in the order of [`Model::parameters`](crate::nn::Model::parameters).
#[derive(Default)]
pub(super) struct Layers {
    /// The layers.
    pub(super) layers: Vec<LayerSpec>,
    /// Their parameters.
    pub(super) parameters: Vec<Vec<f64>>,
    /// The nodes that they are from.
    pub(super) nodes: Vec<Rc<str>>,
}

impl Layers {
    /// The layers of steps.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut all = Self::default();
        let mut mean = 1.0;
        for (at, step) in steps.iter().enumerate() {
            let next = steps.get(at + 1).map(|next| &next.what);
            let layer = match &step.what {
                // a dense layer takes images as rows
                What::Layer(layer) if layer.is::<Flatten>() && takes_rows(next) => continue,
                What::Layer(layer) => layer.clone(),
                What::Mean { layer, ratio } => {
                    let folded = at > 0 && matches!(steps[at - 1].what, What::Product(_));
                    mean *= if folded { 1.0 } else { ratio.recip() };
                    layer.clone()
                }
                What::Product(product) => {
                    let pool = if let Some(What::Mean { ratio, .. }) = next { ratio.recip() } else { 1.0 };
                    let factor = std::mem::replace(&mut mean, 1.0) * pool;
                    all.parameters.push(product.weight.iter().map(|w| w * factor).collect());
                    all.parameters.extend(product.bias.as_ref().map(|bias| bias.to_vec()));
                    product.layer()
                }
                What::Block { body, projection } => {
                    let Self { layers, parameters, .. } = Self::of(body);
                    all.parameters.extend(parameters);
                    all.parameters.extend(projection.as_ref().map(|weight| weight.iter().copied().collect()));
                    Residual { body: layers, projection: projection.is_some() }.into()
                }
                What::Input | What::Scale { .. } | What::Images | What::End => continue,
            };
            all.layers.push(layer);
            all.nodes.push(step.node.clone());
        }
        all
    }
}

/// Whether what follows is a dense layer.
fn takes_rows(next: Option<&What>) -> bool {
    matches!(next, Some(What::Product(Product { conv: None, .. })))
}
