//! Softmax from rotated tables (protocols.md 4.1, 4.2): exp, reciprocal, and the product of two narrow wires.

use crate::fixed::mask;
use crate::kernel::fast::softmax as fast;
use crate::kernel::layout::{
    EXP_BITS, EXP_ENTRIES, EXP_FRAC, EXP_WHOLE, RECIPROCAL_FRAC, SUM_BITS, SUM_FRAC, UNIT_FRAC, UNIT_WIRE,
    probability_items,
};
use crate::kernel::lookup_tables::{EXP_STEP, EXP_TOP, exp_entry};
use crate::kernel::packed::{Filler, Items, bit};
use crate::kernel::row::{kernels, params};
use crate::kernel::{Word, low};

use super::select::public;

params! {
    /// Of `BELOW_MAX`.
    BelowMaxParams { classes, wire, bits, cut, first, up }
    /// Of `EXP`.
    ExpParams { frac, up }
    /// Of `PROBABILITY`.
    ProbabilityParams { classes, ring, bits, first, up }
    /// Of `RECIPROCAL`.
    ReciprocalParams { log_knots, bits, up }
    /// Of `ROW_SUM`.
    RowSumParams { classes, up }
}

kernels! {
    /// A row's distance to its largest element.
    BELOW_MAX = main of "below_max.wgsl", BelowMaxParams, [Ring, Ring, Raw, Raw] => Ring, below_max;
    /// Corrections of [`BELOW_MAX`].
    DEAL_BELOW_MAX = deal of "below_max.wgsl", BelowMaxParams, [Ring, Raw, Raw] => Raw, deal_below_max;
    /// Tables of [`EXP`].
    DEAL_EXP = deal of "exp.wgsl", ExpParams, [Ring, Wide, Raw] => Raw, deal_exp, fast;
    /// Corrections of [`PROBABILITY`].
    DEAL_PROBABILITY = deal of "probability.wgsl", ProbabilityParams, [Ring, Ring, Raw] => Raw, deal_probability;
    /// Tables of [`RECIPROCAL`].
    DEAL_RECIPROCAL = deal of "reciprocal.wgsl", ReciprocalParams, [Ring, Wide, Raw] => Raw, deal_reciprocal, fast;
    /// `e^d` from rotated tables.
    EXP = main of "exp.wgsl", ExpParams, [Ring, Wide, Raw] => Ring, exp;
    /// `e / S`.
    PROBABILITY = main of "probability.wgsl", ProbabilityParams, [Ring, Ring, Ring, Ring, Raw] => Ring, probability;
    /// `1 / S` from rotated tables.
    RECIPROCAL = main of "reciprocal.wgsl", ReciprocalParams, [Ring, Raw] => Ring, reciprocal;
    /// Sums of rows of exponentials.
    ROW_SUM = main of "row_sum.wgsl", RowSumParams, [Ring] => Ring, row_sum;
}

/// Drops `cut` of `bits` bits of a share, rounded up where `up`.
fn cut(x: u64, bits: u32, cut: u32, up: u32) -> u64 {
    let x = x & mask(bits);
    if up == 1 { x.shr_up(cut) } else { Word::shr(x, cut) }
}

/// `d = y - max y` of a row in `Z_2^bits`, then `cut` bits dropped; the maximum is `sum_i w_i y_i` of the opened winner bits.
/// Dealt: `lambda`, `lambda rho`, `bits` bits each.
fn below_max<W: Word>(p: &BelowMaxParams, hat: &[W], rho: &[W], won: &[u32], dealt: &[u32], out: &mut [W]) {
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
fn deal_below_max<W: Word>(p: &BelowMaxParams, rho: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let len = rho.len();
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, lr) = (share.next(len, p.bits), share.next(len, p.bits));
    let whole = mask(p.wire);
    fill.item(len, p.bits, |i| u64::from(bit(lambda, i)).wrapping_sub(l.at(i)));
    fill.item(len, p.bits, |i| (u64::from(bit(lambda, i)) * (rho[i].wide() & whole)).wrapping_sub(lr.at(i)));
}

