//! Packing for the wire, in chunks across cores.

use crate::kernel::Word;
use crate::kernel::packed::Packed;
use crate::kernel::twin::pack::{MaskParams, MergeParams, PackParams, UnpackParams, UnpackRowsParams};

use super::chunks::{Chunks, elementwise, fill, fill_piece, lanes, pack_chunks};
use super::split::{LIGHT, PIECE, inlined, split};

/// In chunks.
pub(crate) fn mask<W: Word>(p: &MaskParams, x: &[W], r: &[W], out: &mut [u32]) {
    mask_words(p, x, r, out);
}

/// [`mask`] of a 64-bit value.
pub(crate) fn mask_wide<W: Word>(p: &MaskParams, x: &[u64], r: &[W], out: &mut [u32]) {
    mask_words(p, x, r, out);
}

fn mask_words<X: Word, W: Word>(p: &MaskParams, x: &[X], r: &[W], out: &mut [u32]) {
    let (len, bits, cut) = (r.len(), p.out_bits, p.cut);
    let offset = if p.offset == 1 { 1 << (bits - 2) } else { 0 };
    let whole = X::ones(p.in_bits);
    // what is cut rounds up where any of these bits is set
    let low = if p.up == 1 { X::ones(cut) } else { X::default() };
    elementwise!(pack_chunks(out, bits, len), x, r => {
        let x = X::low(x).and(whole);
        let up = u64::from(x.and(low) != X::default());
        x.shr(cut).wide().wrapping_add(up).wrapping_add(r).wrapping_add(offset)
    });
}

/// In chunks; words are added as they are.
pub(crate) fn merge<W: Word>(p: &MergeParams, mine: &[u32], peer: &[u32], out: &mut [W]) {
    let peer = &peer[p.at as usize..];
    if p.bits == 32 {
        return inlined!(split(out, LIGHT), |at, out| {
            let halves = mine[at..].iter().zip(&peer[at..]);
            out.iter_mut().zip(halves).for_each(|(o, (a, b))| *o = W::low(u64::from(a.wrapping_add(*b))));
        });
    }
    let (a, b, m) = (Packed::new(mine, p.bits), Packed::new(peer, p.bits), crate::fixed::mask(p.bits));
    inlined!(fill(out, PIECE), |c| {
        let (a, b) = (a.chunk(c), b.chunk(c));
        lanes!(|j| a[j].wrapping_add(b[j]) & m)
    });
}

/// In chunks.
pub(crate) fn pack_ring<W: Word>(p: &PackParams, x: &[W], out: &mut [u32]) {
    elementwise!(pack_chunks(out, p.bits, x.len()), x => x);
}

/// In chunks.
pub(crate) fn unpack<W: Word>(p: &UnpackParams, x: &[u32], out: &mut [W]) {
    let x = Packed::new(&x[p.at as usize..], p.bits);
    inlined!(fill(out, LIGHT), |c| x.chunk(c));
}

/// In chunks, some rows a piece.
pub(crate) fn unpack_rows<W: Word>(p: &UnpackRowsParams, x: &[u32], out: &mut [W]) {
    let (cols, stride) = (p.cols as usize, p.stride as usize);
    inlined!(split(out, LIGHT.next_multiple_of(cols)), |at, out| {
        for (row, out) in x[at / cols * stride..].chunks_exact(stride).zip(out.chunks_exact_mut(cols)) {
            let row = Packed::new(row, p.bits);
            inlined!(fill_piece(out), |c| row.chunk(c));
        }
    });
}
