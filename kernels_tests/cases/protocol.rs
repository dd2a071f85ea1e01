//! Of comparisons, products with secret bits, winners and the softmax; of their dealers.

#![expect(clippy::cast_possible_truncation, reason = "the sizes of cases are small")]

use ppdnn::kernel::Operand;
use ppdnn::kernel::lookup_tables::{exp_decays, reciprocal_quadratics};

use super::{Maker, SIZES};
use crate::{FILLS, Fill, bytes, packed, ring_bytes};

/// Rows and classes, around the 32 elements of a word of bits and the 64 threads of a workgroup.
const ROWS: [[usize; 2]; 8] = [[1, 1], [1, 2], [3, 10], [31, 2], [7, 14], [33, 3], [64, 1], [100, 10]];
/// Bits of windows that are compared: the profiles', one digit, and an odd number of digits.
const WIDTHS: [u32; 6] = [4, 8, 12, 16, 20, 24];
/// As many images as a test set has.
const IMAGES: usize = 10_000;

fn runs() -> impl Iterator<Item = (usize, Fill)> {
    SIZES.into_iter().flat_map(|len| FILLS.map(|fill| (len, fill)))
}

fn row_runs() -> impl Iterator<Item = ([usize; 2], Fill)> {
    ROWS.into_iter().flat_map(|rows| FILLS.map(|fill| (rows, fill)))
}

/// Words of the frame of a comparison: tables, then planes of the sign and of products.
fn compare_words(len: usize, k: u32) -> usize {
    let m = k as usize / 4;
    let products = (0..m - 1).map(|j| (1 << (m - 1 - j)) - 1).sum::<usize>();
    m * packed(len, 16) + (1 + (1 << (m - 1)) - m + products) * packed(len, 1)
}

/// Words of the frame of a winner.
fn winner_words(rows: usize, classes: usize) -> usize {
    ((1 << (classes - 1)) - classes) * packed(rows * classes, 1)
}

/// Words of the frame of a product with a bit.
fn select_words(len: usize, [wire, ring]: [u32; 2]) -> usize {
    3 * packed(len, ring - wire) + packed(len, ring)
}

/// Words of the frame of a probability.
fn probability_words([rows, classes]: [usize; 2], bits: u32) -> usize {
    let (len, high) = (rows * classes, bits - 20);
    4 * packed(len, high) + 2 * packed(rows, high) + packed(len, bits) + packed(len, bits - 40)
}

impl Maker {
    fn ring(&mut self, len: usize, fill: Fill) -> Vec<u8> {
        self.operand(Operand::Ring, len, fill)
    }

    /// Classes, wire, bits, cut, first, up.
    fn below_max_params(&self, classes: usize) -> Vec<[u32; 6]> {
        let widths: &[[u32; 3]] = match self.bits(Operand::Ring) {
            32 => &[[24, 16, 0], [20, 31, 5], [32, 32, 31]],
            _ => &[[24, 16, 0], [32, 24, 6], [48, 64, 40], [63, 33, 1]],
        };
        let servers = [[1, 0], [0, 1]];
        let all = widths.iter().flat_map(|w| servers.map(|s| (w, s)));
        all.map(|([wire, bits, cut], [first, up])| [classes as u32, *wire, *bits, *cut, first, up]).collect()
    }

    pub(super) fn below_max(&mut self) {
        for ([rows, classes], fill) in row_runs() {
            let len = rows * classes;
            for params in self.below_max_params(classes) {
                let [hat, rho] = [(); 2].map(|()| self.ring(len, fill));
                let inputs = vec![hat, rho, self.raw(packed(len, 1)), self.raw(2 * packed(len, params[2]))];
                self.push(format!("{rows} rows {fill:?}"), &params, inputs, len);
            }
        }
    }

    pub(super) fn deal_below_max(&mut self) {
        for (len, fill) in runs() {
            for params in self.below_max_params(1) {
                let words = 2 * packed(len, params[2]);
                let inputs = vec![self.ring(len, fill), self.raw(packed(len, 1)), self.raw(words)];
                self.push(format!("{len} {fill:?}"), &params, inputs, words);
            }
        }
    }

    pub(super) fn compare_ask(&mut self) {
        for (k, (len, fill)) in WIDTHS.into_iter().flat_map(|k| runs().map(move |r| (k, r))) {
            let (m, plane) = (k as usize / 4, packed(len, 1));
            let a = self.ring(len, fill);
            let inputs = vec![a, self.raw((2 * m - 2) * plane), self.raw(compare_words(len, k))];
            self.push(format!("{len} {fill:?}"), &[k, 1, 0], inputs, (2 * m - 1) * plane);
        }
    }

