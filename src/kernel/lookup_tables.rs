//! The public numbers behind rotated tables (docs/protocols.md 4.1): `e^x` and quadratics for `1 / S`, as integers.
//!
//! Every number is a real one to the nearest integer, so that two machines, or two implementations, have the same without a
//! word. They are computed in integers, precisely enough that no rounding is in doubt: tests know their hashes and hold them
//! against f64, and the checker of the test vectors computes them again in decimal numbers.

use std::sync::OnceLock;

/// Integer bits of the low digit of an exponent: knots are 16 apart.
pub(crate) const EXP_STEP: u32 = 4;
/// The largest exponent with an entry of its own; what is looked up stays below 1.4.
pub(crate) const EXP_TOP: u32 = 2;
/// From `e^(EXP_TOP - EXP_SPAN)` on an entry is 0.
const EXP_SPAN: u32 = 31;
/// The most fraction bits of an exponent.
const EXP_FRAC: u32 = 10;

/// `e^(j / 2^frac)` for `j < 16 2^frac`, with 16 fraction bits: what an entry is multiplied by.
///
/// # Panics
/// Above 10 fraction bits.
pub fn exp_factors(frac: u32) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<u64>>; 11] = [const { OnceLock::new() }; 11];
    let one = 1 << frac;
    let table =
        || (0..one << EXP_STEP).map(|j| nearest(decayed(E_16, (one << EXP_STEP) - j, frac).into(), 24)).collect();
    TABLES[frac as usize].get_or_init(table)
}

/// What `exp_entry` is computed from: `e^2` with 61 fraction bits, and `e^-(2^i / 2^frac)` with 64, `i` from 0 on.
///
/// # Panics
/// Above 10 fraction bits.
pub fn exp_decays(frac: u32) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<u64>>; 11] = [const { OnceLock::new() }; 11];
    let decays = DECAYS.iter().skip((EXP_FRAC - frac) as usize);
    TABLES[frac as usize].get_or_init(|| [E_2].iter().chain(decays).copied().collect())
}

/// `e^(2 - j / 2^frac)` with 40 fraction bits, of [`exp_decays`]: what an entry may be; 0 for `j >= 31 2^frac`.
///
/// `j` may be a secret: no branch and no address depends on it.
#[inline(always)]
pub(crate) fn exp_entry(decays: &[u64], j: u32, frac: u32) -> u64 {
    let start = decays[0];
    let x = (0u32..).zip(&decays[1..]).fold(start, |x, (bit, decay)| {
        let take = 0u64.wrapping_sub(u64::from(j >> bit & 1));
        x ^ (x ^ high(x, *decay)) & take
    });
    let inside = 0u64.wrapping_sub(u64::from(j).wrapping_sub(u64::from(EXP_SPAN << frac)) >> 63);
    (x.wrapping_add(1 << 20) >> 21) & inside
}

/// `x e^-(j / 2^frac)` for `j < 2^(5 + frac)`, to within 15 units: a product over the bits of `j`.
fn decayed(x: u64, j: u32, frac: u32) -> u64 {
    let constants = DECAYS.iter().skip((EXP_FRAC - frac) as usize).enumerate();
    constants.filter(|(bit, _)| j >> bit & 1 == 1).fold(x, |x, (_, decay)| high(x, *decay))
}

/// `x y / 2^64`, to the nearest.
#[inline(always)]
fn high(x: u64, y: u64) -> u64 {
    ((u128::from(x) * u128::from(y) + (1 << 63)) >> 64) as u64
}

/// `x / 2^k` to the nearest, in two's complement.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in two's complement, and below 2^63")]
fn nearest(x: i128, k: u32) -> u64 {
    ((x + (1 << (k - 1))) >> k) as u64
}

/// `e^16` with 40 fraction bits.
const E_16: u64 = 0x8797_5e85_4001_0249;
/// `e^2` with 61 fraction bits.
const E_2: u64 = 0xec73_25c6_a6ed_6e62;
/// `e^-(2^(i - 10))` with 64 fraction bits.
const DECAYS: [u64; 15] = [
    0xffc0_07ff_555f_ff77,
    0xff80_1ffa_ab55_4446,
    0xff00_7fd5_5ffd_de39,
    0xfe01_feab_5511_27cc,
    0xfc07_f55f_f77d_2494,
    0xf81f_ab54_45ae_bc8a,
    0xf07d_5fde_3815_1e73,
    0xe1eb_5127_6c11_0c3c,
    0xc75f_7cf5_6410_5743,
    0x9b45_97e3_7cb0_4ff4,
    0x5e2d_58d8_b3bc_df1b,
    0x22a5_5547_7f03_9740,
    0x04b0_556e_084f_3d1e,
    0x0015_fc21_0410_27ad,
    0x0000_01e3_55bb_aee8,
];

