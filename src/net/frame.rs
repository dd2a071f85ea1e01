//! Frames: a header of 32 bytes and a body.
//!
//! Header, little-endian: magic `ppdn` (4), frame version (1), kind (1), zero (2), session (8), step (4), gate (4), body length
//! (8).

use std::fmt;
use std::io::{self, BufRead};
use std::time::Duration;

use zeroize::Zeroize;

use super::phase::Rate;
use crate::error::{Error, Result};
use crate::peer::Peer;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Parties agree on the job and its settings.
    Agree = 1,
    /// A party asks another to continue or to stop.
    Control = 2,
    /// The dealer's corrections, for server 1.
    Correction = 3,
    /// An owner's masked rows, or its half of sums.
    Data = 4,
    /// A server's half of an opening.
    Opening = 5,
    /// How far a party is.
    Progress = 6,
    /// What a party measured.
    Report = 7,
    /// A share of a result, for the trainer, or for owners.
    Result = 8,
    /// A seed of masks.
    Seed = 9,
    /// The last word of a party that its operator stops. Only links see it.
    Goodbye = 10,
    /// A keep-alive frame: the sender's work counter. Only links see it.
    KeepAlive = 11,
}

impl FrameKind {
    const ALL: [Self; 11] = [
        Self::Agree,
        Self::Control,
        Self::Correction,
        Self::Data,
        Self::Opening,
        Self::Progress,
        Self::Report,
        Self::Result,
        Self::Seed,
        Self::Goodbye,
        Self::KeepAlive,
    ];

    /// Whether such a frame is part of the work of a run. Keep-alive frames are not, nor is talk with the trainer, which goes on
    /// while parties wait.
    pub(super) fn is_work(self) -> bool {
        !matches!(self, Self::Control | Self::Goodbye | Self::KeepAlive | Self::Progress)
    }

    /// Whether such a frame is for the link itself rather than for who uses it.
    pub(super) fn is_sign(self) -> bool {
        matches!(self, Self::Goodbye | Self::KeepAlive)
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agree => "agree",
            Self::Control => "control",
            Self::Correction => "correction",
            Self::Data => "data",
            Self::Goodbye => "goodbye",
            Self::KeepAlive => "keep-alive frame",
            Self::Opening => "opening",
            Self::Progress => "progress",
            Self::Report => "report",
            Self::Result => "result",
            Self::Seed => "seed",
        })
    }
}

/// The place in the protocol that a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame is for.
    pub kind: FrameKind,
    /// The session, one start of a job.
    pub session: u64,
    /// The step of the session.
    pub step: u32,
    /// The gate of the step.
    pub gate: u32,
}

impl FrameHeader {
    /// The header of a frame with a body of `len` bytes.
    pub(super) fn encode(&self, len: u64) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = FRAME_VERSION;
        bytes[5] = self.kind as u8;
        bytes[8..16].copy_from_slice(&self.session.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.step.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.gate.to_le_bytes());
        bytes[24..].copy_from_slice(&len.to_le_bytes());
        bytes
    }

    /// The head and the body's length in a header, or the problem with it.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> std::result::Result<(Self, u64), String> {
        let part = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let long = |at: usize| u64::from(part(at)) | u64::from(part(at + 4)) << 32;
        if bytes[..4] != MAGIC || bytes[4] != FRAME_VERSION || bytes[6..8] != [0, 0] {
            return Err("sent something that is not a frame; do both run the same version of ppdnn?".into());
        }
        let kind = FrameKind::ALL.into_iter().find(|k| *k as u8 == bytes[5]).ok_or_else(|| {
            format!("sent a frame of the unknown kind {}; do both run the same version of ppdnn?", bytes[5])
        })?;
        Ok((Self { kind, session: long(8), step: part(16), gate: part(20) }, long(24)))
    }
}

impl fmt::Display for FrameHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, session, step, gate } = self;
        write!(f, "{kind}, session {session:x}, step {step}, gate {gate}")
    }
}

/// A head and its body.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The frame's place.
    pub head: FrameHeader,
    /// The bytes it carries.
    pub body: Vec<u8>,
}

impl Frame {
    /// The body of the one frame that may come now, from `peer`; see [`receive_exactly`](super::receive_exactly).
    pub(crate) fn exactly(self, peer: &Peer, want: FrameHeader, bytes: usize, what: &str) -> Result<Vec<u8>> {
        let Self { head, body } = self;
        if head != want {
            let (mine, theirs) = (want.to_string(), head.to_string());
            return Err(Error::Desync { peer: peer.into(), mine, theirs });
        }
        if body.len() != bytes {
            let reason = format!(
                "sent {} bytes as {what} at {head}, but {bytes} were expected; the two run different programs or jobs",
                body.len()
            );
            return Err(Error::peer(peer, reason));
        }
        Ok(body)
    }

    /// Bytes on the channel: header and body.
    pub fn bytes(&self) -> u64 {
        (HEADER_BYTES + self.body.len()) as u64
    }

    /// Erases a body that is a secret as it stands: a seed. All others are masked, sealed or public.
    pub(super) fn wipe(&mut self) {
        if self.head.kind == FrameKind::Seed {
            self.body.zeroize();
        }
    }

