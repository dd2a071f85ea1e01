//! What each kernel is run on: valid parameters and operands, odd sizes, extremes. A new GPU body needs a function here.

mod chunks;
mod convolution;
mod linear;
mod pool;
mod protocol;
mod range;

use ppdnn::kernel::{Kernel, Operand, RingWord};

use crate::{FILLS, Fill, Source, bytes, packed, ring_bytes};

/// One run of a kernel.
pub(crate) struct Case {
    pub(crate) label: String,
    pub(crate) params: Vec<u32>,
    pub(crate) inputs: Vec<Vec<u8>>,
    pub(crate) len: usize,
}

/// The cases of a kernel for a ring word.
///
/// # Panics
/// Where there are none: a kernel is not tested then.
pub(crate) fn cases(kernel: &Kernel, ring: RingWord) -> Vec<Case> {
    let mut make = Maker { ring, source: Source::new(7), cases: Vec::new() };
    match kernel.name {
        "add_row" => make.add_row(),
        "and" => make.and(),
        "and_all" => make.and_all(),
        "below_max" => make.below_max(),
        "box_sum" => make.box_sum(),
        "chacha" => make.chacha(),
        "chacha_rows" => make.chacha_rows(),
        "combine" => make.combine(Operand::Ring),
        "combine_wide" => make.combine(Operand::Wide),
        "compare_ask" => make.compare_ask(),
        "compare_tell" => make.compare_tell(),
        "concat" => make.concat(),
        "convolve" => make.convolve(),
        "correct_bits" => make.correct_bits(1),
        "correlate" => make.correlate(),
        "deal_and_all" => make.deal_and_all(),
        "deal_below_max" => make.deal_below_max(),
        "deal_compare" => make.deal_compare(),
        "deal_exp" => make.deal_exp(),
        "deal_extend" => make.deal_extend(),
        "deal_hits" => make.deal_hits(),
        "deal_pick" => make.deal_pick(),
        "deal_probability" => make.deal_probability(),
        "deal_reciprocal" => make.deal_reciprocal(),
        "deal_rescale" => make.correct_bits(2),
        "deal_select" => make.deal_select(),
        "deal_winner" => make.deal_winner(),
        "dot" => make.dot(),
        "exp" => make.exp(),
        "extend" => make.extend(),
        "gather_rows" => make.gather_rows(),
        "hits" => make.hits(),
        "keep" => make.keep(),
        "mask" => make.mask(Operand::Ring),
        "mask_wide" => make.mask(Operand::Wide),
        "matmul_minus" => make.matmul(3),
        "matmul_pair" => make.matmul(5),
        "merge" => make.merge(),
        "narrow" => make.narrow(),
        "pack_ring" => make.pack_ring(),
        "pair_windows" => make.pair_windows(),
        "pick" => make.pick(),
        "probability" => make.probability(),
        "reciprocal" => make.reciprocal(),
        "rescale" => make.rescale(Operand::Ring),
        "rescale_ask" => make.rescale_ask(Operand::Ring),
        "rescale_ask_wide" => make.rescale_ask(Operand::Wide),
        "rescale_wide" => make.rescale(Operand::Wide),
        "row_sum" => make.row_sum(),
        "sample" => make.sample(),
        "scale" => make.scale(),
        "select" => make.select(),
        "share_bits" => make.share_bits(),
        "sum_chunks" => make.sum_chunks(Operand::Ring),
        "sum_chunks_wide" => make.sum_chunks(Operand::Wide),
        "sum_rows" => make.sum_rows(),
        "unpack" => make.unpack(),
        "unpack_rows" => make.unpack_rows(),
        "window" => make.window(),
        "window_difference" => make.window_difference(),
        "winner" => make.winner(),
        "xor" => make.xor(),
        name => panic!("kernel `{name}` has no cases; add a function for it to kernels_tests/cases.rs"),
    }
    make.cases
}

/// Around the 32 elements of a word of bits, the 64 threads of a workgroup, and more than one workgroup.
const SIZES: [usize; 9] = [1, 31, 32, 33, 63, 64, 65, 127, 1000];
/// More threads than one line of the grid holds on any adapter with the usual limit of 65,535 workgroups.
const FOLDED: usize = 65_535 * 64 + 1001;

struct Maker {
    ring: RingWord,
    source: Source,
    cases: Vec<Case>,
}

impl Maker {
    fn push(&mut self, label: String, params: &[u32], inputs: Vec<Vec<u8>>, len: usize) {
        self.cases.push(Case { label: format!("{label}, params {params:?}"), params: params.to_vec(), inputs, len });
    }

    fn bits(&self, kind: Operand) -> u32 {
        kind.bytes(self.ring) as u32 * 8
    }

    fn operand(&mut self, kind: Operand, len: usize, fill: Fill) -> Vec<u8> {
        let values = self.source.values(len, self.bits(kind), fill);
        match kind {
            Operand::Raw => values.iter().flat_map(|x| (*x as u32).to_le_bytes()).collect(),
            Operand::Ring => ring_bytes(self.ring, &values),
            Operand::Wide => bytes(&values),
        }
    }

    fn raw(&mut self, len: usize) -> Vec<u8> {
        bytes(&self.source.raw(len))
    }

    fn chacha(&mut self) {
        for len in [1, 15, 16, 17, 31, 64 * 16, 64 * 16 + 1, 10_001] {
            for [lo, hi] in [[0, 0], [1, 0], [u32::MAX, u32::MAX]] {
                let key = self.raw(8);
                self.push(format!("{len} words"), &[lo, hi], vec![key], len);
            }
        }
    }

