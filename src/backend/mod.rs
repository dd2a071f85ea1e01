//! Devices that run kernels: one compute verb, [`Backend::run`].

#[cfg(all(test, feature = "gpu"))]
#[path = "../../tests/adapter/mod.rs"]
pub(crate) mod adapter;
mod checked;
mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
#[cfg(not(feature = "gpu"))]
mod no_gpu;
mod null;

use std::any::Any;
use std::sync::Arc;

pub use checked::Checked;
pub use cpu::Cpu;
pub use null::{Meter, Null};

#[cfg(not(feature = "gpu"))]
pub use no_gpu::{Adapter, open_gpu};

#[cfg(feature = "gpu")]
pub use self::gpu::{Adapter, Wgpu, open_gpu};

use crate::error::Result;
use crate::kernel::{Kernel, RingWord};

/// Memory of a device. A cheap clone; the memory goes back to the device's pool with the last one.
#[derive(Clone)]
pub struct Buf {
    bytes: usize,
    inner: Arc<dyn Any + Send + Sync>,
}

impl Buf {
    /// Wraps a backend's own handle.
    pub fn new(bytes: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { bytes, inner }
    }

    /// Its length.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The backend's own handle.
    ///
    /// # Panics
    /// Where the buffer is another backend's.
    pub fn inner<T: 'static>(&self) -> &T {
        self.inner.downcast_ref().expect("a buffer is used on the backend that made it")
    }
}

/// A device.
pub trait Backend: Send + Sync {
    /// What a person calls it: `cpu`, or the adapter's name.
    fn name(&self) -> String;

    /// The most bytes of a block that a data set is cut into.
    fn block_bytes(&self) -> usize {
        usize::MAX
    }

    /// Copies bytes to the device.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if it has no room.
    fn upload(&self, bytes: &[u8]) -> Result<Buf>;

    /// Memory of the given size, all 0.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if it has no room.
    fn zeros(&self, bytes: usize) -> Result<Buf> {
        self.upload(&vec![0; bytes])
    }

    /// Takes over the first `bytes` bytes of `words`; without a copy where the device's memory is the host's.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if it has no room.
    fn adopt(&self, words: Vec<u64>, bytes: usize) -> Result<Buf> {
        self.upload(&bytemuck::cast_slice(&words)[..bytes])
    }

    /// Copies the first `len` bytes of each of `bufs` from the device, one after the other, in one readback.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device is lost.
    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>>;

    /// Runs a kernel; returns its output of `len` elements.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if it has no room, is lost, or lacks the kernel.
    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf>;
}
