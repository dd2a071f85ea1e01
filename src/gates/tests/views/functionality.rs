//! The functionality of docs/protocols.md 2.6, value by value: what is computed, with coins that somebody supplies.

use crate::fixed::{Window, mask, signed};

/// The coin of a cut of `cut` bits, from the low bits of a server's own half: server 0 shifts its half, server 1 rounds up.
pub(super) fn coin(server: usize, half: u64, cut: u32) -> u64 {
    if server == 0 { mask(cut) - (half & mask(cut)) } else { half.wrapping_neg() & mask(cut) }
}

/// `floor((x + coin) / 2^cut)`, in two's complement.
pub(super) fn rounded(x: i64, cut: u32, coin: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "in two's complement")]
    let y = ((i128::from(x) + i128::from(coin)) >> cut) as i64;
    y.cast_unsigned()
}

/// What a wire of `wire` bits is in a ring of `ring` bits: itself in its range, otherwise off by a multiple of `2^wire` that
/// depends on the opened value.
pub(super) fn extended(y: u64, hat: u64, wire: u32, ring: u32) -> u64 {
    let (value, quarter) = (signed(y & mask(wire), wire), 1u64 << (wire - 2));
    if value.unsigned_abs() <= quarter {
        return value.cast_unsigned() & mask(ring);
    }
    let rho = hat.wrapping_sub(quarter).wrapping_sub(y) & mask(wire);
    let wraps = (1 ^ (hat >> (wire - 1))) & (rho >> (wire - 1));
    hat.wrapping_sub(quarter).wrapping_sub(rho).wrapping_add(wraps << wire) & mask(ring)
}

/// What a comparison keeps of a wire of `bits` bits: `floor((y + u) / 2^t)`, the coin u from the low bits of the opened value.
pub(super) fn windowed(y: u64, hat: u64, bits: u32, window: Window) -> u64 {
    let low = hat.wrapping_sub(1 << (bits - 2)) & mask(window.low);
    rounded(signed(y & mask(bits), bits), window.low, mask(window.low) - low)
}

/// `[v >= 0]` by bit `k` of what is left of a wire, or of the difference of two.
pub(super) fn positive(v: u64, k: u32) -> u64 {
    1 ^ (v >> k & 1)
}

/// `times floor((scale x + u) / 2^shift)` of a value of `bits` bits in `Z_2^64`, the coin u from a server's own half.
///
/// Outside `|scale x| < 2^(bits-2)` it is off by a multiple of `times 2^(bits-shift)` that depends on that half.
pub(super) fn rescaled(server: usize, half: u64, x: u64, [bits, scale, times]: [u32; 3], shift: i32) -> u64 {
    let (ring, quarter, top) = (mask(bits), 1u64 << (bits - 2), |x: u64| x >> (bits - 1) & 1);
    let own = half.wrapping_mul(scale.into()).wrapping_add(quarter * u64::from(server == 0)) & ring;
    let lifted = x.wrapping_mul(scale.into()).wrapping_add(quarter) & ring;
    let other = lifted.wrapping_sub(own) & ring;
    // two halves are taken to wrap where one of them has its top bit set
    let off = i128::from(other > ring - own) - i128::from(top(own) | top(other));
    assert!(top(lifted) == 1 || off == 0, "in its range a value is right but for the coin");
    let (cut, left) = (shift.max(0).unsigned_abs(), (-shift).max(0).unsigned_abs());
    let value = i128::from(lifted) - i128::from(quarter);
    let y = (((value + i128::from(coin(server, own, cut))) >> cut) << left) + (off << (bits + left - cut));
    #[expect(clippy::cast_possible_truncation, reason = "in two's complement")]
    let y = (y as i64).cast_unsigned();
    y.wrapping_mul(times.into())
}
