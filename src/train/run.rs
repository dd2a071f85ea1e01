//! The training loop: one program for servers, dealer, reference and plan.

use crate::error::{Error, Result};
use crate::fixed::MASTER_BITS;
use crate::gates::Engine;
use crate::nn::{Counted, DropoutMasks, Network, RangeWatch, STEPS_AT_ONCE, Samples, Update};
use crate::party::{
    Figure, Interpreter, Over, Plan, PlannedSet, Revealed, RunPhase, RunState, Scaled, Set, SetShape, Verdict,
};
use crate::train::{Job, StepKind};

/// Trains the job's network, from its first step or from a checkpoint; reveals what the job lists. The model is the last one, or in a
/// job with an early stop the best by the accuracy, or the squared error of a regression, that the trainer saw, and the figures are
/// its; there are none if the trainer ended the run before the step from which on the job lets it, and no figures of a model that was
/// not evaluated.
pub fn train<E: Engine>(e: &mut E, job: &Job) -> Result<()> {
    let watch = job.reveal.ranges.then(|| RangeWatch::new(job.seed));
    let net = Network::new(e, &job.model)?.with_class_weights(job.class_weights());
    let mut run = Run { job, net, watch, step: 0, best: None, figures: Vec::new() };
    let resumed = e.take_resumed().map(|state| run.resume(state)).transpose()?.flatten();
    if resumed.is_none() {
        let over = run.train(e)?;
        e.enter_phase(RunPhase::Setup);
        if over == Over::Ended && run.step < job.ends_from {
            return Ok(());
        }
        e.close(&run.state(&run.net.state(), Some(over)))?;
    }
    e.enter_phase(RunPhase::Setup);
    for (figure, sums) in &run.figures {
        e.reveal(Revealed::Figure(*figure), sums)?;
    }
    if job.reveal.model {
        let model = run.best.map_or_else(|| run.net.parameters(e), Ok)?;
        reveal_model(e, &model)?;
    }
    Ok(())
}

/// A job that is being trained.
struct Run<'a, E: Engine> {
    job: &'a Job,
    net: Network<E>,
    watch: Option<RangeWatch<E>>,
    /// Steps done.
    step: u64,
    /// The best model so far, if the job has an early stop and reveals a model.
    best: Option<Vec<E::Share>>,
    /// The figures of the last model, or of the best so far.
    figures: Vec<(Figure, E::Share)>,
}

