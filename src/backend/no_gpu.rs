//! What a build without the feature `gpu` says of GPUs: it has none.

use std::sync::Arc;

use crate::backend::Backend;
use crate::error::{Error, Result};

/// A GPU of this machine: none in this build.
#[derive(Debug)]
pub struct Adapter {
    /// What its maker calls it.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// `vulkan`, `metal` or `dx12`.
    pub api: String,
    /// The most bytes that one operand of a kernel may have.
    pub max_operand_bytes: u64,
    /// Whether it computes with 64-bit integers itself.
    pub native_u64: bool,
}

impl Adapter {
    /// None.
    pub fn list() -> Vec<Self> {
        Vec::new()
    }
}

/// Opens adapter number `index` of [`Adapter::list`].
///
/// # Errors
/// [`Error::Usage`]: this build has no GPU support.
pub fn open_gpu(_index: usize) -> Result<Arc<dyn Backend>> {
    Err(Error::Usage(NO_SUPPORT.into()))
}

const NO_SUPPORT: &str = "this build of ppdnn has no GPU support (its feature `gpu` is off); use --backend cpu";
