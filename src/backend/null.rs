//! A device that computes nothing: lengths without contents, to plan a job before it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cpu::POOLED_BYTES;
use super::{Backend, Buf};
use crate::error::Result;
use crate::kernel::{Kernel, RingWord};

/// The device of planning: every buffer has a length and no contents. Clones share one [`Meter`].
#[derive(Clone, Debug, Default)]
pub struct Null {
    meter: Meter,
}

/// What a device would hold and do.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Readings>>);

#[derive(Debug, Default)]
struct Readings {
    /// By length: buffers that live, and the most that ever lived at once.
    lengths: HashMap<usize, (usize, usize)>,
    /// Bytes that live, and the most that ever did.
    bytes: (usize, usize),
    /// The same of buffers that are too long to be pooled.
    long: (usize, usize),
    /// Bytes that kernels wrote.
    written: u64,
}

impl Meter {
    /// The most bytes that ever lived at once.
    pub fn peak(&self) -> usize {
        self.read(|r| r.bytes.1)
    }

    /// Bytes that a device ends up with that keeps short buffers for the next of the same length, as the processor does.
    pub fn kept(&self) -> usize {
        self.read(|r| {
            let short = r.lengths.iter().filter(|(len, _)| **len <= POOLED_BYTES);
            r.long.1 + short.map(|(len, (_, most))| len * most).sum::<usize>()
        })
    }

    /// Bytes that kernels wrote so far.
    pub fn written(&self) -> u64 {
        self.read(|r| r.written)
    }

    fn make(&self, bytes: usize) -> Buf {
        self.read(|r| r.count(bytes, |(live, most)| (live + 1, most.max(live + 1))));
        Buf::new(bytes, Arc::new(Held { bytes, meter: self.clone() }))
    }

    fn read<T>(&self, what: impl FnOnce(&mut Readings) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Readings {
    /// Notes a buffer that comes or goes.
    fn count(&mut self, len: usize, change: impl Fn((usize, usize)) -> (usize, usize)) {
        let entry = self.lengths.entry(len).or_default();
        let before = entry.0;
        *entry = change(*entry);
        let moved = |(live, most): (usize, usize)| {
            let live = if entry.0 > before { live + len } else { live - len };
            (live, most.max(live))
        };
        self.bytes = moved(self.bytes);
        if len > POOLED_BYTES {
            self.long = moved(self.long);
        }
    }
}

/// A buffer's place in the count.
struct Held {
    bytes: usize,
    meter: Meter,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.read(|r| r.count(self.bytes, |(live, most)| (live - 1, most)));
    }
}

impl Null {
    /// Its readings.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl Backend for Null {
    fn name(&self) -> String {
        "none".into()
    }

    fn zeros(&self, bytes: usize) -> Result<Buf> {
        Ok(self.meter.make(bytes))
    }

    fn upload(&self, bytes: &[u8]) -> Result<Buf> {
        Ok(self.meter.make(bytes.len()))
    }

    fn download(&self, _bufs: &[(&Buf, usize)]) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn run(&self, kernel: &Kernel, ring: RingWord, _params: &[u32], _inputs: &[&Buf], len: usize) -> Result<Buf> {
        let bytes = len * kernel.output.bytes(ring);
        self.meter.read(|r| r.written += bytes as u64);
        Ok(self.meter.make(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_lived_at_once_is_what_is_told() {
        let device = Null::default();
        let meter = device.meter().clone();
        let long = POOLED_BYTES + 8;
        let a = device.zeros(100).unwrap();
        let b = a.clone();
        drop(a);
        let c = device.zeros(50).unwrap();
        assert_eq!((meter.peak(), meter.kept()), (150, 150), "a clone is the same memory");
        drop((b, c));
        let d = [device.zeros(60).unwrap(), device.zeros(60).unwrap()];
        assert_eq!((meter.peak(), meter.kept()), (150, 270), "a pool keeps every length it ever needed");
        drop(d);
        for _ in 0..2 {
            drop(device.zeros(long).unwrap());
        }
        assert_eq!((meter.peak(), meter.kept()), (long, 270 + long), "what is long is given back");
    }
}
