//! Calling a party that listens.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::fingerprint::Fingerprint;
use super::hello::{Build, Direction, Hello, Purpose, Refusal};
use super::identity::Identity;
use super::link::{Link, unusable};
use super::role::Role;
use super::tls::{Stream, TlsConfig, TlsError};
use crate::error::{Error, Result, advice};
use crate::peer::Peer;

/// Connects to a role that listens, trying again until `patience` is over while nothing answers there.
///
/// # Errors
/// [`Error::Usage`] if the cluster file gives the role no address, or gives us another key than ours; [`Error::Peer`] if
/// nothing answers in time, or whoever answers shows another key or does not want us; [`Error::Busy`] if it may want us
/// later.
pub fn dial(to: Role, me: Role, identity: &Identity, cluster: &Cluster, patience: Duration) -> Result<Link> {
    dial_patiently(to, me, identity, cluster, (patience, &mut || ()))
}

/// [`dial`], which calls the function once where nobody has answered within two seconds.
pub fn dial_patiently(
    to: Role,
    me: Role,
    identity: &Identity,
    cluster: &Cluster,
    (patience, absent): (Duration, &mut dyn FnMut()),
) -> Result<Link> {
    if cluster.fingerprint(me) != Some(identity.fingerprint()) {
        let key = identity.fingerprint().short();
        let advice = "use its own identity, or update the file";
        return Err(Error::Usage(format!(
            "our key {key} is not the one that the cluster file lists for {me}; {advice}"
        )));
    }
    let mut link = [0; 16];
    getrandom::fill(&mut link)
        .map_err(|e| Error::Device(format!("the operating system provides no randomness: {e}")))?;
    let hello =
        Hello { build: Build::OURS, purpose: Purpose::Job, direction: Direction::ToListener, from: me, to, link };
    dial_as(hello, identity, cluster, (patience, absent))
}

/// Dials with a given hello.
pub(super) fn dial_as(
    hello: Hello,
    identity: &Identity,
    cluster: &Cluster,
    (patience, absent): (Duration, &mut dyn FnMut()),
) -> Result<Link> {
    let to = hello.to;
    let (Some(address), Some(key)) = (cluster.address(to), cluster.fingerprint(to)) else {
        return Err(Error::Usage(format!("the cluster file gives no address for {to}; it does not listen")));
    };
    let mut call = Call {
        address,
        key,
        our_key: identity.fingerprint(),
        tls_config: TlsConfig::new(identity, vec![key])?,
        peer: cluster.name(to),
        start: Instant::now(),
        patience,
        absent: Some(absent),
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
    tls_config: TlsConfig,
    peer: Peer,
    start: Instant,
    patience: Duration,
    /// To be called once nobody has answered for a moment.
    absent: Option<&'a mut dyn FnMut()>,
}

impl Call<'_> {
    /// A connection that the peer welcomes.
    fn open(&mut self, hello: Hello) -> Result<Stream> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.try_once(hello) {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(Refusal { reason, later: true })) => {
                    return Err(Error::Busy { peer: self.peer.clone(), reason });
                }
                Ok(Err(Refusal { reason, .. })) => {
                    return Err(Error::peer(&self.peer, format!("rejected our connection: {reason}")));
                }
                Err(TlsError::Io(error)) if !advice(&error).is_empty() => return Err(unusable(&self.peer, error)),
                Err(TlsError::Io(error)) => error,
                Err(broken) => return Err(Error::peer(&self.peer, self.explain(&broken))),
            };
            if self.start.elapsed() >= MOMENT
                && let Some(absent) = self.absent.take()
            {
                absent();
            }
            let left = self.patience.saturating_sub(self.start.elapsed());
            if left.is_zero() {
                return Err(Error::peer(&self.peer, self.nobody(&error)));
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn try_once(&self, hello: Hello) -> std::result::Result<std::result::Result<Stream, Refusal>, TlsError> {
        let most = if self.absent.is_some() { MOMENT } else { MOST };
        let left = self.patience.saturating_sub(self.start.elapsed()).clamp(LEAST, most);
        let until = Instant::now() + left;
        let socket = connect(self.address, left)?;
        socket.set_nodelay(true)?;
        let mut stream = self.tls_config.connect(socket, until)?;
        Ok(hello.say(&mut stream)?.map(|()| stream))
    }

    fn explain(&self, broken: &TlsError) -> String {
        match broken {
            TlsError::Key(shown) => format!(
                "presents key {}, the cluster file lists {}; is it another machine, or is the file outdated?",
                shown.short(),
                self.key.short()
            ),
            TlsError::Alert(alert) => format!(
                "refuses our key {} ({alert}); does its cluster file list this key, and is it the same file as ours?",
                self.our_key.short()
            ),
            TlsError::Io(_) | TlsError::Tls(_) => format!("{broken}; is it ppdnn that is listening there?"),
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
    connect_to(&resolve(address)?, limit)
}

/// The addresses of a host and a port.
pub(super) fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(address.to_socket_addrs()?.collect())
}

/// A connection to the first of some addresses that answers.
pub(super) fn connect_to(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for one in addresses {
        match TcpStream::connect_timeout(one, limit) {
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
/// How long a party that is there takes to answer.
const MOMENT: Duration = Duration::from_secs(2);
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
        let (purpose, direction) = (Purpose::Job, Direction::ToListener);
        let mut hello =
            Hello { build: Build::OURS, purpose, direction, from: Role::Server(1), to: Role::Server(0), link: [7; 16] };
        change(&mut hello);
        let start = Instant::now();
        let theirs = dial_as(hello, &identities[1], &cluster, (LONG, &mut || ())).err().unwrap().to_string();
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
                assert!(text.contains("claims to be owner 0") && text.contains("belongs to server 1"), "{text}");
            }
        }
    }

    #[test]
    fn a_refused_peer_may_call_again() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (cluster, identities) = sample(socket.local_addr().unwrap());
        let listener = Listener::bind_std(socket, Role::Server(0), &identities[0], &cluster).unwrap();
        let (direction, from, to) = (Direction::ToListener, Role::Server(1), Role::Server(0));
        let build = Build { protocol: 1, release: None };
        let hello = Hello { build, purpose: Purpose::Job, direction, from, to, link: [7; 16] };
        assert!(dial_as(hello, &identities[1], &cluster, (LONG, &mut || ())).is_err());
        let _link = dial(to, from, &identities[1], &cluster, LONG).unwrap();
        listener.wait(from, "its second call", LONG).unwrap();
    }
}
