//! The scale of features.

use serde::{Deserialize, Serialize};

/// How owners scale their features before they mask them: `(x - mean) / deviation`.
///
/// Public constants of the data set, so that all owners do the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// What is subtracted.
    pub mean: f64,
    /// What is divided by; positive.
    pub deviation: f64,
}

impl Normalization {
    /// The scaled feature.
    pub fn apply(&self, x: f64) -> f64 {
        (x - self.mean) / self.deviation
    }
}