impl<E: Engine> Run<'_, E> {
    /// Does the steps that are left, and evaluates every epoch.
    fn train(&mut self, e: &mut E) -> Result<Over> {
        let job = self.job;
        for epoch in job.epoch_of(self.step + 1)..=job.settings.epochs {
            if !self.train_epoch(e, epoch)? {
                return Ok(Over::Ended);
            }
            if !self.evaluate_epoch(e, epoch)? || self.step == job.total_steps() {
                break;
            }
            self.keep(e)?;
        }
        Ok(Over::Complete)
    }

    /// Resumes from a state of this job; whether no step is left.
    fn resume(&mut self, state: RunState<E::Share>) -> Result<Option<Over>> {
        let RunState { step, network, counts, best, figures, over } = state;
        let last = self.job.total_steps() - u64::from(over.is_none());
        if step > last || !fit(self.job, counts.as_ref(), best.as_ref(), &figures) {
            return Err(Error::Usage("the checkpoint is of another job".into()));
        }
        let kept = if step > 0 { self.job.optimizer(step).kept() } else { 0 };
        self.net.resume(network, kept)?;
        if let Some(watch) = &mut self.watch {
            watch.resume(counts);
        }
        (self.step, self.best, self.figures) = (step, best, figures);
        Ok(over)
    }

    /// Writes a checkpoint, if one is due.
    fn keep(&self, e: &mut E) -> Result<()> {
        debug_assert!(self.watch.as_ref().is_none_or(RangeWatch::is_settled), "no samples wait to be counted");
        if !e.is_checkpoint_due(self.step)? {
            return Ok(());
        }
        e.checkpoint(&self.state(&self.net.state(), None))
    }

    /// What the run carries from one step to the next.
    fn state<'s>(&'s self, network: &'s [E::Share], over: Option<Over>) -> RunState<&'s E::Share> {
        let counts = self.watch.as_ref().and_then(RangeWatch::kept_counts);
        let best = self.best.as_ref().map(|best| best.iter().collect());
        let figures = self.figures.iter().map(|(figure, x)| (*figure, x)).collect();
        RunState { step: self.step, network: network.iter().collect(), counts, best, figures, over }
    }

    /// Trains an epoch, or what the job has left of it, and reveals the counts of values out of range; false if the trainer ended
    /// the run.
    fn train_epoch(&mut self, e: &mut E, epoch: u32) -> Result<bool> {
        let (job, total) = (self.job, self.job.total_steps());
        e.enter_phase(RunPhase::Step);
        let done = self.step % job.steps_per_epoch();
        let done = usize::try_from(done).expect("an epoch has no more steps than rows");
        for batches in job.batches(epoch).chunks(job.settings.accumulate as usize).skip(done) {
            if self.step == total {
                break;
            }
            self.next_step(e, batches)?;
            if !e.step_done(self.step)? && self.step < total {
                // what is counted so far; a dealer that is dismissed deals for no more
                let counted = self.watch.as_mut().and_then(RangeWatch::counted).filter(|_| self.step >= job.ends_from);
                counted.map_or(Ok(()), |counts| e.reveal(Revealed::OutOfRange { epoch }, &counts))?;
                return Ok(false);
            }
            let within = self.step % job.steps_per_epoch();
            // where nothing of the epoch waits to be counted; at its end, after the evaluation
            if within > 0 && within.is_multiple_of(STEPS_AT_ONCE) && self.step < total {
                self.keep(e)?;
            }
        }
        if let Some(watch) = &mut self.watch
            && let Some(counts) = watch.counts(e)?
        {
            e.reveal(Revealed::OutOfRange { epoch }, &counts)?;
        }
        Ok(true)
    }

    /// The next step, and what the watch counts after it.
    fn next_step(&mut self, e: &mut E, batches: &[Vec<u32>]) -> Result<()> {
        let (job, step, watch) = (self.job, self.step, &mut self.watch);
        let first = step * u64::from(job.settings.accumulate);
        let update = job.optimizer(step);
        e.begin(step + 1)?;
        if let Some(watch) = watch {
            watch.begin(step);
        }
        let coins = |batch| DropoutMasks::new(job.seed, first + batch);
        one_step(e, &mut self.net, batches, &update, coins, watch.as_mut())
            .and_then(|()| watch.as_mut().map_or(Ok(()), |watch| watch.count_in_turn(e)))
            .map_err(|err| err.at(format!("step {}", step + 1)))?;
        self.step += 1;
        Ok(())
    }

    /// Reveals the accuracy and the squared error after an epoch, and counts the other figures; false if the early stop ends the run.
    fn evaluate_epoch(&mut self, e: &mut E, epoch: u32) -> Result<bool> {
        let (job, figures) = (self.job, self.job.figures_after(epoch));
        if !job.reveal.accuracy && figures.is_empty() {
            return Ok(true);
        }
        e.enter_phase(RunPhase::Evaluation);
        let counted = evaluate(e, job, &mut self.net, &figures)
            .map_err(|err| err.at(format!("evaluation after epoch {epoch}")))?;
        counted.hits.map_or(Ok(()), |hits| e.reveal(Revealed::Hits { epoch }, &hits))?;
        let mut sums: Vec<(Figure, E::Share)> = figures.into_iter().zip(counted.figures).collect();
        if let Some(at) = sums.iter().position(|(figure, _)| *figure == Figure::SquaredError) {
            e.reveal(Revealed::SquaredError { epoch }, &sums.remove(at).1)?;
        }
        let stops = job.settings.early_stop().is_some();
        let verdict = if stops { e.judge(epoch)? } else { Verdict { goes_on: true, best: true } };
        if verdict.best {
            self.figures = sums;
        }
        if verdict.best && stops && job.reveal.model {
            self.best = Some(self.net.parameters(e)?);
        }
        Ok(verdict.goes_on)
    }
}

/// Whether what is kept beside the network is of a job: another party may say what it is.
fn fit<S: Scaled>(job: &Job, counts: Option<&S>, best: Option<&Vec<S>>, figures: &[(Figure, S)]) -> bool {
    let small = |x: &S| x.bits() <= MASTER_BITS && x.frac() <= MASTER_BITS;
    let counts = counts.is_none_or(|x| small(x) && job.reveal.ranges && x.shape().len() == job.model.watched().len());
    let shapes = job.model.parameters();
    let best = best.is_none_or(|all| all.iter().all(small) && all.iter().map(Scaled::shape).eq(&shapes));
    let figures = figures.iter().all(|(figure, x)| small(x) && x.shape().len() == figure.numbers(job));
    counts && best && figures
}

