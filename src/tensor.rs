//! Tensors: memory of a device with a shape; and the device with its ring word.

use std::fmt;
use std::sync::Arc;

use crate::backend::{Backend, Buf};
use crate::error::Result;
use crate::kernel::{Kernel, Operand, Params, RingWord};
use crate::pulse::Pulse;
use crate::shape::Shape;

/// Device memory with a shape. A cheap clone.
#[derive(Clone)]
pub struct Tensor {
    buf: Buf,
    shape: Shape,
    kind: Operand,
}

impl Tensor {
    /// Its shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.len()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.shape.is_empty()
    }

    /// Its memory.
    pub fn buf(&self) -> &Buf {
        &self.buf
    }

    /// What its elements are.
    pub fn kind(&self) -> Operand {
        self.kind
    }

    /// The same elements under another shape of the same length.
    #[must_use]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        debug_assert_eq!(shape.len(), self.len(), "a reshape keeps the number of elements");
        Self { buf: self.buf.clone(), shape, kind: self.kind }
    }
}

impl fmt::Debug for Tensor {
    /// Shape only: a tensor may hold shares.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.kind, self.shape)
    }
}

/// A device and the word that the job's ring has there.
#[derive(Clone)]
pub struct Device {
    backend: Arc<dyn Backend>,
    ring: RingWord,
    pulse: Pulse,
}

impl Device {
    /// A device for rings of `ring_bits` bits.
    pub fn new(backend: Arc<dyn Backend>, ring_bits: u32) -> Self {
        Self { backend, ring: RingWord::holding(ring_bits), pulse: Pulse::default() }
    }

    /// The same device, whose kernels count as work of a party.
    #[must_use]
    pub fn with_pulse(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// The backend.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The ring word.
    pub fn ring(&self) -> RingWord {
        self.ring
    }

    /// Runs a kernel; its output has the given shape.
    pub fn run<P: Params>(
        &self,
        kernel: &Kernel,
        params: P,
        inputs: &[&Tensor],
        shape: impl Into<Shape>,
    ) -> Result<Tensor> {
        let shape = shape.into();
        let same = inputs.len() == kernel.inputs.len() && inputs.iter().zip(kernel.inputs).all(|(t, k)| t.kind == *k);
        debug_assert!(same, "{}: operands {inputs:?} are not {:?}", kernel.name, kernel.inputs);
        self.pulse.beat();
        let bufs: Vec<&Buf> = inputs.iter().map(|t| &t.buf).collect();
        let buf = self.backend.run(kernel, self.ring, bytemuck::cast_slice(&[params]), &bufs, shape.len())?;
        Ok(Tensor { buf, shape, kind: kernel.output })
    }

    /// Zeros on the device.
    pub fn zeros(&self, kind: Operand, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        Ok(Tensor { buf: self.backend.zeros(shape.len() * kind.bytes(self.ring))?, shape, kind })
    }

    /// Copies 64-bit values to the device.
    pub fn upload_wide(&self, values: &[u64], shape: impl Into<Shape>) -> Result<Tensor> {
        self.upload(bytemuck::cast_slice(values), Operand::Wide, shape)
    }

    /// Copies raw words to the device.
    pub fn upload_raw(&self, words: &[u32]) -> Result<Tensor> {
        self.upload(bytemuck::cast_slice(words), Operand::Raw, [words.len()])
    }

    /// Gives the device raw words, without a copy where its memory is the host's.
    pub fn adopt(&self, words: Vec<u64>, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        Ok(Tensor { buf: self.backend.adopt(words, shape.len() * 4)?, shape, kind: Operand::Raw })
    }

    /// Copies the bytes of elements to the device.
    pub fn upload(&self, bytes: &[u8], kind: Operand, shape: impl Into<Shape>) -> Result<Tensor> {
        let shape = shape.into();
        debug_assert_eq!(bytes.len(), shape.len() * kind.bytes(self.ring), "bytes fit the shape");
        Ok(Tensor { buf: self.backend.upload(bytes)?, shape, kind })
    }

    /// The same memory as raw words.
    pub fn as_raw(&self, x: &Tensor) -> Tensor {
        Tensor { buf: x.buf.clone(), shape: [x.buf.bytes() / 4].into(), kind: Operand::Raw }
    }

    /// Raw words as ring elements of 32 bits; only where the ring word is that.
    pub fn as_ring(&self, x: &Tensor, shape: impl Into<Shape>) -> Tensor {
        debug_assert_eq!(self.ring, RingWord::U32, "raw words are ring elements where the ring word is u32");
        Tensor { buf: x.buf.clone(), shape: shape.into(), kind: Operand::Ring }
    }

    /// Copies a tensor's elements from the device, zero-extended.
    pub fn download(&self, x: &Tensor) -> Result<Vec<u64>> {
        let bytes = self.backend.download(&[(&x.buf, x.len() * x.kind.bytes(self.ring))])?;
        Ok(match x.kind.bytes(self.ring) {
            4 => bytes.chunks_exact(4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect(),
            _ => bytemuck::pod_collect_to_vec(&bytes),
        })
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.backend.name(), self.ring)
    }
}
