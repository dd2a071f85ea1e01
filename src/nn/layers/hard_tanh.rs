//! The hyperbolic tangent in three pieces.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::gates::{Engine, OpenRequest};
use crate::nn::range_check::{RangeWatch, compared, whole};
use crate::nn::{Activation, Module, Named};

/// `x` cut to `-1 ..= 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardTanh;

elementwise!(HardTanh = "hard-tanh");

impl Activation for HardTanh {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        z.mapv_into(|v| v.clamp(-1.0, 1.0))
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Clip { middle: None })
    }
}

/// `y = z` cut to `-1 ..= 1`, from a product's share to an opened wire.     5 rounds; 2 back
///
/// With `low = [z >= -1]`, `high = [z >= 1]`: `high` implies `low`, so that `m = low ^ high` says that `z` is in between, and
/// neither `m` nor `high` that it is below: `y = m z + high - below`. Backward: `dz = m dy`. Keeps the opened bits `m`.
struct Clip<E: Engine> {
    middle: Option<E::Selectors>,
}

impl<E: Engine> Module<E> for Clip<E> {
    fn forward(&mut self, e: &mut E, z: &E::Share, _: bool, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let [z] = e.open([OpenRequest::product(z, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &z, compared(&p, &z)))?;
        let end = 1 << p.frac;
        let [low, high] = e.at_least(&z, p.window, [-end, end])?;
        let middle = e.xor(&low, &high)?;
        let [middle, high] = e.open_selectors([&middle, &high])?;
        let below = e.and(&[(&E::bits_of(&middle), true), (&E::bits_of(&high), true)])?;
        let [below] = e.open_selectors([&below])?;
        let inside = e.select(&middle, &z)?;
        let (above, below) = (e.share_bits(&high)?, e.share_bits(&below)?);
        let ends = e.subtract(&above, &below)?;
        let y = e.add_raised(&inside, &ends)?;
        self.middle = Some(middle);
        let [out] = e.open([OpenRequest::operand(&y, &p)])?;
        Ok(out)
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let middle = self.middle.take().expect("a forward pass comes before the backward pass");
        let [dy] = e.open([OpenRequest::product(dy, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(&dy)))?;
        let dz = e.select(&middle, &dy)?;
        let [out] = e.open([OpenRequest::operand(&dz, &p)])?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_cut() {
        let y = HardTanh.reference(ndarray::arr2(&[[2.0, 1.0, 0.25, -1.0, -7.0]]));
        assert_eq!(y, ndarray::arr2(&[[1.0, 1.0, 0.25, -1.0, -1.0]]));
    }
}
