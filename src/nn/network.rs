//! A network: products with activations between them, and the loss on top.

use crate::engine::Engine;
use crate::error::Result;
use crate::fixed::MASTER_FRAC;
use crate::gates::Open;
use crate::nn::stage::Following;
use crate::nn::{Coins, Linear, Loss, MaxPool, Model, Relu, Sgd, Shortcut, Sigmoid, Watch};

/// A layer with parameters and what follows it.
struct Stage<E: Engine> {
    linear: Linear<E>,
    shortcut: Option<Shortcut<E>>,
    activation: Option<Activation<E>>,
}

impl<E: Engine> Stage<E> {
    /// The products, in the order of their parameters.
    fn linears(&self) -> impl Iterator<Item = &Linear<E>> {
        std::iter::once(&self.linear).chain(self.shortcut.iter().filter_map(Shortcut::projection))
    }

    /// The same, to be moved.
    fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear<E>> {
        std::iter::once(&mut self.linear).chain(self.shortcut.iter_mut().filter_map(Shortcut::projection_mut))
    }
}

/// What turns a product into the next layer's operand, and its name in reports.
struct Activation<E: Engine> {
    name: &'static str,
    kind: Kind<E>,
}

enum Kind<E: Engine> {
    Relu(Relu<E>),
    Sigmoid(Sigmoid<E>),
    MaxPool(MaxPool<E>),
}

impl<E: Engine> Activation<E> {
    fn new(following: Following) -> Self {
        let kind = match following {
            Following::Relu => Kind::Relu(Relu::default()),
            Following::Sigmoid => Kind::Sigmoid(Sigmoid::default()),
            Following::MaxPool(boxes, method) => Kind::MaxPool(MaxPool::new(boxes, method)),
        };
        Self { name: following.name(), kind }
    }

