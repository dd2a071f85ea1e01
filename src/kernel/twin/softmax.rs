//! Softmax from rotated tables (protocols.md 4.1, 4.2): exp, reciprocal, and the product of two narrow wires.

use std::sync::OnceLock;

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::fast::bits::{CHUNK, Filler, Items, bit, lanes, words};
use crate::kernel::table::{BelowMaxParams, ExpParams, ProbabilityParams, ReciprocalParams, RowSumParams};

use super::select::public;

/// Integer bits of an exponent; its ring has `EXP_WHOLE + frac` bits.
pub(crate) const EXP_WHOLE: u32 = 8;
/// Entries of an exp table: knots `2^EXP_STEP` apart.
pub(crate) const EXP_ENTRIES: usize = 1 << (EXP_WHOLE - EXP_STEP);
/// Bits of an entry: 40 fraction bits, of which 20 stay above the cut.
pub(crate) const EXP_BITS: u32 = 60;
/// Bits of the wires of `exp` and `1 / sum`; both have 16 fraction bits.
pub(crate) const UNIT_WIRE: u32 = 20;
/// Fraction bits of `exp` and `1 / sum`.
pub(crate) const UNIT_FRAC: u32 = 16;
/// Ring of the sum that is inverted: 4 integer and 12 fraction bits.
pub(crate) const SUM_BITS: u32 = 16;
/// Fraction bits of the sum.
pub(crate) const SUM_FRAC: u32 = 12;
const EXP_STEP: u32 = 4;
const EXP_FRAC: u32 = 40;
const RECIPROCAL_FRAC: u32 = 30;

/// Drops `cut` of `bits` bits of a share, rounded up where `up`.
#[inline(always)]
fn cut(x: u64, bits: u32, cut: u32, up: u32) -> u64 {
    let x = x & mask(bits);
    if up == 1 { x.shr_up(cut) } else { Word::shr(x, cut) }
}

/// `d = y - max y` of a row in `Z_2^bits`, then `cut` bits dropped; the maximum is `sum_i w_i y_i` of the opened winner bits.
/// Dealt: `lambda`, `lambda rho`, `bits` bits each.
#[inline(always)]
pub(crate) fn below_max<W: Word>(p: &BelowMaxParams, hat: &[W], rho: &[W], won: &[u32], dealt: &[u32], out: &mut [W]) {
    let (len, c) = (hat.len(), p.classes as usize);
    let mut items = Items::new(dealt);
    let (lambda, lambda_rho) = (items.next(len, p.bits), items.next(len, p.bits));
    let share = |i: usize| (public(hat[i].wide(), p.wire).0 * u64::from(p.first)).wrapping_sub(rho[i].wide());
    for (row, out) in out.chunks_exact_mut(c).enumerate() {
        let mut top = 0u64;
        for x in 0..c {
            let i = row * c + x;
            let b = u64::from(bit(won, i));
            let masked = public(hat[i].wide(), p.wire).0.wrapping_mul(lambda.at(i)).wrapping_sub(lambda_rho.at(i));
            top =
                top.wrapping_add(b.wrapping_mul(share(i))).wrapping_add(1u64.wrapping_sub(2 * b).wrapping_mul(masked));
        }
        for (x, o) in out.iter_mut().enumerate() {
            *o = W::low(cut(share(row * c + x).wrapping_sub(top), p.bits, p.cut, p.up));
        }
    }
}

/// The corrections of [`below_max`].
#[inline(always)]
pub(crate) fn deal_below_max<W: Word>(p: &BelowMaxParams, rho: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let len = rho.len();
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, lr) = (share.next(len, p.bits), share.next(len, p.bits));
    let whole = mask(p.wire);
    fill.item(len, p.bits, |i| u64::from(bit(lambda, i)).wrapping_sub(l.at(i)));
    fill.item(len, p.bits, |i| (u64::from(bit(lambda, i)) * (rho[i].wide() & whole)).wrapping_sub(lr.at(i)));
}

