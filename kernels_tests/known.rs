//! The CPU bodies against an independent truth: integers, definitions a bit at a time, other implementations, f64.
//!
//! What a dealer and two servers do together is played here on the bodies themselves, with uniform seeds and shares, and
//! judged by what the servers reconstruct.

mod chunks;
mod compare;
mod convolution;
mod linear;
mod pack;
mod pool;
mod prg;
mod range;
mod rescale;
mod select;
mod softmax;
mod winner;

use std::collections::BTreeSet;

use ppdnn::fixed::{mask, signed};
use ppdnn::kernel::twin::*;
use ppdnn::kernel::{Kernel, Operand, RingWord};

use crate::{FILLS, Fill, Source, bytes, packed, ran, ring_bytes, ring_values, twin, words};

macro_rules! truths {
    ($($module:ident::$test:ident: $($kernel:ident)+;)*) => {
        $(
            #[test]
            fn $test() {
                $module::$test();
                for kernel in [$(&$kernel),+] {
                    assert!(ran().contains(kernel.name), "{} does not run `{}`", stringify!($test), kernel.name);
                }
            }
        )*

        /// Every kernel that a test above holds against its truth.
        static TESTED: &[&Kernel] = &[$($(&$kernel),+),*];
    };
}

truths! {
    chunks::dot_products_equal_those_of_integers: DOT;
    chunks::factors_that_values_share_are_those_of_integers: SCALE;
    chunks::rows_of_chunks_add_up_as_integers_do: SUM_CHUNKS SUM_CHUNKS_WIDE;
    compare::signs_are_those_of_the_windows: COMPARE_ASK COMPARE_TELL DEAL_COMPARE;
    compare::every_pair_of_digits_compares: COMPARE_ASK COMPARE_TELL DEAL_COMPARE;
    compare::two_thresholds_share_their_tables: COMPARE_ASK COMPARE_TELL DEAL_COMPARE;
    compare::wires_show_their_signs: WINDOW COMPARE_ASK COMPARE_TELL DEAL_COMPARE;
    compare::windows_are_those_of_integers: WINDOW PAIR_WINDOWS;
    convolution::boxes_add_up: BOX_SUM;
    convolution::convolutions_and_their_gradients_are_those_of_the_definition: CONVOLVE CORRELATE;
    linear::combinations_equal_those_of_integers: COMBINE COMBINE_WIDE;
    linear::matrix_products_equal_those_of_integers: MATMUL_MINUS MATMUL_PAIR;
    linear::what_is_not_kept_is_0: KEEP;
    linear::narrowing_divides_down_on_server_0_and_up_on_server_1: NARROW;
    linear::rows_add_up_as_integers_do: ADD_ROW SUM_ROWS;
    pack::corrections_and_shares_add_up: CORRECT_BITS;
    pack::masked_halves_of_every_width_are_packed_as_defined_and_merge_to_their_sum: MASK MASK_WIDE MERGE;
    pack::numbers_of_every_width_lie_where_the_definition_says: PACK UNPACK UNPACK_ROWS;
    pack::words_are_moved_and_combined: AND CONCAT GATHER_ROWS XOR;
    pool::ands_of_all_are_those_of_the_bits: AND_ALL DEAL_AND_ALL;
    pool::differences_are_those_of_what_is_left_of_both: WINDOW_DIFFERENCE;
    pool::the_one_that_the_bit_says_is_picked: DEAL_PICK PICK;
    prg::the_key_stream_is_that_of_rand_chacha: CHACHA CHACHA_ROWS;
    range::samples_are_those_of_the_definition: SAMPLE;
    rescale::two_servers_rescale_within_one_unit_and_exactly_to_the_left:
        DEAL_RESCALE RESCALE RESCALE_ASK RESCALE_ASK_WIDE RESCALE_WIDE;
    select::hits_are_counted: DEAL_HITS HITS;
    select::opened_bits_are_shared: CORRECT_BITS SHARE_BITS;
    select::wires_and_their_products_with_bits_are_exact: CORRECT_BITS DEAL_EXTEND DEAL_SELECT EXTEND SELECT;
    select::every_mask_of_a_short_wire_is_taken_off: DEAL_EXTEND DEAL_SELECT EXTEND SELECT;
    softmax::distances_to_the_largest_are_within_one_unit: BELOW_MAX DEAL_BELOW_MAX;
    softmax::every_exponential_is_close: DEAL_EXP EXP;
    softmax::every_inverse_square_root_is_close: DEAL_RECIPROCAL RECIPROCAL;
    softmax::every_reciprocal_is_close: DEAL_RECIPROCAL RECIPROCAL;
    softmax::probabilities_are_within_one_unit: DEAL_PROBABILITY PROBABILITY;
    softmax::sums_of_rows_are_within_one_unit: ROW_SUM;
    winner::the_first_of_the_largest_wins: DEAL_WINNER WINNER;
    winner::wires_find_their_winners: DEAL_WINNER PAIR_WINDOWS WINNER;
}

#[test]
fn every_kernel_has_a_truth() {
    let tested: BTreeSet<_> = TESTED.iter().map(|k| k.name).collect();
    let without: Vec<_> = kernels().map(|k| k.name).filter(|name| !tested.contains(name)).collect();
    assert!(
        without.is_empty(),
        "no truth for {without:?}; add a test below kernels_tests/known/ and a line to `truths!`"
    );
}

