//! GPUs through wgpu: kernels run their WGSL bodies (Vulkan, Metal, DirectX 12).
//!
//! What a WGSL body can rely on:
//! * binding 0 is the uniform `Params`; then come the inputs, then the one output, in the order of the table's row;
//! * operands are bound with their exact sizes: `arrayLength(&x)` is an operand's number of elements, unless it is empty;
//! * threads are counted by `thread(id, groups)`, one per element of the output unless the row says otherwise; the last
//!   workgroups go past the end, so a body begins by comparing with `arrayLength(&out)`;
//! * the types `Ring`, `Wide` and `X` (the word of the first input) and their functions, see [`shader`].
//!
//! Dispatches are recorded and go to the device together, at the latest with the next download.

mod adapter;
mod guard;
mod pipeline;
pub mod shader;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::wgpu::{BufferDescriptor, BufferUsages, CommandEncoder, Features, Limits, MapMode};

pub use adapter::Adapter;
use guard::Guard;
use pipeline::Pipelines;
pub use shader::Arithmetic;

use super::{Backend, Buf};
use crate::error::{Error, Result};
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
    pending: Mutex<Pending>,
}

/// What was recorded and has not gone to the device.
#[derive(Default)]
struct Pending {
    encoder: Option<CommandEncoder>,
    dispatches: usize,
    staged: usize,
}

/// Recorded dispatches that go to the device without waiting for a download: enough to hide what a submission costs.
const BATCH: usize = 64;
/// The most bytes of a block of a data set: a block waits in memory of the host while it is copied.
const BLOCK: usize = 64 << 20;
/// Uploaded bytes that do so: they wait in memory of the host.
const STAGED: usize = 64 << 20;

impl Wgpu {
    /// The first adapter of [`Adapter::list`].
    ///
    /// # Errors
    /// [`Error::Device`] where there is none, or it gives no device.
    pub fn first() -> Result<Self> {
        Self::open(0)
    }

