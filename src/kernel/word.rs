//! The machine words a ring element can live in.

use std::fmt::Debug;

/// A machine word with wrapping arithmetic: `u32` or `u64`.
pub trait Word: bytemuck::Pod + Copy + Default + Debug + Eq + Send + Sync + 'static {
    /// Its width.
    const BITS: u32;

    /// The low bits of `x`.
    fn low(x: u64) -> Self;
    /// The word, zero-extended.
    fn wide(self) -> u64;
    /// Sum modulo the word.
    #[must_use]
    fn add(self, y: Self) -> Self;
    /// Difference modulo the word.
    #[must_use]
    fn sub(self, y: Self) -> Self;
    /// Product modulo the word.
    #[must_use]
    fn mul(self, y: Self) -> Self;
    /// The all-ones word of `bits` bits.
    fn ones(bits: u32) -> Self {
        Self::low(crate::fixed::mask(bits))
    }
    /// The bits that are set in both.
    #[must_use]
    fn and(self, y: Self) -> Self;
    /// Logical shift to the right; 0 where `k` reaches the width.
    #[must_use]
    fn shr(self, k: u32) -> Self;
    /// Shift to the left; 0 where `k` reaches the width.
    #[must_use]
    fn shl(self, k: u32) -> Self;
    /// `x / 2^k` rounded up, without the overflow of `x + 2^k - 1`.
    #[must_use]
    fn shr_up(self, k: u32) -> Self {
        self.shr(k).add(Self::low(u64::from(self.and(Self::ones(k)) != Self::default())))
    }
}

macro_rules! word {
    ($($t:ident)*) => { $(
        impl Word for $t {
            const BITS: u32 = $t::BITS;

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation,
                     reason = "taking the low bits is what this does")]
            fn low(x: u64) -> Self { x as Self }
            #[inline(always)]
            fn wide(self) -> u64 { u64::from(self) }
            #[inline(always)]
            fn add(self, y: Self) -> Self { self.wrapping_add(y) }
            #[inline(always)]
            fn sub(self, y: Self) -> Self { self.wrapping_sub(y) }
            #[inline(always)]
            fn mul(self, y: Self) -> Self { self.wrapping_mul(y) }
            #[inline(always)]
            fn and(self, y: Self) -> Self { self & y }
            #[inline(always)]
            fn shr(self, k: u32) -> Self { self.checked_shr(k).unwrap_or(0) }
            #[inline(always)]
            fn shl(self, k: u32) -> Self { self.checked_shl(k).unwrap_or(0) }
        }
    )* };
}

word!(u32 u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_past_the_width_give_zero_and_rounding_up_does_not_overflow() {
        assert_eq!(7u32.shr(32), 0);
        assert_eq!(7u64.shl(64), 0);
        assert_eq!(u32::MAX.shr_up(8), 1 << 24);
        assert_eq!(256u32.shr_up(8), 1);
        assert_eq!(257u32.shr_up(8), 2);
        assert_eq!(5u64.shr_up(0), 5);
    }
}