/// `e^(j / 2^frac)` for `j < 2^(EXP_STEP + frac)`, in units of `2^-16`.
///
/// It multiplies shares, so it must be the same integers everywhere: products of 14 constants in f64, which IEEE 754 fixes
/// to the bit, rounded; no library's `exp`. A test knows its hash and compares it with `exp`.
pub(crate) fn exp_low(frac: u32) -> &'static [u64] {
    static TABLES: [OnceLock<Vec<u64>>; 11] = [const { OnceLock::new() }; 11];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2^40 and positive")]
    TABLES[frac as usize].get_or_init(|| powers(&EXP_POWERS, frac).map(|e| (e * 65_536.0).round() as u64).collect())
}

/// The products of `constants[i]`, the constant of `2^(i - 10)`, over the bits of every `j / 2^frac`, `j < 2^(EXP_STEP + frac)`.
fn powers(constants: &[f64; 14], frac: u32) -> impl Iterator<Item = f64> {
    let constants = constants.split_at(10 - frac as usize).1.to_vec();
    (0..1u32 << (EXP_STEP + frac)).map(move |j| {
        let bits = constants.iter().enumerate().filter(|(b, _)| j >> b & 1 == 1);
        bits.fold(1.0, |x, (_, constant)| x * constant)
    })
}

/// `e^(2^(i - 10))`.
#[expect(clippy::approx_constant, reason = "digits that no library chooses")]
const EXP_POWERS: [f64; 14] = [
    1.000_977_039_492_416_5,
    1.001_955_033_591_002_8,
    1.003_913_889_338_347_5,
    1.007_843_097_206_448,
    1.015_747_708_586_685_7,
    1.031_743_407_499_102_7,
    1.064_494_458_917_859_3,
    1.133_148_453_066_826_3,
    1.284_025_416_687_741_5,
    1.648_721_270_700_128_2,
    2.718_281_828_459_045,
    7.389_056_098_930_65,
    54.598_150_033_144_236,
    2_980.957_987_041_728_3,
];

/// `[e^d]` at 16 fraction bits in 20 bits: the table's entry at the high part of `d_hat`, times `e^(low part)`.
/// Dealt: 16 entries of 60 bits per element.
#[inline(always)]
pub(crate) fn exp<W: Word>(p: &ExpParams, hat: &[W], low: &[u64], dealt: &[u32], out: &mut [W]) {
    let table = Items::new(dealt).next(hat.len() * EXP_ENTRIES, EXP_BITS);
    let digit = EXP_STEP + p.frac;
    for (i, (o, hat)) in out.iter_mut().zip(hat).enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "the ring of an exponent has at most 18 bits")]
        let d = hat.wide() as usize;
        let e = table.at(i * EXP_ENTRIES + (d >> digit)).wrapping_mul(low[d & ((1 << digit) - 1)]);
        *o = W::low(cut(e, EXP_BITS, EXP_FRAC, p.up));
    }
}

/// The tables of [`exp`]: entry `i` is `exp(16 J - rho_lo)`, `J = i - rho_hi` lifted to `[-14, 1]`. Entries above
/// `2^50` are saturated; in the range of use those that are looked up stay below `2^42`.
#[inline(always)]
pub(crate) fn deal_exp<W: Word>(p: &ExpParams, rho: &[W], share0: &[u32], out: &mut [u32]) {
    let len = rho.len() * EXP_ENTRIES;
    let share = Items::new(share0).next(len, EXP_BITS);
    let digit = EXP_STEP + p.frac;
    // twice, so that every rotation is a slice
    let knots: [f64; 2 * EXP_ENTRIES] = lanes(
        #[inline(always)]
        |j| EXP_KNOTS[j % EXP_ENTRIES],
    );
    let decay = exp_decay(p.frac);
    Filler::new(out).chunks(
        len,
        EXP_BITS,
        #[inline(always)]
        move |c| {
            let mut values = share.chunk(c);
            for (values, rho) in values.chunks_exact_mut(EXP_ENTRIES).zip(&rho[c * CHUNK / EXP_ENTRIES..]) {
                #[expect(clippy::cast_possible_truncation, reason = "the ring of an exponent has at most 18 bits")]
                let rho = (rho.wide() & mask(EXP_WHOLE + p.frac)) as usize;
                let scale = decay[rho & ((1 << digit) - 1)];
                let knots = &knots[(EXP_ENTRIES + 14 - (rho >> digit)) % EXP_ENTRIES..][..EXP_ENTRIES];
                for (x, knot) in values.iter_mut().zip(knots) {
                    *x = nearest((knot * scale).min(SATURATED)).wrapping_sub(*x);
                }
            }
            values
        },
    );
}

