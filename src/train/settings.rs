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
    /// Batches whose gradients are summed before the parameters move.
    pub accumulate: u32,
    /// Learning rate, for the mean over the rows of a step.
    pub lr: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, as `torch.optim.SGD` has it: of all parameters; 0 for none.
    pub weight_decay: f64,
    /// The schedule of the learning rate: see [`Schedule`](crate::train::Schedule).
    pub schedule: String,
    /// Epochs in a row without a better accuracy that end the run; as many as come where there is none.
    pub patience: Option<u32>,
    /// Accuracy that ends the run, from 0 to 1.
    pub target: Option<f64>,
    /// Whether owners scale features to mean 0 and deviation 1.
    pub normalize: bool,
    /// Whether every epoch goes over the rows in an order of its own.
    pub shuffle: bool,
    /// Train on so many rows, the first; all where there is none.
    pub train_limit: Option<usize>,
    /// Test on so many rows, the first; all where there is none.
    pub test_limit: Option<usize>,
}

impl Default for Settings {
    /// For networks that nobody has measured: the profile with room to spare, and what suits most of those that were.
    fn default() -> Self {
        Self {
            profile: "wide".into(),
            epochs: 5,
            batch: 128,
            accumulate: 1,
            lr: 0.0625,
            momentum: 0.90625,
            weight_decay: 0.0,
            schedule: "halving".into(),
            patience: None,
            target: None,
            normalize: false,
            shuffle: true,
            train_limit: None,
            test_limit: None,
        }
    }
}
