//! Kernels: the words of GPUs equal those of the CPU twin (`gpu`), and so do those of fast bodies (`fast`); the twins equal
//! published truth and big integers (`known`), and every entry point of the WGSL files is valid for every word pair and agrees
//! with its row (`shaders`).
//!
//! `gpu` takes the first adapter there is. Without one it says so and passes, unless `PPDNN_REQUIRE_GPU=1`.

#![expect(clippy::cast_possible_truncation, reason = "lengths are small, and the low bits of random words are meant")]

#[path = "../tests/adapter/mod.rs"]
mod adapter;
mod cases;
mod fast;
mod gpu;
mod known;
mod shaders;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::OnceLock;

use bytemuck::Pod;
use ppdnn::kernel::{CpuBody, Kernel, RingWord};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::{ThreadPool, ThreadPoolBuilder};

pub(crate) const RINGS: [RingWord; 2] = [RingWord::U32, RingWord::U64];

/// What the definition of a kernel makes of operands; its fast body, if there is one, makes the same.
pub(crate) fn twin<I: AsRef<[u8]>>(
    kernel: &Kernel,
    ring: RingWord,
    params: &[u32],
    inputs: &[I],
    len: usize,
) -> Vec<u8> {
    RAN.with_borrow_mut(|ran| ran.insert(kernel.name));
    let want = defined(kernel, ring, params, inputs, len);
    if kernel.fast.is_some() {
        let got = run(kernel, kernel.body(ring), ring, params, inputs, len);
        assert!(got == want, "{}: the fast body is not as defined, {ring:?}, params {params:?}", kernel.name);
    }
    want
}

/// What the definition alone makes of operands.
pub(crate) fn defined<I: AsRef<[u8]>>(
    kernel: &Kernel,
    ring: RingWord,
    params: &[u32],
    inputs: &[I],
    len: usize,
) -> Vec<u8> {
    run(kernel, kernel.definition(ring), ring, params, inputs, len)
}

/// What a body makes of a kernel's operands, in memory that held something else before. If there is enough for several
/// cores, that is the same on one thread, two and three.
pub(crate) fn run<I: AsRef<[u8]>>(
    kernel: &Kernel,
    body: CpuBody,
    ring: RingWord,
    params: &[u32],
    inputs: &[I],
    len: usize,
) -> Vec<u8> {
    assert_eq!(params.len(), kernel.params.len(), "{}: parameters", kernel.name);
    assert_eq!(inputs.len(), kernel.inputs.len(), "{}: operands", kernel.name);
    let aligned: Vec<Vec<u64>> = inputs.iter().map(|x| aligned(x.as_ref())).collect();
    let views: Vec<&[u8]> =
        aligned.iter().zip(inputs).map(|(w, x)| &bytemuck::cast_slice(w)[..x.as_ref().len()]).collect();
    let bytes = len * kernel.output.bytes(ring);
    let run = || {
        let mut out = vec![0xa5a5_a5a5_a5a5_a5a5_u64; bytes.div_ceil(8)];
        let out: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut out)[..bytes];
        body(params, &views, out);
        out.to_vec()
    };
    if kernel.fast.is_none() || views.iter().map(|x| x.len()).fold(bytes, usize::max) < SPLIT_BYTES {
        return run();
    }
    let [one, two, three] = [1, 2, 3].map(|threads| on(threads, run));
    assert!(one == two && one == three, "{}: not the same on one, two and three threads", kernel.name);
    one
}

/// Below these bytes of an operand no kernel splits its work.
const SPLIT_BYTES: usize = 1 << 16;

/// Runs `f` with rayon's threads.
fn on<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    static POOLS: [OnceLock<ThreadPool>; 3] = [const { OnceLock::new() }; 3];
    let start = || ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
    POOLS[threads - 1].get_or_init(start).install(f)
}

/// Names of the kernels whose twins this thread has run, and so this test.
pub(crate) fn ran() -> BTreeSet<&'static str> {
    RAN.with_borrow(Clone::clone)
}

thread_local! {
    static RAN: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// The bytes in memory that every word can be read from.
fn aligned(bytes: &[u8]) -> Vec<u64> {
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
    words
}

/// Ring elements as bytes: the low bits of `values`.
pub(crate) fn ring_bytes(ring: RingWord, values: &[u64]) -> Vec<u8> {
    match ring {
        RingWord::U32 => values.iter().flat_map(|x| (*x as u32).to_le_bytes()).collect(),
        RingWord::U64 => bytes(values),
    }
}

/// Ring elements from bytes.
pub(crate) fn ring_values(ring: RingWord, bytes: &[u8]) -> Vec<u64> {
    match ring {
        RingWord::U32 => words::<u32>(bytes).into_iter().map(u64::from).collect(),
        RingWord::U64 => words(bytes),
    }
}

pub(crate) fn bytes<T: Pod>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

pub(crate) fn words<T: Pod>(bytes: &[u8]) -> Vec<T> {
    bytemuck::pod_collect_to_vec(bytes)
}

/// Words that `len` packed elements of `bits` bits take.
pub(crate) fn packed(len: usize, bits: u32) -> usize {
    (len * bits as usize).div_ceil(32)
}

/// Values for tests: fixed seeds, uniform or from the extremes.
pub(crate) struct Source(ChaCha12Rng);

/// How values are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fill {
    /// 0, 1, -1, the smallest and the largest signed number.
    Extremes,
    Uniform,
}

pub(crate) const FILLS: [Fill; 2] = [Fill::Uniform, Fill::Extremes];

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    pub(crate) fn value(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Numbers of `bits` bits.
    pub(crate) fn values(&mut self, len: usize, bits: u32, fill: Fill) -> Vec<u64> {
        let extremes = [0, 1, u64::MAX, 1 << (bits - 1), (1 << (bits - 1)) - 1];
        let mask = ppdnn::fixed::mask(bits);
        let mut value = || match fill {
            Fill::Extremes => extremes[self.value() as usize % extremes.len()],
            Fill::Uniform => self.value(),
        };
        (0..len).map(|_| value() & mask).collect()
    }

    /// Raw words.
    pub(crate) fn raw(&mut self, len: usize) -> Vec<u32> {
        (0..len).map(|_| self.value() as u32).collect()
    }
}
