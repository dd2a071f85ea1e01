//! Answering the parties that call.

use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::cluster::Cluster;
use super::hello::{Direction, Hello, LinkId, Refusal, reply};
use super::identity::{Fingerprint, Identity};
use super::link::Link;
use super::memory::whole_seconds;
use super::presence::Presence;
use super::queue::Queue;
use super::role::Role;
use super::strangers::Strangers;
use super::tls::{Broken, Meeting, Stream, linger};
use crate::error::{Error, Result, advice};

/// Accepts calls in the background and keeps the links that come about until somebody waits for them.
///
/// Strangers, garbage and half-open calls are dropped without touching anything else. Dropped, it stops.
pub struct Listener {
    desk: Arc<Desk>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens at an address, as a role of the cluster.
    ///
    /// # Errors
    /// [`Error::Peer`] where the address cannot be had, and those of [`Listener::bind_std`].
    pub fn bind(address: &str, role: Role, identity: &Identity, cluster: &Cluster) -> Result<Self> {
        let listener = TcpListener::bind(address).map_err(|e| no_address(address, role, &e))?;
        Self::bind_std(listener, role, identity, cluster)
    }

    /// Listens at an address that was reserved before.
    ///
    /// # Errors
    /// [`Error::Usage`] where the identity is not the role's in the cluster file.
    pub fn bind_std(listener: TcpListener, role: Role, identity: &Identity, cluster: &Cluster) -> Result<Self> {
        let listed = cluster.fingerprint(role);
        if listed != Some(identity.fingerprint()) {
            let listed = listed.map_or_else(|| "no such party".into(), |key| format!("key {}", key.short()));
            return Err(Error::Usage(format!(
                "our key is {}, for {role} the cluster file has {listed}; use the other identity, or update the file",
                identity.fingerprint().short()
            )));
        }
        let fail = |e: io::Error| no_address("the reserved address", role, &e);
        let address = listener.local_addr().map_err(fail)?;
        listener.set_nonblocking(false).map_err(fail)?;
        let owners = (0..).take(cluster.owners()).map(Role::Owner);
        let roles = [Role::Dealer, Role::Server(0), Role::Server(1), Role::Trainer].into_iter().chain(owners);
        let known = roles.filter_map(|r| cluster.fingerprint(r)).collect();
        let desk = Arc::new(Desk {
            role,
            our_key: identity.fingerprint(),
            cluster: cluster.clone(),
            meeting: Meeting::new(identity, known)?,
            mailbox: Mutex::default(),
            news: Condvar::new(),
            stop: AtomicBool::new(false),
            strangers: Strangers::default(),
            presence: OnceLock::new(),
        });
        let answering = desk.clone();
        let answer = move || answering.answer(&listener);
        let thread = thread::Builder::new().name(format!("{role} listens")).spawn(answer).map_err(fail)?;
        Ok(Self { desk, address, thread: Some(thread) })
    }

    /// Lets the parties that call notice this one, also before anybody waits for them.
    pub fn attach(&self, presence: &Presence) {
        let _ = self.desk.presence.set(presence.clone());
    }

