//! Mean and deviation of features over all owners' training rows, from sums that are shared.
//!
//! Features are 0 to 1 here, as parts of their public range. An owner's sums of a feature and of its square are numbers of
//! [`FRAC`] fraction bits; those of at most 2^27 rows stay below 2^61, so shares of 64 bits add up without overflow.

use crate::data::Examples;
use crate::error::{Error, Result};
use crate::fixed::decode;
use crate::nn::Normalization;
use crate::train::Job;

/// Fraction bits of sums.
const FRAC: u32 = 34;

/// Deviations below it, in parts of a feature's range, are none: the feature is constant, and stays so.
const LEAST_DEVIATION: f64 = 1.0 / 32_768.0;

impl Job {
    /// The sums of an owner's training rows: of every standardized feature, the sum and the sum of the squares.
    ///
    /// # Errors
    /// [`Error::Usage`] if a feature is not from 0 to 1, with row and name, and without its value.
    pub(crate) fn sums(&self, rows: &Examples) -> Result<Vec<u64>> {
        let mut sums = Vec::new();
        for standardized in self.standardized() {
            let (mut sum, mut squares) = (0.0, 0.0);
            for (row, x) in rows.features().column(standardized.feature).iter().enumerate() {
                let x = f64::from(*x);
                if !(0.0..=1.0).contains(&x) {
                    return Err(Error::Usage(format!(
                        "training row {row}, feature `{}`: features whose moments are revealed must be scaled to 0 to 1, by the \
                         range in their description",
                        self.feature_name(standardized.feature)
                    )));
                }
                (sum, squares) = (sum + x, squares + x * x);
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most 2^27 rows, of 0 to 1"
            )]
            sums.extend([sum, squares].map(|sum| (sum * f64::exp2(f64::from(FRAC))).round() as u64));
        }
        Ok(sums)
    }

    /// How all owners scale their features, and a model its input: by the moments that the totals of [`Job::sums`] give.
    ///
    /// # Errors
    /// [`Error::Peer`] if no rows have such totals.
    pub(crate) fn normalization_by(&self, totals: &[u64]) -> Result<Normalization> {
        let (features, rows) = (self.model.features(), f64::from(self.train_rows()));
        let mut scale = Normalization { mean: vec![0.0; features], deviation: vec![1.0; features] };
        let standardized = self.standardized();
        if totals.len() != 2 * standardized.len() {
            return Err(Error::peer("the servers", "revealed moments of other features than the job's"));
        }
        for (own, totals) in standardized.iter().zip(totals.chunks_exact(2)) {
            let [mean, square] = [totals[0], totals[1]].map(|total| decode(total, 64, FRAC) / rows);
            let variance = square - mean * mean;
            // what rounding and 2^16 owners add to the mean of one row
            let slack = f64::exp2(-16.0);
            if mean < -slack || mean > 1.0 + slack || square > mean + slack || variance < -slack {
                return Err(Error::peer(
                    "the servers",
                    format!(
                        "revealed sums of the feature `{}` that no rows have: an owner or a server is at fault",
                        self.feature_name(own.feature)
                    ),
                ));
            }
            let deviation = variance.max(0.0).sqrt();
            scale.mean[own.feature] = mean;
            scale.deviation[own.feature] = if deviation < LEAST_DEVIATION { 1.0 } else { deviation };
        }
        Ok(scale)
    }

    /// How features are scaled where all training rows are here, as in a run in the clear.
    ///
    /// # Errors
    /// As [`Job::sums`].
    pub(crate) fn normalization_of(&self, rows: &Examples) -> Result<Option<Normalization>> {
        if !self.reveal.moments { Ok(self.normalization()) } else { self.normalization_by(&self.sums(rows)?).map(Some) }
    }

    fn feature_name(&self, feature: usize) -> String {
        self.description.as_ref().map_or_else(|| feature.to_string(), |own| own.feature_name(feature))
    }
}

/// Mean and deviation of a feature, in its own unit.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct FeatureMoments {
    /// The feature's name.
    pub name: String,
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation; 0 if it is constant.
    pub deviation: f64,
}

