//! The errors of a regression, and how much of the targets' variance its predictions explain.

use serde::{Deserialize, Serialize};

use crate::data::description::{Target, TargetNumber};
use crate::data::{Description, Examples, Targets};
use crate::error::{Error, Result};
use crate::nn::TrainedModel;

/// The figures of a regression's targets, each in its own unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Regression {
    /// What follows for every target.
    pub targets: Vec<TargetFigures>,
    /// The mean of the targets' coefficients of determination; `None` if one has none.
    pub r2: Option<f64>,
}

/// The figures of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TargetFigures {
    /// Its name; empty if it has none.
    pub name: String,
    /// The root of the mean squared error, in the target's unit.
    pub rmse: f64,
    /// The coefficient of determination: 1 less the squared error over that of the rows' mean. 1 is perfect, 0 is as good as
    /// predicting the mean; `None` if all rows have the same target.
    pub r2: Option<f64>,
    /// The mean of the target over the rows, in its unit.
    pub mean: f64,
    /// The standard deviation of the target over the rows, in its unit.
    pub deviation: f64,
}

impl Regression {
    /// From sums over so many rows: for every target those of squared errors, then of squared targets y, then of `(y + 1)^2`;
    /// `None` if they are not those of any rows.
    pub(crate) fn new(sums: &[f64], rows: u32, description: Option<&Description>) -> Option<Self> {
        let width = sums.len() / 3;
        let named = numbers(description);
        let (rows, mut targets) = (f64::from(rows), Vec::with_capacity(width));
        for target in 0..width {
            let [errors, squares, above] = [0, 1, 2].map(|part| sums[part * width + target]);
            let mean = ((above - squares) / rows - 1.0) / 2.0;
            // rounding is up to a unit of the fraction in every value
            let variance = squares / rows - mean * mean;
            if !(errors >= 0.0 && squares >= 0.0 && above >= 0.0 && variance >= -NO_VARIANCE) {
                return None;
            }
            let own = named.get(target);
            let unit = own.map_or(1.0, TargetNumber::unit);
            targets.push(TargetFigures {
                name: own.map_or(String::new(), |own| own.name.clone()),
                rmse: (errors / rows).sqrt() * unit,
                r2: (variance > NO_VARIANCE).then(|| 1.0 - errors / rows / variance),
                mean: own.map_or(mean, |own| own.number(mean)),
                deviation: variance.max(0.0).sqrt() * unit,
            });
        }
        let r2 = targets.iter().map(|target| target.r2).sum::<Option<f64>>();
        let r2 = r2.filter(|_| width > 0).map(|sum| sum / width as f64);
        Some(Self { targets, r2 })
    }

    /// Those of a model in the clear.
    ///
    /// # Errors
    /// [`Error::Usage`] if the rows are not the model's, or have no numbers to learn; or there is none.
    pub fn of(model: &TrainedModel, rows: &Examples, description: Option<&Description>) -> Result<Self> {
        let wrong = || Error::Usage("errors of a regression need rows with as many targets as the model has".into());
        let Targets::Numbers(targets) = rows.targets() else { return Err(wrong()) };
        let outputs = model.logits(rows.features().view())?;
        if outputs.dim() != targets.dim() || rows.is_empty() {
            return Err(wrong());
        }
        let width = targets.ncols();
        let mut sums = vec![0.0; 3 * width];
        for ((at, y), output) in targets.indexed_iter().zip(&outputs) {
            let (y, off) = (f64::from(*y), f64::from(output - y));
            [off, y, y + 1.0].iter().enumerate().for_each(|(part, x)| sums[part * width + at.1] += x * x);
        }
        Self::new(&sums, u32::try_from(rows.len()).unwrap_or(u32::MAX), description).ok_or_else(wrong)
    }
}

/// The numbers that a description has to be learned.
fn numbers(description: Option<&Description>) -> &[TargetNumber] {
    match description.map(|description| &description.target) {
        Some(Target::Numbers(numbers)) => numbers,
        _ => &[],
    }
}

/// A variance of scaled targets that is none: below it is the rounding of fractions.
const NO_VARIANCE: f64 = 1e-5;

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(pairs: &[(f64, f64)]) -> Vec<f64> {
        let of = |f: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(y, z)| f(*y, *z).powi(2)).sum::<f64>();
        vec![of(&|y, z| y - z), of(&|y, _| y), of(&|y, _| y + 1.0)]
    }

    #[test]
    fn rmse_and_r2_are_those_of_their_definitions() {
        let pairs = [(0.1, 0.2), (0.5, 0.4), (0.9, 0.9), (0.3, 0.5)];
        let own = Regression::new(&sums(&pairs), 4, None).unwrap();
        let [target] = &own.targets[..] else { panic!("one target") };
        // by hand: mean 0.45, squared errors 0.06, squares around the mean 0.35
        assert!((target.mean - 0.45).abs() < 1e-12 && (target.rmse - 0.015f64.sqrt()).abs() < 1e-12, "{target:?}");
        assert!((target.r2.unwrap() - (1.0 - 0.06 / 0.35)).abs() < 1e-12 && own.r2 == target.r2);
        assert!((target.deviation - (0.35f64 / 4.0).sqrt()).abs() < 1e-12);
        let same = Regression::new(&sums(&[(0.5, 0.4), (0.5, 0.5)]), 2, None).unwrap();
        assert_eq!((same.targets[0].r2, same.r2), (None, None));
    }

    #[test]
    fn sums_that_no_rows_have_are_refused() {
        let right = sums(&[(0.1, 0.2), (0.5, 0.4)]);
        for (at, wrong) in [(0, -1.0), (1, -1.0), (2, 90.0), (0, f64::NAN), (1, f64::NAN), (2, f64::NAN)] {
            let mut other = right.clone();
            other[at] = wrong;
            assert_eq!(Regression::new(&other, 2, None), None, "{at}: {wrong}");
        }
    }
}
