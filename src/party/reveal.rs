//! The way out to the trainer, or to the client of a private prediction: what may be revealed to it, and how a server hands it
//! out.

use serde::{Deserialize, Serialize};

use super::Stats;
use crate::error::Result;

/// The way out to the trainer.
pub struct RevealChannel {
    /// Whether the job lists it.
    pub allowed: Box<dyn Fn(Revealed) -> bool + Send>,
    /// Takes a server's re-randomized half, the bits of its ring, and what the steps cost so far.
    pub reveal_to_trainer: SendRevealed,
}

/// Takes one half on its way to the trainer.
pub type SendRevealed = Box<dyn FnMut(Revealed, Vec<u64>, u32, Stats) -> Result<()> + Send>;

/// One thing that is revealed to the trainer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Revealed {
    /// Right answers on the test rows after an epoch, counted from 1; scaled by `2^frac`.
    Hits {
        /// The epoch.
        epoch: u32,
    },
    /// A parameter of the final model, with the profile's fraction bits.
    Parameter {
        /// Its number.
        index: u32,
    },
    /// Sampled values of an epoch that were out of their range, by the places of [`Model::watched`](crate::nn::Model::watched).
    OutOfRange {
        /// The epoch.
        epoch: u32,
    },
    /// The answers to a client's request, as the job of a private prediction says.
    Answers {
        /// The request, from 0.
        request: u32,
    },
}
