//! Packing for the wire: masks on, words together, and back.

use crate::kernel::Word;
use crate::kernel::fast::bits::{Packed, chunk, fill, fill_piece, lanes, pack_chunks};
use crate::kernel::fast::split::{LIGHT, PIECE, split};
use crate::kernel::table::{
    ConcatParams, GatherParams, MaskParams, MergeParams, PackParams, UnpackParams, UnpackRowsParams, XorParams,
};

/// `out = pack((x >> cut) + r + offset)`: what is opened of a value `x` of `in_bits` bits under the mask `r`.
///
/// `up` rounds the shift up (server 1); `offset` adds `2^(out_bits - 2)` (server 0 of a truncated product).
#[inline(always)]
pub(crate) fn mask<W: Word>(p: &MaskParams, x: &[W], r: &[W], out: &mut [u32]) {
    mask_words(p, x, r, out);
}

/// [`mask`] of a 64-bit value: opens a master weight.
#[inline(always)]
pub(crate) fn mask_wide<W: Word>(p: &MaskParams, x: &[u64], r: &[W], out: &mut [u32]) {
    mask_words(p, x, r, out);
}

#[inline(always)]
fn mask_words<X: Word, W: Word>(p: &MaskParams, x: &[X], r: &[W], out: &mut [u32]) {
    let (len, bits, cut) = (r.len(), p.out_bits, p.cut);
    let offset = if p.offset == 1 { 1 << (bits - 2) } else { 0 };
    let whole = X::ones(p.in_bits);
    // what is cut rounds up where any of these bits is set
    let low = if p.up == 1 { X::ones(cut) } else { X::default() };
    pack_chunks(
        out,
        bits,
        len,
        #[inline(always)]
        move |c| {
            let (x, r) = (chunk(x, c), chunk(r, c));
            lanes(
                #[inline(always)]
                |j| {
                    let x = X::low(x[j]).and(whole);
                    let up = u64::from(x.and(low) != X::default());
                    x.shr(cut).wide().wrapping_add(up).wrapping_add(r[j]).wrapping_add(offset)
                },
            )
        },
    );
}

/// `out = (mine + peer) mod 2^bits`: an opened value from its two packed halves; the peer's begins at word `at`.
#[inline(always)]
pub(crate) fn merge<W: Word>(p: &MergeParams, mine: &[u32], peer: &[u32], out: &mut [W]) {
    let peer = &peer[p.at as usize..];
    if p.bits == 32 {
        return split(
            out,
            LIGHT,
            #[inline(always)]
            move |at, out| {
                let halves = mine[at..].iter().zip(&peer[at..]);
                out.iter_mut().zip(halves).for_each(|(o, (a, b))| *o = W::low(u64::from(a.wrapping_add(*b))));
            },
        );
    }
    let (a, b, m) = (Packed::new(mine, p.bits), Packed::new(peer, p.bits), crate::fixed::mask(p.bits));
    fill(
        out,
        PIECE,
        #[inline(always)]
        move |c| {
            let (a, b) = (a.chunk(c), b.chunk(c));
            lanes(
                #[inline(always)]
                |j| a[j].wrapping_add(b[j]) & m,
            )
        },
    );
}

/// `out = a[a_at ..] ^ b[b_at ..]`.
#[inline(always)]
pub(crate) fn xor<W: Word>(p: &XorParams, a: &[u32], b: &[u32], out: &mut [u32]) {
    let (a, b) = (&a[p.a_at as usize..], &b[p.b_at as usize..]);
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a ^ b);
}

/// `out = a & b`.
#[inline(always)]
pub(crate) fn and<W: Word>(_: &crate::kernel::table::NoParams, a: &[u32], b: &[u32], out: &mut [u32]) {
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a & b);
}

/// `out = pack(x)`.
#[inline(always)]
pub(crate) fn pack_ring<W: Word>(p: &PackParams, x: &[W], out: &mut [u32]) {
    pack_chunks(
        out,
        p.bits,
        x.len(),
        #[inline(always)]
        move |c| chunk(x, c),
    );
}

/// Packed elements from word `at` on as ring elements.
#[inline(always)]
pub(crate) fn unpack<W: Word>(p: &UnpackParams, x: &[u32], out: &mut [W]) {
    let x = Packed::new(&x[p.at as usize..], p.bits);
    fill(
        out,
        LIGHT,
        #[inline(always)]
        move |c| x.chunk(c),
    );
}

/// Rows of packed elements, each row from a word of its own (`stride` words a row), as ring elements.
#[inline(always)]
pub(crate) fn unpack_rows<W: Word>(p: &UnpackRowsParams, x: &[u32], out: &mut [W]) {
    let (cols, stride) = (p.cols as usize, p.stride as usize);
    split(
        out,
        LIGHT.next_multiple_of(cols),
        #[inline(always)]
        move |at, out| {
            for (row, out) in x[at / cols * stride..].chunks_exact(stride).zip(out.chunks_exact_mut(cols)) {
                let row = Packed::new(row, p.bits);
                fill_piece(
                    out,
                    #[inline(always)]
                    move |c| row.chunk(c),
                );
            }
        },
    );
}

/// Rows `index - base` of a block, `stride` words each.
#[inline(always)]
pub(crate) fn gather_rows<W: Word>(p: &GatherParams, block: &[u32], index: &[u32], out: &mut [u32]) {
    let stride = p.stride as usize;
    for (out, i) in out.chunks_exact_mut(stride).zip(index) {
        let at = (i - p.base) as usize * stride;
        out.copy_from_slice(&block[at..at + stride]);
    }
}

/// `a` and behind it `b`.
#[inline(always)]
pub(crate) fn concat<W: Word>(p: &ConcatParams, a: &[u32], b: &[u32], out: &mut [u32]) {
    let (first, second) = out.split_at_mut(p.first as usize);
    first.copy_from_slice(a);
    second.copy_from_slice(b);
}
