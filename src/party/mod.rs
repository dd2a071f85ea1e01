//! The four interpreters of a training program, and what a value is to each.
//!
//! | | a share is | a wire is |
//! |---|---|---|
//! | [`Server`] | my half | the public masked value and my half of its mask |
//! | [`Dealer`] | its shape | its mask |
//! | [`Clear`] | the number | the number |
//! | [`Plan`] | a server's and a dealer's, without contents | the same |
//!
//! A gate gives the four their meanings side by side ([`crate::gates`]).

mod checkpoint;
mod clear;
mod constants;
mod cost;
mod cost_counters;
mod dealer_state;
mod draw_log;
mod ending;
mod gate_clock;
mod masked_rows;
mod observed_ranges;
mod plan;
mod reveal;
mod scaled;
mod server_state;
mod session;
mod shares;

pub use checkpoint::{Checkpoint, CheckpointStore, HalfBytes, Over, RunState, ValueShape};
pub use clear::{Clear, ClearTensor};
pub use cost::{Cost, CostEntry, CostKind};
pub use cost_counters::{RunPhase, Stats, Traffic};
pub use dealer_state::{Dealer, DealtBits, DealtShare, DealtWire};
pub use draw_log::{Draw, DrawLog};
pub use ending::Verdict;
pub use gate_clock::TimeEntry;
pub use masked_rows::{MaskedRows, RowMasks, Set, SetShape};
pub use observed_ranges::{Range, Ranges, StepId};
pub use plan::{LargestFrames, Plan, PlannedSet};
pub use reveal::{Figure, RevealChannel, Revealed, SendRevealed};
pub use scaled::Scaled;
pub use server_state::{Links, Reply, Server};
pub use shares::{AdditiveShare, BitShare, MaskedBits, MaskedWire, Selectors};

pub(crate) use clear::{largest, power};
pub(crate) use cost::layer_and_pass;
pub(crate) use ending::{Judge, dismiss_dealer};
pub(crate) use gate_clock::MOST_PLACES;
pub(crate) use plan::planned;
pub(crate) use server_state::unpacked;

use crate::error::Result;
use crate::fixed::Profile;
use crate::shape::Shape;

/// What values are to an interpreter.
pub trait Interpreter {
    /// A value that is not opened.
    type Share: Scaled;
    /// A value that is opened under a mask that the dealer knows.
    type Wire: Scaled;
    /// Secret bits, not opened.
    type Bits: Clone;
    /// Secret bits, opened under masks.
    type MaskedBits: Clone;
    /// Secret bits, opened under masks that are shared in the ring too: they can select.
    type Selectors: Clone;

    /// The number settings.
    fn profile(&self) -> &Profile;

    /// Tells which part of a run follows, for the statistics.
    fn enter_phase(&mut self, section: RunPhase);

    /// Names the place in the program that follows, for errors and range reports.
    fn scope(&mut self, name: &str);

    /// The trainer's parameter number `index`, a share in `Z_2^64` at the scale of the master weights.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the trainer sent no parameter of this shape.
    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Share>;

    /// Zeros in `Z_2^64`, at the same scale.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    fn zeros(&mut self, shape: &Shape) -> Result<Self::Share>;

    /// Rows of a data set as a wire of the profile's ring and scale.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    fn rows(&mut self, set: Set, rows: &[u32]) -> Result<Self::Wire>;

    /// Reports that step number `step`, from 1, begins.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the other server ended.
    fn begin(&mut self, _step: u64) -> Result<()> {
        Ok(())
    }

    /// Reports that a step is done. Returns whether the run goes on: `false` if the trainer asked for its end.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the trainer ended.
    fn step_done(&mut self, step: u64) -> Result<bool>;

    /// In a job with an early stop, waits for the trainer's verdict on `epoch`, whose accuracy has just been revealed.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the trainer ended, or it sent the two servers different
    /// verdicts.
    fn judge(&mut self, epoch: u32) -> Result<Verdict>;

    /// The state that the run resumes from, once; `None` for a run that starts at its first step.
    fn take_resumed(&mut self) -> Option<RunState<Self::Share>> {
        None
    }

    /// Whether a checkpoint is due after `step`.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the other server ended.
    fn is_checkpoint_due(&mut self, _step: u64) -> Result<bool> {
        Ok(false)
    }

    /// Writes a checkpoint.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the other server ended.
    fn checkpoint(&mut self, _state: &RunState<&Self::Share>) -> Result<()> {
        Ok(())
    }

    /// Before results are revealed: makes sure that the run resumes from this state, behind its last step, or not at all.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the other server ended;
    /// [`Error::File`](crate::error::Error::File) if older state cannot be removed.
    fn close(&mut self, _state: &RunState<&Self::Share>) -> Result<()> {
        Ok(())
    }

    /// Reports how many of the `of` test rows of an evaluation are scored.
    ///
    /// # Errors
    /// [`Error::Peer`](crate::error::Error::Peer) if the connection to the trainer ended.
    fn scored(&mut self, _rows: u32, _of: u32) -> Result<()> {
        Ok(())
    }

    /// The opened bits that select.
    fn bits_of(selectors: &Self::Selectors) -> Self::MaskedBits;
}
