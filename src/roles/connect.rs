//! How servers and the dealer connect for a job, and how an attempt at it ends.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::net::{Channel, Phase, Presence, Role};
use crate::roles::trainer_link::Trainer;

/// Finds the link to a party. While it waits for the party's call it calls the function now and then, with a remark on calls that
/// came to nothing; an error from it ends the wait.
pub type Connect = Box<dyn FnMut(Role, &mut dyn FnMut(&str) -> Result<()>) -> Result<Box<dyn Channel>> + Send>;

/// Links that were made beforehand, each for the role beside it.
pub fn made(links: Vec<(Role, Box<dyn Channel>)>) -> Connect {
    let mut links = links;
    Box::new(move |role, _| match links.iter().position(|(r, _)| *r == role) {
        Some(at) => Ok(links.swap_remove(at).1),
        None => Err(Error::peer(role, "is not connected")),
    })
}

/// Why a role left a job before its end.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct BrokenOff {
    /// The reason; it was also reported to the trainer.
    pub why: Error,
    /// Whether training, or a session of predictions, had started. Where it had not, the next attempt can come.
    pub training: bool,
}

/// Where a role in a job meets the others.
pub(crate) struct Connector<'a> {
    pub(crate) meet: Connect,
    pub(crate) presence: &'a Presence,
    pub(crate) trainer: &'a Trainer,
}

impl Connector<'_> {
    /// The link to a party, as soon as it is there: as long as the trainer waits, so does everybody. From then on, it may keep us
    /// waiting for what `phase` allows.
    pub(crate) fn with(&mut self, role: Role, phase: Phase) -> Result<Box<dyn Channel>> {
        let Self { meet, presence, trainer } = self;
        trainer.waiting(&role.to_string());
        let mut told = Instant::now();
        let mut link = meet(role, &mut |remark| {
            // a wait for somebody who may come any day is no standstill
            presence.pulse().beat();
            if told.elapsed() >= REMINDER || !remark.is_empty() {
                told = Instant::now();
                let remark = if remark.is_empty() { String::new() } else { format!(" ({remark})") };
                trainer.waiting(&format!("{role}{remark}"));
            }
            trainer.is_there()
        })?;
        link.attach(presence);
        link.enter(phase);
        Ok(link)
    }
}

/// How often the trainer is reminded of the party that we wait for.
const REMINDER: Duration = Duration::from_secs(5);
