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
    /// The bias.
    pub bias: Parameter<E::Share>,
    x: Option<E::Wire>,
}

impl<E: Engine> Dense<E> {
    /// A layer whose weight is the trainer's parameter number `index`, and its bias the next.
    ///
    /// # Errors
    /// What the engine says.
    pub fn new(e: &mut E, index: usize, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = Parameter::new(e, index, &Shape::from([inputs, outputs]))?;
        let bias = Parameter::new(e, index + 1, &Shape::from([outputs]))?;
        Ok(Self { weight, bias, x: None })
    }

    /// `x w + b`, a share at twice the scale; `w` is the opened weight.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, x: E::Wire, w: &E::Wire) -> Result<E::Share> {
        let cut = MASTER_FRAC - 2 * e.profile().frac;
        let bias = e.narrow(&self.bias.value, cut)?;
        let z = e.product(&x, w, Layout::Plain)?;
        self.x = Some(x);
        e.add_row(&z, &bias)
    }

    /// `[dw, db]` at twice the scale.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// Before a forward pass.
    pub fn gradients(&mut self, e: &mut E, dy: &E::Wire) -> Result<[E::Share; 2]> {
        let x = self.x.take().expect("a forward pass comes before the backward pass");
        let dw = e.product(&x, dy, Layout::LeftTransposed)?;
        let db = e.sum_rows(dy, e.profile().frac)?;
        Ok([dw, db])
    }

    /// `dx = dy w^T` at twice the scale.
    ///
    /// # Errors
    /// What the engine says.
    pub fn backward(&self, e: &mut E, dy: &E::Wire, w: &E::Wire) -> Result<E::Share> {
        e.product(dy, w, Layout::RightTransposed)
    }
}
