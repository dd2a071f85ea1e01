//! How numbers are scaled: of columns of a table, of arrays, and of what is to be learned.

use serde::{Deserialize, Serialize};

use crate::data::description::check::Checked;

/// How numbers become features or targets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The smallest and the largest value.
    pub range: Option<[f64; 2]>,
    /// Whether values out of the range become its end; otherwise they are errors.
    pub clip: bool,
    /// What the numbers become.
    pub scale: Scale,
}

/// What numbers become.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scale {
    /// They stay as they are.
    None,
    /// The range becomes 0 to 1.
    Range,
    /// The range becomes 0 to 1, and that is standardized by mean and deviation over all owners' training rows, which the servers
    /// compute on shares and reveal before training.
    Revealed,
    /// They are standardized: less a mean, over a deviation, both public.
    Standard {
        /// The mean.
        mean: f64,
        /// The standard deviation, above 0.
        deviation: f64,
    },
}

impl Scaling {
    /// What becomes 0, and the difference that becomes 1, before revealed moments count.
    pub fn zero_and_unit(&self) -> [f64; 2] {
        match (self.scale, self.range) {
            (Scale::Range | Scale::Revealed, Some([low, high])) => [low, high - low],
            (Scale::Standard { mean, deviation }, _) => [mean, deviation],
            _ => [0.0, 1.0],
        }
    }

    /// The scaled number, not clipped.
    #[cfg(feature = "datasets")]
    pub(crate) fn apply(&self, x: f64) -> f64 {
        let [zero, unit] = self.zero_and_unit();
        (x - zero) / unit
    }

    /// The reason why it is invalid.
    pub(super) fn check(&self) -> Checked {
        let finite = |x: f64| x.abs() < f64::from(f32::MAX);
        match (self.range, self.scale) {
            (Some([low, high]), _) if !(finite(low) && finite(high) && low < high) => {
                Err("`range` must be two finite numbers, the smaller first".into())
            }
            (None, Scale::Range) => Err("`range = [low, high]` is missing, such as [0, 255] for pixels; or write \
                                         `scale = \"none\"`, or \"standard\" with a mean and a deviation"
                .into()),
            (None, Scale::Revealed) => {
                Err("`reveal = true` needs a public `range = [low, high]`: sums of numbers are shared as parts of \
                                            it"
                .into())
            }
            (None, _) if self.clip => Err("`outside = \"clip\"` needs a `range`".into()),
            (_, Scale::Standard { mean, deviation }) if !(finite(mean) && finite(deviation) && deviation > 0.0) => {
                Err("`mean` and `deviation` must be finite, and `deviation` above 0".into())
            }
            _ => Ok(()),
        }
    }
}
