//! All that comes before a server trains: the session, the parameters, the rows; or what was kept of them.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, MAX_FRAME, Phase, Role, SealingKey};
use crate::party::{LargestFrames, Links, RevealChannel, RunState, Server, ValueShape};
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::connect::Connector;
use crate::roles::frame_limit;
use crate::roles::messages::{Resume, StatusUpdate, receive_message, send_message};
use crate::roles::seal_context::SealContext;
use crate::roles::seeds::{common_seed, take_session_seed};
use crate::roles::share_parameters::take_initial;
use crate::roles::state::{Checkpoints, JobState, Offer, ServerState, agree};
use crate::roles::take_rows::Taken;
use crate::roles::trainer_link::{Trainer, heartbeat, judge, scores, wish};
use crate::roles::wait_limits;
use crate::tensor::Device;
use crate::train::{InitialSource, Job};

/// What a server is to do.
pub(super) struct Order<'a> {
    pub(super) job: &'a Job,
    pub(super) agreement: &'a Agreement,
    pub(super) largest: LargestFrames,
    /// The key that results are sealed to.
    pub(super) seal: SealingKey,
    pub(super) resume: Option<Resume>,
    /// Where it keeps what outlasts its process.
    pub(super) state: Option<&'a JobState>,
}

/// All that comes before training. The links to the owners come along.
pub(super) fn set_up(
    id: u8,
    order: &Order<'_>,
    mut connector: Connector<'_>,
    backend: Arc<dyn Backend>,
) -> Result<(Server, Vec<Box<dyn Channel>>)> {
    let Order { job, agreement, largest, seal, .. } = *order;
    let trainer = connector.trainer;
    let device = Device::new(backend, job.settings.profile.ring).with_pulse(connector.presence.pulse().clone());
    let patience = wait_limits::for_all_owners(job);
    let Joined { links: Links { mut peer, mut dealer }, session, seed, common } =
        join(id, agreement, largest, &mut connector, patience)?;
    let Point { checkpoints, chosen } = find_point(id, order, trainer, [&mut *peer, &mut *dealer])?;
    let initial = trainer.with(|t| {
        t.enter(wait_limits::for_initial(job));
        take_initial(id, job, t, &common, &device)
    })?;
    trainer.with(|t| t.set_max_frame(MAX_FRAME));
    let mut reveal = reveal_channel(id, (job, agreement), session, seal, trainer);
    let taken = take_rows(id, order, initial.public.as_ref(), &mut reveal, (&mut connector, &device))?;
    let Taken { rows, digest, owners, .. } = taken;
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
    if let Some(mut checkpoints) = checkpoints {
        chosen.map_or(Ok(()), |chosen| checkpoints.resume(&chosen, &mut server))?;
        server.set_checkpoints(Box::new(checkpoints));
    }
    Ok((server, owners))
}

/// Where a run starts: at its first step, or at a checkpoint.
struct Point {
    /// Where checkpoints are kept; `None` unless both servers keep them.
    checkpoints: Option<Checkpoints>,
    /// The one that the run resumes from.
    chosen: Option<Offer>,
}

/// Agrees with the other server on where the run starts, and tells the dealer and the trainer of a run that resumes.
fn find_point(id: u8, order: &Order<'_>, trainer: &Trainer, [peer, dealer]: [&mut dyn Channel; 2]) -> Result<Point> {
    if let Some(state) = order.state {
        if order.resume.is_none() { state.renew()? } else { state.make()? }
    }
    let operator = trainer.clone();
    // a trainer that is gone is noticed later
    let tell = move |news| drop(operator.tell(&news));
    let checkpoints = order.state.map(|state| Checkpoints::open(state.clone(), id, tell));
    let offers = checkpoints.as_ref().map(Checkpoints::offers).unwrap_or_default();
    let mine = ServerState { keeps: checkpoints.is_some(), offers };
    let (both, chosen) = agree(peer, &mine, order.resume.map_or(0, |resume| resume.most))?;
    let checkpoints = checkpoints.filter(|_| both);
    if order.resume.is_some() {
        let Some(checkpoints) = &checkpoints else {
            let text = "a job can only resume where both servers keep state; start both with --state DIR";
            return Err(Error::Usage(text.into()));
        };
        if chosen.is_none() && order.job.initial == InitialSource::Private {
            return Err(Error::Usage(
                "a job with private initial weights cannot resume from its first step, as they might be others now: start a new run"
                    .into(),
            ));
        }
        let outline: Option<&RunState<ValueShape>> = chosen.as_ref().and_then(|chosen| checkpoints.outline(chosen));
        send_message(dealer, FrameKind::Agree, &outline)?;
        trainer.tell(&StatusUpdate::Resumes { step: outline.map_or(0, |outline| outline.step) })?;
    }
    Ok(Point { checkpoints, chosen })
}

/// Takes the owners' rows, or those that were kept of them.
fn take_rows(
    id: u8,
    order: &Order<'_>,
    initial: Option<&Vec<Vec<u64>>>,
    reveal: &mut RevealChannel,
    (connector, device): (&mut Connector<'_>, &Device),
) -> Result<Taken> {
    let Order { job, agreement, resume, state, .. } = *order;
    let role = Role::Server(id);
    match (state, resume) {
        (Some(state), Some(Resume { owners: false, .. })) => {
            let mut taken = Taken::new(job, None);
            taken.take_kept(job, state.kept_rows(role)?, device)?;
            Ok(taken)
        }
        _ => {
            let mut taken = Taken::new(job, state.map(|state| state.keep_rows(role)).transpose()?.flatten());
            taken.take_all((id, job, agreement), initial, reveal, connector, device)?;
            taken.settle()?;
            Ok(taken)
        }
    }
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