    /// `extra` fraction bits more than twice the scale are cut from `z`.
    fn forward(
        &mut self,
        e: &mut E,
        z: &E::Share,
        extra: u32,
        training: bool,
        watch: Option<&mut Watch<E>>,
    ) -> Result<E::Wire> {
        match &mut self.kind {
            Kind::Relu(relu) => relu.forward(e, z, extra, watch),
            Kind::Sigmoid(sigmoid) => sigmoid.forward(e, z, extra, watch),
            Kind::MaxPool(pool) => pool.forward(e, z, extra, training, watch),
        }
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, extra: u32, watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        match &mut self.kind {
            Kind::Relu(relu) => relu.backward(e, dy, extra, watch),
            Kind::Sigmoid(sigmoid) => sigmoid.backward(e, dy, extra, watch),
            Kind::MaxPool(pool) => pool.backward(e, dy, extra, watch),
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
        let mut linear = |e: &mut E, spec| {
            let linear = Linear::new(e, index, spec)?;
            index += linear.parameters().count();
            Ok(linear)
        };
        for stage in model.stages() {
            let product = linear(e, stage.linear)?;
            let shortcut = match stage.shortcut {
                Some(s) => {
                    let projection = s.projection.map(|spec| linear(e, spec)).transpose()?;
                    Some(Shortcut::new(s.from, projection))
                }
                None => None,
            };
            stages.push(Stage { linear: product, shortcut, activation: stage.following.map(Activation::new) });
        }
        Ok(Self { stages, loss: model.loss() })
    }

    /// The gradients by all parameters, summed over a batch, in the order of [`Model::parameters`]: shares at twice the scale,
    /// those by weights with the extra bits of their layers. `watch` takes samples of what is opened.
    ///
    /// # Errors
    /// What the engine says.
    pub fn gradients(
        &mut self,
        e: &mut E,
        x: E::Wire,
        labels: &E::Wire,
        weights: &[E::Wire],
        coins: &Coins,
        mut watch: Option<&mut Watch<E>>,
    ) -> Result<Vec<E::Share>> {
        let (logits, extra) = self.forward(e, x, weights, Some(coins), watch.as_deref_mut())?;
        e.scope("loss");
        let mut dy = self.loss.gradient(e, &logits, extra, labels, watch.as_deref_mut())?;
        let mut weights = weights.iter().rev();
        let mut gradients = Vec::with_capacity(self.stages.len());
        // what shortcuts add to the gradient by the input of a stage, at twice the scale
        let mut added: Vec<Option<E::Share>> = self.stages.iter().map(|_| None).collect();
        for i in (0..self.stages.len()).rev() {
            let Stage { linear, shortcut, .. } = &mut self.stages[i];
            e.scope(&format!("{}{}/backward", linear.name(), i + 1));
            let projected = match shortcut {
                Some(shortcut) => {
                    let w = shortcut.projection().and_then(|_| weights.next());
                    let (gradients, dx) = shortcut.backward(e, &dy, w)?;
                    let sum = &mut added[shortcut.from()];
                    *sum = Some(match sum.take() {
                        Some(sum) => e.combine(&sum, &dx, 1, 1)?,
                        None => dx,
                    });
                    gradients
                }
                None => Vec::new(),
            };
            gradients.push(linear.gradients(e, &dy)?.into_iter().chain(projected).collect::<Vec<_>>());
            let w = weights.next().expect("an opened weight of every product");
            if i > 0 {
                let (mut dx, extra) = (linear.backward(e, &dy, w)?, linear.extra(true));
                if let Some(more) = added[i].take() {
                    dx = e.combine(&dx, &more, 1, 1 << extra)?;
                }
                let activation = self.stages[i - 1].activation.as_mut();
                let activation = activation.expect("a model has an activation between two products");
                e.scope(&format!("{}{i}/backward", activation.name));
                dy = activation.backward(e, &dx, extra, watch.as_deref_mut())?;
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
        let linears = self.stages.iter_mut().flat_map(Stage::linears_mut);
        let mut all: Vec<_> = linears.flat_map(Linear::parameters_mut).zip(gradients).collect();
        sgd.update(e, &mut all)
    }

    /// Opens all weights, rounded to the profile's fraction bits, in one round.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open_weights(&self, e: &mut E) -> Result<Vec<E::Wire>> {
        e.scope("weights");
        let p = e.profile().clone();
        let linears = self.stages.iter().flat_map(Stage::linears);
        let list: Vec<_> = linears.map(|linear| Open::weight(&linear.weight().value, &p)).collect();
        e.open(&list)
    }

    /// The logits of a batch, a share at twice the scale, and by how many fraction bits more; with coins, for a backward pass.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(
        &mut self,
        e: &mut E,
        mut x: E::Wire,
        weights: &[E::Wire],
        coins: Option<&Coins>,
        mut watch: Option<&mut Watch<E>>,
    ) -> Result<(E::Share, u32)> {
        let mut weights = weights.iter();
        let mut inputs = Vec::with_capacity(self.stages.len());
        let wanted: Vec<usize> = self.stages.iter().filter_map(|s| s.shortcut.as_ref().map(Shortcut::from)).collect();
        for (i, Stage { linear, shortcut, activation }) in self.stages.iter_mut().enumerate() {
            inputs.push(wanted.contains(&i).then(|| x.clone()));
            e.scope(&format!("{}{}/forward", linear.name(), i + 1));
            let w = weights.next().expect("an opened weight of every product");
            let mut z = linear.forward(e, &x, w, coins)?;
            let extra = linear.extra(coins.is_some());
            if let Some(shortcut) = shortcut {
                let w = shortcut.projection().and_then(|_| weights.next());
                let x = inputs[shortcut.from()].as_ref().expect("a block's input comes before its end");
                z = shortcut.add(e, &z, extra, x, w, coins)?;
            }
            let Some(activation) = activation else { return Ok((z, extra)) };
            e.scope(&format!("{}{}/forward", activation.name, i + 1));
            x = activation.forward(e, &z, extra, coins.is_some(), watch.as_deref_mut())?;
        }
        unreachable!("a model ends with a dense layer")
    }

    /// The parameters with the profile's fraction bits, in the order of [`Model::parameters`].
    ///
    /// # Errors
    /// What the engine says.
    pub fn parameters(&self, e: &mut E) -> Result<Vec<E::Share>> {
        let cut = MASTER_FRAC - e.profile().frac;
        let linears = self.stages.iter().flat_map(Stage::linears);
        linears.flat_map(Linear::parameters).map(|p| e.narrow(&p.value, cut)).collect()
    }
}
