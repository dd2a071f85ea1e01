//! Layers with parameters: dense and convolutional.

use crate::error::Result;
use crate::gates::{DropoutMask, Engine, Pass};
use crate::nn::lowered::{LinearMap, LinearSpec};
use crate::nn::{DropoutMasks, Factor, Parameter};
use crate::party::Scaled;
use crate::shape::Shape;

/// `y = x o w + b`.     x `[n, inputs]`, w a matrix or a filter, b `[outputs]`, y at the sum of the scales of x and w
///
/// Backward: `dx = dy o w^T`, `dw = x^T o dy`, `db = sum dy`. Keeps `x` and the opened `w`. The bias is never opened: it is
/// added as a share at the product's scale. Public linear maps of `x` are folded in: average pools (sums of boxes, before the
/// product or behind it), zeros around images, dropout. Outputs, `dx` and `dw` are multiplied by the integer of a factor `m 2^-s`
/// of theirs, and have s more fraction bits (protocols.md 1.1, 3.3, 3.6).
pub(crate) struct Linear<E: Engine> {
    spec: LinearSpec,
    weight: Parameter<E::Share>,
    bias: Option<Parameter<E::Share>>,
    /// The operand of the last training pass.
    x: Option<E::Wire>,
    /// What dropout kept of it.
    dropped: Vec<DropoutMask>,
}

impl<E: Engine> Linear<E> {
    /// A layer whose weight is the trainer's parameter number `index`, and its bias, if it has one, the next.
    pub(crate) fn new(e: &mut E, index: usize, spec: LinearSpec) -> Result<Self> {
        let weight = Parameter::new(e, index, &Shape::from(spec.weight))?;
        let bias = if spec.bias { Some(Parameter::new(e, index + 1, &Shape::from([spec.weight[1]]))?) } else { None };
        Ok(Self { spec, weight, bias, x: None, dropped: Vec::new() })
    }

    /// `x o w + b`; `w` is the opened weight. With coins, for a backward pass.
    pub(crate) fn forward(
        &mut self,
        e: &mut E,
        x: &E::Wire,
        w: &E::Wire,
        coins: Option<&DropoutMasks>,
    ) -> Result<E::Share> {
        let (mut x, mut dropped) = (x.clone(), Vec::new());
        for fold in &self.spec.linear_maps {
            match (fold, coins) {
                (LinearMap::Sums(boxes, _), _) => x = e.box_sum(&x, *boxes)?,
                (LinearMap::Dropout { layer, factor }, Some(coins)) => {
                    let kept = coins.kept(*layer, *factor);
                    x = e.dropout(&x, &kept)?;
                    dropped.push(kept);
                }
                (LinearMap::Dropout { .. }, None) => {}
            }
        }
        let z = e.product(&x, w, self.spec.map(Pass::Forward))?;
        let z = times(e, z, self.spec.factor(coins.is_some()))?;
        (self.x, self.dropped) = (coins.map(|_| x), dropped);
        let Some(bias) = &self.bias else { return Ok(z) };
        // at the scale of a product without factors, as `db` is
        let bias = e.narrow(&bias.value, 2 * e.profile().frac)?;
        let bias = e.raised(bias, z.frac())?;
        e.add_row(&z, &bias)
    }

    /// `dw` and, where there is a bias, `db`.
    pub(crate) fn gradients(&mut self, e: &mut E, dy: &E::Wire) -> Result<Vec<E::Share>> {
        let x = self.x.take().expect("a forward pass comes before the backward pass");
        let dw = e.product(&x, dy, self.spec.map(Pass::Filter))?;
        let mut gradients = vec![times(e, dw, self.spec.factor(true))?];
        if self.bias.is_some() {
            let frac = 2 * e.profile().frac;
            gradients.push(e.sum_rows(dy, self.spec.weight[1], frac)?);
        }
        Ok(gradients)
    }

    /// `dx`.
    pub(crate) fn backward(&self, e: &mut E, dy: &E::Wire, w: &E::Wire) -> Result<E::Share> {
        let mut dx = e.product(dy, w, self.spec.map(Pass::Image))?;
        let mut dropped = self.dropped.iter().rev();
        for fold in self.spec.linear_maps.iter().rev() {
            dx = match fold {
                LinearMap::Sums(boxes, _) => e.box_sum_share(&dx, boxes.transposed())?,
                LinearMap::Dropout { .. } => {
                    let kept = dropped.next().expect("a training pass keeps what every dropout keeps");
                    e.dropout_share(&dx, kept)?
                }
            };
        }
        times(e, dx, self.spec.factor(true))
    }

    /// The weight.
    pub(crate) fn weight(&self) -> &Parameter<E::Share> {
        &self.weight
    }

    /// The parameters, in the order of [`Linear::gradients`].
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter<E::Share>> {
        std::iter::once(&self.weight).chain(&self.bias)
    }

    /// The parameters, to be moved.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter<E::Share>> {
        std::iter::once(&mut self.weight).chain(&mut self.bias)
    }

    /// Its name in reports.
    pub(crate) fn name(&self) -> &'static str {
        self.spec.name()
    }
}

/// A share times a factor.
fn times<E: Engine>(e: &mut E, x: E::Share, factor: Factor) -> Result<E::Share> {
    Ok(e.times(x, factor.times)?.over(factor.shift))
}
