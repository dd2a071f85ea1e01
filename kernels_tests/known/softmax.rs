//! The parts of softmax (protocols.md 4.1, 4.2) against f64 and integers.

use ppdnn::kernel::lookup_tables::{exp_decays, exp_factors, inverse_sqrt_quadratics, reciprocal_quadratics};

use super::*;

/// Word, fraction bits, ring, wire.
const NUMBERS: [(RingWord, u32, u32, u32); 2] = [(RingWord::U32, 8, 32, 24), (RingWord::U64, 16, 48, 32)];
/// Fraction bits, and the bits of a wire, of `exp` and `1 / S`.
const UNIT: (f64, u32) = (65_536.0, 20);
/// Arguments that are looked up at a time.
const BATCH: usize = 6000;

/// What two servers reconstruct modulo `2^bits`; the last operand of each is its frame.
fn both(play: &Play, kernel: &Kernel, params: [&[u32]; 2], inputs: [&[&[u64]]; 2], len: usize, bits: u32) -> Vec<u64> {
    add(&[0, 1].map(|s: usize| play.run(kernel, params[s], inputs[s], len)), bits)
}

pub(super) fn distances_to_the_largest_are_within_one_unit() {
    for (ring, frac, _, wire) in NUMBERS {
        let mut play = Play::new(ring, 1);
        let (bits, cut) = (8 + frac, frac - frac.min(10));
        for (rows, classes) in SIZES.into_iter().flat_map(|r| [2, 3, 10, 14].map(|c| (r, c))) {
            let (len, fill) = (rows * classes, FILLS[rows % 2]);
            let y: Vec<i64> = (0..len).map(|_| (play.source.value() % (200 << frac)) as i64 - (100 << frac)).collect();
            let won: Vec<u64> = (0..len).map(|i| u64::from(i % classes == i / classes % classes)).collect();
            let (y_wire, b) = (play.lifted(&y, wire, fill), play.open(&won));
            let dealt0 = play.raw(2 * packed(len, bits));
            let params = |first: u32| [classes as u32, wire, bits, cut, first, 1 - first];
            let dealt1 = play.run(&DEAL_BELOW_MAX, &params(0), &[&y_wire.sum, &b.sum, &dealt0], dealt0.len());
            let inputs =
                [(0, &dealt0), (1, &dealt1)].map(|(s, dealt)| [&y_wire.hat[..], &y_wire.rho[s], &b.hat, dealt]);
            let got = both(&play, &BELOW_MAX, [&params(1), &params(0)], [&inputs[0], &inputs[1]], len, bits - cut);
            for (i, got) in got.iter().enumerate() {
                let row = i / classes;
                let d = y[i] - y[row * classes + row % classes];
                // modulo the ring, which need not hold the distance of these
                let error = signed((got << cut).wrapping_sub(d.cast_unsigned()), bits);
                let exact = d % (1 << cut) == 0;
                assert!(if exact { error == 0 } else { error.abs() < 1 << cut }, "{ring:?} {d}: {error}");
            }
        }
    }
}

/// The largest error of `exp` over `d`, in units of `2^-frac`.
fn exp_error(play: &mut Play, frac: u32, d: &[i64], fill: Fill, deal: impl Fn(&mut Vec<u64>)) -> f64 {
    let (len, wire) = (d.len(), play.wire(d, 8 + frac, fill));
    let dealt0 = play.raw(packed(len * 16, 60));
    let mut dealt1 = play.run(&DEAL_EXP, &[frac, 0], &[&wire.sum, exp_decays(frac), &dealt0], dealt0.len());
    deal(&mut dealt1);
    let inputs = [&dealt0, &dealt1].map(|dealt| [&wire.hat[..], exp_factors(frac), dealt]);
    let got = both(play, &EXP, [&[frac, 0], &[frac, 1]], [&inputs[0], &inputs[1]], len, UNIT.1);
    let error = |(got, d): (&u64, &i64)| {
        let exact = f64::exp(*d as f64 * f64::exp2(-f64::from(frac)));
        (signed(*got, UNIT.1) as f64 / UNIT.0 - exact).abs()
    };
    got.iter().zip(d).map(error).fold(0.0, f64::max)
}

