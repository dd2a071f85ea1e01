//! Of sums and products, of packing and of what the dealer packs.

#![expect(clippy::cast_possible_truncation, reason = "the sizes of cases are small")]

use ppdnn::kernel::Operand;

use super::{Maker, SIZES};
use crate::{FILLS, bytes, packed};

/// Rows and columns, around a workgroup and with rows shorter and longer than one.
const MATRICES: [[usize; 2]; 9] = [[1, 1], [1, 65], [2, 32], [3, 10], [7, 31], [33, 64], [64, 1], [128, 10], [3, 1000]];

impl Maker {
    pub(super) fn add_row(&mut self) {
        for ([rows, cols], fill) in MATRICES.into_iter().flat_map(|m| FILLS.map(|f| (m, f))) {
            let [z, b] = [rows * cols, cols].map(|len| self.operand(Operand::Ring, len, fill));
            self.push(format!("{rows} rows {fill:?}"), &[cols as u32], vec![z, b], rows * cols);
        }
    }

    pub(super) fn and(&mut self) {
        for len in SIZES {
            let inputs = vec![self.raw(len), self.raw(len)];
            self.push(format!("{len}"), &[0], inputs, len);
        }
    }

    /// Rows of less than a block, of whole blocks and of broken ones, further apart than they are long.
    pub(super) fn chacha_rows(&mut self) {
        for stride in [1, 15, 16, 17, 64, 100, 1025] {
            for (rows, apart) in [(1, 0), (5, 1), (70, 0)] {
                let blocks = (stride as u32).div_ceil(16) + apart;
                let index: Vec<u32> = self.source.raw(rows).iter().map(|i| i % 60_000).collect();
                for [lo, hi] in [[0, 0], [u32::MAX, 7]] {
                    let inputs = vec![self.raw(8), bytes(&index)];
                    self.push(format!("{rows} rows"), &[lo, hi, stride as u32, blocks], inputs, rows * stride);
                }
            }
        }
    }

    pub(super) fn concat(&mut self) {
        for [first, second] in [[0, 1], [1, 0], [1, 1], [63, 1], [64, 64], [1, 65], [1000, 333]] {
            let inputs = vec![self.raw(first), self.raw(second)];
            self.push(format!("{second}"), &[first as u32], inputs, first + second);
        }
    }

    /// Of the AND of `sets` of bits.
    pub(super) fn correct_bits(&mut self, sets: usize) {
        for width in 1..=64 {
            for len in SIZES {
                let (bits, words) = (packed(len, 1), packed(len, width));
                let mut inputs: Vec<_> = (0..sets).map(|_| self.raw(bits)).collect();
                inputs.push(self.raw(words));
                self.push(format!("{sets}"), &[len as u32, width], inputs, words);
            }
        }
    }

    /// Bits of a wire and of its ring: those of the profiles, and the extremes.
    pub(super) fn wires(&self) -> &'static [[u32; 2]] {
        match self.bits(Operand::Ring) {
            32 => &[[24, 32], [20, 24], [2, 32], [31, 32], [32, 32], [2, 3]],
            _ => &[[48, 64], [40, 64], [33, 48], [32, 64], [31, 64], [2, 64], [63, 64], [24, 24]],
        }
    }

    pub(super) fn deal_extend(&mut self) {
        for [wire, ring] in self.wires() {
            for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
                let words = 2 * packed(len, ring - wire);
                let inputs = vec![self.operand(Operand::Ring, len, fill), self.raw(words)];
                self.push(format!("{len} {fill:?}"), &[*wire, *ring, 0], inputs, words);
            }
        }
    }

    pub(super) fn extend(&mut self) {
        for [wire, ring] in self.wires() {
            for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
                for first in [0, 1] {
                    let [hat, rho] = [(); 2].map(|()| self.operand(Operand::Ring, len, fill));
                    let dealt = self.raw(2 * packed(len, ring - wire));
                    self.push(format!("{len} {fill:?}"), &[*wire, *ring, first], vec![hat, rho, dealt], len);
                }
            }
        }
    }

    pub(super) fn gather_rows(&mut self) {
        for [rows, stride] in MATRICES {
            for (count, base) in [(1, 0), (50, 0), (129, 1_000_000)] {
                let index: Vec<u32> = self.source.raw(count).iter().map(|i| base + i % rows as u32).collect();
                let inputs = vec![self.raw(rows * stride), bytes(&index)];
                self.push(format!("{count} of {rows}"), &[stride as u32, base], inputs, count * stride);
            }
        }
    }

    pub(super) fn keep(&mut self) {
        for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
            let inputs = vec![self.operand(Operand::Ring, len, fill), self.raw(packed(len, 1))];
            self.push(format!("{len} {fill:?}"), &[len as u32], inputs, len);
        }
    }

    pub(super) fn pack_ring(&mut self) {
        for width in 1..=64 {
            for (turn, len) in SIZES.into_iter().enumerate() {
                let x = self.operand(Operand::Ring, len, FILLS[turn % 2]);
                self.push(format!("{len}"), &[width], vec![x], packed(len, width));
            }
        }
    }

    pub(super) fn row_sum(&mut self) {
        for ([rows, classes], fill) in MATRICES.into_iter().flat_map(|m| FILLS.map(|f| (m, f))) {
            for up in [0, 1] {
                let e = self.operand(Operand::Ring, rows * classes, fill);
                self.push(format!("{rows} rows {fill:?}"), &[classes as u32, up], vec![e], rows);
            }
        }
    }

    pub(super) fn sum_rows(&mut self) {
        // no rows, and more than software Vulkan lets one loop have
        for ([rows, cols], fill) in
            MATRICES.into_iter().chain([[0, 3], [70_000, 3]]).flat_map(|m| FILLS.map(|f| (m, f)))
        {
            for shift in [0, 5, 31, 32, 63, 64] {
                let x = self.operand(Operand::Ring, rows * cols, fill);
                self.push(format!("{rows} rows {fill:?}"), &[cols as u32, shift], vec![x], cols);
            }
        }
    }

    pub(super) fn unpack(&mut self) {
        for width in 1..=64 {
            for len in SIZES {
                let at = len % 3;
                let x = self.raw(packed(len, width) + at);
                self.push(format!("{len}"), &[width, at as u32], vec![x], len);
            }
        }
    }

    pub(super) fn unpack_rows(&mut self) {
        for width in 1..=64 {
            for (turn, [rows, cols]) in MATRICES.into_iter().enumerate() {
                let stride = packed(cols, width) + turn % 2;
                let x = self.raw(rows * stride);
                self.push(format!("{rows} rows"), &[cols as u32, width, stride as u32], vec![x], rows * cols);
            }
        }
    }
}
