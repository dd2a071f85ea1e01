//! The scale of features.

use serde::{Deserialize, Serialize};

/// How features are scaled before they enter a network: `(x - mean) / deviation`, by one mean and deviation for all features, or by
/// one for each.
///
/// All owners do the same: by public constants of the data set, or by what the servers reveal of all owners' rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// What is subtracted: one number, or one for each feature.
    pub mean: Vec<f64>,
    /// What is divided by, positive; as many numbers.
    pub deviation: Vec<f64>,
}

impl Normalization {
    /// The same for all features.
    pub fn uniform(mean: f64, deviation: f64) -> Self {
        Self { mean: vec![mean], deviation: vec![deviation] }
    }

    /// The scaled value of a feature, the `feature`th of a row.
    pub fn apply(&self, feature: usize, x: f64) -> f64 {
        let [mean, deviation] = self.of(feature);
        (x - mean) / deviation
    }

    /// The mean and the deviation of a feature.
    pub fn of(&self, feature: usize) -> [f64; 2] {
        let at = |numbers: &[f64]| numbers.get(feature).or(numbers.first()).copied();
        [at(&self.mean).unwrap_or(0.0), at(&self.deviation).unwrap_or(1.0)]
    }

    /// Mean and deviation where they are the same for all features.
    pub fn as_uniform(&self) -> Option<[f64; 2]> {
        (self.mean.len() == 1).then(|| self.of(0))
    }

    /// As an expression of `x`.
    pub fn in_words(&self) -> String {
        match self.as_uniform() {
            Some([mean, deviation]) => format!("(x - {mean}) / {deviation}"),
            None => {
                format!("(x - mean) / deviation, with a mean and a deviation for each of {} features", self.mean.len())
            }
        }
    }

    /// Whether it is one for rows of so many features: finite numbers, deviations above 0, one for all features or one for each.
    pub fn fits(&self, features: usize) -> bool {
        let numbers = self.mean.len();
        (numbers == 1 || numbers == features)
            && self.deviation.len() == numbers
            && self.mean.iter().chain(&self.deviation).all(|x| x.is_finite())
            && self.deviation.iter().all(|deviation| *deviation > 0.0)
    }
}

/// A feature as a network takes it.
pub(crate) fn scaled(scale: Option<&Normalization>, feature: usize, x: f32) -> f64 {
    scale.map_or(f64::from(x), |scale| scale.apply(feature, x.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_scaled_by_one_pair_of_numbers_or_each_by_its_own() {
        let all = Normalization::uniform(1.0, 2.0);
        assert_eq!((all.apply(0, 5.0), all.apply(7, 5.0), all.as_uniform()), (2.0, 2.0, Some([1.0, 2.0])));
        let each = Normalization { mean: vec![1.0, 0.0], deviation: vec![2.0, 0.5] };
        assert_eq!((each.apply(0, 5.0), each.apply(1, 5.0), each.as_uniform()), (2.0, 10.0, None));
        assert!(all.fits(1) && all.fits(9) && each.fits(2) && !each.fits(3));
        for (mean, deviation) in [(f64::NAN, 1.0), (0.0, f64::INFINITY), (0.0, 0.0), (0.0, -1.0)] {
            assert!(!Normalization::uniform(mean, deviation).fits(1), "{mean} {deviation}");
        }
        assert!(!Normalization { mean: vec![0.0, 0.0], deviation: vec![1.0] }.fits(2));
        assert!(!Normalization { mean: vec![], deviation: vec![] }.fits(1));
    }
}