pub(super) fn every_exponential_is_close() {
    for (ring, frac) in [(RingWord::U32, 8), (RingWord::U64, 10)] {
        let mut play = Play::new(ring, 2);
        let all: Vec<i64> = (1 - (224 << frac)..=1 << (frac - 3)).collect();
        for (i, d) in all.chunks(BATCH).enumerate() {
            let error = exp_error(&mut play, frac, d, FILLS[usize::from(i % 4 == 3)], |_| ());
            assert!(error <= EXP_ERROR, "{ring:?}: {error} at {frac} fraction bits, from {}", d[0]);
        }
        for len in SIZES {
            let d = &all[all.len() - len..];
            assert!(exp_error(&mut play, frac, d, Fill::Extremes, |_| ()) <= EXP_ERROR, "{ring:?} {len}");
            let spoil = |dealt: &mut Vec<u64>| dealt.iter_mut().for_each(|w| *w ^= 0x0101_0101);
            assert!(exp_error(&mut play, frac, d, Fill::Uniform, spoil) > EXP_ERROR, "{ring:?} {len} spoilt");
        }
    }
}

/// One unit of the cut, 1.53e-5, and half a unit of the factor times `e^(1/8)`, 8.7e-6.
const EXP_ERROR: f64 = 2.4e-5;