/// Quadratics for `1 / S` around `2^log_knots` knots, `16 / 2^log_knots` apart, with 30 fraction bits, the argument in units of
/// `2^-12` from its knot: all coefficients of order 0, of order 1, of order 2, in two's complement, and of every order all knots
/// twice, so that every rotation is a slice.
///
/// A quadratic is the least squares fit of `1 / max(S, 1/2)` on nine Chebyshev points, one knot distance either side; its
/// coefficient of order 2 is rounded first, and the mean takes that into account.
///
/// # Panics
/// Below 5 or above 8 `log_knots`.
pub fn reciprocal_quadratics(log_knots: u32) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<u64>>; 4] = [const { OnceLock::new() }; 4];
    // 1 / (s step), step = 2^(4 - log_knots)
    TABLES[log_knots as usize - 5].get_or_init(|| quadratics(log_knots, |s| (1 << (116 + log_knots)) / s))
}

/// The same for `1 / sqrt(S)`: fits of `1 / sqrt(max(S, 1/2))`.
///
/// # Panics
/// Below 5 or above 8 `log_knots`.
pub fn inverse_sqrt_quadratics(log_knots: u32) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<u64>>; 4] = [const { OnceLock::new() }; 4];
    // (1 / (s step)) 2^120, of which the root has 60 fraction bits
    let root = |s: i128| (((1i128 << 126) / s) << (50 + log_knots)).unsigned_abs().isqrt().cast_signed();
    TABLES[log_knots as usize - 5].get_or_init(|| quadratics(log_knots, root))
}

/// The quadratics around all knots of a function of `S / step` that is constant below `S = 1/2`; its argument and its value
/// have 60 fraction bits.
fn quadratics(log_knots: u32, f: impl Fn(i128) -> i128) -> Vec<u64> {
    let fits: Vec<_> = (0..1 << log_knots).map(|knot| quadratic(knot, log_knots, &f)).collect();
    (0..3).flat_map(|order| fits.iter().chain(&fits).map(move |a| a[order])).collect()
}

/// The quadratic around a knot. Numbers have 60 fraction bits.
fn quadratic(knot: i128, log_knots: u32, f: impl Fn(i128) -> i128) -> [u64; 3] {
    const ONE: i128 = 1 << 60;
    let f = |t: i128| f((knot * ONE + t).max(ONE << (log_knots - 5)));
    let mean = |g: &dyn Fn(i128) -> i128| CHEBYSHEV.iter().map(|t| f(*t) * g(*t)).sum::<i128>() / (9 * ONE);
    // the Chebyshev polynomials 1, t, 2 t^2 - 1 are orthogonal over these points
    let (b0, b1, b2) = (mean(&|_| ONE), 2 * mean(&|t| t), 2 * mean(&|t| 2 * (t * t / ONE) - ONE));
    // of s = 2^(16 - log_knots) t: t = s 2^(log_knots - 16), 2 t^2 - 1 = s^2 2^(2 log_knots - 31) - 1
    let (drop1, drop2) = (46 - log_knots, 61 - 2 * log_knots);
    let a2 = nearest(b2, drop2);
    let rounded = i128::from(a2.cast_signed()) << drop2;
    [nearest(b0 - rounded, 30), nearest(b1, drop1), a2]
}

/// `cos((2 i + 1) pi / 18)` with 60 fraction bits.
const CHEBYSHEV: [i128; 9] = {
    let [a, b, c, d] = [0x0fc1_c5c6_408e_0bad, 0x0ddb_3d74_2c26_553a, 0x0a48_dba9_1e0b_0e56, 0x0578_ea1d_2282_fd57];
    [a, b, c, d, 0, -d, -c, -b, -a]
};

#[cfg(test)]
mod tests {
    use super::*;

    /// All entries, and the first beyond them.
    fn exp_entries(frac: u32) -> Vec<u64> {
        (0..=EXP_SPAN << frac).map(|j| exp_entry(exp_decays(frac), j, frac)).collect()
    }

    fn real(x: u64, frac: u32) -> f64 {
        x.cast_signed() as f64 * f64::exp2(-f64::from(frac))
    }

