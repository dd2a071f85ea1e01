//! ReLU.

use crate::engine::Engine;
use crate::error::Result;
use crate::gates::Open;
use crate::nn::watch::{Watch, compared, whole};

/// `y = max(z, 0)`, from a product's share at twice the scale to an opened wire.     4 rounds; 2 back
///
/// Backward: `dz = [z >= 0] dy`. Keeps the opened bits (protocols.md 3.2).
pub struct Relu<E: Engine> {
    bits: Option<E::OpenBits>,
}

impl<E: Engine> Default for Relu<E> {
    fn default() -> Self {
        Self { bits: None }
    }
}

impl<E: Engine> Relu<E> {
    /// Cuts `z`, at twice the scale with `extra` more fraction bits, to the wire's scale, compares, selects, opens. `watch` sees the
    /// wire, as in all layers.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, z: &E::Share, extra: u32, watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        let p = e.profile().clone();
        let z = one(e.open(&[Open::product(z, p.frac + extra, &p)])?);
        watch.map_or(Ok(()), |watch| watch.see(e, &z, compared(&p, E::wire_bits(&z))))?;
        let b = one(e.sign(&[(&z, p.window)])?);
        let b = one(e.open_bits(&[&b], true)?);
        let y = e.select(&b, &z)?;
        self.bits = Some(b);
        Ok(one(e.open(&[Open::operand(&y, &p)])?))
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
        let b = self.bits.take().expect("a forward pass comes before the backward pass");
        let dy = one(e.open(&[Open::product(dy, p.frac + extra, &p)])?);
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(E::wire_bits(&dy))))?;
        let dz = e.select(&b, &dy)?;
        Ok(one(e.open(&[Open::operand(&dz, &p)])?))
    }
}

/// The answer to a list of one.
pub(crate) fn one<T>(list: Vec<T>) -> T {
    list.into_iter().next().expect("a gate answers every entry of its list")
}
