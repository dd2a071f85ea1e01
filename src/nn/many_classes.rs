//! Rows of more classes than all pairs are compared of: the largest of a row, and softmax, from gates that others use
//! (protocols.md 4.4).

use crate::error::Result;
use crate::fixed::{Profile, Window};
use crate::gates::{Arguments, Engine, ImageWindows, OpenRequest};
use crate::kernel::geometry::Window2d;
use crate::party::Scaled;

/// The largest of every row of a wire `[rows, classes]`, `[rows, 1]`, and of another wire of the same shape the value at its
/// place.     3 rounds a level, ceil(log2(classes)) levels
///
/// A tournament: of each level the first half of the columns meets the last, which share a column if their number is odd. Ties
/// go to the first half. The largest is exact; what is found to be the largest is below it by less than two units of the window
/// a level.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(super) fn largest<E: Engine>(e: &mut E, y: E::Wire, other: Option<E::Wire>) -> Result<(E::Wire, Option<E::Wire>)> {
    let window = e.profile().argmax_window();
    let (_, mut columns) = y.shape().matrix();
    let (mut y, mut other) = (y, other);
    while columns > 1 {
        let half = columns.div_ceil(2);
        let halves = [0, columns - half].map(|first| some_columns(columns, first, half));
        let [a, b] = [e.box_sum(&y, halves[0])?, e.box_sum(&y, halves[1])?];
        let [c] = e.larger([(&a, &b)], window)?;
        let [c] = e.open_bits([&c])?;
        let winner = e.pick(&c, &a, &b)?;
        other = match other {
            None => {
                [y] = e.open([OpenRequest::picked(&winner)])?;
                None
            }
            Some(x) => {
                let [a, b] = [e.box_sum(&x, halves[0])?, e.box_sum(&x, halves[1])?];
                let at_winner = e.pick(&c, &a, &b)?;
                let [first, second] = e.open([OpenRequest::picked(&winner), OpenRequest::picked(&at_winner)])?;
                y = first;
                Some(second)
            }
        };
        columns = half;
    }
    Ok((y, other))
}

/// How many rows of logits, a wire `[rows, classes]`, have their largest at the label; a share `[1]` scaled like the labels,
/// which are one-hot rows.     3 ceil(log2(classes)) + 2 rounds
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(crate) fn hits_of_many<E: Engine>(e: &mut E, y: E::Wire, labels: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let labels = e.share(labels)?;
    let [labels] =
        e.open([OpenRequest { share: &labels, frac: 0, bits: LABEL_BITS, lifted: true, argument: false }])?;
    let (_, right) = largest(e, y, Some(labels))?;
    let right = e.extend(&right.expect("the labels at the largest"))?;
    let [right] = e.open([OpenRequest { share: &right, frac: 0, bits: p.ring, lifted: false, argument: false }])?;
    e.sum_rows(&right, 1, p.frac)
}

/// The number of the largest of every row of a wire `[rows, classes]`: a share of the ring `[rows, 1]`, without fraction bits.
///     3 ceil(log2(classes)) + 1 rounds
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(crate) fn class_of_many<E: Engine>(e: &mut E, y: E::Wire) -> Result<E::Share> {
    let (rows, classes) = y.shape().matrix();
    let numbers: Vec<i64> = (0..rows).flat_map(|_| (0..).take(classes)).collect();
    let numbers = e.public_numbers(&numbers, 0, y.shape())?;
    let numbers = e.share(&numbers)?;
    let [numbers] =
        e.open([OpenRequest { share: &numbers, frac: 0, bits: NUMBER_BITS, lifted: true, argument: false }])?;
    let (_, largest) = largest(e, y, Some(numbers))?;
    e.extend(&largest.expect("the number of the largest"))
}

