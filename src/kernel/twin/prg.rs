//! The key stream of ChaCha12 as kernels.

use crate::kernel::Word;
use crate::kernel::fast::split::{PIECE, split};
use crate::kernel::table::{ChachaParams, ChachaRowsParams};
use crate::prg::Keystream;

/// The first words of the stream `stream` of a key.
#[inline(always)]
pub(crate) fn chacha<W: Word>(p: &ChachaParams, key: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    let stream = &stream;
    split(
        out,
        WORDS,
        #[inline(always)]
        move |at, out| stream.fill((at / 16) as u64, out),
    );
}

/// For every row number in `index`, the first `stride` words from block `row * blocks` on.
#[inline(always)]
pub(crate) fn chacha_rows<W: Word>(p: &ChachaRowsParams, key: &[u32], index: &[u32], out: &mut [u32]) {
    let stream = Keystream::new(key, p.stream_lo, p.stream_hi);
    let (stream, stride) = (&stream, p.stride as usize);
    split(
        out,
        WORDS.next_multiple_of(stride),
        #[inline(always)]
        move |at, out| {
            for (out, row) in out.chunks_exact_mut(stride).zip(&index[at / stride..]) {
                stream.fill(u64::from(*row) * u64::from(p.blocks), out);
            }
        },
    );
}

/// Words of a piece: a word takes a few nanoseconds. A whole number of blocks.
const WORDS: usize = PIECE / 4;