    #[test]
    fn the_tables_are_the_same_integers_everywhere() {
        let (factors, quadratics) = ([8, 10].map(exp_factors), [7, 8].map(reciprocal_quadratics));
        let roots = [7, 8].map(inverse_sqrt_quadratics);
        let hashes = (factors.into_iter().map(<[u64]>::to_vec))
            .chain([8, 10].map(exp_entries))
            .chain(quadratics.into_iter().chain(roots).map(<[u64]>::to_vec))
            .map(|table| {
                let bytes: Vec<u8> = table.iter().flat_map(|x| x.to_le_bytes()).collect();
                blake3::hash(&bytes).to_hex().to_string()
            });
        assert_eq!(hashes.collect::<Vec<_>>(), HASHES);
    }

    /// Those of the same tables from decimal numbers of 60 digits.
    const HASHES: [&str; 8] = [
        "580d24c4e81626ee3b6055d63a1a5ec27283f97036b7c886a5cd267c9629e444",
        "eee8ac80e47808971418a50bf7d6ea362f8e9a86999cfbc856378bf266190bc2",
        "97e9e897d4f85f1f6003093e9bce00111d290e3b893020a96c2c76064c750df0",
        "72fd70120c39ad38c9dc492db9a22e2da45eca7871df8e4d7665c84b835eaede",
        "822d5d56ddc21710b3fed1191ab8acf02bb1d1386540a6bbb15e5f37c1e3102c",
        "6c8c01c3762fc52801d5523bb7dddfc4b71bd66ba29a840b6e8d4e1d78967e7f",
        "c8c557da44c7f0f28852011a052206ff2722fe496e0c44316a5ca3c4204ab878",
        "3d9ac69d9d63eb1f5f7377c23dd4790824224e23440bc08aab67ec7c3028f4bc",
    ];

    #[test]
    fn exponentials_are_within_half_a_unit() {
        for frac in 0..=10 {
            let step = f64::exp2(-f64::from(frac));
            let (factors, entries) = (exp_factors(frac), exp_entries(frac));
            assert_eq!((factors.len(), entries.len(), entries.last()), (16 << frac, (31 << frac) + 1, Some(&0)));
            let near = |x: u64, frac, exponent: f64| {
                // half a unit, and what f64 makes of it
                let error = (real(x, frac) - exponent.exp()).abs() / f64::exp2(-f64::from(frac));
                assert!(error <= 0.5 + 1e-2, "e^{exponent} is off by {error} units");
            };
            factors.iter().enumerate().for_each(|(j, x)| near(*x, 16, j as f64 * step));
            entries.iter().enumerate().for_each(|(j, x)| near(*x, 40, 2.0 - j as f64 * step));
            let beyond = [EXP_SPAN << frac, (EXP_SPAN << frac) + 1, u32::MAX];
            assert_eq!(beyond.map(|j| exp_entry(exp_decays(frac), j, frac)), [0; 3]);
        }
    }

    #[test]
    fn no_rounding_is_in_doubt() {
        // a product is off by a unit for each of 15 factors, and by half a one of its own
        let doubtful = |x: u64, k: u32| {
            let rest = x & ((1 << k) - 1);
            rest.abs_diff(1 << (k - 1)) <= 16
        };
        for frac in 0..=10 {
            assert!((0..=EXP_SPAN << frac).all(|j| !doubtful(decayed(E_2, j, frac), 21)), "{frac}");
            assert!((1..=16 << frac).all(|j| !doubtful(decayed(E_16, j, frac), 24)), "{frac}");
        }
        assert!(doubtful(3 << 20, 21) && doubtful((1 << 20) - 16, 21) && !doubtful((1 << 20) - 17, 21));
    }

    #[test]
    fn quadratics_are_close_to_the_reciprocal() {
        // protocols.md 4.1: all but the last cut, of one unit of 2^-16
        for (log_knots, bound) in [(7, 8.6e-4), (8, 9.4e-5)] {
            let (table, knots) = (reciprocal_quadratics(log_knots), 1 << log_knots);
            let spacing = 1i64 << (16 - log_knots);
            let mut worst = 0f64;
            // 0.95 <= S < 15.8, around both its knots
            for sum in 3892..64_717_i64 {
                for knot in [sum / spacing, sum / spacing + 1].map(|knot| usize::try_from(knot).unwrap()) {
                    if knot == knots {
                        continue;
                    }
                    let s = sum - spacing * i64::try_from(knot).unwrap();
                    let [a0, a1, a2] = [0, 1, 2].map(|order| table[2 * knots * order + knot].cast_signed());
                    worst =
                        worst.max((real((a0 + a1 * s + a2 * s * s).cast_unsigned(), 30) - 4096.0 / sum as f64).abs());
                }
            }
            assert!(worst + f64::exp2(-16.0) <= bound, "{worst} with {knots} knots");
            let twice = table.chunks(2 * knots).all(|order| order[..knots] == order[knots..]);
            assert!(twice && table.len() == 6 * knots);
        }
    }
}
