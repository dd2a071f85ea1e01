//! The confusion matrix.

use crate::error::Result;
use crate::gates::{Engine, Layout, OpenRequest};

/// Rows by predicted class and label, `[classes, classes]`, scaled like the labels; and the count of right answers if `hits` is
/// wanted, of the same predictions.     5 rounds
///
///   1. w, the winner of every row as one-hot bits (protocols.md 3.4), opened under masks that are also dealt in the ring
///   2. [w] in the ring, opened as an operand;   w^T y of one-hot labels y, dealt n bits per pair of classes and batch
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn confusion<E: Engine>(
    e: &mut E,
    z: &E::Share,
    labels: &E::Wire,
    hits: bool,
) -> Result<(Option<E::Share>, E::Share)> {
    let p = *e.profile();
    let [z] = e.open([OpenRequest::product(z, &p)])?;
    let won = e.winner(&z, p.argmax_window())?;
    let [won] = e.open_selectors([&won])?;
    let hits = hits.then(|| e.hits(&E::bits_of(&won), labels)).transpose()?;
    let won = e.share_bits(&won)?;
    let [won] = e.open([OpenRequest { share: &won, frac: 0, bits: p.ring, lifted: false, argument: false }])?;
    Ok((hits, e.product(&won, labels, Layout::LeftTransposed)?))
}
