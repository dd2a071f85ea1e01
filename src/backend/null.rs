//! A device that computes nothing: lengths without contents, to plan a job before it runs.

use std::sync::Arc;

use super::{Backend, Buf};
use crate::error::Result;
use crate::kernel::{Kernel, RingWord};

/// The device of planning: every buffer has a length and no contents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Null;

impl Backend for Null {
    fn name(&self) -> String {
        "none".into()
    }

    fn zeros(&self, bytes: usize) -> Result<Buf> {
        Ok(Buf::new(bytes, Arc::new(())))
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        Ok(Buf::new(bytes.len(), Arc::new(())))
    }

    fn download(&self, _bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, _params: &[u32], _inputs: &[&Buf], len: usize) -> Result<Buf> {
        Ok(Buf::new(len * kernel.output.bytes(ring), Arc::new(())))
    }
}
