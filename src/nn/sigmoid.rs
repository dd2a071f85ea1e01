//! The sigmoid in three pieces.

use crate::engine::Engine;
use crate::error::Result;
use crate::gates::Open;
use crate::nn::relu::one;
use crate::nn::watch::{Watch, whole};

/// `y = z / 4 + 1/2` cut to `0 ..= 1`, from a product's share at twice the scale to an opened wire.     4 rounds; 2 back
///
/// With `v = z / 4`, `low = [v >= -1/2]`, `high = [v >= 1/2]`: `high` implies `low`, so that `m = low ^ high` says that `z`
/// is in between, and `y = m v + m / 2 + high`. Backward: `dz = m dy / 4`. Keeps the opened bits `m` (protocols.md 3.5).
pub struct Sigmoid<E: Engine> {
    middle: Option<E::OpenBits>,
}

impl<E: Engine> Default for Sigmoid<E> {
    fn default() -> Self {
        Self { middle: None }
    }
}

impl<E: Engine> Sigmoid<E> {
    /// Cuts `z / 4`, `z` at twice the scale with `extra` more fraction bits, to the wire's scale, compares it with two thresholds, selects, opens.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, z: &E::Share, extra: u32, watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        let p = e.profile().clone();
        let y = self.activate(e, z, extra, watch)?;
        Ok(one(e.open(&[Open::operand(&y, &p)])?))
    }

    /// The same without the last opening: a share with the profile's fraction bits.
    ///
    /// # Errors
    /// What the engine says.
    pub fn activate(&mut self, e: &mut E, z: &E::Share, extra: u32, watch: Option<&mut Watch<E>>) -> Result<E::Share> {
        let p = e.profile().clone();
        let v = one(e.open(&[Open::product(z, p.frac + SLOPE + extra, &p)])?);
        let (half, window) = (1 << (p.frac - 1), p.window.divided(SLOPE));
        watch.map_or(Ok(()), |watch| watch.see(e, &v, 1 << window.on(E::wire_bits(&v)).high))?;
        let bits = e.at_least(&v, window, &[-half, half])?;
        let [low, high] = &bits[..] else { unreachable!("a gate answers every entry of its list") };
        let middle = e.xor(low, high)?;
        let mut bits = e.open_bits(&[&middle, high], true)?.into_iter();
        let mut next = || bits.next().expect("a gate answers every entry of its list");
        let (middle, high) = (next(), next());
        let inside = e.select(&middle, &v)?;
        let (m, h) = (e.share_bits(&middle)?, e.share_bits(&high)?);
        let raised = e.combine(&inside, &m, 1, half)?;
        self.middle = Some(middle);
        e.combine(&raised, &h, 1, 2 * half)
    }

    /// The gradient through the layer, from a share at twice the scale with `extra` more fraction bits to an opened wire.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// Before a forward pass.
    pub fn backward(&mut self, e: &mut E, dy: &E::Share, extra: u32, watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        let p = e.profile().clone();
        let middle = self.middle.take().expect("a forward pass comes before the backward pass");
        let dy = one(e.open(&[Open::product(dy, p.frac + SLOPE + extra, &p)])?);
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(E::wire_bits(&dy))))?;
        let dz = e.select(&middle, &dy)?;
        Ok(one(e.open(&[Open::operand(&dz, &p)])?))
    }
}

/// The slope between the two ends is `2^-2`.
const SLOPE: u32 = 2;