    /// An adapter by its place in [`Adapter::list`].
    ///
    /// # Errors
    /// [`Error::Device`] where there is no such adapter, or it gives no device.
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
        Ok(Self {
            arithmetic: if limbs { Arithmetic::Limbs } else { Arithmetic::Native },
            limits: device.limits(),
            guard: Guard::new(&name, &device),
            pipelines: Pipelines::default(),
            pending: Mutex::default(),
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

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory for an operand of `bytes` bytes.
    fn buffer(&self, what: &str, bytes: usize, usage: BufferUsages) -> Result<::wgpu::Buffer> {
        let size = binding_bytes(bytes);
        let storage = usage.contains(BufferUsages::STORAGE);
        let most = if storage { adapter::max_operand_bytes(&self.limits) } else { self.limits.max_buffer_size };
        if size > most {
            return Err(Error::Device(format!(
                "{what} takes {bytes} bytes, {} has room for {most} in one buffer; use a smaller batch, or --backend cpu",
                self.name
            )));
        }
        self.guard.run(what, || {
            self.device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
        })
    }

    /// Memory that holds `bytes`.
    fn filled(&self, what: &str, bytes: &[u8], usage: BufferUsages) -> Result<::wgpu::Buffer> {
        let buffer = self.buffer(what, bytes.len(), usage | BufferUsages::COPY_DST)?;
        let (whole, tail) = bytes.split_at(bytes.len() / 4 * 4);
        self.guard.run(what, || {
            self.queue.write_buffer(&buffer, 0, whole);
            if !tail.is_empty() {
                let mut last = [0; 4];
                last[..tail.len()].copy_from_slice(tail);
                self.queue.write_buffer(&buffer, whole.len() as u64, &last);
            }
        })?;
        Ok(buffer)
    }

    /// Appends to what is recorded.
    fn record(&self, what: &str, commands: impl FnOnce(&mut CommandEncoder)) -> Result<()> {
        let mut pending = self.pending();
        let encoder = pending.encoder.get_or_insert_with(|| self.device.create_command_encoder(&Default::default()));
        self.guard.run(what, || commands(encoder))?;
        pending.dispatches += 1;
        if pending.dispatches >= BATCH { self.submit(&mut pending, what) } else { Ok(()) }
    }

    /// Sends what is recorded and staged to the device.
    fn submit(&self, pending: &mut Pending, what: &str) -> Result<()> {
        let encoder = std::mem::take(pending).encoder;
        self.guard.run(what, || {
            self.queue.submit(encoder.map(CommandEncoder::finish));
        })
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
        let buffer = self.filled("an upload", bytes, BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
        let mut pending = self.pending();
        pending.staged += bytes.len();
        if pending.staged >= STAGED {
            self.submit(&mut pending, "an upload")?;
        }
        Ok(Buf::new(bytes.len(), Arc::new(buffer)))
    }

    fn download(&self, bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        let what = "a download";
        let total: usize = bufs.iter().map(|(_, len)| len.next_multiple_of(4)).sum();
        let staging = self.buffer(what, total, BufferUsages::COPY_DST | BufferUsages::MAP_READ)?;
        let mut pending = self.pending();
        let encoder = pending.encoder.get_or_insert_with(|| self.device.create_command_encoder(&Default::default()));
        self.guard.run(what, || {
            let mut at = 0;
            for (buf, len) in bufs {
                let size = len.next_multiple_of(4) as u64;
                encoder.copy_buffer_to_buffer(buf.inner::<::wgpu::Buffer>(), 0, &staging, at, size);
                at += size;
            }
        })?;
        self.submit(&mut pending, what)?;
        drop(pending);
        self.guard.run(what, || staging.map_async(MapMode::Read, .., |_| ()))?;
        self.guard.wait(what)?;
        let view = staging.get_mapped_range(..).map_err(|e| self.guard.refused(what, &e))?;
        let mut out = Vec::with_capacity(total);
        let mut rest = &view[..];
        for (_, len) in bufs {
            out.extend_from_slice(&rest[..*len]);
            rest = &rest[len.next_multiple_of(4)..];
        }
        Ok(out)
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, params: &[u32], inputs: &[&Buf], len: usize) -> Result<Buf> {
        let what = format!("kernel `{}`", kernel.name);
        let pipeline = self.pipelines.get(kernel, ring, self.arithmetic, &self.device, &self.guard)?;
        let bytes = len * kernel.output.bytes(ring);
        let out = self.buffer(&what, bytes, BufferUsages::STORAGE | BufferUsages::COPY_SRC)?;
        if len > 0 {
            let uniform = self.filled(&what, bytemuck::cast_slice(params), BufferUsages::UNIFORM)?;
            let operands = inputs.iter().map(|b| (b.inner(), b.bytes())).chain([(&out, bytes)]);
            let bindings = pipeline.bind(&what, &self.device, &self.guard, &uniform, operands)?;
            let most = self.limits.max_compute_workgroups_per_dimension as usize;
            let [x, y] = shader::grid((kernel.threads)(params, len), most)
                .ok_or_else(|| Error::Device(format!("{what}: {len} elements are too many; use a smaller batch")))?;
            self.record(&what, |encoder| {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline.pipeline);
                pass.set_bind_group(0, &bindings, &[]);
                pass.dispatch_workgroups(x, y, 1);
            })?;
        }
        Ok(Buf::new(bytes, Arc::new(out)))
    }
}

impl std::fmt::Debug for Wgpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?})", self.name, self.arithmetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::table::XOR;

    #[test]
    fn a_lost_device_is_an_error_and_no_panic() {
        // kernels_tests/gpu.rs says it where there is no adapter
        let Ok(gpu) = Wgpu::first() else { return };
        let x = gpu.upload(&[1; 4]).expect("room for a word");
        gpu.device.destroy();
        let run = |x: &Buf| gpu.run(&XOR, RingWord::U32, &[0; 2], &[x, x], 1);
        let errors = [gpu.upload(&[0; 4]).err(), run(&x).err(), gpu.download(&[(&x, 4)]).err()];
        for error in errors {
            let said = error.expect("nothing works on a lost device").to_string();
            assert!(said.starts_with("device: "), "{said}");
            assert!(said.contains("start the run again"), "{said}");
        }
    }
}
