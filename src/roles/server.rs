//! A server, from the job to its report.

use std::sync::Arc;

use crate::backend::Backend;
use crate::error::Result;
use crate::net::{Channel, Presence};
use crate::party::{RunPhase, Server, dismiss_dealer};
use crate::roles::agreement::Parties;
use crate::roles::connect::{BrokenOff, Connect, Connector};
use crate::roles::event::PartyReport;
use crate::roles::frame_limit;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::messages::{StatusUpdate, receive_order};
use crate::roles::planned_cost::plan_summary;
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::server_setup::{Order, set_up};
use crate::roles::start::{await_start, dismiss_owners};
use crate::roles::state::{Kept, StateFolder, forget};
use crate::roles::trainer_link::Trainer;
use crate::train::{Job, train};

/// A server's links.
pub struct ServerLinks {
    /// To the trainer.
    pub trainer: Box<dyn Channel>,
    /// Finds the others, once the job says who they are.
    pub meet: Connect,
    /// Who takes part.
    pub parties: Parties,
    /// How the others notice this party.
    pub presence: Presence,
    /// How much memory a job may take.
    pub memory: MemoryLimit,
    /// Where its state is kept; `None` if a job that breaks off cannot resume.
    pub state: Option<StateFolder>,
}

/// Runs server `id` through one job.
///
/// # Errors
/// The reason why the job ended; it is also reported to the trainer.
pub fn run_server(id: u8, links: ServerLinks, backend: Arc<dyn Backend>) -> std::result::Result<(), BrokenOff> {
    let ServerLinks { trainer, meet, parties, presence, memory, state } = links;
    let trainer = Trainer::new(trainer, &presence);
    let (mut training, mut kept) = (false, None);
    let run = || {
        let (job, agreement, resume) = trainer.with(|t| receive_order(t, &parties))?;
        kept = state.map(|state| Kept { state: state.job(&agreement), resumes: resume.is_some() });
        let largest = memory.check(&job, |role| role == format!("server{id}"))?;
        trainer.with(|t| t.set_max_frame(frame_limit::of_parameters(&job.model)));
        let connector = Connector { meet, presence: &presence, trainer: &trainer };
        let (seal, state) = (parties.sealing_key(), kept.as_ref().map(|kept| &kept.state));
        let order = Order { job: &job, agreement: &agreement, largest, seal, resume, state };
        let (mut server, owners) = set_up(id, &order, connector, backend)?;
        await_start(&trainer, &job)?;
        training = true;
        dismiss_owners(owners);
        train(&mut server, &job)?;
        let ended = server.last_step().filter(|step| *step < job.total_steps());
        if let Some(step) = ended {
            trainer.tell(&StatusUpdate::Ended { step })?;
        }
        let (report, session) = (report(&server), server.session.number());
        if let Some(mut links) = server.into_links() {
            if ended.is_some() && id == 1 {
                dismiss_dealer(&mut *links.dealer, session, dealt_ahead(&job)?);
            }
            links.peer.flush()?;
        }
        Ok(report)
    };
    let ended = run();
    let ended = trainer.close(&format!("server {id}"), ended);
    let over = if ended.is_ok() { trainer.is_done() } else { !training };
    forget(kept, ended.is_ok(), over);
    ended.map_err(|why| BrokenOff { why, training })
}

/// Bytes that the dealer may have sent, or still send, when it hears that no step follows: what waits at both ends and on the
/// way, and two steps with the evaluations between them.
fn dealt_ahead(job: &Job) -> Result<u64> {
    let plan = plan_summary(job, "")?;
    let dealt = 2.0 * (plan.bytes_per_step.dealer_to_server1 + plan.bytes_per_evaluation.dealer_to_server1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of a job that fits into memory")]
    let dealt = dealt as u64;
    Ok(dealt.saturating_add(ON_THE_WAY))
}

/// Bytes of corrections that wait at a server; as many wait at the dealer before it pauses.
pub(crate) const AHEAD: u64 = 16 << 20;

/// Bytes that wait for server 1, generously: two queues, and the buffers of the system.
const ON_THE_WAY: u64 = 8 * AHEAD;

pub(crate) fn report(server: &Server) -> PartyReport {
    PartyReport {
        role: format!("server{}", server.id()),
        backend: server.device().backend().name(),
        steps: server.session.stats(RunPhase::Step),
        evaluation: server.session.stats(RunPhase::Evaluation),
        setup: server.session.stats(RunPhase::Setup),
        step_times: server.step_times(),
        peak_rss_mib: peak_rss_mib(),
        cpu_seconds: cpu_seconds(),
    }
}
