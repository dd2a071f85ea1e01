//! A server, from the job to its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, MAX_FRAME, Phase, Presence, Role, SealingKey};
use crate::party::{LargestFrames, Links, RevealChannel, RunPhase, Server, Stats, Verdict, dismiss_dealer};
use crate::prg::Seed;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::connect::{BrokenOff, Connect, Connector};
use crate::roles::event::PartyReport;
use crate::roles::failure::Failure;
use crate::roles::frame_limit;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::messages::{StatusUpdate, TrainerMessage, receive_message, receive_order, send_message, understand};
use crate::roles::planned_cost::plan_summary;
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::seal_context::SealContext;
use crate::roles::seeds::{common_seed, take_session_seed};
use crate::roles::share_parameters::take_initial;
use crate::roles::start::{await_start, dismiss_owners};
use crate::roles::take_rows::Taken;
use crate::roles::wait_limits;
use crate::tensor::Device;
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
}

/// Runs server `id` through one job.
///
/// # Errors
/// The reason why the job ended; it is also reported to the trainer.
pub fn run_server(id: u8, links: ServerLinks, backend: Arc<dyn Backend>) -> std::result::Result<(), BrokenOff> {
    let ServerLinks { trainer, meet, parties, presence, memory } = links;
    let trainer = Trainer::new(trainer, &presence);
    let mut training = false;
    let run = || {
        let (job, agreement) = trainer.with(|t| receive_order(t, &parties))?;
        let largest = memory.check(&job, |role| role == format!("server{id}"))?;
        trainer.with(|t| t.set_max_frame(frame_limit::of_parameters(&job.model)));
        let connector = Connector { meet, presence: &presence, trainer: &trainer };
        let (mut server, owners) = set_up(id, (&job, &agreement, largest), connector, parties.sealing_key(), backend)?;
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
    trainer.close(&format!("server {id}"), ended).map_err(|why| BrokenOff { why, training })
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

/// All that comes before training: the session, the parameters, the rows. The links to the owners come along.
fn set_up(
    id: u8,
    (job, agreement, largest): (&Job, &Agreement, LargestFrames),
    mut connector: Connector<'_>,
    seal: SealingKey,
    backend: Arc<dyn Backend>,
) -> Result<(Server, Vec<Box<dyn Channel>>)> {
    let trainer = connector.trainer;
    let device = Device::new(backend, job.settings.profile.ring).with_pulse(connector.presence.pulse().clone());
    let patience = wait_limits::for_all_owners(job);
    let Joined { links: Links { mut peer, dealer }, session, seed, common } =
        join(id, agreement, largest, &mut connector, patience)?;
    let initial = trainer.with(|t| {
        t.enter(wait_limits::for_initial(job));
        take_initial(id, job, t, &common, &device)
    })?;
    trainer.with(|t| t.set_max_frame(MAX_FRAME));
    let mut reveal = reveal_channel(id, (job, agreement), session, seal, trainer);
    let mut taken = Taken::new(job);
    taken.take_all((id, job, agreement), initial.public.as_ref(), &mut reveal, &mut connector, &device)?;
    let Taken { rows, digest, owners } = taken;
    compare_rows(&mut *peer, digest.finalize().as_bytes())?;
    let mut server =
        Server::new(id, device.clone(), job.settings.profile, session, &seed, Some(Links { peer, dealer }))?;
    drop(seed);
    server.set_parameters(initial.shares);
    for (set, masked, masks) in rows {
        server.set_rows(set, masked, masks);
    }
    server.set_reveal_channel(common, reveal);
    attach_trainer(trainer, job, &mut server);
    Ok((server, owners))
}

/// What ties a server to the dealer and the other server for one session.
pub(crate) struct Joined {
    pub(crate) links: Links,
    /// The session's number.
    pub(crate) session: u64,
    /// The seed that the dealer knows, too.
    pub(crate) seed: Seed,
    /// The seed that the other server knows, too.
    pub(crate) common: Seed,
}

/// Meets the dealer and the other server, which may keep us waiting for what `patience` allows, and agrees on the session's seeds.
pub(crate) fn join(
    id: u8,
    agreement: &Agreement,
    largest: LargestFrames,
    connector: &mut Connector<'_>,
    patience: Phase,
) -> Result<Joined> {
    let mut dealer = connector.with(Role::Dealer, Phase::SET_UP)?;
    let (session, seed) = take_session_seed(id, &mut *dealer, agreement, Seed::fresh()?)?;
    if id == 1 {
        dealer.set_max_frame(frame_limit::of_dealer(largest));
    }
    let mut peer = connector.with(Role::Server(1 - id), patience)?;
    let common = common_seed(id, &mut *peer, agreement, session)?;
    peer.set_max_frame(frame_limit::of_server(largest));
    Ok(Joined { links: Links { peer, dealer }, session, seed, common })
}

/// Reports to the trainer how far the run is, and has it decide whether the run goes on.
fn attach_trainer(trainer: &Trainer, job: &Job, server: &mut Server) {
    server.session.observe(heartbeat(trainer, job));
    server.session.observe_scores(scores(trainer));
    server.session.set_judge(judge(trainer, Phase::NEWS));
    if server.id() == 0 {
        server.set_wish(wish(trainer));
    }
}

/// Checks with the other server that both have the same masked rows.
pub(crate) fn compare_rows(peer: &mut dyn Channel, digest: &[u8; 32]) -> Result<()> {
    send_message(peer, FrameKind::Agree, digest)?;
    let theirs: [u8; 32] = receive_message(peer, FrameKind::Agree, "the hash of the masked rows")?;
    if theirs != *digest {
        return Err(Error::peer(
            peer.peer(),
            "received different masked rows than we did; their owner or a connection is at fault",
        ));
    }
    Ok(())
}

/// Sends the trainer server `id`'s halves of what the job reveals, each sealed for its place in this session.
fn reveal_channel(
    id: u8,
    (job, agreement): (&Job, &Agreement),
    session: u64,
    seal: SealingKey,
    trainer: &Trainer,
) -> RevealChannel {
    let (reveal, agreed, trainer) = (job.reveal, *agreement.hash(), trainer.clone());
    RevealChannel {
        allowed: Box::new(move |what| reveal.allows(what)),
        reveal_to_trainer: Box::new(move |what, half, bits, stats| {
            let half = Zeroizing::new(half);
            let place = SealContext { agreed: &agreed, session, server: id, what, bits, len: half.len() };
            let body = seal.seal(&place.label(), bytemuck::cast_slice(&half))?;
            trainer.tell(&StatusUpdate::Half { session, what, bits, body, stats })
        }),
    }
}

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

/// The link to the trainer, or to the client of private predictions, for everybody in a role who has something to tell.
#[derive(Clone)]
pub(crate) struct Trainer {
    link: Arc<std::sync::Mutex<Box<dyn Channel>>>,
    /// Whether it has asked for the end of the run.
    pub(crate) end: Arc<AtomicBool>,
}

/// Reports progress to the trainer, now and then and at the end.
pub(crate) fn heartbeat(trainer: &Trainer, job: &Job) -> impl FnMut(u64, Stats) -> Result<()> + Send + 'static {
    let (trainer, total) = (trainer.clone(), job.total_steps());
    let epoch = job.steps_per_epoch();
    let mut last = Instant::now();
    move |step, stats| {
        if last.elapsed() < HEARTBEAT && step < total && step % epoch != 0 {
            return Ok(());
        }
        last = Instant::now();
        trainer.tell(&StatusUpdate::Progress { step, stats })
    }
}

/// Reports to the trainer how far an evaluation is, now and then.
pub(crate) fn scores(trainer: &Trainer) -> impl FnMut(u32, u32) -> Result<()> + Send + 'static {
    let trainer = trainer.clone();
    let mut last = Instant::now();
    move |rows, of| {
        if last.elapsed() < HEARTBEAT {
            return Ok(());
        }
        last = Instant::now();
        trainer.tell(&StatusUpdate::Scored { rows, of })
    }
}

