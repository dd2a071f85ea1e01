//! The CPU twins against what is known: big integers, bits one at a time, another ChaCha.

use ppdnn::fixed::{mask, signed};
use ppdnn::kernel::table::{
    CHACHA, COMBINE, COMBINE_WIDE, DEAL_RESCALE, MASK, MATMUL_MINUS, MATMUL_PAIR, MERGE, NARROW, RESCALE, RESCALE_ASK,
    RESCALE_ASK_WIDE, RESCALE_WIDE, XOR,
};
use ppdnn::kernel::{Kernel, Operand, RingWord};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{FILLS, Fill, RINGS, Source, bytes, packed, ring_bytes, ring_values, twin, words};

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
fn reduce(x: i128, bits: u32) -> u64 {
    (x & i128::from(mask(bits))) as u64
}

#[test]
fn matrix_products_equal_those_of_integers() {
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

#[test]
fn combinations_equal_those_of_integers() {
    let mut source = Source::new(2);
    for (kernel, ring) in [&COMBINE, &COMBINE_WIDE].into_iter().flat_map(|k| RINGS.map(|r| (k, r))) {
        let word = if kernel.output == Operand::Wide { RingWord::U64 } else { ring };
        for (len, fill) in [1, 31, 33, 1000].into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
            let [x, y, k] = [len, len, 2].map(|len| source.values(len, 64, fill));
            let params = [k[0] as u32, (k[0] >> 32) as u32, k[1] as u32, (k[1] >> 32) as u32];
            let inputs = [ring_bytes(word, &x), ring_bytes(word, &y)];
            let got = ring_values(word, &twin(kernel, ring, &params, &inputs, len));
            let int = |x: u64| u128::from(x & mask(word.bits()));
            let exact = |i: usize| (int(k[0]) * int(x[i])).wrapping_add(int(k[1]) * int(y[i]));
            let want: Vec<u64> = (0..len).map(|i| exact(i) as u64 & mask(word.bits())).collect();
            assert_eq!(got, want, "{} {ring:?} {len} {fill:?}", kernel.name);
        }
    }
}

/// `x / 2^cut` down, or up.
fn quotient(x: u64, cut: u32, up: bool) -> u128 {
    let divisor = 1u128 << cut;
    if up { u128::from(x).div_ceil(divisor) } else { u128::from(x) / divisor }
}

#[test]
fn narrowing_divides_down_on_server_0_and_up_on_server_1() {
    let mut source = Source::new(3);
    for ring in RINGS {
        for (len, fill) in [1, 33, 257].into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
            let x = source.values(len, 64, fill);
            for (cut, up) in [0, 1, 16, 24, 32, 63, 64].into_iter().flat_map(|c| [(c, false), (c, true)]) {
                for bits in [1, 24, ring.bits()] {
                    let params = [cut, u32::from(up), bits];
                    let got = ring_values(ring, &twin(&NARROW, ring, &params, &[bytes(&x)], len));
                    let want: Vec<u64> = x.iter().map(|x| quotient(*x, cut, up) as u64 & mask(bits)).collect();
                    assert_eq!(got, want, "{ring:?} {params:?} {fill:?}");
                }
            }
        }
    }
}

/// Packed numbers by their definition: bit `j` of element `i` is bit `i b + j` of the string.
fn pack(values: &[u64], bits: u32) -> Vec<u32> {
    let mut out = vec![0; packed(values.len(), bits)];
    for (i, value) in values.iter().enumerate() {
        for j in 0..bits as usize {
            let at = i * bits as usize + j;
            out[at / 32] |= ((value >> j & 1) as u32) << (at % 32);
        }
    }
    out
}

