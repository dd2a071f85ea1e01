//! What a residual block adds to its last product.

use crate::error::Result;
use crate::gates::Engine;
use crate::nn::{DropoutMasks, Linear};

/// The block's input, or its product with a weight.
pub(crate) struct Shortcut<E: Engine> {
    from: usize,
    projection: Option<Linear<E>>,
}

impl<E: Engine> Shortcut<E> {
    /// From the input of stage `from`.
    pub(crate) fn new(from: usize, projection: Option<Linear<E>>) -> Self {
        Self { from, projection }
    }

    /// The stage whose input it adds.
    pub(crate) fn from(&self) -> usize {
        self.from
    }

    /// What the input is multiplied with.
    pub(crate) fn projection(&self) -> Option<&Linear<E>> {
        self.projection.as_ref()
    }

    /// The same, to be moved.
    pub(crate) fn projection_mut(&mut self) -> Option<&mut Linear<E>> {
        self.projection.as_mut()
    }

    /// `z + x`, or `z + x o w`, at the scale of `z`.
    pub(crate) fn add(
        &mut self,
        e: &mut E,
        z: &E::Share,
        x: &E::Wire,
        w: Option<&E::Wire>,
        coins: Option<&DropoutMasks>,
    ) -> Result<E::Share> {
        match (&mut self.projection, w) {
            (Some(projection), Some(w)) => {
                let y = projection.forward(e, x, w, coins)?;
                e.add_raised(z, &y)
            }
            _ => {
                let x = e.share(x)?;
                e.add_raised(z, &x)
            }
        }
    }

    /// The gradients by the weight, where there is one, and by `x`, at the scale of a product.
    pub(crate) fn backward(
        &mut self,
        e: &mut E,
        dy: &E::Wire,
        w: Option<&E::Wire>,
    ) -> Result<(Vec<E::Share>, E::Share)> {
        match (&mut self.projection, w) {
            (Some(projection), Some(w)) => {
                let gradients = projection.gradients(e, dy)?;
                Ok((gradients, projection.backward(e, dy, w)?))
            }
            _ => {
                let dy = e.share(dy)?;
                let frac = 2 * e.profile().frac;
                Ok((Vec::new(), e.raised(dy, frac)?))
            }
        }
    }
}
