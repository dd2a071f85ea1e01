//! The key stream of ChaCha12 as kernels.

use crate::kernel::Word;
use crate::kernel::params::{ChachaParams, ChachaRowsParams};
use crate::prg::Keystream;

/// The first words of the stream `stream` of a key.
pub(crate) fn chacha<W: Word>(p: &ChachaParams, key: &[u32], out: &mut [u32]) {
    Keystream::new(key, p.stream_lo, p.stream_hi).fill(0, out);
}

/// For every row number in `index`, the first `stride` words from block `row * blocks` on.
pub(crate) fn chacha_rows<W: Word>(p: &ChachaRowsParams, key: &[u32], index: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    for (out, row) in out.chunks_exact_mut(p.stride as usize).zip(index) {
        stream.fill(u64::from(*row) * u64::from(p.blocks), out);
    }
}
