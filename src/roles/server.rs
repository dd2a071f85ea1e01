//! A server, from the job to its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::net::{Channel, Head, Kind, MAX_FRAME, Phase, Presence, Role, SealingKey, receive_exactly};
use crate::party::{
    LargestFrames, Links, MaskedRows, Outlet, RowMasks, Section, Server, Set, Stats, Verdict, dismiss_dealer,
};
use crate::prg::Seed;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::blame::Failure;
use crate::roles::consent::hear_consent;
use crate::roles::event::PartyReport;
use crate::roles::frames;
use crate::roles::initial::take_initial;
use crate::roles::meeting::{BrokenOff, Meet, Meeting};
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::messages::{Answer, News, hear, hear_order, say, understand};
use crate::roles::owner::rows_per_frame;
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::sealed::Place;
use crate::roles::seeds::{common_seed, take_session_seed};
use crate::roles::totals;
use crate::tensor::Device;
use crate::train::{Job, set_shapes, train};

/// A server's links.
pub struct ServerLinks {
    /// To the trainer.
    pub trainer: Box<dyn Channel>,
    /// Finds the others, once the job says who they are.
    pub meet: Meet,
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
/// What stopped it, and when; the trainer is told too.
pub fn run_server(id: u8, links: ServerLinks, backend: Arc<dyn Backend>) -> std::result::Result<(), BrokenOff> {
    let ServerLinks { trainer, meet, parties, presence, memory } = links;
    let trainer = Trainer::new(trainer, &presence);
    let mut training = false;
    let run = || {
        let (job, agreement) = trainer.with(|t| hear_order(t, &parties))?;
        let largest = memory.check(&job, |role| role == format!("server{id}"))?;
        trainer.with(|t| t.set_max_frame(frames::of_parameters(&job)));
        let meeting = Meeting { meet, presence: &presence, trainer: &trainer };
        let mut server = set_up(id, (&job, &agreement, largest), meeting, parties.sealing_key(), backend)?;
        training = true;
        trainer.tell(&News::Started)?;
        train(&mut server, &job)?;
        let ended = server.last_step().filter(|step| *step < job.total_steps());
        if let Some(step) = ended {
            trainer.tell(&News::Ended { step })?;
        }
        let (report, session) = (report(&server), server.session());
        if let Some(mut links) = server.into_links() {
            if ended.is_some() && id == 1 {
                dismiss_dealer(&mut *links.dealer, session);
            }
            links.peer.flush()?;
        }
        Ok(report)
    };
    let ended = run();
    trainer.close(&format!("server {id}"), ended).map_err(|why| BrokenOff { why, training })
}

/// All that comes before training: the session, the parameters, the rows.
fn set_up(
    id: u8,
    (job, agreement, largest): (&Job, &Agreement, LargestFrames),
    mut meeting: Meeting<'_>,
    seal: SealingKey,
    backend: Arc<dyn Backend>,
) -> Result<Server> {
    let trainer = meeting.trainer;
    let device = Device::new(backend, job.profile.ring).with_pulse(meeting.presence.pulse().clone());
    let mut dealer = meeting.with(Role::Dealer, Phase::SET_UP)?;
    let (session, seed) = take_session_seed(id, &mut *dealer, agreement, Seed::fresh()?)?;
    if id == 1 {
        dealer.set_max_frame(frames::of_dealer(largest));
    }
    let mut peer = meeting.with(Role::Server(1 - id), totals::for_all_owners(job))?;
    let common = common_seed(id, &mut *peer, agreement, session)?;
    peer.set_max_frame(frames::of_server(largest));
    let initial = trainer.with(|t| {
        t.enter(totals::for_initial(job));
        take_initial(id, job, t, &common, &device)
    })?;
    trainer.with(|t| t.set_max_frame(MAX_FRAME));
    let (rows, digest) = take_rows(id, (job, agreement), initial.public.as_ref(), &mut meeting, &device)?;
    say(&mut *peer, Kind::Agree, &digest)?;
    let theirs: [u8; 32] = hear(&mut *peer, Kind::Agree, "the hash of the masked rows")?;
    if theirs != digest {
        return Err(Error::peer(peer.peer(), "got other masked rows than we did; an owner or a link is at fault"));
    }
    let mut server =
        Server::new(id, device.clone(), job.profile.clone(), session, &seed, Some(Links { peer, dealer }))?;
    drop(seed);
    server.set_parameters(initial.shares);
    for (set, masked, masks) in rows {
        server.set_rows(set, masked, masks);
    }
    let (reveal, outlet) = (job.reveal, trainer.clone());
    let agreed = *agreement.hash();
    server.set_outlet(
        common,
        Outlet {
            allowed: Box::new(move |what| reveal.allows(what)),
            hand_out: Box::new(move |what, half, bits, stats| {
                let half = Zeroizing::new(half);
                let place = Place { agreed: &agreed, session, server: id, what, bits, len: half.len() };
                let body = seal.seal(&place.label(), bytemuck::cast_slice(&half))?;
                outlet.tell(&News::Half { session, what, bits, body, stats })
            }),
        },
    );
    server.observe(heartbeat(trainer, job));
    server.observe_scores(scores(trainer));
    server.set_judge(judge(trainer, Phase::NEWS));
    if id == 0 {
        server.set_wish(wish(trainer));
    }
    Ok(server)
}

/// The data sets of a job: masked rows and masks.
type Rows = Vec<(Set, MaskedRows, RowMasks)>;

/// The masked rows of all owners with their masks, by set, and a hash of the masked rows.
fn take_rows(
    id: u8,
    (job, agreement): (&Job, &Agreement),
    initial: Option<&Vec<Vec<u64>>>,
    meeting: &mut Meeting<'_>,
    device: &Device,
) -> Result<(Rows, [u8; 32])> {
    let mut rows: Vec<_> = set_shapes(job)
        .into_iter()
        .map(|(set, shape)| (set, MaskedRows::new(shape), RowMasks::new(set, shape)))
        .collect();
    let mut digest = blake3::Hasher::new();
    for (number, owned) in (0..).zip(&job.owners) {
        let mut link = meeting.with(Role::Owner(number), totals::for_owner(job, number))?;
        if id == 0 {
            say(&mut *link, Kind::Control, &job.to_bytes())?;
        }
        say(&mut *link, Kind::Agree, agreement)?;
        hear_consent(&mut *link, initial)?;
        let seed: Seed = hear(&mut *link, Kind::Seed, "the seed of its masks")?;
        link.set_max_frame(frames::of_owner(job));
        for (set, masked, masks) in &mut rows {
            let count = if set.is_train() { owned.train } else { owned.test };
            let words = receive_rows(&mut *link, *set as u32, masks.shape(), count as usize, &mut digest)?;
            masked.push(device, words, count)?;
            masks.push(device, count, &[&seed])?;
        }
        say(&mut *link, Kind::Report, &())?;
        link.flush()?;
    }
    Ok((rows, *digest.finalize().as_bytes()))
}

fn report(server: &Server) -> PartyReport {
    PartyReport {
        role: format!("server{}", server.id()),
        backend: server.device().backend().name(),
        steps: server.stats(Section::Step),
        evaluation: server.stats(Section::Evaluation),
        setup: server.stats(Section::Setup),
        peak_rss_mib: peak_rss_mib(),
        cpu_seconds: cpu_seconds(),
    }
}

/// An owner's masked rows of a set, as words.
fn receive_rows(
    link: &mut dyn Channel,
    set: u32,
    shape: crate::party::SetShape,
    rows: usize,
    digest: &mut blake3::Hasher,
) -> Result<Vec<u64>> {
    let bytes = rows * shape.stride() * 4;
    let mut words: Vec<u64> = Vec::new();
    let room = words.try_reserve_exact(bytes.div_ceil(8));
    room.map_err(|_| Error::Device(format!("there is no memory for {rows} masked rows, {bytes} bytes")))?;
    let per = rows_per_frame(shape) * shape.stride() * 4;
    for (gate, start) in (0..).zip((0..bytes).step_by(per)) {
        let end = bytes.min(start + per);
        let head = Head { kind: Kind::Data, session: 0, step: set, gate };
        let frame = receive_exactly(link, head, end - start, "its masked rows")?;
        digest.update(&frame);
        // memory is touched as rows arrive
        words.resize(end.div_ceil(8), 0);
        bytemuck::cast_slice_mut(&mut words)[start..end].copy_from_slice(&frame);
    }
    Ok(words)
}

/// The link to the trainer, for everybody in a role who has something to tell.
#[derive(Clone)]
pub(crate) struct Trainer {
    link: Arc<std::sync::Mutex<Box<dyn Channel>>>,
    /// Whether it has asked for the end of the run.
    end: Arc<AtomicBool>,
}

/// Tells the trainer of progress, now and then and at the end.
pub(crate) fn heartbeat(trainer: &Trainer, job: &Job) -> impl FnMut(u64, Stats) -> Result<()> + Send + 'static {
    let (trainer, total) = (trainer.clone(), job.total_steps());
    let epoch = job.steps_per_epoch();
    let mut last = Instant::now();
    move |step, stats| {
        if last.elapsed() < HEARTBEAT && step < total && step % epoch != 0 {
            return Ok(());
        }
        last = Instant::now();
        trainer.tell(&News::Progress { step, stats })
    }
}

