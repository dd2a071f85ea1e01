//! Columns of rows, picked and put in place.

use crate::error::Result;
use crate::gates::{Engine, ImageWindows};
use crate::kernel::geometry::Window2d;

/// Some columns of rows of `columns` values: `count` from `first` on. Transposed, it puts rows of `count` values there, and zeros
/// elsewhere.
pub(super) fn some_columns(columns: usize, first: usize, count: usize) -> ImageWindows {
    let window = Window2d { padding: [-first.cast_signed(), 0], ..Window2d::new([1, 1], [1, 1]) };
    ImageWindows { image: [columns, 1], channels: 1, output: [count, 1], window }
}

/// Shares of rows of `width` values each, side by side.
pub(super) fn side_by_side<E: Engine>(e: &mut E, parts: &[&E::Share], width: usize) -> Result<E::Share> {
    let all = parts.len() * width;
    let mut sum = None;
    for (number, part) in parts.iter().enumerate() {
        let placed = e.box_sum_share(part, some_columns(all, number * width, width).transposed())?;
        sum = Some(match sum {
            None => placed,
            Some(sum) => e.add(&sum, &placed)?,
        });
    }
    Ok(sum.expect("there is a part"))
}
