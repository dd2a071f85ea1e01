//! The product, cut into blocks for the caches and tiles for the registers.

use bytemuck::{cast_slice, cast_slice_mut};
use rayon::prelude::*;

use crate::kernel::Word;

use super::lanes::Lanes;
use super::panel::{Factor, scratch};

/// A product to be done: the arguments of [`super::gemm`].
pub(super) struct Product<'a, W> {
    pub(super) acc: &'a mut [W],
    pub(super) a: &'a [W],
    pub(super) b: &'a [W],
    pub(super) sizes: [usize; 3],
    pub(super) transposed: [bool; 2],
    pub(super) subtract: bool,
}

impl<'a, W: Word> Product<'a, W> {
    /// The same product of words `V`, which are `W` under their own name.
    pub(super) fn named<V: Word>(self) -> Product<'a, V> {
        let Self { acc, a, b, sizes, transposed, subtract } = self;
        Product { acc: cast_slice_mut(acc), a: cast_slice(a), b: cast_slice(b), sizes, transposed, subtract }
    }
}

/// Does the product with tiles of `R` rows and `C` vectors, that is `N` words.
pub(super) fn multiply<W: Word, L: Lanes<W>, const R: usize, const C: usize, const N: usize>(
    lanes: L,
    product: Product<'_, W>,
) {
    const { assert!(N * size_of::<W>() == C * size_of::<L::Row>()) }
    let Product { acc, a, b, sizes: [m, k, n], transposed: [ta, tb], subtract } = product;
    let (acc, a, b) = (&mut acc[..m * n], Factor::new(a, m, k, !ta), Factor::new(b, n, k, tb));
    if m == 0 || k == 0 || n == 0 {
        return;
    }
    let threads = if m * k * n < PARALLEL { 1 } else { rayon::current_num_threads() };
    let rows = m.div_ceil(threads).next_multiple_of(R).min(ROWS / R * R);
    let depth = k.div_ceil(k.div_ceil(DEPTH));
    for j in (0..n).step_by(COLUMNS) {
        let columns = j..n.min(j + COLUMNS);
        for p in (0..k).step_by(depth) {
            let depth = p..k.min(p + depth);
            scratch(1, columns.len().div_ceil(N) * depth.len(), |right: &mut [[W; N]]| {
                lanes.vectorize(
                    #[inline(always)]
                    || b.pack(columns.clone(), depth.clone(), right),
                );
                let right = &*right;
                let strip = |(s, acc): (usize, &mut [W])| {
                    let first = s * rows;
                    let height = acc.len() / n;
                    scratch(0, height.div_ceil(R) * depth.len(), |left: &mut [[W; R]]| {
                        lanes.vectorize(
                            #[inline(always)]
                            || {
                                a.pack(first..first + height, depth.clone(), left);
                                let strip =
                                    Strip { acc, stride: n, first: columns.start, columns: columns.len(), subtract };
                                tiles::<W, L, R, C, N>(lanes, strip, left, right, depth.len());
                            },
                        );
                    });
                };
                if threads == 1 {
                    acc.chunks_mut(rows * n).enumerate().for_each(strip);
                } else {
                    acc.par_chunks_mut(rows * n).enumerate().for_each(strip);
                }
            });
        }
    }
}

/// Columns `first ..` of some rows of the accumulator.
struct Strip<'a, W> {
    acc: &'a mut [W],
    stride: usize,
    first: usize,
    columns: usize,
    subtract: bool,
}

/// Adds the product of the packed panels to a strip.
#[inline(always)]
fn tiles<W: Word, L: Lanes<W>, const R: usize, const C: usize, const N: usize>(
    lanes: L,
    strip: Strip<'_, W>,
    left: &[[W; R]],
    right: &[[W; N]],
    depth: usize,
) {
    let Strip { acc, stride, first, columns, subtract } = strip;
    for (j, right) in (0..columns).step_by(N).zip(right.chunks_exact(depth)) {
        let width = N.min(columns - j);
        let right: &[[L::Row; C]] = cast_slice::<W, L::Row>(right.as_flattened()).as_chunks().0;
        for (left, acc) in left.chunks_exact(depth).zip(acc.chunks_mut(R * stride)) {
            let sums = tile::<W, L, R, C>(lanes, left, right);
            for (acc, sums) in acc.chunks_exact_mut(stride).zip(&sums) {
                let acc = &mut acc[first + j..][..width];
                let sums = cast_slice::<L::Row, W>(sums);
                if subtract {
                    acc.iter_mut().zip(sums).for_each(|(x, y)| *x = x.sub(*y));
                } else {
                    acc.iter_mut().zip(sums).for_each(|(x, y)| *x = x.add(*y));
                }
            }
        }
    }
}

/// The product of two panels, `out[r][c] = sum_p left[p][r] right[p][c]`, summed in registers.
#[inline(always)]
fn tile<W: Word, L: Lanes<W>, const R: usize, const C: usize>(
    lanes: L,
    left: &[[W; R]],
    right: &[[L::Row; C]],
) -> [[L::Row; C]; R] {
    let mut sums = [[lanes.zero(); C]; R];
    for (a, b) in left.iter().zip(right) {
        let mut factors = [lanes.right(&b[0]); C];
        for c in 1..C {
            factors[c] = lanes.right(&b[c]);
        }
        for r in 0..R {
            let a = lanes.left(a[r]);
            for c in 0..C {
                sums[r][c] = lanes.add_product(sums[r][c], a, factors[c]);
            }
        }
    }
    let mut out = [[lanes.words(lanes.zero()); C]; R];
    for r in 0..R {
        for c in 0..C {
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
