//! The key stream of ChaCha12 as kernels.

use crate::kernel::Word;
use crate::kernel::fast::prg as fast;
use crate::kernel::row::{kernels, params};
use crate::prg::Keystream;

params! {
    /// Of `CHACHA`.
    ChachaParams { stream_lo, stream_hi }
    /// Of `CHACHA_ROWS`.
    ChachaRowsParams { stream_lo, stream_hi, stride, blocks }
}

kernels! {
    /// The first words of a key stream.
    CHACHA = main of "chacha.wgsl" by ChachaParams::blocks, ChachaParams, [Raw] => Raw, chacha, fast;
    /// Words of a key stream by row.
    CHACHA_ROWS = main of "chacha_rows.wgsl" by ChachaRowsParams::blocks, ChachaRowsParams, [Raw, Raw] => Raw, chacha_rows, fast;
}

impl ChachaParams {
    /// Blocks of 16 words that `len` words take.
    fn blocks(&self, len: usize) -> usize {
        len.div_ceil(16)
    }
}

impl ChachaRowsParams {
    /// Blocks that rows of `len` words in all take.
    fn blocks(&self, len: usize) -> usize {
        let stride = self.stride as usize;
        len / stride * stride.div_ceil(16)
    }
}

/// The first words of the stream `stream` of a key.
fn chacha<W: Word>(p: &ChachaParams, key: &[u32], out: &mut [u32]) {
    Keystream::new(key, p.stream_lo, p.stream_hi).fill(0, out);
}

/// For every row number in `index`, the first `stride` words from block `row * blocks` on.
fn chacha_rows<W: Word>(p: &ChachaRowsParams, key: &[u32], index: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    for (out, row) in out.chunks_exact_mut(p.stride as usize).zip(index) {
        stream.fill(u64::from(*row) * u64::from(p.blocks), out);
    }
}
