//! A network: products with activations between them, and the loss on top.

use crate::error::{Error, Result};
use crate::gates::{Engine, OpenRequest};
use crate::nn::model::revealed_frac;
use crate::nn::{
    AnyActivation, ClassWeights, DropoutMasks, Linear, Loss, Model, Module, Norm, Parameter, RangeWatch, Shortcut,
    Update,
};
use crate::party::{Scaled, ValueShape};

/// A layer with parameters and what follows it.
struct Stage<E: Engine> {
    linear: Linear<E>,
    norm: Option<Norm<E>>,
    shortcut: Option<Shortcut<E>>,
    activation: Option<Active<E>>,
}

impl<E: Engine> Stage<E> {
    /// Parameters that are opened as operands, in order.
    fn opened(&self) -> impl Iterator<Item = &Parameter<E::Share>> {
        let projection = self.shortcut.iter().filter_map(Shortcut::projection);
        let own = std::iter::once(self.linear.weight()).chain(self.norm.iter().map(Norm::weight));
        own.chain(projection.map(Linear::weight))
    }

    /// The values of all parameters, in order, and whether each is a running statistic.
    fn values(&self) -> impl Iterator<Item = (&E::Share, bool)> {
        let projection = self.shortcut.iter().filter_map(Shortcut::projection).flat_map(Linear::parameters);
        let own = self.linear.parameters().map(|p| (&p.value, false)).chain(self.norm.iter().flat_map(Norm::values));
        own.chain(projection.map(|p| (&p.value, false)))
    }

    /// The parameters that are trained, in the order of their gradients.
    fn trained(&self) -> impl Iterator<Item = &Parameter<E::Share>> {
        let projection = self.shortcut.iter().filter_map(Shortcut::projection);
        let own = self.linear.parameters().chain(self.norm.iter().flat_map(Norm::parameters));
        own.chain(projection.flat_map(Linear::parameters))
    }

    /// The same, to be moved.
    fn trained_mut(&mut self) -> impl Iterator<Item = &mut Parameter<E::Share>> {
        let projection = self.shortcut.iter_mut().filter_map(Shortcut::projection_mut);
        let own = self.linear.parameters_mut().chain(self.norm.iter_mut().flat_map(Norm::parameters_mut));
        own.chain(projection.flat_map(Linear::parameters_mut))
    }
}

/// What turns a product into the next layer's operand, and its name in reports.
struct Active<E: Engine> {
    name: &'static str,
    module: Box<dyn Module<E>>,
}

impl<E: Engine> Active<E> {
    fn new(following: &AnyActivation) -> Self {
        Self { name: following.name(), module: following.module() }
    }
}

/// A network in training.
pub struct Network<E: Engine> {
    stages: Vec<Stage<E>>,
    loss: Loss,
    class_weights: ClassWeights,
}

