//! Sums over chunks of rows and factors that values share: the same numbers as in integers.

use super::linear::reduce;
use super::*;
use crate::RINGS;

/// Rows, columns, rows of a chunk.
const CHUNKS: [[usize; 3]; 5] = [[1, 1, 1], [9, 4, 3], [10, 4, 3], [64, 1, 7], [33, 65, 100]];

/// The sums of columns by chunk, row after row as the definition has it, modulo 2^128.
fn sums([rows, cols, chunk]: [usize; 3], term: impl Fn(usize) -> i128) -> Vec<i128> {
    let of = |k: usize, j: usize| (k * chunk..rows.min((k + 1) * chunk)).map(move |i| i * cols + j);
    let sum = |k, j| of(k, j).fold(0i128, |sum, at| sum.wrapping_add(term(at)));
    (0..rows.div_ceil(chunk)).flat_map(|k| (0..cols).map(move |j| (k, j))).map(|(k, j)| sum(k, j)).collect()
}

fn signs() -> impl Iterator<Item = [u32; 2]> {
    [[0, 0], [0, 1], [1, 0], [1, 1]].into_iter()
}

fn times(minus: u32) -> i128 {
    if minus == 1 { -1 } else { 1 }
}

pub(super) fn dot_products_equal_those_of_integers() {
    let mut source = Source::new(31);
    for (ring, size, fill) in
        RINGS.into_iter().flat_map(|r| CHUNKS.into_iter().flat_map(move |s| FILLS.map(|f| (r, s, f))))
    {
        let ([rows, cols, chunk], bits) = (size, ring.bits());
        let len = rows.div_ceil(chunk) * cols;
        let [c, x, y] = [len, rows * cols, rows * cols].map(|len| source.values(len, bits, fill));
        for [minus_c, minus] in signs() {
            let inputs = [&c, &x, &y].map(|x| ring_bytes(ring, x));
            let got = ring_values(ring, &twin(&DOT, ring, &[cols as u32, chunk as u32, minus_c, minus], &inputs, len));
            let product = sums(size, |at| i128::from(signed(x[at], bits)) * i128::from(signed(y[at], bits)));
            let one = |(c, sum): (&u64, i128)| {
                reduce((times(minus_c) * i128::from(*c)).wrapping_add(sum.wrapping_mul(times(minus))), bits)
            };
            let want: Vec<u64> = c.iter().zip(product).map(one).collect();
            assert_eq!(got, want, "{ring:?} {size:?} {fill:?}");
        }
    }
}

pub(super) fn rows_of_chunks_add_up_as_integers_do() {
    let mut source = Source::new(32);
    for (ring, size, fill) in
        RINGS.into_iter().flat_map(|r| CHUNKS.into_iter().flat_map(move |s| FILLS.map(|f| (r, s, f))))
    {
        let ([rows, cols, chunk], len) = (size, size[0].div_ceil(size[2]) * size[1]);
        let params = [cols as u32, chunk as u32];
        let x = source.values(rows * cols, ring.bits(), fill);
        let want = |x: &[u64], bits| {
            sums(size, |at| i128::from(x[at])).into_iter().map(|s| reduce(s, bits)).collect::<Vec<_>>()
        };
        let got = ring_values(ring, &twin(&SUM_CHUNKS, ring, &params, &[ring_bytes(ring, &x)], len));
        assert_eq!(got, want(&x, ring.bits()), "{ring:?} {size:?} {fill:?}");
        let x = source.values(rows * cols, 64, fill);
        let got = ring_values(RingWord::U64, &twin(&SUM_CHUNKS_WIDE, ring, &params, &[bytes(&x)], len));
        assert_eq!(got, want(&x, 64), "wide, {ring:?} {size:?} {fill:?}");
    }
}

pub(super) fn factors_that_values_share_are_those_of_integers() {
    let mut source = Source::new(33);
    for (ring, fill) in RINGS.into_iter().flat_map(|r| FILLS.map(|f| (r, f))) {
        for [step, factors, turns] in [[1, 1, 1], [1, 5, 3], [4, 3, 1], [3, 2, 5], [64, 33, 1]] {
            let (len, bits) = (step * factors * turns, ring.bits());
            let [c, x, w] = [len, len, factors].map(|len| source.values(len, bits, fill));
            for [minus_c, minus] in signs() {
                let inputs = [&c, &x, &w].map(|x| ring_bytes(ring, x));
                let got = ring_values(ring, &twin(&SCALE, ring, &[step as u32, minus_c, minus], &inputs, len));
                let mut want = Vec::new();
                for _ in 0..turns {
                    for w in &w {
                        for _ in 0..step {
                            let i = want.len();
                            let product = i128::from(signed(x[i], bits)) * i128::from(signed(*w, bits));
                            let c = times(minus_c) * i128::from(c[i]);
                            want.push(reduce(c.wrapping_add(product.wrapping_mul(times(minus))), bits));
                        }
                    }
                }
                assert_eq!(got, want, "{ring:?} {step} {factors} {turns} {fill:?}");
            }
        }
    }
}
