//! Comparison (protocols.md 3.1): the reconstructed bit is the sign of the difference of the two windows.

use super::*;
use crate::RINGS;

/// Bits that are compared: the profiles' windows, and the smallest ones.
const WIDTHS: [u32; 5] = [4, 8, 12, 16, 24];

/// Two servers and a dealer compare windows of `k + 1` bits; `deal` may spoil what is dealt. `[a - rho >= 0]`.
fn compare(play: &mut Play, k: u32, a: &[u64], rho: &[u64], deal: impl Fn(&mut Vec<u64>)) -> Vec<u64> {
    compare_two(play, k, [a, a], rho, deal)[0].clone()
}

/// The same for two values and one mask: the second comparison reads the tables of the first, and has products of its own.
fn compare_two(play: &mut Play, k: u32, a: [&[u64]; 2], rho: &[u64], deal: impl Fn(&mut Vec<u64>)) -> [Vec<u64>; 2] {
    let shared = k as usize / 4 * packed(rho.len(), 16) + packed(rho.len(), 1);
    let mut tables: Option<[Vec<u64>; 2]> = None;
    a.map(|a| {
        let more = u32::from(tables.is_some());
        let skipped = if more == 1 { shared } else { 0 };
        let (bits, frames) = compare_one(play, [k, more], a, rho, skipped, tables.take(), &deal);
        tables = Some(frames);
        bits
    })
}

/// One comparison; the bits, and the frames that its tables are in.
fn compare_one(
    play: &mut Play,
    [k, more]: [u32; 2],
    a: &[u64],
    rho: &[u64],
    skipped: usize,
    tables: Option<[Vec<u64>; 2]>,
    deal: &impl Fn(&mut Vec<u64>),
) -> (Vec<u64>, [Vec<u64>; 2]) {
    let (len, m, plane) = (a.len(), k as usize / 4, packed(a.len(), 1));
    let products = (0u32..1 << (m - 1)).filter(|s| s.count_ones() > 1).count();
    let ands: usize = (0..m - 1).map(|j| (1 << (m - 1 - j)) - 1).sum();
    let frame = m * packed(len, 16) + (1 + products + ands) * plane - skipped;
    let own = [0; 2].map(|_: u32| play.raw((2 * m - 2) * plane));
    let dealt0 = play.raw(frame);
    let mut dealt1 = play.run(&DEAL_COMPARE, &[k, 0, more], &[rho, &own[0], &own[1], &dealt0], frame);
    deal(&mut dealt1);
    let dealt = [dealt0, dealt1];
    let tables = tables.unwrap_or_else(|| dealt.clone());
    let first = |s: usize| 1 - s as u32;
    let ask = |s: usize| play.run(&COMPARE_ASK, &[k, first(s), more], &[a, &own[s], &tables[s]], (2 * m - 1) * plane);
    let asked = [ask(0), ask(1)];
    let opened = xor(&[0, 1].map(|s: usize| asked[s][..own[s].len()].to_vec()));
    let tell = |s: usize| {
        let inputs = [a, &own[s], &tables[s], &dealt[s], &opened, &asked[s]];
        play.run(&COMPARE_TELL, &[k, first(s), more], &inputs, plane)
    };
    (bits(&xor(&[tell(0), tell(1)]), len), tables)
}

/// `[a - rho >= 0]` for numbers of `k + 1` bits in two's complement.
fn sign(k: u32, a: &[u64], rho: &[u64]) -> Vec<u64> {
    a.iter().zip(rho).map(|(a, r)| u64::from(a.wrapping_sub(*r) & mask(k + 1) < 1 << k)).collect()
}

