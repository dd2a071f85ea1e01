//! Share rescale into `Z_2^64` without opening the value (protocols.md 2.5).
//!
//! `x' = scale x + 2^(bits-2)` has a clear top bit, so its two shares wrap iff either has its top bit set.

use crate::kernel::Word;
use crate::kernel::fast::rescale as fast;
use crate::kernel::packed::{Packed, bit, pack};
use crate::kernel::row::{kernels, params};

use super::select::CorrectParams;

params! {
    /// Of `RESCALE`.
    RescaleParams { bits, scale, shift, times, first, up, peer_at }
}

kernels! {
    /// Corrections of [`RESCALE`].
    DEAL_RESCALE = deal of "rescale.wgsl", CorrectParams, [Raw, Raw, Raw] => Raw, deal_rescale, fast;
    /// A ring share in `Z_2^64`, scaled.
    RESCALE = tell of "rescale.wgsl", RescaleParams, [Ring, Raw, Raw, Raw, Raw] => Wide, rescale, fast;
    /// Padded top bits of ring shares.
    RESCALE_ASK = ask of "rescale.wgsl", RescaleParams, [Ring, Raw] => Raw, rescale_ask, fast;
    /// Padded top bits of 64-bit shares.
    RESCALE_ASK_WIDE = ask of "rescale.wgsl", RescaleParams, [Wide, Raw] => Raw, rescale_ask_wide, fast;
    /// A 64-bit share, scaled.
    RESCALE_WIDE = tell of "rescale.wgsl", RescaleParams, [Wide, Raw, Raw, Raw, Raw] => Wide, rescale_wide, fast;
}

/// This server's top bits under its pads: what the other may see.
fn rescale_ask<W: Word>(p: &RescaleParams, x: &[W], own: &[u32], out: &mut [u32]) {
    ask(p, x, own, out);
}

/// [`rescale_ask`] of 64-bit shares.
fn rescale_ask_wide<W: Word>(p: &RescaleParams, x: &[u64], own: &[u32], out: &mut [u32]) {
    ask(p, x, own, out);
}

fn ask<X: Word>(p: &RescaleParams, x: &[X], own: &[u32], out: &mut [u32]) {
    pack(out, 1, x.len(), |i| lifted(p, x[i]) >> (p.bits - 1) ^ u64::from(bit(own, i)));
}

/// This server's share of `scale x + 2^(bits-2)`, `bits` bits of it.
fn lifted<X: Word>(p: &RescaleParams, x: X) -> u64 {
    let quarter = X::low(u64::from(p.first) << (p.bits - 2));
    x.mul(X::low(u64::from(p.scale))).add(quarter).and(X::ones(p.bits)).wide()
}

/// `times scale x / 2^shift` in `Z_2^64` (a left shift where `shift` is negative).
///
/// With padded bits `u` (mine) and `v` (the peer's, from word `peer_at` on), pads `own` and `[a a']` dealt in `64 - bits +
/// shift` bits: `w = m - (u v + v (1 - 2u) own + (1 - 2u)(1 - 2v) [a a'])`, `y = x' >> shift - 2^(bits - shift) w - 2^(bits - 2
/// - shift)`.
fn rescale<W: Word>(
    p: &RescaleParams,
    x: &[W],
    own: &[u32],
    asked: &[u32],
    peer: &[u32],
    dealt: &[u32],
    out: &mut [u64],
) {
    tell(p, x, own, asked, peer, dealt, out);
}

/// [`rescale`] of 64-bit shares.
fn rescale_wide<W: Word>(
    p: &RescaleParams,
    x: &[u64],
    own: &[u32],
    asked: &[u32],
    peer: &[u32],
    dealt: &[u32],
    out: &mut [u64],
) {
    tell(p, x, own, asked, peer, dealt, out);
}

fn tell<X: Word>(p: &RescaleParams, x: &[X], own: &[u32], asked: &[u32], peer: &[u32], dealt: &[u32], out: &mut [u64]) {
    let (peer, shift) = (&peer[p.peer_at as usize..], p.shift.cast_signed());
    let room = 64u32.wrapping_sub(p.bits).wrapping_add(p.shift);
    let (high, dealt) = (64 - room, Packed::new(dealt, room));
    let (first, times) = (u64::from(p.first), u64::from(p.times));
    let quarter = first << (high - 2);
    for (i, o) in out.iter_mut().enumerate() {
        let x = lifted(p, x[i]);
        let [u, v, pad] = [asked, peer, own].map(|bits| u64::from(bit(bits, i)));
        let sign = |bit: u64| 1u64.wrapping_sub(2 * bit);
        let both = (first * u * v)
            .wrapping_add(v.wrapping_mul(sign(u)).wrapping_mul(pad))
            .wrapping_add(sign(u).wrapping_mul(sign(v)).wrapping_mul(dealt.at(i)));
        let wrap = (x >> (p.bits - 1)).wrapping_sub(both);
        let y = match shift {
            ..=0 => x << -shift,
            _ if p.up == 1 => x.shr_up(p.shift),
            _ => x >> shift,
        };
        *o = y.wrapping_sub(wrap << high).wrapping_sub(quarter).wrapping_mul(times);
    }
}

/// The dealer's `[a a']`: `pack((own0 & own1) - share0)` in `bits` bits.
fn deal_rescale<W: Word>(p: &CorrectParams, own0: &[u32], own1: &[u32], share0: &[u32], out: &mut [u32]) {
    let share = Packed::new(share0, p.bits);
    pack(out, p.bits, p.len as usize, |i| u64::from(bit(own0, i) & bit(own1, i)).wrapping_sub(share.at(i)));
}
