//! Speed of the CPU kernels: on one thread, of matrix products beside their definition, of the others at the sizes of a
//! training step of a 784-128-128-10 network at batch 128; and of these for a million elements, on one thread and on all.

#![expect(clippy::cast_possible_truncation, reason = "lengths are small")]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rayon::{ThreadPool, ThreadPoolBuilder};

use ppdnn::kernel::fast::gemm::{Level, definition, gemm_at};
use ppdnn::kernel::twin::*;
use ppdnn::kernel::{Kernel, Operand, RingWord, Word};

/// `[m, k, n]`, and which factor is stored transposed.
type Case = (&'static str, [usize; 3], [bool; 2]);

/// A cube; then the products of a 784-128-128-10 network at batch 128, and its evaluation at 1000.
const GEMM: [Case; 8] = [
    ("cube", [512, 512, 512], [false, false]),
    ("forward", [128, 784, 128], [false, false]),
    ("forward-10", [128, 128, 10], [false, false]),
    ("dw", [784, 128, 128], [true, false]),
    ("dw-10", [128, 128, 10], [true, false]),
    ("dx", [128, 128, 128], [false, true]),
    ("dx-10", [128, 10, 128], [false, true]),
    ("evaluate", [1000, 784, 128], [false, false]),
];

fn gemm(c: &mut Criterion) {
    gemm_of::<u32>(c);
    gemm_of::<u64>(c);
}

/// Multiplications and additions in words `W`, at every level of this machine.
fn gemm_of<W: Word>(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("gemm-u{}", W::BITS));
    group.sample_size(20).warm_up_time(Duration::from_millis(50)).measurement_time(Duration::from_millis(300));
    let one_thread = ThreadPoolBuilder::new().num_threads(1).build().expect("one thread starts");
    for (name, [m, k, n], transposed) in GEMM {
        let (a, b, mut acc) = (words::<W>(m * k), words::<W>(k * n), words::<W>(m * n));
        group.throughput(Throughput::Elements((m * k * n) as u64));
        group.bench_function(BenchmarkId::new("definition", name), |bench| {
            bench.iter(|| definition(&mut acc, black_box(&a), black_box(&b), [m, k, n], transposed, false));
        });
        for level in Level::available() {
            group.bench_function(BenchmarkId::new(format!("{level:?}"), name), |bench| {
                one_thread.install(|| {
                    bench.iter(|| {
                        gemm_at(level, &mut acc, black_box(&a), black_box(&b), [m, k, n], transposed, false);
                    });
                });
            });
        }
    }
}

/// Words with all bits in use.
fn words<W: Word>(len: usize) -> Vec<W> {
    let weyl = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (0..len as u64).map(|i| W::low(weyl(i) ^ weyl(i) >> 31)).collect()
}

/// The rings of the two profiles: word, `n`, `l`, the cut of gradients, knots and bits of `1 / S`, bits of an exponent.
const PROFILES: [(RingWord, [u32; 6]); 2] =
    [(RingWord::U32, [32, 24, 27, 7, 34, 8]), (RingWord::U64, [48, 32, 27, 8, 40, 10])];
/// Elements of the parameters, of a hidden layer and of the logits, and rows.
const WEIGHTS: usize = 118_282;
const HIDDEN: usize = 128 * 128;
const LOGITS: usize = 1280;
const ROWS: usize = 128;

/// The kernels of a training step on one thread.
fn steps(c: &mut Criterion) {
    for (ring, numbers) in PROFILES {
        let name = format!("step-u{}", ring.bits());
        Steps::new(c, &name, ring, true).all(numbers, [WEIGHTS, HIDDEN]);
    }
}

/// The same for a million parameters and as many elements of a layer, on one thread and on all that rayon has.
fn cores(c: &mut Criterion) {
    for (ring, numbers) in PROFILES {
        for (threads, one) in [("one", true), ("all", false)] {
            let name = format!("million-u{}-{threads}", ring.bits());
            Steps::new(c, &name, ring, one).all(numbers, [1 << 20; 2]);
        }
    }
}

/// Kernels on uniform operands in one ring word.
struct Steps<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    ring: RingWord,
    one_thread: Option<ThreadPool>,
}

impl<'a> Steps<'a> {
    fn new(c: &'a mut Criterion, name: &str, ring: RingWord, one_thread: bool) -> Self {
        let mut group = c.benchmark_group(name);
        group.sample_size(50).warm_up_time(Duration::from_millis(50)).measurement_time(Duration::from_millis(200));
        let one_thread =
            one_thread.then(|| ThreadPoolBuilder::new().num_threads(1).build().expect("one thread starts"));
        Self { group, ring, one_thread }
    }

