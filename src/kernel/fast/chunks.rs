//! Operands in chunks of 32 elements: `b` whole words of packed numbers, one word of bits, and an array of `u64` to compute
//! on, whose loops the compiler turns into vectors.

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::packed::{Filler, Packed, Sink, words};

use super::split::{PIECE, inlined, split};

/// Elements of a chunk.
pub(crate) const CHUNK: usize = 32;
/// The elements from `CHUNK c` on; behind the last one, anything.
pub(crate) type Chunk = [u64; CHUNK];

/// What is read in chunks.
pub(crate) trait Chunks: Copy + Send + Sync {
    /// Chunk `c`.
    fn chunk(self, c: usize) -> Chunk;
}

impl<W: Word> Chunks for &[W] {
    #[inline(always)]
    fn chunk(self, c: usize) -> Chunk {
        let x = &self[c * CHUNK..];
        if let Some(x) = x.first_chunk::<CHUNK>() {
            return lanes!(|j| x[j].wide());
        }
        let mut out = [0; CHUNK];
        out.iter_mut().zip(x).for_each(|(o, x)| *o = x.wide());
        out
    }
}

/// Words of bits, each a number that is 0 or 1.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a>(pub(crate) &'a [u32]);

impl Chunks for Bits<'_> {
    #[inline(always)]
    fn chunk(self, c: usize) -> Chunk {
        let word = u64::from(self.0[c]);
        lanes!(|j| word >> j & 1)
    }
}

impl Chunks for Packed<'_> {
    /// Inlined although it is long: called, it takes as long again as the rest of a body.
    #[inline(always)]
    fn chunk(self, c: usize) -> Chunk {
        let bytes = &self.bytes[(c * CHUNK * self.bits / 8).min(self.bytes.len())..];
        match bytes.first_chunk() {
            Some(window) => self.spread(window),
            None => {
                let mut window = [0; WINDOW];
                let len = bytes.len().min(WINDOW);
                window[..len].copy_from_slice(&bytes[..len]);
                self.spread(&window)
            }
        }
    }
}

/// `elementwise!(f(a, b), x, y => value of x and y)` is `f(a, b, |c| ..)` with a closure that makes chunk `c`: its elements are
/// the values for the elements of `x` and `y`, which are [`Chunks`].
macro_rules! elementwise {
    ($call:ident($($arg:expr),*), $($x:ident),+ => $value:expr) => {
        $call(
            $($arg,)*
            #[inline(always)]
            move |c| {
                $(let $x = $crate::kernel::fast::chunks::Chunks::chunk($x, c);)+
                $crate::kernel::fast::chunks::lanes!(|j| {
                    $(let $x = $x[j];)+
                    $value
                })
            },
        )
    };
}
pub(crate) use elementwise;

/// `lanes!(|j| value)` is the array of the values for every `j`. Unlike `array::from_fn` it is always inlined, and so compiled
/// for the caller's SIMD level.
macro_rules! lanes {
    (|$j:ident| $value:expr) => {
        $crate::kernel::fast::chunks::each_lane(
            #[inline(always)]
            |$j| $value,
        )
    };
}
pub(crate) use lanes;

/// What [`lanes!`] calls.
#[inline(always)]
pub(crate) fn each_lane<T: Copy + Default, const N: usize>(f: impl Fn(usize) -> T) -> [T; N] {
    let mut out = [T::default(); N];
    for (j, o) in out.iter_mut().enumerate() {
        *o = f(j);
    }
    out
}

/// Fills `out` with the low bits of chunks, across cores in pieces of `size`.
pub(crate) fn fill<W: Word>(out: &mut [W], size: usize, values: impl Fn(usize) -> Chunk + Copy + Send + Sync) {
    inlined!(split(out, size), |at, out| { inlined!(fill_piece(out), |c| values(at / CHUNK + c)) });
}

/// [`fill`] on this thread.
#[inline(always)]
pub(crate) fn fill_piece<W: Word>(out: &mut [W], values: impl Fn(usize) -> Chunk) {
    for (c, out) in out.chunks_mut(CHUNK).enumerate() {
        let v = values(c);
        match out.first_chunk_mut::<CHUNK>() {
            Some(out) => *out = lanes!(|j| W::low(v[j])),
            None => out.iter_mut().zip(v).for_each(|(o, v)| *o = W::low(v)),
        }
    }
}

