//! Products and sums of ring elements.

use crate::kernel::fast::linear as fast;
use crate::kernel::packed::bit;
use crate::kernel::row::{kernels, params};
use crate::kernel::{GROUP, TILE, Word};

params! {
    /// Of `ADD_ROW`.
    AddRowParams { cols }
    /// Of `COMBINE`.
    CombineParams { kx_lo, kx_hi, ky_lo, ky_hi }
    /// Of `KEEP`.
    KeepParams { len }
    /// Of `MATMUL_PAIR`.
    MatmulParams { m, k, n, ta, tb }
    /// Of `NARROW`.
    NarrowParams { cut, up, bits }
    /// Of `SUM_ROWS`.
    SumRowsParams { cols, shift }
}

kernels! {
    /// `out[i, j] = z[i, j] + b[j]`.
    ADD_ROW = main of "add_row.wgsl", AddRowParams, [Ring, Ring] => Ring, add_row;
    /// `out = kx x + ky y`.
    COMBINE = main of "combine.wgsl", CombineParams, [Ring, Ring] => Ring, combine, fast;
    /// `out = kx x + ky y` in `Z_2^64`.
    COMBINE_WIDE = main of "combine.wgsl", CombineParams, [Wide, Wide] => Wide, combine_wide, fast;
    /// Ring elements where public bits are 1, else 0.
    KEEP = main of "keep.wgsl", KeepParams, [Ring, Raw] => Ring, keep;
    /// `out = op(a) op(b) - c`.
    MATMUL_MINUS = main of "matmul_minus.wgsl" by MatmulParams::tiles, MatmulParams,
        [Ring, Ring, Ring] => Ring, matmul_minus, fast;
    /// `out = c + op(a1) op(b1) - op(a2) op(b2)`.
    MATMUL_PAIR = main of "matmul_pair.wgsl" by MatmulParams::tiles, MatmulParams,
        [Ring, Ring, Ring, Ring, Ring] => Ring, matmul_pair, fast;
    /// A 64-bit share, cut into the ring.
    NARROW = main of "narrow.wgsl", NarrowParams, [Wide] => Ring, narrow, fast;
    /// `out[j] = 2^shift sum_i x[i, j]`.
    SUM_ROWS = main of "sum_rows.wgsl" by SumRowsParams::groups, SumRowsParams, [Ring] => Ring, sum_rows;
}

impl MatmulParams {
    /// Sizes `[m, k, n]`.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        [self.m as usize, self.k as usize, self.n as usize]
    }

    /// Which factors are stored transposed.
    pub(crate) fn transposed(&self) -> [bool; 2] {
        [self.ta == 1, self.tb == 1]
    }

    /// Tiles of the product, for any number of words.
    pub(crate) fn tiles(&self, _len: usize) -> usize {
        self.m.div_ceil(TILE) as usize * self.n.div_ceil(TILE) as usize
    }
}

impl SumRowsParams {
    /// Threads of workgroups with a column each.
    fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}

/// `acc += op(a) op(b)`, or `-=` where `subtract`: `acc` is `[m, n]`, `op(a)` is `[m, k]`, stored as `[k, m]` where `ta`;
/// `op(b)` is `[k, n]`, stored as `[n, k]` where `tb`.
pub fn add_product<W: Word>(
    acc: &mut [W],
    a: &[W],
    b: &[W],
    [m, k, n]: [usize; 3],
    [ta, tb]: [bool; 2],
    subtract: bool,
) {
    for i in 0..m {
        for p in 0..k {
            let x = if ta { a[p * m + i] } else { a[i * k + p] };
            let x = if subtract { W::default().sub(x) } else { x };
            for j in 0..n {
                let y = if tb { b[j * k + p] } else { b[p * n + j] };
                acc[i * n + j] = acc[i * n + j].add(x.mul(y));
            }
        }
    }
}

/// `out = c + op(a1) op(b1) - op(a2) op(b2)`: a server's share of a product of wires (protocols.md 1.1).
fn matmul_pair<W: Word>(p: &MatmulParams, c: &[W], a1: &[W], b1: &[W], a2: &[W], b2: &[W], out: &mut [W]) {
    out.copy_from_slice(c);
    add_product(out, a1, b1, p.sizes(), p.transposed(), false);
    add_product(out, a2, b2, p.sizes(), p.transposed(), true);
}

/// `out = op(a) op(b) - c`: the dealer's correction for a product of masks.
fn matmul_minus<W: Word>(p: &MatmulParams, a: &[W], b: &[W], c: &[W], out: &mut [W]) {
    out.iter_mut().zip(c).for_each(|(o, c)| *o = W::default().sub(*c));
    add_product(out, a, b, p.sizes(), p.transposed(), false);
}

/// `out = kx x + ky y`, `kx` and `ky` public.
fn combine<W: Word>(p: &CombineParams, x: &[W], y: &[W], out: &mut [W]) {
    let word = |lo: u32, hi: u32| W::low(u64::from(lo) | u64::from(hi) << 32);
    let (kx, ky) = (word(p.kx_lo, p.kx_hi), word(p.ky_lo, p.ky_hi));
    for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
        *o = kx.mul(*x).add(ky.mul(*y));
    }
}

/// [`combine`] in `Z_2^64`.
fn combine_wide<W: Word>(p: &CombineParams, x: &[u64], y: &[u64], out: &mut [u64]) {
    combine(p, x, y, out);
}

/// `out[i] = x[i]` where bit `i` is 1, else 0; `len` elements.
fn keep<W: Word>(p: &KeepParams, x: &[W], bits: &[u32], out: &mut [W]) {
    for (i, (o, x)) in out.iter_mut().zip(x).take(p.len as usize).enumerate() {
        *o = if bit(bits, i) == 1 { *x } else { W::default() };
    }
}

/// `out[i, j] = z[i, j] + b[j]`.
fn add_row<W: Word>(p: &AddRowParams, z: &[W], b: &[W], out: &mut [W]) {
    let cols = p.cols as usize;
    for (out, z) in out.chunks_exact_mut(cols).zip(z.chunks_exact(cols)) {
        out.iter_mut().zip(z).zip(b).for_each(|((o, z), b)| *o = z.add(*b));
    }
}

/// `out[j] = 2^shift sum_i x[i, j]`.
fn sum_rows<W: Word>(p: &SumRowsParams, x: &[W], out: &mut [W]) {
    out.fill(W::default());
    for row in x.chunks_exact(p.cols as usize) {
        out.iter_mut().zip(row).for_each(|(o, x)| *o = o.add(*x));
    }
    out.iter_mut().for_each(|o| *o = o.shl(p.shift));
}

/// `out = (x >> cut) mod 2^bits` of a 64-bit share, rounded up where `up` (server 1).
fn narrow<W: Word>(p: &NarrowParams, x: &[u64], out: &mut [W]) {
    for (o, x) in out.iter_mut().zip(x) {
        let t = if p.up == 1 { x.shr_up(p.cut) } else { Word::shr(*x, p.cut) };
        *o = W::low(t).and(W::ones(p.bits));
    }
}