    fn combine(&mut self, kind: Operand) {
        for len in SIZES {
            for fill in FILLS {
                let [x, y] = [self.operand(kind, len, fill), self.operand(kind, len, fill)];
                let random: Vec<u32> = self.source.raw(4);
                for k in [[1, 0, u32::MAX, u32::MAX], [0, 0, 1, 0], [0, 1 << 31, 5, 0]] {
                    self.push(format!("{len} {fill:?}"), &k, vec![x.clone(), y.clone()], len);
                }
                self.push(format!("{len} {fill:?}"), &random, vec![x, y], len);
            }
        }
    }

    fn mask(&mut self, kind: Operand) {
        let whole = self.bits(kind);
        for width in 1..=64 {
            for (turn, len) in SIZES.into_iter().enumerate() {
                let fill = FILLS[turn % 2];
                let [x, r] = [self.operand(kind, len, fill), self.operand(Operand::Ring, len, fill)];
                let in_bits = [whole, whole - 8, 24, whole][turn % 4];
                let cut = [0, 8, 1, whole - 1, whole][turn % 5];
                let (up, offset) = (turn as u32 % 2, u32::from(width > 1 && turn % 3 == 0));
                let params = [in_bits, cut, up, width, offset];
                self.push(format!("{len} {fill:?}"), &params, vec![x, r], packed(len, width));
            }
        }
    }

    /// `terms` operands: `a b c`, or `c a b a b`.
    fn matmul(&mut self, terms: usize) {
        let shapes = [[1, 1, 1], [3, 5, 4], [4, 4, 4], [5, 3, 5], [4, 31, 3], [8, 33, 9], [1, 784, 10], [33, 32, 31]];
        for [m, k, n] in shapes.into_iter().chain([[17, 1, 64], [65, 64, 63], [5, 0, 6]]) {
            for (transposes, fill) in (0..4).flat_map(|t| FILLS.map(|f| (t, f))) {
                let mut of = |len| self.operand(Operand::Ring, len, fill);
                let (a, b, c) = (m * k, k * n, m * n);
                let inputs =
                    if terms == 3 { [a, b, c].map(&mut of).to_vec() } else { [c, a, b, a, b].map(of).to_vec() };
                let params = [m as u32, k as u32, n as u32, transposes & 1, transposes >> 1];
                self.push(format!("{fill:?}"), &params, inputs, m * n);
            }
        }
    }

    fn merge(&mut self) {
        for width in 1..=64 {
            for len in SIZES {
                let (mine, at) = (packed(len, width), len % 3);
                let [mine, peer] = [self.raw(mine), self.raw(mine + at)];
                self.push(format!("{len}"), &[width, at as u32], vec![mine, peer], len);
            }
        }
    }

    fn narrow(&mut self) {
        for len in SIZES {
            for fill in FILLS {
                let x = self.operand(Operand::Wide, len, fill);
                for (cut, up) in [0, 1, 24, 31, 32, 33, 63, 64].into_iter().flat_map(|c| [(c, 0), (c, 1)]) {
                    let bits = [1, 24, self.ring.bits()][cut as usize % 3];
                    self.push(format!("{len} {fill:?}"), &[cut, up, bits], vec![x.clone()], len);
                }
            }
        }
    }

    /// Bits, scale, shift, times, first, up, word of the peer's bits: what the profiles use, and its surroundings.
    fn rescale_params(&self, kind: Operand) -> Vec<[u32; 7]> {
        let settings: &[(u32, i32)] = match self.bits(kind) {
            32 => &[(32, -5), (32, 0), (32, 8), (24, -1), (31, 29)],
            _ => &[(48, 11), (64, 5), (64, 6), (48, -5), (40, 0), (64, 62), (33, 1)],
        };
        let servers = [(1, 1, 1, 0, 0), (29, 41, 0, 1, 2)];
        let all = settings.iter().flat_map(|s| servers.map(|v| (*s, v)));
        all.map(|((bits, shift), (scale, times, first, up, at))| [bits, scale, shift as u32, times, first, up, at])
            .collect()
    }

    fn rescale(&mut self, kind: Operand) {
        for params in self.rescale_params(kind) {
            let room = 64u32.wrapping_sub(params[0]).wrapping_add(params[2]);
            for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
                let (w, at) = (packed(len, 1), params[6] as usize);
                let x = self.operand(kind, len, fill);
                let inputs = vec![x, self.raw(w), self.raw(w), self.raw(w + at), self.raw(packed(len, room))];
                self.push(format!("{len} {fill:?}"), &params, inputs, len);
            }
        }
    }

    fn rescale_ask(&mut self, kind: Operand) {
        for params in self.rescale_params(kind) {
            for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
                let inputs = vec![self.operand(kind, len, fill), self.raw(packed(len, 1))];
                self.push(format!("{len} {fill:?}"), &params, inputs, packed(len, 1));
            }
        }
    }

    fn xor(&mut self) {
        for len in SIZES.into_iter().chain([FOLDED]) {
            for [a_at, b_at] in [[0, 0], [5, 1]] {
                let inputs = vec![self.raw(len + a_at), self.raw(len + b_at)];
                self.push(format!("{len}"), &[a_at as u32, b_at as u32], inputs, len);
            }
        }
    }
}