impl Packed<'_> {
    /// The elements at the head of `window`; the usual widths are constants for the compiler.
    #[inline(always)]
    fn spread(&self, window: &[u8; WINDOW]) -> Chunk {
        match self.bits {
            8 => lanes!(|j| u64::from(window[j])),
            16 => lanes!(|j| u64::from(u16::from_le_bytes([window[2 * j], window[2 * j + 1]]))),
            24 => lanes!(|j| word(window, 3 * j) & mask(24)),
            32 => lanes!(|j| word(window, 4 * j) & mask(32)),
            64 => lanes!(|j| word(window, 8 * j)),
            bits if bits <= 57 || bits % 4 == 0 => {
                lanes!(|j| word(window, j * bits / 8) >> (j * bits % 8) & self.mask)
            }
            bits => lanes!(|j| {
                let (byte, shift) = (j * bits / 8, j * bits % 8);
                let high = u64::from(window[byte + 8]) << (63 - shift) << 1;
                (word(window, byte) >> shift | high) & self.mask
            }),
        }
    }
}

/// Bytes that the widest chunk takes, and what is read with the last element.
const WINDOW: usize = CHUNK * 8 + 8;

/// The 64 bits from a byte on.
#[inline(always)]
fn word(window: &[u8; WINDOW], byte: usize) -> u64 {
    // a mask instead of a check: no element begins past byte 248
    let at = byte & 255;
    let b = &window[at..at + 8];
    u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
}

/// Packs `len` elements of `bits` bits, the low bits of those of `values(c)`, across cores. Numbers of no bits take no words.
pub(crate) fn pack_chunks(
    out: &mut [u32],
    bits: u32,
    len: usize,
    values: impl Fn(usize) -> Chunk + Copy + Send + Sync,
) {
    debug_assert_eq!(out.len(), words(len, bits));
    if bits == 0 {
        return;
    }
    inlined!(split(out, words(PIECE, bits)), |at, out| {
        // a chunk takes as many words as an element takes bits
        let c0 = at / bits as usize;
        let len = (len - c0 * CHUNK).min(out.len() * 32 / bits as usize);
        let mut sink = Sink::new(out);
        for c in 0..len.div_ceil(CHUNK) {
            let mut v = values(c0 + c);
            if len - c * CHUNK < CHUNK {
                v[len - c * CHUNK..].fill(0);
            }
            sink.push_chunk(&v, bits);
        }
        sink.finish();
    });
}

/// [`pack_chunks`] into the next item of a frame.
pub(crate) fn pack_item(
    fill: &mut Filler<'_>,
    len: usize,
    bits: u32,
    values: impl Fn(usize) -> Chunk + Copy + Send + Sync,
) {
    pack_chunks(fill.raw(words(len, bits)), bits, len, values);
}

impl Sink<'_> {
    /// Appends `bits` bits of every element, as many as of those before.
    #[inline(always)]
    fn push_chunk(&mut self, v: &Chunk, bits: u32) {
        let m = mask(bits);
        if bits == 32 {
            self.push_words(v);
        } else if bits < 32 {
            let pairs: [u64; CHUNK / 2] = lanes!(|j| (v[2 * j] & m) | (v[2 * j + 1] & m) << bits);
            pairs.into_iter().for_each(|x| self.push(x, 2 * bits));
        } else {
            v.iter().for_each(|x| self.push(x & m, bits));
        }
    }

    #[inline(always)]
    fn push_words(&mut self, v: &Chunk) {
        let len = self.out.len().min(CHUNK);
        let (out, rest) = std::mem::take(&mut self.out).split_at_mut(len);
        inlined!(fill_piece(out), |_| *v);
        self.out = rest;
    }
}

#[cfg(test)]
mod tests {
    use crate::kernel::packed::pack;

    use super::*;

    #[test]
    fn every_width_packs_by_chunk_as_by_element_and_comes_back() {
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        for bits in 0..=64 {
            for len in [0, 1, 2, 31, 32, 33, 100] {
                let values: Vec<u64> = (0..len)
                    .map(|i| {
                        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        [x ^ x >> 29, u64::MAX, 0][if i % 7 < 5 { 0 } else { i % 2 + 1 }]
                    })
                    .collect();
                let (mut want, mut out) = (vec![u32::MAX; words(len, bits)], vec![u32::MAX; words(len, bits)]);
                pack(&mut want, bits, len, |i| values[i]);
                let chunks = &values[..];
                elementwise!(pack_chunks(&mut out, bits, len), chunks => chunks);
                assert_eq!(out, want, "{bits} bits, {len} elements");
                let packed = Packed::new(&out, bits);
                for (i, v) in values.iter().enumerate() {
                    let chunk = Chunks::chunk(packed, i / CHUNK);
                    assert_eq!(chunk[i % CHUNK], v & mask(bits), "{bits} bits, element {i} of {len}");
                }
            }
        }
    }
}
