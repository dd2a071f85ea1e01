//! Extension of a wire into the ring, and its product with a secret bit (protocols.md 2.3, 3.2).

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::fast::select as fast;
use crate::kernel::packed::{Filler, Items, Packed, bit, pack};
use crate::kernel::row::{kernels, params};

params! {
    /// Of `CORRECT_BITS`.
    CorrectParams { len, bits }
    /// Of `EXTEND`.
    ExtendParams { wire, ring, first }
    /// Of `HITS`.
    HitsParams { ring, first }
    /// Of `SELECT`.
    SelectParams { wire, ring, first }
    /// Of `SHARE_BITS`.
    ShareBitsParams { ring, first }
}

kernels! {
    /// Packed correction of bits.
    CORRECT_BITS = deal of "share_bits.wgsl", CorrectParams, [Raw, Raw] => Raw, correct_bits, fast;
    /// Corrections of [`EXTEND`].
    DEAL_EXTEND = deal of "extend.wgsl", ExtendParams, [Ring, Raw] => Raw, deal_extend, fast;
    /// Corrections of [`HITS`].
    DEAL_HITS = deal of "hits.wgsl", HitsParams, [Ring, Raw, Raw] => Raw, deal_hits;
    /// Corrections of [`SELECT`].
    DEAL_SELECT = deal of "select.wgsl", SelectParams, [Ring, Raw, Raw] => Raw, deal_select, fast;
    /// A wire's share in the ring.
    EXTEND = main of "extend.wgsl", ExtendParams, [Ring, Ring, Raw] => Ring, extend, fast;
    /// `sum_i w_i L_i`.
    HITS = main of "hits.wgsl", HitsParams, [Raw, Ring, Ring, Raw] => Ring, hits;
    /// A wire times a secret bit.
    SELECT = main of "select.wgsl", SelectParams, [Ring, Ring, Raw, Raw, Raw] => Ring, select, fast;
    /// Opened secret bits as shares of the ring.
    SHARE_BITS = main of "share_bits.wgsl", ShareBitsParams, [Raw, Raw] => Ring, share_bits, fast;
}

/// The public part of a wire of `l` bits: `I = y_hat - 2^(l-2)` as an integer, and `1 - msb(y_hat)`.
#[inline(always)]
pub(crate) fn public(hat: u64, wire: u32) -> (u64, u64) {
    (hat.wrapping_sub(1 << (wire - 2)), 1 ^ (hat >> (wire - 1) & 1))
}

/// `y = I - [rho] + 2^l ([kappa] + (1 - m) [mu])`, `I` on server 0. Dealt: `kappa`, `mu`, `ring - l` bits each.
fn extend<W: Word>(p: &ExtendParams, hat: &[W], rho: &[W], dealt: &[u32], out: &mut [W]) {
    let (len, high) = (hat.len(), p.ring - p.wire);
    let mut items = Items::new(dealt);
    let (kappa, mu) = (items.next(len, high), items.next(len, high));
    for (i, o) in out.iter_mut().enumerate() {
        let (a, n) = public(hat[i].wide(), p.wire);
        let carry = kappa.at(i).wrapping_add(n * mu.at(i)) << p.wire;
        let y = (a * u64::from(p.first)).wrapping_sub(rho[i].wide()).wrapping_add(carry);
        *o = W::low(y).and(W::ones(p.ring));
    }
}

/// The corrections of [`extend`]; `rho` is the sum of both servers' masks, not reduced.
fn deal_extend<W: Word>(p: &ExtendParams, rho: &[W], share0: &[u32], out: &mut [u32]) {
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    deal_carry(p.wire, p.ring - p.wire, rho, &mut share, &mut fill);
}

fn deal_carry<W: Word>(wire: u32, high: u32, rho: &[W], share: &mut Items<'_>, fill: &mut Filler<'_>) {
    let len = rho.len();
    let (kappa, mu) = (share.next(len, high), share.next(len, high));
    fill.item(len, high, |i| (rho[i].wide() >> wire).wrapping_sub(kappa.at(i)));
    fill.item(len, high, |i| (rho[i].wide() >> (wire - 1) & 1).wrapping_sub(mu.at(i)));
}

