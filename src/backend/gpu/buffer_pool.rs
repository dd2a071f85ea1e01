//! Memory of the device: what is let go is cleared, kept and lent again.
//!
//! A buffer that is let go may still be used by dispatches that were recorded before. So it waits until those have gone to
//! the device, is cleared by commands behind them, and only then can be lent again: in the order of the one queue, whoever
//! gets it gets zeros. What the pool does not keep is cleared all the same, and goes back to the driver.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandBuffer, Device, Queue};

use super::guard::Guard;
use crate::error::Result;

/// The buffers of a device.
pub(super) struct BufferPool {
    device: Device,
    queue: Queue,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// All zeros, by use and size.
    clean: HashMap<(BufferUsages, u64), Vec<Buffer>>,
    /// Their bytes.
    kept: u64,
    /// Let go, and not cleared yet.
    dirty: Vec<Buffer>,
    /// Bytes on loan or dirty.
    lent: u64,
    /// Buffers that were asked of the driver.
    made: u64,
}

/// A buffer on loan from the pool, and its memory: at least as long as was asked for.
pub(super) struct PooledBuffer {
    buffer: Buffer,
    pool: Arc<BufferPool>,
}

impl BufferPool {
    pub(super) fn new(device: &Device, queue: &Queue) -> Arc<Self> {
        Arc::new(Self { device: device.clone(), queue: queue.clone(), state: Mutex::default() })
    }

    /// Lends zeros for `bytes` bytes; `None` if the device is out of memory.
    pub(super) fn lend(
        self: &Arc<Self>,
        guard: &Guard,
        what: &str,
        bytes: u64,
        usage: BufferUsages,
    ) -> Result<Option<PooledBuffer>> {
        let size = class(bytes);
        let kept = self.state().reuse(usage, size);
        let buffer = match kept {
            Some(buffer) => buffer,
            None => {
                let descriptor = BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
                let Some(buffer) = guard.unless_full(what, || self.device.create_buffer(&descriptor))? else {
                    return Ok(None);
                };
                self.state().made += 1;
                buffer
            }
        };
        self.state().lent += size;
        Ok(Some(PooledBuffer { buffer, pool: self.clone() }))
    }

    /// Clears what was let go; the commands that use it have gone to the device.
    pub(super) fn clear(&self, guard: &Guard, what: &str) -> Result<()> {
        let dirty = std::mem::take(&mut self.state().dirty);
        if dirty.is_empty() {
            return Ok(());
        }
        guard.run(what, || self.queue.submit([self.clearing(&dirty)]))?;
        self.state().keep(dirty);
        Ok(())
    }

    /// Gives all that is kept back to the driver.
    pub(super) fn empty(&self) {
        let mut state = self.state();
        state.clean.clear();
        state.kept = 0;
    }

    /// Bytes on loan.
    pub(super) fn lent(&self) -> u64 {
        self.state().lent
    }

    /// Buffers that were asked of the driver so far.
    #[cfg(test)]
    pub(super) fn made(&self) -> u64 {
        self.state().made
    }

    /// Bytes that are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> u64 {
        self.state().kept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clearing(&self, dirty: &[Buffer]) -> CommandBuffer {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        dirty.iter().for_each(|buffer| encoder.clear_buffer(buffer, 0, None));
        encoder.finish()
    }
}

impl Drop for BufferPool {
    /// The last loan is gone, and nothing will be recorded any more.
    fn drop(&mut self) {
        let dirty = std::mem::take(&mut self.state().dirty);
        if !dirty.is_empty() {
            self.queue.submit([self.clearing(&dirty)]);
        }
    }
}

impl State {
    fn reuse(&mut self, usage: BufferUsages, size: u64) -> Option<Buffer> {
        let buffer = self.clean.get_mut(&(usage, size))?.pop()?;
        self.kept -= size;
        Some(buffer)
    }

    /// Keeps what was cleared, as far as there is room.
    fn keep(&mut self, cleared: Vec<Buffer>) {
        for buffer in cleared {
            let size = buffer.size();
            self.lent -= size;
            if size <= POOLED && self.kept + size <= KEPT {
                self.kept += size;
                self.clean.entry((buffer.usage(), size)).or_default().push(buffer);
            }
        }
    }
}

impl PooledBuffer {
    pub(super) fn buffer(&self) -> &Buffer {
        &self.buffer
    }
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        self.pool.state().dirty.push(self.buffer.clone());
    }
}

/// Sizes are 5, 6, 7 or 8 times a power of two, so that values of about a size share buffers and a fifth is unused at most.
fn class(bytes: u64) -> u64 {
    let bytes = bytes.max(SMALLEST);
    if bytes > POOLED { bytes } else { bytes.next_multiple_of(bytes.next_power_of_two() / 8) }
}

/// The smallest buffer: what allocators align to.
const SMALLEST: u64 = 256;
/// Larger buffers are data sets rather than a step's values, and are not kept.
const POOLED: u64 = 64 << 20;
/// The most that is kept: a step of a large network.
const KEPT: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_is_asked_for_and_a_fifth_more_at_most() {
        for bytes in (1..5000).chain([POOLED - 4, POOLED]) {
            let size = class(bytes);
            assert!(size >= bytes && size.is_multiple_of(4), "{bytes}: {size}");
            assert!(size <= SMALLEST || size * 4 <= bytes * 5, "{bytes}: {size}");
            assert_eq!(class(size), size, "a class is its own");
        }
        assert_eq!(class(POOLED + 4), POOLED + 4);
    }
}
