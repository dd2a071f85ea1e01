//! Fast bodies of hot kernels on the CPU.

pub(crate) mod bits;
pub mod gemm;
pub(crate) mod split;
