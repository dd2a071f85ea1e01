//! Softmax from rotated tables (protocols.md 4.1, 4.2): exp, reciprocal, and the product of two narrow wires.

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::fast::bits::{CHUNK, Filler, Items, bit, lanes, words};
use crate::kernel::rotated::{EXP_STEP, EXP_TOP, exp_entry};
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

/// `[e^d]` at 16 fraction bits in 20 bits: the table's entry at the high part of `d_hat`, times `e^(low part)` of
/// [`exp_factors`](crate::kernel::rotated::exp_factors).
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

/// The tables of [`exp`]: entry `i` is `exp(16 J - rho_lo)`, `J = i - rho_hi` lifted to `[-14, 1]`, computed from `decays`, that is
/// [`exp_decays`](crate::kernel::rotated::exp_decays); 0 for smaller `J`, and where it would be above `e^2`, which is never looked up.
/// No branch and no address depends on the mask.
#[inline(always)]
pub(crate) fn deal_exp<W: Word>(p: &ExpParams, rho: &[W], decays: &[u64], share0: &[u32], out: &mut [u32]) {
    let len = rho.len() * EXP_ENTRIES;
    let share = Items::new(share0).next(len, EXP_BITS);
    let digit = EXP_STEP + p.frac;
    let top = EXP_TOP << p.frac;
    Filler::new(out).chunks(
        len,
        EXP_BITS,
        #[inline(always)]
        move |c| {
            let mut values = share.chunk(c);
            for (values, rho) in values.chunks_exact_mut(EXP_ENTRIES).zip(&rho[c * CHUNK / EXP_ENTRIES..]) {
                #[expect(clippy::cast_possible_truncation, reason = "the ring of an exponent has at most 18 bits")]
                let rho = (rho.wide() & mask(EXP_WHOLE + p.frac)) as u32;
                let (high, low) = (rho >> digit, rho & ((1 << digit) - 1));
                // those of all other J are 0; what is above e^2 wraps to beyond the last
                let entries = [top + (1 << digit), top, top.wrapping_sub(1 << digit)]
                    .map(|below| exp_entry(decays, low.wrapping_add(below), p.frac));
                for (i, x) in (0u32..).zip(values) {
                    let step = i.wrapping_sub(high).wrapping_add(1) % (1 << (EXP_WHOLE - EXP_STEP));
                    let entry = (0u32..).zip(entries).fold(0, |sum, (at, entry)| sum | entry & all_if(step == at));
                    *x = entry.wrapping_sub(*x);
                }
            }
            values
        },
    );
}

/// All bits where a condition holds that may be a secret, else none.
#[inline(always)]
fn all_if(condition: bool) -> u64 {
    0u64.wrapping_sub(u64::from(condition))
}

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
/// `c0 = a0 - a1 r + a2 r^2`, `c1 = a1 - 2 a2 r`, `c2 = a2`, exactly, of `quadratics`, that is
/// [`reciprocal_quadratics`](crate::kernel::rotated::reciprocal_quadratics). No branch and no address depends on the mask.
#[inline(always)]
pub(crate) fn deal_reciprocal<W: Word>(
    p: &ReciprocalParams,
    rho: &[W],
    quadratics: &[u64],
    share0: &[u32],
    out: &mut [u32],
) {
    let (len, knots) = (rho.len(), 1usize << p.log_knots);
    debug_assert_eq!(knots % CHUNK, 0, "a chunk belongs to one element");
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let digit = SUM_BITS - p.log_knots;
    let rotated = rotated(quadratics, knots, rho.iter().map(|rho| (rho.wide() & mask(SUM_BITS)) >> digit));
    let rotated = &rotated;
    for order in 0..3 {
        let share = share.next(len * knots, p.bits);
        fill.chunks(
            len * knots,
            p.bits,
            #[inline(always)]
            move |c| {
                let (element, at) = (c * CHUNK / knots, c * CHUNK % knots);
                let r = rho[element].wide() & mask(digit);
                let slice = |order: usize| &rotated[(3 * element + order) * knots + at..][..CHUNK];
                let (share, [a0, a1, a2]) = (share.chunk(c), [slice(0), slice(1), slice(2)]);
                match order {
                    0 => lanes(
                        #[inline(always)]
                        |j| {
                            a0[j]
                                .wrapping_sub(r.wrapping_mul(a1[j].wrapping_sub(r.wrapping_mul(a2[j]))))
                                .wrapping_sub(share[j])
                        },
                    ),
                    1 => lanes(
                        #[inline(always)]
                        |j| a1[j].wrapping_sub((2 * r).wrapping_mul(a2[j])).wrapping_sub(share[j]),
                    ),
                    _ => lanes(
                        #[inline(always)]
                        |j| a2[j].wrapping_sub(share[j]),
                    ),
                }
            },
        );
    }
}

/// For every element the coefficients of all orders, each rotated up by the element's number, which may be a secret: as many
/// conditional rotations by powers of two as it has bits, so that no branch and no address depends on it.
#[inline(always)]
fn rotated(quadratics: &[u64], knots: usize, by: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut all = Vec::new();
    let (mut x, mut turned) = (vec![0u64; knots], vec![0u64; knots]);
    for by in by {
        for order in quadratics.chunks_exact(2 * knots) {
            x.copy_from_slice(&order[..knots]);
            for bit in 0..knots.trailing_zeros() {
                let (step, take) = (1usize << bit, 0u64.wrapping_sub(by >> bit & 1));
                turned[step..].copy_from_slice(&x[..knots - step]);
                turned[..step].copy_from_slice(&x[knots - step..]);
                x.iter_mut().zip(&turned).for_each(|(x, turned)| *x ^= (*x ^ turned) & take);
            }
            all.extend_from_slice(&x);
        }
    }
    all
}

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
