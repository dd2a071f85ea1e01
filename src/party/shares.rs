//! What values are to a server: its halves, and masked values that are public.

use std::cell::OnceCell;
use std::fmt;

use super::scaled::scaled;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A server's half of a value that is not opened.
#[derive(Clone)]
pub struct AdditiveShare {
    /// The half.
    pub(crate) x: Tensor,
    /// Bits of its ring.
    pub(crate) bits: u32,
    /// Fraction bits.
    pub(crate) frac: u32,
}

/// A value `x_hat - r`, opened under the mask `r`.
#[derive(Clone)]
pub struct MaskedWire {
    /// The public masked value.
    pub(crate) hat: Tensor,
    /// My half of the mask.
    pub(crate) r: Tensor,
    /// Bits of its ring.
    pub(crate) bits: u32,
    /// Fraction bits.
    pub(crate) frac: u32,
    /// My half of the value in the ring, once somebody asked for it.
    pub(crate) half: OnceCell<Tensor>,
    /// Whether the value is public: the mask is 0, and nobody deals for its products.
    pub(crate) public: bool,
}

impl MaskedWire {
    /// A value `hat - r` of a ring.
    pub(crate) fn new(hat: Tensor, r: Tensor, bits: u32, frac: u32) -> Self {
        Self { hat, r, bits, frac, half: OnceCell::new(), public: false }
    }
}

scaled!(AdditiveShare, |half| half.x.shape());
scaled!(MaskedWire, |wire| wire.hat.shape());

/// A server's half (by XOR) of secret bits.
#[derive(Clone)]
pub struct BitShare {
    /// 32 bits to a word.
    pub(crate) x: Tensor,
    /// Their shape.
    pub(crate) shape: Shape,
}

/// Secret bits, opened under masks.
#[derive(Clone)]
pub struct MaskedBits {
    /// The public masked bits.
    pub(crate) hat: Tensor,
    /// My half (by XOR) of their masks.
    pub(crate) own: Tensor,
    /// Their shape.
    pub(crate) shape: Shape,
}

/// Secret bits, opened under masks that are shared in the ring too.
#[derive(Clone)]
pub struct Selectors {
    /// The opened bits.
    pub(crate) bits: MaskedBits,
    /// My half of their masks in the ring, packed.
    pub(crate) lambda: Tensor,
}

macro_rules! debug_shape {
    ($($t:ident . $field:ident),*) => { $(
        impl fmt::Debug for $t {
            /// Shape only: it holds a share or a mask.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{:?}", stringify!($t), self.$field.shape())
            }
        }
    )* };
}

debug_shape!(AdditiveShare.x, MaskedWire.hat, BitShare.x, MaskedBits.hat, Selectors.lambda);
