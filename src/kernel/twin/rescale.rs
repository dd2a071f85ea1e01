//! Share rescale into `Z_2^64` without opening the value (protocols.md 2.5).
//!
//! `x' = scale x + 2^(bits-2)` has a clear top bit, so its two shares wrap iff either has its top bit set.

use crate::kernel::Word;
use crate::kernel::fast::bits::{CHUNK, Packed, chunk, chunk_of_bits, fill, lanes, pack_chunks};
use crate::kernel::fast::split::{LIGHT, PIECE, split};
use crate::kernel::table::{CorrectParams, RescaleParams};

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
    split(
        out,
        LIGHT / CHUNK,
        #[inline(always)]
        move |at, out| {
            for ((o, own), x) in out.iter_mut().zip(&own[at..]).zip(x[at * CHUNK..].chunks(CHUNK)) {
                let v = chunk(x, 0);
                let mut word = 0;
                for (j, v) in v.iter().enumerate() {
                    let top = p.lifted(X::low(*v)).shr(p.bits - 1) != X::default();
                    word |= u32::from(top) << j;
                }
                *o = (word ^ own) & low(x.len());
            }
        },
    );
}

/// The low `n <= 32` bits.
#[inline(always)]
fn low(n: usize) -> u32 {
    u32::MAX >> (CHUNK - n)
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
    let down = p.shift as i32 > 0;
    let bits = (&peer[p.peer_at as usize..], asked, own);
    if !down {
        tell_with(
            p,
            x,
            bits,
            dealt,
            out,
            #[inline(always)]
            move |x| x << 0u32.wrapping_sub(p.shift),
        );
    } else if p.up == 1 {
        let low = crate::fixed::mask(p.shift);
        tell_with(
            p,
            x,
            bits,
            dealt,
            out,
            #[inline(always)]
            move |x| (x >> p.shift) + u64::from(x & low != 0),
        );
    } else {
        tell_with(
            p,
            x,
            bits,
            dealt,
            out,
            #[inline(always)]
            move |x| x >> p.shift,
        );
    }
}

/// [`tell`] with its division; `bits` are the peer's, this server's, and its pads.
#[inline(always)]
fn tell_with<X: Word>(
    p: &RescaleParams,
    x: &[X],
    (peer, asked, own): (&[u32], &[u32], &[u32]),
    dealt: &[u32],
    out: &mut [u64],
    divided: impl Fn(u64) -> u64 + Copy + Send + Sync,
) {
    let room = 64u32.wrapping_sub(p.bits).wrapping_add(p.shift);
    let (high, dealt) = (64 - room, Packed::new(dealt, room));
    let (first, times) = (u64::from(p.first), u64::from(p.times));
    let low = first << (p.bits.wrapping_sub(p.shift) - 2);
    fill(
        out,
        PIECE,
        #[inline(always)]
        move |c| {
            let (x, dealt) = (chunk(x, c), dealt.chunk(c));
            let (u, v, pad) = (chunk_of_bits(asked, c), chunk_of_bits(peer, c), chunk_of_bits(own, c));
            lanes(
                #[inline(always)]
                |j| {
                    let x = p.lifted(X::low(x[j])).wide();
                    let both = if v[j] == 1 {
                        (first & u[j]).wrapping_add(signed(pad[j].wrapping_sub(dealt[j]), u[j]))
                    } else {
                        signed(dealt[j], u[j])
                    };
                    let wrap = (x >> (p.bits - 1)).wrapping_sub(both);
                    divided(x).wrapping_sub(wrap << high).wrapping_sub(low).wrapping_mul(times)
                },
            )
        },
    );
}

/// `(1 - 2 u) x` for a bit `u`.
#[inline(always)]
fn signed(x: u64, u: u64) -> u64 {
    if u == 1 { x.wrapping_neg() } else { x }
}

/// The dealer's `[a a']`: `pack((own0 & own1) - share0)` in `bits` bits.
#[inline(always)]
pub(crate) fn deal_rescale<W: Word>(p: &CorrectParams, own0: &[u32], own1: &[u32], share0: &[u32], out: &mut [u32]) {
    let share = Packed::new(share0, p.bits);
    pack_chunks(
        out,
        p.bits,
        p.len as usize,
        #[inline(always)]
        move |c| {
            let (a, b, share) = (chunk_of_bits(own0, c), chunk_of_bits(own1, c), share.chunk(c));
            lanes(
                #[inline(always)]
                |j| (a[j] & b[j]).wrapping_sub(share[j]),
            )
        },
    );
}
