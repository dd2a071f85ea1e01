//! A backend that keeps what was drawn on it.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::backend::{Backend, Buf, Cpu};
use crate::error::Result;
use crate::kernel::{Kernel, RingWord};

/// The processor, with every draw of a session's randomness.
#[derive(Default)]
pub(crate) struct RecordingBackend {
    backend: Cpu,
    draws: Mutex<BTreeMap<u64, Vec<u8>>>,
}

impl RecordingBackend {
    /// What was drawn, by stream number.
    pub(crate) fn draws(&self) -> BTreeMap<u64, Vec<u8>> {
        self.draws.lock().unwrap().clone()
    }
}

impl Backend for RecordingBackend {
    fn name(&self) -> String {
        self.backend.name()
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        self.backend.upload(bytes)
    }

    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        self.backend.download(bufs)
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
        let out = self.backend.run(kernel, ring, params, inputs, len)?;
        if kernel.name == "chacha" {
            let stream = u64::from(params[0]) | u64::from(params[1]) << 32;
            let again = self.draws.lock().unwrap().insert(stream, self.backend.download(&[(&out, len * 4)])?);
            assert!(again.is_none(), "stream {stream} is drawn twice");
        }
        Ok(out)
    }
}
