//! A look at a connection: whether a party that listens can be reached, is who it should be, and how fast the way there is.
//!
//! A probe is a call whose hello says so. Behind the reply, the caller asks, as often as it may, one of three things, by a byte:
//! 1, the time: the answer is the UNIX time in milliseconds (8, little-endian). 2 and a length (4), take: that many bytes
//! follow, and the answer is a 2. 3 and a length (4), give: the answer is that many zeros. Nothing else is told, and a listener
//! answers parties of its cluster only, a few at a time, within limits of number, bytes and time.

use std::io::{self, Read};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::dial::{connect_to, resolve};
use super::fingerprint::Fingerprint;
use super::hello::{Build, Direction, Hello, Purpose, Refusal};
use super::identity::Identity;
use super::probe_answer::{GIVE, LIMIT, MOST_BYTES, TAKE, TIME, discard, unix_ms, write, write_zeros};
use super::role::Role;
use super::tls::{Stream, TlsConfig, TlsError};

/// What a probe measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The median round trip.
    pub round_trip: Duration,
    /// By how many milliseconds the other's clock is ahead of ours.
    pub clock_ahead_ms: i64,
    /// Bytes a second towards the other.
    pub sending: f64,
    /// Bytes a second from the other.
    pub receiving: f64,
}

/// How much a probe measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Some round trips and up to 4 MiB each way.
    Full,
    /// A few round trips and 64 KiB each way.
    Quick,
}

/// The steps of a probe, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeStage {
    /// The host name leads to an address.
    Address,
    /// Somebody listens there.
    Connection,
    /// The listener shows the right key and accepts ours.
    Identity,
    /// Both run the same program.
    Version,
    /// The connection lasts long enough to be measured.
    Measurement,
}

/// Where a probe ended, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFailure {
    /// The step that failed; those before it succeeded.
    pub stage: ProbeStage,
    /// What happened, and what to do.
    pub reason: String,
}

/// Probes the party that listens at an address and should show a key.
///
/// # Errors
/// [`ProbeFailure`] with the step that failed.
pub fn probe(
    (to, address, key): (Role, &str, Fingerprint),
    (me, identity): (Role, &Identity),
    extent: Extent,
) -> Result<Measured, ProbeFailure> {
    let hello = Hello {
        build: Build::OURS,
        purpose: Purpose::Probe,
        direction: Direction::ToListener,
        from: me,
        to,
        link: [0; 16],
    };
    probe_as(hello, (address, key), identity, extent)
}

/// Probes with a given hello; calls again where the listener has no time at the moment.
fn probe_as(
    hello: Hello,
    (address, key): (&str, Fingerprint),
    identity: &Identity,
    extent: Extent,
) -> Result<Measured, ProbeFailure> {
    let start = Instant::now();
    loop {
        let mut stream = open(hello, (address, key), identity)?;
        let said = hello.say(&mut stream).map_err(|broken| refused(&broken, identity))?;
        match said {
            Ok(()) => {
                stream.end_by(Instant::now() + LIMIT);
                return measure(&mut stream, extent).map_err(|e| fail(ProbeStage::Measurement, cut(&e)));
            }
            Err(Refusal { later: true, .. }) if start.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(Refusal { reason, .. }) => return Err(fail(ProbeStage::Version, format!("it says: {reason}"))),
        }
    }
}

/// A connection to whoever shows the key.
fn open(hello: Hello, (address, key): (&str, Fingerprint), identity: &Identity) -> Result<Stream, ProbeFailure> {
    let to = hello.to;
    let unusable = |e: &dyn std::fmt::Display| fail(ProbeStage::Identity, e.to_string());
    let config = TlsConfig::new(identity, vec![key]).map_err(|e| unusable(&e))?;
    let addresses = resolve(address).ok().filter(|addresses| !addresses.is_empty()).ok_or_else(|| {
        fail(
            ProbeStage::Address,
            format!("{address} has no address; correct it with {to}'s operator, or the name service"),
        )
    })?;
    let socket = connect_to(&addresses, CONNECT).and_then(|socket: TcpStream| {
        socket.set_nodelay(true)?;
        Ok(socket)
    });
    let socket = socket.map_err(|e| {
        let reason = format!("nothing answers at {address} ({e}); have its operator start {to} and open the port");
        fail(ProbeStage::Connection, reason)
    })?;
    config.connect(socket, Instant::now() + CONNECT).map_err(|broken| match broken {
        TlsError::Key(shown) => fail(
            ProbeStage::Identity,
            format!(
                "whoever listens at {address} shows key {}, not the known {}; ask {to}'s operator whether the key changed",
                shown.short(),
                key.short()
            ),
        ),
        broken => refused(&broken, identity),
    })
}

