//! Every gate of whole runs is held against its law on the values that really went in ([`World::run`] does it, and holds the
//! cost against the plan); here is what only a whole step shows.

use super::*;
use crate::gates::MOST_COMPARED;
use crate::gates::harness::law::softmax_error;
use crate::gates::harness::{Gate, Record};
use crate::nn::layers::{Dense, Relu, Sigmoid};
use crate::nn::{Init, LayerSpec, Loss, Optimizer};
use crate::party::Revealed;

/// Jobs with a last partial batch, rates that fall, odd multiples of a rate, with and without momentum and weight decay, batches
/// whose gradients are summed, several owners.
pub(super) fn jobs(p: &Profile) -> Vec<Job> {
    let reveal = Reveals::default();
    let owners = |rows: &[(u32, u32)]| rows.iter().map(|(train, test)| Owned { train: *train, test: *test }).collect();
    let momentum = 0.90625;
    let small = job(p, &[6, 5, 4, 3], 24);
    let large = job(p, &[20, 16, 10], 45);
    let dense = |outputs, bias| LayerSpec::from(Dense { outputs, bias });
    let layers =
        vec![dense(5, true), LayerSpec::from(Sigmoid), dense(4, false), LayerSpec::from(Relu), dense(3, false)];
    let model = |loss| Model::new("mixed", 6, layers.clone(), 3, loss, Init::Glorot).unwrap();
    vec![
        small.clone().with(|s| {
            s.momentum = momentum;
            s.epochs = 2;
            s.schedule = Schedule::Halving;
        }),
        Job { owners: owners(&[(9, 3), (1, 0), (14, 2)]), reveal, ..small }.with(|s| s.lr = 0.3),
        large.clone().with(|s| {
            s.momentum = momentum;
            s.batch = 32;
            s.lr = 0.1;
            s.schedule = Schedule::Halving;
            s.epochs = 3;
        }),
        Job { reveal, owners: owners(&[(40, 4), (5, 0)]), ..large.clone() }.with(|s| {
            s.momentum = momentum;
            s.weight_decay = 5e-4;
            s.accumulate = 3;
            s.batch = 8;
            s.epochs = 4;
            s.schedule = Schedule::Cosine;
        }),
        job(p, &[6, 5, 3], 20).with(|s| {
            s.momentum = momentum;
            s.weight_decay = 1e-2;
            s.epochs = 3;
            s.schedule = Schedule::Step { epochs: 1, factor: 0.7 };
        }),
        Job { reveal, owners: owners(&[(20, 4), (7, 0)]), ..job(p, &[6, 5, 3], 27) }.with(|s| {
            s.optimizer = Optimizer::Nesterov;
            s.momentum = momentum;
            s.weight_decay = 1e-2;
            s.accumulate = 2;
            s.epochs = 4;
            s.lr = 0.3;
            s.schedule = Schedule::Cosine;
        }),
        Job { steps: Some(2), owners: owners(&[(33, 33)]), reveal, ..large }.with(|s| s.batch = 31),
        job(p, &[5, 2], 8).with(|s| {
            s.momentum = momentum;
            s.epochs = 2;
        }),
        Job { model: model(Loss::SoftmaxCrossEntropy), reveal, owners: owners(&[(20, 5)]), ..job(p, &[6, 3], 20) }
            .with(|_| ()),
        Job { reveal, owners: owners(&[(20, 5)]), ..job(p, &[9, 17], 20) }.with(|_| ()),
        Job { model: model(Loss::Square), ..job(p, &[6, 3], 9) }.with(|s| s.momentum = momentum),
        Job { model: model(Loss::SigmoidCrossEntropy), reveal, owners: owners(&[(9, 5)]), ..job(p, &[6, 3], 9) }
            .with(|_| ()),
        // figures: with the accuracy, without it, and of a run of several epochs
        Job { reveal: Reveals { confusion: true, ..reveal }, owners: owners(&[(9, 5)]), ..job(p, &[6, 3], 9) }
            .with(|s| s.epochs = 2),
        Job {
            reveal: Reveals { roc: true, squared_error: true, ..Reveals::NOTHING },
            owners: owners(&[(9, 7), (0, 4)]),
            ..job(p, &[6, 2], 9)
        }
        .with(|s| s.epochs = 2),
        Job {
            reveal: Reveals { top5: true, confusion: true, ..Reveals::NOTHING },
            owners: owners(&[(9, 7)]),
            ..job(p, &[9, 8], 9)
        }
        .with(|_| ()),
    ]
}

