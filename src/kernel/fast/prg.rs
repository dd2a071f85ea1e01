//! The key stream across cores; its SIMD is that of the cipher.

use crate::kernel::Word;
use crate::kernel::twin::prg::{ChachaParams, ChachaRowsParams};
use crate::prg::Keystream;

use super::split::{PIECE, pieces};

/// Pieces of whole blocks.
pub(crate) fn chacha<W: Word>(p: &ChachaParams, key: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    pieces(out, WORDS, &|at, out| stream.fill((at / 16) as u64, out));
}

/// Pieces of whole rows.
pub(crate) fn chacha_rows<W: Word>(p: &ChachaRowsParams, key: &[u32], index: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    let stride = p.stride as usize;
    pieces(out, WORDS.next_multiple_of(stride), &|at, out| {
        for (out, row) in out.chunks_exact_mut(stride).zip(&index[at / stride..]) {
            stream.fill(u64::from(*row) * u64::from(p.blocks), out);
        }
    });
}

/// Words of a piece: a word takes a few nanoseconds. A whole number of blocks.
const WORDS: usize = PIECE / 4;