/// Asks the trainer what it makes of an epoch; it may say that the answer will come for as long as `phase` allows.
pub(crate) fn judge(trainer: &Trainer, phase: Phase) -> impl FnMut(u32) -> Result<Verdict> + Send + 'static {
    let trainer = trainer.clone();
    move |asked| {
        trainer.tell(&StatusUpdate::Asks { epoch: asked })?;
        trainer.with(|t| t.enter(phase));
        loop {
            match trainer.with(|t| receive_message(t, FrameKind::Control, "its decision on the epoch"))? {
                TrainerMessage::Verdict { epoch, goes_on, best } if epoch == asked => {
                    return Ok(Verdict { goes_on, best });
                }
                TrainerMessage::End => trainer.end.store(true, Ordering::SeqCst),
                TrainerMessage::Wait => {}
                other => return Err(Error::peer("trainer", format!("answered {other:?} after epoch {asked}"))),
            }
        }
    }
}

/// Looks whether the trainer has asked for the end of the run.
pub(crate) fn wish(trainer: &Trainer) -> impl FnMut() -> Result<bool> + Send + 'static {
    let trainer = trainer.clone();
    move || {
        while let Some(frame) = trainer.with(|t| t.poll(Duration::ZERO))? {
            match understand(&Role::Trainer.into(), frame, FrameKind::Control, "its wish")? {
                TrainerMessage::End => trainer.end.store(true, Ordering::SeqCst),
                other => return Err(Error::peer("trainer", format!("sent {other:?}, which nobody asked for"))),
            }
        }
        Ok(trainer.end.load(Ordering::SeqCst))
    }
}

/// How often progress is reported within an epoch; its end always is.
const HEARTBEAT: Duration = Duration::from_millis(100);

impl Trainer {
    pub(crate) fn new(mut link: Box<dyn Channel>, presence: &Presence) -> Self {
        link.attach(presence);
        Self { link: Arc::new(std::sync::Mutex::new(link)), end: Arc::default() }
    }

    /// Uses the link.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut dyn Channel) -> T) -> T {
        let mut link = self.link.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        use_it(&mut **link)
    }

    /// Sends the trainer a message.
    pub(crate) fn tell(&self, news: &StatusUpdate) -> Result<()> {
        self.with(|link| {
            link.enter(Phase::NEWS);
            send_message(link, FrameKind::Progress, news)
        })
    }

    /// Tells whom we wait for; a trainer that is gone is noticed later.
    pub(crate) fn waiting(&self, what: &str) {
        let _ = self.tell(&StatusUpdate::Waiting { what: what.into() });
    }

    /// Whether the trainer is still there.
    ///
    /// # Errors
    /// If its link ended: there is nothing to wait for any more.
    pub(crate) fn is_there(&self) -> Result<()> {
        self.with(|link| link.ended()).map_or(Ok(()), Err)
    }

    /// Tells how it ended for `party`.
    pub(crate) fn close(&self, party: &str, run: Result<PartyReport>) -> Result<()> {
        let news = match &run {
            Ok(report) => StatusUpdate::Report(Box::new(report.clone())),
            Err(e) => StatusUpdate::Failed(Failure::new(party, e)),
        };
        let told = self.tell(&news).and_then(|()| self.with(|link| link.flush()));
        run.and(told)
    }
}
