//! What values are to a server: its halves, and masked values that are public.

use std::cell::OnceCell;
use std::fmt;

use crate::shape::Shape;
use crate::tensor::Tensor;

/// A server's half of a value that is not opened.
#[derive(Clone)]
pub struct Half {
    /// The half.
    pub(crate) x: Tensor,
    /// Bits of its ring.
    pub(crate) bits: u32,
}

/// A value `x_hat - r`, opened under the mask `r`.
#[derive(Clone)]
pub struct OpenWire {
    /// The public masked value.
    pub(crate) hat: Tensor,
    /// My half of the mask.
    pub(crate) r: Tensor,
    /// Bits of its ring.
    pub(crate) bits: u32,
    /// My half of the value in the ring, once somebody asked for it.
    pub(crate) half: OnceCell<Tensor>,
}

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
pub struct OpenBits {
    /// The public masked bits.
    pub(crate) hat: Tensor,
    /// My half (by XOR) of their masks.
    pub(crate) own: Tensor,
    /// My half of the masks in the ring, packed; where it was asked for.
    pub(crate) lambda: Option<Tensor>,
    /// Their shape.
    pub(crate) shape: Shape,
}

impl OpenBits {
    /// My half of the masks in the ring.
    ///
    /// # Panics
    /// Where the bits were opened without.
    pub(crate) fn in_ring(&self) -> &Tensor {
        self.lambda.as_ref().expect("bits that are used in the ring are opened with their masks in it")
    }
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

debug_shape!(Half.x, OpenWire.hat, BitShare.x, OpenBits.hat);
