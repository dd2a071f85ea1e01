//! Sums over chunks of rows, by column, and products with factors that many values share (protocols.md 1.1).

use crate::kernel::row::{kernels, params};
use crate::kernel::{GROUP, Word};

params! {
    /// Of `DOT`.
    DotParams { cols, chunk, minus_c, minus }
    /// Of `SCALE`.
    ScaleParams { step, minus_c, minus }
    /// Of `SUM_CHUNKS`.
    SumChunksParams { cols, chunk }
}

kernels! {
    /// `out[k, j] = +-c[k, j] +- sum_i x[i, j] y[i, j]` over the rows of chunk `k`.
    DOT = main of "dot.wgsl" by DotParams::groups, DotParams, [Ring, Ring, Ring] => Ring, dot;
    /// `out[i] = +-c[i] +- x[i] w[i / step]`, again and again.
    SCALE = main of "scale.wgsl", ScaleParams, [Ring, Ring, Ring] => Ring, scale;
    /// `out[k, j] = sum_i x[i, j]` over the rows of chunk `k`.
    SUM_CHUNKS = main of "sum_chunks.wgsl" by SumChunksParams::groups, SumChunksParams, [Ring] => Ring, sum_chunks;
    /// The same in `Z_2^64`.
    SUM_CHUNKS_WIDE = main of "sum_chunks.wgsl" by SumChunksParams::groups, SumChunksParams, [Wide] => Wide, sum_chunks_wide;
}

impl DotParams {
    /// Threads of workgroups with a sum each.
    fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}

impl SumChunksParams {
    /// Threads of workgroups with a sum each.
    fn groups(&self, len: usize) -> usize {
        len * GROUP as usize
    }
}

/// `x`, or `-x` where `minus`.
fn signed<W: Word>(x: W, minus: u32) -> W {
    if minus == 1 { W::default().sub(x) } else { x }
}

/// The sum that every element belongs to, and the element.
fn terms(len: usize, cols: u32, chunk: u32) -> impl Iterator<Item = (usize, usize)> {
    let (cols, chunk) = (cols as usize, chunk as usize);
    (0..len).map(move |i| (i / cols / chunk * cols + i % cols, i))
}

/// `out[k, j] = +-c[k, j] +- sum_i x[i, j] y[i, j]` over the rows `i` of chunk `k`.
fn dot<W: Word>(p: &DotParams, c: &[W], x: &[W], y: &[W], out: &mut [W]) {
    out.iter_mut().zip(c).for_each(|(o, c)| *o = signed(*c, p.minus_c));
    for (to, i) in terms(x.len(), p.cols, p.chunk) {
        out[to] = out[to].add(signed(x[i].mul(y[i]), p.minus));
    }
}

/// `out[i] = +-c[i] +- x[i] w[i / step]`, from the first `w` again behind the last.
fn scale<W: Word>(p: &ScaleParams, c: &[W], x: &[W], w: &[W], out: &mut [W]) {
    for (i, o) in out.iter_mut().enumerate() {
        let product = x[i].mul(w[i / p.step as usize % w.len()]);
        *o = signed(c[i], p.minus_c).add(signed(product, p.minus));
    }
}

/// `out[k, j] = sum_i x[i, j]` over the rows `i` of chunk `k`.
fn sum_chunks<W: Word>(p: &SumChunksParams, x: &[W], out: &mut [W]) {
    out.fill(W::default());
    for (to, i) in terms(x.len(), p.cols, p.chunk) {
        out[to] = out[to].add(x[i]);
    }
}

/// [`sum_chunks`] in `Z_2^64`.
fn sum_chunks_wide<W: Word>(p: &SumChunksParams, x: &[u64], out: &mut [u64]) {
    sum_chunks(p, x, out);
}