/// One update, by the gradients of one batch or the sum of several. Weights are opened once: they are the same for all batches.
fn one_step<E: Engine>(
    e: &mut E,
    net: &mut Network<E>,
    batches: &[Vec<u32>],
    update: &Update,
    coins: impl Fn(u64) -> DropoutMasks,
    mut watch: Option<&mut RangeWatch<E>>,
) -> Result<()> {
    let weights = net.open_weights(e)?;
    let mut sum = None;
    for (number, batch) in (0..).zip(batches) {
        // the first batch stands for the step
        add_gradients(e, net, batch, &weights, &coins(number), &mut sum, watch.take())?;
    }
    net.update(e, sum.expect("a step has a batch"), update)
}

/// Adds the gradients of a batch.
fn add_gradients<E: Engine>(
    e: &mut E,
    net: &mut Network<E>,
    batch: &[u32],
    weights: &[E::Wire],
    coins: &DropoutMasks,
    sum: &mut Option<Vec<E::Share>>,
    watch: Option<&mut RangeWatch<E>>,
) -> Result<()> {
    e.scope("rows");
    let x = e.rows(Set::TrainFeatures, batch)?;
    let labels = e.rows(Set::TrainLabels, batch)?;
    let gradients = net.gradients(e, x, &labels, weights, coins, watch)?;
    e.scope("update");
    *sum = Some(match sum.take() {
        Some(sum) => sum.iter().zip(&gradients).map(|(s, g)| e.add_products(s, g)).collect::<Result<_>>()?,
        None => gradients,
    });
    Ok(())
}

/// Counts on all test rows what the job reveals after an epoch: the rows that the network classifies right, and `figures`.
pub fn evaluate<E: Engine>(e: &mut E, job: &Job, net: &mut Network<E>, figures: &[Figure]) -> Result<Counted<E>> {
    let weights = net.open_weights(e)?;
    let rows: Vec<u32> = (0..job.test_rows()).collect();
    let mut sum: Option<Counted<E>> = None;
    for batch in rows.chunks(evaluation_batch(job) as usize) {
        let counted = evaluate_batch(e, job, (net, &weights), batch, figures)?;
        sum = Some(match sum {
            Some(sum) => sum.add(e, &counted)?,
            None => counted,
        });
        e.scored(batch[batch.len() - 1] + 1, job.test_rows())?;
    }
    Ok(sum.expect("a job that reveals something of test rows has some"))
}

/// Rows that are evaluated at once: fewer rounds, more memory. As many as take `MOST_EVALUATED` values in the widest layer.
fn evaluation_batch(job: &Job) -> u32 {
    let widest = job.model.widest().max(1);
    u32::try_from(MOST_EVALUATED / widest).map_or(1000, |rows| rows.clamp(1, 1000))
}

/// Values of a layer that are evaluated at once.
const MOST_EVALUATED: usize = 1 << 22;

fn evaluate_batch<E: Engine>(
    e: &mut E,
    job: &Job,
    (net, weights): (&mut Network<E>, &[E::Wire]),
    batch: &[u32],
    figures: &[Figure],
) -> Result<Counted<E>> {
    e.scope("rows");
    let x = e.rows(Set::TestFeatures, batch)?;
    let labels = e.rows(Set::TestLabels, batch)?;
    let logits = net.forward(e, x, weights, None, None)?;
    Counted::of(e, &job.model, (&logits, &labels), job.reveal.accuracy, figures)
}

fn reveal_model<E: Engine>(e: &mut E, parameters: &[E::Share]) -> Result<()> {
    (0..).zip(parameters).try_for_each(|(index, share)| e.reveal(Revealed::Parameter { index }, share))
}

/// Counts what a job costs, without data: walks one step, and one batch of test rows, of every kind.
pub fn plan(job: &Job) -> Result<Plan> {
    let mut plan = Plan::new(&job.settings.profile, &planned_sets(job))?;
    plan.set_parameters(&job.model.parameters())?;
    let mut net = Network::new(&mut plan, &job.model)?.with_class_weights(job.class_weights());
    plan.enter_phase(RunPhase::Step);
    let mut watch = job.reveal.ranges.then(|| RangeWatch::new(job.seed));
    // of a whole step and of the last of an epoch
    let mut samples = Vec::new();
    for kind in job.kinds_of_steps() {
        plan.times(kind.times, |plan| plan_step(plan, job, &mut net, kind, watch.as_mut()))?;
        samples.extend(watch.as_mut().map(|watch| (kind.rows, watch.take())));
    }
    if let Some(watch) = &mut watch {
        plan_ranges(&mut plan, job, watch, &samples)?;
    }
    plan.enter_phase(RunPhase::Evaluation);
    let all = job.evaluations();
    // all but the last, and that
    let last = job.epochs_begun();
    plan.times(all.saturating_sub(1).into(), |plan| plan_evaluation(plan, job, &mut net, &job.figures_after(0)))?;
    plan.times(all.min(1).into(), |plan| plan_evaluation(plan, job, &mut net, &job.figures_after(last)))?;
    plan.enter_phase(RunPhase::Setup);
    if job.reveal.model {
        let model = net.parameters(&mut plan)?;
        reveal_model(&mut plan, &model)?;
    }
    Ok(plan)
}

