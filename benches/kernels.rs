//! Speed of the CPU kernels that have a fast version, beside their definitions, on one thread.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use ppdnn::kernel::Word;
use ppdnn::kernel::fast::gemm::{Level, definition, gemm_at};

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
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread starts");
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

criterion_group!(benches, gemm);
criterion_main!(benches);
