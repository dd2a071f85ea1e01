//! Mean and deviation of features over all owners' training rows, from sums that are shared.
//!
//! Features are 0 to 1 here, as parts of their public range. An owner's sums of a feature and of its square are whole numbers of
//! units of 2^-f, where 2^f times the rows of all owners is at most 2^62: shares of 64 bits add up without overflow.

use ndarray::Axis;
use serde::{Deserialize, Serialize};

use crate::data::Examples;
use crate::data::description::Standardized;
use crate::error::{Error, Result};
use crate::fixed::decode;
use crate::nn::{Normalization, scaled};
use crate::train::Job;

/// Deviations below it, in parts of a feature's range, are too small to be told from rounding: the feature stays as it is.
const LEAST_DEVIATION: f64 = 1.0 / 262_144.0;

/// Mean and deviation of a feature that is not standardized.
const AS_IT_IS: [f64; 2] = [0.0, 1.0];

/// How far a standardized feature of a row may be from the mean: rows beyond are as far as this, in training and tests.
pub(crate) const MOST_DEVIATIONS: f64 = 32.0;

/// Rows that are added up before their sum joins the others: sums of many rows keep their last bits so.
const CHUNK: usize = 4096;

impl Job {
    /// The sums of an owner's training rows: of every standardized feature, the sum and the sum of the squares.
    ///
    /// # Errors
    /// [`Error::Usage`] if a feature is not from 0 to 1, with row and name, and without its value.
    pub(crate) fn sums(&self, rows: &Examples) -> Result<Vec<u64>> {
        let mut sums = Vec::new();
        for standardized in self.standardized() {
            let (mut sum, mut squares) = (0.0, 0.0);
            let column = rows.features().column(standardized.feature);
            for (chunk, rows) in column.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
                let (mut own, mut own_squares) = (0.0, 0.0);
                for (row, x) in rows.iter().enumerate() {
                    let x = f64::from(*x);
                    if !(0.0..=1.0).contains(&x) {
                        return Err(self.out_of_range(chunk * CHUNK + row, standardized.feature));
                    }
                    (own, own_squares) = (own + x, own_squares + x * x);
                }
                (sum, squares) = (sum + own, squares + own_squares);
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 2^62")]
            sums.extend([sum, squares].map(|sum| (sum * f64::exp2(self.sum_frac().into())).round() as u64));
        }
        Ok(sums)
    }

    /// A feature that is no part of its range.
    fn out_of_range(&self, row: usize, feature: usize) -> Error {
        Error::Usage(format!(
            "training row {row}, feature `{}`: features whose moments are revealed must be scaled to 0 to 1, by the range in their \
             description",
            self.feature_name(feature)
        ))
    }

    /// Fraction bits of sums.
    fn sum_frac(&self) -> u32 {
        62 - (u32::BITS - self.train_rows().leading_zeros())
    }

    /// Mean and deviation of every standardized feature over all owners' training rows, in parts of its range, from the totals of
    /// [`Job::sums`].
    ///
    /// # Errors
    /// [`Error::Peer`] if no rows have such totals.
    fn moments(&self, totals: &[u64]) -> Result<Vec<[f64; 2]>> {
        let rows = f64::from(self.train_rows());
        let standardized = self.standardized();
        if totals.len() != 2 * standardized.len() {
            return Err(Error::peer("the servers", "revealed moments of other features than the job's"));
        }
        let of = |(own, totals): (&Standardized, &[u64])| {
            let [mean, square] = [totals[0], totals[1]].map(|total| decode(total, 64, self.sum_frac()) / rows);
            let variance = square - mean * mean;
            // what the rounding of 2^16 owners adds to the mean
            let slack = f64::exp2(-16.0);
            if mean < -slack || mean > 1.0 + slack || square > mean + slack || variance < -slack {
                let text = format!(
                    "revealed sums of the feature `{}` that no rows have: an owner or a server is at fault",
                    self.feature_name(own.feature)
                );
                return Err(Error::peer("the servers", text));
            }
            Ok([mean, variance.max(0.0).sqrt()])
        };
        standardized.iter().zip(totals.chunks_exact(2)).map(of).collect()
    }

    /// How all owners scale their features, and a model its input: by the moments that the totals of [`Job::sums`] give.
    ///
    /// # Errors
    /// [`Error::Peer`] if no rows have such totals.
    pub(crate) fn normalization_by(&self, totals: &[u64]) -> Result<Normalization> {
        let features = self.model.features();
        let mut scale = Normalization { mean: vec![0.0; features], deviation: vec![1.0; features] };
        for (own, [mean, deviation]) in self.standardized().iter().zip(self.moments(totals)?) {
            if deviation >= LEAST_DEVIATION {
                (scale.mean[own.feature], scale.deviation[own.feature]) = (mean, deviation);
            }
        }
        Ok(scale)
    }