pub(super) fn signs_are_those_of_the_windows() {
    for (ring, k) in RINGS.into_iter().flat_map(|r| WIDTHS.map(|k| (r, k))) {
        let mut play = Play::new(ring, 1);
        for (len, fill) in sizes() {
            let [a, rho] = [0; 2].map(|_: u32| play.source.values(len, k + 1, fill));
            let got = compare(&mut play, k, &a, &rho, |_| ());
            hold(&got, &sign(k, &a, &rho), &format!("{ring:?} {k} {len} {fill:?}"));
        }
        // differences of 0, 1 and the ends, anywhere in the ring
        let rho = play.source.values(1000, k + 1, Fill::Uniform);
        let ends = [0, 1, u64::MAX, 1 << k, (1 << k) - 1, (1 << k) + 1];
        let a: Vec<u64> = rho.iter().zip(ends.iter().cycle()).map(|(r, v)| r.wrapping_add(*v) & mask(k + 1)).collect();
        assert_eq!(compare(&mut play, k, &a, &rho, |_| ()), sign(k, &a, &rho), "{ring:?} {k} ends");
        // and it can fail: with every word of the frame spoilt, some sign is wrong
        let spoilt = compare(&mut play, k, &a, &rho, |dealt| dealt.iter_mut().for_each(|w| *w ^= 0x0110_0110));
        assert_ne!(spoilt, sign(k, &a, &rho), "{ring:?} {k} spoilt");
    }
}

pub(super) fn two_thresholds_share_their_tables() {
    for (ring, k) in RINGS.into_iter().flat_map(|r| WIDTHS.map(|k| (r, k))) {
        let mut play = Play::new(ring, 3);
        for (len, fill) in sizes() {
            let [a, b, rho] = [0; 3].map(|_: u32| play.source.values(len, k + 1, fill));
            let got = compare_two(&mut play, k, [&a, &b], &rho, |_| ());
            let about = format!("{ring:?} {k} {len} {fill:?}");
            hold(&got[0], &sign(k, &a, &rho), &about);
            hold(&got[1], &sign(k, &b, &rho), &about);
            if k > 4 && len == 1000 && matches!(fill, Fill::Uniform) {
                // and it can fail: with the products spoilt, some sign of the second is wrong
                let spoilt = |dealt: &mut Vec<u64>| dealt.iter_mut().rev().take(3).for_each(|w| *w ^= 0xffff_ffff);
                assert_ne!(compare_two(&mut play, k, [&a, &b], &rho, spoilt)[1], got[1], "{ring:?} {k} spoilt");
            }
        }
    }
}

pub(super) fn every_pair_of_digits_compares() {
    for (ring, k) in RINGS.into_iter().flat_map(|r| WIDTHS.map(|k| (r, k))) {
        let mut play = Play::new(ring, 2);
        let m = k / 4;
        let mut check = |pairs: Vec<(u64, u64)>, about: &str| {
            let (a, rho): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
            assert_eq!(compare(&mut play, k, &a, &rho, |_| ()), sign(k, &a, &rho), "{ring:?}, {k} bits, {about}");
        };
        // every pair of values of a digit and of the sign bit, the other digits equal
        for j in 0..m {
            let rest = 0x05a5_a5a5 & mask(k) & !(15 << (4 * j));
            let of = |x: u64| rest | (x & 15) << (4 * j) | (x >> 4) << k;
            check((0..1024).map(|c| (of(c / 32), of(c % 32))).collect(), &format!("digit {j}"));
        }
        // every pattern of less, equal and greater over the digits
        let digit = |c: u64, j: u32| [(4, 11), (9, 9), (11, 4)][(c / 3u64.pow(j) % 3) as usize];
        let number = |c: u64| {
            (0..m).map(|j| (digit(c, j), 4 * j)).fold((0, 0), |(a, r), ((x, y), at)| (a | x << at, r | y << at))
        };
        check((0..3u64.pow(m)).map(number).collect(), "patterns");
    }
}