    /// Times the kernels with a profile's numbers, for so many parameters and elements of a hidden layer.
    fn all(&mut self, [n, l, room, log_knots, bits, frac]: [u32; 6], [weights, hidden]: [usize; 2]) {
        let high = n - l;
        let shift = room.wrapping_sub(64 - n);
        let [w, h, p] = [weights, hidden, LOGITS].map(|len| packed(len, 1));
        let (dealt, entries) = (packed(weights, room), packed(LOGITS * 16, 60));
        let compared = 3 * packed(hidden, 16) + 6 * h;
        let (selected, coefficients) =
            (3 * packed(hidden, high) + packed(hidden, n), 3 * packed(ROWS << log_knots, bits));
        let (lifted, products) = (packed(hidden, l), ((1 << 9) - 10) * p);
        self.step(&COMBINE_WIDE, &[1, 0, 1, 0], &[weights, weights], weights, weights);
        self.step(&COMPARE_ASK, &[12, 1, 0], &[hidden, 4 * h, compared], 5 * h, hidden);
        self.step(&COMPARE_TELL, &[12, 1, 0], &[hidden, 4 * h, compared, compared, 4 * h, 5 * h], h, hidden);
        self.step(&CORRECT_BITS, &[hidden as u32, n], &[h, packed(hidden, n)], packed(hidden, n), hidden);
        self.step(&DEAL_COMPARE, &[12, 0, 0], &[hidden, 4 * h, 4 * h, compared], compared, hidden);
        self.step(&DEAL_EXP, &[frac, 0], &[LOGITS, 6 + frac as usize, entries], entries, LOGITS * 16);
        self.step(
            &DEAL_RECIPROCAL,
            &[log_knots, bits, 0],
            &[ROWS, 6 << log_knots, coefficients],
            coefficients,
            (3 * ROWS) << log_knots,
        );
        self.step(&DEAL_RESCALE, &[weights as u32, room], &[w, w, dealt], dealt, weights);
        self.step(&DEAL_SELECT, &[l, n, 0], &[hidden, h, selected], selected, hidden);
        self.step(&DEAL_WINNER, &[ROWS as u32, 10, 0], &[packed(ROWS * 45, 1), products], products, ROWS);
        self.step(&MASK, &[n, 8, 1, l, 0], &[hidden, hidden], lifted, hidden);
        self.step(&MASK_WIDE, &[64, 24, 1, n, 0], &[weights, weights], packed(weights, n), weights);
        self.step(&MERGE, &[l, 0], &[lifted, lifted], hidden, hidden);
        self.step(&RESCALE, &[n, 1, shift, 1, 0, 1, 0], &[weights, w, w, w, dealt], weights, weights);
        self.step(&RESCALE_ASK, &[n, 1, shift, 1, 0, 1, 0], &[weights, w], w, weights);
        self.step(&RESCALE_ASK_WIDE, &[64, 29, 5, 1, 0, 1, 0], &[weights, w], w, weights);
        self.step(&RESCALE_WIDE, &[64, 29, 5, 1, 0, 1, 0], &[weights, w, w, w, packed(weights, 5)], weights, weights);
        self.step(&SELECT, &[l, n, 1], &[hidden, hidden, h, packed(hidden, n), selected], hidden, hidden);
        self.step(&UNPACK, &[l, 0], &[lifted], hidden, hidden);
        self.step(&WINNER, &[ROWS as u32, 10, 1], &[packed(ROWS * 45, 1), packed(ROWS * 45, 1), products], p, ROWS);
    }

    /// Times a kernel, given the lengths of its operands and of its output, and as how many elements that counts.
    fn step(&mut self, kernel: &Kernel, params: &[u32], inputs: &[usize], len: usize, elements: usize) {
        let bits = |kind: Operand| kind.bytes(self.ring) * 8;
        let bytes = kernel.inputs.iter().zip(inputs).map(|(kind, len)| len * bits(*kind) / 8);
        let inputs: Vec<Vec<u64>> = bytes.clone().map(|len| words(len.div_ceil(8))).collect();
        let inputs: Vec<&[u8]> = inputs.iter().zip(bytes).map(|(x, len)| &bytemuck::cast_slice(x)[..len]).collect();
        let mut out = vec![0u64; (len * bits(kernel.output)).div_ceil(64)];
        let out: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut out)[..len * bits(kernel.output) / 8];
        self.group.throughput(Throughput::Elements(elements as u64));
        let body = kernel.body(self.ring);
        let mut run = || body(params, black_box(&inputs), out);
        self.group.bench_function(kernel.name, |bench| match &self.one_thread {
            Some(pool) => pool.install(|| bench.iter(&mut run)),
            None => bench.iter(&mut run),
        });
    }
}

/// Words that `len` packed elements of `bits` bits take.
fn packed(len: usize, bits: u32) -> usize {
    (len * bits as usize).div_ceil(32)
}

criterion_group!(benches, gemm, steps, cores);
criterion_main!(benches);
