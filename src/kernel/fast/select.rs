//! Extension of a wire into the ring, and its product with a secret bit, in chunks across cores.

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::packed::{Filler, Items, Packed};
use crate::kernel::twin::select::public;
use crate::kernel::twin::select::{CorrectParams, ExtendParams, SelectParams, ShareBitsParams};

use super::chunks::{Bits, elementwise, fill, pack_chunks, pack_item};
use super::split::PIECE;

/// In chunks; products with bits are masks.
pub(crate) fn extend<W: Word>(p: &ExtendParams, hat: &[W], rho: &[W], dealt: &[u32], out: &mut [W]) {
    let (len, high) = (hat.len(), p.ring - p.wire);
    let mut items = Items::new(dealt);
    let (kappa, mu) = (items.next(len, high), items.next(len, high));
    let (first, whole) = (u64::from(p.first).wrapping_neg(), mask(p.ring));
    elementwise!(fill(out, PIECE), hat, rho, kappa, mu => {
        let (a, n) = public(hat, p.wire);
        let carry = kappa.wrapping_add(n.wrapping_neg() & mu) << p.wire;
        (a & first).wrapping_sub(rho).wrapping_add(carry) & whole
    });
}

/// In chunks.
pub(crate) fn deal_extend<W: Word>(p: &ExtendParams, rho: &[W], share0: &[u32], out: &mut [u32]) {
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    deal_carry(p.wire, p.ring - p.wire, rho, &mut share, &mut fill);
}

fn deal_carry<W: Word>(wire: u32, high: u32, rho: &[W], share: &mut Items<'_>, fill: &mut Filler<'_>) {
    let len = rho.len();
    let (kappa, mu) = (share.next(len, high), share.next(len, high));
    elementwise!(pack_item(fill, len, high), rho, kappa => (rho >> wire).wrapping_sub(kappa));
    elementwise!(pack_item(fill, len, high), rho, mu => (rho >> (wire - 1) & 1).wrapping_sub(mu));
}

/// In chunks; products with bits are masks, `1 - 2 b_hat` is a choice.
pub(crate) fn select<W: Word>(
    p: &SelectParams,
    hat: &[W],
    rho: &[W],
    bits: &[u32],
    lambda: &[u32],
    dealt: &[u32],
    out: &mut [W],
) {
    let (len, high, b_hat) = (hat.len(), p.ring - p.wire, Bits(bits));
    let lambda = Packed::new(lambda, p.ring);
    let mut items = Items::new(dealt);
    let (kappa, mu) = (items.next(len, high), items.next(len, high));
    let (lambda_rho, lambda_mu) = (items.next(len, p.ring), items.next(len, high));
    let (first, whole) = (u64::from(p.first).wrapping_neg(), mask(p.ring));
    elementwise!(fill(out, PIECE), hat, rho, b_hat, lambda, kappa, mu, lambda_rho, lambda_mu => {
        let (a, n) = public(hat, p.wire);
        let n = n.wrapping_neg();
        let carry = kappa.wrapping_add(n & mu) << p.wire;
        let y = (a & first).wrapping_sub(rho).wrapping_add(carry);
        let wrap = (n & lambda_mu) << p.wire;
        let ly = a.wrapping_mul(lambda).wrapping_sub(lambda_rho).wrapping_add(wrap);
        (if b_hat == 1 { y.wrapping_sub(ly) } else { ly }) & whole
    });
}

/// In chunks.
pub(crate) fn deal_select<W: Word>(p: &SelectParams, rho: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let (len, ring, high, l) = (rho.len(), p.ring, p.ring - p.wire, p.wire);
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    deal_carry(l, high, rho, &mut share, &mut fill);
    let (lambda, lr, lm) = (Bits(lambda), share.next(len, ring), share.next(len, high));
    elementwise!(pack_item(&mut fill, len, ring), rho, lambda, lr => {
        (lambda.wrapping_neg() & rho & mask(l)).wrapping_sub(lr)
    });
    elementwise!(pack_item(&mut fill, len, high), rho, lambda, lm => (lambda & rho >> (l - 1)).wrapping_sub(lm));
}

/// In chunks; `1 - 2 b_hat` is a negation.
pub(crate) fn share_bits<W: Word>(p: &ShareBitsParams, bits: &[u32], lambda: &[u32], out: &mut [W]) {
    let (b_hat, lambda) = (Bits(bits), Packed::new(lambda, p.ring));
    let (first, whole) = (u64::from(p.first), mask(p.ring));
    elementwise!(fill(out, PIECE), b_hat, lambda => {
        let minus = b_hat.wrapping_neg();
        (b_hat & first).wrapping_add((lambda ^ minus).wrapping_sub(minus)) & whole
    });
}

/// In chunks.
pub(crate) fn correct_bits<W: Word>(p: &CorrectParams, x: &[u32], share0: &[u32], out: &mut [u32]) {
    let (x, share) = (Bits(x), Packed::new(share0, p.bits));
    elementwise!(pack_chunks(out, p.bits, p.len as usize), x, share => x.wrapping_sub(share));
}
