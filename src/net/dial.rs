//! Calling a party that listens.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::hello::{Build, Direction, Hello, Refusal};
use super::identity::{Fingerprint, Identity};
use super::link::{Link, unusable};
use super::role::Role;
use super::tls::{Broken, Meeting, Stream};
use crate::error::{Error, Result, advice};

/// Connects to a role that listens, trying again until `patience` is over while nothing answers there.
///
/// # Errors
/// [`Error::Usage`] where the cluster file gives the role no address, or gives us another key than ours;
/// [`Error::Peer`] where nothing answers in time, or whoever answers shows another key or does not want us; [`Error::Busy`] where
/// it may want us later.
pub fn dial(to: Role, me: Role, identity: &Identity, cluster: &Cluster, patience: Duration) -> Result<Link> {
    if cluster.fingerprint(me) != Some(identity.fingerprint()) {
        let key = identity.fingerprint().short();
        let advice = "use its own identity, or update the file";
        return Err(Error::Usage(format!(
            "our key {key} is not the one that the cluster file lists for {me}; {advice}"
        )));
    }
    let mut link = [0; 16];
    getrandom::fill(&mut link).map_err(|e| Error::Device(format!("the system gives no randomness: {e}")))?;
    let hello = Hello { build: Build::OURS, direction: Direction::ToListener, from: me, to, link };
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
    Link::new(call.peer.clone(), writing, reading, cluster.deadline()).map_err(|e| unusable(&call.peer, e))
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
                Ok(Err(Refusal { reason, later: true })) => {
                    return Err(Error::Busy { peer: self.peer.clone(), reason });
                }
                Ok(Err(Refusal { reason, .. })) => {
                    return Err(Error::peer(&self.peer, format!("does not want us: {reason}")));
                }
                Err(Broken::Io(error)) if !advice(&error).is_empty() => return Err(unusable(&self.peer, error)),
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

    fn try_once(&self, hello: Hello) -> std::result::Result<std::result::Result<Stream, Refusal>, Broken> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::cluster::tests::sample;
    use crate::net::listener::Listener;

    const LONG: Duration = Duration::from_secs(20);

    /// Server 1 dials server 0 with a changed hello: what each side says of it.
    fn refusal(change: impl Fn(&mut Hello), wait_for: Role) -> (String, String) {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (cluster, identities) = sample(socket.local_addr().unwrap());
        let listener = Listener::bind_std(socket, Role::Server(0), &identities[0], &cluster).unwrap();
        let direction = Direction::ToListener;
        let mut hello =
            Hello { build: Build::OURS, direction, from: Role::Server(1), to: Role::Server(0), link: [7; 16] };
        change(&mut hello);
        let start = Instant::now();
        let theirs = dial_as(hello, &identities[1], &cluster, LONG).err().unwrap().to_string();
        let ours = listener.wait(wait_for, "its greeting", LONG).err().unwrap().to_string();
        assert!(start.elapsed() < LONG / 2, "{ours}");
        (theirs, ours)
    }

    #[test]
    fn another_build_is_refused_with_a_reason_on_both_sides_at_once() {
        for (protocol, release) in [(1, None), (9, Some("0.9.0")), (Build::OURS.protocol, Some("0.9.0"))] {
            let build = Build { protocol, release };
            let (theirs, ours) = refusal(|hello| hello.build = build, Role::Server(1));
            for text in [theirs, ours] {
                for part in [&build.to_string(), &Build::OURS.to_string(), "install the same ppdnn"] {
                    assert!(text.contains(part), "`{part}` is not in {text}");
                }
            }
        }
    }

    #[test]
    fn another_role_than_the_keys_is_refused_and_told_to_who_waits_for_either() {
        for wait_for in [Role::Server(1), Role::Owner(0)] {
            let (theirs, ours) = refusal(|hello| hello.from = Role::Owner(0), wait_for);
            for text in [theirs, ours] {
                assert!(text.contains("says it is owner 0") && text.contains("belongs to server 1"), "{text}");
            }
        }
    }

    #[test]
    fn a_refused_peer_may_call_again() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (cluster, identities) = sample(socket.local_addr().unwrap());
        let listener = Listener::bind_std(socket, Role::Server(0), &identities[0], &cluster).unwrap();
        let (direction, from, to) = (Direction::ToListener, Role::Server(1), Role::Server(0));
        let hello = Hello { build: Build { protocol: 1, release: None }, direction, from, to, link: [7; 16] };
        assert!(dial_as(hello, &identities[1], &cluster, LONG).is_err());
        let _link = dial(to, from, &identities[1], &cluster, LONG).unwrap();
        listener.wait(from, "its second call", LONG).unwrap();
    }
}
