//! The steps of a job: how many, on which rows, at which rate.

use crate::nn::{Dyadic, Sgd};
use crate::prg::public_seed;
use crate::train::{Job, Length};

/// Steps that cost the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepKind {
    /// The first of them, from 0.
    pub step: u64,
    /// Rows of the step, in batches of the job's size and a last one that may be smaller.
    pub rows: u32,
    /// How many there are.
    pub times: u64,
}

impl Job {
    /// Rows of a step, but for the last of an epoch: those of all batches whose gradients are summed.
    pub fn rows_per_step(&self) -> u64 {
        (u64::from(self.batch) * u64::from(self.accumulate)).max(1)
    }

    /// Steps of an epoch. A step is an update of the parameters.
    pub fn steps_per_epoch(&self) -> u64 {
        u64::from(self.train_rows()).div_ceil(self.rows_per_step()).max(1)
    }

    /// Rows of the smallest step: the last of an epoch may have fewer.
    pub fn least_step_rows(&self) -> u64 {
        let all = u64::from(self.train_rows());
        match all % self.rows_per_step() {
            0 => self.rows_per_step(),
            rest => rest,
        }
    }

    /// Steps of the run.
    pub fn total_steps(&self) -> u64 {
        let all = self.steps_per_epoch() * u64::from(self.epochs);
        self.steps.map_or(all, |steps| steps.min(all))
    }

    /// The step, from 1, that epoch `epoch`, from 1, ends with; the run's last where it ends before.
    pub fn last_step_of(&self, epoch: u32) -> u64 {
        self.total_steps().min(self.steps_per_epoch().saturating_mul(epoch.into()))
    }

    /// Epochs that the run begins.
    pub fn epochs_begun(&self) -> u32 {
        let epochs = self.total_steps().div_ceil(self.steps_per_epoch());
        u32::try_from(epochs).expect("no more than the job's epochs")
    }

    /// The optimizer at step `step`, from 0.
    pub fn optimizer(&self, step: u64) -> Sgd {
        let run = Length { steps: self.total_steps(), epoch: self.steps_per_epoch() };
        let at = |step| self.rate.times(self.schedule.factor(step, run));
        let rate = at(step);
        let before = step.checked_sub(1).map_or(rate, at);
        let decay = rate.value() * self.rows_per_step() as f64 * self.weight_decay;
        Sgd {
            rate,
            momentum: self.momentum.following(rate.value() / before.value()),
            // what is smaller has no say in 64 bits; the cost stays
            decay: Dyadic::near(if decay > 0.0 { decay.max(LEAST_DECAY) } else { 0.0 }),
        }
    }

    /// The run's steps by kind: the rows of the step, and what its rescales deal.
    ///
    /// Takes no longer for a longer run.
    pub fn kinds_of_steps(&self) -> Vec<StepKind> {
        let (total, every) = (self.total_steps(), self.steps_per_epoch());
        let run = Length { steps: total, epoch: every };
        let all = u64::from(self.train_rows());
        let whole = self.rows_per_step().min(all);
        let last = all % self.rows_per_step();
        let mut kinds: Vec<(StepKind, _)> = Vec::new();
        let mut push = |step: u64, rows: u64, times: u64| {
            if times == 0 {
                return;
            }
            let rows = u32::try_from(rows).expect("no more than there are");
            let sgd = self.optimizer(step);
            let cost = (rows, sgd.rate.shift(), sgd.momentum.map(|m| m.shift), sgd.decay.map(|d| d.shift));
            match kinds.iter_mut().find(|(_, own)| *own == cost) {
                Some((kind, _)) => kind.times += times,
                None => kinds.push((StepKind { step, rows, times }, cost)),
            }
        };
        let mut steps = |from: u64, to: u64| {
            // the last step of an epoch may have fewer rows
            let fewer = if last > 0 { to / every - from / every } else { 0 };
            let first_fewer = from + (every - 1 - from % every);
            let first_whole = if last > 0 && from == first_fewer { from + 1 } else { from };
            push(first_whole, whole, to - from - fewer);
            push(first_fewer, last, fewer);
        };
        let mut from = 0;
        while from < total {
            let to = self.schedule.next(from, run);
            // in the first step of a rate, momentum follows it
            steps(from, from + 1);
            steps(from + 1, to);
            from = to;
        }
        kinds.into_iter().map(|(kind, _)| kind).collect()
    }

