//! Checkpoints: what a run carries from one step to the next, so that it can resume after a crash.
//!
//! A server keeps its shares of the parameters, of what the optimizer keeps, of the counts of an epoch, of the best model and its
//! figures. None of them is open: a run that resumes opens the weights under fresh masks of a new session, so that a server that saw
//! the steps before sees no value twice under one mask.
//!
//! Results are revealed once. Before they are, both servers make sure that the job resumes from behind its last step or not at all:
//! a trainer that breaks off and resumes does not get the models of two steps.
//!
//! Both servers write their half, tell each other its hash, and only then note that the checkpoint exists (two phases): one that a
//! single server wrote is not used.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Scaled;
use super::reveal::Figure;
use crate::error::Result;
use crate::kernel::{Operand, RingWord};
use crate::shape::Shape;

/// What a run carries from one step to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState<S> {
    /// Steps done. After the last step of an epoch, its evaluation is done, too.
    pub step: u64,
    /// The parameters, and what the optimizer keeps with them.
    pub network: Vec<S>,
    /// Counts of values out of range in the epoch so far.
    pub counts: Option<S>,
    /// The best model so far, in a job with an early stop.
    pub best: Option<Vec<S>>,
    /// The figures of the last model, or of the best so far.
    pub figures: Vec<(Figure, S)>,
    /// Whether no step follows: what is left is to reveal the results.
    pub over: Option<Over>,
}

/// How a run came to its last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// It did all steps, or an early stop ended it.
    Complete,
    /// The trainer asked for its end.
    Ended,
}

impl<S> RunState<S> {
    /// The same of other values.
    ///
    /// # Errors
    /// The first that `of` returns.
    pub fn try_map<T>(&self, mut of: impl FnMut(&S) -> Result<T>) -> Result<RunState<T>> {
        let network = self.network.iter().map(&mut of).collect::<Result<_>>()?;
        let counts = self.counts.as_ref().map(&mut of).transpose()?;
        let best = self.best.as_ref().map(|best| best.iter().map(&mut of).collect::<Result<_>>()).transpose()?;
        let figures = self.figures.iter().map(|(figure, x)| Ok((*figure, of(x)?))).collect::<Result<_>>()?;
        Ok(RunState { step: self.step, network, counts, best, figures, over: self.over })
    }
}

/// What is public of a value that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueShape {
    /// Its shape.
    pub shape: Shape,
    /// Bits of its ring.
    pub bits: u32,
    /// Fraction bits.
    pub frac: u32,
}

impl ValueShape {
    /// That of a share.
    pub fn of(share: &impl Scaled) -> Self {
        Self { shape: share.shape().clone(), bits: share.bits(), frac: share.frac() }
    }

    /// Bytes of a share of it; `None` if no machine has as many.
    pub(super) fn bytes(&self, ring: RingWord) -> Option<usize> {
        self.shape.len().checked_mul(self.kind().bytes(ring))
    }

    /// How a share of it is stored.
    pub(super) fn kind(&self) -> Operand {
        if self.bits > 48 { Operand::Wide } else { Operand::Ring }
    }
}

/// A checkpoint, as both servers know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The session that wrote it.
    pub session: u64,
    /// What is in it.
    pub outline: RunState<ValueShape>,
}

/// A server's half of a value, as bytes. Erased when dropped.
pub type HalfBytes = Zeroizing<Vec<u8>>;

/// Where a server keeps its halves of checkpoints.
pub trait CheckpointStore: Send {
    /// Whether a checkpoint is due after `step`, as far as this server is concerned.
    fn is_due(&mut self, step: u64) -> bool;

    /// Writes this server's half, so that it outlasts a crash. Returns its BLAKE3; `None` if it could not be written, as on a full
    /// disk, which the store reports: the run goes on.
    ///
    /// # Errors
    /// That of a value.
    fn prepare(
        &mut self,
        checkpoint: &Checkpoint,
        values: &mut dyn Iterator<Item = Result<HalfBytes>>,
    ) -> Result<Option<[u8; 32]>>;

    /// Takes note that both halves are written: `theirs` is the BLAKE3 of the other one. Forgets older ones; behind the last step, all
    /// others. Whether the disk has it.
    fn commit(&mut self, checkpoint: &Checkpoint, theirs: [u8; 32]) -> bool;

    /// Forgets everything that the job could resume from.
    ///
    /// # Errors
    /// [`Error::File`](crate::error::Error::File) if it is still there.
    fn forget(&mut self) -> Result<()>;
}
