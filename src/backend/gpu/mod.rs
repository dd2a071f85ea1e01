//! GPUs through wgpu: kernels run their WGSL bodies (Vulkan, Metal, DirectX 12).
//!
//! What a WGSL body can rely on:
//! * binding 0 is the uniform `Params`; then come the inputs, then the one output, in the order of the kernel's row;
//! * operands are bound with their exact sizes: `arrayLength(&x)` is an operand's number of elements, unless it is empty;
//! * threads are counted by `thread(id, groups)`, one per element of the output unless the row specifies otherwise; the last
//!   workgroups go past the end, so a body begins by comparing with `arrayLength(&out)`;
//! * the types `Ring`, `Wide` and `X` (the word of the first input) and their functions, see [`shader`].
//!
//! Dispatches are recorded and go to the device together, at the latest with the next download. Memory that is let go is
//! cleared behind them and lent again. What wgpu itself copies through on the way is not cleared.

mod adapter;
mod batch;
mod buffer_pool;
mod guard;
mod pipeline;
pub mod shader;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::wgpu::{BufferDescriptor, BufferUsages, Features, Limits, MapMode, SubmissionIndex};

pub use adapter::Adapter;
use batch::Batch;
use buffer_pool::{BufferPool, PooledBuffer};
use guard::{Guard, REDUCE};
use pipeline::{Pipelines, Slot};
pub use shader::Arithmetic;

use super::{Backend, Buf};
use crate::error::{Error, Result};
use crate::kernel::twin::kernels;
use crate::kernel::{Kernel, RingWord};

/// A GPU, or software that acts as one.
pub struct Wgpu {
    name: String,
    arithmetic: Arithmetic,
    limits: Limits,
    device: ::wgpu::Device,
    queue: ::wgpu::Queue,
    guard: Guard,
    pipelines: Pipelines,
    pool: Arc<BufferPool>,
    batch: Mutex<Batch>,
    /// Parameters of a batch's dispatches. They are public.
    params: ::wgpu::Buffer,
    /// Bytes from one dispatch's to the next one's.
    slot: usize,
}

/// Opens adapter number `index` of [`Adapter::list`].
///
/// # Errors
/// [`Error::Device`] if there is no such adapter, or it provides no device.
pub fn open_gpu(index: usize) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(Wgpu::open(index)?))
}

impl Wgpu {
    /// The first adapter of [`Adapter::list`].
    ///
    /// # Errors
    /// [`Error::Device`] if there is none, or it provides no device.
    pub fn first() -> Result<Self> {
        Self::open(0)
    }

    /// An adapter by its place in [`Adapter::list`].
    ///
    /// # Errors
    /// [`Error::Device`] if there is no such adapter, or it provides no device.
    pub fn open(index: usize) -> Result<Self> {
        let adapters = Adapter::list();
        let count = adapters.len();
        let adapter = adapters.into_iter().nth(index).ok_or_else(|| {
            Error::Device(if count == 0 {
                "no GPU adapter was found; install a Vulkan driver (without a GPU: `apt-get install mesa-vulkan-drivers \
                 libvulkan1`), or use --backend cpu"
                    .into()
            } else {
                format!("there is no GPU adapter {index}, the last one is {}", count - 1)
            })
        })?;
        let (device, queue) = adapter.open()?;
        let name = adapter.name;
        let limbs = !device.features().contains(Features::SHADER_INT64);
        let limits = device.limits();
        let guard = Guard::new(&name, &device);
        let longest = kernels().map(|k| 4 * k.params.len()).max().unwrap_or(0);
        let slot = longest.next_multiple_of(limits.min_uniform_buffer_offset_alignment as usize);
        let size = (batch::DISPATCHES * slot) as u64;
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let params = guard.run("memory for parameters", || {
            device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
        })?;
        Ok(Self {
            arithmetic: if limbs { Arithmetic::Limbs } else { Arithmetic::Native },
            limits,
            guard,
            pipelines: Pipelines::default(),
            pool: BufferPool::new(&device, &queue),
            batch: Mutex::default(),
            params,
            slot,
            name,
            device,
            queue,
        })
    }

    /// The same device, computing 64-bit words in limbs even if it has them natively.
    #[must_use]
    pub fn in_limbs(mut self) -> Self {
        self.arithmetic = Arithmetic::Limbs;
        self.pipelines = Pipelines::default();
        self
    }

    /// How it computes 64-bit words.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// Buffers that were asked of the driver so far.
    #[cfg(test)]
    pub(crate) fn buffers_made(&self) -> u64 {
        self.pool.made()
    }

    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Zeros for `bytes` bytes. Nobody holds the batch.
    fn lend(&self, what: &str, bytes: usize, usage: BufferUsages) -> Result<PooledBuffer> {
        let size = binding_bytes(bytes);
        let storage = usage.contains(BufferUsages::STORAGE);
        let most = if storage { adapter::max_operand_bytes(&self.limits) } else { self.limits.max_buffer_size };
        if size > most {
            return Err(Error::Device(format!(
                "{what} takes {bytes} bytes, {} has room for {most} in one buffer; {REDUCE}",
                self.name
            )));
        }
        let lend = || self.pool.lend(&self.guard, what, size, usage);
        if let Some(loan) = lend()? {
            return Ok(loan);
        }
        // what is kept, and what is let go but not cleared yet, may be of other sizes
        self.submit(&mut self.batch(), what)?;
        self.pool.empty();
        self.guard.wait(what, None)?;
        lend()?.ok_or_else(|| {
            let lent = self.pool.lent() >> 20;
            Error::Device(format!(
                "{} is out of memory in {what}, with {lent} MiB in use by this process; {REDUCE}",
                self.name
            ))
        })
    }