/// `b y = b_hat y + (1 - 2 b_hat) (I [lambda] - [lambda rho] + 2^l (1 - m) [lambda mu])` in the ring, `y` as [`extend`] gives it.
/// Dealt: `kappa`, `mu`, `lambda rho` (`ring` bits), `lambda mu` (`ring - l` bits).
fn select<W: Word>(p: &SelectParams, hat: &[W], rho: &[W], bits: &[u32], lambda: &[u32], dealt: &[u32], out: &mut [W]) {
    let (len, high) = (hat.len(), p.ring - p.wire);
    let lambda = Packed::new(lambda, p.ring);
    let mut items = Items::new(dealt);
    let (kappa, mu) = (items.next(len, high), items.next(len, high));
    let (lambda_rho, lambda_mu) = (items.next(len, p.ring), items.next(len, high));
    for (i, o) in out.iter_mut().enumerate() {
        let (a, n) = public(hat[i].wide(), p.wire);
        let carry = kappa.at(i).wrapping_add(n * mu.at(i)) << p.wire;
        let y = (a * u64::from(p.first)).wrapping_sub(rho[i].wide()).wrapping_add(carry);
        let wrap = (n * lambda_mu.at(i)) << p.wire;
        let ly = a.wrapping_mul(lambda.at(i)).wrapping_sub(lambda_rho.at(i)).wrapping_add(wrap);
        let b = u64::from(bit(bits, i));
        let by = b.wrapping_mul(y).wrapping_add(1u64.wrapping_sub(2 * b).wrapping_mul(ly));
        *o = W::low(by).and(W::ones(p.ring));
    }
}

/// The corrections of [`select`]; `lambda` are the bits' masks.
fn deal_select<W: Word>(p: &SelectParams, rho: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let (len, high, l) = (rho.len(), p.ring - p.wire, p.wire);
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    deal_carry(l, high, rho, &mut share, &mut fill);
    let (lr, lm) = (share.next(len, p.ring), share.next(len, high));
    let lambda = |i: usize| u64::from(bit(lambda, i));
    fill.item(len, p.ring, |i| (lambda(i) * (rho[i].wide() & mask(l))).wrapping_sub(lr.at(i)));
    fill.item(len, high, |i| (lambda(i) * (rho[i].wide() >> (l - 1) & 1)).wrapping_sub(lm.at(i)));
}

/// `[b] = b_hat + (1 - 2 b_hat) [lambda]` of opened bits, `lambda` packed in `ring` bits; `b_hat` on server 0.
fn share_bits<W: Word>(p: &ShareBitsParams, bits: &[u32], lambda: &[u32], out: &mut [W]) {
    let lambda = Packed::new(lambda, p.ring);
    for (i, o) in out.iter_mut().enumerate() {
        let b = u64::from(bit(bits, i));
        let masked = 1u64.wrapping_sub(2 * b).wrapping_mul(lambda.at(i));
        *o = W::low((b * u64::from(p.first)).wrapping_add(masked)).and(W::ones(p.ring));
    }
}

/// `out = pack(x - share0)` of secret bits `x`: an arithmetic sharing of a bit in `Z_2^bits`.
fn correct_bits<W: Word>(p: &CorrectParams, x: &[u32], share0: &[u32], out: &mut [u32]) {
    let share = Packed::new(share0, p.bits);
    pack(out, p.bits, p.len as usize, |i| u64::from(bit(x, i)).wrapping_sub(share.at(i)));
}

/// `sum_i w_i L_i` of opened bits `w_hat` and a wire `L`: `w_hat [L] + (1 - 2 w_hat) (L_hat [lambda] - [lambda r])`.
/// Dealt: `lambda`, `lambda r`, `ring` bits each.
fn hits<W: Word>(p: &HitsParams, bits: &[u32], hat: &[W], r: &[W], dealt: &[u32], out: &mut [W]) {
    let len = hat.len();
    let mut items = Items::new(dealt);
    let (lambda, lambda_r) = (items.next(len, p.ring), items.next(len, p.ring));
    let mut sum = 0u64;
    for i in 0..len {
        let (b, l) = (u64::from(bit(bits, i)), hat[i].wide());
        let share = (l * u64::from(p.first)).wrapping_sub(r[i].wide());
        let masked = l.wrapping_mul(lambda.at(i)).wrapping_sub(lambda_r.at(i));
        sum = sum.wrapping_add(b.wrapping_mul(share)).wrapping_add(1u64.wrapping_sub(2 * b).wrapping_mul(masked));
    }
    out[0] = W::low(sum).and(W::ones(p.ring));
}

/// The corrections of [`hits`].
fn deal_hits<W: Word>(p: &HitsParams, r: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let len = r.len();
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, lr) = (share.next(len, p.ring), share.next(len, p.ring));
    fill.item(len, p.ring, |i| u64::from(bit(lambda, i)).wrapping_sub(l.at(i)));
    fill.item(len, p.ring, |i| (u64::from(bit(lambda, i)) * r[i].wide()).wrapping_sub(lr.at(i)));
}
