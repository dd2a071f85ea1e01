//! A product that becomes an operand of another without an activation between them.

use crate::error::Result;
use crate::gates::{Engine, OpenRequest};
use crate::nn::{RangeWatch, whole};

/// A product as an operand of the next: cut, brought back into the ring, opened again.     2 rounds
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(crate) fn operand<E: Engine>(e: &mut E, z: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
    let p = *e.profile();
    let [z] = e.open([OpenRequest::product(z, &p)])?;
    watch.map_or(Ok(()), |watch| watch.see(e, &z, whole(&z)))?;
    let z = e.extend(&z)?;
    let [z] = e.open([OpenRequest::operand(&z, &p)])?;
    Ok(z)
}
