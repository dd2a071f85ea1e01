//! Calling a party that listens.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::hello::{Direction, Hello, PROTOCOL};
use super::identity::{Fingerprint, Identity};
use super::link::{Link, unusable};
use super::role::Role;
use super::tls::{Broken, Meeting, Stream};
use crate::error::{Error, Result};

/// Connects to a role that listens, trying again until `patience` is over while nothing answers there.
///
/// # Errors
/// [`Error::Usage`] where the cluster file gives the role no address, or gives us another key than ours;
/// [`Error::Peer`] where nothing answers in time, or whoever answers shows another key or does not want us.
pub fn dial(to: Role, me: Role, identity: &Identity, cluster: &Cluster, patience: Duration) -> Result<Link> {
    let mut link = [0; 16];
    getrandom::fill(&mut link).map_err(|e| Error::Device(format!("the system gives no randomness: {e}")))?;
    let hello = Hello { version: PROTOCOL, direction: Direction::ToListener, from: me, to, link };
    dial_as(hello, identity, cluster, patience)
}

/// Dials with a given hello.
pub(super) fn dial_as(hello: Hello, identity: &Identity, cluster: &Cluster, patience: Duration) -> Result<Link> {
    let to = hello.to;
    let (Some(address), Some(key)) = (cluster.address(to), cluster.fingerprint(to)) else {
        return Err(Error::Usage(format!("the cluster file gives no address for {to}; it does not listen")));
    };
    let call = Call {
        address,
        key,
        our_key: identity.fingerprint(),
        meeting: Meeting::new(identity, vec![key])?,
        peer: cluster.name(to),
        start: Instant::now(),
        patience,
    };
    let writing = call.open(hello)?;
    let reading = call.open(Hello { direction: Direction::ToDialer, ..hello })?;
    Link::new(call.peer.clone(), writing, reading).map_err(|e| unusable(&call.peer, &e))
}

/// One attempt to reach a peer, which may take many tries.
struct Call<'a> {
    address: &'a str,
    key: Fingerprint,
    our_key: Fingerprint,
    meeting: Meeting,
    peer: String,
    start: Instant,
    patience: Duration,
}

impl Call<'_> {
    /// A connection that the peer welcomes.
    fn open(&self, hello: Hello) -> Result<Stream> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.try_once(hello) {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(refusal)) => return Err(Error::peer(&self.peer, format!("does not want us: {refusal}"))),
                Err(Broken::Io(error)) => error,
                Err(broken) => return Err(Error::peer(&self.peer, self.explain(&broken))),
            };
            let left = self.patience.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return Err(Error::peer(&self.peer, self.nobody(&error)));
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn try_once(&self, hello: Hello) -> std::result::Result<std::result::Result<Stream, String>, Broken> {
        let left = self.patience.saturating_sub(self.start.elapsed()).clamp(LEAST, MOST);
        let until = Instant::now() + left;
        let socket = connect(self.address, left)?;
        socket.set_nodelay(true)?;
        let mut stream = self.meeting.connect(socket, until)?;
        Ok(hello.say(&mut stream)?.map(|()| stream))
    }

    fn explain(&self, broken: &Broken) -> String {
        match broken {
            Broken::Key(shown) => format!(
                "shows key {}, the cluster file says {}; is it another machine, or the file old?",
                shown.short(),
                self.key.short()
            ),
            Broken::Alert(alert) => format!(
                "refuses our key {} ({alert}); does its cluster file list this key, and is it the same file as ours?",
                self.our_key.short()
            ),
            Broken::Io(_) | Broken::Tls(_) => format!("{broken}; is it ppdnn that listens there?"),
        }
    }

    fn nobody(&self, error: &io::Error) -> String {
        let seconds = self.patience.as_secs_f64();
        format!(
            "could not be reached for {seconds:.1} s ({error}); start it, or correct its address in the cluster file"
        )
    }
}

fn connect(address: &str, limit: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for one in addresses {
        match TcpStream::connect_timeout(&one, limit) {
            // A port of this machine that nobody listens on can connect to itself; that is nobody, too.
            Ok(socket) if socket.local_addr()? == socket.peer_addr()? => {
                error = io::ErrorKind::ConnectionRefused.into()
            }
            Ok(socket) => return Ok(socket),
            Err(e) => error = e,
        }
    }
    Err(error)
}

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_millis(200);
const LEAST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(10);
