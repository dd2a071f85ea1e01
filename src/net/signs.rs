//! Signs of life of the two ends of a link.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::channel::{Frame, Head, Kind};
use super::queue::Queue;
use crate::pulse::Pulse;

/// Signs of life of the two ends of a link.
pub(super) struct Signs {
    /// Our clock of work, once the link is ours.
    pub(super) mine: OnceLock<Pulse>,
    /// The peer's, as far as it told.
    pub(super) theirs: Pulse,
    /// How often one is sent.
    pub(super) every: Duration,
    /// How long an end may send nothing at all before the connection is taken for broken: longer than whoever waits for it is
    /// patient, because that one can say what it waits for.
    pub(super) silence: Duration,
    /// Bytes of frames that moved either way, signs of life not counted.
    pub(super) bytes: Arc<AtomicU64>,
}

impl Signs {
    /// Those of a link whose both ends have this deadline.
    pub(super) fn new(deadline: Duration) -> Self {
        let every = (deadline / 4).min(RAREST_SIGN);
        let silence = deadline * 3 / 2;
        Self { mine: OnceLock::new(), theirs: Pulse::default(), every, silence, bytes: Arc::default() }
    }

    /// Ours.
    pub(super) fn frame(&self) -> Frame {
        let count = self.mine.get().map_or(0, Pulse::count);
        let head = Head { kind: Kind::KeepAlive, session: 0, step: 0, gate: 0 };
        Frame { head, body: count.to_le_bytes().to_vec() }
    }

    /// Takes note of the peer's; whether it is one.
    pub(super) fn hear(&self, frame: &Frame) -> bool {
        let Ok(count) = <[u8; 8]>::try_from(&frame.body[..]).map(u64::from_le_bytes) else { return false };
        self.theirs.hear(count);
        if let Some(mine) = self.mine.get() {
            mine.hear(count);
        }
        true
    }

    /// Notes that a piece of a frame, of so many bytes, moved on a queue.
    pub(super) fn moved(&self, kind: Kind, bytes: usize, queue: &Queue) {
        if !kind.is_sign() {
            queue.touch();
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        if let Some(mine) = self.mine.get().filter(|_| kind.is_work()) {
            mine.beat();
        }
    }
}

/// The longest time without a sign of life; firewalls forget a connection after minutes.
const RAREST_SIGN: Duration = Duration::from_secs(15);