    /// The address that is listened at.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The link to a role if it has called, or calls within this time.
    ///
    /// # Errors
    /// [`Error::Peer`] where the role called and could not be welcomed.
    pub fn look(&self, role: Role, within: Duration) -> Result<Option<Link>> {
        let until = Instant::now() + within;
        let mut mailbox = self.desk.mailbox();
        loop {
            if let Some(link) = mailbox.take(role) {
                return Ok(Some(link));
            }
            if let Some(reason) = mailbox.refusals.remove(&role) {
                return Err(Error::peer(role.to_string(), reason));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            mailbox = self.desk.news.wait_timeout(mailbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What is to be said of calls that came to nothing since this was last asked; mostly nothing.
    pub fn remarks(&self) -> String {
        let notes: Vec<String> = self.desk.mailbox().strangers.drain(..).collect();
        notes.join("; ")
    }

    /// The link to a role that has called or will call; `what` says in an error what was waited for.
    ///
    /// # Errors
    /// [`Error::Peer`] at once where the role called and could not be welcomed, at the deadline where somebody
    /// else's call explains the silence; [`Error::Deadline`] where nobody called.
    pub fn wait(&self, role: Role, what: &str, deadline: Duration) -> Result<Link> {
        match self.look(role, deadline)? {
            Some(link) => Ok(link),
            None => Err(self.desk.mailbox().silence(role, what, deadline)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::SeqCst);
        // A call of our own wakes the thread; where that is impossible, it stays until the next call.
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let woken = TcpStream::connect_timeout(&address, WAKE);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
        let left = std::mem::take(&mut *self.desk.mailbox());
        drop(left);
    }
}

/// What the answering threads share.
struct Desk {
    role: Role,
    our_key: Fingerprint,
    cluster: Cluster,
    meeting: Meeting,
    mailbox: Mutex<Mailbox>,
    news: Condvar,
    stop: AtomicBool,
    /// Calls of whoever is not known yet.
    strangers: Strangers,
    /// How our peers notice us, once it is known.
    presence: OnceLock<Presence>,
}

#[derive(Default)]
struct Mailbox {
    /// The newest link of a role that nobody has taken yet.
    links: HashMap<Role, Link>,
    /// The newest connection of a role whose link has only one yet.
    halves: HashMap<Role, Half>,
    /// What comes from the last caller of a role, and from where: whether that one is still here.
    here: HashMap<Role, (Weak<Queue>, SocketAddr)>,
    /// Why a known party's call was refused.
    refusals: HashMap<Role, String>,
    /// The last call on which a role was welcomed.
    welcomed: HashMap<Role, u64>,
    /// What others wanted, the last few: it may explain a silence.
    strangers: VecDeque<String>,
}

/// The first of a link's two connections.
struct Half {
    link: LinkId,
    direction: Direction,
    stream: Stream,
    since: Instant,
}

impl Desk {
    /// The listening thread: a thread per call, so that a slow caller holds up nobody.
    fn answer(self: &Arc<Self>, listener: &TcpListener) {
        let mut calls = 0;
        loop {
            let accepted = listener.accept();
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let Ok((socket, from)) = accepted.inspect_err(|e| self.out_of_handles(e)) else {
                // The caller is gone already, or we are out of handles: others must get their turn.
                thread::sleep(PAUSE);
                continue;
            };
            let Ok(handle) = socket.try_clone().inspect_err(|e| self.out_of_handles(e)) else {
                thread::sleep(PAUSE);
                continue;
            };
            calls += 1;
            self.strangers.admit(calls, from.ip(), handle);
            let (desk, call) = (self.clone(), calls);
            let greet = move || {
                desk.greet(socket, from, call);
                desk.strangers.forget(call);
            };
            if thread::Builder::new().name(format!("greets {from}")).spawn(greet).is_err() {
                self.strangers.forget(calls);
                thread::sleep(PAUSE);
            }
        }
    }

    /// Shakes hands, hears the hello, answers it. Calls are numbered as they come in.
    fn greet(&self, socket: TcpStream, from: SocketAddr, call: u64) {
        let limits = [FIRST_MESSAGE, GREETING].map(|limit| Instant::now() + limit);
        let _ = socket.set_nodelay(true);
        let mut stream = match self.meeting.accept(socket, limits, || self.strangers.spoke(call)) {
            Ok(stream) => stream,
            Err(Broken::Key(key)) => {
                let why = format!("key {} is not in the cluster file; is the file old?", key.short());
                return self.stranger(from, &why);
            }
            Err(Broken::Alert(alert)) => {
                let key = self.our_key.short();
                let why = format!("the caller refused our key {key} ({alert}); is its cluster file old?");
                return self.stranger(from, &why);
            }
            Err(broken) => return self.stranger(from, &broken),
        };
        let Some((key, known)) = stream.peer_key().and_then(|key| Some((key, self.cluster.role_of(key)?))) else {
            return;
        };
        self.strangers.forget(call);
        let heard = match Hello::hear(&mut stream) {
            Ok(heard) => heard,
            Err(error) => {
                return self.stranger(from, &format!("{known} hung up before it said why it called ({error})"));
            }
        };
        let (reason, claimed) = match heard {
            Ok(hello) => match self.check(&hello, key, known) {
                Ok(()) => {
                    let answer = self.mailbox().twice(self.role, &hello).map_or(Ok(()), Err);
                    if answer.is_ok() {
                        self.mailbox().welcome(known, call);
                    }
                    if reply(&mut stream, answer.as_ref().copied()).is_ok() && answer.is_ok() {
                        self.join(hello, stream, from);
                    } else if let Ok(socket) = stream.handle() {
                        linger(&socket);
                    }
                    return;
                }
                Err(reason) => (reason, Some(hello.from)),
            },
            Err(reason) => (reason, None),
        };
        let _ = reply(&mut stream, Err(&Refusal { reason: reason.clone(), later: false }));
        self.refuse(known, claimed, call, &format!("called from {from} and was refused: {reason}"));
        if let Ok(socket) = stream.handle() {
            linger(&socket);
        }
    }

    /// Whether a call fits the key that the caller showed, and us.
    fn check(&self, hello: &Hello, key: Fingerprint, known: Role) -> std::result::Result<(), String> {
        if hello.from != known {
            return Err(format!(
                "the caller says it is {}, but key {} belongs to {known}; it runs with the identity of another party",
                hello.from,
                key.short()
            ));
        }
        if known == self.role {
            return Err(format!("the caller runs with the identity of {known}, which is the one that it called"));
        }
        if hello.to != self.role {
            return Err(format!(
                "the caller wants {}, but this is {}; do both have the same cluster file?",
                hello.to, self.role
            ));
        }
        Ok(())
    }

    /// Keeps a connection until its other half comes, then makes the link.
    fn join(&self, hello: Hello, stream: Stream, from: SocketAddr) {
        let mut mailbox = self.mailbox();
        let fits = |half: &Half| half.link == hello.link && half.since.elapsed() < GREETING;
        let Some(half) = mailbox.halves.remove(&hello.from).filter(fits) else {
            let half = Half { link: hello.link, direction: hello.direction, stream, since: Instant::now() };
            mailbox.halves.insert(hello.from, half);
            return;
        };
        drop(mailbox);
        let (writing, reading) = match (half.direction, hello.direction) {
            (Direction::ToListener, Direction::ToDialer) => (stream, half.stream),
            (Direction::ToDialer, Direction::ToListener) => (half.stream, stream),
            _ => return,
        };
        let peer = format!("{} at {from}", hello.from);
        let made = Link::new(peer, writing, reading, self.cluster.deadline());
        let mut mailbox = self.mailbox();
        match made {
            Ok(mut link) => {
                if let Some(presence) = self.presence.get() {
                    link.attach(presence);
                }
                mailbox.here.insert(hello.from, (link.incoming(), from));
                let superseded = mailbox.put(hello.from, link);
                drop(mailbox);
                self.news.notify_all();
                drop(superseded);
            }
            Err(error) => mailbox.note(format!("the call of {} from {from} could not be used ({error})", hello.from)),
        }
    }

    /// Remembers the refusal of a known party, for whoever waits for it or for the one it claimed to be; unless
    /// that one was welcomed on a later call, which may overtake this one once the caller has our reply.
    fn refuse(&self, known: Role, claimed: Option<Role>, call: u64, reason: &str) {
        let mut mailbox = self.mailbox();
        for role in [Some(known), claimed].into_iter().flatten() {
            if mailbox.welcomed.get(&role).is_none_or(|welcomed| *welcomed < call) {
                mailbox.refusals.insert(role, reason.into());
            }
        }
        drop(mailbox);
        self.news.notify_all();
    }

    /// Remembers that we could not answer, where it is for want of handles.
    fn out_of_handles(&self, error: &io::Error) {
        let (advice, mut mailbox) = (advice(error), self.mailbox());
        if !advice.is_empty() && mailbox.strangers.is_empty() {
            mailbox.note(format!("{} cannot answer calls: {error}{advice}", self.role));
        }
    }

    /// Remembers a call that came to nothing.
    fn stranger(&self, from: SocketAddr, why: &dyn Display) {
        self.mailbox().note(format!("a call from {from} came to nothing: {why}"));
    }

    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// The newest link of a role, unless its peer is gone already.
    fn take(&mut self, role: Role) -> Option<Link> {
        self.links.remove(&role).filter(|link| !link.is_over())
    }

    /// Keeps a link, and gives back the one that it takes the place of.
    #[must_use]
    fn put(&mut self, role: Role, link: Link) -> Option<Link> {
        self.links.insert(role, link)
    }

    /// Why a party that calls cannot be welcomed now: it is here already, with a link that stands.
    fn twice(&self, me: Role, hello: &Hello) -> Option<Refusal> {
        if self.halves.get(&hello.from).is_some_and(|half| half.link == hello.link) {
            return None;
        }
        let (queue, from) = self.here.get(&hello.from)?;
        queue.upgrade().filter(|queue| queue.reason().is_none())?;
        let reason = match hello.from {
            Role::Trainer => "is busy with another job; start again when that is over".into(),
            role => format!(
                "has {role} already, from {from}: it was started twice; if that one was cut off, {me} notices within a deadline"
            ),
        };
        Some(Refusal { reason, later: true })
    }

    /// Forgets earlier refusals of a role.
    fn welcome(&mut self, role: Role, call: u64) {
        self.refusals.remove(&role);
        self.welcomed.insert(role, call);
    }

    fn note(&mut self, what: String) {
        if self.strangers.len() >= MOST_NOTES {
            self.strangers.pop_front();
        }
        self.strangers.push_back(what);
    }

    /// The error where a role did not call in time.
    fn silence(&mut self, role: Role, what: &str, deadline: Duration) -> Error {
        let seconds = whole_seconds(deadline);
        if self.strangers.is_empty() {
            return Error::Deadline { peer: role.to_string(), what: what.into(), seconds };
        }
        let notes: Vec<String> = self.strangers.drain(..).collect();
        let reason = format!("did not call within {seconds} s while we waited for {what}; {}", notes.join("; "));
        Error::peer(role.to_string(), reason)
    }
}

fn no_address(address: &str, role: Role, error: &io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or give this role another port",
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; if it is right for the others, add --listen with one of this machine, as 0.0.0.0:7100"
        }
        io::ErrorKind::PermissionDenied => "the system does not permit it: take a port above 1023",
        _ => "it should be a host of this machine and a free port",
    };
    Error::peer(role.to_string(), format!("cannot listen at {address} ({error}); {advice}"))
}

/// How long a caller may take for its first message, and for its whole greeting.
const FIRST_MESSAGE: Duration = Duration::from_secs(1);
const GREETING: Duration = Duration::from_secs(5);
const WAKE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(20);
const MOST_NOTES: usize = 4;
