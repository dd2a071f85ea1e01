//! The dense layer.

use crate::engine::Engine;
use crate::error::Result;
use crate::fixed::MASTER_FRAC;
use crate::gates::Layout;
use crate::nn::Parameter;
use crate::shape::Shape;

/// `y = x w + b`.     x `[n, inputs]`, w `[inputs, outputs]`, b `[outputs]`, y `[n, outputs]` at twice the scale
///
/// Backward: `dx = dy w^T`, `dw = x^T dy`, `db = sum_n dy`. Keeps `x` and the opened `w`. The bias is never opened: it is
/// added as a share at the product's scale.
pub struct Dense<E: Engine> {
    /// The weight.
    pub weight: Parameter<E::Share>,
    /// The bias, where there is one.
    pub bias: Option<Parameter<E::Share>>,
    x: Option<E::Wire>,
}

impl<E: Engine> Dense<E> {
    /// A layer whose weight is the trainer's parameter number `index`, and its bias, if it has one, the next.
    ///
    /// # Errors
    /// What the engine says.
    pub fn new(e: &mut E, index: usize, inputs: usize, outputs: usize, bias: bool) -> Result<Self> {
        let weight = Parameter::new(e, index, &Shape::from([inputs, outputs]))?;
        let bias = if bias { Some(Parameter::new(e, index + 1, &Shape::from([outputs]))?) } else { None };
        Ok(Self { weight, bias, x: None })
    }

    /// `x w + b`, a share at twice the scale; `w` is the opened weight.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, x: E::Wire, w: &E::Wire) -> Result<E::Share> {
        let cut = MASTER_FRAC - 2 * e.profile().frac;
        let z = e.product(&x, w, Layout::Plain)?;
        self.x = Some(x);
        let Some(bias) = &self.bias else { return Ok(z) };
        let bias = e.narrow(&bias.value, cut)?;
        e.add_row(&z, &bias)
    }

    /// `dw` and, where there is a bias, `db`; at twice the scale.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// Before a forward pass.
    pub fn gradients(&mut self, e: &mut E, dy: &E::Wire) -> Result<Vec<E::Share>> {
        let x = self.x.take().expect("a forward pass comes before the backward pass");
        let mut gradients = vec![e.product(&x, dy, Layout::LeftTransposed)?];
        if let Some(bias) = &self.bias {
            let outputs = E::shape_of(&bias.value).len();
            let frac = e.profile().frac;
            gradients.push(e.sum_rows(dy, outputs, frac)?);
        }
        Ok(gradients)
    }

    /// The parameters, in the order of [`Dense::gradients`].
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter<E::Share>> {
        std::iter::once(&self.weight).chain(&self.bias)
    }

    /// The parameters, to be moved.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter<E::Share>> {
        std::iter::once(&mut self.weight).chain(&mut self.bias)
    }

    /// `dx = dy w^T` at twice the scale.
    ///
    /// # Errors
    /// What the engine says.
    pub fn backward(&self, e: &mut E, dy: &E::Wire, w: &E::Wire) -> Result<E::Share> {
        e.product(dy, w, Layout::RightTransposed)
    }
}
