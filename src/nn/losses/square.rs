//! Half the squared error.

use super::LossFunction;
use crate::error::Result;
use crate::gates::{Engine, OpenRequest};
use crate::nn::range_check::{RangeWatch, whole};

/// `sum (y - onehot)^2 / 2`; the gradient is `y - onehot`.     2 rounds (protocols.md 4.3)
pub(super) struct Square;

impl LossFunction for Square {
    fn prediction<E: Engine>(e: &mut E, z: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Share> {
        let p = *e.profile();
        let [z] = e.open([OpenRequest::product(z, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &z, whole(&z)))?;
        e.extend(&z)
    }
}
