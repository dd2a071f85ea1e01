//! What shares and wires carry beside their numbers: a shape, a ring, a scale.

use crate::shape::Shape;

/// A share or a wire: integers `x` of `Z_2^bits`, each of which stands for the number `x / 2^frac`.
///
/// All of this is public. Gates derive from it what they cut and compare, and refuse operands of unlike scales.
pub trait Scaled: Clone {
    /// Its shape.
    fn shape(&self) -> &Shape;

    /// Bits of its ring.
    fn bits(&self) -> u32;

    /// Fraction bits of its integers.
    fn frac(&self) -> u32;

    /// The same integers, taken as numbers of `frac` fraction bits. This changes the value; layers use [`Scaled::over`].
    #[must_use]
    fn with_frac(self, frac: u32) -> Self;

    /// The value divided by `2^bits`: the same integers, with more fraction bits. Costs nothing.
    #[must_use]
    fn over(self, bits: u32) -> Self {
        let frac = self.frac() + bits;
        self.with_frac(frac)
    }
}

/// What a server and the dealer hold of one value.
impl<A: Scaled, B: Scaled> Scaled for (A, B) {
    fn shape(&self) -> &Shape {
        self.1.shape()
    }

    fn bits(&self) -> u32 {
        debug_assert_eq!(self.0.bits(), self.1.bits(), "server and dealer agree on rings");
        self.0.bits()
    }

    fn frac(&self) -> u32 {
        debug_assert_eq!(self.0.frac(), self.1.frac(), "server and dealer agree on scales");
        self.0.frac()
    }

    fn with_frac(self, frac: u32) -> Self {
        (self.0.with_frac(frac), self.1.with_frac(frac))
    }
}

/// Implements [`Scaled`] for a type with fields `bits` and `frac`.
macro_rules! scaled {
    ($t:ty, |$x:ident| $shape:expr) => {
        impl $crate::party::Scaled for $t {
            fn shape(&self) -> &$crate::shape::Shape {
                let $x = self;
                $shape
            }

            fn bits(&self) -> u32 {
                self.bits
            }

            fn frac(&self) -> u32 {
                self.frac
            }

            fn with_frac(self, frac: u32) -> Self {
                Self { frac, ..self }
            }
        }
    };
}
pub(super) use scaled;