/// `e^(16 i - 224)` in units of `2^-EXP_FRAC`; what would round to 0 is 0.
const EXP_KNOTS: [f64; EXP_ENTRIES] = [
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    0.,
    123_733.733_137_629_15,
    1_099_511_627_776.,
    9.770_381_843_001_05e18,
];

/// More than any entry that is looked up.
const SATURATED: f64 = 1_125_899_906_842_624.0;

/// The nearest integer of a number below `2^51`, in two's complement.
#[inline(always)]
fn nearest(x: f64) -> u64 {
    // here the last bit of a number's mantissa counts one
    const ONES: f64 = 6_755_399_441_055_744.0;
    (x + ONES).to_bits().wrapping_sub(ONES.to_bits())
}

/// `e^-(j / 2^frac)`, products of constants as in [`exp_low`], so that test vectors are the same everywhere.
#[inline(always)]
fn exp_decay(frac: u32) -> &'static [f64] {
    static TABLES: [OnceLock<Vec<f64>>; 11] = [const { OnceLock::new() }; 11];
    TABLES[frac as usize].get_or_init(|| powers(&DECAY_POWERS, frac).collect())
}

/// `e^-(2^(i - 10))`.
const DECAY_POWERS: [f64; 14] = [
    0.999_023_914_181_975_7,
    0.998_048_781_107_475_5,
    0.996_101_369_470_117_5,
    0.992_217_938_260_243_5,
    0.984_496_437_005_408_5,
    0.969_233_234_476_344_1,
    0.939_413_062_813_475_8,
    0.882_496_902_584_595_5,
    0.778_800_783_071_404_9,
    0.606_530_659_712_633_4,
    0.367_879_441_171_442_33,
    0.135_335_283_236_612_7,
    0.018_315_638_888_734_18,
    0.000_335_462_627_902_511_85,
];

/// `sum_j e[i, j]` in 20 bits, 4 of them dropped: the share of a sum with 12 fraction bits.
#[inline(always)]
pub(crate) fn row_sum<W: Word>(p: &RowSumParams, e: &[W], out: &mut [W]) {
    for (o, row) in out.iter_mut().zip(e.chunks_exact(p.classes as usize)) {
        let sum = row.iter().fold(0u64, |s, x| s.wrapping_add(x.wide()));
        *o = W::low(cut(sum, UNIT_WIRE, UNIT_FRAC - SUM_FRAC, p.up)).and(W::ones(SUM_BITS));
    }
}

/// `[1 / S]` at 16 fraction bits in 20 bits: a quadratic in the low part of `S_hat`, chosen by the high part.
/// Dealt: three items of `knots` coefficients of `bits` bits per element, lowest order first.
#[inline(always)]
pub(crate) fn reciprocal<W: Word>(p: &ReciprocalParams, hat: &[W], dealt: &[u32], out: &mut [W]) {
    let (len, knots) = (hat.len(), 1 << p.log_knots);
    let mut items = Items::new(dealt);
    let [c0, c1, c2] = std::array::from_fn(|_| items.next(len * knots, p.bits));
    let digit = SUM_BITS - p.log_knots;
    for (i, (o, hat)) in out.iter_mut().zip(hat).enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "the sum's ring has 16 bits")]
        let at = i * knots + (hat.wide() >> digit) as usize;
        let lo = hat.wide() & mask(digit);
        let r = c0.at(at).wrapping_add(c1.at(at).wrapping_mul(lo)).wrapping_add(c2.at(at).wrapping_mul(lo * lo));
        *o = W::low(cut(r, p.bits, RECIPROCAL_FRAC - UNIT_FRAC, p.up)).and(W::ones(UNIT_WIRE));
    }
}

