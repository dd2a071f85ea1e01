//! Products and sums of ring elements.

use crate::kernel::Word;
use crate::kernel::fast::bits::bit;
use crate::kernel::fast::gemm::gemm;
use crate::kernel::fast::split::{LIGHT, split};
use crate::kernel::table::{AddRowParams, CombineParams, KeepParams, MatmulParams, NarrowParams, SumRowsParams};

impl MatmulParams {
    fn sizes(&self) -> [usize; 3] {
        [self.m as usize, self.k as usize, self.n as usize]
    }

    fn transposed(&self) -> [bool; 2] {
        [self.ta == 1, self.tb == 1]
    }
}

/// `out = c + op(a1) op(b1) - op(a2) op(b2)`: a server's share of a product of wires (protocols.md 1.1).
#[inline(always)]
pub(crate) fn matmul_pair<W: Word>(p: &MatmulParams, c: &[W], a1: &[W], b1: &[W], a2: &[W], b2: &[W], out: &mut [W]) {
    out.copy_from_slice(c);
    gemm(out, a1, b1, p.sizes(), p.transposed(), false);
    gemm(out, a2, b2, p.sizes(), p.transposed(), true);
}

/// `out = op(a) op(b) - c`: the dealer's correction for a product of masks.
#[inline(always)]
pub(crate) fn matmul_minus<W: Word>(p: &MatmulParams, a: &[W], b: &[W], c: &[W], out: &mut [W]) {
    out.iter_mut().zip(c).for_each(|(o, c)| *o = W::default().sub(*c));
    gemm(out, a, b, p.sizes(), p.transposed(), false);
}

/// `out = kx x + ky y`, `kx` and `ky` public.
#[inline(always)]
pub(crate) fn combine<W: Word>(p: &CombineParams, x: &[W], y: &[W], out: &mut [W]) {
    combine_words(p, x, y, out);
}

/// [`combine`] in `Z_2^64`.
#[inline(always)]
pub(crate) fn combine_wide<W: Word>(p: &CombineParams, x: &[u64], y: &[u64], out: &mut [u64]) {
    combine_words(p, x, y, out);
}

#[inline(always)]
fn combine_words<X: Word>(p: &CombineParams, x: &[X], y: &[X], out: &mut [X]) {
    let word = |lo: u32, hi: u32| X::low(u64::from(lo) | u64::from(hi) << 32);
    let (kx, ky) = (word(p.kx_lo, p.kx_hi), word(p.ky_lo, p.ky_hi));
    split(
        out,
        LIGHT,
        #[inline(always)]
        move |at, out| {
            let pairs = x[at..].iter().zip(&y[at..]);
            out.iter_mut().zip(pairs).for_each(|(o, (x, y))| *o = kx.mul(*x).add(ky.mul(*y)));
        },
    );
}

/// `out[i] = x[i]` where bit `i` is 1, else 0; `len` elements.
#[inline(always)]
pub(crate) fn keep<W: Word>(p: &KeepParams, x: &[W], bits: &[u32], out: &mut [W]) {
    for (i, (o, x)) in out.iter_mut().zip(x).take(p.len as usize).enumerate() {
        *o = if bit(bits, i) == 1 { *x } else { W::default() };
    }
}

/// `out[i, j] = z[i, j] + b[j]`.
#[inline(always)]
pub(crate) fn add_row<W: Word>(p: &AddRowParams, z: &[W], b: &[W], out: &mut [W]) {
    let cols = p.cols as usize;
    for (out, z) in out.chunks_exact_mut(cols).zip(z.chunks_exact(cols)) {
        out.iter_mut().zip(z).zip(b).for_each(|((o, z), b)| *o = z.add(*b));
    }
}

/// `out[j] = 2^shift sum_i x[i, j]`.
#[inline(always)]
pub(crate) fn sum_rows<W: Word>(p: &SumRowsParams, x: &[W], out: &mut [W]) {
    out.fill(W::default());
    for row in x.chunks_exact(p.cols as usize) {
        out.iter_mut().zip(row).for_each(|(o, x)| *o = o.add(*x));
    }
    out.iter_mut().for_each(|o| *o = o.shl(p.shift));
}

/// `out = (x >> cut) mod 2^bits` of a 64-bit share, rounded up where `up` (server 1).
#[inline(always)]
pub(crate) fn narrow<W: Word>(p: &NarrowParams, x: &[u64], out: &mut [W]) {
    split(
        out,
        LIGHT,
        #[inline(always)]
        move |at, out| {
            for (o, x) in out.iter_mut().zip(&x[at..]) {
                let t = if p.up == 1 { x.shr_up(p.cut) } else { Word::shr(*x, p.cut) };
                *o = W::low(t).and(W::ones(p.bits));
            }
        },
    );
}