/// `[e^d]` at 16 fraction bits in 20 bits: the table's entry at the high part of `d_hat`, times `e^(low part)` of
/// [`exp_factors`](crate::kernel::lookup_tables::exp_factors).
/// Dealt: 16 entries of 60 bits per element.
fn exp<W: Word>(p: &ExpParams, hat: &[W], low: &[u64], dealt: &[u32], out: &mut [W]) {
    let table = Items::new(dealt).next(hat.len() * EXP_ENTRIES, EXP_BITS);
    let digit = EXP_STEP + p.frac;
    for (i, (o, hat)) in out.iter_mut().zip(hat).enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "the ring of an exponent has at most 18 bits")]
        let d = hat.wide() as usize;
        let e = table.at(i * EXP_ENTRIES + (d >> digit)).wrapping_mul(low[d & ((1 << digit) - 1)]);
        *o = W::low(cut(e, EXP_BITS, EXP_FRAC, p.up));
    }
}

/// The tables of [`exp`]: entry `i` is `exp(16 J - rho_lo)`, `J = i - rho_hi` lifted to `[-14, 1]`, computed from `decays`,
/// that is [`exp_decays`](crate::kernel::lookup_tables::exp_decays); 0 for smaller `J`, and where it would be above `e^2`, which
/// is never looked up.
fn deal_exp<W: Word>(p: &ExpParams, rho: &[W], decays: &[u64], share0: &[u32], out: &mut [u32]) {
    let len = rho.len() * EXP_ENTRIES;
    let share = Items::new(share0).next(len, EXP_BITS);
    let digit = EXP_STEP + p.frac;
    Filler::new(out).item(len, EXP_BITS, |at| {
        let rho = low(rho[at / EXP_ENTRIES].wide() & mask(EXP_WHOLE + p.frac));
        let steps =
            low((at % EXP_ENTRIES) as u64).wrapping_sub(rho >> digit).wrapping_add(14) % low(EXP_ENTRIES as u64);
        // how far e^(16 J - rho_lo) is below e^2
        let below = (EXP_TOP << p.frac).wrapping_add(14 << digit).wrapping_sub(steps << digit);
        exp_entry(decays, below.wrapping_add(rho & low(mask(digit))), p.frac).wrapping_sub(share.at(at))
    });
}

/// `sum_j e[i, j]` in 20 bits, 4 of them dropped: the share of a sum with 12 fraction bits.
fn row_sum<W: Word>(p: &RowSumParams, e: &[W], out: &mut [W]) {
    for (o, row) in out.iter_mut().zip(e.chunks_exact(p.classes as usize)) {
        let sum = row.iter().fold(0u64, |s, x| s.wrapping_add(x.wide()));
        *o = W::low(cut(sum, UNIT_WIRE, UNIT_FRAC - SUM_FRAC, p.up)).and(W::ones(SUM_BITS));
    }
}

/// `[1 / S]` at 16 fraction bits in 20 bits: a quadratic in the low part of `S_hat`, chosen by the high part.
/// Dealt: three items of `knots` coefficients of `bits` bits per element, lowest order first.
fn reciprocal<W: Word>(p: &ReciprocalParams, hat: &[W], dealt: &[u32], out: &mut [W]) {
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
/// [`reciprocal_quadratics`](crate::kernel::lookup_tables::reciprocal_quadratics).
fn deal_reciprocal<W: Word>(p: &ReciprocalParams, rho: &[W], quadratics: &[u64], share0: &[u32], out: &mut [u32]) {
    let (len, knots) = (rho.len(), 1usize << p.log_knots);
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let digit = SUM_BITS - p.log_knots;
    for order in 0..3 {
        let share = share.next(len * knots, p.bits);
        fill.item(len * knots, p.bits, |i| {
            let rho = rho[i / knots].wide() & mask(SUM_BITS);
            let (turn, r) = (low(rho >> digit) as usize, rho & mask(digit));
            // every order has all its knots twice
            let [a0, a1, a2] = [0, 1, 2].map(|order| quadratics[2 * knots * order + knots + i % knots - turn]);
            let coefficient = match order {
                0 => a0.wrapping_sub(a1.wrapping_mul(r)).wrapping_add(a2.wrapping_mul(r * r)),
                1 => a1.wrapping_sub((2 * r).wrapping_mul(a2)),
                _ => a2,
            };
            coefficient.wrapping_sub(share.at(i))
        });
    }
}

/// `[e r]` of two narrow wires (one `r` per row) in `Z_2^bits`, `bits - ring` bits dropped: a probability in the ring.
///
/// `e r = I_e [r] + I_r [e] - I_e I_r + [ra rb] - 2^w na [ma rb] - 2^w nb [ra mb] + 2^(2w) na nb [ma mb]`.
fn probability<W: Word>(
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
fn deal_probability<W: Word>(p: &ProbabilityParams, e_rho: &[W], r_rho: &[W], share0: &[u32], out: &mut [u32]) {
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