/// Why the listener does not talk to us.
fn refused(broken: &TlsError, identity: &Identity) -> ProbeFailure {
    let key = identity.fingerprint().short();
    let reason = match broken {
        TlsError::Alert(alert) => {
            format!("it refuses our key {key} ({alert}); have its operator trust our .party file and start it again")
        }
        broken => format!("{broken}; is it ppdnn that listens there?"),
    };
    fail(ProbeStage::Identity, reason)
}

fn cut(error: &io::Error) -> String {
    format!("the connection broke off while it was measured ({error}); run this again, and look for a firewall between")
}

fn fail(stage: ProbeStage, reason: String) -> ProbeFailure {
    ProbeFailure { stage, reason }
}

fn measure(stream: &mut Stream, extent: Extent) -> io::Result<Measured> {
    let (round_trips, most) = match extent {
        Extent::Full => (FULL_ROUND_TRIPS, MOST_BYTES - FIRST_BYTES),
        Extent::Quick => (QUICK_ROUND_TRIPS, 0),
    };
    let mut trips = (0..round_trips).map(|_| round_trip(stream)).collect::<io::Result<Vec<_>>>()?;
    trips.sort_by_key(|(took, _)| *took);
    let (fastest, median) = (trips[0], trips[trips.len() / 2].0);
    let sending = speed(most, median, |bytes| send(stream, bytes))?;
    let receiving = speed(most, median, |bytes| receive(stream, bytes))?;
    stream.close()?;
    Ok(Measured { round_trip: median, clock_ahead_ms: fastest.1, sending, receiving })
}

/// How long a question takes, and how far ahead the other's clock is, if the way back takes as long as the way there.
fn round_trip(stream: &mut Stream) -> io::Result<(Duration, i64)> {
    let (start, ours) = (Instant::now(), unix_ms());
    write(stream, &[TIME])?;
    let mut theirs = [0; 8];
    stream.read_exact(&mut theirs)?;
    let took = start.elapsed();
    let half = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
    let theirs = i64::try_from(u64::from_le_bytes(theirs)).unwrap_or(i64::MAX);
    Ok((took, theirs.saturating_sub(i64::try_from(ours).unwrap_or(i64::MAX)).saturating_sub(half)))
}

/// Bytes a second: of some first bytes, then of as many as take a second by those, at most `most`.
fn speed(most: u32, round_trip: Duration, mut transfer: impl FnMut(u32) -> io::Result<Duration>) -> io::Result<f64> {
    let mut rate = |bytes: u32| {
        let took = transfer(bytes)?.saturating_sub(round_trip).max(SHORTEST);
        Ok::<_, io::Error>(f64::from(bytes) / took.as_secs_f64())
    };
    let first = rate(FIRST_BYTES)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two numbers of 32 bits")]
    let second = first.clamp(0.0, f64::from(most)) as u32;
    if second <= FIRST_BYTES { Ok(first) } else { rate(second) }
}

fn send(stream: &mut Stream, bytes: u32) -> io::Result<Duration> {
    let start = Instant::now();
    ask(stream, TAKE, bytes)?;
    write_zeros(stream, bytes)?;
    let mut taken = [0];
    stream.read_exact(&mut taken)?;
    Ok(start.elapsed())
}

fn receive(stream: &mut Stream, bytes: u32) -> io::Result<Duration> {
    let start = Instant::now();
    ask(stream, GIVE, bytes)?;
    discard(stream, bytes)?;
    Ok(start.elapsed())
}

fn ask(stream: &mut Stream, what: u8, bytes: u32) -> io::Result<()> {
    let [a, b, c, d] = bytes.to_le_bytes();
    write(stream, &[what, a, b, c, d])
}

/// How long a prober waits for a connection, and for its turn.
const CONNECT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(300);

