//! Products and sums: the same numbers as in integers.

use super::*;
use crate::RINGS;

/// `op(a) op(b)` in integers, modulo 2^128.
fn product(ring: RingWord, a: &[u64], b: &[u64], [m, k, n]: [usize; 3], [ta, tb]: [bool; 2]) -> Vec<i128> {
    let int = |x: u64| i128::from(signed(x, ring.bits()));
    let at = |x: &[u64], i: usize, j: usize, rows: usize, cols: usize, t: bool| {
        int(if t { x[j * rows + i] } else { x[i * cols + j] })
    };
    let cell = |i, j| (0..k).fold(0i128, |s, q| s.wrapping_add(at(a, i, q, m, k, ta) * at(b, q, j, k, n, tb)));
    (0..m * n).map(|c| cell(c / n, c % n)).collect()
}

/// An integer in the ring.
pub(super) fn reduce(x: i128, bits: u32) -> u64 {
    (x & i128::from(mask(bits))) as u64
}

pub(super) fn matrix_products_equal_those_of_integers() {
    let mut source = Source::new(1);
    for ring in RINGS {
        let bits = ring.bits();
        for sizes @ [m, k, n] in [[1, 1, 1], [1, 9, 1], [3, 1, 5], [5, 7, 3], [33, 31, 17], [4, 64, 65]] {
            for (t, fill) in [[false, false], [true, false], [false, true], [true, true]]
                .into_iter()
                .flat_map(|t| FILLS.map(|f| (t, f)))
            {
                let mut of = |len| source.values(len, bits, fill);
                let [a1, b1, a2, b2, c] = [m * k, k * n, m * k, k * n, m * n].map(&mut of);
                let params = [m as u32, k as u32, n as u32, u32::from(t[0]), u32::from(t[1])];
                let run = |kernel: &Kernel, inputs: &[&Vec<u64>]| {
                    let inputs: Vec<_> = inputs.iter().map(|x| ring_bytes(ring, x)).collect();
                    ring_values(ring, &twin(kernel, ring, &params, &inputs, m * n))
                };
                let [p1, p2] = [product(ring, &a1, &b1, sizes, t), product(ring, &a2, &b2, sizes, t)];
                let want: Vec<u64> = (0..m * n).map(|i| reduce(p1[i].wrapping_sub(i128::from(c[i])), bits)).collect();
                assert_eq!(run(&MATMUL_MINUS, &[&a1, &b1, &c]), want, "a b - c, {ring:?} {params:?} {fill:?}");
                let want: Vec<u64> = (0..m * n)
                    .map(|i| reduce(p1[i].wrapping_sub(p2[i]).wrapping_add(i128::from(c[i])), bits))
                    .collect();
                assert_eq!(run(&MATMUL_PAIR, &[&c, &a1, &b1, &a2, &b2]), want, "c + a b - a b, {ring:?} {params:?}");
            }
        }
    }
}

pub(super) fn combinations_equal_those_of_integers() {
    let mut source = Source::new(2);
    for (kernel, ring) in [&COMBINE, &COMBINE_WIDE].into_iter().flat_map(|k| RINGS.map(|r| (k, r))) {
        let word = if kernel.output == Operand::Wide { RingWord::U64 } else { ring };
        for (len, fill) in sizes() {
            let [x, y, k] = [len, len, 2].map(|len| source.values(len, 64, fill));
            let params = [k[0] as u32, (k[0] >> 32) as u32, k[1] as u32, (k[1] >> 32) as u32];
            let inputs = [ring_bytes(word, &x), ring_bytes(word, &y)];
            let got = ring_values(word, &twin(kernel, ring, &params, &inputs, len));
            let int = |x: u64| u128::from(x & mask(word.bits()));
            let exact = |i: usize| (int(k[0]) * int(x[i])).wrapping_add(int(k[1]) * int(y[i]));
            let want: Vec<u64> = (0..len).map(|i| exact(i) as u64 & mask(word.bits())).collect();
            hold(&got, &want, &format!("{} {ring:?} {len} {fill:?}", kernel.name));
        }
    }
}

/// `x / 2^cut` down, or up.
pub(super) fn quotient(x: u64, cut: u32, up: bool) -> u128 {
    let divisor = 1u128 << cut;
    if up { u128::from(x).div_ceil(divisor) } else { u128::from(x) / divisor }
}

pub(super) fn narrowing_divides_down_on_server_0_and_up_on_server_1() {
    let mut source = Source::new(3);
    for ring in RINGS {
        for (len, fill) in sizes() {
            let x = source.values(len, 64, fill);
            for (cut, up) in [0, 1, 16, 24, 32, 63, 64].into_iter().flat_map(|c| [(c, false), (c, true)]) {
                for bits in [1, 24, ring.bits()] {
                    let params = [cut, u32::from(up), bits];
                    let got = ring_values(ring, &twin(&NARROW, ring, &params, &[bytes(&x)], len));
                    let want: Vec<u64> = x.iter().map(|x| quotient(*x, cut, up) as u64 & mask(bits)).collect();
                    hold(&got, &want, &format!("{ring:?} {params:?} {len} {fill:?}"));
                }
            }
        }
    }
}

pub(super) fn what_is_not_kept_is_0() {
    for ring in RINGS {
        let mut play = Play::new(ring, 12);
        for (len, fill) in sizes() {
            let x = play.source.values(len, ring.bits(), fill);
            let bits = play.source.raw(len.div_ceil(32));
            let inputs = [ring_bytes(ring, &x), bytes(&bits)];
            let got = ring_values(ring, &twin(&KEEP, ring, &[len as u32], &inputs, len));
            let want: Vec<u64> = (0..len).map(|i| x[i] * u64::from(bits[i / 32] >> (i % 32) & 1)).collect();
            hold(&got, &want, &format!("{ring:?} {len} {fill:?}"));
        }
    }
}

pub(super) fn rows_add_up_as_integers_do() {
    for (ring, _) in PROFILES {
        let mut play = Play::new(ring, 4);
        let bits = ring.bits();
        for ((rows, cols), fill) in SIZES.into_iter().flat_map(|n| [(n, 3), (7, n)]).flat_map(|s| FILLS.map(|f| (s, f)))
        {
            let [z, b] = [rows * cols, cols].map(|len| play.source.values(len, bits, fill));
            let got = play.run(&ADD_ROW, &[cols as u32], &[&z, &b], rows * cols);
            let want: Vec<u64> =
                (0..rows * cols).map(|i| reduce(i128::from(z[i]) + i128::from(b[i % cols]), bits)).collect();
            assert_eq!(got, want, "add_row {ring:?} {rows} x {cols} {fill:?}");
            for shift in [0, 1, 8, 16, bits - 1] {
                let got = play.run(&SUM_ROWS, &[cols as u32, shift], &[&z], cols);
                let sum = |j: usize| (0..rows).map(|i| i128::from(z[i * cols + j])).sum::<i128>();
                let want: Vec<u64> = (0..cols).map(|j| reduce((sum(j) % (1 << bits)) << shift, bits)).collect();
                assert_eq!(got, want, "sum_rows {ring:?} {rows} x {cols} {fill:?}, shift {shift}");
            }
        }
    }
}
