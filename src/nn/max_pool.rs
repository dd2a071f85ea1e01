//! Max pooling, with ReLU on what is left.

use crate::engine::Engine;
use crate::error::Result;
use crate::gates::{Boxes, Open};
use crate::nn::relu::one;

/// `y = max(max over a window of z, 0)`, from a product's share at twice the scale to an opened wire.
///
/// A tree of comparisons, in each of whose levels half of the candidates go on: 4 + 3 log2(taps) rounds; 2 back. Backward: `dz`
/// at the winner is `[y >= 0] dy`. Keeps an opened bit for every candidate: the AND of the bits on its way to the top and of
/// ReLU's (protocols.md 3.3). Ties go to the candidate that comes first in the pair.
pub struct MaxPool<E: Engine> {
    boxes: Boxes,
    won: Vec<E::OpenBits>,
}

impl<E: Engine> MaxPool<E> {
    /// A pool over the boxes' windows: as many taps as a power of two, none of them in two windows or on padding.
    pub fn new(boxes: Boxes) -> Self {
        Self { boxes, won: Vec::new() }
    }

    /// Cuts `z`, finds the largest of every window, compares it with 0, selects, opens; the bits for the way back where
    /// there is one.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(&mut self, e: &mut E, z: &E::Share, way_back: bool) -> Result<E::Wire> {
        let p = e.profile().clone();
        let z = one(e.open(&[Open::product(z, p.frac, &p)])?);
        let mut left = Vec::new();
        for tap in self.boxes.taps() {
            left.push(e.box_sum(&z, tap)?);
        }
        let mut levels: Vec<Vec<E::OpenBits>> = Vec::new();
        while left.len() > 1 {
            let (a, b) = left.split_at(left.len() / 2);
            let pairs: Vec<_> = a.iter().zip(b).collect();
            let c = e.larger(&pairs, p.window)?;
            let c = e.open_bits(&c.iter().collect::<Vec<_>>(), false)?;
            let mut picked = Vec::new();
            for (c, (a, b)) in c.iter().zip(pairs) {
                picked.push(e.pick(c, a, b)?);
            }
            left = e.open(&picked.iter().map(|y| Open::picked(y, p.frac, &p)).collect::<Vec<_>>())?;
            levels.push(c);
        }
        let y = one(left);
        let sign = one(e.sign(&[(&y, p.window)])?);
        let sign = one(e.open_bits(&[&sign], true)?);
        let y = e.select(&sign, &y)?;
        let y = Open::operand(&y, &p);
        if !way_back {
            return Ok(one(e.open(&[y])?));
        }
        let mut won = Vec::new();
        for tap in 0..self.boxes.len() {
            // the bits on a candidate's way up: of every level the pair it is in, complemented where it is the second
            let mut way = vec![(&sign, false)];
            let mut at = tap;
            for level in &levels {
                way.push((&level[at % level.len()], at >= level.len()));
                at %= level.len();
            }
            won.push(e.and(&way)?);
        }
        let (y, won) = e.open_with_bits(&[y], &won.iter().collect::<Vec<_>>(), true)?;
        self.won = won;
        Ok(one(y))
    }

    /// The gradient through the layer, from a share at twice the scale with `extra` more fraction bits to an opened wire.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// Before a forward pass with a way back.
    pub fn backward(&mut self, e: &mut E, dy: &E::Share, extra: u32) -> Result<E::Wire> {
        let p = e.profile().clone();
        let dy = one(e.open(&[Open::product(dy, p.frac + extra, &p)])?);
        let mut dz: Option<E::Share> = None;
        for (won, tap) in self.won.drain(..).zip(self.boxes.taps()) {
            let at_tap = e.select(&won, &dy)?;
            let spread = e.box_sum_share(&at_tap, tap.turned())?;
            dz = Some(match dz {
                Some(sum) => e.combine(&sum, &spread, 1, 1)?,
                None => spread,
            });
        }
        let dz = dz.expect("a forward pass with a way back comes before the backward pass");
        Ok(one(e.open(&[Open::operand(&dz, &p)])?))
    }
}
