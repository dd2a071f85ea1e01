//! The first bytes on a connection: who dials whom, and whether that is welcome.
//!
//! Hello, from the dialer, little-endian: magic `ppdnn hi` (8), protocol version (4), length (1) and text of the release,
//! purpose (1), direction (1), from (5), to (5), link id (16). Reply: magic (8), protocol version (4), 0 not welcome, 1 welcome, 2 not now
//! (1), length (2) and text of the reason. Magic and version stay where they are in all versions, the release in all from 2 on,
//! the purpose in all from 6 on, and so does the reply, so that old and new can part with a reason that both of them print.

use std::fmt;
use std::io::{self, Read};

use super::frame::PROTOCOL;
use super::printable::printable;
use super::role::Role;
use super::tls::{Stream, TlsError};

/// What the dialer sends on each of a link's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) build: Build<'static>,
    pub(super) purpose: Purpose,
    pub(super) direction: Direction,
    pub(super) from: Role,
    pub(super) to: Role,
    pub(super) link: LinkId,
}

/// Which ppdnn a party runs. Two that differ do not talk: nobody has tested what they would make of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Build<'a> {
    /// The version of the protocol.
    pub(super) protocol: u32,
    /// The version of the program; none before protocol 2, which did not say.
    pub(super) release: Option<&'a str>,
}

impl Build<'_> {
    /// This program.
    pub(super) const OURS: Build<'static> = Build { protocol: PROTOCOL, release: Some(env!("CARGO_PKG_VERSION")) };
}

impl fmt::Display for Build<'_> {
    /// `ppdnn 0.1.0 (protocol 2)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.release {
            Some(release) => write!(f, "ppdnn {release} (protocol {})", self.protocol),
            None => write!(f, "an older ppdnn (protocol {})", self.protocol),
        }
    }
}

/// What both connections of a link have in common.
pub(super) type LinkId = [u8; 16];

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A link for jobs.
    Job = 0,
    /// A look at the connection: see [`probe`](super::probe()).
    Probe = 1,
}

/// Why a hello is not one that we can answer, and what the call was for, as far as that can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) reason: String,
    pub(super) purpose: Purpose,
}

/// Which way a connection carries frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the listener to the dialer.
    ToDialer = 0,
    /// From the dialer to the listener.
    ToListener = 1,
}

impl Hello {
    /// Says hello and waits for the reply: the reason if the peer refuses.
    pub(super) fn say(&self, stream: &mut Stream) -> Result<Result<(), Refusal>, TlsError> {
        stream.write_parts([&self.encode(), &[]], |_| ())?;
        read_reply(stream).map_err(TlsError::from)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.build.protocol.to_le_bytes());
        if let Some(release) = self.build.release {
            bytes.push(u8::try_from(release.len()).unwrap_or(0));
            bytes.extend(release.bytes());
        }
        bytes.push(self.purpose as u8);
        bytes.push(self.direction as u8);
        bytes.extend(self.from.encode());
        bytes.extend(self.to.encode());
        bytes.extend(self.link);
        bytes
    }

    /// Reads a hello: the reason if it is not valid.
    pub(super) fn hear(from: &mut impl Read) -> io::Result<Result<Self, Mismatch>> {
        let mismatch = |purpose, reason: String| Ok(Err(Mismatch { reason, purpose }));
        if array(from)? != MAGIC {
            return mismatch(Purpose::Job, "this port belongs to ppdnn, and the caller is another program".into());
        }
        let protocol = u32::from_le_bytes(array(from)?);
        let release = if protocol > FIRST { Some(read_release(from)?) } else { None };
        let theirs = Build { protocol, release: release.as_deref() };
        let purpose = match protocol {
            ..WITH_PURPOSE => Some(Purpose::Job),
            _ => purpose(array(from)?),
        };
        if theirs != Build::OURS {
            let ours = Build::OURS;
            let reason = format!("the caller runs {theirs}, the listener {ours}; install the same ppdnn on both");
            return mismatch(purpose.unwrap_or(Purpose::Job), reason);
        }
        let [direction] = array(from)?;
        let (who, whom, link) = (Role::decode(array(from)?), Role::decode(array(from)?), array(from)?);
        let direction = match direction {
            0 => Some(Direction::ToDialer),
            1 => Some(Direction::ToListener),
            _ => None,
        };
        let (Some(purpose), Some(direction), Some(from), Some(to)) = (purpose, direction, who, whom) else {
            let reason = "the caller's greeting is malformed; install the same ppdnn on both";
            return mismatch(Purpose::Job, reason.into());
        };
        Ok(Ok(Self { build: Build::OURS, purpose, direction, from, to, link }))
    }
}

/// Why a call is not welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// Whether the same call may be welcome later.
    pub(super) later: bool,
}

/// Answers a hello.
pub(super) fn reply(stream: &mut Stream, answer: Result<(), &Refusal>) -> io::Result<()> {
    stream.write_parts([&encode_reply(answer), &[]], |_| ())
}

