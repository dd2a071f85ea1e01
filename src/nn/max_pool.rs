//! Max pooling, with ReLU on what is left.

use crate::engine::Engine;
use crate::error::Result;
use crate::gates::{Boxes, Open};
use crate::nn::PoolMethod;
use crate::nn::relu::one;
use crate::nn::watch::{Watch, compared, whole};

/// `y = max(max over a window of z, 0)`, from a product's share at twice the scale to an opened wire.
///
/// By [`PoolMethod::Tree`], in each of whose levels half of the candidates go on: 4 + 3 log2(taps) rounds; or by
/// [`PoolMethod::OneShot`], which compares all pairs: 5 rounds. 2 back. Backward: `dz` at the winner is `[y >= 0] dy`. Keeps an
/// opened bit for every candidate that says both (protocols.md 3.3). Ties go to the candidate that comes first in a pair.
pub struct MaxPool<E: Engine> {
    boxes: Boxes,
    method: PoolMethod,
    won: Vec<E::OpenBits>,
}

impl<E: Engine> MaxPool<E> {
    /// A pool over the boxes' windows, none of which lies on padding.
    pub fn new(boxes: Boxes, method: PoolMethod) -> Self {
        Self { boxes, method, won: Vec::new() }
    }

    /// Cuts `z`, at twice the scale with `extra` more fraction bits, finds the largest of every window, compares it with 0,
    /// selects, opens; the bits for the way back where there is one.
    ///
    /// # Errors
    /// What the engine says.
    pub fn forward(
        &mut self,
        e: &mut E,
        z: &E::Share,
        extra: u32,
        way_back: bool,
        mut watch: Option<&mut Watch<E>>,
    ) -> Result<E::Wire> {
        let p = e.profile().clone();
        let z = one(e.open(&[Open::product(z, p.frac + extra, &p)])?);
        let mut taps = Vec::new();
        for tap in self.boxes.taps() {
            taps.push(e.box_sum(&z, tap)?);
        }
        if let Some(watch) = watch.as_deref_mut() {
            watch.see_two(e, &taps, compared(&p, E::wire_bits(&z)))?;
        }
        match self.method {
            PoolMethod::Tree => self.tree(e, taps, way_back, watch),
            PoolMethod::OneShot => self.one_shot(e, &taps, watch),
        }
    }

    /// Pair by pair: of an odd number of candidates, the last goes on as it is.
    fn tree(&mut self, e: &mut E, taps: Vec<E::Wire>, way_back: bool, watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        let p = e.profile().clone();
        let (count, mut left) = (taps.len(), taps);
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
            let (odd, bits) = (b.get(a.len()).cloned(), E::wire_bits(&b[0]));
            left = e.open(&picked.iter().map(|y| Open::picked(y, bits)).collect::<Vec<_>>())?;
            left.extend(odd);
            levels.push(c);
        }
        let y = one(left);
        watch.map_or(Ok(()), |watch| watch.see(e, &y, compared(&p, E::wire_bits(&y))))?;
        let sign = one(e.sign(&[(&y, p.window)])?);
        let sign = one(e.open_bits(&[&sign], true)?);
        let y = e.select(&sign, &y)?;
        let y = Open::operand(&y, &p);
        if !way_back {
            return Ok(one(e.open(&[y])?));
        }
        let mut won = Vec::new();
        for tap in 0..count {
            // the bits on a candidate's way up: of every level the pair it is in, complemented where it is the second
            let mut way = vec![(&sign, false)];
            let mut at = tap;
            for level in &levels {
                let pairs = level.len();
                if at < 2 * pairs {
                    way.push((&level[at % pairs], at >= pairs));
                    at %= pairs;
                } else {
                    at = pairs;
                }
            }
            won.push(e.and(&way)?);
        }
        let (y, won) = e.open_with_bits(&[y], &won.iter().collect::<Vec<_>>(), true)?;
        self.won = won;
        Ok(one(y))
    }

    /// All pairs, and all signs, at once.
    fn one_shot(&mut self, e: &mut E, taps: &[E::Wire], watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        let p = e.profile().clone();
        watch.map_or(Ok(()), |watch| watch.see(e, &taps[0], compared(&p, E::wire_bits(&taps[0]))))?;
        let pairs: Vec<_> = (0..taps.len()).flat_map(|i| (i + 1..taps.len()).map(move |j| (i, j))).collect();
        let wires: Vec<_> = pairs.iter().map(|(i, j)| (&taps[*i], &taps[*j])).collect();
        let (order, signs) = e.order(&wires, &taps.iter().collect::<Vec<_>>(), p.window)?;
        let bits = e.open_bits(&order.iter().chain(&signs).collect::<Vec<_>>(), false)?;
        let (order, signs) = bits.split_at(order.len());
        let mut won = Vec::new();
        for (tap, sign) in signs.iter().enumerate() {
            let beats = |((i, j), c): (&(usize, usize), _)| (*i == tap || *j == tap).then_some((c, *j == tap));
            let all: Vec<_> = pairs.iter().zip(order).filter_map(beats).chain([(sign, false)]).collect();
            won.push(e.and(&all)?);
        }
        self.won = e.open_bits(&won.iter().collect::<Vec<_>>(), true)?;
        let mut y: Option<E::Share> = None;
        for (won, tap) in self.won.iter().zip(taps) {
            let tap = e.select(won, tap)?;
            y = Some(match y {
                Some(sum) => e.combine(&sum, &tap, 1, 1)?,
                None => tap,
            });
        }
        let y = y.expect("a window has values");
        Ok(one(e.open(&[Open::operand(&y, &p)])?))
    }

    /// The gradient through the layer, from a share at twice the scale with `extra` more fraction bits to an opened wire.
    ///
    /// # Errors
    /// What the engine says.
    ///
    /// # Panics
    /// Before a forward pass with a way back.
    pub fn backward(&mut self, e: &mut E, dy: &E::Share, extra: u32, watch: Option<&mut Watch<E>>) -> Result<E::Wire> {
        let p = e.profile().clone();
        let dy = one(e.open(&[Open::product(dy, p.frac + extra, &p)])?);
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(E::wire_bits(&dy))))?;
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
