//! Rows as they leave their owner: under the sum of two masks, one of each server's seed.

use std::ops::Range;

use crate::fixed::mask;
use crate::kernel::packed::{Packed, pack};
use crate::party::{Set, SetShape};
use crate::prg::{Keystream, Seed};

/// Masks rows of a set: `x + r_0 + r_1` in the ring. A row's masks follow from its number, so no number serves twice.
pub(crate) struct RowMasking {
    shape: SetShape,
    streams: [Keystream; 2],
    masks: [Vec<u32>; 2],
    x: Vec<u64>,
}

impl RowMasking {
    /// Masks of these seeds.
    pub(crate) fn new(set: Set, shape: SetShape, seeds: &[Seed; 2]) -> Self {
        let streams = seeds.each_ref().map(|seed| seed.stream(set.stream()));
        let masks = [vec![0; shape.stride()], vec![0; shape.stride()]];
        Self { shape, streams, masks, x: vec![0; shape.cols] }
    }

    /// The packed masked rows of these numbers; `value` gives a row's elements.
    pub(crate) fn masked(&mut self, rows: Range<usize>, value: impl Fn(usize, &mut [u64])) -> Vec<u32> {
        let Self { shape, streams, masks, x } = self;
        let (stride, blocks) = (shape.stride(), shape.blocks() as u64);
        let mut words = vec![0u32; rows.len() * stride];
        for (row, out) in rows.zip(words.chunks_exact_mut(stride)) {
            for (stream, mask) in streams.iter().zip(&mut *masks) {
                stream.fill(row as u64 * blocks, mask);
            }
            value(row, x);
            let (a, b) = (Packed::new(&masks[0], shape.bits), Packed::new(&masks[1], shape.bits));
            pack(out, shape.bits, shape.cols, |i| x[i].wrapping_add(a.at(i)).wrapping_add(b.at(i)) & mask(shape.bits));
        }
        words
    }
}

/// Rows of a frame of masked rows: about 1 MiB.
pub(crate) fn rows_per_frame(shape: SetShape) -> usize {
    ((1 << 18) / shape.stride()).max(1)
}