pub(super) fn windows_are_those_of_integers() {
    for (ring, n) in PROFILES {
        let mut play = Play::new(ring, 3);
        for (wire, low, k) in [(24, 4, 12), (20, 0, 16), (n, 12, 12), (n, 0, 24), (ring.bits(), 5, 16)] {
            let add = play.source.values(1, wire, Fill::Uniform)[0];
            let (lo, hi) = (add as u32, (add >> 32) as u32);
            for (len, fill) in SIZES.into_iter().flat_map(|l| FILLS.map(|f| (l, f))) {
                let x = play.source.values(3 * len, ring.bits(), fill);
                let cut = |x: u64| (u128::from(x) + u128::from(add)) % (1 << wire) / (1 << low);
                let want: Vec<u64> = x.iter().map(|x| (cut(*x) % (2 << k)) as u64).collect();
                assert_eq!(play.run(&WINDOW, &[wire, low, k, lo, hi], &[&x], 3 * len), want, "{ring:?} {wire} {low}");
                let pair = |i, j| {
                    x.chunks(3).map(move |row| ((cut(row[i]) + (2 << k) * (1 << 64) - cut(row[j])) % (2 << k)) as u64)
                };
                let want: Vec<u64> = pair(0, 1).chain(pair(0, 2)).chain(pair(1, 2)).collect();
                let params = [len as u32, 3, wire, low, k, lo, hi];
                assert_eq!(play.run(&PAIR_WINDOWS, &params, &[&x], 3 * len), want, "{ring:?} pairs {wire} {low}");
            }
        }
    }
}

/// Word, wire, `t`, `h`: the profiles' windows, those of accuracy, and both on shorter wires.
const WINDOWS: [(RingWord, u32, u32, u32); 8] = [
    (RingWord::U32, 24, 4, 16),
    (RingWord::U32, 24, 0, 16),
    (RingWord::U32, 18, 4, 16),
    (RingWord::U64, 24, 4, 16),
    (RingWord::U64, 32, 12, 24),
    (RingWord::U64, 32, 8, 24),
    (RingWord::U64, 32, 0, 24),
    (RingWord::U64, 26, 12, 24),
];

pub(super) fn wires_show_their_signs() {
    for (ring, wire, low, high) in WINDOWS {
        let mut play = Play::new(ring, 4);
        let (unit, most, k) = (1i64 << low, 1i64 << high, high - low);
        let ends = [0, 1, -unit, unit, unit - 1, -unit - 1, most - unit, -most, -most + 1, most - unit - 1];
        // so often that the coin of a quarter below the unit shows its mean
        let coin = -(unit / 4);
        for (len, fill) in SIZES.into_iter().chain([20_000]).flat_map(|l| FILLS.map(|f| (l, f))) {
            let y: Vec<i64> = (0..len)
                .map(|i| match i % 3 {
                    0 => ends[i / 3 % ends.len()],
                    1 => coin,
                    _ => (play.source.value() % (2 * most - unit) as u64) as i64 - most,
                })
                .collect();
            let y_wire = play.lifted(&y, wire, fill);
            let add = (1u64 << (wire - 2)).wrapping_neg() & mask(wire);
            let window =
                |x: &[u64], add: u64| play.run(&WINDOW, &[wire, low, k, add as u32, (add >> 32) as u32], &[x], len);
            let (a, rho) = (window(&y_wire.hat, add), window(&y_wire.sum, 0));
            let got = compare(&mut play, k, &a, &rho, |_| ());
            let wrong = (0..len).find(|i| (y[*i] >= 0 || y[*i] <= -unit) && got[*i] != u64::from(y[*i] >= 0));
            assert_eq!(wrong.map(|i| y[i]), None, "{ring:?}, {wire} bits, window {low} to {high}, {len} {fill:?}");
            if len == 20_000 && unit > 1 && matches!(fill, Fill::Uniform) {
                let (tosses, heads) =
                    (0..len).filter(|i| i % 3 == 1).fold((0.0, 0.0), |(n, s), i| (n + 1.0, s + got[i] as f64));
                // 3/4 within five standard deviations
                assert!((heads / tosses - 0.75f64).abs() < 5.0 * f64::sqrt(0.1875 / tosses), "{heads} of {tosses}");
            }
        }
    }
}