/// The coefficients of [`reciprocal`], rotated by the high part of the mask, with its low part `r` folded in:
/// `c0 = a0 - a1 r + a2 r^2`, `c1 = a1 - 2 a2 r`, `c2 = a2`.
#[inline(always)]
pub(crate) fn deal_reciprocal<W: Word>(p: &ReciprocalParams, rho: &[W], share0: &[u32], out: &mut [u32]) {
    let (len, knots) = (rho.len(), 1usize << p.log_knots);
    debug_assert_eq!(knots % CHUNK, 0, "a chunk belongs to one element");
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (digit, unit) = (SUM_BITS - p.log_knots, f64::exp2(-f64::from(SUM_FRAC)));
    let [a0, a1, a2] = reciprocal_polynomials(p.log_knots);
    let one = f64::exp2(f64::from(RECIPROCAL_FRAC));
    for order in 0..3 {
        let share = share.next(len * knots, p.bits);
        fill.chunks(
            len * knots,
            p.bits,
            #[inline(always)]
            move |c| {
                #[expect(clippy::cast_possible_truncation, reason = "the sum's ring has 16 bits")]
                let rho = (rho[c * CHUNK / knots].wide() & mask(SUM_BITS)) as usize;
                let r = (rho & ((1 << digit) - 1)) as f64 * unit;
                let [f0, f1, f2] = match order {
                    0 => [one, -r * one, r * r * one],
                    1 => [0.0, unit * one, -2.0 * r * unit * one],
                    _ => [0.0, 0.0, unit * unit * one],
                };
                let (share, at) = (share.chunk(c), (c * CHUNK + knots - (rho >> digit)) % knots);
                let (a0, a1, a2) = (&a0[at..at + CHUNK], &a1[at..at + CHUNK], &a2[at..at + CHUNK]);
                lanes(
                    #[inline(always)]
                    |j| nearest(f0 * a0[j] + f1 * a1[j] + f2 * a2[j]).wrapping_sub(share[j]),
                )
            },
        );
    }
}

/// `1 / max(S, 1/2)` as a quadratic around every knot, least squares on nine Chebyshev points one knot distance either side:
/// the coefficients of every order, all knots twice, so that every rotation is a slice.
fn reciprocal_polynomials(log_knots: u32) -> &'static [Vec<f64>; 3] {
    static TABLES: [OnceLock<[Vec<f64>; 3]>; 9] = [const { OnceLock::new() }; 9];
    TABLES[log_knots as usize].get_or_init(|| {
        let step = 16.0 / f64::exp2(f64::from(log_knots));
        let mean = |g: &dyn Fn(f64) -> f64| CHEBYSHEV.iter().fold(0.0, |sum, t| sum + g(*t)) / 9.0;
        let fit = |knot: u32| {
            let f = |t: f64| 1.0 / (f64::from(knot) * step + t * step).max(0.5);
            // the Chebyshev polynomials 1, t, 2 t^2 - 1 are orthogonal over these points
            let (b0, b1, b2) = (mean(&f), 2.0 * mean(&|t| f(t) * t), 2.0 * mean(&|t| f(t) * (2.0 * t * t - 1.0)));
            [b0 - b2, b1 / step, 2.0 * b2 / (step * step)]
        };
        let fits: Vec<_> = (0..1 << log_knots).map(fit).collect();
        std::array::from_fn(|order| fits.iter().chain(&fits).map(|a| a[order]).collect())
    })
}

/// `cos((2 i + 1) pi / 18)`.
const CHEBYSHEV: [f64; 9] = [
    0.984_807_753_012_208,
    0.866_025_403_784_438_6,
    0.642_787_609_686_539_4,
    0.342_020_143_325_668_7,
    0.0,
    -0.342_020_143_325_668_7,
    -0.642_787_609_686_539_4,
    -0.866_025_403_784_438_6,
    -0.984_807_753_012_208,
];

/// Widths of what [`probability`] is dealt, in order: carries of both factors, then `ra rb`, `ma rb`, `ra mb`, `ma mb`.
pub(crate) const fn probability_items(rows: usize, classes: usize, bits: u32) -> [(usize, u32); 8] {
    let (all, high, w) = (rows * classes, bits - UNIT_WIRE, UNIT_WIRE);
    [(all, high), (all, high), (rows, high), (rows, high), (all, bits), (all, high), (all, high), (all, bits - 2 * w)]
}

/// Words of what [`probability`] is dealt.
#[inline(always)]
pub(crate) fn probability_words(rows: usize, classes: usize, bits: u32) -> usize {
    probability_items(rows, classes, bits).iter().map(|(len, bits)| words(*len, *bits)).sum()
}