    /// Sends what is recorded and staged to the device, and behind it the clearing of what was let go.
    fn submit(&self, batch: &mut Batch, what: &str) -> Result<SubmissionIndex> {
        let batch = std::mem::take(batch);
        let index = self.guard.run(what, || {
            if !batch.params.is_empty() {
                self.queue.write_buffer(&self.params, 0, &batch.params);
            }
            self.queue.submit(batch.finish())
        })?;
        self.pool.clear(&self.guard, what)?;
        Ok(index)
    }
}

/// Bytes that an operand is bound with: its words, and for an empty one a word of its own, since none cannot be bound.
fn binding_bytes(bytes: usize) -> u64 {
    if bytes == 0 { 8 } else { bytes.next_multiple_of(4) as u64 }
}

impl Backend for Wgpu {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn block_bytes(&self) -> usize {
        usize::try_from(adapter::max_operand_bytes(&self.limits)).unwrap_or(usize::MAX).min(BLOCK)
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        let what = "an upload";
        let loan = self.lend(what, bytes.len(), OPERAND)?;
        let (whole, tail) = bytes.split_at(bytes.len() / 4 * 4);
        self.guard.run(what, || {
            self.queue.write_buffer(loan.buffer(), 0, whole);
            if !tail.is_empty() {
                let mut last = [0; 4];
                last[..tail.len()].copy_from_slice(tail);
                self.queue.write_buffer(loan.buffer(), whole.len() as u64, &last);
            }
        })?;
        let mut batch = self.batch();
        batch.staged += bytes.len();
        if batch.is_full() {
            self.submit(&mut batch, what)?;
        }
        Ok(Buf::new(bytes.len(), Arc::new(loan)))
    }

    fn zeros(&self, bytes: usize) -> Result<Buf> {
        Ok(Buf::new(bytes, Arc::new(self.lend("zeros", bytes, OPERAND)?)))
    }

    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        let what = "a download";
        let total: usize = bufs.iter().map(|(_, len)| len.next_multiple_of(4)).sum();
        let loan = self.lend(what, total, READBACK)?;
        let staging = loan.buffer();
        let mut batch = self.batch();
        self.guard.run(what, || {
            let encoder = batch.encoder(&self.device);
            let mut at = 0;
            for (buf, len) in bufs {
                let size = len.next_multiple_of(4) as u64;
                encoder.copy_buffer_to_buffer(buf.inner::<PooledBuffer>().buffer(), 0, staging, at, size);
                at += size;
            }
        })?;
        let sent = self.submit(&mut batch, what)?;
        drop(batch);
        self.guard.run(what, || staging.map_async(MapMode::Read, .., |_| ()))?;
        self.guard.wait(what, Some(sent))?;
        let view = staging.get_mapped_range(..).map_err(|e| self.guard.refused(what, &e))?;
        let mut out = Vec::with_capacity(total);
        let mut rest = &view[..];
        for (_, len) in bufs {
            out.extend_from_slice(&rest[..*len]);
            rest = &rest[len.next_multiple_of(4)..];
        }
        drop(view);
        staging.unmap();
        Ok(out)
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
        let what = format!("kernel `{}`", kernel.name);
        let pipeline = self.pipelines.get(kernel, ring, self.arithmetic, &self.device, &self.guard)?;
        let bytes = len * kernel.output.bytes(ring);
        let out = self.lend(&what, bytes, OPERAND)?;
        if len > 0 {
            assert!(4 * params.len() <= self.slot, "no kernel has more parameters than those of the table");
            let most = self.limits.max_compute_workgroups_per_dimension as usize;
            let grid = shader::grid((kernel.threads)(params, len), most)
                .ok_or_else(|| Error::Device(format!("{what}: {len} elements are too many; {REDUCE}")))?;
            let inputs = inputs.iter().map(|b| (b.inner::<PooledBuffer>().buffer(), b.bytes()));
            let mut batch = self.batch();
            let slot = Slot { buffer: &self.params, offset: batch.offset(self.slot), bytes: 4 * params.len() };
            let operands = inputs.chain([(out.buffer(), bytes)]);
            let bindings = pipeline.bind(&what, &self.device, &self.guard, slot, operands)?;
            self.guard.run(&what, || {
                batch.dispatch(&self.device, &pipeline, &bindings, params, self.slot, grid);
            })?;
            if batch.is_full() {
                self.submit(&mut batch, &what)?;
            }
        }
        Ok(Buf::new(bytes, Arc::new(out)))
    }
}

/// Operands of kernels.
const OPERAND: BufferUsages = BufferUsages::STORAGE.union(BufferUsages::COPY_SRC).union(BufferUsages::COPY_DST);
/// Where the host reads.
const READBACK: BufferUsages = BufferUsages::MAP_READ.union(BufferUsages::COPY_DST);
/// The most bytes of a block of a data set: a block waits in memory of the host while it is copied.
const BLOCK: usize = 64 << 20;

impl std::fmt::Debug for Wgpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?})", self.name, self.arithmetic)
    }
}

#[cfg(test)]
mod tests;