    /// How features are scaled by moments that were revealed; `None` if they are those of other features.
    pub(crate) fn normalization_from(&self, moments: &[FeatureMoments]) -> Option<Normalization> {
        let (own, features) = (self.standardized(), self.model.features());
        let mut scale = Normalization { mean: vec![0.0; features], deviation: vec![1.0; features] };
        for (own, m) in own.iter().zip(moments).filter(|(_, m)| m.standardized) {
            (scale.mean[own.feature], scale.deviation[own.feature]) = (m.mean, m.deviation);
        }
        (own.len() == moments.len() && !own.is_empty()).then_some(scale)
    }

    /// How features are scaled where all training rows are here, as in a run in the clear.
    ///
    /// # Errors
    /// As [`Job::sums`].
    pub(crate) fn normalization_of(&self, rows: &Examples) -> Result<Option<Normalization>> {
        if !self.reveal.moments { Ok(self.normalization()) } else { self.normalization_by(&self.sums(rows)?).map(Some) }
    }

    /// A feature of an owner's row as the training takes it. What is standardized is cut off at [`MOST_DEVIATIONS`].
    pub(crate) fn feature(&self, scale: Option<&Normalization>, feature: usize, x: f32) -> f64 {
        let scaled = scaled(scale, feature, x);
        match scale {
            Some(scale) if self.reveal.moments && scale.of(feature) != AS_IT_IS => {
                scaled.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
            }
            _ => scaled,
        }
    }

    /// Warnings of features that are cut off, for their owner.
    pub(crate) fn cut_off(&self, scale: &Normalization, rows: [&Examples; 2]) -> Vec<String> {
        let warning = |own: Standardized| {
            let of = |rows: &&Examples| {
                let column = rows.features().column(own.feature);
                column.iter().filter(|x| scaled(Some(scale), own.feature, **x).abs() > MOST_DEVIATIONS).count()
            };
            let far = rows.iter().map(of).sum::<usize>();
            (far > 0 && scale.of(own.feature) != AS_IT_IS).then(|| {
                format!(
                    "feature `{}`: {} more than {MOST_DEVIATIONS} deviations from the mean, and cut off there; give it \
                     a smaller `range` with `outside = \"clip\"` in the description",
                    self.feature_name(own.feature),
                    if far == 1 { "1 value is".to_owned() } else { format!("{far} values are") }
                )
            })
        };
        self.standardized().into_iter().filter_map(warning).collect()
    }

    /// As [`Job::cut_off`], where all owners' rows are here; none in a job that standardizes no features.
    ///
    /// # Errors
    /// As [`Job::sums`].
    pub(crate) fn cut_off_of_all(&self, [train, test]: [&Examples; 2]) -> Result<Vec<String>> {
        let scale = self.normalization_of(train)?.filter(|_| self.reveal.moments);
        Ok(scale.map_or(Vec::new(), |scale| self.cut_off(&scale, [train, test])))
    }

    fn feature_name(&self, feature: usize) -> String {
        self.description.as_ref().map_or_else(|| feature.to_string(), |own| own.feature_name(feature))
    }
}

/// Mean and deviation of a feature, in its own unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureMoments {
    /// The feature's name.
    pub name: String,
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub deviation: f64,
    /// Whether it is standardized: not if it hardly varies, with a deviation below 2^-18 of its range.
    pub standardized: bool,
}

impl FeatureMoments {
    /// Those of the features that a job standardizes, from the totals of [`Job::sums`].
    ///
    /// # Errors
    /// [`Error::Peer`] if no rows have such totals.
    pub(crate) fn all(job: &Job, totals: &[u64]) -> Result<Vec<Self>> {
        let of = |(own, [mean, deviation]): (Standardized, [f64; 2])| {
            let [low, high] = own.range;
            let (mean, in_unit) = (low + mean * (high - low), deviation * (high - low));
            let standardized = deviation >= LEAST_DEVIATION;
            Self { name: job.feature_name(own.feature), mean, deviation: in_unit, standardized }
        };
        Ok(job.standardized().into_iter().zip(job.moments(totals)?).map(of).collect())
    }

