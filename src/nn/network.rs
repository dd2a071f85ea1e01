//! A network: dense layers with activations between them, and the loss on top.

use crate::engine::Engine;
use crate::error::Result;
use crate::fixed::MASTER_FRAC;
use crate::gates::Open;
use crate::nn::{Dense, LayerSpec, Loss, Model, Relu, Sgd, Sigmoid};

/// A dense layer and what follows it.
struct Stage<E: Engine> {
    dense: Dense<E>,
    activation: Option<Activation<E>>,
}

/// What turns a product into the next layer's operand.
enum Activation<E: Engine> {
    Relu(Relu<E>),
    Sigmoid(Sigmoid<E>),
}

impl<E: Engine> Activation<E> {
    fn name(&self) -> &'static str {
        match self {
            Self::Relu(_) => "relu",
            Self::Sigmoid(_) => "sigmoid",
        }
    }

    fn forward(&mut self, e: &mut E, z: &E::Share) -> Result<E::Wire> {
        match self {
            Self::Relu(relu) => relu.forward(e, z),
            Self::Sigmoid(sigmoid) => sigmoid.forward(e, z),
        }
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share) -> Result<E::Wire> {
        match self {
            Self::Relu(relu) => relu.backward(e, dy),
            Self::Sigmoid(sigmoid) => sigmoid.backward(e, dy),
        }
    }
}

/// A network in training.
pub struct Network<E: Engine> {
    stages: Vec<Stage<E>>,
    loss: Loss,
}

impl<E: Engine> Network<E> {
    /// A network with the trainer's initial parameters.
    ///
    /// # Errors
    /// What the engine says.
    pub fn new(e: &mut E, model: &Model) -> Result<Self> {
        let mut stages: Vec<Stage<E>> = Vec::new();
        let mut index = 0;
        let mut sizes = model.dense_layers();
        let follow = |stages: &mut Vec<Stage<E>>, activation| {
            if let Some(stage) = stages.last_mut() {
                stage.activation = Some(activation);
            }
        };
        for layer in model.layers() {
            match layer {
                LayerSpec::Dense { .. } => {
                    let (inputs, outputs, bias) = sizes.next().expect("a dense layer has sizes");
                    let dense = Dense::new(e, index, inputs, outputs, bias)?;
                    index += dense.parameters().count();
                    stages.push(Stage { dense, activation: None });
                }
                LayerSpec::Relu => follow(&mut stages, Activation::Relu(Relu::default())),
                LayerSpec::Sigmoid => follow(&mut stages, Activation::Sigmoid(Sigmoid::default())),
            }
        }
        Ok(Self { stages, loss: model.loss() })
    }

    /// One step on a batch of rows and one-hot labels.
    ///
    /// # Errors
    /// What the engine says.
    pub fn step(&mut self, e: &mut E, x: E::Wire, labels: &E::Wire, sgd: &Sgd) -> Result<()> {
        let weights = self.open_weights(e)?;
        let logits = self.forward(e, x, &weights)?;
        e.scope("loss");
        let mut dy = self.loss.gradient(e, &logits, labels)?;
        let mut gradients = Vec::with_capacity(self.stages.len());
        for i in (0..self.stages.len()).rev() {
            e.scope(&format!("dense{}/backward", i + 1));
            gradients.push(self.stages[i].dense.gradients(e, &dy)?);
            if i > 0 {
                let dx = self.stages[i].dense.backward(e, &dy, &weights[i])?;
                let activation = self.stages[i - 1].activation.as_mut();
                let activation = activation.expect("a model has an activation between two dense layers");
                e.scope(&format!("{}{i}/backward", activation.name()));
                dy = activation.backward(e, &dx)?;
            }
        }
        gradients.reverse();
        e.scope("update");
        let parameters = self.stages.iter_mut().flat_map(|s| s.dense.parameters_mut());
        let mut all: Vec<_> = parameters.zip(gradients.into_iter().flatten()).collect();
        sgd.update(e, &mut all)
    }

    /// Opens all weights, rounded to the profile's fraction bits, in one round.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open_weights(&self, e: &mut E) -> Result<Vec<E::Wire>> {
        e.scope("weights");
        let p = e.profile().clone();
        let list: Vec<_> = self.stages.iter().map(|s| Open::weight(&s.dense.weight.value, &p)).collect();
        e.open(&list)
    }

    /// The logits of a batch, a share at twice the scale.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, mut x: E::Wire, weights: &[E::Wire]) -> Result<E::Share> {
        let last = self.stages.len() - 1;
        for (i, (stage, w)) in self.stages.iter_mut().zip(weights).enumerate() {
            e.scope(&format!("dense{}/forward", i + 1));
            let z = stage.dense.forward(e, x, w)?;
            match &mut stage.activation {
                Some(activation) => {
                    e.scope(&format!("{}{}/forward", activation.name(), i + 1));
                    x = activation.forward(e, &z)?;
                }
                None if i == last => return Ok(z),
                None => break,
            }
        }
        unreachable!("a model ends with a dense layer, and has an activation after every other")
    }

    /// The parameters with the profile's fraction bits, in the order of [`Model::parameters`].
    ///
    /// # Errors
    /// What the engine says.
    pub fn parameters(&self, e: &mut E) -> Result<Vec<E::Share>> {
        let cut = MASTER_FRAC - e.profile().frac;
        self.stages.iter().flat_map(|s| s.dense.parameters()).map(|p| e.narrow(&p.value, cut)).collect()
    }
}
