//! The dealer, from the job to its report. It sees no data: seeds of masks, shapes, the order of the rows.

use std::sync::Arc;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, Phase, Presence, Role};
use crate::party::{Dealer, RowMasks, RunPhase};
use crate::prg::Seed;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::connect::{BrokenOff, Connect, Connector};
use crate::roles::consent::hear_consent;
use crate::roles::event::PartyReport;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::messages::{receive_message, receive_order, send_message};
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::seeds::deal_session_seed;
use crate::roles::server::{Trainer, heartbeat, judge, scores};
use crate::roles::start::await_start;
use crate::roles::wait_limits;
use crate::tensor::Device;
use crate::train::{Job, set_shapes, train};

/// The dealer's links.
pub struct DealerLinks {
    /// To the trainer.
    pub trainer: Box<dyn Channel>,
    /// Finds the others, once the job says who they are.
    pub meet: Connect,
    /// How the others notice this party.
    pub presence: Presence,
    /// Who takes part.
    pub parties: Parties,
    /// How much memory a job may take.
    pub memory: MemoryLimit,
}

/// Runs the dealer through one job.
///
/// # Errors
/// The reason why the job ended; it is also reported to the trainer.
pub fn run_dealer(links: DealerLinks, backend: Arc<dyn Backend>) -> std::result::Result<(), BrokenOff> {
    let DealerLinks { trainer, meet, presence, parties, memory } = links;
    let trainer = Trainer::new(trainer, &presence);
    let mut training = false;
    let run = || {
        let (job, agreement) = trainer.with(|t| receive_order(t, &parties))?;
        memory.check(&job, |role| role == "dealer")?;
        let connector = Connector { meet, presence: &presence, trainer: &trainer };
        let mut dealer = set_up((&job, &agreement), connector, backend)?;
        await_start(&trainer, &job)?;
        training = true;
        train(&mut dealer, &job)?;
        let report = report(&dealer);
        if let Some(mut link) = dealer.into_link() {
            link.flush()?;
        }
        Ok(report)
    };
    let ended = run();
    trainer.close("dealer", ended).map_err(|why| BrokenOff { why, training })
}

/// All that comes before training: the session and the seeds of the owners' masks.
fn set_up(
    (job, agreement): (&Job, &Agreement),
    mut connector: Connector<'_>,
    backend: Arc<dyn Backend>,
) -> Result<Dealer> {
    let device = Device::new(backend, job.settings.profile.ring).with_pulse(connector.presence.pulse().clone());
    let session = session_number()?;
    let (mut servers, mut seeds) = (Vec::with_capacity(2), Vec::with_capacity(2));
    for id in 0..2 {
        let mut link = connector.with(Role::Server(id), Phase::SET_UP)?;
        seeds.push(deal_session_seed(id, &mut *link, agreement, session, Seed::fresh()?)?);
        servers.push(link);
    }
    let mut masks: Vec<_> = set_shapes(job).into_iter().map(|(set, shape)| (set, RowMasks::new(set, shape))).collect();
    for (number, owned) in (0..).zip(&job.owners) {
        let mut link = connector.with(Role::Owner(number), wait_limits::for_owner(job, number))?;
        send_message(&mut *link, FrameKind::Agree, agreement)?;
        hear_consent(&mut *link, None)?;
        let seeds: [Seed; 2] = receive_message(&mut *link, FrameKind::Seed, "the seeds of its masks")?;
        for (set, masks) in &mut masks {
            let count = if set.is_train() { owned.train } else { owned.test };
            masks.push(&device, count, &[&seeds[0], &seeds[1]])?;
        }
    }
    let one = servers.pop().ok_or_else(|| Error::peer("server 1", "is not connected"))?;
    let mut dealer = Dealer::new(device, job.settings.profile, session, [&seeds[0], &seeds[1]], Some(one))?;
    for (set, masks) in masks {
        dealer.set_rows(set, masks);
    }
    dealer.session.observe(heartbeat(connector.trainer, job));
    dealer.session.observe_scores(scores(connector.trainer));
    // it asks when it has run ahead of the servers
    dealer.session.set_judge(judge(connector.trainer, Phase::STEP));
    Ok(dealer)
}

pub(crate) fn report(dealer: &Dealer) -> PartyReport {
    PartyReport {
        role: "dealer".into(),
        backend: dealer.device().backend().name(),
        steps: dealer.session.stats(RunPhase::Step),
        evaluation: dealer.session.stats(RunPhase::Evaluation),
        setup: dealer.session.stats(RunPhase::Setup),
        step_times: Vec::new(),
        peak_rss_mib: peak_rss_mib(),
        cpu_seconds: cpu_seconds(),
    }
}

/// A number that no other session has.
pub(crate) fn session_number() -> Result<u64> {
    let seed = Seed::fresh()?;
    let mut number = [0; 8];
    number.copy_from_slice(&blake3::hash(seed.bytes()).as_bytes()[..8]);
    Ok(u64::from_le_bytes(number))
}
