//! The dealer, from the job to its report. It sees no data: seeds of masks, shapes, the order of the rows.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, Phase, Presence, Role};
use crate::party::{Dealer, RowMasks, RunPhase, RunState, ValueShape};
use crate::prg::Seed;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::connect::{BrokenOff, Connect, Connector};
use crate::roles::consent::hear_consent;
use crate::roles::event::PartyReport;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::messages::{Resume, StatusUpdate, receive_message, receive_order, send_message};
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::seeds::deal_session_seed;
use crate::roles::start::await_start;
use crate::roles::state::{JobState, Kept, StateFolder, forget};
use crate::roles::trainer_link::{Trainer, heartbeat, judge, scores};
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
    /// Where its state is kept; `None` if a job that breaks off cannot resume.
    pub state: Option<StateFolder>,
}

/// Runs the dealer through one job.
///
/// # Errors
/// The reason why the job ended; it is also reported to the trainer.
pub fn run_dealer(links: DealerLinks, backend: Arc<dyn Backend>) -> std::result::Result<(), BrokenOff> {
    let DealerLinks { trainer, meet, presence, parties, memory, state } = links;
    let trainer = Trainer::new(trainer, &presence);
    let (mut training, mut kept) = (false, None);
    let run = || {
        let (job, agreement, resume) = trainer.with(|t| receive_order(t, &parties))?;
        memory.check(&job, |role| role == "dealer")?;
        kept = state.map(|state| Kept { state: state.job(&agreement), resumes: resume.is_some() });
        let state = kept.as_ref().map(|kept| &kept.state);
        let connector = Connector { meet, presence: &presence, trainer: &trainer };
        let mut dealer = set_up((&job, &agreement), (resume, state), connector, backend)?;
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
    let ended = trainer.close("dealer", ended);
    let over = if ended.is_ok() { trainer.is_done() } else { !training };
    forget(kept, ended.is_ok(), over);
    ended.map_err(|why| BrokenOff { why, training })
}

/// All that comes before training: the session and the seeds of the owners' masks.
fn set_up(
    (job, agreement): (&Job, &Agreement),
    (resume, state): (Option<Resume>, Option<&JobState>),
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
    let outline = resume.map(|_| hear_outline(&mut servers)).transpose()?.flatten();
    let owners = match (resume, state) {
        (Some(Resume { owners: false, .. }), state) => kept_seeds(job, state)?,
        _ => take_seeds((job, agreement), state, &mut connector)?,
    };
    let mut masks: Vec<_> = set_shapes(job).into_iter().map(|(set, shape)| (set, RowMasks::new(set, shape))).collect();
    for ([a, b], owned) in owners.iter().zip(&job.owners) {
        for (set, masks) in &mut masks {
            let count = if set.is_train() { owned.train } else { owned.test };
            masks.push(&device, count, &[a, b])?;
        }
    }
    let one = servers.pop().ok_or_else(|| Error::peer("server 1", "is not connected"))?;
    let mut dealer = Dealer::new(device, job.settings.profile, session, [&seeds[0], &seeds[1]], Some(one))?;
    for (set, masks) in masks {
        dealer.set_rows(set, masks);
    }
    if resume.is_some() {
        let step = outline.as_ref().map_or(0, |outline| outline.step);
        connector.trainer.tell(&StatusUpdate::Resumes { step })?;
    }
    outline.map_or(Ok(()), |outline| dealer.resume_from(&outline))?;
    dealer.session.observe(heartbeat(connector.trainer, job));
    dealer.session.observe_scores(scores(connector.trainer));
    // it asks when it has run ahead of the servers
    dealer.session.set_judge(judge(connector.trainer, Phase::STEP));
    Ok(dealer)
}

/// What the run resumes from, which both servers say; `None` if there is no checkpoint of both.
fn hear_outline(servers: &mut [Box<dyn Channel>]) -> Result<Option<RunState<ValueShape>>> {
    let mut hear = |server: &mut Box<dyn Channel>| -> Result<Option<RunState<ValueShape>>> {
        receive_message(&mut **server, FrameKind::Agree, "the checkpoint that the run resumes from")
    };
    let mut heard = servers.iter_mut().map(&mut hear).collect::<Result<Vec<_>>>()?;
    let (one, zero) = (heard.pop().flatten(), heard.pop().flatten());
    if zero == one { Ok(zero) } else { Err(Error::peer("the servers", "resume from different checkpoints")) }
}

/// Takes the seeds of all owners' masks, and keeps them where there is a state.
fn take_seeds(
    (job, agreement): (&Job, &Agreement),
    state: Option<&JobState>,
    connector: &mut Connector<'_>,
) -> Result<Vec<[Seed; 2]>> {
    state.map_or(Ok(()), JobState::renew)?;
    let mut keep = state.map(|state| state.keep_rows(Role::Dealer)).transpose()?.flatten();
    let mut all = Vec::with_capacity(job.owners.len());
    for number in (0..).take(job.owners.len()) {
        let mut link = connector.with(Role::Owner(number), wait_limits::for_owner(job, number))?;
        send_message(&mut *link, FrameKind::Agree, agreement)?;
        hear_consent(&mut *link, None)?;
        let seeds: [Seed; 2] = receive_message(&mut *link, FrameKind::Seed, "the seeds of its masks")?;
        if let Some(keep) = &mut keep {
            seeds.iter().try_for_each(|seed| keep.write(seed.bytes()))?;
        }
        all.push(seeds);
    }
    keep.map_or(Ok(()), |keep| keep.finish().map(drop))?;
    Ok(all)
}

/// The seeds that were kept when the job ran before.
fn kept_seeds(job: &Job, state: Option<&JobState>) -> Result<Vec<[Seed; 2]>> {
    let none = || Error::Usage("a job can only resume where the dealer keeps state; start it with --state DIR".into());
    let mut kept = state.ok_or_else(none)?.kept_rows(Role::Dealer)?;
    let mut next = || -> Result<Seed> {
        let mut seed = Zeroizing::new([0; 32]);
        kept.read(&mut *seed)?;
        Ok(Seed::from_bytes(*seed))
    };
    let all = job.owners.iter().map(|_| Ok([next()?, next()?])).collect::<Result<_>>()?;
    kept.finish()?;
    Ok(all)
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