    /// Reads a frame; `None` where the stream ends cleanly before it.
    ///
    /// Memory grows as bytes arrive: an announcement alone costs at most 1 MiB. `admit` is asked whether a body of some length
    /// may come, and says what the limit is where it may not; `moved` is told of every piece that arrives, and its bytes. A
    /// body that stands still for `grace` in all must come at the least rate.
    pub(super) fn read(
        from: &mut impl BufRead,
        admit: impl Fn(u64) -> std::result::Result<(), u64>,
        moved: impl Fn(FrameKind, usize),
        grace: Duration,
    ) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER_BYTES];
        if from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        from.read_exact(&mut header)?;
        let (head, len) = FrameHeader::decode(&header).map_err(invalid)?;
        moved(head.kind, HEADER_BYTES);
        admit(len).map_err(|max| too_long(len, head, max))?;
        let len = usize::try_from(len).map_err(|_| too_long(len, head, u64::MAX))?;
        let (mut body, rate) = (Vec::with_capacity(len.min(FIRST_CHUNK)), Rate::begin(grace));
        while body.len() < len {
            let chunk = from.fill_buf()?;
            if chunk.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let take = chunk.len().min(len - body.len());
            if body.capacity() - body.len() < take {
                body.reserve_exact(body.len().max(take).min(len - body.len()));
            }
            body.extend_from_slice(&chunk[..take]);
            from.consume(take);
            moved(head.kind, take);
            rate.check(body.len(), len)?;
        }
        Ok(Some(Self { head, body }))
    }
}

impl fmt::Debug for Frame {
    /// Head and length: the body may be a share.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({}, {} bytes)", self.head, self.body.len())
    }
}

/// Length of the header in front of every body.
pub const HEADER_BYTES: usize = 32;

/// The version of everything that parties say to each other. `roles/wire.rs` pins it to the bytes of every message.
pub const PROTOCOL: u32 = 6;

/// The longest body that a channel takes by default, 1 MiB: more than anything before a job is agreed on.
pub const MAX_FRAME: u64 = 1 << 20;

const MAGIC: [u8; 4] = *b"ppdn";
const FRAME_VERSION: u8 = 1;
const FIRST_CHUNK: usize = 1 << 20;

fn too_long(len: u64, head: FrameHeader, max: u64) -> io::Error {
    invalid(over_limit(len, head, max))
}

/// Why a frame is refused for its length.
pub(super) fn over_limit(len: u64, head: FrameHeader, max: u64) -> String {
    format!("announces a frame of {len} bytes at {head}, the limit is {max}; does it run another job?")
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    /// The headers of frames of all kinds.
    pub(crate) fn headers() -> Vec<Vec<u8>> {
        FrameKind::ALL.map(|kind| FrameHeader { kind, ..HEAD }.encode(5).to_vec()).to_vec()
    }

    const HEAD: FrameHeader =
        FrameHeader { kind: FrameKind::Seed, session: 0x0123_4567_89ab_cdef, step: 7, gate: u32::MAX };

    fn read(bytes: &[u8], max: u64) -> io::Result<Option<Frame>> {
        Frame::read(
            &mut io::BufReader::with_capacity(7, bytes),
            |len| if len <= max { Ok(()) } else { Err(max) },
            |_, _| (),
            GRACE,
        )
    }

    const GRACE: Duration = Duration::from_secs(60);

    #[test]
    fn a_header_is_32_bytes_of_fixed_meaning() {
        let bytes = HEAD.encode(5);
        assert_eq!(&bytes[..8], b"ppdn\x01\x09\0\0");
        assert_eq!(bytes[8..16], [0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);
        assert_eq!(FrameHeader::decode(&bytes).unwrap(), (HEAD, 5));
        for (i, kind) in FrameKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i + 1);
        }
    }

    #[test]
    fn every_garbled_byte_of_magic_version_and_kind_is_an_error() {
        for at in 0..8 {
            let mut bytes = HEAD.encode(0);
            bytes[at] ^= 0x80;
            let error = read(&bytes, 9).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {at}: {error}");
        }
    }

    #[test]
    fn frames_come_out_of_any_pieces_and_a_cut_is_not_a_clean_end() {
        let mut bytes = HEAD.encode(20).to_vec();
        bytes.extend(0..20);
        let frame = read(&bytes, 20).unwrap().unwrap();
        assert_eq!((frame.head, frame.body), (HEAD, (0..20).collect()));
        assert!(read(&[], 20).unwrap().is_none());
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes[..cut], 20).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
        }
    }

    #[test]
    fn a_length_above_the_limit_is_refused_and_below_it_costs_nothing() {
        let error = read(&HEAD.encode(1 << 32), MAX_FRAME).unwrap_err();
        assert!(error.to_string().contains("4294967296 bytes"), "{error}");
        assert!(read(&HEAD.encode(u64::MAX), MAX_FRAME).is_err());
        let error = read(&HEAD.encode(1 << 40), u64::MAX).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_body_fills_a_vector_of_its_size_and_every_chunk_is_reported() {
        let mut bytes = HEAD.encode(5 << 20).to_vec();
        bytes.resize(bytes.len() + (5 << 20), 3);
        let (moves, bytes_moved) = (Cell::new(0), Cell::new(0));
        let mut from = io::BufReader::with_capacity(1 << 16, bytes.as_slice());
        let frame = Frame::read(
            &mut from,
            |_| Ok(()),
            |_, n| (moves.set(moves.get() + 1), bytes_moved.set(bytes_moved.get() + n)).0,
            GRACE,
        );
        let frame = frame.unwrap().unwrap();
        assert_eq!(bytes_moved.get(), bytes.len());
        assert!(frame.body.capacity() <= 6 << 20, "{}", frame.body.capacity());
        assert!(moves.get() >= 80);
    }

    #[test]
    fn a_frame_does_not_print_its_body() {
        let text = format!("{:?}", Frame { head: HEAD, body: vec![251; 3] });
        assert!(text.contains("3 bytes") && !text.contains("251"), "{text}");
    }
}
