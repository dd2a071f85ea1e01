//! Fast bodies of hot kernels on the CPU, each in the file and under the name of its [twin](super::twin), which defines it.

pub(crate) mod chunks;
pub(crate) mod compare;
pub(crate) mod convolution;
pub mod gemm;
pub(crate) mod linear;
pub(crate) mod pack;
pub(crate) mod pool;
pub(crate) mod prg;
pub(crate) mod rescale;
pub(crate) mod select;
pub(crate) mod softmax;
pub(crate) mod split;
