//! The processor as a device: kernels run their CPU bodies; memory is pooled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroize;

use super::{Backend, Buf};
use crate::error::Result;
use crate::kernel::{Kernel, RingWord};

/// The processor.
#[derive(Clone, Default)]
pub struct Cpu {
    pool: Arc<BufferPool>,
}

/// Memory that was let go, by length in words.
#[derive(Default)]
struct BufferPool {
    free: Mutex<HashMap<usize, Vec<Vec<u64>>>>,
}

/// Words of memory on loan from the pool. Backed by `u64`, so that every cast is aligned.
struct PooledBuffer {
    words: Vec<u64>,
    pool: Arc<BufferPool>,
}

impl Cpu {
    /// Takes memory for `bytes` bytes; what it holds is unspecified.
    fn take(&self, bytes: usize) -> PooledBuffer {
        let len = bytes.div_ceil(8);
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        let words = free.get_mut(&len).and_then(Vec::pop).unwrap_or_else(|| vec![0; len]);
        PooledBuffer { words, pool: self.pool.clone() }
    }
}

impl PooledBuffer {
    fn bytes(&self, len: usize) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..len]
    }

    fn bytes_mut(&mut self, len: usize) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..len]
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut words = std::mem::take(&mut self.words);
        if words.len() <= KEY_WORDS {
            words.as_mut_slice().zeroize();
        }
        if words.len() * 8 <= POOLED_BYTES {
            let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.entry(words.len()).or_default().push(words);
        }
    }
}

/// Loans as short as a key may be one: they are erased.
const KEY_WORDS: usize = 4;

/// Larger loans go back to the system: they are data sets, not a step's values.
pub(super) const POOLED_BYTES: usize = 32 << 20;

impl Backend for Cpu {
    fn name(&self) -> String {
        "cpu".into()
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        let mut loan = self.take(bytes.len());
        loan.bytes_mut(bytes.len()).copy_from_slice(bytes);
        Ok(Buf::new(bytes.len(), Arc::new(loan)))
    }

    fn adopt(&self, words: Vec<u64>, bytes: usize) -> Result<Buf> {
        Ok(Buf::new(bytes, Arc::new(PooledBuffer { words, pool: self.pool.clone() })))
    }

    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(bufs.iter().map(|(_, len)| len).sum());
        for (buf, len) in bufs {
            out.extend_from_slice(buf.inner::<PooledBuffer>().bytes(*len));
        }
        Ok(out)
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
        let bytes = len * kernel.output.bytes(ring);
        let mut out = self.take(bytes);
        let inputs: Vec<&[u8]> = inputs.iter().map(|b| b.inner::<PooledBuffer>().bytes(b.bytes())).collect();
        kernel.body(ring)(params, &inputs, out.bytes_mut(bytes));
        Ok(Buf::new(bytes, Arc::new(out)))
    }
}
