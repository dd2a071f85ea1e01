//! Packed numbers: element `i` of `b` bits takes bits `i b .. (i + 1) b` of a string of `u32` words,
//! bit `j` of which is bit `j mod 32` of word `j / 32`. The last word ends in zeros.
//!
//! A plane is a string of single bits. A frame is a list of items, strings that each begin on a word.

use crate::fixed::mask;

/// Words that `len` elements of `bits` bits take.
pub(crate) const fn words(len: usize, bits: u32) -> usize {
    (len * bits as usize).div_ceil(32)
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

/// Packed numbers, to read from.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) bits: usize,
    pub(super) mask: u64,
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

    #[cold]
    fn tail(&self, byte: usize) -> u64 {
        let mut last = [0; 8];
        let rest = &self.bytes[byte.min(self.bytes.len())..];
        last[..rest.len()].copy_from_slice(rest);
        u64::from_le_bytes(last)
    }
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

    /// The next item as words.
    #[inline(always)]
    pub(crate) fn raw(&mut self, words: usize) -> &'a mut [u32] {
        let (item, rest) = std::mem::take(&mut self.words).split_at_mut(words);
        self.words = rest;
        item
    }
}

/// Packs `len` elements of `bits` bits, the low bits of `value(i)`; asks for them in order.
pub(crate) fn pack(out: &mut [u32], bits: u32, len: usize, value: impl FnMut(usize) -> u64) {
    debug_assert_eq!(out.len(), words(len, bits));
    if bits == 0 {
        return;
    }
    let mut sink = Sink::new(out);
    (0..len).map(value).for_each(|x| sink.push(x & mask(bits), bits));
    sink.finish();
}

/// Bits on their way into words; zeros behind the last word are dropped.
pub(super) struct Sink<'a> {
    pub(super) out: &'a mut [u32],
    acc: u64,
    fill: u32,
}

impl<'a> Sink<'a> {
    pub(super) fn new(out: &'a mut [u32]) -> Self {
        Self { out, acc: 0, fill: 0 }
    }

    /// Appends `1 <= bits <= 64` bits.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the two words of a number")]
    pub(super) fn push(&mut self, x: u64, bits: u32) {
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

    /// Writes what is left.
    #[expect(clippy::cast_possible_truncation, reason = "the two words of a number")]
    pub(super) fn finish(self) {
        self.out.iter_mut().zip([self.acc as u32, (self.acc >> 32) as u32]).for_each(|(o, w)| *o = w);
    }
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
                let packed = Packed::new(&out, bits);
                for (i, v) in values.iter().enumerate() {
                    assert_eq!(packed.at(i), v & mask(bits), "{bits} bits, element {i} of {len}");
                }
            }
        }
    }
}
