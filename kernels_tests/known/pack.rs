//! Packing: a bit at a time, as docs/protocols.md 0.3 defines it.

use super::linear::quotient;
use super::*;
use crate::RINGS;

/// [`string`] as operand.
fn frame(values: &[u64], bits: u32) -> Vec<u64> {
    string(values, bits).into_iter().map(u64::from).collect()
}

/// Widths at which much is packed: the profiles', what their carries take, and those on either side of a word.
const SPLIT_WIDTHS: [u32; 12] = [1, 5, 8, 16, 24, 27, 31, 32, 33, 48, 63, 64];

/// Sizes to pack at a width.
fn sizes_of(width: u32) -> impl Iterator<Item = usize> {
    SIZES.into_iter().chain(SPLIT_WIDTHS.contains(&width).then_some(LARGE))
}

/// The bits of the element that a mask kernel opens.
fn word(kernel: &Kernel, ring: RingWord) -> u32 {
    kernel.inputs[0].bytes(ring) as u32 * 8
}

pub(super) fn masked_halves_of_every_width_are_packed_as_defined_and_merge_to_their_sum() {
    for (kernel, ring) in [&MASK, &MASK_WIDE].into_iter().flat_map(|k| RINGS.map(|r| (k, r))) {
        let (mut play, whole) = (Play::new(ring, 4), word(kernel, ring));
        let small = (0..).zip(SIZES).flat_map(|t| [t; 64]).enumerate().map(|(i, (t, len))| (i + t, len));
        for (turn, len) in small.chain(SPLIT_WIDTHS.map(|w| (w as usize - 1, LARGE))) {
            let (width, fill) = (turn as u32 % 64 + 1, FILLS[turn % 2]);
            let bits = [whole, 24, 31, whole, 17][turn % 5];
            let cut = [0, 8, 1, whole, 3][turn / 5 % 5];
            let half = |play: &mut Play, server: u32| {
                let x = play.source.values(len, whole, fill);
                let r = play.source.values(len, ring.bits(), fill);
                let offset = u32::from(server == 0 && width > 1);
                let params = [bits, cut, server, width, offset];
                let got = play.run(kernel, &params, &[&x, &r], packed(len, width));
                let shifted = |i: usize| quotient(x[i] & mask(bits), cut, server == 1);
                let offset = if offset == 1 { 1u128 << (width - 2) } else { 0 };
                let want: Vec<u64> =
                    (0..len).map(|i| (shifted(i) + u128::from(r[i]) + offset) as u64 & mask(width)).collect();
                let about = format!("{} {ring:?} {params:?}, {len} {fill:?}", kernel.name);
                hold(&got, &frame(&want, width), &about);
                (got, want)
            };
            let [(mine, a), (peer, b)] = [half(&mut play, 0), half(&mut play, 1)];
            let at = turn % 3;
            let behind = [play.raw(at), peer].concat();
            let merged = play.run(&MERGE, &[width, at as u32], &[&mine, &behind], len);
            let sum = |i: usize| (u128::from(a[i]) + u128::from(b[i])) as u64 & mask(width.min(ring.bits()));
            let want: Vec<u64> = (0..len).map(sum).collect();
            hold(&merged, &want, &format!("merge, {ring:?}, {width} bits, {len} {fill:?}"));
        }
    }
}

pub(super) fn numbers_of_every_width_lie_where_the_definition_says() {
    for (ring, width) in RINGS.into_iter().flat_map(|r| (1..=64).map(move |w| (r, w))) {
        let mut play = Play::new(ring, 5);
        for (turn, len) in sizes_of(width).enumerate() {
            let about = format!("{ring:?}, {width} bits, {len} elements");
            let x = play.source.values(len, ring.bits(), FILLS[turn % 2]);
            let want = frame(&x, width);
            hold(&play.run(&PACK, &[width], &[&x], packed(len, width)), &want, &format!("pack, {about}"));
            let reduced: Vec<u64> = x.iter().map(|x| x & mask(width)).collect();
            let at = turn % 3;
            let behind = [play.raw(at), want].concat();
            let got = play.run(&UNPACK, &[width, at as u32], &[&behind], len);
            hold(&got, &reduced, &format!("unpack, {about}"));
            // rows with a word of something else behind each
            let (rows, cols) = if len == LARGE { (347, 785) } else { (3, len) };
            let x = play.source.values(rows * cols, width.min(ring.bits()), FILLS[turn % 2]);
            let block: Vec<u64> = x.chunks(cols).flat_map(|row| [frame(row, width), play.raw(1)].concat()).collect();
            let params = [cols as u32, width, packed(cols, width) as u32 + 1];
            let got = play.run(&UNPACK_ROWS, &params, &[&block], rows * cols);
            hold(&got, &x, &format!("unpack_rows, {about}"));
        }
    }
}

pub(super) fn corrections_and_shares_add_up() {
    for (ring, width) in RINGS.into_iter().flat_map(|r| (1..=64).map(move |w| (r, w))) {
        let mut play = Play::new(ring, 6);
        for (turn, len) in sizes_of(width).enumerate() {
            let share0 = play.source.values(len, width, FILLS[turn % 2]);
            let packed0 = frame(&share0, width);
            let b = play.source.values(len, 1, Fill::Uniform);
            // a bit behind the last one is nobody's
            let bits = plane(&[b.clone(), vec![1]].concat());
            let share1 = play.run(&CORRECT_BITS, &[len as u32, width], &[&bits, &packed0], packed0.len());
            let want: Vec<u64> = b.iter().zip(&share0).map(|(b, s)| b.wrapping_sub(*s) & mask(width)).collect();
            hold(&share1, &frame(&want, width), &format!("{ring:?}, {width} bits, {len} elements"));
        }
    }
}

pub(super) fn words_are_moved_and_combined() {
    for ring in RINGS {
        let mut play = Play::new(ring, 7);
        for len in SIZES {
            let [a, b] = [play.raw(len + 5), play.raw(len + 5)];
            let got = play.run(&XOR, &[1, 2], &[&a, &b], len);
            assert_eq!(got, (0..len).map(|i| a[i + 1] ^ b[i + 2]).collect::<Vec<_>>(), "xor starts where it is told");
            let got = play.run(&AND, &[0], &[&a, &b], len + 5);
            assert_eq!(got, a.iter().zip(&b).map(|(a, b)| a & b).collect::<Vec<_>>());
            let got = play.run(&CONCAT, &[len as u32], &[&a[..len], &b], 2 * len + 5);
            assert_eq!(got, [&a[..len], &b].concat());
            // rows base + 2, base, base + 4, base + 2 of five
            let (base, block) = (1000, play.raw(5 * len));
            let index = [2, 0, 4, 2];
            let rows: Vec<u64> = index.iter().map(|i| base + i).collect();
            let got = play.run(&GATHER_ROWS, &[len as u32, base as u32], &[&block, &rows], 4 * len);
            let want = index.map(|i| &block[i as usize * len..(i as usize + 1) * len]).concat();
            assert_eq!(got, want, "rows of {len} words");
        }
    }
}
