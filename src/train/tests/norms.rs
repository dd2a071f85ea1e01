//! Normalization: inverse square roots of every size and running statistics, against f64. Gradients, laws and costs are in
//! [`images`](super::images).

use super::*;
use crate::fixed::{MASTER_FRAC, encode};
use crate::gates::harness::{Gate, Record};
use crate::nn::layers::{BatchNorm, Conv2d, Dense, Relu};
use crate::nn::{Init, LayerSpec, Loss, inverse_sqrt};
use crate::shape::Shape;

/// The inverse square roots of parameter 0.
struct Roots {
    len: usize,
}

impl Program for Roots {
    fn run<E: Engine>(&self, e: &mut E) -> Result<()> {
        let v = e.parameter(0, &[self.len].into())?;
        inverse_sqrt(e, &v, None).map(drop)
    }
}

/// What was opened last.
fn last(records: &[Record<ClearTensor>]) -> Vec<f64> {
    let record = records.iter().rfind(|r| matches!(r.gate, Gate::Open { .. })).unwrap();
    record.output.x.iter().map(|x| *x as f64 * f64::exp2(-f64::from(record.output.frac))).collect()
}

#[test]
fn inverse_square_roots_of_variances_of_every_size_are_those_of_f64() {
    for p in profiles() {
        // around every range's ends, and between them
        let ends = (0..6)
            .flat_map(|j| [0.9, 0.967, 0.969, 0.99, 1.0, 1.02, 2.0, 7.3].map(|x| x * f64::exp2(f64::from(4 * j - 10))));
        let all: Vec<f64> = ends.filter(|v| *v < 990.0).chain([0.0, 1e-6, f64::exp2(-11.0), 985.0]).collect();
        let mut world = World::new(&p, 3);
        let x = all.iter().map(|v| encode(*v, MASTER_FRAC).cast_signed()).collect();
        world.parameters = vec![ClearTensor::master(x, [all.len()])];
        // an argument of 12 fraction bits, a root of 2^-9 or 2^-16 that is at least 1/4, the table's error
        let bound = if p.frac <= 8 { 4.0 / 512.0 + 3e-3 } else { 4.0 / 65_536.0 + 4.0 * 5.5e-5 + f64::exp2(-13.0) };
        let program = Roots { len: all.len() };
        for records in [world.run(&program).records, world.run_clear(&program)] {
            for (v, got) in all.iter().zip(last(&records)) {
                let want = 1.0 / v.max(f64::exp2(-11.0)).sqrt();
                // at the kink the quadratic rounds the corner
                let bound = if *v < f64::exp2(-10.0) { 0.04 } else { bound };
                assert!((got / want - 1.0).abs() <= bound, "{}: 1 / sqrt({v}) is {want}, not {got}", p.name);
            }
        }
    }
}

/// The running mean and variance of a batch normalization after two steps, from the rows and the first weights: a step of 2^-30
/// moves them by nothing that counts.
#[test]
fn running_statistics_are_those_of_the_batches() {
    for (p, accumulate) in profiles().into_iter().flat_map(|p| [(p, 1), (p, 2)]) {
        let layers = vec![
            Dense { outputs: 3, bias: true }.into(),
            BatchNorm { momentum: 2 }.into(),
            Relu.into(),
            Dense { outputs: 2, bias: true }.into(),
        ];
        let model = Model::new("norm", 5, layers, 2, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
        let reveal = Reveals::default();
        let owners = vec![Owned { train: 24, test: 6 }];
        let job = Job { model, reveal, owners, ..job(&p, &[5, 2], 24) }.with(|s| {
            s.batch = 12 / accumulate;
            s.accumulate = accumulate;
            s.lr = 1e-7;
        });
        let world = world(&job, 9);
        let real = |x: &i64, frac: u32| *x as f64 * f64::exp2(-f64::from(frac));
        let (_, cols, owners) = world.sets.iter().find(|(set, ..)| *set == Set::TrainFeatures).unwrap();
        let row =
            |n: &u32| owners[0][*n as usize * cols..][..*cols].iter().map(|x| real(x, p.frac)).collect::<Vec<_>>();
        let parameter = |i: usize| world.parameters[i].x.iter().map(|x| real(x, MASTER_FRAC)).collect::<Vec<_>>();
        let (w, b) = (parameter(0), parameter(1));
        let (mut mean, mut variance) = (vec![0.0; 3], vec![1.0; 3]);
        for batch in job.batches(1) {
            for c in 0..3 {
                let z = |x: Vec<f64>| x.iter().enumerate().map(|(i, x)| x * w[3 * i + c]).sum::<f64>() + b[c];
                let z: Vec<f64> = batch.iter().map(|n| z(row(n))).collect();
                let own = z.iter().sum::<f64>() / z.len() as f64;
                mean[c] += (own - mean[c]) / 4.0;
                variance[c] += (z.iter().map(|z| (z - own).powi(2)).sum::<f64>() / z.len() as f64 - variance[c]) / 4.0;
            }
        }
        let run = world.run(&Training(&job));
        let models: Vec<_> = run.revealed.iter().map(|(_, x)| x).collect();
        // the hits and the counts of ranges come first
        let of = |i: usize| models[2 + i].iter().map(|x| real(x, 2 * p.frac)).collect::<Vec<_>>();
        for (got, want) in [(of(4), mean), (of(5), variance)] {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 8.0 * f64::exp2(-f64::from(p.frac)), "{}: {got}, not {want}", p.name);
                assert!((got - 1.0).abs() > 0.05, "a statistic that stands still would be noticed");
            }
        }
    }
}

#[test]
fn a_variance_of_one_value_is_refused_before_anything_runs() {
    let dense = |outputs| LayerSpec::from(Dense { outputs, bias: true });
    let rows = vec![dense(3), BatchNorm { momentum: 3 }.into(), Relu.into(), dense(2)];
    let conv = Conv2d { channels: 2, kernel: [1, 1], stride: [1, 1], padding: [0, 0], bias: false };
    let images = vec![conv.into(), BatchNorm { momentum: 3 }.into(), Relu.into(), dense(2)];
    let check = |input: Shape, layers: &Vec<LayerSpec>, train, batch| {
        let model = Model::new("norm", input, layers.clone(), 2, Loss::SoftmaxCrossEntropy, Init::He).unwrap();
        let owners = vec![Owned { train, test: 0 }];
        let job = Job { model, owners, ..job(&Profile::wide(), &[4, 2], train) }.with(|s| s.batch = batch);
        job.check().map_err(|e| e.to_string())
    };
    for (train, batch) in [(25, 12), (1, 12), (7, 1)] {
        let error = check(4.into(), &rows, train, batch).unwrap_err();
        assert!(error.contains("at least 2 rows in every batch"), "{train} rows, {batch} a batch: {error}");
        assert_eq!(check([2, 2, 1].into(), &images, train, batch), Ok(()), "an image has four values");
    }
    for (train, batch) in [(24, 12), (26, 12), (2, 12)] {
        assert_eq!(check(4.into(), &rows, train, batch), Ok(()));
    }
}
