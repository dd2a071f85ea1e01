//! Packed numbers: element `i` of `b` bits takes bits `i b .. (i + 1) b` of a string of `u32` words,
//! bit `j` of which is bit `j mod 32` of word `j / 32`. The last word ends in zeros.
//!
//! Fast bodies go through operands in chunks of 32 elements: `b` whole words of packed numbers, one word of bits, and an
//! array of `u64` to compute on, whose loops the compiler turns into vectors.

use crate::fixed::mask;
use crate::kernel::Word;

use super::split::{PIECE, split};

/// Elements of a chunk.
pub(crate) const CHUNK: usize = 32;
/// The elements from `CHUNK c` on; behind the last one, anything.
pub(crate) type Chunk = [u64; CHUNK];

/// Chunk `c` of words.
#[inline(always)]
pub(crate) fn chunk<W: Word>(x: &[W], c: usize) -> Chunk {
    let x = &x[c * CHUNK..];
    if let Some(x) = x.first_chunk::<CHUNK>() {
        return lanes(
            #[inline(always)]
            |j| x[j].wide(),
        );
    }
    let mut out = [0; CHUNK];
    out.iter_mut().zip(x).for_each(|(o, x)| *o = x.wide());
    out
}

/// Chunk `c` of bits, each a number that is 0 or 1.
#[inline(always)]
pub(crate) fn chunk_of_bits(words: &[u32], c: usize) -> Chunk {
    let word = u64::from(words[c]);
    lanes(
        #[inline(always)]
        |j| word >> j & 1,
    )
}

/// An array of `f(j)`. Unlike `array::from_fn` it is always inlined, and so compiled for the caller's SIMD level.
#[inline(always)]
pub(crate) fn lanes<T: Copy + Default, const N: usize>(f: impl Fn(usize) -> T) -> [T; N] {
    let mut out = [T::default(); N];
    for (j, o) in out.iter_mut().enumerate() {
        *o = f(j);
    }
    out
}

/// Fills `out` with the low bits of chunks, across cores in pieces of `size`.
#[inline(always)]
pub(crate) fn fill<W: Word>(out: &mut [W], size: usize, values: impl Fn(usize) -> Chunk + Copy + Send + Sync) {
    split(
        out,
        size,
        #[inline(always)]
        move |at, out| {
            fill_piece(
                out,
                #[inline(always)]
                move |c| values(at / CHUNK + c),
            );
        },
    );
}

/// [`fill`] on this thread.
#[inline(always)]
pub(crate) fn fill_piece<W: Word>(out: &mut [W], values: impl Fn(usize) -> Chunk) {
    for (c, out) in out.chunks_mut(CHUNK).enumerate() {
        let v = values(c);
        match out.first_chunk_mut::<CHUNK>() {
            Some(out) => {
                *out = lanes(
                    #[inline(always)]
                    |j| W::low(v[j]),
                )
            }
            None => out.iter_mut().zip(v).for_each(|(o, v)| *o = W::low(v)),
        }
    }
}

/// Words that `len` elements of `bits` bits take.
pub(crate) const fn words(len: usize, bits: u32) -> usize {
    (len * bits as usize).div_ceil(32)
}

/// Packed numbers, to read from.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    bytes: &'a [u8],
    bits: usize,
    mask: u64,
}

impl<'a> Packed<'a> {
    /// The elements of `bits` bits in `words`.
    pub(crate) fn new(words: &'a [u32], bits: u32) -> Self {
        Self { bytes: bytemuck::cast_slice(words), bits: bits as usize, mask: mask(bits) }
    }

    /// Element `i`.
    #[inline(always)]
    pub(crate) fn at(&self, i: usize) -> u64 {
        let bit = i * self.bits;
        let (byte, shift) = (bit / 8, bit % 8);
        let low = match self.bytes.get(byte..byte + 8) {
            Some(b) => u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
            None => self.tail(byte),
        };
        let mut x = low >> shift;
        if self.bits + shift > 64 {
            x |= u64::from(self.bytes[byte + 8]) << (64 - shift);
        }
        x & self.mask
    }

