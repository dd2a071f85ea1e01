//! The CPU bodies of the kernels, one function each. They are the definitions that the WGSL is tested against.

pub(crate) mod compare;
pub(crate) mod convolution;
pub(crate) mod linear;
pub(crate) mod pack;
pub(crate) mod pool;
pub(crate) mod prg;
pub(crate) mod range;
pub(crate) mod rescale;
pub(crate) mod select;
pub(crate) mod softmax;
pub(crate) mod winner;