#[test]
fn masked_halves_of_every_width_are_packed_as_defined_and_merge_to_their_sum() {
    let mut source = Source::new(4);
    for (ring, width) in RINGS.into_iter().flat_map(|r| (1..=64).map(move |w| (r, w))) {
        for (turn, len) in [1, 31, 32, 33, 100].into_iter().enumerate() {
            let fill = FILLS[turn % 2];
            let bits = [ring.bits(), 24, 31, ring.bits(), 17][turn];
            let cut = [0, 8, 1, ring.bits(), 3][(turn + width as usize) % 5];
            let half = |source: &mut Source, server: u32| {
                let [x, r] = [0; 2].map(|_: u32| source.values(len, ring.bits(), fill));
                let offset = u32::from(server == 0 && width > 1);
                let params = [bits, cut, server, width, offset];
                let inputs = [ring_bytes(ring, &x), ring_bytes(ring, &r)];
                let got: Vec<u32> = words(&twin(&MASK, ring, &params, &inputs, packed(len, width)));
                let shifted = |i: usize| quotient(x[i] & mask(bits), cut, server == 1);
                let offset = if offset == 1 { 1u128 << (width - 2) } else { 0 };
                let want: Vec<u64> =
                    (0..len).map(|i| (shifted(i) + u128::from(r[i]) + offset) as u64 & mask(width)).collect();
                assert_eq!(got, pack(&want, width), "{ring:?} {params:?}, {len} {fill:?}");
                (got, want)
            };
            let [(mine, a), (peer, b)] = [half(&mut source, 0), half(&mut source, 1)];
            let at = turn % 3;
            let frame = [source.raw(at), peer].concat();
            let merged = twin(&MERGE, ring, &[width, at as u32], &[bytes(&mine), bytes(&frame)], len);
            let sum = |i: usize| (u128::from(a[i]) + u128::from(b[i])) as u64 & mask(width.min(ring.bits()));
            let want: Vec<u64> = (0..len).map(sum).collect();
            assert_eq!(ring_values(ring, &merged), want, "merge, {ring:?}, {width} bits, {len} {fill:?}");
        }
    }
}

#[test]
fn the_key_stream_is_that_of_rand_chacha() {
    let mut source = Source::new(5);
    for stream in [0, 1, 0xdead_beef_0123, u64::MAX] {
        for len in [1, 15, 16, 17, 1003] {
            let key = source.raw(8);
            let mut rng = ChaCha12Rng::from_seed(bytemuck::cast_slice(&key).try_into().expect("8 words are 32 bytes"));
            rng.set_stream(stream);
            let want: Vec<u32> = (0..len).map(|_| rng.next_u32()).collect();
            let params = [stream as u32, (stream >> 32) as u32];
            for ring in RINGS {
                let got: Vec<u32> = words(&twin(&CHACHA, ring, &params, &[bytes(&key)], len));
                assert_eq!(got, want, "stream {stream}, {len} words");
            }
        }
    }
}

#[test]
fn xor_starts_where_it_is_told() {
    let got = twin(&XOR, RingWord::U32, &[1, 2], &[bytes(&[9u32, 0xf0, 0xff]), bytes(&[9u32, 9, 0x3c, 0xff])], 2);
    assert_eq!(words::<u32>(&got), [0xcc, 0]);
}

/// A rescale with its number settings.
struct Rescale {
    bits: u32,
    shift: i32,
    scale: u32,
    times: u32,
    /// Kernels that ask and tell, and the word of the shares.
    ask: &'static Kernel,
    tell: &'static Kernel,
    word: RingWord,
}

impl Rescale {
    /// Two servers and a dealer rescale `x`, all shares and pads uniform; `deal` may spoil what is dealt.
    fn run(&self, ring: RingWord, x: &[i64], source: &mut Source, deal: impl Fn(&mut Vec<u32>)) -> Vec<i64> {
        let (len, w) = (x.len(), packed(x.len(), 1));
        let room = (64 - self.bits as i32 + self.shift) as u32;
        let share0 = source.values(len, self.bits, Fill::Uniform);
        let share1: Vec<u64> =
            x.iter().zip(&share0).map(|(x, s)| x.cast_unsigned().wrapping_sub(*s) & mask(self.bits)).collect();
        let pads = [source.raw(w), source.raw(w)];
        let dealt0 = pack(&source.values(len, room, Fill::Uniform), room);
        let dealing = [bytes(&pads[0]), bytes(&pads[1]), bytes(&dealt0)];
        let mut dealt1: Vec<u32> = words(&twin(&DEAL_RESCALE, ring, &[len as u32, room], &dealing, packed(len, room)));
        deal(&mut dealt1);
        let shares = [ring_bytes(self.word, &share0), ring_bytes(self.word, &share1)];
        let params = |server: u32| {
            [self.bits, self.scale, self.shift.cast_unsigned(), self.times, 1 - server, server, 2 * server]
        };
        let asked = [0, 1].map(|s| twin(self.ask, ring, &params(s as u32), &[shares[s].clone(), bytes(&pads[s])], w));
        let peers = [asked[1].clone(), [bytes(&[1u32, 2]), asked[0].clone()].concat()];
        let dealt = [dealt0, dealt1];
        let [y0, y1]: [Vec<u64>; 2] = [0, 1].map(|s| {
            let inputs = [shares[s].clone(), asked[s].clone(), peers[s].clone(), bytes(&pads[s]), bytes(&dealt[s])];
            words(&twin(self.tell, ring, &params(s as u32), &inputs, len))
        });
        y0.iter().zip(&y1).map(|(a, b)| a.wrapping_add(*b).cast_signed()).collect()
    }

