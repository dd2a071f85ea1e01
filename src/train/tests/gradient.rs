//! Parameters after one step and after a few, against the model in f64; shares against the run in the clear.

use super::model::{Exact, Flaw, Matrix, Move};
use super::*;
use crate::fixed::{MASTER_FRAC, encode};
use crate::gates::harness::{Gate, Record};
use crate::nn::layers::{Dense, Sigmoid};
use crate::nn::{Init, LayerSpec, Loss, Optimizer};
use crate::shape::Shape;

/// A session whose ReLUs' branches are sure, and the model after its steps.
struct Case {
    job: Job,
    world: World,
    initial: Exact,
    after: Exact,
}

/// Looks for initial parameters of the deviation that makes the branches sure, in the order of public seeds.
fn case(job: Job) -> Case {
    let mut world = world(&job, 17);
    for seed in 0..20_000 {
        world.parameters = parameters(&job, seed);
        let value = |n: &ClearTensor| {
            let x = n.x.iter().map(|x| *x as f64 * f64::exp2(-f64::from(MASTER_FRAC))).collect();
            Matrix::new(*n.shape.axes().last().unwrap(), x)
        };
        let initial = Exact::new(&job.settings.profile, &job.model, world.parameters.iter().map(value).collect());
        let mut after = initial.clone();
        if learn(&job, &world, &mut after) {
            return Case { job, world, initial, after };
        }
    }
    panic!("no seed gives pre-activations that are all far from 0");
}

/// Weights and biases, uniform in `-2 .. 2` on the master's grid.
fn parameters(job: &Job, seed: u64) -> Vec<ClearTensor> {
    let one = |(index, shape): (usize, Shape)| {
        let random = random(&public_seed(seed, &format!("parameter {index}")), shape.len());
        let real = |r: u64| ((r >> 11) as f64 * f64::exp2(-53.0) - 0.5) * 4.0;
        let x = random.into_iter().map(|r| encode(real(r), MASTER_FRAC).cast_signed()).collect();
        ClearTensor::master(x, shape)
    };
    job.model.parameters().into_iter().enumerate().map(one).collect()
}

/// Runs the job on the model; whether all branches are sure.
fn learn(job: &Job, world: &World, model: &mut Exact) -> bool {
    let unit = f64::exp2(-f64::from(job.settings.profile.frac));
    let rows = |set: Set, numbers: &[u32]| {
        let (_, cols, owners) = world.sets.iter().find(|(s, ..)| *s == set).unwrap();
        let all: Vec<i64> = owners.concat();
        let row = |n: &u32| all[*n as usize * cols..][..*cols].iter().map(|x| *x as f64 * unit).collect::<Vec<_>>();
        Matrix::new(*cols, numbers.iter().flat_map(row).collect())
    };
    let (total, mut step, mut sure) = (usize::try_from(job.total_steps()).unwrap(), 0, true);
    let epochs: Vec<_> = (1..=job.settings.epochs).map(|epoch| job.batches(epoch)).collect();
    // the gradients of all batches of a step are those of one batch of all their rows
    for batches in epochs.iter().flat_map(|batches| batches.chunks(job.settings.accumulate as usize)).take(total) {
        let update = job.optimizer(step);
        let stays = model.flaw == Some(Flaw::MomentumStays);
        let momentum = if stays { job.momentum().value() } else { update.factor("velocity").unwrap_or(0.0) };
        let decay = update.step.decay.map_or(0.0, |d| d.value());
        let nesterov = job.settings.optimizer == Optimizer::Nesterov;
        let ahead = nesterov.then(|| (job.momentum().value(), 32.0));
        let by = Move { rate: update.step.rate.value(), times: 63.0, momentum, ahead, decay };
        let last = model.flaw == Some(Flaw::LastBatchOnly);
        let batch = if last { batches[batches.len() - 1].clone() } else { batches.concat() };
        let (x, labels) = (rows(Set::TrainFeatures, &batch), rows(Set::TrainLabels, &batch));
        sure &= model.step(&x, &labels, by);
        step += 1;
    }
    sure
}

/// The parameters that a run's last update left.
fn last_parameters(records: &[Record<ClearTensor>], job: &Job) -> Vec<Vec<f64>> {
    let moved = |r: &&Record<ClearTensor>| r.scope == "update" && r.gate == Gate::Combine { kx: 1, ky: -1 };
    let real = |r: &Record<ClearTensor>| r.output.x.iter().map(|x| *x as f64 * f64::exp2(-32.0)).collect::<Vec<_>>();
    let all: Vec<_> = records.iter().filter(moved).map(real).collect();
    all[all.len() - job.model.parameters().len()..].to_vec()
}

