//! A training step, all roles in this process on the processor: the whole protocol but for the network.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use ndarray::Array2;

use ppdnn::data::Examples;
use ppdnn::fixed::Profile;
use ppdnn::nn::Model;
use ppdnn::roles::Training;
use ppdnn::train::Reveals;

fn training(c: &mut Criterion) {
    let mut group = c.benchmark_group("step");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    let (train, test) = (rows(ROWS), rows(0));
    for model in ["logistic", "secureml"] {
        for profile in ["small", "wide"] {
            let training = Training::new(Model::named(model, FEATURES, CLASSES).expect("a known model"))
                .profile(Profile::named(profile).expect("a known profile"))
                .reveal(Reveals { ranges: true, ..Reveals::NOTHING });
            group.bench_function(BenchmarkId::new(model, profile), |bench| {
                bench.iter_custom(|iterations| {
                    // the time that the servers measured: without threads to start and rows to upload
                    let steps = iterations.max(FEWEST_STEPS);
                    let epochs = u32::try_from(steps).unwrap_or(u32::MAX);
                    let training = training.clone().epochs(epochs).steps(Some(steps));
                    let outcome = training.run(&train, &test, &mut |_| ()).expect("a run in one process succeeds");
                    let step = black_box(outcome).summary.seconds_per_step.expect("a run takes time");
                    Duration::from_secs_f64(step * iterations as f64)
                });
            });
        }
    }
}

/// Pixels in no order: no time depends on values.
fn rows(n: usize) -> Examples {
    let pixel = |(i, j): (usize, usize)| ((i * 31 + j * 17) % 256) as f32 / 255.0;
    let labels = (0..).map(|i| i % 10).take(n).collect();
    Examples::new(Array2::from_shape_fn((n, FEATURES), pixel), labels, CLASSES).expect("labels are below the classes")
}

const ROWS: usize = 10 * 128;
const FEATURES: usize = 784;
const CLASSES: usize = 10;

/// A run of fewer steps says more of its start than of a step.
const FEWEST_STEPS: u64 = 10;

criterion_group!(benches, training);
criterion_main!(benches);
