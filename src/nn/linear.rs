//! Layers with parameters: dense and convolutional.

use crate::engine::Engine;
use crate::error::Result;
use crate::fixed::MASTER_FRAC;
use crate::gates::Pass;
use crate::nn::{Parameter, stage};
use crate::shape::Shape;

/// `y = x o w + b`.     x `[n, inputs]`, w a matrix or a filter, b `[outputs]`, y at twice the scale
///
/// Backward: `dx = dy o w^T`, `dw = x^T o dy`, `db = sum dy`. Keeps `x` and the opened `w`. The bias is never opened: it is added as
/// a share at the product's scale. An average pool behind a convolution is folded into it: `x` is summed over boxes, and
/// outputs, `dx` and `dw` are as many times too large as a box has values (protocols.md 1.1, 3.3).
pub(crate) struct Linear<E: Engine> {
    spec: stage::Linear,
    weight: Parameter<E::Share>,
    bias: Option<Parameter<E::Share>>,
    x: Option<E::Wire>,
}

impl<E: Engine> Linear<E> {
    /// A layer whose weight is the trainer's parameter number `index`, and its bias, if it has one, the next.
    pub(crate) fn new(e: &mut E, index: usize, spec: stage::Linear) -> Result<Self> {
        let weight = Parameter::new(e, index, &Shape::from(spec.weight))?.times(spec.extra());
        let bias = if spec.bias { Some(Parameter::new(e, index + 1, &Shape::from([spec.weight[1]]))?) } else { None };
        Ok(Self { spec, weight, bias, x: None })
    }

    /// `x o w + b`, a share at twice the scale and 2^[`Linear::extra`] too large; `w` is the opened weight.
    pub(crate) fn forward(&mut self, e: &mut E, x: E::Wire, w: &E::Wire) -> Result<E::Share> {
        let cut = MASTER_FRAC - 2 * e.profile().frac;
        let x = match self.spec.sums {
            Some(boxes) => e.box_sum(&x, boxes)?,
            None => x,
        };
        let z = e.product(&x, w, self.spec.map(Pass::Forward))?;
        self.x = Some(x);
        let Some(bias) = &self.bias else { return Ok(z) };
        let mut bias = e.narrow(&bias.value, cut)?;
        if self.extra() > 0 {
            bias = e.combine(&bias, &bias, 1 << self.extra(), 0)?;
        }
        e.add_row(&z, &bias)
    }

    /// `dw` and, where there is a bias, `db`; at twice the scale.
    pub(crate) fn gradients(&mut self, e: &mut E, dy: &E::Wire) -> Result<Vec<E::Share>> {
        let x = self.x.take().expect("a forward pass comes before the backward pass");
        let mut gradients = vec![e.product(&x, dy, self.spec.map(Pass::Filter))?];
        if self.bias.is_some() {
            let frac = e.profile().frac;
            gradients.push(e.sum_rows(dy, self.spec.weight[1], frac)?);
        }
        Ok(gradients)
    }

    /// `dx` at twice the scale, 2^[`Linear::extra`] too large.
    pub(crate) fn backward(&self, e: &mut E, dy: &E::Wire, w: &E::Wire) -> Result<E::Share> {
        let dx = e.product(dy, w, self.spec.map(Pass::Image))?;
        match self.spec.sums {
            Some(boxes) => e.box_sum_share(&dx, boxes.turned()),
            None => Ok(dx),
        }
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

    /// Fraction bits that come from summing instead of averaging.
    pub(crate) fn extra(&self) -> u32 {
        self.spec.extra()
    }
}
