//! The key stream of ChaCha12 as kernels.

use rayon::prelude::*;

use crate::kernel::Word;
use crate::kernel::table::{ChachaParams, ChachaRowsParams};
use crate::prg::Keystream;

/// The first words of the stream `stream` of a key.
#[inline(always)]
pub(crate) fn chacha<W: Word>(p: &ChachaParams, key: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    if out.len() <= PIECE || rayon::current_num_threads() == 1 {
        return stream.fill(0, out);
    }
    out.par_chunks_mut(PIECE).enumerate().for_each(|(i, piece)| stream.fill((i * PIECE / 16) as u64, piece));
}

/// For every row number in `index`, the first `stride` words from block `row * blocks` on.
#[inline(always)]
pub(crate) fn chacha_rows<W: Word>(p: &ChachaRowsParams, key: &[u32], index: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    let stride = p.stride as usize;
    let fill = |(out, row): (&mut [u32], &u32)| stream.fill(u64::from(*row) * u64::from(p.blocks), out);
    if out.len() <= PIECE || rayon::current_num_threads() == 1 {
        return out.chunks_exact_mut(stride).zip(index).for_each(fill);
    }
    out.par_chunks_exact_mut(stride).zip(index).for_each(fill);
}

/// Words that one core fills in a few microseconds: what is worth a task of its own. A whole number of blocks.
const PIECE: usize = 1 << 14;
