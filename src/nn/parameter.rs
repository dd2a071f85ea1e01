//! Parameters in training.

use crate::error::Result;
use crate::gates::Engine;
use crate::shape::Shape;

/// A master weight or bias, and what its optimizer keeps with it.
#[derive(Clone, Debug)]
pub struct Parameter<S> {
    /// Its number among the model's parameters.
    pub(crate) index: usize,
    /// The value, 32 fraction bits in `Z_2^64`.
    pub value: S,
    /// What the optimizer keeps, of the same shape and scale: nothing before the first step.
    pub(crate) state: Vec<S>,
}

impl<S> Parameter<S> {
    /// The trainer's parameter number `index`, at rest.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub fn new<E: Engine<Share = S>>(e: &mut E, index: usize, shape: &Shape) -> Result<Self> {
        Ok(Self { index, value: e.parameter(index, shape)?, state: Vec::new() })
    }
}
