//! Packing for the wire: masks on, words together, and back.

use crate::kernel::Word;
use crate::kernel::fast::pack as fast;
use crate::kernel::packed::{Packed, pack};
use crate::kernel::row::{kernels, params};

params! {
    /// Of `CONCAT`.
    ConcatParams { first }
    /// Of `GATHER_ROWS`.
    GatherParams { stride, base }
    /// Of `MASK`.
    MaskParams { in_bits, cut, up, out_bits, offset }
    /// Of `MERGE`.
    MergeParams { bits, at }
    /// Of kernels that need none.
    NoParams { none }
    /// Of `PACK`.
    PackParams { bits }
    /// Of `UNPACK`.
    UnpackParams { bits, at }
    /// Of `UNPACK_ROWS`.
    UnpackRowsParams { cols, bits, stride }
    /// Of `XOR`.
    XorParams { a_at, b_at }
}

kernels! {
    /// `out = a & b`.
    AND = main of "and.wgsl", NoParams, [Raw, Raw] => Raw, and;
    /// `a` and behind it `b`.
    CONCAT = main of "concat.wgsl", ConcatParams, [Raw, Raw] => Raw, concat;
    /// Rows of a block.
    GATHER_ROWS = main of "gather_rows.wgsl", GatherParams, [Raw, Raw] => Raw, gather_rows;
    /// What is opened of a ring element.
    MASK = main of "mask.wgsl", MaskParams, [Ring, Ring] => Raw, mask, fast;
    /// What is opened of a 64-bit value.
    MASK_WIDE = main of "mask.wgsl", MaskParams, [Wide, Ring] => Raw, mask_wide, fast;
    /// An opened value from its two halves.
    MERGE = main of "merge.wgsl", MergeParams, [Raw, Raw] => Ring, merge, fast;
    /// Ring elements, packed.
    PACK = main of "pack_ring.wgsl", PackParams, [Ring] => Raw, pack_ring, fast;
    /// Packed elements as ring elements.
    UNPACK = main of "unpack.wgsl", UnpackParams, [Raw] => Ring, unpack, fast;
    /// Rows of packed elements as ring elements.
    UNPACK_ROWS = main of "unpack_rows.wgsl", UnpackRowsParams, [Raw] => Ring, unpack_rows, fast;
    /// `out = a ^ b`.
    XOR = main of "xor.wgsl", XorParams, [Raw, Raw] => Raw, xor;
}

/// `out = pack((x >> cut) + r + offset)`: what is opened of a value `x` of `in_bits` bits under the mask `r`.
///
/// `up` rounds the shift up (server 1); `offset` adds `2^(out_bits - 2)` (server 0 of a truncated product).
fn mask<W: Word>(p: &MaskParams, x: &[W], r: &[W], out: &mut [u32]) {
    mask_words(p, x, r, out);
}

/// [`mask`] of a 64-bit value: opens a master weight.
fn mask_wide<W: Word>(p: &MaskParams, x: &[u64], r: &[W], out: &mut [u32]) {
    mask_words(p, x, r, out);
}

fn mask_words<X: Word, W: Word>(p: &MaskParams, x: &[X], r: &[W], out: &mut [u32]) {
    let offset = if p.offset == 1 { 1 << (p.out_bits - 2) } else { 0 };
    pack(out, p.out_bits, r.len(), |i| {
        let x = x[i].and(X::ones(p.in_bits));
        let cut = if p.up == 1 { x.shr_up(p.cut) } else { x.shr(p.cut) };
        cut.wide().wrapping_add(r[i].wide()).wrapping_add(offset)
    });
}

/// `out = (mine + peer) mod 2^bits`: an opened value from its two packed halves; the peer's begins at word `at`.
fn merge<W: Word>(p: &MergeParams, mine: &[u32], peer: &[u32], out: &mut [W]) {
    let (mine, peer) = (Packed::new(mine, p.bits), Packed::new(&peer[p.at as usize..], p.bits));
    for (i, o) in out.iter_mut().enumerate() {
        *o = W::low(mine.at(i).wrapping_add(peer.at(i)) & crate::fixed::mask(p.bits));
    }
}

/// `out = a[a_at ..] ^ b[b_at ..]`.
fn xor<W: Word>(p: &XorParams, a: &[u32], b: &[u32], out: &mut [u32]) {
    let (a, b) = (&a[p.a_at as usize..], &b[p.b_at as usize..]);
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a ^ b);
}

/// `out = a & b`.
fn and<W: Word>(_: &NoParams, a: &[u32], b: &[u32], out: &mut [u32]) {
    out.iter_mut().zip(a).zip(b).for_each(|((o, a), b)| *o = a & b);
}

/// `out = pack(x)`.
fn pack_ring<W: Word>(p: &PackParams, x: &[W], out: &mut [u32]) {
    pack(out, p.bits, x.len(), |i| x[i].wide());
}

/// Packed elements from word `at` on as ring elements.
fn unpack<W: Word>(p: &UnpackParams, x: &[u32], out: &mut [W]) {
    let x = Packed::new(&x[p.at as usize..], p.bits);
    out.iter_mut().enumerate().for_each(|(i, o)| *o = W::low(x.at(i)));
}

/// Rows of packed elements, each row from a word of its own (`stride` words a row), as ring elements.
fn unpack_rows<W: Word>(p: &UnpackRowsParams, x: &[u32], out: &mut [W]) {
    for (row, out) in x.chunks_exact(p.stride as usize).zip(out.chunks_exact_mut(p.cols as usize)) {
        let row = Packed::new(row, p.bits);
        out.iter_mut().enumerate().for_each(|(i, o)| *o = W::low(row.at(i)));
    }
}

/// Rows `index - base` of a block, `stride` words each.
fn gather_rows<W: Word>(p: &GatherParams, block: &[u32], index: &[u32], out: &mut [u32]) {
    let stride = p.stride as usize;
    for (out, i) in out.chunks_exact_mut(stride).zip(index) {
        let at = (i - p.base) as usize * stride;
        out.copy_from_slice(&block[at..at + stride]);
    }
}

/// `a` and behind it `b`.
fn concat<W: Word>(p: &ConcatParams, a: &[u32], b: &[u32], out: &mut [u32]) {
    let (first, second) = out.split_at_mut(p.first as usize);
    first.copy_from_slice(a);
    second.copy_from_slice(b);
}