/// A public table of quadratics, and the function that it is of.
type Table = (fn(u32) -> &'static [u64], fn(f64) -> f64);
const RECIPROCALS: Table = (reciprocal_quadratics, |s| 1.0 / s);
const INVERSE_ROOTS: Table = (inverse_sqrt_quadratics, |s| 1.0 / s.sqrt());

/// The largest error of a function of S over sums with 12 fraction bits.
fn reciprocal_error(
    play: &mut Play,
    (table, f): Table,
    [log_knots, bits]: [u32; 2],
    sums: &[i64],
    fill: Fill,
    deal: impl Fn(&mut Vec<u64>),
) -> f64 {
    let (len, wire) = (sums.len(), play.wire(sums, 16, fill));
    let dealt0 = play.raw(3 * packed(len << log_knots, bits));
    let operands = [&wire.sum[..], table(log_knots), &dealt0];
    let mut dealt1 = play.run(&DEAL_RECIPROCAL, &[log_knots, bits, 0], &operands, dealt0.len());
    deal(&mut dealt1);
    let inputs = [&dealt0, &dealt1].map(|dealt| [&wire.hat[..], dealt]);
    let params: [&[u32]; 2] = [&[log_knots, bits, 0], &[log_knots, bits, 1]];
    let got = both(play, &RECIPROCAL, params, [&inputs[0], &inputs[1]], len, UNIT.1);
    let error = |(got, s): (&u64, &i64)| (signed(*got, UNIT.1) as f64 / UNIT.0 - f(*s as f64 / 4096.0)).abs();
    got.iter().zip(sums).map(error).fold(0.0, f64::max)
}

pub(super) fn every_reciprocal_is_close() {
    let all: Vec<i64> = (3892..13 << 12).collect();
    for (ring, [log_knots, bits], bound) in
        [(RingWord::U32, [7, 34], 8.6e-4), (RingWord::U64, [8, 40], 9.4e-5), (RingWord::U32, [8, 40], 9.4e-5)]
    {
        let mut play = Play::new(ring, 3);
        for (i, sums) in all.chunks(BATCH).enumerate() {
            let error = reciprocal_error(
                &mut play,
                RECIPROCALS,
                [log_knots, bits],
                sums,
                FILLS[usize::from(i % 4 == 3)],
                |_| (),
            );
            assert!(error <= bound, "{ring:?}: {error} with {log_knots} bits of knots, from {}", sums[0]);
        }
        for len in SIZES {
            let sums = &all[all.len() - len..];
            assert!(
                reciprocal_error(&mut play, RECIPROCALS, [log_knots, bits], sums, Fill::Extremes, |_| ()) <= bound,
                "{len}"
            );
            let spoil = |dealt: &mut Vec<u64>| dealt.iter_mut().for_each(|w| *w ^= 0x1111_1111);
            let error = reciprocal_error(&mut play, RECIPROCALS, [log_knots, bits], sums, Fill::Uniform, spoil);
            assert!(error > bound, "{ring:?} {len} spoilt");
        }
    }
}

pub(super) fn sums_of_rows_are_within_one_unit() {
    for (ring, _) in PROFILES {
        let mut play = Play::new(ring, 4);
        for (rows, classes) in SIZES.into_iter().flat_map(|r| [2, 3, 10, 14].map(|c| (r, c))) {
            // exponentials up to e^(1/8), and rows of nothing but the largest
            let most = (UNIT.0 * f64::exp(0.125)) as u64;
            let e: Vec<i64> = (0..rows * classes)
                .map(|i| if i / classes % 3 == 2 { most } else { play.source.value() % (most + 1) } as i64)
                .collect();
            let shares = play.shares(&e, UNIT.1);
            let (params, inputs) = ([0, 1].map(|up| [classes as u32, up]), [[&shares[0][..]], [&shares[1][..]]]);
            let got = both(&play, &ROW_SUM, [&params[0], &params[1]], [&inputs[0], &inputs[1]], rows, 16);
            for (row, got) in e.chunks(classes).zip(got) {
                let error = (got.cast_signed() << 4) - row.iter().sum::<i64>();
                assert!(error.abs() < 16, "{ring:?} {row:?}: {error}");
            }
        }
    }
}

pub(super) fn probabilities_are_within_one_unit() {
    for (ring, frac, n, _) in NUMBERS {
        let mut play = Play::new(ring, 5);
        let (bits, cut) = (n + 32 - frac, 32 - frac);
        for (rows, classes) in SIZES.into_iter().flat_map(|r| [2, 3, 10, 14].map(|c| (r, c))) {
            let (len, fill) = (rows * classes, FILLS[rows % 2]);
            let ends = [0, 1, -1, 1 << 16, 1 << 18, -(1 << 18), (1 << 18) - 1];
            let mut factors = |len: usize| -> Vec<i64> {
                let inside = |x: u64| (x % (1 << 19)) as i64 - (1 << 18);
                (0..len).map(|i| if i % 2 == 0 { ends[i / 2 % 7] } else { inside(play.source.value()) }).collect()
            };
            let (e, r) = (factors(len), factors(rows));
            let (ew, rw) = (play.lifted(&e, UNIT.1, fill), play.lifted(&r, UNIT.1, fill));
            let high = bits - UNIT.1;
            let items = [(len, high), (len, high), (rows, high), (rows, high), (len, bits), (len, high), (len, high)];
            let frame = items.iter().map(|(len, bits)| packed(*len, *bits)).sum::<usize>() + packed(len, bits - 40);
            let params = |first: u32| [classes as u32, n, bits, first, 1 - first];
            let dealt0 = play.raw(frame);
            let mut dealt1 = play.run(&DEAL_PROBABILITY, &params(0), &[&ew.sum, &rw.sum, &dealt0], frame);
            // bit 40 of the first product of the masks
            let at = items[..4].iter().map(|(len, bits)| packed(*len, *bits)).sum::<usize>() + 1;
            for spoilt in [false, true] {
                dealt1[at] ^= u64::from(spoilt) << 8;
                let inputs = [(0, &dealt0), (1, &dealt1)]
                    .map(|(s, dealt)| [&ew.hat[..], &ew.rho[s], &rw.hat, &rw.rho[s], dealt]);
                let got = both(&play, &PROBABILITY, [&params(1), &params(0)], [&inputs[0], &inputs[1]], len, n);
                let holds = |i: usize| {
                    let product = e[i] * r[i / classes];
                    let error = (i128::from(signed(got[i], n)) << cut) - i128::from(product);
                    if product % (1 << cut) == 0 { error == 0 } else { error.abs() < 1 << cut }
                };
                let wrong = (0..len).find(|i| !holds(*i)).map(|i| (e[i], r[i / classes]));
                assert_eq!(wrong.is_some(), spoilt, "{ring:?}, {rows} rows of {classes}: {wrong:?}");
            }
        }
    }
}

/// For S from 0.9 to 15.8, as variances are brought to; docs/protocols.md 3.8.
pub(super) fn every_inverse_square_root_is_close() {
    let all: Vec<i64> = (3687..64_717).collect();
    for (ring, knots, bound) in [(RingWord::U32, [7, 34], 2.6e-4), (RingWord::U64, [8, 40], 5.5e-5)] {
        let mut play = Play::new(ring, 5);
        let mut worst = 0f64;
        for (i, sums) in all.chunks(BATCH).enumerate() {
            let fill = FILLS[usize::from(i % 4 == 3)];
            worst = worst.max(reciprocal_error(&mut play, INVERSE_ROOTS, knots, sums, fill, |_| ()));
        }
        assert!(worst <= bound && worst > bound / 4.0, "{ring:?}: {worst}");
        let spoil = |dealt: &mut Vec<u64>| dealt.iter_mut().for_each(|w| *w ^= 0x1111_1111);
        assert!(reciprocal_error(&mut play, INVERSE_ROOTS, knots, &all[..9], Fill::Uniform, spoil) > bound, "spoilt");
    }
}
