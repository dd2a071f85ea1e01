//! The first bytes on a connection: who dials whom, and whether that is welcome.
//!
//! Hello, from the dialer, little-endian: magic `ppdnn hi` (8), protocol version (4), direction (1), from (5), to
//! (5), link id (16). Reply: magic (8), protocol version (4), welcome or not (1), length (2) and text of the reason.
//! Magic and version stay where they are in all versions, and so does the reply, so that old and new can part
//! with a reason.

use std::io::{self, Read};

use super::role::Role;
use super::tls::{Broken, Stream};

/// What the dialer says on each of a link's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: u32,
    pub(super) direction: Direction,
    pub(super) from: Role,
    pub(super) to: Role,
    pub(super) link: LinkId,
}

/// What both connections of a link have in common.
pub(super) type LinkId = [u8; 16];

/// Which way a connection carries frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the listener to the dialer.
    ToDialer = 0,
    /// From the dialer to the listener.
    ToListener = 1,
}

impl Hello {
    /// Says hello and waits for the reply: the reason where we are not welcome.
    pub(super) fn say(&self, stream: &mut Stream) -> Result<Result<(), String>, Broken> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.push(self.direction as u8);
        bytes.extend(self.from.encode());
        bytes.extend(self.to.encode());
        bytes.extend(self.link);
        stream.write_parts([&bytes, &[]], || ())?;
        read_reply(stream).map_err(Broken::from)
    }

    /// Reads a hello: the reason where it is not one that we understand.
    pub(super) fn hear(from: &mut impl Read) -> io::Result<Result<Self, String>> {
        if array(from)? != MAGIC {
            return Ok(Err("this is a party of ppdnn, and the caller is not".into()));
        }
        let version = u32::from_le_bytes(array(from)?);
        if version != PROTOCOL {
            return Ok(Err(format!(
                "the caller speaks version {version} of the protocol, the listener version {PROTOCOL}; \
                 install the same ppdnn on both"
            )));
        }
        let [direction] = array(from)?;
        let (who, whom, link) = (Role::decode(array(from)?), Role::decode(array(from)?), array(from)?);
        let direction = match direction {
            0 => Some(Direction::ToDialer),
            1 => Some(Direction::ToListener),
            _ => None,
        };
        let (Some(direction), Some(from), Some(to)) = (direction, who, whom) else {
            return Ok(Err("the caller's greeting makes no sense; install the same ppdnn on both".into()));
        };
        Ok(Ok(Self { version, direction, from, to, link }))
    }
}

/// Answers a hello.
pub(super) fn reply(stream: &mut Stream, answer: &Result<(), String>) -> io::Result<()> {
    let reason = answer.as_ref().err().map_or("", String::as_str).as_bytes();
    let reason = &reason[..reason.len().min(MAX_REASON)];
    let mut bytes = MAGIC.to_vec();
    bytes.extend(PROTOCOL.to_le_bytes());
    bytes.push(u8::from(answer.is_ok()));
    bytes.extend(u16::try_from(reason.len()).unwrap_or(0).to_le_bytes());
    stream.write_parts([&bytes, reason], || ())
}

fn read_reply(from: &mut impl Read) -> io::Result<Result<(), String>> {
    if array(from)? != MAGIC {
        return Ok(Err("what answers there is not ppdnn".into()));
    }
    let version = u32::from_le_bytes(array(from)?);
    let [welcome] = array(from)?;
    let len = usize::from(u16::from_le_bytes(array(from)?));
    if welcome == 1 && version == PROTOCOL {
        return Ok(Ok(()));
    }
    let mut reason = vec![0; len.min(MAX_REASON)];
    from.read_exact(&mut reason)?;
    let text: String = String::from_utf8_lossy(&reason).chars().filter(|c| !c.is_control()).collect();
    Ok(Err(text))
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The version of everything that parties say to each other.
pub const PROTOCOL: u32 = 2;

const MAGIC: [u8; 8] = *b"ppdnn hi";
const MAX_REASON: usize = 1024;
