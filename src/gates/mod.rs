//! The gates: one file each, with what a server asks and tells, what the dealer deals, and what it means in the clear.
//!
//! | gate | rounds | opened, bits per element | dealt, bits per element |
//! |---|---|---|---|
//! | [`Opening::open`] | 1 | l (n for operands of products) | 0 |
//! | [`Product::product`] | 0 | 0 | n |
//! | [`Product::product`] by a wire of [`PublicWires`] | 0 | 0 | 0 |
//! | [`Local`] | 0 | 0 | 0 |
//! | [`Compare::sign`] | 1 | 2 (k/4 - 1): 4 | 54 for k = 12, 80 for 16, 180 for 24 |
//! | [`Compare::at_least`] | 1 | per threshold 2 (k/4 - 1): 4 | 54 for k = 12, 5 more per further threshold |
//! | [`Compare::larger`] | 1 | 2 (k/4 - 1): 4 | 54 for k = 12 |
//! | [`MaxPoolGates::pick`] | 0 | 0 | 2 l |
//! | [`MaxPoolGates::and`] | 0 | 0 | 2^N - N - 1 for N bits |
//! | [`BitOpening::open_bits`] | 1 | 1 | 0 |
//! | [`BitOpening::open_selectors`] | 1 | 1 | n |
//! | [`Select::extend`] | 0 | 0 | 2 (n - l) |
//! | [`Select::select`] | 0 | 0 | 3 (n - l) + n |
//! | [`Rescale::rescale`] | 1 | 1 | 64 - n + k |
//! | [`Winner::winner`] | 2 | per row 5 c (c - 1) / 2 | per row 54 c (c - 1) / 2 + c (2^(c-1) - c) |
//! | [`RangeCheck::outside`] | 1 | 4 (k/4 - 1): 8 | 59 for k = 12 |
//! | [`Softmax`] | 0 | 0 | see there |
//! | [`Reveal`] | 0 | 0 | 2 n for `hits` |

mod bilinear;
mod bits;
mod check_rings;
mod check_scales;
mod compare;
mod compare_window;
mod dispatch;
mod dropout;
mod image_windows;
mod local;
mod open;
mod pool;
mod product;
mod public;
mod range_check;
mod rescale;
mod reveal;
mod select;
mod softmax;
mod winner;

#[cfg(test)]
pub(crate) mod harness;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use check_rings::careless;

pub use crate::kernel::geometry::Window2d;
pub use bilinear::{Bilinear, Chunks, Conv, Layout, Pass};
pub use bits::BitOpening;
pub use compare::Compare;
pub(crate) use compare_window::window_on;
pub use dispatch::{Dispatch, Family, ForAny, ForEach};
pub use dropout::DropoutMask;
pub use image_windows::ImageWindows;
pub use local::Local;
pub use open::{OpenRequest, Opening};
pub use pool::MaxPoolGates;
pub use product::Product;
pub use public::PublicWires;
pub use range_check::{Checked, RangeCheck, SamplePositions, Sampling};
pub use rescale::{Rescale, Scaling};
pub use reveal::Reveal;
pub use select::Select;
pub use softmax::{Arguments, MAX_CLASSES, Softmax, exp_frac, logit_bits};
pub use winner::{MOST_COMPARED, Winner};

/// Defines all gates together.
macro_rules! engine {
    ($($gates:ident)+) => {
        /// All gates. A layer is written once over an engine, and every interpreter of [`crate::party`] runs it.
        ///
        /// # Errors
        /// Every gate can return these errors; its own section names those of its own arguments.
        ///
        /// * [`Error::Device`]: the compute device is out of memory or was lost.
        /// * [`Error::Peer`]: the connection to the other server or to the dealer ended. [`Error::Deadline`] and
        ///   [`Error::Overdue`]: the peer sent nothing, or sends too slowly. [`Error::Desync`]: it runs a different program or
        ///   job.
        /// * [`Error::Width`], [`Error::Scale`]: an operand has another ring or scale than the gate takes, which is a bug in the
        ///   calling layer.
        ///
        /// [`Error::Device`]: crate::error::Error::Device
        /// [`Error::Peer`]: crate::error::Error::Peer
        /// [`Error::Deadline`]: crate::error::Error::Deadline
        /// [`Error::Overdue`]: crate::error::Error::Overdue
        /// [`Error::Desync`]: crate::error::Error::Desync
        /// [`Error::Width`]: crate::error::Error::Width
        /// [`Error::Scale`]: crate::error::Error::Scale
        pub trait Engine: Dispatch + $($gates +)+ {}

        impl<E: Dispatch + $($gates +)+> Engine for E {}
    };
}

engine!(Compare Local BitOpening Opening MaxPoolGates Product PublicWires RangeCheck Rescale Reveal Select Softmax Winner);

/// What a gate made of a list of known length: it answers every entry.
fn array<T, const N: usize>(list: Vec<T>) -> [T; N] {
    list.try_into().unwrap_or_else(|_| unreachable!("a gate answers every entry of its list"))
}
