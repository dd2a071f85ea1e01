//! A network: products with activations between them, and the loss on top.

use crate::engine::Engine;
use crate::error::Result;
use crate::fixed::MASTER_FRAC;
use crate::gates::Open;
use crate::nn::stage::Following;
use crate::nn::{Linear, Loss, MaxPool, Model, Relu, Sgd, Sigmoid};

/// A layer with parameters and what follows it.
struct Stage<E: Engine> {
    linear: Linear<E>,
    activation: Option<Activation<E>>,
}

/// What turns a product into the next layer's operand.
enum Activation<E: Engine> {
    Relu(Relu<E>),
    Sigmoid(Sigmoid<E>),
    MaxPool(MaxPool<E>),
}

impl<E: Engine> Activation<E> {
    fn new(following: Following) -> Self {
        match following {
            Following::Relu => Self::Relu(Relu::default()),
            Following::Sigmoid => Self::Sigmoid(Sigmoid::default()),
            Following::MaxPool(boxes) => Self::MaxPool(MaxPool::new(boxes)),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Relu(_) => "relu",
            Self::Sigmoid(_) => "sigmoid",
            Self::MaxPool(_) => "pool",
        }
    }

    /// `extra` fraction bits more than twice the scale are cut from `z`.
    fn forward(&mut self, e: &mut E, z: &E::Share, extra: u32, way_back: bool) -> Result<E::Wire> {
        match self {
            Self::Relu(relu) => relu.forward(e, z, extra),
            Self::Sigmoid(sigmoid) => sigmoid.forward(e, z, extra),
            Self::MaxPool(pool) => pool.forward(e, z, way_back),
        }
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, extra: u32) -> Result<E::Wire> {
        match self {
            Self::Relu(relu) => relu.backward(e, dy, extra),
            Self::Sigmoid(sigmoid) => sigmoid.backward(e, dy, extra),
            Self::MaxPool(pool) => pool.backward(e, dy, extra),
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
        for stage in model.stages() {
            let linear = Linear::new(e, index, stage.linear)?;
            index += linear.parameters().count();
            stages.push(Stage { linear, activation: stage.following.map(Activation::new) });
        }
        Ok(Self { stages, loss: model.loss() })
    }

    /// One step on a batch of rows and one-hot labels.
    ///
    /// # Errors
    /// What the engine says.
    pub fn step(&mut self, e: &mut E, x: E::Wire, labels: &E::Wire, sgd: &Sgd) -> Result<()> {
        let weights = self.open_weights(e)?;
        let gradients = self.gradients(e, x, labels, &weights)?;
        self.update(e, gradients, sgd)
    }

    /// The gradients by all parameters, summed over a batch, in the order of [`Model::parameters`]: shares at twice the scale.
    ///
    /// # Errors
    /// What the engine says.
    pub fn gradients(&mut self, e: &mut E, x: E::Wire, labels: &E::Wire, weights: &[E::Wire]) -> Result<Vec<E::Share>> {
        let logits = self.forward(e, x, weights, true)?;
        e.scope("loss");
        let mut dy = self.loss.gradient(e, &logits, labels)?;
        let mut gradients = Vec::with_capacity(self.stages.len());
        for i in (0..self.stages.len()).rev() {
            let linear = &mut self.stages[i].linear;
            e.scope(&format!("{}{}/backward", linear.name(), i + 1));
            gradients.push(linear.gradients(e, &dy)?);
            if i > 0 {
                let (dx, extra) = (linear.backward(e, &dy, &weights[i])?, linear.extra());
                let activation = self.stages[i - 1].activation.as_mut();
                let activation = activation.expect("a model has an activation between two products");
                e.scope(&format!("{}{i}/backward", activation.name()));
                dy = activation.backward(e, &dx, extra)?;
            }
        }
        gradients.reverse();
        Ok(gradients.into_iter().flatten().collect())
    }

    /// Moves all parameters by their gradients.
    ///
    /// # Errors
    /// What the engine says.
    pub fn update(&mut self, e: &mut E, gradients: Vec<E::Share>, sgd: &Sgd) -> Result<()> {
        e.scope("update");
        let parameters = self.stages.iter_mut().flat_map(|s| s.linear.parameters_mut());
        let mut all: Vec<_> = parameters.zip(gradients).collect();
        sgd.update(e, &mut all)
    }

    /// Opens all weights, rounded to the profile's fraction bits, in one round.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open_weights(&self, e: &mut E) -> Result<Vec<E::Wire>> {
        e.scope("weights");
        let p = e.profile().clone();
        let list: Vec<_> = self.stages.iter().map(|s| Open::weight(&s.linear.weight().value, &p)).collect();
        e.open(&list)
    }

    /// The logits of a batch, a share at twice the scale; `way_back` where a backward pass follows.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, mut x: E::Wire, weights: &[E::Wire], way_back: bool) -> Result<E::Share> {
        let last = self.stages.len() - 1;
        for (i, (stage, w)) in self.stages.iter_mut().zip(weights).enumerate() {
            e.scope(&format!("{}{}/forward", stage.linear.name(), i + 1));
            let z = stage.linear.forward(e, x, w)?;
            match &mut stage.activation {
                Some(activation) => {
                    e.scope(&format!("{}{}/forward", activation.name(), i + 1));
                    x = activation.forward(e, &z, stage.linear.extra(), way_back)?;
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
        self.stages.iter().flat_map(|s| s.linear.parameters()).map(|p| e.narrow(&p.value, cut)).collect()
    }
}
