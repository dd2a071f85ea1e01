//! The number of right decisions, for the accuracy.

use crate::error::Result;
use crate::gates::{Engine, MOST_COMPARED, OpenRequest};
use crate::nn::many_classes::hits_of_many;
use crate::nn::signs::Signs;
use crate::party::Scaled;

/// How many decisions are right where every output decides by its sign, of all rows and outputs; a share scaled like the labels,
/// which are 0 and 1, `[rows, outputs]`.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn hits_by_sign<E: Engine>(e: &mut E, z: &E::Share, labels: &E::Wire) -> Result<E::Share> {
    let frac = e.profile().frac;
    Signs::of(e, z, labels)?.hits(e, frac)
}

/// How many rows have their largest output at the label, from the last product's share; a share scaled like the labels.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub fn hits<E: Engine>(e: &mut E, z: &E::Share, labels: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let [z] = e.open([OpenRequest::product(z, &p)])?;
    if z.shape().matrix().1 > MOST_COMPARED {
        return hits_of_many(e, z, labels);
    }
    let won = e.winner(&z, p.argmax_window())?;
    let [won] = e.open_bits([&won])?;
    e.hits(&won, labels)
}
