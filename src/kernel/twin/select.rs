//! Extension of a wire into the ring, and its product with a secret bit (protocols.md 2.3, 3.2).

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::fast::bits::{Filler, Items, Packed, bit, chunk, chunk_of_bits, fill, lanes, pack_chunks};
use crate::kernel::fast::split::PIECE;
use crate::kernel::table::{CorrectParams, ExtendParams, HitsParams, SelectParams, ShareBitsParams};

/// The public part of a wire of `l` bits: `I = y_hat - 2^(l-2)` as an integer, and `1 - msb(y_hat)`.
#[inline(always)]
pub(crate) fn public(hat: u64, wire: u32) -> (u64, u64) {
    (hat.wrapping_sub(1 << (wire - 2)), 1 ^ (hat >> (wire - 1) & 1))
}

/// `y = I - [rho] + 2^l ([kappa] + (1 - m) [mu])`, `I` on server 0. Dealt: `kappa`, `mu`, `ring - l` bits each.
#[inline(always)]
pub(crate) fn extend<W: Word>(p: &ExtendParams, hat: &[W], rho: &[W], dealt: &[u32], out: &mut [W]) {
    let (len, high) = (hat.len(), p.ring - p.wire);
    let mut items = Items::new(dealt);
    let (kappa, mu) = (items.next(len, high), items.next(len, high));
    let (first, whole) = (u64::from(p.first).wrapping_neg(), mask(p.ring));
    fill(
        out,
        PIECE,
        #[inline(always)]
        move |c| {
            let (hat, rho, kappa, mu) = (chunk(hat, c), chunk(rho, c), kappa.chunk(c), mu.chunk(c));
            lanes(
                #[inline(always)]
                |j| {
                    let (a, n) = public(hat[j], p.wire);
                    let carry = kappa[j].wrapping_add(n.wrapping_neg() & mu[j]) << p.wire;
                    (a & first).wrapping_sub(rho[j]).wrapping_add(carry) & whole
                },
            )
        },
    );
}

/// The corrections of [`extend`]; `rho` is the sum of both servers' masks, not reduced.
#[inline(always)]
pub(crate) fn deal_extend<W: Word>(p: &ExtendParams, rho: &[W], share0: &[u32], out: &mut [u32]) {
    let (len, high) = (rho.len(), p.ring - p.wire);
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    deal_carry(p.wire, high, len, rho, &mut share, &mut fill);
}

#[inline(always)]
fn deal_carry<W: Word>(wire: u32, high: u32, len: usize, rho: &[W], share: &mut Items<'_>, fill: &mut Filler<'_>) {
    let (kappa, mu) = (share.next(len, high), share.next(len, high));
    fill.chunks(
        len,
        high,
        #[inline(always)]
        move |c| {
            let (rho, kappa) = (chunk(rho, c), kappa.chunk(c));
            lanes(
                #[inline(always)]
                |j| (rho[j] >> wire).wrapping_sub(kappa[j]),
            )
        },
    );
    fill.chunks(
        len,
        high,
        #[inline(always)]
        move |c| {
            let (rho, mu) = (chunk(rho, c), mu.chunk(c));
            lanes(
                #[inline(always)]
                |j| (rho[j] >> (wire - 1) & 1).wrapping_sub(mu[j]),
            )
        },
    );
}

/// `b y = b_hat y + (1 - 2 b_hat) (I [lambda] - [lambda rho] + 2^l (1 - m) [lambda mu])` in the ring, `y` as [`extend`] gives it.
/// Dealt: `kappa`, `mu`, `lambda rho` (`ring` bits), `lambda mu` (`ring - l` bits).
#[inline(always)]
pub(crate) fn select<W: Word>(
    p: &SelectParams,
    hat: &[W],
    rho: &[W],
    bits: &[u32],
    lambda: &[u32],
    dealt: &[u32],
    out: &mut [W],
) {
    let (len, high) = (hat.len(), p.ring - p.wire);
    let lambda = Packed::new(lambda, p.ring);
    let mut items = Items::new(dealt);
    let (kappa, mu) = (items.next(len, high), items.next(len, high));
    let (lambda_rho, lambda_mu) = (items.next(len, p.ring), items.next(len, high));
    let (first, whole) = (u64::from(p.first).wrapping_neg(), mask(p.ring));
    fill(
        out,
        PIECE,
        #[inline(always)]
        move |c| {
            let (hat, rho, b, lambda) = (chunk(hat, c), chunk(rho, c), chunk_of_bits(bits, c), lambda.chunk(c));
            let (kappa, mu, lambda_rho, lambda_mu) =
                (kappa.chunk(c), mu.chunk(c), lambda_rho.chunk(c), lambda_mu.chunk(c));
            lanes(
                #[inline(always)]
                |j| {
                    let (a, n) = public(hat[j], p.wire);
                    let n = n.wrapping_neg();
                    let carry = kappa[j].wrapping_add(n & mu[j]) << p.wire;
                    let y = (a & first).wrapping_sub(rho[j]).wrapping_add(carry);
                    let wrap = (n & lambda_mu[j]) << p.wire;
                    let ly = a.wrapping_mul(lambda[j]).wrapping_sub(lambda_rho[j]).wrapping_add(wrap);
                    (if b[j] == 1 { y.wrapping_sub(ly) } else { ly }) & whole
                },
            )
        },
    );
}

