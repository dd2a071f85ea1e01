//! The training loop: one program for servers, dealer, reference and plan.

use crate::engine::Engine;
use crate::error::Result;
use crate::nn::{Network, Sgd, hits};
use crate::party::{Plan, Revealed, Section, Set, SetShape};
use crate::train::Job;

/// Trains the job's network; reveals what the job lists.
///
/// # Errors
/// What the engine says, with the place.
pub fn train<E: Engine>(e: &mut E, job: &Job) -> Result<()> {
    let mut net = Network::new(e, &job.model)?;
    let total = job.total_steps();
    let (mut step, mut halved) = (0, 0);
    for epoch in 1..=job.epochs {
        e.section(Section::Step);
        for batch in job.batches(epoch) {
            if step == total {
                break;
            }
            let halvings = job.schedule.halvings(step, total);
            let sgd = Sgd { rate: job.rate.halved(halvings), momentum: job.momentum, halvings: halvings - halved };
            halved = halvings;
            e.scope("rows");
            let x = e.rows(Set::TrainFeatures, &batch).map_err(|err| err.at(format!("epoch {epoch}")))?;
            let labels = e.rows(Set::TrainLabels, &batch)?;
            net.step(e, x, &labels, &sgd).map_err(|err| err.at(format!("step {}", step + 1)))?;
            step += 1;
            e.tick(step)?;
        }
        if job.reveal.accuracy {
            e.section(Section::Evaluation);
            let hits = evaluate(e, job, &mut net).map_err(|err| err.at(format!("evaluation after epoch {epoch}")))?;
            e.reveal(Revealed::Hits { epoch }, &hits)?;
        }
        if step == total {
            break;
        }
    }
    e.section(Section::Setup);
    if job.reveal.model {
        for (index, share) in (0..).zip(net.parameters(e)?) {
            e.reveal(Revealed::Parameter { index }, &share)?;
        }
    }
    Ok(())
}

/// Counts the test rows that the network classifies right; a share scaled by `2^frac`.
///
/// # Errors
/// What the engine says.
pub fn evaluate<E: Engine>(e: &mut E, job: &Job, net: &mut Network<E>) -> Result<E::Share> {
    let weights = net.open_weights(e)?;
    let rows: Vec<u32> = (0..job.test_rows()).collect();
    let mut sum = None;
    for batch in rows.chunks(EVALUATION_BATCH) {
        e.scope("rows");
        let x = e.rows(Set::TestFeatures, batch)?;
        let labels = e.rows(Set::TestLabels, batch)?;
        let logits = net.forward(e, x, &weights, false)?;
        e.scope("hits");
        let right = hits(e, &logits, &labels)?;
        sum = Some(match sum {
            Some(sum) => e.combine(&sum, &right, 1, 1)?,
            None => right,
        });
    }
    Ok(sum.expect("a job that reveals accuracy has test rows"))
}

/// Rows that are evaluated at once: fewer rounds, more memory.
const EVALUATION_BATCH: usize = 1000;

/// Counts what a job costs, without data.
///
/// # Errors
/// None in practice.
pub fn plan(job: &Job) -> Result<Plan> {
    let mut plan = Plan::new(&job.profile, &set_shapes(job))?;
    train(&mut plan, job)?;
    Ok(plan)
}

/// Layouts of the job's data sets.
pub fn set_shapes(job: &Job) -> Vec<(Set, SetShape)> {
    let cols = |set: Set| if set.is_features() { job.model.features() } else { job.model.classes() };
    Set::ALL.map(|set| (set, SetShape { cols: cols(set), bits: job.profile.ring })).to_vec()
}
