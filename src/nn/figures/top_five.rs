//! Rows whose label is among the five largest outputs.

use crate::error::Result;
use crate::fixed::Window;
use crate::gates::{Bilinear, Chunks, Engine, ImageWindows, OpenRequest};
use crate::party::Scaled;

/// How many rows have at most four outputs that are larger than that of their label, by more than a unit of 2^-8; a share `[1]`
/// without fraction bits.     8 rounds
///
///   1. z, opened, extended and opened as an operand;   z_y = sum_i y_i z_i of one-hot labels y, exactly
///   2. d_i = z_y - z_i, opened;   [d_i >= -unit], which is 1 at the label whatever is cut off, opened
///   3. their sum over the row, opened in 16 bits, less the number of classes, is at least -4;   counted
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn top_five<E: Engine>(e: &mut E, z: &E::Share, labels: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let [z] = e.open([OpenRequest::product(z, &p)])?;
    let z = e.extend(&z)?;
    let (_, classes) = z.shape().matrix();
    let row = ImageWindows::pool([classes, 1], 1, [classes, 1], [1, 1]);
    let [operand] = e.open([OpenRequest::operand(&z, &p)])?;
    let own = e.product(&operand, labels, Bilinear::Dot(Chunks { cols: 1, chunk: classes }))?;
    let own = e.box_sum_share(&own, row.transposed())?;
    let z = e.raised(z, own.frac())?;
    let ahead = e.subtract(&own, &z)?;
    let [ahead] = e.open([OpenRequest::product(&ahead, &p)])?;
    let window = p.argmax_window();
    let [reached] = e.at_least(&ahead, window, [-(1 << window.low)])?;
    let [reached] = e.open_selectors([&reached])?;
    let reached = e.share_bits(&reached)?;
    let reached = e.box_sum_share(&reached, row)?;
    let [reached] =
        e.open([OpenRequest { share: &reached, frac: 0, bits: COUNT_BITS, lifted: true, argument: false }])?;
    let least = i64::try_from(classes).unwrap_or(i64::MAX).saturating_sub(4);
    let [right] = e.at_least(&reached, Window { low: p.frac, high: p.frac + 12 }, [least])?;
    let [right] = e.open_selectors([&right])?;
    e.count(None, &[&right])
}

/// Bits of a number of classes.
const COUNT_BITS: u32 = 16;
