//! The larger of two wires, and the AND of opened bits: what max pooling is made of (protocols.md 3.3, 3.4).

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::fast::bits::{Filler, Items, chunk, chunk_of_bits, fill, lanes};
use crate::kernel::fast::split::PIECE;
use crate::kernel::table::{AndAllParams, PickParams, WindowParams};

/// `out = (v(x) - v(y)) mod 2^(k+1)`, `v = (x + add) mod 2^bits >> low`: shift first, then subtract.
#[inline(always)]
pub(crate) fn window_difference<W: Word>(p: &WindowParams, x: &[W], y: &[W], out: &mut [W]) {
    let add = W::low(u64::from(p.add_lo) | u64::from(p.add_hi) << 32);
    let v = |x: W| x.add(add).and(W::ones(p.bits)).shr(p.low);
    for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
        *o = v(*x).sub(v(*y)).and(W::ones(p.k + 1));
    }
}

/// `y + c (x - y)` in `Z_2^bits` of two wires and opened bits `c`: `D = x_hat - y_hat`, `[d] = D - ([rho_x] - [rho_y])`,
/// `[c d] = c_hat [d] + (1 - 2 c_hat) (D [lambda] - [lambda delta])`. Dealt: `lambda`, `lambda (rho_x - rho_y)`, `bits` each.
#[expect(clippy::too_many_arguments, reason = "a kernel has the operands of its row")]
#[inline(always)]
pub(crate) fn pick<W: Word>(
    p: &PickParams,
    x_hat: &[W],
    x_rho: &[W],
    y_hat: &[W],
    y_rho: &[W],
    bits: &[u32],
    dealt: &[u32],
    out: &mut [W],
) {
    let mut items = Items::new(dealt);
    let (lambda, delta) = (items.next(x_hat.len(), p.bits), items.next(x_hat.len(), p.bits));
    let (first, whole, lift) = (u64::from(p.first).wrapping_neg(), mask(p.bits), 1u64 << (p.bits - 2));
    fill(
        out,
        PIECE,
        #[inline(always)]
        move |c| {
            let (xh, xr, yh, yr) = (chunk(x_hat, c), chunk(x_rho, c), chunk(y_hat, c), chunk(y_rho, c));
            let (b, lambda, delta) = (chunk_of_bits(bits, c), lambda.chunk(c), delta.chunk(c));
            lanes(
                #[inline(always)]
                |j| {
                    let public = xh[j].wrapping_sub(yh[j]);
                    let d = (public & first).wrapping_sub(xr[j]).wrapping_add(yr[j]);
                    let masked = public.wrapping_mul(lambda[j]).wrapping_sub(delta[j]);
                    let y = (yh[j].wrapping_sub(lift) & first).wrapping_sub(yr[j]);
                    let cd = if b[j] == 1 { d.wrapping_sub(masked) } else { masked };
                    y.wrapping_add(cd) & whole
                },
            )
        },
    );
}

/// The corrections of [`pick`]; `lambda` are the bits' masks.
#[inline(always)]
pub(crate) fn deal_pick<W: Word>(
    p: &PickParams,
    x_rho: &[W],
    y_rho: &[W],
    lambda: &[u32],
    share0: &[u32],
    out: &mut [u32],
) {
    let len = x_rho.len();
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, d) = (share.next(len, p.bits), share.next(len, p.bits));
    fill.chunks(
        len,
        p.bits,
        #[inline(always)]
        move |c| {
            let (lambda, l) = (chunk_of_bits(lambda, c), l.chunk(c));
            lanes(
                #[inline(always)]
                |j| lambda[j].wrapping_sub(l[j]),
            )
        },
    );
    fill.chunks(
        len,
        p.bits,
        #[inline(always)]
        move |c| {
            let (x, y, lambda, d) = (chunk(x_rho, c), chunk(y_rho, c), chunk_of_bits(lambda, c), d.chunk(c));
            lanes(
                #[inline(always)]
                |j| (lambda[j].wrapping_neg() & x[j].wrapping_sub(y[j])).wrapping_sub(d[j]),
            )
        },
    );
}

/// Shares of the AND of `inputs` opened bits, those in `flips` complemented, by folding their masks' products one input
/// at a time. `hats`, `owns`: a plane each; dealt: a plane for every product of two or more masks, subsets ascending.
#[inline(always)]
pub(crate) fn and_all<W: Word>(p: &AndAllParams, hats: &[u32], owns: &[u32], dealt: &[u32], out: &mut [u32]) {
    let (n, w) = (p.inputs as usize, out.len());
    let mut fold = vec![0; 1 << n];
    for word in 0..w {
        let mut next = dealt.iter().skip(word).step_by(w);
        fold[0] = 0u32.wrapping_sub(p.first);
        for s in 1..1usize << n {
            fold[s] = if s.is_power_of_two() {
                owns[s.trailing_zeros() as usize * w + word]
            } else {
                *next.next().expect("the frame holds a plane for every product")
            };
        }
        for i in (0..n).rev() {
            let hat = hats[i * w + word] ^ (p.flips >> i & 1).wrapping_neg();
            for s in 0..1 << i {
                fold[s] = (hat & fold[s]) ^ fold[s | 1 << i];
            }
        }
        out[word] = fold[0];
    }
}

/// The corrections of [`and_all`]; `masks` has a plane for every input.
#[inline(always)]
pub(crate) fn deal_and_all<W: Word>(p: &AndAllParams, masks: &[u32], share0: &[u32], out: &mut [u32]) {
    let n = p.inputs as usize;
    let w = masks.len() / n;
    let mut product = vec![0; 1 << n];
    for word in 0..w {
        let mut at = word;
        product[0] = u32::MAX;
        for s in 1..1usize << n {
            product[s] = product[s & (s - 1)] & masks[s.trailing_zeros() as usize * w + word];
            if !s.is_power_of_two() {
                out[at] = product[s] ^ share0[at];
                at += w;
            }
        }
    }
}
