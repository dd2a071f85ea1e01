//! The steps of a job: how many, on which rows, at which rate.

use crate::nn::{Dyadic, LearningRate, Step, Term, Update};
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

/// Rows of a step of `accumulate` batches, where there are `rows` to train on: the learning rate is divided by them.
pub(crate) fn rows_per_step(batch: u32, accumulate: u32, rows: u64) -> u64 {
    (u64::from(batch) * u64::from(accumulate)).min(rows).max(1)
}

impl Job {
    /// Rows of a step, but for the last of an epoch: those of all batches whose gradients are summed, or all that there are.
    pub fn rows_per_step(&self) -> u64 {
        rows_per_step(self.settings.batch, self.settings.accumulate, self.train_rows().into())
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

    /// Rows of the smallest step that reach a unit behind every dropout of the network, on average: which ones, the public coins
    /// say, so that nobody takes the others for its gradient. Where rows of a class count k times as much as others, a k-th of that.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the rows of a step")]
    pub fn least_rows_kept(&self) -> u64 {
        (self.least_step_rows() as f64 * self.model.kept_by_dropout() / self.class_weights().spread()) as u64
    }

    /// Steps that the model holds: with weight decay, a step counts `1 - learning rate x decay / (1 - momentum)` times as much
    /// after the next, as momentum adds up what decays, too; all of them together count as much as
    /// `(1 - momentum) / (learning rate x decay)` of the last. Those of the run where that is more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates; a rate is positive"
    )]
    pub fn steps_held(&self) -> u64 {
        // rounded, as the decay itself is: to 1 %
        let held = ((1.0 - self.momentum().value()) / self.decay()).round();
        self.total_steps().min(held as u64)
    }

    /// Steps of the run.
    pub fn total_steps(&self) -> u64 {
        let all = self.steps_per_epoch() * u64::from(self.settings.epochs);
        self.steps.map_or(all, |steps| steps.min(all))
    }

    /// The step, from 1, that epoch `epoch`, from 1, ends with; the run's last where it ends before.
    pub fn last_step_of(&self, epoch: u32) -> u64 {
        self.total_steps().min(self.steps_per_epoch().saturating_mul(epoch.into()))
    }

    /// The epoch, from 1, that step number `step`, from 1, belongs to; the last one for a step that the job does not have.
    #[expect(clippy::cast_possible_truncation, reason = "no larger than the job's epochs")]
    pub(crate) fn epoch_of(&self, step: u64) -> u32 {
        (step.min(self.total_steps()).saturating_sub(1) / self.steps_per_epoch()) as u32 + 1
    }

    /// Epochs that the run begins.
    pub fn epochs_begun(&self) -> u32 {
        let epochs = self.total_steps().div_ceil(self.steps_per_epoch());
        u32::try_from(epochs).expect("no more than the job's epochs")
    }

    /// The optimizer at step `step`, from 0.
    pub fn optimizer(&self, step: u64) -> Update {
        let run = Length { steps: self.total_steps(), epoch: self.steps_per_epoch() };
        let at = |step| self.rate().times(self.settings.schedule.factor(step, run));
        let rate = at(step);
        self.update(rate, step.checked_sub(1).map_or(rate, at))
    }

    /// The optimizer at a step of a rate, after a step of another.
    pub(super) fn update(&self, rate: LearningRate, before: LearningRate) -> Update {
        let decay = rate.value() * self.rows_per_step() as f64 * self.settings.weight_decay;
        // what is smaller has no say in 64 bits; the cost stays
        let decay = Dyadic::near(if decay > 0.0 { decay.max(LEAST_DECAY) } else { 0.0 });
        let step = Step { rate, ratio: rate.value() / before.value(), decay };
        Update::new(self.settings.optimizer, self.momentum(), step)
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
            let cost = (rows, self.optimizer(step).terms().iter().map(Term::shift).collect::<Vec<_>>());
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
            let to = self.settings.schedule.next(from, run);
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
        for i in (1..if self.settings.shuffle { rows.len() } else { 0 }).rev() {
            let random = u64::from(words[2 * i]) | u64::from(words[2 * i + 1]) << 32;
            #[expect(clippy::cast_possible_truncation, reason = "below the number of rows")]
            rows.swap(i, (random % (i as u64 + 1)) as usize);
        }
        let mut batches: Vec<Vec<u32>> =
            rows.chunks(self.settings.batch.max(1) as usize).map(<[u32]>::to_vec).collect();
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
    use crate::nn::{Model, Normalization};
    use crate::train::{InitialSource, Owned, Reveals, Schedule, Settings};

    pub(in crate::train) fn job() -> Job {
        Job {
            dataset: "mnist".into(),
            description: None,
            model: Model::named("secureml", 784, 10).unwrap(),
            owners: vec![Owned { train: 300, test: 10 }, Owned { train: 41, test: 0 }],
            settings: Settings::default().profile(Profile::small()).epochs(2).momentum(0.9),
            scale: Normalization::uniform(0.0, 1.0),
            steps: None,
            reveal: Reveals::default(),
            ends_from: 3,
            initial: InitialSource::Seed,
            seed: 1,
        }
    }

    const SCHEDULES: [Schedule; 4] =
        [Schedule::Halving, Schedule::Constant, Schedule::Cosine, Schedule::Step { epochs: 2, factor: 0.7 }];

    /// What a step's rescales deal, and its rows.
    fn cost(job: &Job, step: u64, rows: u32) -> (u32, Vec<i32>) {
        (rows, job.optimizer(step).terms().iter().map(Term::shift).collect())
    }

    #[test]
    fn kinds_of_steps_are_those_of_all_steps() {
        let sizes =
            [(341, 128, 2, None), (341, 128, 9, Some(23)), (256, 128, 40, None), (5, 7, 1, None), (7, 7, 3, Some(2))];
        for (rows, batch, epochs, steps) in sizes {
            for (schedule, accumulate) in SCHEDULES.into_iter().flat_map(|s| [1, 2, 5].map(|n| (s, n))) {
                let owners = vec![Owned { train: rows, test: 10 }];
                let settings = job().settings.batch(batch).epochs(epochs).schedule(schedule).accumulate(accumulate);
                let job = Job { owners, steps, settings: settings.weight_decay(1e-3), ..job() };
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
            let long = Job { settings: job().settings.epochs(u32::MAX).schedule(schedule), ..job() };
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
            let settings = job().settings.epochs(30).schedule(schedule).accumulate(2).weight_decay(5e-4);
            let job = Job { settings: settings.learning_rate(0.125), ..job() };
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
                let want = (job.rate().value() * law(step)).max(f64::exp2(-30.0));
                let rate = now.step.rate.value();
                assert!(near(rate, want), "{schedule}, step {step}: {}, not {want}", now.step.rate);
                let before = job.optimizer(step.saturating_sub(1)).step.rate.value();
                let factors = ["gradient", "velocity", "decayed"].map(|what| now.factor(what).unwrap());
                let wants = [rate, job.momentum().value() * rate / before, 5e-4 * rate * 256.0];
                assert!(
                    factors.into_iter().zip(wants).all(|(f, w)| near(f, w)),
                    "{schedule}, step {step}: {factors:?}"
                );
            }
        }
        // what changes nothing costs nothing
        let plain = Job { settings: job().settings.momentum(0.0).schedule(Schedule::Constant), ..job() };
        let update = plain.optimizer(3);
        assert_eq!((update.terms().len(), update.kept()), (1, 0));
        assert_eq!(update.factor("gradient"), Some(plain.rate().value()));
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
        let still = Job { settings: job.settings.clone().shuffle(false), ..job.clone() };
        assert_eq!(still.batches(2).concat(), (0..341).collect::<Vec<_>>());
    }
}