/// `[e r]` of two narrow wires (one `r` per row) in `Z_2^bits`, `bits - ring` bits dropped: a probability in the ring.
///
/// `e r = I_e [r] + I_r [e] - I_e I_r + [ra rb] - 2^w na [ma rb] - 2^w nb [ra mb] + 2^(2w) na nb [ma mb]`.
#[inline(always)]
pub(crate) fn probability<W: Word>(
    p: &ProbabilityParams,
    e_hat: &[W],
    e_rho: &[W],
    r_hat: &[W],
    r_rho: &[W],
    dealt: &[u32],
    out: &mut [W],
) {
    let (rows, c, w) = (r_hat.len(), p.classes as usize, UNIT_WIRE);
    let mut items = Items::new(dealt);
    let [ka, ma, kb, mb, rr, mr, rm, mm] = probability_items(rows, c, p.bits).map(|(len, bits)| items.next(len, bits));
    let first = u64::from(p.first);
    for (i, o) in out.iter_mut().enumerate() {
        let row = i / c;
        let ((a, na), (b, nb)) = (public(e_hat[i].wide(), w), public(r_hat[row].wide(), w));
        let carry = |k: u64, n: u64, m: u64| k.wrapping_add(n * m) << w;
        let ea = (first * a).wrapping_sub(e_rho[i].wide()).wrapping_add(carry(ka.at(i), na, ma.at(i)));
        let eb = (first * b).wrapping_sub(r_rho[row].wide()).wrapping_add(carry(kb.at(row), nb, mb.at(row)));
        let masks = rr
            .at(i)
            .wrapping_sub((na * mr.at(i)) << w)
            .wrapping_sub((nb * rm.at(i)) << w)
            .wrapping_add((na * nb * mm.at(i)) << (2 * w));
        let public = (first * a).wrapping_mul(b);
        let product = a.wrapping_mul(eb).wrapping_add(b.wrapping_mul(ea)).wrapping_sub(public).wrapping_add(masks);
        *o = W::low(cut(product, p.bits, p.bits - p.ring, p.up));
    }
}

/// The corrections of [`probability`]; the masks are sums of both servers', not reduced.
#[inline(always)]
pub(crate) fn deal_probability<W: Word>(
    p: &ProbabilityParams,
    e_rho: &[W],
    r_rho: &[W],
    share0: &[u32],
    out: &mut [u32],
) {
    let (rows, c, w) = (r_rho.len(), p.classes as usize, UNIT_WIRE);
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let low = |x: W| x.wide() & mask(w);
    let top = |x: W| x.wide() >> (w - 1) & 1;
    for (at, (len, bits)) in probability_items(rows, c, p.bits).into_iter().enumerate() {
        let share = share.next(len, bits);
        fill.item(len, bits, |i| {
            let (a, b) =
                (e_rho[i.min(e_rho.len() - 1)], r_rho[if len == rows && at < 4 { i.min(rows - 1) } else { i / c }]);
            let value = match at {
                0 => a.wide() >> w,
                1 => top(a),
                2 => r_rho[i].wide() >> w,
                3 => top(r_rho[i]),
                4 => low(a).wrapping_mul(low(b)),
                5 => top(a) * low(b),
                6 => low(a) * top(b),
                _ => top(a) * top(b),
            };
            value.wrapping_sub(share.at(i))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_exp_is_the_same_integers_everywhere_and_within_its_rounding() {
        for (frac, hash) in [
            (8, "580d24c4e81626ee3b6055d63a1a5ec27283f97036b7c886a5cd267c9629e444"),
            (10, "eee8ac80e47808971418a50bf7d6ea362f8e9a86999cfbc856378bf266190bc2"),
        ] {
            let table = exp_low(frac);
            assert_eq!(table.len(), 16 << frac);
            let bytes: Vec<u8> = table.iter().flat_map(|x| x.to_le_bytes()).collect();
            assert_eq!(blake3::hash(&bytes).to_hex().as_str(), hash, "{frac} fraction bits");
            for (j, x) in table.iter().enumerate() {
                let exact = f64::exp(j as f64 / f64::exp2(f64::from(frac))) * 65_536.0;
                // half a unit, and 14 products of f64
                let error = (*x as f64 - exact).abs();
                assert!(error <= 0.5 + exact * 16.0 * f64::EPSILON, "e^({j} / 2^{frac}) is off by {error}");
            }
        }
    }
}