    /// Chunk `c`.
    #[inline(always)]
    pub(crate) fn chunk(&self, c: usize) -> Chunk {
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

    /// The elements at the head of `window`; the usual widths are constants for the compiler.
    #[inline(always)]
    fn spread(&self, window: &[u8; WINDOW]) -> Chunk {
        match self.bits {
            8 => lanes(
                #[inline(always)]
                |j| u64::from(window[j]),
            ),
            16 => lanes(
                #[inline(always)]
                |j| u64::from(u16::from_le_bytes([window[2 * j], window[2 * j + 1]])),
            ),
            24 => lanes(
                #[inline(always)]
                |j| word(window, 3 * j) & mask(24),
            ),
            32 => lanes(
                #[inline(always)]
                |j| word(window, 4 * j) & mask(32),
            ),
            64 => lanes(
                #[inline(always)]
                |j| word(window, 8 * j),
            ),
            bits if bits <= 57 || bits % 4 == 0 => lanes(
                #[inline(always)]
                |j| word(window, j * bits / 8) >> (j * bits % 8) & self.mask,
            ),
            bits => lanes(
                #[inline(always)]
                |j| {
                    let (byte, shift) = (j * bits / 8, j * bits % 8);
                    let high = u64::from(window[byte + 8]) << (63 - shift) << 1;
                    (word(window, byte) >> shift | high) & self.mask
                },
            ),
        }
    }

    #[cold]
    fn tail(&self, byte: usize) -> u64 {
        let mut last = [0; 8];
        let rest = &self.bytes[byte.min(self.bytes.len())..];
        last[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(last)
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

/// A reader that walks a frame item by item; every item starts on a word.
pub(crate) struct Items<'a> {
    words: &'a [u32],
}

impl<'a> Items<'a> {
    /// The items of a frame.
    pub(crate) fn new(words: &'a [u32]) -> Self {
        Self { words }
    }

    /// The next item: `len` elements of `bits` bits.
    #[inline(always)]
    pub(crate) fn next(&mut self, len: usize, bits: u32) -> Packed<'a> {
        Packed::new(self.raw(words(len, bits)), bits)
    }

    /// The next item as words.
    #[inline(always)]
    pub(crate) fn raw(&mut self, words: usize) -> &'a [u32] {
        let (item, rest) = self.words.split_at(words);
        self.words = rest;
        item
    }
}

/// A writer that fills a frame item by item; every item starts on a word.
pub(crate) struct Filler<'a> {
    words: &'a mut [u32],
}

impl<'a> Filler<'a> {
    /// A frame to fill.
    pub(crate) fn new(words: &'a mut [u32]) -> Self {
        Self { words }
    }

    /// Fills the next item: `len` elements of `bits` bits.
    #[inline(always)]
    pub(crate) fn item(&mut self, len: usize, bits: u32, value: impl FnMut(usize) -> u64) {
        pack(self.raw(words(len, bits)), bits, len, value);
    }

    /// Fills the next item chunk by chunk, across cores.
    #[inline(always)]
    pub(crate) fn chunks(&mut self, len: usize, bits: u32, values: impl Fn(usize) -> Chunk + Copy + Send + Sync) {
        pack_chunks(self.raw(words(len, bits)), bits, len, values);
    }

    /// The next item as words.
    #[inline(always)]
    pub(crate) fn raw(&mut self, words: usize) -> &'a mut [u32] {
        let (item, rest) = std::mem::take(&mut self.words).split_at_mut(words);
        self.words = rest;
        item
    }
}

/// Packs `len` elements of `bits` bits, the low bits of `value(i)`; asks for them in order.
#[inline(always)]
pub(crate) fn pack(out: &mut [u32], bits: u32, len: usize, mut value: impl FnMut(usize) -> u64) {
    pack_piece(
        out,
        bits,
        len,
        #[inline(always)]
        |c| {
            let (mut chunk, at) = ([0; CHUNK], c * CHUNK);
            chunk.iter_mut().zip(at..len).for_each(|(x, i)| *x = value(i));
            chunk
        },
    );
}

/// Packs `len` elements of `bits` bits, the low bits of those of `values(c)`, across cores. Numbers of no bits take no words.
#[inline(always)]
pub(crate) fn pack_chunks(
    out: &mut [u32],
    bits: u32,
    len: usize,
    values: impl Fn(usize) -> Chunk + Copy + Send + Sync,
) {
    if bits == 0 {
        return;
    }
    split(
        out,
        words(PIECE, bits),
        #[inline(always)]
        move |at, out| {
            // a chunk takes as many words as an element takes bits
            let c0 = at / bits as usize;
            let len = (len - c0 * CHUNK).min(out.len() * 32 / bits as usize);
            pack_piece(
                out,
                bits,
                len,
                #[inline(always)]
                move |c| values(c0 + c),
            );
        },
    );
}

