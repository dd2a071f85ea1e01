//! Keep-alive frames of the two ends of a link.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::frame::{Frame, FrameHeader, FrameKind};
use super::queue::Queue;
use crate::pulse::{BEYOND, Pulse};

/// Keep-alive frames of the two ends of a link.
pub(super) struct KeepAlive {
    /// Our work counter, once the link is ours.
    pub(super) mine: OnceLock<Pulse>,
    /// Moves whenever the peer's clock does.
    pub(super) theirs: Pulse,
    /// The peer's, as last received.
    told: AtomicU64,
    /// How often one is sent.
    pub(super) every: Duration,
    /// How long an end may send nothing at all before the connection is taken for broken: longer than whoever waits for it is
    /// patient, because that one can say what it waits for.
    pub(super) silence: Duration,
    /// Bytes of frames that moved either way, keep-alive frames not counted.
    pub(super) bytes: Arc<AtomicU64>,
}

impl KeepAlive {
    /// Those of a link whose both ends have this deadline.
    pub(super) fn new(deadline: Duration) -> Self {
        let every = (deadline / 4).min(RAREST_SIGN);
        let silence = deadline * 3 / 2;
        Self {
            mine: OnceLock::new(),
            theirs: Pulse::default(),
            told: AtomicU64::new(0),
            every,
            silence,
            bytes: Arc::default(),
        }
    }

    /// Ours.
    pub(super) fn frame(&self) -> Frame {
        let count = self.mine.get().map_or(0, Pulse::count);
        let head = FrameHeader { kind: FrameKind::KeepAlive, session: 0, step: 0, gate: 0 };
        Frame { head, body: count.to_le_bytes().to_vec() }
    }

    /// Tells the peer of our clock from now on; whether it is the first.
    pub(super) fn show(&self, mine: &Pulse) -> bool {
        let first = self.mine.set(mine.clone()).is_ok();
        if first {
            mine.hear(self.told.load(Ordering::SeqCst));
        }
        first
    }

    /// Takes note of the peer's.
    ///
    /// # Errors
    /// A message if the counter decreases, or exceeds what any work can reach.
    pub(super) fn hear(&self, frame: &Frame) -> Result<(), String> {
        let count = <[u8; 8]>::try_from(&frame.body[..]).map(u64::from_le_bytes);
        let count = count.map_err(|_| format!("sent a malformed keep-alive frame; {VERSIONS}"))?;
        // only the reader of the link comes here
        let before = self.told.swap(count, Ordering::SeqCst);
        if count < before || count >= BEYOND {
            let how = if count < before { "goes back" } else { "is more than any work can reach" };
            return Err(format!("claims that its work counter is at {count}, after {before}, which {how}; {VERSIONS}"));
        }
        // one that says the same again has done nothing
        if count > before {
            self.theirs.beat();
            if let Some(mine) = self.mine.get() {
                mine.hear(count);
            }
        }
        Ok(())
    }

    /// Notes that a piece of a frame, of the given size, moved on a queue.
    pub(super) fn moved(&self, kind: FrameKind, bytes: usize, queue: &Queue) {
        if !kind.is_sign() {
            queue.touch();
            self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        if let Some(mine) = self.mine.get().filter(|_| kind.is_work()) {
            mine.beat();
        }
    }
}

/// What to do about a sign that cannot be.
const VERSIONS: &str = "do both run the same version of ppdnn?";

/// The longest time without a keep-alive frame; firewalls forget a connection after minutes.
const RAREST_SIGN: Duration = Duration::from_secs(15);
