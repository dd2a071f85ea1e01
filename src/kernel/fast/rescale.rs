//! Share rescale, in chunks across cores.

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::packed::Packed;
use crate::kernel::twin::rescale::RescaleParams;
use crate::kernel::twin::select::CorrectParams;

use super::chunks::{Bits, CHUNK, Chunks, elementwise, fill, pack_chunks};
use super::split::{LIGHT, PIECE, inlined, split};

/// This server's share of `scale x + 2^(bits-2)`.
#[inline(always)]
fn lifted<X: Word>(p: &RescaleParams, x: u64) -> X {
    let quarter = X::low(u64::from(p.first) << (p.bits - 2));
    X::low(x).mul(X::low(u64::from(p.scale))).add(quarter).and(X::ones(p.bits))
}

/// A word of bits at a time.
pub(crate) fn rescale_ask<W: Word>(p: &RescaleParams, x: &[W], own: &[u32], out: &mut [u32]) {
    ask(p, x, own, out);
}

/// [`rescale_ask`] of 64-bit shares.
pub(crate) fn rescale_ask_wide<W: Word>(p: &RescaleParams, x: &[u64], own: &[u32], out: &mut [u32]) {
    ask(p, x, own, out);
}

fn ask<X: Word>(p: &RescaleParams, x: &[X], own: &[u32], out: &mut [u32]) {
    inlined!(split(out, LIGHT / CHUNK), |at, out| {
        for ((o, own), x) in out.iter_mut().zip(&own[at..]).zip(x[at * CHUNK..].chunks(CHUNK)) {
            let mut word = 0;
            for (j, v) in x.chunk(0).iter().enumerate() {
                let top = lifted::<X>(p, *v).shr(p.bits - 1) != X::default();
                word |= u32::from(top) << j;
            }
            *o = (word ^ own) & (u32::MAX >> (CHUNK - x.len()));
        }
    });
}

/// In chunks; `1 - 2 u` and `1 - 2 v` are choices.
pub(crate) fn rescale<W: Word>(
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
pub(crate) fn rescale_wide<W: Word>(
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
    let room = 64u32.wrapping_sub(p.bits).wrapping_add(p.shift);
    let (high, dealt) = (64 - room, Packed::new(dealt, room));
    let (first, times) = (u64::from(p.first), u64::from(p.times));
    let quarter = first << (high - 2);
    // a shift by a number of either sign as two, one of which is 0; what is cut rounds up where any bit of `low` is set
    let shift = p.shift.cast_signed();
    let (left, down) = (shift.min(0).unsigned_abs(), shift.max(0).unsigned_abs());
    let low = if p.up == 1 { mask(down) } else { 0 };
    let (u, v, pad) = (Bits(asked), Bits(&peer[p.peer_at as usize..]), Bits(own));
    elementwise!(fill(out, PIECE), x, dealt, u, v, pad => {
        let x = lifted::<X>(p, x).wide();
        let both = if v == 1 {
            (first & u).wrapping_add(signed(pad.wrapping_sub(dealt), u))
        } else {
            signed(dealt, u)
        };
        let wrap = (x >> (p.bits - 1)).wrapping_sub(both);
        let divided = (x << left >> down) + u64::from(x & low != 0);
        divided.wrapping_sub(wrap << high).wrapping_sub(quarter).wrapping_mul(times)
    });
}

/// `(1 - 2 u) x` for a bit `u`.
#[inline(always)]
fn signed(x: u64, u: u64) -> u64 {
    if u == 1 { x.wrapping_neg() } else { x }
}

/// In chunks.
pub(crate) fn deal_rescale<W: Word>(p: &CorrectParams, own0: &[u32], own1: &[u32], share0: &[u32], out: &mut [u32]) {
    let (own0, own1, share) = (Bits(own0), Bits(own1), Packed::new(share0, p.bits));
    elementwise!(pack_chunks(out, p.bits, p.len as usize), own0, own1, share => (own0 & own1).wrapping_sub(share));
}
