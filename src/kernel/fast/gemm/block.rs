//! The product, cut into blocks for the caches and tiles for the registers.

use std::ops::Range;

use bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;

use crate::kernel::Word;

use super::lanes::Lanes;
use super::panel::{Factor, scratch};

/// A product to be done: `acc += a b`, or `-=` where `subtract`.
pub(super) struct Product<'a, W> {
    pub(super) acc: &'a mut [W],
    pub(super) a: Factor<'a, W>,
    pub(super) b: Factor<'a, W>,
    pub(super) subtract: bool,
}

impl<'a, W: Word> Product<'a, W> {
    /// The same product of words `V`, which are `W` under their own name.
    pub(super) fn named<V: Word>(self) -> Product<'a, V> {
        let Self { acc, a, b, subtract } = self;
        Product { acc: cast_slice_mut(acc), a: a.named(), b: b.named(), subtract }
    }
}

/// Does the product with tiles of `R` rows and `C` vectors, that is `N` words.
pub(super) fn multiply<W: Word, L: Lanes<W>, const R: usize, const C: usize, const N: usize>(
    lanes: L,
    product: Product<'_, W>,
) {
    const { assert!(N * size_of::<W>() == C * size_of::<L::Row>() && COLUMNS.is_multiple_of(N)) }
    let Product { acc, a, b, subtract } = product;
    let ([m, k], [n, depth]) = (a.sizes(), b.sizes());
    assert_eq!(k, depth, "the factors have one depth");
    let acc = &mut acc[..m * n];
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    let threads = if m * k * n < PARALLEL { 1 } else { rayon::current_num_threads() };
    let rows = m.div_ceil(threads).min(ROWS).next_multiple_of(R);
    let step = k.div_ceil(k.div_ceil(DEPTH));
    for j in (0..n).step_by(COLUMNS) {
        let columns = j..n.min(j + COLUMNS);
        for p in (0..k).step_by(step) {
            let depth = p..k.min(p + step);
            scratch(1, columns.len().div_ceil(N) * depth.len(), |right: &mut [[W; N]]| {
                each(threads, right, depth.len(), &|i, panel| b.pack(j + i * N, depth.clone(), panel));
                each(threads, acc, rows * n, &|s, acc| {
                    let height = acc.len() / n;
                    scratch(0, height.div_ceil(R) * depth.len(), |left: &mut [[W; R]]| {
                        let panels = left.chunks_exact_mut(depth.len()).enumerate();
                        panels.for_each(|(i, panel)| a.pack(s * rows + i * R, depth.clone(), panel));
                        let block = Block { left, right, depth: depth.len(), columns: columns.clone(), subtract };
                        lanes.vectorize(
                            #[inline(always)]
                            || block.add_to::<L, C>(lanes, acc, n),
                        );
                    });
                });
            });
        }
    }
}

/// Runs `f` on numbered chunks of `items`: on this thread if it is the only one. What rayon makes of it is compiled once for a
/// type.
fn each<T: Send>(threads: usize, items: &mut [T], size: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if threads == 1 {
        items.chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
    } else {
        items.par_chunks_mut(size).enumerate().for_each(|(i, chunk)| f(i, chunk));
    }
}

/// Panels of `R` rows and of `N` columns, all of the same depth, and the columns they are about.
struct Block<'a, W, const R: usize, const N: usize> {
    left: &'a [[W; R]],
    right: &'a [[W; N]],
    depth: usize,
    columns: Range<usize>,
    subtract: bool,
}

impl<W: Word, const R: usize, const N: usize> Block<'_, W, R, N> {
    /// Adds the product of the panels to rows of the accumulator, `[rows, n]`; or subtracts it.
    #[inline(always)]
    fn add_to<L: Lanes<W>, const C: usize>(&self, lanes: L, acc: &mut [W], n: usize) {
        for (j, right) in self.columns.clone().step_by(N).zip(self.right.chunks_exact(self.depth)) {
            let width = N.min(self.columns.end - j);
            let right: &[[L::Row; C]] = cast_slice::<W, L::Row>(right.as_flattened()).as_chunks().0;
            for (left, acc) in self.left.chunks_exact(self.depth).zip(acc.chunks_mut(R * n)) {
                let sums = if width * size_of::<W>() <= size_of::<L::Row>() {
                    tile::<W, L, R, C, 1>(lanes, left, right)
                } else {
                    tile::<W, L, R, C, C>(lanes, left, right)
                };
                for (acc, sums) in acc.chunks_exact_mut(n).zip(&sums) {
                    let pairs = acc[j..][..width].iter_mut().zip(cast_slice::<L::Row, W>(sums));
                    if self.subtract {
                        pairs.for_each(|(x, y)| *x = x.sub(*y));
                    } else {
                        pairs.for_each(|(x, y)| *x = x.add(*y));
                    }
                }
            }
        }
    }
}

/// The product of two panels, `out[r][c] = sum_p left[p][r] right[p][c]`, summed in registers; zero for vectors
/// past the first `USED`.
#[inline(always)]
fn tile<W: Word, L: Lanes<W>, const R: usize, const C: usize, const USED: usize>(
    lanes: L,
    left: &[[W; R]],
    right: &[[L::Row; C]],
) -> [[L::Row; C]; R] {
    let mut sums = [[lanes.zero(); USED]; R];
    for (a, b) in left.iter().zip(right) {
        let mut factors = [lanes.right(&b[0]); USED];
        for c in 1..USED {
            factors[c] = lanes.right(&b[c]);
        }
        for r in 0..R {
            let a = lanes.left(a[r]);
            for c in 0..USED {
                sums[r][c] = lanes.add_product(sums[r][c], a, factors[c]);
            }
        }
    }
    let mut out = [[lanes.words(lanes.zero()); C]; R];
    for r in 0..R {
        for c in 0..USED {
            out[r][c] = lanes.words(sums[r][c]);
        }
    }
    out
}

/// Depth of a block: a right panel of it (32 KiB at most) stays in the first-level cache.
const DEPTH: usize = 256;
/// Most rows of a block: its left panels (256 KiB at most) stay in the second-level cache.
const ROWS: usize = 128;
/// Most columns of a block: bounds the scratch of the right panels to 4 MiB.
const COLUMNS: usize = 2048;
/// Multiplications below which waking other threads costs more than they save.
const PARALLEL: usize = 1 << 21;
