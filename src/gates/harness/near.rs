//! A number of the clear run, how far the one on shares may be from it, and what gates make of that.

use super::terms::box_terms;
use crate::gates::{DropoutMask, ImageWindows};
use crate::kernel::packed::bit;
use crate::party::{ClearTensor, Scaled};
use crate::shape::Shape;

/// A number of the clear run, and how far the one on shares may be from it, in units of its grid.
#[derive(Clone, Debug)]
pub(crate) struct Near {
    pub(crate) value: ClearTensor,
    pub(crate) off: Vec<f64>,
}

impl Near {
    pub(super) fn exact(value: ClearTensor) -> Self {
        Self { off: vec![0.0; value.x.len()], value }
    }

    /// The largest magnitude that the number on shares may have.
    pub(super) fn most(&self, i: usize) -> f64 {
        self.value.x[i].unsigned_abs() as f64 + self.off[i]
    }
}

impl Scaled for Near {
    fn shape(&self) -> &Shape {
        &self.value.shape
    }

    fn bits(&self) -> u32 {
        self.value.bits
    }

    fn frac(&self) -> u32 {
        self.value.frac
    }

    fn with_frac(self, frac: u32) -> Self {
        Self { value: self.value.with_frac(frac), ..self }
    }
}

/// What is cut: both runs round down or up, so that they are off by a unit at most where they cut the same, else by less than two
/// more.
pub(super) fn cut_off(off: f64, cut: u32) -> f64 {
    if cut == 0 { off } else { off * f64::exp2(-f64::from(cut)) + if off == 0.0 { 1.0 } else { 2.0 } }
}

pub(super) fn box_off(x: &Near, boxes: ImageWindows) -> Vec<f64> {
    let batch = x.value.shape.matrix().0;
    let mut off = vec![0.0; batch * boxes.output_len()];
    box_terms(boxes, batch, |from, to| off[to] += x.off[from]);
    off
}

pub(super) fn kept_off(x: &Near, kept: &DropoutMask) -> Vec<f64> {
    let bits = kept.bits(x.off.len());
    x.off.iter().enumerate().map(|(i, off)| if bit(&bits, i) == 1 { *off } else { 0.0 }).collect()
}

/// A table's error beside the exact function, twice: the clear run rounds by less than a unit, and the shares take the table's.
pub(super) fn table(exact: f64, error: f64) -> f64 {
    (exact + error) * 65_536.0 + 1.0
}
