//! The gates: one file each, with what a server asks and tells, what the dealer deals, and what it means in the clear.
//!
//! | gate | rounds | opened, bits per element | dealt, bits per element |
//! |---|---|---|---|
//! | [`Opening::open`] | 1 | l (n for operands of products) | 0 |
//! | [`Product::product`] | 0 | 0 | n |
//! | [`Local`] | 0 | 0 | 0 |
//! | [`Compare::sign`] | 1 | 2 (k/4 - 1): 4 | 54 for k = 12, 80 for 16, 180 for 24 |
//! | [`Compare::at_least`] | 1 | per threshold 2 (k/4 - 1): 4 | 54 for k = 12, 5 more per further threshold |
//! | [`Compare::larger`] | 1 | 2 (k/4 - 1): 4 | 54 for k = 12 |
//! | [`Pool::pick`] | 0 | 0 | 2 l |
//! | [`Pool::and`] | 0 | 0 | 2^N - N - 1 for N bits |
//! | [`OpenBit::open_bits`] | 1 | 1 | 0, or n with the masks in the ring |
//! | [`Select::extend`] | 0 | 0 | 2 (n - l) |
//! | [`Select::select`] | 0 | 0 | 3 (n - l) + n |
//! | [`Rescale::rescale`] | 1 | 1 | 64 - n + k |
//! | [`Winner::winner`] | 3 | per row 5 c (c - 1) / 2 + c | per row 54 c (c - 1) / 2 + c (2^(c-1) - c) |
//! | [`RangeCheck::outside`] | 1 | 4 (k/4 - 1): 8 | 59 for k = 12 |
//! | [`Softmax`] | 0 | 0 | see there |
//! | [`Reveal`] | 0 | 0 | 2 n for `hits` |

mod bilinear;
mod bits;
mod boxes;
mod compare;
mod dropout;
mod local;
mod open;
mod pool;
mod product;
mod range;
mod rescale;
mod reveal;
mod select;
mod softmax;
mod width;
mod winner;

#[cfg(test)]
pub(crate) mod lockstep;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use width::careless;

pub use bilinear::{Bilinear, Conv, Layout, Pass};
pub use bits::OpenBit;
pub use boxes::Boxes;
pub use compare::Compare;
pub use dropout::Kept;
pub use local::Local;
pub use open::{Open, Opening};
pub use pool::Pool;
pub use product::Product;
pub use range::{Checked, Places, RangeCheck};
pub use rescale::{Rescale, Scaling};
pub use reveal::Reveal;
pub use select::Select;
pub use softmax::{Arguments, MAX_CLASSES, Softmax, exp_frac, logit_bits};
pub use winner::{MOST_COMPARED, Winner};
