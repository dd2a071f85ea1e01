//! The program of private predictions, for servers, dealer, reference and plan.

use crate::error::Result;
use crate::gates::{Engine, MOST_COMPARED, OpenRequest};
use crate::nn::{Network, class_of_many};
use crate::party::{Plan, Revealed, RunPhase, Scaled, Set, SetShape};
use crate::prediction::{AnswerKind, PredictionJob};

/// Answers the requests of a job, one after the other; whether it answered all. `next` makes sure that the rows of a request are
/// there; false if there is none any more.
///
/// # Errors
/// See [`Engine`](Engine#errors); those of `next`.
pub fn predict<E: Engine>(
    e: &mut E,
    job: &PredictionJob,
    mut next: impl FnMut(&mut E, u32) -> Result<bool>,
) -> Result<bool> {
    e.enter_phase(RunPhase::Setup);
    let mut net = Network::new(e, &job.card.model)?;
    // once for all requests: they are the same
    let weights = if job.card.public_model { net.public_weights(e)? } else { net.open_weights(e)? };
    for request in 0..job.requests {
        // the time until a client asks is none of the answers'
        e.enter_phase(RunPhase::Setup);
        if !next(e, request)? {
            return Ok(false);
        }
        e.enter_phase(RunPhase::Step);
        let step = u64::from(request) + 1;
        e.begin(step)?;
        answer(e, &mut net, &weights, job, request).map_err(|err| err.at(format!("request {step}")))?;
        e.step_done(step)?;
    }
    e.enter_phase(RunPhase::Setup);
    Ok(true)
}

/// Answers one request.
fn answer<E: Engine>(
    e: &mut E,
    net: &mut Network<E>,
    weights: &[E::Wire],
    job: &PredictionJob,
    request: u32,
) -> Result<()> {
    e.scope("rows");
    let first = request * job.batch;
    let x = e.rows(Set::TestFeatures, &(first..first + job.batch).collect::<Vec<_>>())?;
    let z = net.forward(e, x, weights, None, None)?;
    e.scope("answers");
    let (what, p) = (Revealed::Answers { request }, *e.profile());
    match job.answers {
        AnswerKind::Values => e.reveal(what, &z),
        AnswerKind::Probabilities => {
            let probabilities = job.card.model.loss().prediction(e, &z)?;
            e.reveal(what, &probabilities)
        }
        AnswerKind::Class => {
            let [z] = e.open([OpenRequest::product(&z, &p)])?;
            if job.card.model.decides_by_sign() {
                let [decided] = e.at_least(&z, p.argmax_window(), [0])?;
                return e.reveal_bits(what, &decided);
            }
            if z.shape().matrix().1 > MOST_COMPARED {
                let class = class_of_many(e, z)?;
                return e.reveal(what, &class);
            }
            let won = e.winner(&z, p.argmax_window())?;
            e.reveal_bits(what, &won)
        }
    }
}

/// The layout of a client's rows.
pub fn row_shape(job: &PredictionJob) -> SetShape {
    SetShape { cols: job.card.model.features(), bits: job.card.profile.ring }
}

/// Counts what the set-up of a job and one request cost, without data.
///
/// # Errors
/// As [`predict`].
pub fn plan(job: &PredictionJob) -> Result<Plan> {
    let job = PredictionJob { requests: 1, ..job.clone() };
    let mut plan = Plan::new(&job.card.profile, &[(Set::TestFeatures, row_shape(&job), vec![job.batch])])?;
    plan.set_parameters(&job.card.model.parameters())?;
    predict(&mut plan, &job, |_, _| Ok(true))?;
    Ok(plan)
}