/// One step, three steps with momentum and a halved rate, an odd rate multiple; batches of 7 and a last one of 5; the same with
/// weight decay, with two batches a step, and with a rate that falls along a cosine or in steps; some of them with Nesterov
/// momentum.
fn cases(p: &Profile) -> Vec<Case> {
    let momentum = 0.90625;
    let one = job(p, &[6, 5, 4, 3], 7);
    let few = job(p, &[6, 5, 4, 3], 19).with(|s| {
        s.momentum = momentum;
        s.schedule = Schedule::Halving;
    });
    let odd = job(p, &[9, 4, 3], 12).with(|s| {
        s.momentum = momentum;
        s.lr = 0.05;
    });
    // sigmoid layers, whose knots are further out, and the two other losses
    let sigmoid = |sizes: &[usize], loss, rows| {
        let dense = |outputs: &usize| LayerSpec::from(Dense { outputs: *outputs, bias: true });
        let mut layers: Vec<_> = sizes[1..].iter().flat_map(|n| [dense(n), LayerSpec::from(Sigmoid)]).collect();
        layers.pop();
        let model = Model::new("sigmoid", sizes[0], layers, sizes[sizes.len() - 1], loss, Init::Glorot).unwrap();
        Job { model, ..job(p, sizes, rows) }.with(|s| s.momentum = momentum)
    };
    let deep = sigmoid(&[6, 4, 4, 3], Loss::SoftmaxCrossEntropy, 7);
    let square = sigmoid(&[6, 4, 3], Loss::Square, 12);
    let entropy = sigmoid(&[6, 4, 3], Loss::SigmoidCrossEntropy, 12);
    // so large that nobody can miss it
    let decay = few.clone().with(|s| s.weight_decay = 4.0);
    let summed = few.clone().with(|s| {
        s.accumulate = 2;
        s.weight_decay = 4.0;
    });
    let cosine = few.clone().with(|s| s.schedule = Schedule::Cosine);
    let step = job(p, &[6, 5, 4, 3], 7).with(|s| {
        s.schedule = Schedule::Step { epochs: 1, factor: 0.3 };
        s.epochs = 2;
    });
    let step = step.with(|s| s.momentum = momentum);
    let ahead = [&few, &odd, &decay, &summed, &cosine, &step].map(|job| {
        // a momentum of few bits, too
        let mu = if job.settings.schedule == Schedule::Cosine { 0.75 } else { momentum };
        job.clone().with(|s| (s.optimizer, s.momentum) = (Optimizer::Nesterov, mu))
    });
    let plain = [one, few, odd, deep, square, entropy, decay, summed, cosine, step];
    plain.into_iter().chain(ahead).map(case).collect()
}

#[test]
fn parameters_follow_the_model_within_the_derived_bound() {
    for p in profiles() {
        for Case { job, world, initial, after } in cases(&p) {
            let (name, steps) = (&p.name, job.total_steps());
            for records in [world.run(&Training(&job)).records, world.run_clear(&Training(&job))] {
                let got = last_parameters(&records, &job);
                let excess = after.excess(&got);
                assert!(excess <= 0.0, "{name}, {steps} steps: {excess} out of bounds");
                for flaw in Flaw::ALL {
                    let mut flawed = initial.clone();
                    flawed.flaw = Some(flaw);
                    learn(&job, &world, &mut flawed);
                    let same = match flaw {
                        Flaw::LastBatchOnly => job.settings.accumulate == 1,
                        Flaw::MomentumLate => steps == 1 && job.settings.optimizer == Optimizer::Sgd,
                        Flaw::MomentumStays => steps == 1 || job.settings.schedule == Schedule::Constant,
                        Flaw::NoDecay => job.settings.weight_decay == 0.0,
                        Flaw::OtherOptimizer => job.settings.momentum == 0.0,
                        _ => false,
                    };
                    assert!(same || flawed.excess(&got) > 0.0, "{name}, {steps} steps: {flaw:?} is not noticed");
                }
            }
        }
    }
}

/// Roundings are unbiased, so the mean of many runs is off by sampling noise, by the tables' error, and by products of two
/// roundings; on shares as in the clear.
#[test]
fn means_over_many_runs_follow_the_model_on_shares_and_in_the_clear() {
    let runs = 60;
    for p in profiles() {
        let momentum = 0.90625;
        let Case { job, mut world, initial, .. } = case(job(&p, &[6, 5, 4, 3], 14).with(|s| s.momentum = momentum));
        let mut model = initial.clone();
        (model.unit, model.soft) = (4.0 * model.unit * model.unit, model.soft - model.unit);
        learn(&job, &world, &mut model);
        let mut of_shares = Vec::new();
        let mut of_clear = Vec::new();
        for seed in 0..runs {
            world.seed = 1_000 + seed;
            of_shares.push(last_parameters(&world.run(&Training(&job)).records, &job).concat());
            of_clear.push(last_parameters(&world.run_clear(&Training(&job)), &job).concat());
        }
        let (value, error) = model.flat();
        for all in [of_shares, of_clear] {
            for at in 0..value.len() {
                let n = runs as f64;
                let mean = all.iter().map(|w| w[at]).sum::<f64>() / n;
                let variance = all.iter().map(|w| (w[at] - mean).powi(2)).sum::<f64>() / (n - 1.0);
                // seven standard errors: 60 runs estimate one within a third
                let slack = 7.0 * (variance / n).sqrt() + error[at];
                let off = mean - value[at];
                assert!(off.abs() <= slack, "{}, parameter {at}: the mean is off by {off}, {slack} is allowed", p.name);
            }
        }
    }
}
