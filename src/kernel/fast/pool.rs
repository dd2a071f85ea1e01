//! The larger of two wires, in chunks across cores.

use crate::fixed::mask;
use crate::kernel::Word;
use crate::kernel::packed::{Filler, Items};
use crate::kernel::twin::pool::PickParams;

use super::chunks::{Bits, elementwise, fill, pack_item};
use super::split::PIECE;

/// In chunks; `1 - 2 c_hat` is a choice.
#[expect(clippy::too_many_arguments, reason = "a kernel has the operands of its row")]
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
    let (mut items, c_hat) = (Items::new(dealt), Bits(bits));
    let (lambda, delta) = (items.next(x_hat.len(), p.bits), items.next(x_hat.len(), p.bits));
    let (first, whole, lift) = (u64::from(p.first).wrapping_neg(), mask(p.bits), 1u64 << (p.bits - 2));
    elementwise!(fill(out, PIECE), x_hat, x_rho, y_hat, y_rho, c_hat, lambda, delta => {
        let public = x_hat.wrapping_sub(y_hat);
        let d = (public & first).wrapping_sub(x_rho).wrapping_add(y_rho);
        let masked = public.wrapping_mul(lambda).wrapping_sub(delta);
        let y = (y_hat.wrapping_sub(lift) & first).wrapping_sub(y_rho);
        let cd = if c_hat == 1 { d.wrapping_sub(masked) } else { masked };
        y.wrapping_add(cd) & whole
    });
}

/// In chunks.
pub(crate) fn deal_pick<W: Word>(
    p: &PickParams,
    x_rho: &[W],
    y_rho: &[W],
    lambda: &[u32],
    share0: &[u32],
    out: &mut [u32],
) {
    let (len, bits, lambda) = (x_rho.len(), p.bits, Bits(lambda));
    let (mut share, mut fill) = (Items::new(share0), Filler::new(out));
    let (l, d) = (share.next(len, bits), share.next(len, bits));
    elementwise!(pack_item(&mut fill, len, bits), lambda, l => lambda.wrapping_sub(l));
    elementwise!(pack_item(&mut fill, len, bits), x_rho, y_rho, lambda, d => {
        (lambda.wrapping_neg() & x_rho.wrapping_sub(y_rho)).wrapping_sub(d)
    });
}
