//! What a run costs: rounds, bytes, multiplications and time, by part of the run.

use serde::{Deserialize, Serialize};

/// A part of a run that is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunPhase {
    /// Everything before the first step and after the last.
    Setup,
    /// Training steps.
    Step,
    /// Accuracy on the test rows.
    Evaluation,
}

/// Bytes of a link, one way: frames with their headers, as handed to TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Counts a frame with a body of `bytes` bytes.
    pub fn frame(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += (crate::net::HEADER_BYTES + bytes) as u64;
    }

    /// Adds other traffic `times` times.
    pub fn add(&mut self, other: Self, times: u64) {
        self.frames = self.frames.saturating_add(other.frames.saturating_mul(times));
        self.bytes = self.bytes.saturating_add(other.bytes.saturating_mul(times));
    }

    /// What was added since `before`.
    #[must_use]
    pub(crate) fn since(self, before: Self) -> Self {
        Self { frames: self.frames - before.frames, bytes: self.bytes - before.bytes }
    }
}

/// What one party did in one section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Simultaneous exchanges of the two servers.
    pub rounds: u64,
    /// To the other server.
    pub sent: Traffic,
    /// From the other server.
    pub received: Traffic,
    /// Corrections: sent by the dealer, or received from it.
    pub dealt: Traffic,
    /// Ring multiply-adds of matrix products.
    pub macs: u64,
    /// Wall time.
    pub seconds: f64,
    /// Of it, in exchanges.
    pub exchange_seconds: f64,
    /// Of it, waiting for the dealer (or, at the dealer, for server 1 to take what is dealt).
    pub dealer_seconds: f64,
}

/// Statistics by section, with the clock of the current one.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// Bodies of the longest frame that was opened and of the longest that was dealt, in bytes.
    pub(crate) longest: [usize; 2],
    sections: [Stats; 3],
    now: RunPhase,
    since: std::time::Instant,
}

impl Default for Counters {
    fn default() -> Self {
        Self { longest: [0; 2], sections: Default::default(), now: RunPhase::Setup, since: std::time::Instant::now() }
    }
}

impl Counters {
    /// The statistics of the current section.
    pub(crate) fn now(&mut self) -> &mut Stats {
        &mut self.sections[self.now as usize]
    }

    /// Counts a frame of the dealer's.
    pub(crate) fn dealt(&mut self, bytes: usize) {
        self.longest[1] = self.longest[1].max(bytes);
        self.now().dealt.frame(bytes);
    }

    /// Counts a round in which both servers send so much.
    pub(crate) fn opened(&mut self, bytes: usize) {
        self.longest[0] = self.longest[0].max(bytes);
        let stats = self.now();
        stats.rounds += 1;
        stats.sent.frame(bytes);
        stats.received.frame(bytes);
    }

    /// Goes on in another section from `now` on.
    pub(crate) fn enter(&mut self, section: RunPhase, now: std::time::Instant) {
        self.now().seconds += (now - self.since).as_secs_f64();
        self.since = now;
        self.now = section;
    }

    /// Counts what was counted since `before` `times` times more; the clocks stay.
    pub(crate) fn repeat(&mut self, before: &Self, times: u64) {
        for (now, before) in self.sections.iter_mut().zip(&before.sections) {
            let add = |a: &mut u64, before: u64| *a = a.saturating_add((*a - before).saturating_mul(times));
            add(&mut now.rounds, before.rounds);
            add(&mut now.macs, before.macs);
            now.sent.add(now.sent.since(before.sent), times);
            now.received.add(now.received.since(before.received), times);
            now.dealt.add(now.dealt.since(before.dealt), times);
        }
    }

    /// The statistics of a section, the current one's clock included.
    pub(crate) fn of(&self, section: RunPhase) -> Stats {
        let mut stats = self.sections[section as usize];
        if self.now == section {
            stats.seconds += self.since.elapsed().as_secs_f64();
        }
        stats
    }
}