/// The corrections of [`select`]; `lambda` are the bits' masks.
#[inline(always)]
pub(crate) fn deal_select<W: Word>(p: &SelectParams, rho: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let (len, high, l) = (rho.len(), p.ring - p.wire, p.wire);
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    deal_carry(l, high, len, rho, &mut share, &mut fill);
    let (lr, lm) = (share.next(len, p.ring), share.next(len, high));
    fill.chunks(
        len,
        p.ring,
        #[inline(always)]
        move |c| {
            let (rho, lambda, lr) = (chunk(rho, c), chunk_of_bits(lambda, c), lr.chunk(c));
            lanes(
                #[inline(always)]
                |j| (lambda[j].wrapping_neg() & rho[j] & mask(l)).wrapping_sub(lr[j]),
            )
        },
    );
    fill.chunks(
        len,
        high,
        #[inline(always)]
        move |c| {
            let (rho, lambda, lm) = (chunk(rho, c), chunk_of_bits(lambda, c), lm.chunk(c));
            lanes(
                #[inline(always)]
                |j| (lambda[j] & rho[j] >> (l - 1)).wrapping_sub(lm[j]),
            )
        },
    );
}

/// `[b] = b_hat + (1 - 2 b_hat) [lambda]` of opened bits, `lambda` packed in `ring` bits; `b_hat` on server 0.
#[inline(always)]
pub(crate) fn share_bits<W: Word>(p: &ShareBitsParams, bits: &[u32], lambda: &[u32], out: &mut [W]) {
    let (lambda, first, whole) = (Packed::new(lambda, p.ring), u64::from(p.first), mask(p.ring));
    fill(
        out,
        PIECE,
        #[inline(always)]
        move |c| {
            let (b, lambda) = (chunk_of_bits(bits, c), lambda.chunk(c));
            lanes(
                #[inline(always)]
                |j| {
                    let minus = b[j].wrapping_neg();
                    (b[j] & first).wrapping_add((lambda[j] ^ minus).wrapping_sub(minus)) & whole
                },
            )
        },
    );
}

/// `out = pack(x - share0)` of secret bits `x`: an arithmetic sharing of a bit in `Z_2^bits`.
#[inline(always)]
pub(crate) fn correct_bits<W: Word>(p: &CorrectParams, x: &[u32], share0: &[u32], out: &mut [u32]) {
    let (len, share) = (p.len as usize, Packed::new(share0, p.bits));
    pack_chunks(
        out,
        p.bits,
        len,
        #[inline(always)]
        move |c| {
            let (x, share) = (chunk_of_bits(x, c), share.chunk(c));
            lanes(
                #[inline(always)]
                |j| x[j].wrapping_sub(share[j]),
            )
        },
    );
}

/// `out = pack(x - share0)` of ring elements `x`.
#[inline(always)]
pub(crate) fn correct<W: Word>(p: &CorrectParams, x: &[W], share0: &[u32], out: &mut [u32]) {
    let (len, share) = (p.len as usize, Packed::new(share0, p.bits));
    pack_chunks(
        out,
        p.bits,
        len,
        #[inline(always)]
        move |c| {
            let (x, share) = (chunk(x, c), share.chunk(c));
            lanes(
                #[inline(always)]
                |j| x[j].wrapping_sub(share[j]),
            )
        },
    );
}

/// `sum_i w_i L_i` of opened bits `w_hat` and a wire `L`: `w_hat [L] + (1 - 2 w_hat) (L_hat [lambda] - [lambda r])`.
/// Dealt: `lambda`, `lambda r`, `ring` bits each.
#[inline(always)]
pub(crate) fn hits<W: Word>(p: &HitsParams, bits: &[u32], hat: &[W], r: &[W], dealt: &[u32], out: &mut [W]) {
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
#[inline(always)]
pub(crate) fn deal_hits<W: Word>(p: &HitsParams, r: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let len = r.len();
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, lr) = (share.next(len, p.ring), share.next(len, p.ring));
    fill.item(len, p.ring, |i| u64::from(bit(lambda, i)).wrapping_sub(l.at(i)));
    fill.item(len, p.ring, |i| (u64::from(bit(lambda, i)) * r[i].wide()).wrapping_sub(lr.at(i)));
}
