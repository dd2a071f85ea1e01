//! What turns a product into the next one's operand: over an engine, and in the clear.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use ndarray::Array2;

use crate::error::Result;
use crate::gates::{Engine, Family, ForAny, ForEach};
use crate::nn::RangeWatch;

/// An activation of images or rows whose shape it knows.
pub trait Activation: fmt::Debug + Send + Sync + 'static {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// How many wires its module has a [`RangeWatch`] see, forward and back.
    fn looks(&self) -> [usize; 2] {
        [1, 1]
    }

    /// What it makes of rows of values in single precision: what a saved model is scored with.
    fn reference(&self, z: Array2<f32>) -> Array2<f32>;

    /// Its module, as a network begins.
    fn module<E: Engine>(&self) -> Box<dyn Module<E>>;
}

/// An activation in a network: what a forward pass keeps for the way back.
pub trait Module<E: Engine> {
    /// From a product's share to an opened wire, an operand; with a backward pass to follow, if `training`.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    fn forward(
        &mut self,
        e: &mut E,
        z: &E::Share,
        training: bool,
        watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Wire>;

    /// The gradient by `z`, an opened wire, from the one by the output, a product's share.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire>;
}

/// An activation of any kind.
#[derive(Clone)]
pub struct AnyActivation(Arc<dyn Erased>);

impl<A: Activation> From<A> for AnyActivation {
    fn from(activation: A) -> Self {
        Self(Arc::new(activation))
    }
}

impl AnyActivation {
    /// Its name in reports.
    pub(crate) fn name(&self) -> &'static str {
        self.0.erased_name()
    }

    /// How many wires it has a [`RangeWatch`] see, forward and back.
    pub(crate) fn looks(&self) -> [usize; 2] {
        self.0.erased_looks()
    }

    /// What it makes of rows of values in single precision.
    pub(crate) fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        self.0.erased_reference(z)
    }

    /// Its module.
    pub(crate) fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        E::own::<Modules>(&*self.0)
    }

    /// The activation, where it is of this type.
    #[cfg(test)]
    pub(crate) fn get<A: Activation>(&self) -> Option<&A> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }
}

impl fmt::Debug for AnyActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A module for every engine.
struct Modules;

impl Family for Modules {
    type Of<E: Engine> = Box<dyn Module<E>>;
}

impl<A: Activation> ForAny<Modules> for A {
    fn of<E: Engine>(&self) -> Box<dyn Module<E>> {
        self.module()
    }
}

/// [`Activation`] as objects have it.
trait Erased: Any + fmt::Debug + ForEach<Modules> + Send + Sync {
    fn erased_name(&self) -> &'static str;
    fn erased_looks(&self) -> [usize; 2];
    fn erased_reference(&self, z: Array2<f32>) -> Array2<f32>;
}

impl<A: Activation> Erased for A {
    fn erased_name(&self) -> &'static str {
        self.name()
    }

    fn erased_looks(&self) -> [usize; 2] {
        self.looks()
    }

    fn erased_reference(&self, z: Array2<f32>) -> Array2<f32> {
        self.reference(z)
    }
}