/// Tells the trainer how far an evaluation is, now and then.
pub(crate) fn scores(trainer: &Trainer) -> impl FnMut(u32, u32) -> Result<()> + Send + 'static {
    let trainer = trainer.clone();
    let mut last = Instant::now();
    move |rows, of| {
        if last.elapsed() < HEARTBEAT {
            return Ok(());
        }
        last = Instant::now();
        trainer.tell(&News::Scored { rows, of })
    }
}

/// Asks the trainer what it makes of an epoch; it may say that the answer will come for as long as `phase` allows.
pub(crate) fn judge(trainer: &Trainer, phase: Phase) -> impl FnMut(u32) -> Result<Verdict> + Send + 'static {
    let trainer = trainer.clone();
    move |asked| {
        trainer.tell(&News::Asks { epoch: asked })?;
        trainer.with(|t| t.enter(phase));
        loop {
            match trainer.with(|t| hear(t, Kind::Control, "what it makes of the epoch"))? {
                Answer::Verdict { epoch, goes_on, best } if epoch == asked => return Ok(Verdict { goes_on, best }),
                Answer::End => trainer.end.store(true, Ordering::SeqCst),
                Answer::Wait => {}
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
            match understand("trainer", frame, Kind::Control, "its wish")? {
                Answer::End => trainer.end.store(true, Ordering::SeqCst),
                other => return Err(Error::peer("trainer", format!("says {other:?} although nobody asked"))),
            }
        }
        Ok(trainer.end.load(Ordering::SeqCst))
    }
}

/// How often progress is told within an epoch; its end always is.
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

    /// Tells the trainer something.
    pub(crate) fn tell(&self, news: &News) -> Result<()> {
        self.with(|link| {
            link.enter(Phase::NEWS);
            say(link, Kind::Progress, news)
        })
    }

    /// Tells whom we wait for; a trainer that is gone is noticed later.
    pub(crate) fn waiting(&self, what: &str) {
        let _ = self.tell(&News::Waiting { what: what.into() });
    }

    /// Whether the trainer is still there.
    ///
    /// # Errors
    /// Where its link ended: there is nothing to wait for any more.
    pub(crate) fn is_there(&self) -> Result<()> {
        self.with(|link| link.ended()).map_or(Ok(()), Err)
    }

    /// Tells how it ended for `party`.
    pub(crate) fn close(&self, party: &str, run: Result<PartyReport>) -> Result<()> {
        let news = match &run {
            Ok(report) => News::Report(Box::new(report.clone())),
            Err(e) => News::Failed(Failure::new(party, e)),
        };
        let told = self.tell(&news).and_then(|()| self.with(|link| link.flush()));
        run.and(told)
    }
}
