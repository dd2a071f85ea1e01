//! Matrix products in blocks, sums across cores.

use crate::kernel::Word;
use crate::kernel::twin::linear::{CombineParams, MatmulParams, NarrowParams};

use super::gemm::gemm;
use super::split::{LIGHT, inlined, split};

/// Two products, summed in place.
pub(crate) fn matmul_pair<W: Word>(p: &MatmulParams, c: &[W], a1: &[W], b1: &[W], a2: &[W], b2: &[W], out: &mut [W]) {
    out.copy_from_slice(c);
    gemm(out, a1, b1, p.sizes(), p.transposed(), false);
    gemm(out, a2, b2, p.sizes(), p.transposed(), true);
}

/// A product, summed in place.
pub(crate) fn matmul_minus<W: Word>(p: &MatmulParams, a: &[W], b: &[W], c: &[W], out: &mut [W]) {
    out.iter_mut().zip(c).for_each(|(o, c)| *o = W::default().sub(*c));
    gemm(out, a, b, p.sizes(), p.transposed(), false);
}

/// The twin's loop, across cores.
pub(crate) fn combine<W: Word>(p: &CombineParams, x: &[W], y: &[W], out: &mut [W]) {
    let word = |lo: u32, hi: u32| W::low(u64::from(lo) | u64::from(hi) << 32);
    let (kx, ky) = (word(p.kx_lo, p.kx_hi), word(p.ky_lo, p.ky_hi));
    inlined!(split(out, LIGHT), |at, out| {
        let pairs = x[at..].iter().zip(&y[at..]);
        out.iter_mut().zip(pairs).for_each(|(o, (x, y))| *o = kx.mul(*x).add(ky.mul(*y)));
    });
}

/// [`combine`] in `Z_2^64`.
pub(crate) fn combine_wide<W: Word>(p: &CombineParams, x: &[u64], y: &[u64], out: &mut [u64]) {
    combine(p, x, y, out);
}

/// The twin's loop, across cores.
pub(crate) fn narrow<W: Word>(p: &NarrowParams, x: &[u64], out: &mut [W]) {
    inlined!(split(out, LIGHT), |at, out| {
        for (o, x) in out.iter_mut().zip(&x[at..]) {
            let t = if p.up == 1 { x.shr_up(p.cut) } else { Word::shr(*x, p.cut) };
            *o = W::low(t).and(W::ones(p.bits));
        }
    });
}
