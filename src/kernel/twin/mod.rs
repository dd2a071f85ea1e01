//! The kernels, on pages: a page has their parameters, their rows (`kernel/row.rs` says how they read) and below them what they
//! compute, one plain function each: the definition that fast bodies and WGSL are tested against.

use super::Kernel;

pub mod chunks;
pub mod compare;
pub mod convolution;
pub mod linear;
pub mod pack;
pub mod pool;
pub mod prg;
pub mod range;
pub mod rescale;
pub mod select;
pub mod softmax;
pub mod winner;

macro_rules! pages {
    ($($page:ident)*) => {
        $(pub use $page::*;)*

        /// Every kernel, page by page.
        pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
            [$($page::ROWS),*].into_iter().flatten().copied()
        }
    };
}

pages! { chunks compare convolution linear pack pool prg range rescale select softmax winner }
