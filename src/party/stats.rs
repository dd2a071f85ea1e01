//! What a run costs: rounds, bytes, multiplications and time, by part of the run.

use serde::{Deserialize, Serialize};

/// A part of a run that is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Section {
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
pub(crate) struct Account {
    sections: [Stats; 3],
    now: Section,
    since: std::time::Instant,
}

impl Default for Account {
    fn default() -> Self {
        Self { sections: Default::default(), now: Section::Setup, since: std::time::Instant::now() }
    }
}

impl Account {
    /// The statistics of the current section.
    pub(crate) fn now(&mut self) -> &mut Stats {
        &mut self.sections[self.now as usize]
    }

    /// Goes on in another section.
    pub(crate) fn enter(&mut self, section: Section) {
        let now = std::time::Instant::now();
        self.now().seconds += (now - self.since).as_secs_f64();
        self.since = now;
        self.now = section;
    }

    /// The statistics of a section, the current one's clock included.
    pub(crate) fn of(&self, section: Section) -> Stats {
        let mut stats = self.sections[section as usize];
        if self.now == section {
            stats.seconds += self.since.elapsed().as_secs_f64();
        }
        stats
    }
}
