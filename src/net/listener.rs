//! Answering the parties that call.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::cluster::Cluster;
use super::fingerprint::Fingerprint;
use super::hello::{Hello, Mismatch, Purpose, Refusal, reply};
use super::identity::Identity;
use super::link::Link;
use super::mailbox::Mailbox;
use super::presence::Presence;
use super::probe_answer::{Probes, answer};
use super::tls::{Stream, TlsConfig, TlsError, linger};
use super::unauthenticated::UnauthenticatedCalls;
use crate::error::{Error, Result, advice};
use crate::peer::{Peer, Role};

/// Accepts calls in the background and keeps the links that come about until somebody waits for them.
///
/// Strangers, garbage and half-open calls are dropped without touching anything else. Dropped, it stops.
pub struct Listener {
    shared: Arc<ListenerState>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens at an address, as a role of the cluster.
    ///
    /// # Errors
    /// [`Error::Peer`] if the address is in use or not available; otherwise as [`Listener::bind_std`].
    pub fn bind(address: &str, role: Role, identity: &Identity, cluster: &Cluster) -> Result<Self> {
        let listener = TcpListener::bind(address).map_err(|e| no_address(address, role, &e))?;
        Self::bind_std(listener, role, identity, cluster)
    }

    /// Listens at an address that was reserved before.
    ///
    /// # Errors
    /// [`Error::Usage`] if the identity is not the role's in the cluster file.
    pub fn bind_std(listener: TcpListener, role: Role, identity: &Identity, cluster: &Cluster) -> Result<Self> {
        let listed = cluster.fingerprint(role);
        if listed != Some(identity.fingerprint()) {
            let listed = listed.map_or_else(|| "no such party".into(), |key| format!("key {}", key.short()));
            return Err(Error::Usage(format!(
                "our key is {}, but the cluster file lists {listed} for {role}; use the identity with \
                 that key, or update the file",
                identity.fingerprint().short()
            )));
        }
        let fail = |e: io::Error| no_address("the reserved address", role, &e);
        let address = listener.local_addr().map_err(fail)?;
        listener.set_nonblocking(false).map_err(fail)?;
        let owners = (0..).take(cluster.owners()).map(Role::Owner);
        let others = [Role::Client, Role::Dealer, Role::ModelOwner, Role::Server(0), Role::Server(1), Role::Trainer];
        let roles = others.into_iter().chain(owners);
        let known = roles.filter_map(|r| cluster.fingerprint(r)).collect();
        let shared = Arc::new(ListenerState {
            role,
            our_key: identity.fingerprint(),
            cluster: cluster.clone(),
            tls_config: TlsConfig::new(identity, known)?,
            mailbox: Mutex::default(),
            news: Condvar::new(),
            stop: AtomicBool::new(false),
            unauthenticated: UnauthenticatedCalls::default(),
            probes: Probes::default(),
            presence: OnceLock::new(),
        });
        let answering = shared.clone();
        let answer = move || answering.answer(&listener);
        let thread = thread::Builder::new().name(format!("{role} listens")).spawn(answer).map_err(fail)?;
        Ok(Self { shared, address, thread: Some(thread) })
    }

    /// Lets the parties that call notice this one, also before anybody waits for them.
    pub fn attach(&self, presence: &Presence) {
        let _ = self.shared.presence.set(presence.clone());
    }

    /// The address that is listened at.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The link to a role if it has called, or calls within this time.
    ///
    /// # Errors
    /// [`Error::Peer`] if the role called and could not be welcomed.
    pub fn look(&self, role: Role, within: Duration) -> Result<Option<Link>> {
        Ok(self.look_for_any(&[role], within)?.map(|(_, link)| link))
    }