impl<E: Engine> Network<E> {
    /// A network with the trainer's initial parameters.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn new(e: &mut E, model: &Model) -> Result<Self> {
        let mut stages: Vec<Stage<E>> = Vec::new();
        let mut index = 0;
        for stage in model.stages() {
            let linear = Linear::new(e, index, stage.linear)?;
            index += linear.parameters().count();
            let norm = stage.norm.map(|spec| Norm::new(e, index, spec)).transpose()?;
            index += norm.as_ref().map_or(0, Norm::count);
            let shortcut = match stage.shortcut {
                Some(s) => {
                    let projection = s.projection.map(|spec| Linear::new(e, index, spec)).transpose()?;
                    index += projection.as_ref().map_or(0, |p| p.parameters().count());
                    Some(Shortcut::new(s.from, projection))
                }
                None => None,
            };
            stages.push(Stage { linear, norm, shortcut, activation: stage.following.as_ref().map(Active::new) });
        }
        Ok(Self { stages, loss: model.loss(), class_weights: ClassWeights::default() })
    }

    /// The same network, whose gradients are those of a loss with weights of the classes.
    #[must_use]
    pub fn with_class_weights(self, class_weights: ClassWeights) -> Self {
        Self { class_weights, ..self }
    }

    /// The gradients by all parameters that are trained, summed over a batch, in the order of [`Model::parameters`], each at its
    /// product's scale. `watch` takes samples of what is opened.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn gradients(
        &mut self,
        e: &mut E,
        x: E::Wire,
        labels: &E::Wire,
        weights: &[E::Wire],
        coins: &DropoutMasks,
        mut watch: Option<&mut RangeWatch<E>>,
    ) -> Result<Vec<E::Share>> {
        let logits = self.forward(e, x, weights, Some(coins), watch.as_deref_mut())?;
        e.scope("loss");
        let mut dy = self.loss.gradient(e, &logits, labels, &self.class_weights, watch.as_deref_mut())?;
        let mut weights = weights.iter().rev();
        let mut gradients = Vec::with_capacity(self.stages.len());
        // what shortcuts add to the gradient by the input of a stage
        let mut added: Vec<Option<E::Share>> = self.stages.iter().map(|_| None).collect();
        for i in (0..self.stages.len()).rev() {
            let Stage { linear, norm, shortcut, .. } = &mut self.stages[i];
            e.scope(&format!("{}{}/backward", linear.name(), i + 1));
            let projected = match shortcut {
                Some(shortcut) => {
                    let w = shortcut.projection().and_then(|_| weights.next());
                    let (gradients, dx) = shortcut.backward(e, &dy, w)?;
                    let sum = &mut added[shortcut.from()];
                    *sum = Some(match sum.take() {
                        Some(sum) => e.add(&sum, &dx)?,
                        None => dx,
                    });
                    gradients
                }
                None => Vec::new(),
            };
            let mut normalized = Vec::new();
            if let Some(norm) = norm {
                e.scope(&format!("{}{}/backward", norm.name(), i + 1));
                let w = weights.next().expect("an opened factor of every normalization");
                let (gradients, dz) = norm.backward(e, &dy, w, watch.as_deref_mut())?;
                (normalized, dy) = (gradients.into(), dz);
                e.scope(&format!("{}{}/backward", linear.name(), i + 1));
            }
            let own = linear.gradients(e, &dy)?.into_iter();
            gradients.push(own.chain(normalized).chain(projected).collect::<Vec<_>>());
            let w = weights.next().expect("an opened weight of every product");
            if i > 0 {
                let mut dx = linear.backward(e, &dy, w)?;
                if let Some(more) = added[i].take() {
                    dx = e.add_raised(&dx, &more)?;
                }
                let activation = self.stages[i - 1].activation.as_mut();
                let activation = activation.expect("a model has an activation between two products");
                e.scope(&format!("{}{i}/backward", activation.name));
                dy = activation.module.backward(e, &dx, watch.as_deref_mut())?;
            }
        }
        gradients.reverse();
        Ok(gradients.into_iter().flatten().collect())
    }

    /// Moves all parameters by their gradients.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn update(&mut self, e: &mut E, gradients: Vec<E::Share>, update: &Update) -> Result<()> {
        e.scope("update");
        let all = self.stages.iter_mut().flat_map(Stage::trained_mut).zip(gradients).collect();
        update.run(e, all)
    }

    /// Opens all weights, rounded to the profile's fraction bits, in one round.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn open_weights(&self, e: &mut E) -> Result<Vec<E::Wire>> {
        e.scope("weights");
        let p = *e.profile();
        let list: Vec<_> =
            self.stages.iter().flat_map(Stage::opened).map(|w| OpenRequest::operand(&w.value, &p)).collect();
        e.open_all(&list)
    }

    /// The weights of a public model, rounded to the profile's fraction bits, under no mask.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn public_weights(&self, e: &mut E) -> Result<Vec<E::Wire>> {
        self.stages.iter().flat_map(Stage::opened).map(|w| e.public_parameter(w.index, w.value.shape())).collect()
    }

    /// The logits of a batch, as the last product's share; with coins, for a backward pass.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn forward(
        &mut self,
        e: &mut E,
        mut x: E::Wire,
        weights: &[E::Wire],
        coins: Option<&DropoutMasks>,
        mut watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Share> {
        let mut weights = weights.iter();
        let mut inputs = Vec::with_capacity(self.stages.len());
        let wanted: Vec<usize> = self.stages.iter().filter_map(|s| s.shortcut.as_ref().map(Shortcut::from)).collect();
        for (i, Stage { linear, norm, shortcut, activation }) in self.stages.iter_mut().enumerate() {
            inputs.push(wanted.contains(&i).then(|| x.clone()));
            e.scope(&format!("{}{}/forward", linear.name(), i + 1));
            let w = weights.next().expect("an opened weight of every product");
            let mut z = linear.forward(e, &x, w, coins)?;
            if let Some(norm) = norm {
                e.scope(&format!("{}{}/forward", norm.name(), i + 1));
                let w = weights.next().expect("an opened factor of every normalization");
                z = norm.forward(e, &z, w, coins.is_some(), watch.as_deref_mut())?;
            }
            if let Some(shortcut) = shortcut {
                let w = shortcut.projection().and_then(|_| weights.next());
                let x = inputs[shortcut.from()].as_ref().expect("a block's input comes before its end");
                z = shortcut.add(e, &z, x, w, coins)?;
            }
            let Some(activation) = activation else { return Ok(z) };
            e.scope(&format!("{}{}/forward", activation.name, i + 1));
            x = activation.module.forward(e, &z, coins.is_some(), watch.as_deref_mut())?;
        }
        unreachable!("a model ends with a dense layer")
    }

    /// All that a step leaves for the next: the parameters that are trained, each followed by what the optimizer keeps with it, then
    /// running statistics.
    pub fn state(&self) -> Vec<E::Share> {
        let trained = self.stages.iter().flat_map(Stage::trained);
        let kept = trained.flat_map(|p| std::iter::once(&p.value).chain(&p.state));
        let statistics = self.stages.iter().flat_map(Stage::values).filter(|(_, statistic)| *statistic);
        kept.chain(statistics.map(|(value, _)| value)).cloned().collect()
    }

    /// Resumes with a state of [`Network::state`], of an optimizer that keeps `kept` values with every parameter.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is that of another network.
    pub(crate) fn resume(&mut self, state: Vec<E::Share>, kept: usize) -> Result<()> {
        let mut state = state.into_iter();
        let mut next = |like: &E::Share| match state.next() {
            Some(share) if ValueShape::of(&share) == ValueShape::of(like) => Ok(share),
            _ => Err(Error::Usage("the checkpoint is of another network than the job's".into())),
        };
        for parameter in self.stages.iter_mut().flat_map(Stage::trained_mut) {
            parameter.value = next(&parameter.value)?;
            parameter.state = (0..kept).map(|_| next(&parameter.value)).collect::<Result<_>>()?;
        }
        for statistic in self.stages.iter_mut().flat_map(|stage| stage.norm.iter_mut().flat_map(Norm::statistics_mut)) {
            *statistic = next(statistic)?;
        }
        let more = || Error::Usage("the checkpoint has more values than the job's network".into());
        state.next().map_or(Ok(()), |_| Err(more()))
    }

    /// The parameters with the profile's fraction bits, running statistics with twice as many; in the order of
    /// [`Model::parameters`].
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn parameters(&self, e: &mut E) -> Result<Vec<E::Share>> {
        let p = *e.profile();
        let narrow = |(value, statistic)| e.narrow(value, revealed_frac(statistic, &p));
        self.stages.iter().flat_map(Stage::values).map(narrow).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::{MASTER_FRAC, Profile};
    use crate::nn::layers::{BatchNorm, Dense, Relu};
    use crate::nn::{LayerSpec, initial_parameters};
    use crate::party::{Clear, ClearTensor};
    use crate::prg::public_seed;
    use crate::shape::Shape;

    fn layers() -> Vec<LayerSpec> {
        let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
        vec![dense(4), BatchNorm { momentum: 3 }.into(), Relu.into(), dense(2)]
    }

    /// A network with running statistics, and the interpreter that it lives in.
    fn network() -> (Clear, Network<Clear>) {
        let model = Model::sequential(6, layers()).unwrap();
        let mut e = Clear::new(Profile::small(), public_seed(1, "coins"));
        let values = initial_parameters(&model, 1).into_iter().zip(model.parameters());
        let master =
            |(x, shape): (Vec<u64>, Shape)| ClearTensor::master(x.into_iter().map(u64::cast_signed).collect(), shape);
        e.set_parameters(values.map(master).collect());
        let net = Network::new(&mut e, &model).unwrap();
        (e, net)
    }

    #[test]
    fn a_state_that_is_resumed_with_is_the_networks_in_every_value() {
        let (mut e, mut net) = network();
        let one =
            |x: &ClearTensor| ClearTensor { x: x.x.iter().map(|x| x + (1 << MASTER_FRAC)).collect(), ..x.clone() };
        let before = net.parameters(&mut e).unwrap();
        // two products with bias, a normalization; each keeps a velocity. The two running statistics have no velocity
        let trained = net.state().len() - 2;
        assert_eq!(trained, 6);
        let state = net.state();
        let with_velocity = state[..trained].iter().flat_map(|x| [one(x), one(x)]);
        let given: Vec<_> = with_velocity.chain(state[trained..].iter().map(one)).collect();
        net.resume(given.clone(), 1).unwrap();
        assert!(net.state().iter().zip(&given).all(|(a, b)| a.x == b.x), "it comes back");
        let after = net.parameters(&mut e).unwrap();
        assert!(
            before.iter().zip(&after).all(|(a, b)| a.x.iter().zip(&b.x).all(|(a, b)| b > a)),
            "every parameter moved"
        );
        for wrong in [&given[..given.len() - 1], &[given.as_slice(), &given[..1]].concat(), &state] {
            assert!(net.resume(wrong.to_vec(), 1).is_err());
        }
    }
}
