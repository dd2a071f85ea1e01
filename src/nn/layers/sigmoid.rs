//! The sigmoid in three pieces.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::gates::{Engine, OpenRequest, window_on};
use crate::nn::range_check::{RangeWatch, whole};
use crate::nn::{Activation, Module, Named};
use crate::party::Scaled;

/// `x / 4 + 1/2` cut to `0 ..= 1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sigmoid;

elementwise!(Sigmoid = "sigmoid");

impl Activation for Sigmoid {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        z.mapv_into(|v| (v / 4.0 + 0.5).clamp(0.0, 1.0))
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Pieces::default())
    }
}

/// `y = z / 4 + 1/2` cut to `0 ..= 1`, from a product's share to an opened wire.     4 rounds; 2 back
///
/// With `v = z / 4`, `low = [v >= -1/2]`, `high = [v >= 1/2]`: `high` implies `low`, so that `m = low ^ high` says that `z`
/// is in between, and `y = m v + m / 2 + high`. Backward: `dz = m dy / 4`. Keeps the opened bits `m` (protocols.md 3.5).
pub(crate) struct Pieces<E: Engine> {
    middle: Option<E::Selectors>,
}

impl<E: Engine> Default for Pieces<E> {
    fn default() -> Self {
        Self { middle: None }
    }
}

impl<E: Engine> Pieces<E> {
    /// All but the last opening: a share with the profile's fraction bits.
    pub(crate) fn activate(&mut self, e: &mut E, z: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Share> {
        let p = *e.profile();
        let v = z.clone().over(SLOPE);
        let [v] = e.open([OpenRequest::product(&v, &p)])?;
        let (half, window) = (1 << (p.frac - 1), p.window.divided(SLOPE));
        watch.map_or(Ok(()), |watch| watch.see(e, &v, 1 << window_on(window, &v, &p).high))?;
        let [low, high] = e.at_least(&v, window, [-half, half])?;
        let middle = e.xor(&low, &high)?;
        let [middle, high] = e.open_selectors([&middle, &high])?;
        let inside = e.select(&middle, &v)?;
        // a bit over 2 is a half
        let (m, h) = (e.share_bits(&middle)?.over(1), e.share_bits(&high)?);
        let y = e.add_raised(&inside, &m)?;
        self.middle = Some(middle);
        e.add_raised(&y, &h)
    }
}

impl<E: Engine> Module<E> for Pieces<E> {
    fn forward(&mut self, e: &mut E, z: &E::Share, _: bool, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let y = self.activate(e, z, watch)?;
        let [y] = e.open([OpenRequest::operand(&y, &p)])?;
        Ok(y)
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let middle = self.middle.take().expect("a forward pass comes before the backward pass");
        let dy = dy.clone().over(SLOPE);
        let [dy] = e.open([OpenRequest::product(&dy, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(&dy)))?;
        let dz = e.select(&middle, &dy)?;
        let [dz] = e.open([OpenRequest::operand(&dz, &p)])?;
        Ok(dz)
    }
}

/// The slope between the two ends is `2^-2`.
const SLOPE: u32 = 2;