    /// The link to one of some roles, the first that has called or calls within this time.
    ///
    /// # Errors
    /// As [`Listener::look`].
    pub fn look_for_any(&self, roles: &[Role], within: Duration) -> Result<Option<(Role, Link)>> {
        let until = Instant::now() + within;
        let mut mailbox = self.shared.mailbox();
        loop {
            for role in roles {
                if let Some(link) = mailbox.take(*role) {
                    return Ok(Some((*role, link)));
                }
                if let Some(reason) = mailbox.refusal(*role) {
                    return Err(Error::peer(*role, reason));
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            mailbox = self.shared.news.wait_timeout(mailbox, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reports of calls that failed since the last query; usually empty.
    pub fn remarks(&self) -> String {
        self.shared.mailbox().take_notes()
    }

    /// The link to a role that has called or will call; `what` names in errors what was waited for.
    ///
    /// # Errors
    /// [`Error::Peer`] at once if the role called and could not be welcomed, at the deadline if somebody else's call
    /// explains the silence; [`Error::Deadline`] if nobody called.
    pub fn wait(&self, role: Role, what: &str, deadline: Duration) -> Result<Link> {
        Ok(self.wait_for_any(&[role], what, deadline)?.1)
    }

    /// The link to the first of some roles that has called or will call.
    ///
    /// # Errors
    /// As [`Listener::wait`].
    ///
    /// # Panics
    /// If there is no role to wait for.
    pub fn wait_for_any(&self, roles: &[Role], what: &str, deadline: Duration) -> Result<(Role, Link)> {
        match self.look_for_any(roles, deadline)? {
            Some(link) => Ok(link),
            None => Err(self.shared.mailbox().silence(roles[0], what, deadline)),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
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
        let left = std::mem::take(&mut *self.shared.mailbox());
        drop(left);
    }
}

/// What the answering threads share.
struct ListenerState {
    role: Role,
    our_key: Fingerprint,
    cluster: Cluster,
    tls_config: TlsConfig,
    mailbox: Mutex<Mailbox>,
    news: Condvar,
    stop: AtomicBool,
    /// Calls of whoever is not known yet.
    unauthenticated: UnauthenticatedCalls,
    /// Probes that are being answered.
    probes: Probes,
    /// How our peers notice us, once it is known.
    presence: OnceLock<Presence>,
}

impl ListenerState {
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
            self.unauthenticated.admit(calls, from.ip(), handle);
            let (shared, call) = (self.clone(), calls);
            let greet = move || {
                shared.greet(socket, from, call);
                shared.unauthenticated.forget(call);
            };
            if thread::Builder::new().name(format!("greets {from}")).spawn(greet).is_err() {
                self.unauthenticated.forget(calls);
                thread::sleep(PAUSE);
            }
        }
    }

    /// Shakes hands, hears the hello, answers it. Calls are numbered as they come in.
    fn greet(&self, socket: TcpStream, from: SocketAddr, call: u64) {
        let Some(mut stream) = self.shake_hands(socket, from, call) else { return };
        let Some((key, known)) = stream.peer_key().and_then(|key| Some((key, self.cluster.role_of(key)?))) else {
            return;
        };
        self.unauthenticated.forget(call);
        let heard = match Hello::hear(&mut stream) {
            Ok(heard) => heard,
            Err(error) => {
                return self
                    .stranger(from, &format!("{known} closed the connection before it said why it called ({error})"));
            }
        };
        let (reason, purpose, claimed) = match heard {
            Ok(hello) => match self.check(&hello, key, known) {
                Ok(()) if hello.purpose == Purpose::Probe => return self.answer_probe(known, stream),
                Ok(()) => return self.welcome(hello, stream, from, call),
                Err(reason) => (reason, hello.purpose, Some(hello.from)),
            },
            Err(Mismatch { reason, purpose }) => (reason, purpose, None),
        };
        let _ = reply(&mut stream, Err(&Refusal { reason: reason.clone(), later: false }));
        // whoever waits for the caller does not wait for its probes
        if purpose == Purpose::Job {
            self.refuse(known, claimed, call, &format!("called from {from} and was refused: {reason}"));
        }
        if let Ok(socket) = stream.handle() {
            linger(&socket);
        }
    }

    /// Shakes hands with a caller; if that fails, notes why.
    fn shake_hands(&self, socket: TcpStream, from: SocketAddr, call: u64) -> Option<Stream> {
        let limits = [FIRST_MESSAGE, GREETING].map(|limit| Instant::now() + limit);
        let _ = socket.set_nodelay(true);
        let broken = match self.tls_config.accept(socket, limits, || self.unauthenticated.spoke(call)) {
            Ok(stream) => return Some(stream),
            Err(broken) => broken,
        };
        match broken {
            TlsError::Key(key) => {
                let why = format!("key {} is not in the cluster file; is the file outdated?", key.short());
                self.stranger(from, &why);
            }
            TlsError::Alert(alert) => {
                let key = self.our_key.short();
                let why = format!("the caller refused our key {key} ({alert}); is its cluster file outdated?");
                self.stranger(from, &why);
            }
            broken => self.stranger(from, &broken),
        }
        None
    }

    /// Whether a call fits the key that the caller showed, and us.
    fn check(&self, hello: &Hello, key: Fingerprint, known: Role) -> std::result::Result<(), String> {
        if hello.from != known {
            return Err(format!(
                "the caller claims to be {}, but key {} belongs to {known}; it uses the identity of another party",
                hello.from,
                key.short()
            ));
        }
        if known == self.role {
            return Err(format!("the caller uses the identity of {known}, the party that it called"));
        }
        if hello.to != self.role {
            return Err(format!(
                "the caller wants {}, but this is {}; do both have the same cluster file?",
                hello.to, self.role
            ));
        }
        Ok(())
    }

    /// Answers a call that fits, and keeps its connection; unless the caller is here already, with a link that stands.
    fn welcome(&self, hello: Hello, mut stream: Stream, from: SocketAddr, call: u64) {
        let answer = self.mailbox().twice(self.role, &hello).map_or(Ok(()), Err);
        if answer.is_ok() {
            self.mailbox().welcome(hello.from, call);
        }
        if reply(&mut stream, answer.as_ref().copied()).is_ok() && answer.is_ok() {
            self.join(hello, stream, from);
        } else if let Ok(socket) = stream.handle() {
            linger(&socket);
        }
    }

    /// Lets a party measure its connection, in this thread; nobody who waits for its link hears of it.
    fn answer_probe(&self, from: Role, mut stream: Stream) {
        let turn = self.probes.admit(from);
        if reply(&mut stream, turn.as_ref().map(|_| ())).is_ok() && turn.is_ok() {
            let _ = answer(&mut stream);
        }
        if let Ok(socket) = stream.handle() {
            linger(&socket);
        }
    }

    /// Keeps a connection until its other half comes, then makes the link.
    fn join(&self, hello: Hello, stream: Stream, from: SocketAddr) {
        let Some((writing, reading)) = self.mailbox().pair_up(&hello, stream, GREETING) else { return };
        let peer = Peer::at(hello.from, from.to_string());
        let made = Link::new(peer, writing, reading, self.cluster.deadline());
        let mut mailbox = self.mailbox();
        match made {
            Ok(mut link) => {
                if let Some(presence) = self.presence.get() {
                    link.attach(presence);
                }
                let superseded = mailbox.put(hello.from, from, link);
                drop(mailbox);
                self.news.notify_all();
                drop(superseded);
            }
            Err(error) => mailbox.note(format!("the call of {} from {from} failed ({error})", hello.from)),
        }
    }

    /// Remembers the refusal of a known party, for whoever waits for it or for the one it claimed to be; unless
    /// that one was welcomed on a later call, which may overtake this one once the caller has our reply.
    fn refuse(&self, known: Role, claimed: Option<Role>, call: u64, reason: &str) {
        let mut mailbox = self.mailbox();
        for role in [Some(known), claimed].into_iter().flatten() {
            mailbox.refuse(role, call, reason);
        }
        drop(mailbox);
        self.news.notify_all();
    }

    /// Remembers that we could not answer, where it is for want of handles.
    fn out_of_handles(&self, error: &io::Error) {
        let (advice, mut mailbox) = (advice(error), self.mailbox());
        if !advice.is_empty() && !mailbox.has_notes() {
            mailbox.note(format!("{} cannot answer calls: {error}{advice}", self.role));
        }
    }

    /// Remembers a call that came to nothing.
    fn stranger(&self, from: SocketAddr, why: &dyn Display) {
        self.mailbox().note(format!("a call from {from} failed: {why}"));
    }

    fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_address(address: &str, role: Role, error: &io::Error) -> Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or give this role another port",
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; if others reach this role at it, add --listen with an address of this \
             machine, such as 0.0.0.0:7100"
        }
        io::ErrorKind::PermissionDenied => "the system does not permit it: use a port above 1023",
        _ => "use an address of this machine and a free port",
    };
    Error::peer(role, format!("cannot listen at {address} ({error}); {advice}"))
}

/// How long a caller may take for its first message, and for its whole greeting.
const FIRST_MESSAGE: Duration = Duration::from_secs(1);
const GREETING: Duration = Duration::from_secs(5);
const WAKE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(20);
