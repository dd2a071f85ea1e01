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
    /// Sums over all training rows of the features that are standardized, and of their squares: each feature's two sums, one after
    /// the other. Before training.
    Moments,
    /// The sum of [`Figure::SquaredError`] after an epoch, counted from 1.
    SquaredError {
        /// The epoch.
        epoch: u32,
    },
    /// A figure of the model on the test rows but [`Figure::SquaredError`], once, after training.
    Figure(Figure),
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

/// A figure of the model on the test rows: sums over all of them, which are revealed once, after training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Figure {
    /// The confusion matrix: rows by predicted class and label; of every label, if there are several, a matrix of its own.
    Confusion,
    /// Of every target of a regression, sums of squared errors, of squared targets and of targets: R2 follows.
    R2,
    /// Of two classes, by threshold, how many rows of each score at least as much: the area under the ROC curve and the average
    /// precision follow.
    Roc,
    /// The sum of the squared differences of predictions and labels, after every epoch; of probabilities, the Brier score.
    SquaredError,
    /// How many rows have their label among the five largest outputs.
    TopFive,
}

impl Figure {
    /// All that there are.
    pub const ALL: [Self; 5] = [Self::Confusion, Self::R2, Self::Roc, Self::SquaredError, Self::TopFive];

    /// Its name in lists of what is revealed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confusion => "confusion",
            Self::R2 => "r2",
            Self::Roc => "roc",
            Self::SquaredError => "squared-error",
            Self::TopFive => "top5",
        }
    }

    /// Its place in the program, for errors and costs.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Confusion => "figures/confusion",
            Self::R2 => "figures/r2",
            Self::Roc => "figures/roc",
            Self::SquaredError => "figures/squared-error",
            Self::TopFive => "figures/top5",
        }
    }
}
