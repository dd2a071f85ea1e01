//! The confusion of decisions by sign: a matrix of two by two for every output.

use crate::error::Result;
use crate::gates::Engine;
use crate::nn::signs::Signs;

/// Of every output the rows with the label that are decided so, then those with the label, then those with the label or decided
/// so; a share `[3 outputs]` without fraction bits. And the count of right decisions if `hits` is wanted.     4 rounds
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn confusion_by_sign<E: Engine>(
    e: &mut E,
    z: &E::Share,
    labels: &E::Wire,
    hits: bool,
) -> Result<(Option<E::Share>, E::Share)> {
    let frac = e.profile().frac;
    let signs = Signs::of(e, z, labels)?;
    let hits = hits.then(|| signs.hits(e, frac)).transpose()?;
    Ok((hits, signs.counts(e)?))
}