const FULL_ROUND_TRIPS: u32 = 51;
const QUICK_ROUND_TRIPS: u32 = 9;
/// Bytes that say how many more are worth it.
const FIRST_BYTES: u32 = 64 << 10;
/// A transfer that took no time as far as can be told.
const SHORTEST: Duration = Duration::from_micros(50);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::net::cluster::Cluster;
    use crate::net::cluster::tests::sample;
    use crate::net::dial::dial;
    use crate::net::listener::Listener;

    const LONG: Duration = Duration::from_secs(20);

    /// Server 0, listening; the keys of server 0, 1, dealer, trainer, owner 0.
    fn listening() -> (Listener, Cluster, Vec<Identity>) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let (cluster, identities) = sample(socket.local_addr().unwrap());
        let listener = Listener::bind_std(socket, Role::Server(0), &identities[0], &cluster).unwrap();
        (listener, cluster, identities)
    }

    fn probes(cluster: &Cluster, me: Role, identity: &Identity) -> Result<Measured, ProbeFailure> {
        let to = Role::Server(0);
        let there = (to, cluster.address(to).unwrap(), cluster.fingerprint(to).unwrap());
        probe(there, (me, identity), Extent::Quick)
    }

    #[test]
    fn a_probe_measures_and_leaves_nothing_behind() {
        let (listener, cluster, identities) = listening();
        let there = (Role::Server(0), cluster.address(Role::Server(0)).unwrap(), identities[0].fingerprint());
        for (me, identity) in [(Role::Owner(0), &identities[4]), (Role::Server(1), &identities[1])] {
            let measured = probe(there, (me, identity), Extent::Full).unwrap();
            assert!(measured.round_trip < LONG && measured.clock_ahead_ms.abs() < 5000, "{measured:?}");
            assert!(measured.sending > 1e5 && measured.receiving > 1e5, "{measured:?}");
            assert!(listener.look(me, Duration::from_millis(50)).unwrap().is_none(), "a probe is no link");
        }
        assert_eq!(listener.remarks(), "");
        // and the party itself may call for a job, also between its probes
        let _link = dial(Role::Server(0), Role::Server(1), &identities[1], &cluster, LONG).unwrap();
        probes(&cluster, Role::Server(1), &identities[1]).unwrap();
        listener.wait(Role::Server(1), "its link", LONG).unwrap();
    }

    #[test]
    fn a_wrong_key_on_either_side_is_named() {
        let (listener, cluster, identities) = listening();
        let address = cluster.address(Role::Server(0)).unwrap();
        let of = |key, identity| probe((Role::Server(0), address, key), (Role::Server(1), identity), Extent::Quick);
        let error = of(identities[2].fingerprint(), &identities[1]).unwrap_err();
        assert!(error.stage == ProbeStage::Identity && error.reason.contains("shows key"), "{error:?}");
        assert!(error.reason.contains(&identities[0].fingerprint().short()), "{error:?}");
        let stranger = Identity::generate().unwrap();
        let error = of(identities[0].fingerprint(), &stranger).unwrap_err();
        assert!(error.stage == ProbeStage::Identity && error.reason.contains("refuses our key"), "{error:?}");
        // a key of another party of the cluster
        let error = of(identities[0].fingerprint(), &identities[4]).unwrap_err();
        assert!(error.reason.contains("claims to be server 1"), "{error:?}");
        assert!(listener.look(Role::Server(1), Duration::from_millis(50)).unwrap().is_none());
    }

    #[test]
    fn another_program_is_named_and_whoever_waits_for_the_caller_goes_on_waiting() {
        let (listener, cluster, identities) = listening();
        let address = cluster.address(Role::Server(0)).unwrap();
        let build = Build { protocol: Build::OURS.protocol + 1, release: Some("9.9.9") };
        let (purpose, direction) = (Purpose::Probe, Direction::ToListener);
        let hello = Hello { build, purpose, direction, from: Role::Server(1), to: Role::Server(0), link: [0; 16] };
        let key = identities[0].fingerprint();
        let error = probe_as(hello, (address, key), &identities[1], Extent::Quick).unwrap_err();
        assert_eq!(error.stage, ProbeStage::Version);
        for part in [build.to_string(), Build::OURS.to_string(), "install the same".into()] {
            assert!(error.reason.contains(&part), "{error:?}");
        }
        assert!(listener.look(Role::Server(1), Duration::from_millis(50)).unwrap().is_none());
    }

    #[test]
    fn addresses_without_a_host_or_a_listener_are_named() {
        let (cluster, identities) = sample("127.0.0.1:1".parse().unwrap());
        let of = |address| {
            let there = (Role::Server(0), address, cluster.fingerprint(Role::Server(0)).unwrap());
            probe(there, (Role::Server(1), &identities[1]), Extent::Quick).unwrap_err()
        };
        assert_eq!(of("nowhere.invalid:7100").stage, ProbeStage::Address);
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let error = of(&nobody);
        assert!(error.stage == ProbeStage::Connection && error.reason.contains(&nobody), "{error:?}");
    }
}