    /// Values with `|scale x| < 2^(bits - 2)`, the ends among them.
    fn inputs(&self, len: usize, source: &mut Source) -> Vec<i64> {
        let most = ((1i64 << (self.bits - 2)) - 1) / i64::from(self.scale);
        let ends = [0, 1, -1, most, -most, most - 1, 1 << self.shift.max(0), -(3 << self.shift.max(0))];
        let mut x: Vec<i64> =
            (0..len).map(|_| (source.value().cast_signed() % most) >> (source.value() % 40)).collect();
        x.iter_mut().zip(ends).for_each(|(x, end)| *x = end);
        x
    }

    /// Whether `y` is what it should be: exact for a left shift and for multiples, else within one unit of `times`.
    fn holds(&self, x: i64, y: i64) -> bool {
        let (x, y, times) = (i128::from(x) * i128::from(self.scale), i128::from(y), i128::from(self.times));
        let unit = 1i128 << self.shift.max(0);
        let (got, exact) = (y * unit, (x * times) << (-self.shift).max(0));
        if x % unit == 0 { got == exact } else { y % times == 0 && (got - exact).abs() < unit * times }
    }
}

#[test]
fn two_servers_rescale_within_one_unit_and_exactly_to_the_left() {
    let mut source = Source::new(6);
    let small = |bits, shift, scale, times, word| Rescale {
        bits,
        shift,
        scale,
        times,
        word,
        ask: &RESCALE_ASK,
        tell: &RESCALE,
    };
    let wide = |bits, shift, scale, times| Rescale {
        ask: &RESCALE_ASK_WIDE,
        tell: &RESCALE_WIDE,
        ..small(bits, shift, scale, times, RingWord::U64)
    };
    let settings = [
        (RingWord::U32, small(32, -5, 1, 1, RingWord::U32)),
        (RingWord::U64, small(32, -5, 1, 41, RingWord::U64)),
        (RingWord::U32, small(32, 7, 3, 5, RingWord::U32)),
        (RingWord::U32, small(32, 0, 1, 1, RingWord::U32)),
        (RingWord::U64, small(48, 11, 1, 1, RingWord::U64)),
        (RingWord::U64, small(48, 11, 1, 41, RingWord::U64)),
        (RingWord::U64, small(64, 5, 29, 1, RingWord::U64)),
        (RingWord::U64, wide(64, 5, 29, 1)),
        (RingWord::U32, wide(64, 5, 29, 1)),
        (RingWord::U32, wide(64, 6, 29, 1)),
    ];
    for (ring, rescale) in settings {
        let about = format!("{} in {ring:?}, {} bits, shift {}", rescale.tell.name, rescale.bits, rescale.shift);
        for len in [1, 31, 32, 33, 5000] {
            let x = rescale.inputs(len, &mut source);
            let y = rescale.run(ring, &x, &mut source, |_| ());
            let wrong = x.iter().zip(&y).find(|(x, y)| !rescale.holds(**x, **y));
            assert_eq!(wrong, None, "{about}, {len} elements");
        }
        // and the comparison can fail: one wrong bit from the dealer
        let x = rescale.inputs(100, &mut source);
        let y = rescale.run(ring, &x, &mut source, |dealt| dealt[0] ^= 1);
        assert!(!rescale.holds(x[0], y[0]), "{about}: a wrong dealing goes unnoticed");
    }
}
