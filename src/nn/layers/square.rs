//! The square.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::gates::{Bilinear, Engine};
use crate::nn::operand::operand;
use crate::nn::range_check::RangeWatch;
use crate::nn::{Activation, Module, Named};

/// `x^2` (Gilad-Bachrach et al., CryptoNets, 2016).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Square;

elementwise!(Square = "square");

impl Activation for Square {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn looks(&self) -> [usize; 2] {
        [2, 2]
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        z.mapv_into(|v| v * v)
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Squared { x: None })
    }
}

/// `y = x x`, from a product's share to an opened wire.     4 rounds; 4 back
///
/// Two elementwise products of operands; backward: `dx = 2 x dy`. Keeps `x`.
struct Squared<E: Engine> {
    x: Option<E::Wire>,
}

/// Elementwise.
const EACH: Bilinear = Bilinear::Scale { step: 1 };

impl<E: Engine> Module<E> for Squared<E> {
    fn forward(
        &mut self,
        e: &mut E,
        z: &E::Share,
        training: bool,
        mut watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Wire> {
        let x = operand(e, z, watch.as_deref_mut())?;
        let y = e.product(&x, &x, EACH)?;
        self.x = training.then_some(x);
        operand(e, &y, watch)
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, mut watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let x = self.x.take().expect("a forward pass comes before the backward pass");
        let dy = operand(e, dy, watch.as_deref_mut())?;
        let dx = e.product(&x, &dy, EACH)?;
        let dx = e.times(dx, 2)?;
        operand(e, &dx, watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_squared() {
        assert_eq!(Square.reference(ndarray::arr2(&[[2.0, 0.0, -1.5]])), ndarray::arr2(&[[4.0, 0.0, 2.25]]));
    }
}