fn encode_reply(answer: Result<(), &Refusal>) -> Vec<u8> {
    let reason = answer.err().map_or("", |refusal| &refusal.reason).as_bytes();
    let reason = &reason[..reason.len().min(MAX_REASON)];
    let mut bytes = MAGIC.to_vec();
    bytes.extend(PROTOCOL.to_le_bytes());
    bytes.push(match answer {
        Ok(()) => WELCOME,
        Err(Refusal { later: true, .. }) => LATER,
        Err(Refusal { later: false, .. }) => NEVER,
    });
    bytes.extend(u16::try_from(reason.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(reason);
    bytes
}

/// Reads a reply: the reason if the peer refuses.
pub(super) fn read_reply(from: &mut impl Read) -> io::Result<Result<(), Refusal>> {
    if array(from)? != MAGIC {
        return Ok(Err(Refusal { reason: "the program that answers there is not ppdnn".into(), later: false }));
    }
    let version = u32::from_le_bytes(array(from)?);
    let [welcome] = array(from)?;
    let len = usize::from(u16::from_le_bytes(array(from)?));
    if welcome == WELCOME && version == PROTOCOL {
        return Ok(Ok(()));
    }
    let mut reason = vec![0; len.min(MAX_REASON)];
    from.read_exact(&mut reason)?;
    Ok(Err(Refusal { reason: printable(&String::from_utf8_lossy(&reason)), later: welcome == LATER }))
}

/// The purpose of a call, if it is one that we know.
fn purpose([byte]: [u8; 1]) -> Option<Purpose> {
    match byte {
        0 => Some(Purpose::Job),
        1 => Some(Purpose::Probe),
        _ => None,
    }
}

/// The release that a caller runs, as far as it can be printed.
fn read_release(from: &mut impl Read) -> io::Result<String> {
    let [len] = array(from)?;
    let mut text = vec![0; len.into()];
    from.read_exact(&mut text)?;
    Ok(text.into_iter().filter(u8::is_ascii_graphic).map(char::from).collect())
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The version that had no release in its hello.
const FIRST: u32 = 1;
/// The first version that has a purpose in its hello.
const WITH_PURPOSE: u32 = 6;

const MAGIC: [u8; 8] = *b"ppdnn hi";
const MAX_REASON: usize = 1024;

const NEVER: u8 = 0;
const WELCOME: u8 = 1;
const LATER: u8 = 2;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::net::frame::tests::headers;

    /// What is said below the messages of roles, with names: hellos, replies and the headers of frames. The release, which
    /// changes without the protocol, is another.
    pub(crate) fn first_bytes() -> [(&'static str, Vec<Vec<u8>>); 3] {
        let roles = [Role::Server(0), Role::Server(1), Role::Dealer, Role::Trainer, Role::Owner(7)];
        let direction = [Direction::ToDialer, Direction::ToListener];
        let build = Build { protocol: PROTOCOL, release: Some("0.0.0") };
        let hello = |(from, direction): (Role, Direction)| Hello { build, direction, from, ..sample(build) }.encode();
        let probe = Hello { purpose: Purpose::Probe, ..sample(build) }.encode();
        let hellos = roles.into_iter().flat_map(|role| direction.map(|direction| (role, direction)));
        let hellos = hellos.map(hello).chain([probe]).collect();
        let refusal = |later| Refusal { reason: "a reason".into(), later };
        let replies = [encode_reply(Ok(())), encode_reply(Err(&refusal(false))), encode_reply(Err(&refusal(true)))];
        [("hello", hellos), ("reply to a hello", replies.to_vec()), ("header of a frame", headers())]
    }

    fn sample(build: Build<'static>) -> Hello {
        let purpose = Purpose::Job;
        Hello { build, purpose, direction: Direction::ToDialer, from: Role::Server(1), to: Role::Dealer, link: [7; 16] }
    }

    #[test]
    fn a_hello_comes_back_from_its_bytes() {
        for purpose in [Purpose::Job, Purpose::Probe] {
            let hello = Hello { purpose, ..sample(Build::OURS) };
            assert_eq!(Hello::hear(&mut hello.encode().as_slice()).unwrap(), Ok(hello));
        }
    }

    #[test]
    fn another_build_is_refused_with_both_versions() {
        let first = Build { protocol: 1, release: None };
        for (theirs, shown) in [
            (first, "an older ppdnn (protocol 1)".to_owned()),
            (
                Build { protocol: PROTOCOL + 1, release: Some("9.9.9") },
                format!("ppdnn 9.9.9 (protocol {})", PROTOCOL + 1),
            ),
            (Build { release: Some("0.0.7"), ..Build::OURS }, format!("ppdnn 0.0.7 (protocol {PROTOCOL})")),
        ] {
            let reason = Hello::hear(&mut sample(theirs).encode().as_slice()).unwrap().unwrap_err().reason;
            let ours = format!("the listener {}; install the same ppdnn on both", Build::OURS);
            assert!(reason.contains(&shown) && reason.contains(&ours), "{reason}");
        }
    }

    #[test]
    fn what_another_build_called_for_is_known_from_the_version_that_says_it() {
        let build = |protocol| Build { protocol, release: Some("9.9.9") };
        let heard = |protocol| {
            let hello = Hello { purpose: Purpose::Probe, ..sample(build(protocol)) };
            Hello::hear(&mut hello.encode().as_slice()).unwrap().unwrap_err().purpose
        };
        assert_eq!([5, PROTOCOL, PROTOCOL + 1].map(heard), [Purpose::Job, Purpose::Probe, Purpose::Probe]);
    }

    #[test]
    fn a_release_that_cannot_be_printed_is_not() {
        let reason = Hello::hear(&mut sample(Build { protocol: 7, release: Some("1\u{1b}[2J\n") }).encode().as_slice());
        let reason = reason.unwrap().unwrap_err().reason;
        assert!(reason.contains("ppdnn 1[2J (protocol 7)"), "{reason}");
    }
}