/// [`pack_chunks`] on this thread; asks for the chunks in order.
#[inline(always)]
fn pack_piece(out: &mut [u32], bits: u32, len: usize, mut values: impl FnMut(usize) -> Chunk) {
    debug_assert_eq!(out.len(), words(len, bits));
    let m = mask(bits);
    let mut sink = Sink { out, acc: 0, fill: 0 };
    for c in 0..len.div_ceil(CHUNK) {
        let mut v = values(c);
        if len - c * CHUNK < CHUNK {
            v[len - c * CHUNK..].fill(0);
        }
        if bits == 32 {
            sink.words(&v);
        } else if bits < 32 {
            let pairs: [u64; CHUNK / 2] = lanes(
                #[inline(always)]
                |j| (v[2 * j] & m) | (v[2 * j + 1] & m) << bits,
            );
            pairs.into_iter().for_each(|x| sink.push(x, 2 * bits));
        } else {
            v.into_iter().for_each(|x| sink.push(x & m, bits));
        }
    }
    sink.finish();
}

/// Bits on their way into words; zeros behind the last word are dropped.
struct Sink<'a> {
    out: &'a mut [u32],
    acc: u64,
    fill: u32,
}

impl Sink<'_> {
    /// Appends `1 <= bits <= 64` bits.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the two words of a number")]
    fn push(&mut self, x: u64, bits: u32) {
        self.acc |= x << self.fill;
        self.fill += bits;
        if self.fill >= 64 {
            let [low, high] = [self.acc as u32, (self.acc >> 32) as u32];
            match std::mem::take(&mut self.out) {
                [a, b, rest @ ..] => {
                    (*a, *b) = (low, high);
                    self.out = rest;
                }
                [a] => *a = low,
                [] => (),
            }
            self.fill -= 64;
            self.acc = x >> 1 >> (bits - 1 - self.fill);
        }
    }

    /// Appends 32 bits of every element, where all before them had 32 too.
    #[inline(always)]
    fn words(&mut self, v: &Chunk) {
        let len = self.out.len().min(CHUNK);
        let (out, rest) = std::mem::take(&mut self.out).split_at_mut(len);
        fill_piece(
            out,
            #[inline(always)]
            |_| *v,
        );
        self.out = rest;
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two words of a number")]
    fn finish(self) {
        self.out.iter_mut().zip([self.acc as u32, (self.acc >> 32) as u32]).for_each(|(o, w)| *o = w);
    }
}

/// Number of 32-bit words of a plane of `len` bits.
pub(crate) const fn plane(len: usize) -> usize {
    len.div_ceil(32)
}

/// Bit `i` of packed bits.
#[inline(always)]
pub(crate) fn bit(words: &[u32], i: usize) -> u32 {
    words[i / 32] >> (i % 32) & 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, a bit at a time.
    fn slow(values: &[u64], bits: u32) -> Vec<u32> {
        let mut out = vec![0; words(values.len(), bits)];
        for (i, v) in values.iter().enumerate() {
            for b in 0..bits as usize {
                let at = i * bits as usize + b;
                out[at / 32] |= ((v >> b & 1) as u32) << (at % 32);
            }
        }
        out
    }

    #[test]
    fn every_width_packs_as_defined_and_comes_back() {
        let mut x = 0x9e37_79b9_7f4a_7c15_u64;
        for bits in 0..=64 {
            for len in [0, 1, 2, 31, 32, 33, 100] {
                let values: Vec<u64> = (0..len)
                    .map(|i| {
                        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        [x ^ x >> 29, u64::MAX, 0][if i % 7 < 5 { 0 } else { i % 2 + 1 }]
                    })
                    .collect();
                let mut out = vec![u32::MAX; words(len, bits)];
                pack(&mut out, bits, len, |i| values[i]);
                assert_eq!(out, slow(&values, bits), "{bits} bits, {len} elements");
                out.fill(u32::MAX);
                pack_chunks(&mut out, bits, len, |c| chunk(&values, c));
                assert_eq!(out, slow(&values, bits), "{bits} bits, {len} elements by chunk");
                let packed = Packed::new(&out, bits);
                for (i, v) in values.iter().enumerate() {
                    assert_eq!(packed.at(i), v & mask(bits), "{bits} bits, element {i} of {len}");
                    let chunk = packed.chunk(i / CHUNK);
                    assert_eq!(chunk[i % CHUNK], v & mask(bits), "{bits} bits, element {i} of {len} by chunk");
                }
            }
        }
    }
}
