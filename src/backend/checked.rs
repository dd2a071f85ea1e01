//! A device whose every kernel is run a second time, as it is defined, on the processor: for self-tests.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Backend, Buf};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, RingWord};

/// A device that compares the output of every kernel with that of the kernel's definition, word for word.
pub struct Checked {
    device: Arc<dyn Backend>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    kernels: BTreeSet<&'static str>,
    /// The first kernel whose output was not as defined.
    wrong: Option<String>,
}

impl Checked {
    /// Checks a device.
    pub fn new(device: Arc<dyn Backend>) -> Self {
        Self { device, seen: Mutex::default() }
    }

    /// The kernels that were run, by name.
    pub fn kernels(&self) -> Vec<&'static str> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).kernels.iter().copied().collect()
    }

    /// The first kernel whose output was not as defined, and where.
    pub fn wrong(&self) -> Option<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).wrong.clone()
    }

    /// What the definition makes of inputs that are on the device.
    fn defined(
        &self,
        kernel: &Kernel,
        ring: RingWord,
        params: &[u32],
        inputs: &[&Buf],
        bytes: usize,
    ) -> Result<Vec<u8>> {
        let here = inputs.iter().map(|input| self.device.download(&[(*input, input.bytes())]));
        // in words, so that every cast is aligned
        let words = here.map(|bytes| bytes.map(|bytes| aligned(&bytes))).collect::<Result<Vec<_>>>()?;
        let views: Vec<&[u8]> =
            words.iter().zip(inputs).map(|(words, input)| &bytemuck::cast_slice(words)[..input.bytes()]).collect();
        let mut out = vec![0_u64; bytes.div_ceil(8)];
        let out = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut out)[..bytes];
        kernel.definition(ring)(params, &views, out);
        Ok(out.to_vec())
    }
}

impl Backend for Checked {
    fn name(&self) -> String {
        self.device.name()
    }

    fn block_bytes(&self) -> usize {
        self.device.block_bytes()
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        self.device.upload(bytes)
    }

    fn zeros(&self, bytes: usize) -> Result<Buf> {
        self.device.zeros(bytes)
    }

    fn adopt(&self, words: Vec<u64>, bytes: usize) -> Result<Buf> {
        self.device.adopt(words, bytes)
    }

    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        self.device.download(bufs)
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
        let out = self.device.run(kernel, ring, params, inputs, len)?;
        let bytes = len * kernel.output.bytes(ring);
        let want = self.defined(kernel, ring, params, inputs, bytes)?;
        let got = self.device.download(&[(&out, bytes)])?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.kernels.insert(kernel.name);
        let Some(at) = got.iter().zip(&want).position(|(got, want)| got != want) else { return Ok(out) };
        let reason =
            format!("kernel `{}` ({ring:?}) gives another word {} of {} than defined", kernel.name, at / 4, bytes / 4);
        Err(Error::Device(seen.wrong.get_or_insert(reason).clone()))
    }
}

/// Bytes in memory of words.
fn aligned(bytes: &[u8]) -> Vec<u64> {
    let mut words = vec![0_u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    words
}
