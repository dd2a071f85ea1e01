//! Counts of rows by class and score: the area under the ROC curve and the average precision follow.

use crate::error::Result;
use crate::gates::{Engine, OpenRequest};
use crate::nn::columns::some_columns;
use crate::nn::signs::window;
use crate::party::Scaled;

/// For every threshold t of [`thresholds`] in turn, how many rows of the second class score at least t; then the same of the
/// first. The score is the second output less the first, or the only one; a share `[2 thresholds]` without fraction bits.     5 rounds
///
///   1. s = z_1 - z_0, of opened and extended outputs, or the only one
///   2. s + 512 y, of a label y of 0 or 1, is at least t + 512 exactly if the row has the label and s is at least t, for
///      |s - t| < 512: one opened value per row and class serves all thresholds, on shared tables (protocols.md 3.1)
///   3. the bits, opened under masks that are also dealt in the ring, are added up locally
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn roc<E: Engine>(e: &mut E, z: &E::Share, labels: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let [z] = e.open([OpenRequest::product(z, &p)])?;
    let z = e.extend(&z)?;
    let labels = e.share(labels)?;
    let (rows, outputs) = z.shape().matrix();
    let (score, first, second) = if outputs == 1 {
        let ones = e.public_numbers(&vec![1 << p.frac; rows], p.frac, labels.shape())?;
        let ones = e.share(&ones)?;
        (z, e.subtract(&ones, &labels)?, labels)
    } else {
        let [first, second] = columns(e, &z)?;
        let score = e.subtract(&second, &first)?;
        let [first, second] = columns(e, &labels)?;
        (score, first, second)
    };
    let shifted = [e.combine(&score, &second, 1, SHIFT)?, e.combine(&score, &first, 1, SHIFT)?];
    let [second, first] = e.open(shifted.each_ref().map(|share| OpenRequest::product(share, &p)))?;
    let at: Vec<i64> = thresholds().map(|t| (t + SHIFT * UNITS) << (p.frac - UNIT_BITS)).collect();
    let mut bits = e.at_least_all(&second, window(&p), &at)?;
    bits.extend(e.at_least_all(&first, window(&p), &at)?);
    let bits = e.open_selectors_all(&bits.iter().collect::<Vec<_>>())?;
    e.count(None, &bits.iter().collect::<Vec<_>>())
}

/// The two columns of rows of two values, `[rows, 1]` each.
fn columns<E: Engine>(e: &mut E, x: &E::Share) -> Result<[E::Share; 2]> {
    debug_assert_eq!(x.shape().matrix().1, 2, "a job of two classes");
    Ok([e.box_sum_share(x, some_columns(2, 0, 1))?, e.box_sum_share(x, some_columns(2, 1, 1))?])
}

/// The thresholds of scores, ascending, in 64ths: public, and the same for all data and all models.
///
/// Their distance is 1/64 up to 1/2 from 0, 1/16 up to 8, 1/2 up to 16, and 2 up to 64. A score is a log-odds: beyond 8 less than
/// 1 in 2,900 rows should be of the other class. At least the first, -256, are all scores of a network that is in its ranges.
pub fn thresholds() -> impl Iterator<Item = i64> {
    let above = || SEGMENTS.iter().flat_map(|[from, step, count]| (1..=*count).map(move |i| from + i * step));
    let below = above().map(|t| -t).collect::<Vec<_>>();
    below.into_iter().rev().chain([0]).chain(above())
}

/// How many there are.
pub const THRESHOLDS: usize = 387;

/// The counts of both classes.
pub const BOTH_SIDES: usize = 2 * THRESHOLDS;

/// From where on, the distance between two, and how many, in 64ths.
const SEGMENTS: [[i64; 3]; 5] = [[0, 1, 32], [32, 4, 120], [512, 32, 16], [1024, 128, 24], [4096, 12_288, 1]];

/// What takes a score above all others.
const SHIFT: i64 = 512;

/// Thresholds are multiples of 2^-6.
const UNIT_BITS: u32 = 6;
const UNITS: i64 = 1 << UNIT_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_ascend_and_lie_around_zero() {
        let all: Vec<i64> = thresholds().collect();
        assert_eq!((all.len(), all[0], all[193], all[386]), (THRESHOLDS, -16_384, 0, 16_384));
        assert!(all.windows(2).all(|t| t[0] < t[1]));
        assert!(all.iter().zip(all.iter().rev()).all(|(a, b)| *a == -b));
        for p in crate::fixed::Profile::all() {
            assert_eq!((window(&p).bits(), window(&p).low), (16, p.frac - UNIT_BITS));
        }
    }
}