/// [`one_step`], of all batches of one size two.
fn plan_step(
    plan: &mut Plan,
    job: &Job,
    net: &mut Network<Plan>,
    kind: StepKind,
    mut watch: Option<&mut RangeWatch<Plan>>,
) -> Result<()> {
    let weights = net.open_weights(plan)?;
    let (full, rest) = (kind.rows / job.settings.batch, kind.rows % job.settings.batch);
    let mut sum = None;
    let first = full.min(1);
    if let Some(watch) = &mut watch {
        watch.begin(kind.step);
    }
    for (rows, times) in [(job.settings.batch, first), (job.settings.batch, full - first), (rest, u32::from(rest > 0))]
    {
        plan.times(times.into(), |plan| {
            let batch = spread(rows, job.train_rows());
            add_gradients(plan, net, &batch, &weights, &DropoutMasks::new(job.seed, 0), &mut sum, watch.take())
        })?;
    }
    net.update(plan, sum.expect("a step has a batch"), &job.optimizer(kind.step))
}

/// The counts of values that are out of range: those of [`STEPS_AT_ONCE`] steps, and those that an epoch ends with. `samples`
/// are those of steps of the given number of rows.
fn plan_ranges(
    plan: &mut Plan,
    job: &Job,
    watch: &mut RangeWatch<Plan>,
    samples: &[(u32, Samples<<Plan as Interpreter>::Wire>)],
) -> Result<()> {
    let (total, every) = (job.total_steps(), job.steps_per_epoch());
    let rows = samples.iter().map(|(rows, _)| *rows);
    let (whole, last) = (rows.clone().max().unwrap_or(0), rows.min().unwrap_or(0));
    let of = |rows| samples.iter().find(|(r, _)| *r == rows).map(|(_, samples)| samples);
    let mut plan_count = |plan: &mut Plan, steps: u64, ends: bool, times: u64| {
        if steps == 0 || times == 0 {
            return Ok(());
        }
        for step in 1..=steps {
            let samples = of(if ends && step == steps { last } else { whole });
            watch.put(plan, samples.expect("a step of every kind is planned"))?;
        }
        plan.times(times, |plan| watch.counts(plan).map(drop))
    };
    let (epochs, rest) = (total / every, total % every);
    let in_turn = |steps: u64| steps.saturating_sub(1) / STEPS_AT_ONCE;
    plan_count(plan, STEPS_AT_ONCE, false, epochs * in_turn(every) + in_turn(rest))?;
    plan_count(plan, every - in_turn(every) * STEPS_AT_ONCE, true, epochs)?;
    plan_count(plan, rest - in_turn(rest) * STEPS_AT_ONCE, false, u64::from(rest > 0))
}

/// [`evaluate`], one batch of each size.
fn plan_evaluation(plan: &mut Plan, job: &Job, net: &mut Network<Plan>, figures: &[Figure]) -> Result<()> {
    let weights = net.open_weights(plan)?;
    let (rows, batch) = (job.test_rows(), evaluation_batch(job));
    for (rows_at_once, times) in [(batch.min(rows), rows / batch), (rows % batch, u32::from(rows % batch > 0))] {
        let rows = spread(rows_at_once, rows);
        plan.times(times.into(), |plan| evaluate_batch(plan, job, (net, &weights), &rows, figures).map(drop))?;
    }
    Ok(())
}

/// `rows` row numbers, spread evenly over `all` rows, as over all owners.
#[expect(clippy::cast_possible_truncation, reason = "below the number of rows")]
fn spread(rows: u32, all: u32) -> Vec<u32> {
    (0..u64::from(rows)).map(|i| (i * u64::from(all) / u64::from(rows)) as u32).collect()
}

/// The job's data sets, for a plan.
pub(super) fn planned_sets(job: &Job) -> Vec<PlannedSet> {
    let owned = |set: Set| job.owners.iter().map(|o| if set.is_train() { o.train } else { o.test }).collect();
    set_shapes(job).into_iter().map(|(set, shape)| (set, shape, owned(set))).collect()
}

/// Layouts of the job's data sets.
pub fn set_shapes(job: &Job) -> Vec<(Set, SetShape)> {
    let cols = |set: Set| if set.is_features() { job.model.features() } else { job.model.outputs() };
    Set::ALL.map(|set| (set, SetShape { cols: cols(set), bits: job.settings.profile.ring })).to_vec()
}
