//! The largest of a row, as a one-hot vector of secret bits: n-ary AND over the pairwise comparisons (protocols.md 3.4, 4.2).
//!
//! Bits of pairs are pair-major, `[(i, j), row]`; winner bits are row-major, `[row, candidate]`. Candidate `x` wins where
//! every pair with it says so; ties go to the smaller index. Dealt: for every set `S` of two or more of its pairs, ascending
//! as bit masks, one plane of products of the pairs' masks.

use crate::kernel::Word;
use crate::kernel::layout::pairs;
use crate::kernel::packed::{bit, plane};
use crate::kernel::row::{kernels, params};

params! {
    /// Of `WINNER`.
    WinnerParams { rows, classes, first }
}

kernels! {
    /// Corrections of [`WINNER`].
    DEAL_WINNER = deal of "winner.wgsl", WinnerParams, [Raw, Raw] => Raw, deal_winner;
    /// The largest of every row, as bits.
    WINNER = main of "winner.wgsl", WinnerParams, [Raw, Raw, Raw] => Raw, winner;
}

/// For every candidate its pairs, and whether the pair's bit must be 0 for it to win.
fn inputs(classes: usize) -> Vec<Vec<(usize, bool)>> {
    let pairs: Vec<_> = pairs(classes).collect();
    let of = |x| pairs.iter().enumerate().filter(move |(_, p)| p.0 == x || p.1 == x).map(move |(q, p)| (q, p.1 == x));
    (0..classes).map(|x| of(x).collect()).collect()
}

/// The words of input `q` of every candidate: bits `[row, candidate]` from `from(pair * rows + row, flipped)`.
fn gather(rows: usize, classes: usize, mut from: impl FnMut(usize, bool) -> u32) -> Vec<Vec<u32>> {
    let inputs = inputs(classes);
    let mut out = vec![vec![0; plane(rows * classes)]; classes - 1];
    for (q, words) in out.iter_mut().enumerate() {
        for row in 0..rows {
            for (x, list) in inputs.iter().enumerate() {
                let ((pair, flip), at) = (list[q], row * classes + x);
                words[at / 32] |= from(pair * rows + row, flip) << (at % 32);
            }
        }
    }
    out
}

/// Shares of the winner bits from the opened pair bits, by folding the masks' products one input at a time.
fn winner<W: Word>(p: &WinnerParams, hat: &[u32], own: &[u32], dealt: &[u32], out: &mut [u32]) {
    let (rows, classes) = (p.rows as usize, p.classes as usize);
    let hats = gather(rows, classes, |i, flip| bit(hat, i) ^ u32::from(flip));
    let owns = gather(rows, classes, |i, _| bit(own, i));
    let (w, n) = (plane(rows * classes), classes - 1);
    let mut fold = vec![0; 1 << n];
    for word in 0..w {
        let mut next = dealt.iter().skip(word).step_by(w);
        fold[0] = 0u32.wrapping_sub(p.first);
        for s in 1..1usize << n {
            fold[s] = if s.is_power_of_two() {
                owns[s.trailing_zeros() as usize][word]
            } else {
                *next.next().expect("the frame holds a plane for every product")
            };
        }
        for i in (0..n).rev() {
            for s in 0..1 << i {
                fold[s] = (hats[i][word] & fold[s]) ^ fold[s | 1 << i];
            }
        }
        out[word] = fold[0];
    }
}

/// The corrections of [`winner`]; `lambda` are the masks of the pair bits.
fn deal_winner<W: Word>(p: &WinnerParams, lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let (rows, classes) = (p.rows as usize, p.classes as usize);
    let masks = gather(rows, classes, |i, _| bit(lambda, i));
    let w = plane(rows * classes);
    let mut product = vec![0; 1 << (classes - 1)];
    #[expect(clippy::needless_range_loop, reason = "a word of every mask, not of one list")]
    for word in 0..w {
        let mut at = word;
        product[0] = u32::MAX;
        for s in 1..1usize << (classes - 1) {
            product[s] = product[s & (s - 1)] & masks[s.trailing_zeros() as usize][word];
            if !s.is_power_of_two() {
                out[at] = product[s] ^ share0[at];
                at += w;
            }
        }
    }
}