    /// A warning of features that are not standardized.
    pub(crate) fn warning(all: &[Self]) -> Option<String> {
        let constant: Vec<_> = all.iter().filter(|own| !own.standardized).collect();
        let first = constant.first()?;
        let more = match constant.len() {
            1 => String::new(),
            n => format!(", and {} more features, have", n - 1),
        };
        Some(format!(
            "feature `{}`{more}{} a deviation of less than 1/262144 of the range, and stays a part of the range from 0 to 1; give it a \
             narrower range, or ignore its column",
            first.name,
            if more.is_empty() { " has" } else { "" }
        ))
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
        Examples::new(Array2::from_shape_fn((rows, 5), x), (0..rows).map(|row| u32::from(row % 2 == 1)).collect(), 2)
            .unwrap()
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
        let moments = FeatureMoments::all(&job, &totals).unwrap();
        let [mean, deviation] = scale.of(4);
        assert_eq!((moments.len(), moments[0].name.as_str(), moments[1].name.as_str()), (2, "age", "size"));
        assert_eq!((moments[1].mean, moments[1].deviation), (-1.0 + 4.0 * mean, 4.0 * deviation));
        assert!(job.normalization_of(&rows).unwrap().unwrap().fits(5) && FeatureMoments::warning(&moments).is_none());
    }

    #[test]
    fn features_that_hardly_vary_stay_as_they_are_and_are_named() {
        let job = job([50, 20], 1);
        let of = |spread: f32| {
            let x = |(row, _): (usize, usize)| 0.3 + spread * if row % 2 == 0 { 1.0 } else { -1.0 };
            let rows = Examples::new(Array2::from_shape_fn((50, 5), x), vec![0; 50], 2).unwrap();
            let totals = job.sums(&rows).unwrap();
            (job.normalization_by(&totals).unwrap().of(0), FeatureMoments::all(&job, &totals).unwrap())
        };
        for spread in [0.0, 1e-6] {
            let (scale, moments) = of(spread);
            assert_eq!(scale, [0.0, 1.0], "{spread}");
            assert!((moments[0].mean - 24.0).abs() < 1e-4 && moments[0].deviation < 1e-3, "{moments:?}");
            let text = FeatureMoments::warning(&moments).unwrap();
            assert!(text.starts_with("feature `age`, and 1 more features, have a deviation"), "{text}");
            let text = FeatureMoments::warning(&moments[..1]).unwrap();
            assert!(text.starts_with("feature `age` has a deviation"), "{text}");
        }
        // a deviation of 1e-5 of the range is one
        let (scale, moments) = of(1e-5);
        assert!((scale[1] - 1e-5).abs() < 1e-7 && moments[0].standardized, "{scale:?}");
        assert!((moments[0].deviation - 8e-4).abs() < 1e-5, "{moments:?}");
    }

    #[test]
    fn values_that_lie_far_out_are_cut_off_and_told_to_their_owner() {
        let job = job([300, 20], 1);
        let mut x = Array2::from_elem((300, 5), 0.5);
        x.column_mut(4).iter_mut().enumerate().for_each(|(row, x)| *x += if row % 2 == 0 { 1e-3 } else { -1e-3 });
        let rows = Examples::new(x.clone(), vec![0; 300], 2).unwrap();
        let scale = job.normalization_of(&rows).unwrap().unwrap();
        x[[7, 4]] = 1.0;
        x[[8, 0]] = 1.0;
        let far = Examples::new(x, vec![0; 300], 2).unwrap();
        assert_eq!([0.501, 1.0, 0.0].map(|x| job.feature(Some(&scale), 4, x).round()), [1.0, 32.0, -32.0]);
        // one that is not standardized stays as it is
        assert_eq!((scale.of(0), job.feature(Some(&scale), 0, 1.0)), (AS_IT_IS, 1.0));
        assert_eq!(job.feature(None, 4, 300.0), 300.0);
        let told = job.cut_off(&scale, [&far, &rows]);
        assert!(told.len() == 1 && told[0].starts_with("feature `size`: 1 value is more than 32"), "{told:?}");
        assert!(
            job.cut_off(&scale, [&rows, &rows]).is_empty() && job.cut_off_of_all([&rows, &rows]).unwrap().is_empty()
        );
        assert_eq!(job.cut_off_of_all([&rows, &far]).unwrap(), told);
    }

    #[test]
    fn totals_that_no_rows_have_and_features_out_of_range_are_refused() {
        let job = job([300, 20], 3);
        let unit = 1u64 << job.sum_frac();
        let totals = |mean: f64, square: f64| {
            #[expect(clippy::cast_possible_truncation, reason = "below 2^63")]
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
