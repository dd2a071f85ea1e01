//! The dealer's tables of softmax, in chunks across cores. No branch and no address depends on the masks.

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::layout::{EXP_BITS, EXP_ENTRIES, EXP_WHOLE, SUM_BITS};
use crate::kernel::lookup_tables::{EXP_STEP, EXP_TOP, exp_entry};
use crate::kernel::packed::{Filler, Items};
use crate::kernel::twin::softmax::{ExpParams, ReciprocalParams};

use super::chunks::{CHUNK, Chunks, lanes, pack_item};
use super::split::{at_level, inlined};

/// Of 16 entries only those for `J` of -1, 0 and 1 are computed, and put where their `J` is.
pub(crate) fn deal_exp<W: Word>(p: &ExpParams, rho: &[W], decays: &[u64], share0: &[u32], out: &mut [u32]) {
    let len = rho.len() * EXP_ENTRIES;
    let share = Items::new(share0).next(len, EXP_BITS);
    let digit = EXP_STEP + p.frac;
    let top = EXP_TOP << p.frac;
    inlined!(pack_item(&mut Filler::new(out), len, EXP_BITS), |c| {
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
    });
}

/// All bits where a condition holds that may be a secret, else none.
#[inline(always)]
fn all_if(condition: bool) -> u64 {
    0u64.wrapping_sub(u64::from(condition))
}

/// Coefficients are rotated first, all of an element at once.
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
    let mut rotated = Vec::new();
    let (by, to) = (rho.iter().map(|rho| (rho.wide() & mask(SUM_BITS)) >> digit), &mut rotated);
    at_level(
        #[inline(always)]
        move || rotate(quadratics, knots, by, to),
    );
    let rotated = &rotated[..];
    for order in 0..3 {
        let share = share.next(len * knots, p.bits);
        inlined!(pack_item(&mut fill, len * knots, p.bits), |c| {
            let (element, at) = (c * CHUNK / knots, c * CHUNK % knots);
            let r = rho[element].wide() & mask(digit);
            let slice = |order: usize| &rotated[(3 * element + order) * knots + at..][..CHUNK];
            let (share, [a0, a1, a2]) = (share.chunk(c), [slice(0), slice(1), slice(2)]);
            match order {
                0 => lanes!(|j| {
                    let linear = a1[j].wrapping_sub(r.wrapping_mul(a2[j]));
                    a0[j].wrapping_sub(r.wrapping_mul(linear)).wrapping_sub(share[j])
                }),
                1 => lanes!(|j| a1[j].wrapping_sub((2 * r).wrapping_mul(a2[j])).wrapping_sub(share[j])),
                _ => lanes!(|j| a2[j].wrapping_sub(share[j])),
            }
        });
    }
}

/// For every element the coefficients of all orders, each rotated up by the element's number, which may be a secret: as many
/// conditional rotations by powers of two as it has bits, so that no branch and no address depends on it.
#[inline(always)]
fn rotate(quadratics: &[u64], knots: usize, by: impl Iterator<Item = u64>, all: &mut Vec<u64>) {
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
}
