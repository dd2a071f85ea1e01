//! Share rescale into `Z_2^64` without opening the value (protocols.md 2.5).
//!
//! `x' = scale x + 2^(bits-2)` has a clear top bit, so its two shares wrap iff either has its top bit set.

use crate::kernel::Word;
use crate::kernel::fast::bits::{Packed, bit, pack};
use crate::kernel::table::RescaleParams;

impl RescaleParams {
    /// This server's share of `scale x + 2^(bits-2)`.
    #[inline(always)]
    fn lifted<X: Word>(&self, x: X) -> X {
        let quarter = X::low(u64::from(self.first) << (self.bits - 2));
        x.mul(X::low(u64::from(self.scale))).add(quarter).and(X::ones(self.bits))
    }
}

/// This server's top bits under its pads: what the other may see.
#[inline(always)]
pub(crate) fn rescale_ask<W: Word>(p: &RescaleParams, x: &[W], own: &[u32], out: &mut [u32]) {
    ask(p, x, own, out);
}

/// [`rescale_ask`] of 64-bit shares.
#[inline(always)]
pub(crate) fn rescale_ask_wide<W: Word>(p: &RescaleParams, x: &[u64], own: &[u32], out: &mut [u32]) {
    ask(p, x, own, out);
}

#[inline(always)]
fn ask<X: Word>(p: &RescaleParams, x: &[X], own: &[u32], out: &mut [u32]) {
    for ((o, x), own) in out.iter_mut().zip(x.chunks(32)).zip(own) {
        let mut word = 0;
        for (i, x) in x.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "one bit is left")]
            let top = (p.lifted(*x).wide() >> (p.bits - 1)) as u32;
            word |= top << i;
        }
        *o = word ^ (own & ones(x.len()));
    }
}

/// The low `n` bits of a word of bits.
#[inline(always)]
fn ones(n: usize) -> u32 {
    if n >= 32 { u32::MAX } else { (1 << n) - 1 }
}

/// `times scale x / 2^shift` in `Z_2^64` (a left shift where `shift` is negative).
///
/// With padded bits `u` (mine) and `v` (the peer's, from word `peer_at` on), pads `own` and `[a a']` dealt in `64 - bits + shift` bits:
/// `w = m - (u v + v (1 - 2u) own + (1 - 2u)(1 - 2v) [a a'])`, `y = x' >> shift - 2^(bits - shift) w - 2^(bits - 2 - shift)`.
#[inline(always)]
pub(crate) fn rescale<W: Word>(
    p: &RescaleParams,
    x: &[W],
    asked: &[u32],
    peer: &[u32],
    own: &[u32],
    dealt: &[u32],
    out: &mut [u64],
) {
    tell(p, x, asked, peer, own, dealt, out);
}

/// [`rescale`] of 64-bit shares.
#[inline(always)]
pub(crate) fn rescale_wide<W: Word>(
    p: &RescaleParams,
    x: &[u64],
    asked: &[u32],
    peer: &[u32],
    own: &[u32],
    dealt: &[u32],
    out: &mut [u64],
) {
    tell(p, x, asked, peer, own, dealt, out);
}

#[expect(clippy::cast_possible_wrap, reason = "the shift is a two's complement parameter")]
#[inline(always)]
fn tell<X: Word>(p: &RescaleParams, x: &[X], asked: &[u32], peer: &[u32], own: &[u32], dealt: &[u32], out: &mut [u64]) {
    let peer = &peer[p.peer_at as usize..];
    let shift = p.shift as i32;
    let room = 64u32.wrapping_sub(p.bits).wrapping_add(p.shift);
    let (high, dealt) = (64 - room, Packed::new(dealt, room));
    let (first, times) = (u64::from(p.first), u64::from(p.times));
    let low = first << (p.bits.wrapping_sub(p.shift) - 2);
    for (i, o) in out.iter_mut().enumerate() {
        let x = p.lifted(x[i]);
        let (u, v, pad) = (u64::from(bit(asked, i)), u64::from(bit(peer, i)), u64::from(bit(own, i)));
        let (e, g) = (1u64.wrapping_sub(2 * u), 1u64.wrapping_sub(2 * v));
        let top = x.wide() >> (p.bits - 1);
        let both = (first * u * v)
            .wrapping_add(v.wrapping_mul(e).wrapping_mul(pad))
            .wrapping_add(e.wrapping_mul(g).wrapping_mul(dealt.at(i)));
        let wrap = top.wrapping_sub(both);
        let y = if shift <= 0 {
            x.wide() << -shift
        } else if p.up == 1 {
            x.shr_up(p.shift).wide()
        } else {
            x.shr(p.shift).wide()
        };
        *o = y.wrapping_sub(wrap << high).wrapping_sub(low).wrapping_mul(times);
    }
}

/// The dealer's `[a a']`: `pack((own0 & own1) - share0)` in `bits` bits.
#[inline(always)]
pub(crate) fn deal_rescale<W: Word>(
    p: &crate::kernel::table::CorrectParams,
    own0: &[u32],
    own1: &[u32],
    share0: &[u32],
    out: &mut [u32],
) {
    let share = Packed::new(share0, p.bits);
    pack(out, p.bits, p.len as usize, |i| u64::from(bit(own0, i) & bit(own1, i)).wrapping_sub(share.at(i)));
}