    /// The batches of an epoch (from 1): the rows in an order of the public seed, or in their own; every batch ascending.
    pub fn batches(&self, epoch: u32) -> Vec<Vec<u32>> {
        let mut rows: Vec<u32> = (0..self.train_rows()).collect();
        let mut words = vec![0u32; 2 * rows.len()];
        public_seed(self.seed, "shuffle").stream(u64::from(epoch)).fill(0, &mut words);
        // Fisher and Yates; 64 random bits make the bias of the remainder negligible
        for i in (1..if self.shuffle { rows.len() } else { 0 }).rev() {
            let random = u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32;
            #[expect(clippy::cast_possible_truncation, reason = "below the number of rows")]
            rows.swap(i, (random % (i as u64 + 1)) as usize);
        }
        let mut batches: Vec<Vec<u32>> = rows.chunks(self.batch as usize).map(<[u32]>::to_vec).collect();
        batches.iter_mut().for_each(|b| b.sort_unstable());
        batches
    }
}

/// Parts of itself that a parameter loses in a step.
pub(super) const LEAST_DECAY: f64 = 1.0 / (1u64 << 50) as f64;

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fixed::Profile;
    use crate::nn::{Model, Momentum, Rate};
    use crate::train::{Initial, Owned, Reveals, Schedule};

    pub(in crate::train) fn job() -> Job {
        Job {
            dataset: "mnist".into(),
            model: Model::named("secureml", 784, 10).unwrap(),
            profile: Profile::small(),
            owners: vec![Owned { train: 300, test: 10 }, Owned { train: 41, test: 0 }],
            normalization: None,
            shuffle: true,
            epochs: 2,
            steps: None,
            batch: 128,
            accumulate: 1,
            rate: Rate::new(0.0625, 128).unwrap(),
            momentum: Momentum::new(0.9).unwrap(),
            weight_decay: 0.0,
            schedule: Schedule::Halving,
            stop: None,
            reveal: Reveals { accuracy: true, model: true, ranges: true },
            ends_from: 3,
            initial: Initial::Seed,
            seed: 1,
        }
    }

    const SCHEDULES: [Schedule; 4] =
        [Schedule::Halving, Schedule::Constant, Schedule::Cosine, Schedule::Step { epochs: 2, factor: 0.7 }];

    /// What a step's rescales deal, and its rows.
    fn cost(job: &Job, step: u64, rows: u32) -> (u32, i32, Option<i32>, Option<i32>) {
        let Sgd { rate, momentum, decay } = job.optimizer(step);
        (rows, rate.shift(), momentum.map(|m| m.shift), decay.map(|d| d.shift))
    }

    #[test]
    fn kinds_of_steps_are_those_of_all_steps() {
        let sizes =
            [(341, 128, 2, None), (341, 128, 9, Some(23)), (256, 128, 40, None), (5, 7, 1, None), (7, 7, 3, Some(2))];
        for (rows, batch, epochs, steps) in sizes {
            for (schedule, accumulate) in SCHEDULES.into_iter().flat_map(|s| [1, 2, 5].map(|n| (s, n))) {
                let owners = vec![Owned { train: rows, test: 10 }];
                let job = Job { owners, batch, epochs, steps, schedule, accumulate, weight_decay: 1e-3, ..job() };
                let (total, every) = (job.total_steps(), job.steps_per_epoch());
                let batches = job.batches(1);
                let size = |group: &[Vec<u32>]| u32::try_from(group.concat().len()).unwrap();
                let groups: Vec<u32> = batches.chunks(accumulate as usize).map(size).collect();
                assert_eq!(groups.len() as u64, every);
                let rows_of = |step: u64| groups[usize::try_from(step % every).unwrap()];
                let mut want = BTreeMap::<_, u64>::new();
                (0..total).for_each(|step| *want.entry(cost(&job, step, rows_of(step))).or_default() += 1);
                let mut have = BTreeMap::<_, u64>::new();
                for kind in job.kinds_of_steps() {
                    assert_eq!(kind.rows, rows_of(kind.step), "{kind:?}");
                    have.insert(cost(&job, kind.step, kind.rows), kind.times);
                }
                assert_eq!(have, want, "{rows} rows, {epochs} epochs, {schedule}, {accumulate} batches a step");
            }
        }
        for schedule in SCHEDULES {
            let long = Job { epochs: u32::MAX, schedule, ..job() };
            assert!(long.kinds_of_steps().len() <= 160, "{}", long.kinds_of_steps().len());
            assert_eq!(long.kinds_of_steps().iter().map(|k| k.times).sum::<u64>(), long.total_steps());
        }
    }

    /// The laws that rates, momentum and weight decay follow, in f64: every rate within 1/64 of the schedule's, the velocity's
    /// factors within 1/64 of what the used rates ask for, and so the parts that a parameter loses.
    #[test]
    fn the_optimizer_follows_the_schedule() {
        let schedules = SCHEDULES.into_iter().chain([Schedule::Step { epochs: 1, factor: 0.1 }]);
        for schedule in schedules {
            let job = Job { epochs: 30, schedule, accumulate: 2, weight_decay: 5e-4, ..job() };
            let (total, every) = (job.total_steps(), job.steps_per_epoch());
            let law = |step: u64| match schedule {
                Schedule::Constant => 1.0,
                Schedule::Cosine => {
                    let piece = (32 * step / total) as f64;
                    0.5 + 0.5 * (std::f64::consts::PI * (piece + 0.5) / 32.0).cos()
                }
                Schedule::Halving => {
                    let passed = |eighths: u64| if 8 * step >= eighths * total { 0.5 } else { 1.0 };
                    passed(4) * passed(6) * passed(7)
                }
                Schedule::Step { epochs, factor } => {
                    let times = i32::try_from(step / every / u64::from(epochs)).unwrap();
                    (0..times).fold(1.0, |now, _| if now < 1.0 / 4096.0 { now } else { now * factor })
                }
            };
            let near = |have: f64, want: f64| (have / want - 1.0).abs() <= 1.0 / 64.0 + 1e-9;
            for step in 0..total {
                let now = job.optimizer(step);
                let want = (job.rate.value() * law(step)).max(f64::exp2(-30.0));
                assert!(near(now.rate.value(), want), "{schedule}, step {step}: {}, not {want}", now.rate);
                let before = job.optimizer(step.saturating_sub(1)).rate.value();
                let want = job.momentum.value() * now.rate.value() / before;
                assert!(near(now.momentum.unwrap().value(), want), "{schedule}, step {step}");
                assert!(near(now.decay.unwrap().value(), 5e-4 * now.rate.value() * 256.0), "{schedule}, step {step}");
            }
        }
        // what changes nothing costs nothing
        let plain = Job { momentum: Momentum::new(0.0).unwrap(), schedule: Schedule::Constant, ..job() };
        assert_eq!(plain.optimizer(3), Sgd { rate: plain.rate, momentum: None, decay: None });
    }

    #[test]
    fn an_epoch_goes_over_every_row_once_in_an_order_of_its_own() {
        let job = job();
        let all = |epoch| job.batches(epoch).concat();
        let sorted = |mut rows: Vec<u32>| {
            rows.sort_unstable();
            rows
        };
        assert_eq!(job.batches(1).iter().map(Vec::len).collect::<Vec<_>>(), [128, 128, 85]);
        assert!(job.batches(1).iter().all(|b| b.is_sorted()));
        assert_eq!(sorted(all(1)), (0..341).collect::<Vec<_>>());
        assert_ne!(all(1), all(2));
        let still = Job { shuffle: false, ..job.clone() };
        assert_eq!(still.batches(2).concat(), (0..341).collect::<Vec<_>>());
    }
}
