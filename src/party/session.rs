//! What the sessions of a server and of the dealer have in common: a device, numbered draws, statistics, and who hears of
//! progress.

use super::constants::Constants;
use super::cost_counters::Counters;
use super::draw_log::DrawLog;
use super::masked_rows::{RowMasks, Set};
use super::{Judge, RunPhase, Stats, Verdict};
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::kernel::low;
use crate::kernel::twin::prg::{CHACHA, ChachaParams};
use crate::net::{FrameHeader, FrameKind};
use crate::tensor::{Device, Tensor};

/// A session: all that a server and the dealer both have. Seeds and links are their own.
pub(crate) struct Session {
    pub(super) device: Device,
    pub(super) profile: Profile,
    /// Its number.
    pub(super) number: u64,
    /// Steps that are done.
    step: u32,
    /// The place in the program.
    pub(super) scope: String,
    pub(crate) counters: Counters,
    pub(super) log: DrawLog,
    /// Streams of the seeds that are used.
    draws: u64,
    constants: Constants,
    masks: Vec<(Set, RowMasks)>,
    observer: Box<dyn FnMut(u64, Stats) -> Result<()> + Send>,
    scores: Box<dyn FnMut(u32, u32) -> Result<()> + Send>,
    judge: Judge,
}

impl Session {
    /// Session number `number`.
    pub(super) fn new(device: Device, profile: Profile, number: u64) -> Self {
        Self {
            device,
            profile,
            number,
            step: 0,
            scope: String::new(),
            counters: Counters::default(),
            log: DrawLog::default(),
            draws: 0,
            constants: Constants::default(),
            masks: Vec::new(),
            observer: Box::new(|_, _| Ok(())),
            scores: Box::new(|_, _| Ok(())),
            judge: Box::new(|_| Ok(Verdict { goes_on: true, best: true })),
        }
    }

    /// Calls `observer` after every step, with the step's number and what the steps cost so far.
    pub(crate) fn observe(&mut self, observer: impl FnMut(u64, Stats) -> Result<()> + Send + 'static) {
        self.observer = Box::new(observer);
    }

    /// Calls `observer` within evaluations, with the test rows that are done and all of them.
    pub(crate) fn observe_scores(&mut self, observer: impl FnMut(u32, u32) -> Result<()> + Send + 'static) {
        self.scores = Box::new(observer);
    }

    /// Lets `judge` say after every epoch whether the run goes on, and whether the epoch is the best so far; all parties must
    /// hear the same.
    pub(crate) fn set_judge(&mut self, judge: impl FnMut(u32) -> Result<Verdict> + Send + 'static) {
        self.judge = Box::new(judge);
    }

    /// Notes every draw of randomness; for tests.
    #[cfg(test)]
    pub(crate) fn log_draws(&mut self, log: DrawLog) {
        self.log = log;
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// What a section cost so far.
    pub(crate) fn stats(&self, section: RunPhase) -> Stats {
        self.counters.of(section)
    }

    /// Counts ring multiply-adds.
    pub(crate) fn count_macs(&mut self, macs: usize) {
        self.counters.now().macs += macs as u64;
    }

    /// A public table on the device, copied there once.
    pub(crate) fn constant(&mut self, table: &'static [u64]) -> Result<Tensor> {
        self.constants.get(&self.device, table)
    }

    /// Gives it the masks of a data set.
    pub(super) fn set_masks(&mut self, set: Set, masks: RowMasks) {
        self.masks.push((set, masks));
    }

    /// The masks of a data set.
    pub(super) fn masks(&self, set: Set) -> Result<&RowMasks> {
        let found = self.masks.iter().find(|(s, _)| *s == set);
        found.map(|(_, masks)| masks).ok_or_else(|| Error::peer("owners", format!("sent no seeds for {set:?}")))
    }

    /// The number of the next stream.
    pub(super) fn next_stream(&mut self) -> u64 {
        let stream = self.draws;
        self.draws += 1;
        stream
    }

    /// `words` words of a stream of a server's seed, which is `key`.
    pub(super) fn stream(&self, server: u8, key: &Tensor, stream: u64, words: usize) -> Result<Tensor> {
        self.log.session(server, self.number, stream);
        let params = ChachaParams { stream_lo: low(stream), stream_hi: low(stream >> 32) };
        self.device.run(&CHACHA, params, &[key], [words])
    }

    /// The head of a frame: number `gate` of its kind.
    pub(super) fn head(&self, kind: FrameKind, gate: u32) -> FrameHeader {
        FrameHeader { kind, session: self.number, step: self.step, gate }
    }

    pub(super) fn enter_scope(&mut self, name: &str) {
        self.scope.clear();
        self.scope.push_str(name);
    }

    /// Begins behind step `step` of a run that resumes.
    pub(super) fn resume_after(&mut self, step: u64) {
        self.step = low(step);
    }

    pub(super) fn step_done(&mut self, step: u64) -> Result<()> {
        self.step = low(step);
        let stats = self.counters.of(RunPhase::Step);
        (self.observer)(step, stats)
    }

    pub(super) fn scored(&mut self, rows: u32, of: u32) -> Result<()> {
        (self.scores)(rows, of)
    }

    pub(super) fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        (self.judge)(epoch)
    }

    /// Streams used so far.
    #[cfg(test)]
    pub(super) fn draws(&self) -> u64 {
        self.draws
    }
}
