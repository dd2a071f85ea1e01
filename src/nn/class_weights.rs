//! Weights of classes: rows of rare classes count more.

use crate::error::Result;
use crate::gates::{Bilinear, Engine, Layout, OpenRequest};
use crate::party::Scaled;

/// Fraction bits of a weight.
const WEIGHT_BITS: u32 = 4;
/// Weights are from a 16th to 16.
const MOST_WEIGHT: u32 = 16 << WEIGHT_BITS;

/// The factors of the classes' rows in the loss, in 16ths; of none, all rows count the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassWeights(Vec<u32>);

impl ClassWeights {
    /// From factors, rounded to 16ths; `None` if one is not from 1/16 to 16.
    pub fn new(factors: &[f64]) -> Option<Self> {
        let one = |factor: &f64| {
            let sixteenths = (factor * f64::from(1 << WEIGHT_BITS)).round();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 256")]
            let weight = sixteenths as u32;
            (1.0..=f64::from(MOST_WEIGHT)).contains(&sixteenths).then_some(weight)
        };
        factors.iter().map(one).collect::<Option<Vec<u32>>>().map(Self)
    }

    /// The factors.
    pub fn values(&self) -> Vec<f64> {
        self.0.iter().map(|weight| f64::from(*weight) / f64::from(1 << WEIGHT_BITS)).collect()
    }

    /// The largest factor over the smallest; 1 without any.
    pub fn spread(&self) -> f64 {
        let ends = self.0.iter().min().zip(self.0.iter().max());
        ends.map_or(1.0, |(least, most)| f64::from(*most) / f64::from(*least))
    }

    /// Opens the gradient of a batch by the outputs, `[rows, classes]`, each row times the weight of its class; without weights,
    /// as it is.     1 round; with weights 3 (protocols.md 4.5)
    ///
    ///   1. w_y = sum_c y_c w_c of one-hot labels y and public weights w, locally and exactly; opened beside dz
    ///   2. w_y dz, cut and opened, extended, and opened as an operand
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub(super) fn open_weighted<E: Engine>(&self, e: &mut E, dz: &E::Share, labels: &E::Wire) -> Result<E::Wire> {
        let p = *e.profile();
        if self.0.is_empty() {
            let [dz] = e.open([OpenRequest::operand(dz, &p)])?;
            return Ok(dz);
        }
        let classes = self.0.len();
        let weights: Vec<i64> = self.0.iter().map(|weight| i64::from(*weight)).collect();
        let weights = e.public_numbers(&weights, WEIGHT_BITS, &[classes, 1].into())?;
        let of_row = e.product(labels, &weights, Layout::Plain)?;
        let exact = OpenRequest { frac: of_row.frac(), ..OpenRequest::operand(&of_row, &p) };
        let [dz, of_row] = e.open([OpenRequest::operand(dz, &p), exact])?;
        let dz = e.product(&dz, &of_row, Bilinear::Scale { step: classes })?;
        let [dz] = e.open([OpenRequest::product(&dz, &p)])?;
        let dz = e.extend(&dz)?;
        let [dz] = e.open([OpenRequest::operand(&dz, &p)])?;
        Ok(dz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_rounded_to_sixteenths_and_others_refused() {
        let weights = ClassWeights::new(&[1.0, 0.04, 16.0, 2.53]).unwrap();
        assert_eq!(weights.values(), [1.0, 0.0625, 16.0, 2.5]);
        assert_eq!((weights.spread(), ClassWeights::default().spread()), (256.0, 1.0));
        for wrong in [0.0, -1.0, 0.03, 16.1, f64::NAN, f64::INFINITY] {
            assert!(ClassWeights::new(&[1.0, wrong]).is_none(), "{wrong}");
        }
    }
}
