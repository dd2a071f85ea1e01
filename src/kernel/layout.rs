//! Layouts of the dealer's frames, which kernels fill and read and whose lengths gates know.

use super::lookup_tables::EXP_STEP;
use super::packed::{plane, words};

/// Number of 4-bit digits of a window.
pub(crate) const fn digits(k: u32) -> usize {
    k as usize / 4
}

/// Words of what the dealer ships for one comparison; its layout is told in `twin/compare.rs`.
pub(crate) const fn compare_words(len: usize, k: u32) -> usize {
    let m = digits(k);
    let mut planes = 1 + (1 << (m - 1)) - m;
    let mut j = 0;
    while j + 1 < m {
        planes += (1 << (m - 1 - j)) - 1;
        j += 1;
    }
    m * (len * 16).div_ceil(32) + planes * plane(len)
}

/// Words of the frame of a comparison before the products: what all thresholds of a wire share.
pub(crate) const fn shared_words(len: usize, k: u32) -> usize {
    digits(k) * (len * 16).div_ceil(32) + plane(len)
}

/// The pairs `(i, j)`, `i < j`, of `classes` candidates, in order.
pub(crate) fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(move |i| (i + 1..classes).map(move |j| (i, j)))
}

/// Words of what the dealer ships for the largest of rows.
pub(crate) const fn winner_words(rows: usize, classes: usize) -> usize {
    ((1 << (classes - 1)) - classes) * plane(rows * classes)
}

/// Integer bits of an exponent; its ring has `EXP_WHOLE + frac` bits.
pub(crate) const EXP_WHOLE: u32 = 8;
/// Entries of an exp table: knots `2^EXP_STEP` apart.
pub(crate) const EXP_ENTRIES: usize = 1 << (EXP_WHOLE - EXP_STEP);
/// Bits of an entry: 40 fraction bits, of which 20 stay above the cut.
pub(crate) const EXP_BITS: u32 = 60;
/// Bits of the wires of `exp` and `1 / sum`; both have 16 fraction bits.
pub(crate) const UNIT_WIRE: u32 = 20;
/// Fraction bits of `exp` and `1 / sum`.
pub(crate) const UNIT_FRAC: u32 = 16;
/// Ring of the sum that is inverted: 4 integer and 12 fraction bits.
pub(crate) const SUM_BITS: u32 = 16;
/// Fraction bits of the sum.
pub(crate) const SUM_FRAC: u32 = 12;
/// Fraction bits of an entry of an exp table.
pub(crate) const EXP_FRAC: u32 = 40;
/// Fraction bits of the quadratics for `1 / sum`.
pub(crate) const RECIPROCAL_FRAC: u32 = 30;

/// Widths of what `probability` is dealt, in order: carries of both factors, then `ra rb`, `ma rb`, `ra mb`, `ma mb`.
pub(crate) const fn probability_items(rows: usize, classes: usize, bits: u32) -> [(usize, u32); 8] {
    let (all, high, w) = (rows * classes, bits - UNIT_WIRE, UNIT_WIRE);
    [(all, high), (all, high), (rows, high), (rows, high), (all, bits), (all, high), (all, high), (all, bits - 2 * w)]
}

/// Words of what `probability` is dealt.
pub(crate) fn probability_words(rows: usize, classes: usize, bits: u32) -> usize {
    probability_items(rows, classes, bits).iter().map(|(len, bits)| words(*len, *bits)).sum()
}