    pub(super) fn compare_tell(&mut self) {
        for (k, (len, fill)) in WIDTHS.into_iter().flat_map(|k| runs().map(move |r| (k, r))) {
            let (m, plane) = (k as usize / 4, packed(len, 1));
            for (first, more) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                let frame = compare_words(len, k);
                let products = frame - more as usize * (m * packed(len, 16) + plane);
                let mut inputs = vec![self.ring(len, fill)];
                for words in [(2 * m - 2) * plane, frame, products, (2 * m - 2) * plane, (2 * m - 1) * plane] {
                    inputs.push(self.raw(words));
                }
                self.push(format!("{len} {fill:?}"), &[k, first, more], inputs, plane);
            }
        }
    }

    /// Ring, first.
    pub(super) fn share_bits(&mut self) {
        let bits = self.bits(Operand::Ring);
        for (len, fill) in runs() {
            for (ring, first) in [(bits, 1), (bits - 1, 0), (bits / 2 + 5, 1)] {
                let inputs = vec![self.raw(packed(len, 1)), self.raw(packed(len, ring))];
                self.push(format!("{len} {fill:?}"), &[ring, first], inputs, len);
            }
        }
    }

    pub(super) fn deal_compare(&mut self) {
        for (k, (len, fill)) in WIDTHS.into_iter().flat_map(|k| runs().map(move |r| (k, r))) {
            let m = k as usize / 4;
            for more in [0, 1] {
                let words = compare_words(len, k) - more as usize * (m * packed(len, 16) + packed(len, 1));
                let mut inputs = vec![self.ring(len, fill)];
                for words in [(2 * m - 2) * packed(len, 1), (2 * m - 2) * packed(len, 1), words] {
                    inputs.push(self.raw(words));
                }
                self.push(format!("{len} {fill:?}"), &[k, 0, more], inputs, words);
            }
        }
    }

    /// Bits, low, k, add.
    pub(super) fn window_params(&mut self) -> Vec<[u32; 5]> {
        let bits = self.bits(Operand::Ring);
        let settings = [[24, 4, 12], [32, 12, 12], [24, 0, 16], [bits, 8, 24], [bits - 1, bits - 1, 4]];
        let add = self.source.raw(2);
        settings.map(|[bits, low, k]| [bits, low, k, add[0], add[1]]).to_vec()
    }

    pub(super) fn window(&mut self) {
        for (len, fill) in runs() {
            for params in self.window_params() {
                let x = self.ring(len, fill);
                self.push(format!("{len} {fill:?}"), &params, vec![x], len);
            }
        }
    }

    pub(super) fn pair_windows(&mut self) {
        for ([rows, classes], fill) in row_runs() {
            for params in self.window_params() {
                let x = self.ring(rows * classes, fill);
                let params = [&[rows as u32, classes as u32], &params[..]].concat();
                self.push(format!("{fill:?}"), &params, vec![x], rows * classes * (classes - 1) / 2);
            }
        }
    }

    pub(super) fn select(&mut self) {
        for &[wire, ring] in self.wires() {
            for ((len, fill), first) in runs().flat_map(|r| [(r, 0), (r, 1)]) {
                let [hat, rho] = [(); 2].map(|()| self.ring(len, fill));
                let mut inputs = vec![hat, rho];
                for words in [packed(len, 1), packed(len, ring), select_words(len, [wire, ring])] {
                    inputs.push(self.raw(words));
                }
                self.push(format!("{len} {fill:?}"), &[wire, ring, first], inputs, len);
            }
        }
    }

    pub(super) fn deal_select(&mut self) {
        for &[wire, ring] in self.wires() {
            for (len, fill) in runs() {
                let words = select_words(len, [wire, ring]);
                let inputs = vec![self.ring(len, fill), self.raw(packed(len, 1)), self.raw(words)];
                self.push(format!("{len} {fill:?}"), &[wire, ring, 0], inputs, words);
            }
        }
    }

    pub(super) fn winner(&mut self) {
        for (classes, rows) in (2..=14).flat_map(|c| [1, 5, 32, 33].map(|r| (c, r))) {
            let pairs = packed(rows * classes * (classes - 1) / 2, 1);
            for first in [0, 1] {
                let inputs = vec![self.raw(pairs), self.raw(pairs), self.raw(winner_words(rows, classes))];
                let params = [rows as u32, classes as u32, first];
                self.push(String::new(), &params, inputs, packed(rows * classes, 1));
            }
        }
    }

    pub(super) fn deal_winner(&mut self) {
        for (classes, rows) in (2..=14).flat_map(|c| [1, 5, 32, 33].map(|r| (c, r))) {
            let (pairs, words) = (packed(rows * classes * (classes - 1) / 2, 1), winner_words(rows, classes));
            let inputs = vec![self.raw(pairs), self.raw(words)];
            self.push(String::new(), &[rows as u32, classes as u32, 0], inputs, words);
        }
    }

    pub(super) fn exp(&mut self) {
        for (frac, (len, fill)) in [0, 8, 10].into_iter().flat_map(|f| runs().map(move |r| (f, r))) {
            for up in [0, 1] {
                let hat = self.source.values(len, 8 + frac, fill);
                let hat = ring_bytes(self.ring, &hat);
                let low = self.operand(Operand::Wide, 1 << (4 + frac), fill);
                let inputs = vec![hat, low, self.raw(packed(len * 16, 60))];
                self.push(format!("{len} {fill:?}"), &[frac, up], inputs, len);
            }
        }
    }

    /// Masks of exponents that are not reduced; the numbers that entries are computed from, and any.
    pub(super) fn deal_exp(&mut self) {
        for (frac, (len, fill)) in [0, 8, 10].into_iter().flat_map(|f| runs().map(move |r| (f, r))) {
            let any = self.operand(Operand::Wide, 6 + frac as usize, fill);
            for decays in [bytes(exp_decays(frac)), any] {
                let (rho, share0) = (self.source.values(len, 9 + frac, fill), self.raw(packed(len * 16, 60)));
                let inputs = vec![ring_bytes(self.ring, &rho), decays, share0];
                self.push(format!("{len} {fill:?}"), &[frac, 0], inputs, packed(len * 16, 60));
            }
        }
    }

    /// Knots in the numbers of the profiles and fewer, coefficients of all widths.
    pub(super) fn deal_reciprocal(&mut self) {
        for ([log_knots, bits], (len, fill)) in
            [[5, 64], [5, 33], [7, 34], [8, 40]].into_iter().flat_map(|s| runs().map(move |r| (s, r)))
        {
            let mut any = self.operand(Operand::Wide, 3 << log_knots, fill);
            // all knots of an order twice
            any = any.chunks(8 << log_knots).flat_map(|order| [order, order].concat()).collect();
            for quadratics in [bytes(reciprocal_quadratics(log_knots)), any] {
                let words = 3 * packed(len << log_knots, bits);
                let (rho, share0) = (self.source.values(len, 17, fill), self.raw(words));
                let inputs = vec![ring_bytes(self.ring, &rho), quadratics, share0];
                self.push(format!("{len} {fill:?}"), &[log_knots, bits, 0], inputs, words);
            }
        }
    }

    pub(super) fn reciprocal(&mut self) {
        for ([log_knots, bits], (len, fill)) in
            [[0, 64], [3, 33], [7, 34], [8, 40]].into_iter().flat_map(|s| runs().map(move |r| (s, r)))
        {
            for up in [0, 1] {
                let hat = self.source.values(len, 16, fill);
                let hat = ring_bytes(self.ring, &hat);
                let inputs = vec![hat, self.raw(3 * packed(len << log_knots, bits))];
                self.push(format!("{len} {fill:?}"), &[log_knots, bits, up], inputs, len);
            }
        }
    }

    /// Classes, ring, bits, first, up.
    fn probability_params(&self, classes: usize) -> Vec<[u32; 5]> {
        let widths: &[[u32; 2]] = match self.bits(Operand::Ring) {
            32 => &[[32, 56], [20, 41], [32, 64]],
            _ => &[[48, 64], [32, 56], [45, 45], [64, 64]],
        };
        let all = widths.iter().flat_map(|w| [[1, 0], [0, 1]].map(|s| (w, s)));
        all.map(|([ring, bits], [first, up])| [classes as u32, *ring, *bits, first, up]).collect()
    }

    pub(super) fn probability(&mut self) {
        for ([rows, classes], fill) in row_runs() {
            let len = rows * classes;
            for params in self.probability_params(classes) {
                let mut inputs: Vec<_> = [len, len, rows, rows].map(|len| self.ring(len, fill)).to_vec();
                inputs.push(self.raw(probability_words([rows, classes], params[2])));
                self.push(format!("{rows} rows {fill:?}"), &params, inputs, len);
            }
        }
    }

    pub(super) fn deal_probability(&mut self) {
        for ([rows, classes], fill) in row_runs() {
            for params in self.probability_params(classes) {
                let words = probability_words([rows, classes], params[2]);
                let inputs = vec![self.ring(rows * classes, fill), self.ring(rows, fill), self.raw(words)];
                self.push(format!("{rows} rows {fill:?}"), &params, inputs, words);
            }
        }
    }

    /// Rings of the profiles, and the extremes.
    fn rings(&self) -> &'static [u32] {
        if self.bits(Operand::Ring) == 32 { &[32, 31, 1] } else { &[48, 64, 60, 32] }
    }

    pub(super) fn hits(&mut self) {
        for (ring, first) in self.rings().iter().flat_map(|r| [(*r, 0), (*r, 1)]) {
            for (len, fill) in runs().chain(FILLS.map(|f| (IMAGES, f))) {
                let bits = self.raw(packed(len, 1));
                let [hat, r] = [(); 2].map(|()| self.ring(len, fill));
                let inputs = vec![bits, hat, r, self.raw(2 * packed(len, ring))];
                self.push(format!("{len} {fill:?}"), &[ring, first], inputs, 1);
            }
        }
    }

    pub(super) fn deal_hits(&mut self) {
        for (ring, (len, fill)) in self.rings().iter().flat_map(|r| runs().map(move |x| (*r, x))) {
            let words = 2 * packed(len, ring);
            let inputs = vec![self.ring(len, fill), self.raw(packed(len, 1)), self.raw(words)];
            self.push(format!("{len} {fill:?}"), &[ring, 0], inputs, words);
        }
    }
}
