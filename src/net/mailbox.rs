//! What a listener keeps for whoever waits: links, their first connections, and reasons why a party did not come.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::hello::{Direction, Hello, LinkId, Refusal};
use super::link::Link;
use super::memory::whole_seconds;
use super::queue::Queue;
use super::tls::Stream;
use crate::error::Error;
use crate::peer::Role;

/// The links of a listener that nobody has taken yet, and why others did not come about.
#[derive(Default)]
pub(super) struct Mailbox {
    /// The newest link of a role that nobody has taken yet.
    links: HashMap<Role, Link>,
    /// The newest connection of a role whose link has only one yet.
    halves: HashMap<Role, HalfLink>,
    /// What comes from the last caller of a role, and from where: whether that one is still here.
    here: HashMap<Role, (Weak<Queue>, SocketAddr)>,
    /// Why a known party's call was refused.
    refusals: HashMap<Role, String>,
    /// The last call on which a role was welcomed.
    welcomed: HashMap<Role, u64>,
    /// What others wanted, the last few: it may explain a silence.
    notes: VecDeque<String>,
}

impl Mailbox {
    /// The newest link of a role, unless its peer is gone already.
    pub(super) fn take(&mut self, role: Role) -> Option<Link> {
        self.links.remove(&role).filter(|link| !link.is_over())
    }

    /// Keeps a link, and gives back the one that it takes the place of.
    #[must_use]
    pub(super) fn put(&mut self, role: Role, from: SocketAddr, link: Link) -> Option<Link> {
        self.here.insert(role, (link.incoming(), from));
        self.links.insert(role, link)
    }

    /// Both connections of a caller's link, the one to write to and the one to read from; if this is the first, keeps it for the
    /// second, which is to come within `patience`.
    pub(super) fn pair_up(&mut self, hello: &Hello, stream: Stream, patience: Duration) -> Option<(Stream, Stream)> {
        let fits = |half: &HalfLink| half.link == hello.link && half.since.elapsed() < patience;
        let Some(half) = self.halves.remove(&hello.from).filter(fits) else {
            let half = HalfLink { link: hello.link, direction: hello.direction, stream, since: Instant::now() };
            self.halves.insert(hello.from, half);
            return None;
        };
        match (half.direction, hello.direction) {
            (Direction::ToListener, Direction::ToDialer) => Some((stream, half.stream)),
            (Direction::ToDialer, Direction::ToListener) => Some((half.stream, stream)),
            _ => None,
        }
    }

    /// Why a party that calls cannot be welcomed now: it is here already, with a link that stands.
    pub(super) fn twice(&self, me: Role, hello: &Hello) -> Option<Refusal> {
        if self.halves.get(&hello.from).is_some_and(|half| half.link == hello.link) {
            return None;
        }
        let (queue, from) = self.here.get(&hello.from)?;
        queue.upgrade().filter(|queue| queue.reason().is_none())?;
        let reason = match hello.from {
            Role::Client | Role::Trainer => "is busy with another job; start again when that has finished".into(),
            role => format!(
                "already has {role}, from {from}: it was started twice; if that one was cut off, {me} notices within a deadline"
            ),
        };
        Some(Refusal { reason, later: true })
    }

    /// Forgets earlier refusals of a role.
    pub(super) fn welcome(&mut self, role: Role, call: u64) {
        self.refusals.remove(&role);
        self.welcomed.insert(role, call);
    }

    /// Notes why a role was refused on a call, unless it was welcomed on a later one.
    pub(super) fn refuse(&mut self, role: Role, call: u64, reason: &str) {
        if self.welcomed.get(&role).is_none_or(|welcomed| *welcomed < call) {
            self.refusals.insert(role, reason.into());
        }
    }

    /// Why the last call of a role was refused, said once.
    pub(super) fn refusal(&mut self, role: Role) -> Option<String> {
        self.refusals.remove(&role)
    }

    /// Notes a call that came to nothing, or could not be answered.
    pub(super) fn note(&mut self, what: String) {
        if self.notes.len() >= MOST_NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(what);
    }

    pub(super) fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// The notes since the last query.
    pub(super) fn take_notes(&mut self) -> String {
        let notes: Vec<String> = self.notes.drain(..).collect();
        notes.join("; ")
    }

    /// The error where a role did not call in time.
    pub(super) fn silence(&mut self, role: Role, what: &str, deadline: Duration) -> Error {
        let seconds = whole_seconds(deadline);
        if self.notes.is_empty() {
            return Error::Deadline { peer: role.into(), what: what.into(), seconds };
        }
        let notes = self.take_notes();
        let reason = format!("did not call within {seconds} s while we waited for {what}; {notes}");
        Error::peer(role, reason)
    }
}

/// The first of a link's two connections.
struct HalfLink {
    link: LinkId,
    direction: Direction,
    stream: Stream,
    since: Instant,
}

/// Notes that are kept.
const MOST_NOTES: usize = 4;
