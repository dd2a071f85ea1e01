//! What the kernels compute, one plain function each: the definitions that fast bodies and WGSL are tested against.

pub(crate) mod chunks;
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
