//! Products and sums of ring elements.

use crate::kernel::Word;
use crate::kernel::packed::bit;
use crate::kernel::params::{AddRowParams, CombineParams, KeepParams, MatmulParams, NarrowParams, SumRowsParams};

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
pub(crate) fn matmul_pair<W: Word>(p: &MatmulParams, c: &[W], a1: &[W], b1: &[W], a2: &[W], b2: &[W], out: &mut [W]) {
    out.copy_from_slice(c);
    add_product(out, a1, b1, p.sizes(), p.transposed(), false);
    add_product(out, a2, b2, p.sizes(), p.transposed(), true);
}

/// `out = op(a) op(b) - c`: the dealer's correction for a product of masks.
pub(crate) fn matmul_minus<W: Word>(p: &MatmulParams, a: &[W], b: &[W], c: &[W], out: &mut [W]) {
    out.iter_mut().zip(c).for_each(|(o, c)| *o = W::default().sub(*c));
    add_product(out, a, b, p.sizes(), p.transposed(), false);
}

/// `out = kx x + ky y`, `kx` and `ky` public.
pub(crate) fn combine<W: Word>(p: &CombineParams, x: &[W], y: &[W], out: &mut [W]) {
    let word = |lo: u32, hi: u32| W::low(u64::from(lo) | u64::from(hi) << 32);
    let (kx, ky) = (word(p.kx_lo, p.kx_hi), word(p.ky_lo, p.ky_hi));
    for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
        *o = kx.mul(*x).add(ky.mul(*y));
    }
}

/// [`combine`] in `Z_2^64`.
pub(crate) fn combine_wide<W: Word>(p: &CombineParams, x: &[u64], y: &[u64], out: &mut [u64]) {
    combine(p, x, y, out);
}

/// `out[i] = x[i]` where bit `i` is 1, else 0; `len` elements.
pub(crate) fn keep<W: Word>(p: &KeepParams, x: &[W], bits: &[u32], out: &mut [W]) {
    for (i, (o, x)) in out.iter_mut().zip(x).take(p.len as usize).enumerate() {
        *o = if bit(bits, i) == 1 { *x } else { W::default() };
    }
}

/// `out[i, j] = z[i, j] + b[j]`.
pub(crate) fn add_row<W: Word>(p: &AddRowParams, z: &[W], b: &[W], out: &mut [W]) {
    let cols = p.cols as usize;
    for (out, z) in out.chunks_exact_mut(cols).zip(z.chunks_exact(cols)) {
        out.iter_mut().zip(z).zip(b).for_each(|((o, z), b)| *o = z.add(*b));
    }
}

/// `out[j] = 2^shift sum_i x[i, j]`.
pub(crate) fn sum_rows<W: Word>(p: &SumRowsParams, x: &[W], out: &mut [W]) {
    out.fill(W::default());
    for row in x.chunks_exact(p.cols as usize) {
        out.iter_mut().zip(row).for_each(|(o, x)| *o = o.add(*x));
    }
    out.iter_mut().for_each(|o| *o = o.shl(p.shift));
}

/// `out = (x >> cut) mod 2^bits` of a 64-bit share, rounded up where `up` (server 1).
pub(crate) fn narrow<W: Word>(p: &NarrowParams, x: &[u64], out: &mut [W]) {
    for (o, x) in out.iter_mut().zip(x) {
        let t = if p.up == 1 { x.shr_up(p.cut) } else { Word::shr(*x, p.cut) };
        *o = W::low(t).and(W::ones(p.bits));
    }
}
