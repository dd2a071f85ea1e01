//! Of max pooling.

use ppdnn::kernel::Operand;

use super::{Maker, SIZES};
use crate::{FILLS, Fill, packed};

fn runs() -> impl Iterator<Item = (usize, Fill)> {
    SIZES.into_iter().flat_map(|len| FILLS.map(|fill| (len, fill)))
}

impl Maker {
    /// Bits of wires: the profiles', and the word's ends.
    fn wire_bits(&self) -> [u32; 4] {
        let whole = self.bits(Operand::Ring);
        [24, whole, whole - 1, 5]
    }

    pub(super) fn pick(&mut self) {
        for ((len, fill), bits) in runs().flat_map(|r| self.wire_bits().map(|b| (r, b))).collect::<Vec<_>>() {
            for first in [0, 1] {
                let mut inputs =
                    vec![len; 4].into_iter().map(|n| self.operand(Operand::Ring, n, fill)).collect::<Vec<_>>();
                inputs.extend([self.raw(packed(len, 1)), self.raw(2 * packed(len, bits))]);
                self.push(format!("{len} {fill:?}"), &[bits, first], inputs, len);
            }
        }
    }

    pub(super) fn deal_pick(&mut self) {
        for ((len, fill), bits) in runs().flat_map(|r| self.wire_bits().map(|b| (r, b))).collect::<Vec<_>>() {
            let words = 2 * packed(len, bits);
            let mut inputs = vec![self.operand(Operand::Ring, len, fill), self.operand(Operand::Ring, len, fill)];
            inputs.extend([self.raw(packed(len, 1)), self.raw(words)]);
            self.push(format!("{len} {fill:?}"), &[bits, 0], inputs, words);
        }
    }

    pub(super) fn window_difference(&mut self) {
        for (len, fill) in runs() {
            for params in self.window_params() {
                let inputs = vec![self.operand(Operand::Ring, len, fill), self.operand(Operand::Ring, len, fill)];
                self.push(format!("{len} {fill:?}"), &params, inputs, len);
            }
        }
    }

    /// Inputs, flips.
    fn and_params() -> [[u32; 2]; 4] {
        [[1, 1], [2, 0], [3, 0b101], [5, 0b10010]]
    }

    pub(super) fn and_all(&mut self) {
        for (w, [n, flips]) in SIZES.into_iter().flat_map(|w| Self::and_params().map(|p| (w, p))) {
            for first in [0, 1] {
                let planes = [n, n, (1 << n) - n - 1];
                let inputs = planes.map(|planes| self.raw(planes as usize * w)).to_vec();
                self.push(format!("{w} words"), &[n, flips, first], inputs, w);
            }
        }
    }

    pub(super) fn deal_and_all(&mut self) {
        for (w, [n, flips]) in
            SIZES.into_iter().flat_map(|w| Self::and_params().map(|p| (w, p))).filter(|(_, p)| p[0] > 1)
        {
            let words = ((1 << n) - n - 1) as usize * w;
            let inputs = vec![self.raw(n as usize * w), self.raw(words)];
            self.push(format!("{w} words"), &[n, flips, 0], inputs, words);
        }
    }
}
