//! The link of a server or of the dealer to the trainer, or to the client of private predictions: news of the work, and answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, Phase, Presence, Role};
use crate::party::{Stats, Verdict};
use crate::roles::event::PartyReport;
use crate::roles::failure::Failure;
use crate::roles::messages::{StatusUpdate, TrainerMessage, receive_message, send_message, understand};
use crate::train::Job;

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

    /// Waits until everybody has reported to the trainer; whether it has all results.
    pub(crate) fn is_done(&self) -> bool {
        // the dealer runs ahead of the servers, and nobody holds it for longer than they may take
        self.with(|t| t.enter(Phase::STEP));
        loop {
            match self.with(|t| receive_message(t, FrameKind::Control, "word that it has all results")) {
                Ok(TrainerMessage::Done) => return true,
                Ok(TrainerMessage::Wait | TrainerMessage::End) => {}
                _ => return false,
            }
        }
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
