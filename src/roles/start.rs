//! The start of training: servers and dealer report that they are ready; once all are, the trainer announces that training
//! starts.
//!
//! Until then, an attempt can come to nothing and everybody waits for the next one; from then on, it counts as the job. So the
//! trainer alone decides which of the two it is, once, and the owners stay until they hear of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind};
use crate::roles::messages::{StatusUpdate, TrainerMessage, receive_message, send_message};
use crate::roles::trainer_link::Trainer;
use crate::roles::wait_limits;
use crate::train::Job;

/// Whether training starts or is called off: whichever comes first holds. A cheap clone of the same.
#[derive(Clone, Debug, Default)]
pub struct Start(Arc<OnceLock<bool>>);

impl Start {
    /// Begins, unless it was called off; whether it begins.
    pub fn begin(&self) -> bool {
        *self.0.get_or_init(|| true)
    }

    /// Calls it off, unless it has begun; whether it is off.
    pub fn call_off(&self) -> bool {
        !*self.0.get_or_init(|| false)
    }
}

/// Notifies the trainer that a party is ready, and waits until training starts.
pub(crate) fn await_start(trainer: &Trainer, job: &Job) -> Result<()> {
    trainer.tell(&StatusUpdate::Ready)?;
    trainer.with(|t| t.enter(wait_limits::for_all_owners(job)));
    loop {
        match trainer.with(|t| receive_message(t, FrameKind::Control, "word that training starts"))? {
            TrainerMessage::Begin => return Ok(()),
            TrainerMessage::End => trainer.end.store(true, Ordering::SeqCst),
            TrainerMessage::Wait => {}
            other => return Err(Error::peer("trainer", format!("answered {other:?} before training started"))),
        }
    }
}

/// Notifies the owners that training starts: they can leave. One that is gone already is not needed any more.
pub(crate) fn dismiss_owners(owners: Vec<Box<dyn Channel>>) {
    for mut owner in owners {
        let _ = send_message(&mut *owner, FrameKind::Report, &()).and_then(|()| owner.flush());
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::fixed::Profile;
    use crate::net::{Presence, pair};
    use crate::nn::Model;
    use crate::train::Training;

    #[test]
    fn what_is_decided_first_holds() {
        let (begun, off) = (Start::default(), Start::default());
        assert!(begun.begin() && begun.begin() && !begun.clone().call_off());
        assert!(off.clone().call_off() && off.call_off() && !off.begin());
    }

    #[test]
    fn a_party_that_is_ready_waits_for_the_trainers_word() {
        let job = Training::new(Model::dense("small", 4, &[], 2).unwrap())
            .profile(Profile::small())
            .batch(2)
            .job(10, 5)
            .unwrap();
        for (answers, begins) in [
            (&[TrainerMessage::Wait, TrainerMessage::Wait, TrainerMessage::Begin][..], true),
            (&[TrainerMessage::Verdict { epoch: 1, goes_on: true, best: true }], false),
            (&[TrainerMessage::Wait], false),
        ] {
            let (mut desk, server) = pair("server 0", "trainer");
            let waiting = thread::spawn({
                let job = job.clone();
                move || await_start(&Trainer::new(Box::new(server), &Presence::default()), &job)
            });
            assert!(matches!(receive_message(&mut desk, FrameKind::Progress, "news").unwrap(), StatusUpdate::Ready));
            answers.iter().for_each(|answer| send_message(&mut desk, FrameKind::Control, answer).unwrap());
            drop(desk);
            assert_eq!(waiting.join().unwrap().is_ok(), begins, "{answers:?}");
        }
    }
}
