//! The larger of two wires, and the AND of opened bits: what max pooling is made of (protocols.md 3.3, 3.4).

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::fast::pool as fast;
use crate::kernel::packed::{Filler, Items, bit};
use crate::kernel::row::{kernels, params};

use super::compare::WindowParams;

params! {
    /// Of `AND_ALL`.
    AndAllParams { inputs, flips, first }
    /// Of `PICK`.
    PickParams { bits, first }
}

kernels! {
    /// The AND of opened secret bits.
    AND_ALL = main of "and_all.wgsl", AndAllParams, [Raw, Raw, Raw] => Raw, and_all;
    /// Corrections of [`AND_ALL`].
    DEAL_AND_ALL = deal of "and_all.wgsl", AndAllParams, [Raw, Raw] => Raw, deal_and_all;
    /// Corrections of [`PICK`].
    DEAL_PICK = deal of "pick.wgsl", PickParams, [Ring, Ring, Raw, Raw] => Raw, deal_pick, fast;
    /// Of two wires the one that a secret bit picks.
    PICK = main of "pick.wgsl", PickParams, [Ring, Ring, Ring, Ring, Raw, Raw] => Ring, pick, fast;
    /// Windows of the differences of two wires.
    WINDOW_DIFFERENCE = main of "window_difference.wgsl", WindowParams, [Ring, Ring] => Ring, window_difference;
}

/// `out = (v(x) - v(y)) mod 2^(k+1)`, `v = (x + add) mod 2^bits >> low`: shift first, then subtract.
fn window_difference<W: Word>(p: &WindowParams, x: &[W], y: &[W], out: &mut [W]) {
    let add = W::low(u64::from(p.add_lo) | u64::from(p.add_hi) << 32);
    let v = |x: W| x.add(add).and(W::ones(p.bits)).shr(p.low);
    for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
        *o = v(*x).sub(v(*y)).and(W::ones(p.k + 1));
    }
}

/// `y + c (x - y)` in `Z_2^bits` of two wires and opened bits `c`: `D = x_hat - y_hat`, `[d] = D - ([rho_x] - [rho_y])`,
/// `[c d] = c_hat [d] + (1 - 2 c_hat) (D [lambda] - [lambda delta])`. Dealt: `lambda`, `lambda (rho_x - rho_y)`, `bits` each.
#[expect(clippy::too_many_arguments, reason = "a kernel has the operands of its row")]
fn pick<W: Word>(
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
    let (first, lift) = (u64::from(p.first), 1u64 << (p.bits - 2));
    for (i, o) in out.iter_mut().enumerate() {
        let [xh, xr, yh, yr] = [x_hat, x_rho, y_hat, y_rho].map(|x| x[i].wide());
        let c = u64::from(bit(bits, i));
        let public = xh.wrapping_sub(yh);
        let d = (first * public).wrapping_sub(xr.wrapping_sub(yr));
        let masked = public.wrapping_mul(lambda.at(i)).wrapping_sub(delta.at(i));
        let y = (first * yh.wrapping_sub(lift)).wrapping_sub(yr);
        let cd = (c * d).wrapping_add(1u64.wrapping_sub(2 * c).wrapping_mul(masked));
        *o = W::low(y.wrapping_add(cd) & mask(p.bits));
    }
}

/// The corrections of [`pick`]; `lambda` are the bits' masks.
fn deal_pick<W: Word>(p: &PickParams, x_rho: &[W], y_rho: &[W], lambda: &[u32], share0: &[u32], out: &mut [u32]) {
    let len = x_rho.len();
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, d) = (share.next(len, p.bits), share.next(len, p.bits));
    let lambda = |i: usize| u64::from(bit(lambda, i));
    fill.item(len, p.bits, |i| lambda(i).wrapping_sub(l.at(i)));
    fill.item(len, p.bits, |i| (lambda(i) * x_rho[i].wide().wrapping_sub(y_rho[i].wide())).wrapping_sub(d.at(i)));
}

/// Shares of the AND of `inputs` opened bits, those in `flips` complemented, by folding their masks' products one input
/// at a time. `hats`, `owns`: a plane each; dealt: a plane for every product of two or more masks, subsets ascending.
fn and_all<W: Word>(p: &AndAllParams, hats: &[u32], owns: &[u32], dealt: &[u32], out: &mut [u32]) {
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
fn deal_and_all<W: Word>(p: &AndAllParams, masks: &[u32], share0: &[u32], out: &mut [u32]) {
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