impl FeatureMoments {
    /// Those of the features that a job standardizes, by what it revealed of them.
    pub(crate) fn all(job: &Job, scale: &Normalization) -> Vec<Self> {
        let of = |own: crate::data::description::Standardized| {
            let ([low, high], [mean, deviation]) = (own.range, scale.of(own.feature));
            let deviation = if deviation == 1.0 { 0.0 } else { deviation };
            Self {
                name: job.feature_name(own.feature),
                mean: low + mean * (high - low),
                deviation: deviation * (high - low),
            }
        };
        job.standardized().into_iter().map(of).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::data::Description;
    use crate::data::description::Scale;
    use crate::data::description::tests::small;
    use crate::fixed::Profile;
    use crate::nn::Model;
    use crate::train::Training;

    /// Two numbers that are standardized, and three features between them that are not.
    pub(crate) fn standardized() -> Description {
        let mut own = small();
        for (column, range) in [(0, [0.0, 80.0]), (3, [-1.0, 3.0])] {
            let kind = &mut own.table().columns[column].kind;
            let crate::data::description::ColumnKind::Number { scaling, .. } = kind else { panic!("a number") };
            (scaling.range, scaling.scale) = (Some(range), Scale::Revealed);
        }
        own
    }

    pub(crate) fn job(rows: [usize; 2], owners: usize) -> Job {
        let model = Model::dense("own", 5, &[3], 2).unwrap();
        let training = Training::new(model).profile(Profile::small()).description(standardized()).owners(owners);
        training.job(rows[0], rows[1]).unwrap()
    }

    /// Rows whose features are 0 to 1.
    pub(crate) fn rows(rows: usize) -> Examples {
        let x = |(row, feature): (usize, usize)| ((row * 7 + feature * 3) as f32 * 0.377).fract();
        Examples::new(Array2::from_shape_fn((rows, 5), x), (0..rows).map(|row| (row % 2) as u32).collect(), 2).unwrap()
    }

    #[test]
    fn mean_and_deviation_are_those_of_all_rows_together() {
        let (job, rows) = (job([300, 20], 3), rows(300));
        // the owners' sums, added up as shares are
        let parts = [0..100, 100..101, 101..300].map(|part| job.sums(&rows.slice(part)).unwrap());
        let totals: Vec<u64> =
            (0..4).map(|at| parts.iter().fold(0u64, |sum, part| sum.wrapping_add(part[at]))).collect();
        let scale = job.normalization_by(&totals).unwrap();
        for (feature, standardized) in [(0, true), (1, false), (3, false), (4, true)] {
            let column: Vec<f64> = rows.features().column(feature).iter().map(|x| f64::from(*x)).collect();
            let mean = column.iter().sum::<f64>() / 300.0;
            let deviation = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 300.0).sqrt();
            let want = if standardized { [mean, deviation] } else { [0.0, 1.0] };
            let near = want.iter().zip(scale.of(feature)).all(|(want, is)| (want - is).abs() < 1e-7);
            assert!(near, "feature {feature}: {want:?} {:?}", scale.of(feature));
        }
        let moments = FeatureMoments::all(&job, &scale);
        let [mean, deviation] = scale.of(4);
        assert_eq!((moments.len(), moments[0].name.as_str(), moments[1].name.as_str()), (2, "age", "size"));
        assert_eq!((moments[1].mean, moments[1].deviation), (-1.0 + 4.0 * mean, 4.0 * deviation));
        assert_eq!(job.normalization_of(&rows).unwrap().unwrap().fits(5), true);
    }

    #[test]
    fn constant_features_stay_as_they_are() {
        let job = job([50, 20], 1);
        let constant = Examples::new(Array2::from_elem((50, 5), 0.3), vec![0; 50], 2).unwrap();
        let scale = job.normalization_by(&job.sums(&constant).unwrap()).unwrap();
        assert!((scale.of(0)[0] - 0.3).abs() < 1e-7 && scale.of(0)[1] == 1.0, "{scale:?}");
        assert_eq!(FeatureMoments::all(&job, &scale)[0].deviation, 0.0);
    }

    #[test]
    fn totals_that_no_rows_have_and_features_out_of_range_are_refused() {
        let job = job([300, 20], 3);
        let unit = 1u64 << FRAC;
        let totals = |mean: f64, square: f64| {
            let word = |x: f64| ((x * 300.0 * unit as f64).round() as i64).cast_unsigned();
            vec![word(0.5), word(0.3), word(mean), word(square)]
        };
        job.normalization_by(&totals(0.5, 0.3)).unwrap();
        for (mean, square) in [(1.5, 1.2), (-0.5, 0.3), (0.5, 0.6), (0.5, 0.2), (0.5, -0.1)] {
            let text = job.normalization_by(&totals(mean, square)).unwrap_err().to_string();
            assert!(text.contains("`size`") && text.contains("at fault"), "{mean} {square}: {text}");
        }
        assert!(job.normalization_by(&totals(0.5, 0.3)[..3]).is_err());
        let mut far = rows(300).features().clone();
        far[[7, 4]] = 1.25;
        let text = job.sums(&Examples::new(far, vec![0; 300], 2).unwrap()).unwrap_err().to_string();
        assert!(text.starts_with("training row 7, feature `size`: ") && !text.contains("1.25"), "{text}");
    }
}