/// Softmax of every row of logits, a wire `[rows, classes]`; a share of the ring.     3 ceil(log2(classes)) + 8 rounds
///
///   1. m = the largest of y (3 rounds a level);   d = y - m, opened;   [e] = exp(d), opened
///   2. S = sum_i e_i, opened; `[S < 15.5]`, `[15.5 <= S < 248]`, `[S >= 248]`, opened
///   3. S' = S, S / 16 or S / 256, opened: in [0.93, 15.5] whatever the bits;   [r] = 1 / S', opened
///   4. [1 / S] = r, r / 16 or r / 256, opened;   [e / S]
///
/// Off by one unit of the profile, 1.6e-3 in `small` or 8e-4 in `wide`, and the exponentials' share in S, at most 2.4e-5 times
/// the classes if S is near 1, a thirtieth of it as a rule (they are off by less than a unit of 2^-16 each, 0 in the mean). For
/// logits that spread over less than 224.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(crate) fn softmax_of_many<E: Engine>(e: &mut E, y: &E::Wire) -> Result<E::Share> {
    let p = *e.profile();
    let (_, classes) = y.shape().matrix();
    let row = ImageWindows::pool([classes, 1], 1, [classes, 1], [1, 1]);
    let (top, _) = largest(e, y.clone(), None)?;
    let (y, top) = (e.extend(y)?, e.extend(&top)?);
    let top = e.box_sum_share(&top, row.transposed())?;
    let d = e.subtract(&y, &top)?;
    let [d] = e.open([Arguments::exp(&d, &p)])?;
    let exps = e.exp(&d)?;
    let [exps] = e.open([Arguments::unit(&exps)])?;
    let sum = e.extend(&exps)?;
    let sum = e.box_sum_share(&sum, row)?;
    let [sum] = e.open([OpenRequest { share: &sum, frac: SUM_FRAC, bits: SUM_WIRE, lifted: true, argument: true }])?;
    let [all, more, most] = e.at_least(&sum, sums(&p), [0, 31 << (SUM_FRAC - 1), 248 << SUM_FRAC])?;
    let (few, more) = (e.xor(&all, &more)?, e.xor(&more, &most)?);
    let bits = e.open_selectors([&few, &more, &most])?;
    let scaled = scaled(e, &sum, &bits)?;
    let [scaled] = e.open([Arguments::sum(&scaled)])?;
    let inverse = e.reciprocal(&scaled)?;
    let [inverse] = e.open([Arguments::unit(&inverse)])?;
    let inverse = self::scaled(e, &inverse, &bits)?;
    let [inverse] = e.open([Arguments::unit(&inverse)])?;
    e.probability(&exps, &inverse)
}

/// `x`, `x / 16` or `x / 256`, whose bit is 1; with 8 fraction bits more.
fn scaled<E: Engine>(e: &mut E, x: &E::Wire, [few, more, most]: &[E::Selectors; 3]) -> Result<E::Share> {
    let [few, more, most] = [e.select(few, x)?, e.select(more, x)?, e.select(most, x)?];
    let sum = e.combine(&few, &more, 256, 16)?;
    Ok(e.add(&sum, &most)?.over(8))
}

/// Some columns of rows of `columns` values: `count` from `first` on.
pub(super) fn some_columns(columns: usize, first: usize, count: usize) -> ImageWindows {
    let window = Window2d { padding: [-first.cast_signed(), 0], ..Window2d::new([1, 1], [1, 1]) };
    ImageWindows { image: [columns, 1], channels: 1, output: [count, 1], window }
}

/// The window on sums of exponentials: they are below 2^11, and to within 1/2.
fn sums(p: &Profile) -> Window {
    Window { low: p.frac - 1, high: p.frac + 11 }
}

/// Bits of the number of a class, below 1024, that goes along with its logit.
const NUMBER_BITS: u32 = 13;
/// Bits of a label, 0 or 1, that goes along with its logit.
const LABEL_BITS: u32 = 4;
/// Fraction bits of a sum of exponentials.
const SUM_FRAC: u32 = 12;
/// Bits of its wire: sums of 1,000 exponentials of at most e^(1/8) stay below 2^11.
const SUM_WIRE: u32 = 25;
