//! The settings of a training that belong to a network and a data set.

use serde::{Deserialize, Serialize};

/// How a network is trained where nobody says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Name of the number settings.
    pub profile: String,
    /// Passes over the data.
    pub epochs: u32,
    /// Rows of a batch.
    pub batch: u32,
    /// Learning rate, for the mean over a batch.
    pub lr: f64,
    /// Momentum.
    pub momentum: f64,
    /// Name of the schedule of the learning rate.
    pub schedule: String,
    /// Whether owners scale features to mean 0 and deviation 1.
    pub normalize: bool,
    /// Whether every epoch goes over the rows in an order of its own.
    pub shuffle: bool,
    /// Train on so many rows, the first; all where there is none.
    pub train_limit: Option<usize>,
}

impl Default for Settings {
    /// For networks that nobody has measured: the profile with room to spare, and what suits most of those that were.
    fn default() -> Self {
        Self {
            profile: "wide".into(),
            epochs: 5,
            batch: 128,
            lr: 0.0625,
            momentum: 0.90625,
            schedule: "halving".into(),
            normalize: false,
            shuffle: true,
            train_limit: None,
        }
    }
}