#[test]
fn whole_runs_keep_every_gate_s_law_and_cost_what_was_planned() {
    for p in profiles() {
        for (seed, job) in (0..).zip(jobs(&p)) {
            let world = world(&job, seed);
            let run = world.run(&Training(&job));
            assert_losses(&run.records, &job, seed);
            let clear = world.run_clear(&Training(&job));
            assert_losses(&clear, &job, seed);
            assert!(run.records.iter().zip(&clear).all(|(a, b)| (&a.scope, &a.gate) == (&b.scope, &b.gate)));
            let epochs = job.settings.epochs as usize;
            let [hits, errors] =
                [job.reveal.accuracy, job.reveal.squared_error].map(|listed| usize::from(listed) * epochs);
            let parameters = if job.reveal.model { job.model.parameters().len() } else { 0 };
            let ranges = if job.reveal.ranges { job.epochs_begun() as usize } else { 0 };
            assert_eq!(
                run.revealed.len(),
                hits + errors + parameters + ranges + job.reveal.final_figures().len(),
                "only what is listed is revealed"
            );
        }
    }
}

/// The gradient that a step's cross-entropy opens is softmax of the opened logits minus the labels.
fn assert_losses(records: &[Record<ClearTensor>], job: &Job, seed: u64) {
    // those of more classes are held against f64 in `classes`
    if job.model.loss() != Loss::SoftmaxCrossEntropy || job.model.classes() > MOST_COMPARED {
        return;
    }
    let (classes, unit) = (job.model.classes(), f64::exp2(-f64::from(job.settings.profile.frac)));
    let mut losses = 0usize;
    let mut logits: &[i64] = &[];
    for r in records.iter().filter(|r| r.scope == "loss") {
        match r.gate {
            Gate::Winner { .. } => logits = &r.inputs[0].x,
            Gate::Combine { .. } => {
                losses += 1;
                let (labels, got) = (&r.inputs[1].x, &r.output.x);
                assert_eq!((logits.len(), labels.len()), (got.len(), got.len()));
                for (row, y) in logits.chunks_exact(classes).enumerate() {
                    let exps: Vec<f64> = y.iter().map(|y| (*y as f64 * unit).exp()).collect();
                    for (i, e) in exps.iter().enumerate() {
                        let at = row * classes + i;
                        let want = e / exps.iter().sum::<f64>() - labels[at] as f64 * unit;
                        let error = (got[at] as f64 * unit - want).abs();
                        assert!(error <= softmax_error(&job.settings.profile), "seed {seed}: off by {error}");
                    }
                }
            }
            _ => {}
        }
    }
    let batches = (1..=job.settings.epochs).map(|epoch| job.batches(epoch)).collect::<Vec<_>>();
    let steps = batches.iter().flat_map(|all| all.chunks(job.settings.accumulate as usize));
    let total = usize::try_from(job.total_steps()).unwrap();
    assert_eq!(losses, steps.take(total).map(<[_]>::len).sum::<usize>());
}

/// What the hits count: rows whose opened logits are largest at the label.
#[test]
fn accuracy_counts_the_rows_that_are_right() {
    for p in profiles() {
        let owners = vec![Owned { train: 40, test: 150 }, Owned { train: 24, test: 83 }];
        let reveal = Reveals { accuracy: true, ranges: true, ..Reveals::NOTHING };
        let job = Job { owners, reveal, ..job(&p, &[8, 12, 4], 64) }.with(|s| {
            s.epochs = 2;
            s.batch = 16;
        });
        let run = world(&job, 5).run(&Training(&job));
        let winners = run.records.iter().filter(|r| r.scope == "hits" && matches!(r.gate, Gate::Hits));
        let count = |r: &Record<ClearTensor>| {
            let right = r.inputs[0].x.iter().zip(&r.inputs[1].x).filter(|(w, l)| **w == 1 && **l != 0).count();
            vec![(right as i64) << p.frac]
        };
        let hits = run.revealed.iter().filter(|(what, _)| matches!(what, Revealed::Hits { .. }));
        let revealed: Vec<Vec<i64>> = hits.map(|(_, x)| x.clone()).collect();
        assert_eq!(revealed, winners.map(count).collect::<Vec<_>>());
        assert!(revealed.iter().all(|x| (1..=233).contains(&(x[0] >> p.frac))));
    }
}