/// Odd sizes around the 32 elements of a word of bits.
const SIZES: [usize; 5] = [1, 31, 32, 33, 100];
/// So many elements that every kernel that can splits them across cores, the last piece a short one.
const LARGE: usize = (1 << 18) + 4567;
/// The rings of the two profiles, with their words.
const PROFILES: [(RingWord, u32); 2] = [(RingWord::U32, 32), (RingWord::U64, 48)];

/// Sizes, and how values are chosen.
fn sizes() -> impl Iterator<Item = (usize, Fill)> {
    SIZES.into_iter().chain([1000]).flat_map(|l| FILLS.map(|f| (l, f))).chain([(LARGE, Fill::Uniform)])
}

/// Holds numbers against what they should be. Of lists too long to read it tells the first difference.
#[track_caller]
fn hold(got: &[u64], want: &[u64], about: &str) {
    assert_eq!(got.len(), want.len(), "{about}");
    let wrong = got.iter().zip(want).position(|(got, want)| got != want);
    assert_eq!(wrong.map(|i| (i, got[i])), wrong.map(|i| (i, want[i])), "{about}: the first difference");
}

/// A place to run kernels for one ring word, and random numbers.
struct Play {
    ring: RingWord,
    source: Source,
}

impl Play {
    fn new(ring: RingWord, seed: u64) -> Self {
        Self { ring, source: Source::new(seed) }
    }

    /// Runs a kernel on operands of any kind, each a list of numbers.
    fn run(&self, kernel: &Kernel, params: &[u32], inputs: &[&[u64]], len: usize) -> Vec<u64> {
        let word = |kind: Operand| match kind {
            Operand::Raw => RingWord::U32,
            Operand::Ring => self.ring,
            Operand::Wide => RingWord::U64,
        };
        let inputs: Vec<_> = kernel.inputs.iter().zip(inputs).map(|(kind, x)| ring_bytes(word(*kind), x)).collect();
        ring_values(word(kernel.output), &twin(kernel, self.ring, params, &inputs, len))
    }

    /// Uniform words.
    fn raw(&mut self, len: usize) -> Vec<u64> {
        self.source.values(len, 32, Fill::Uniform)
    }

    /// Two shares of numbers modulo `2^bits`.
    fn shares(&mut self, x: &[i64], bits: u32) -> [Vec<u64>; 2] {
        let zero = self.source.values(x.len(), bits, Fill::Uniform);
        let one = x.iter().zip(&zero).map(|(x, s)| x.cast_unsigned().wrapping_sub(*s) & mask(bits)).collect();
        [zero, one]
    }

    /// Numbers under masks of `bits` bits.
    fn wire(&mut self, y: &[i64], bits: u32, fill: Fill) -> Wire {
        let rho = [0; 2].map(|_: u32| self.source.values(y.len(), bits, fill));
        let sum = add(&rho, 64);
        let hat = y.iter().zip(&sum).map(|(y, r)| y.cast_unsigned().wrapping_add(*r) & mask(bits)).collect();
        Wire { hat, rho, sum }
    }

    /// A lifted wire of `bits` bits.
    fn lifted(&mut self, y: &[i64], bits: u32, fill: Fill) -> Wire {
        let lifted: Vec<i64> = y.iter().map(|y| y + (1 << (bits - 2))).collect();
        self.wire(&lifted, bits, fill)
    }

    /// Bits under masks of two servers: the opened planes, the masks, and the dealer's sum of them.
    fn open(&mut self, bits: &[u64]) -> Wire {
        let plane = plane(bits);
        let rho = [0; 2].map(|_: u32| self.raw(plane.len()));
        let sum = xor(&rho);
        Wire { hat: xor(&[plane, sum.clone()]), rho, sum }
    }
}

/// What is opened, each server's mask, and the sum that the dealer has, not reduced.
struct Wire {
    hat: Vec<u64>,
    rho: [Vec<u64>; 2],
    sum: Vec<u64>,
}

/// The sum of two halves, modulo `2^bits`.
fn add([a, b]: &[Vec<u64>; 2], bits: u32) -> Vec<u64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b) & mask(bits)).collect()
}

fn xor([a, b]: &[Vec<u64>; 2]) -> Vec<u64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// Bits, 32 to a word.
fn plane(bits: &[u64]) -> Vec<u64> {
    string(bits, 1).into_iter().map(u64::from).collect()
}

/// The first `len` bits of a plane.
fn bits(plane: &[u64], len: usize) -> Vec<u64> {
    (0..len).map(|i| plane[i / 32] >> (i % 32) & 1).collect()
}

/// Packed numbers by their definition: bit `j` of element `i` is bit `i b + j` of the string.
fn string(values: &[u64], bits: u32) -> Vec<u32> {
    let mut out = vec![0; packed(values.len(), bits)];
    for (i, value) in values.iter().enumerate() {
        for j in 0..bits as usize {
            let at = i * bits as usize + j;
            out[at / 32] |= ((value >> j & 1) as u32) << (at % 32);
        }
    }
    out
}
