//! Whether a job's rows, initial parameters and rate fit its numbers: what can be known in the clear, before anything is shared.

use crate::data::description::LARGEST;
use crate::data::{Examples, Targets};
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::{Normalization, Task, scaled};
use crate::train::{Job, Settings, Training};

impl Training {
    /// Warnings for a job that starts from these parameters (see [`Training::initial_parameters`]): ranges that have not been
    /// checked, and a learning rate or parameters far beyond those that ranges were measured with.
    pub fn warnings(&self, job: &Job, initial: &[Vec<u64>]) -> Vec<String> {
        let (rate, measured) = self.rates();
        let all =
            [self.unchecked(job), look_at_rate(rate, measured), look_at_parameters(initial), look_at_weights(job)];
        all.into_iter().flatten().collect()
    }
}

/// Refuses rows that do not have the shape of a job's network.
pub(crate) fn shapes_fit(job: &Job, rows: [&Examples; 2]) -> Result<()> {
    let (features, task, outputs) = (job.model.features(), job.model.task(), job.model.outputs());
    let learns = |targets: &Targets| match task {
        Task::Classification => targets.width() <= job.model.classes(),
        Task::MultiLabel | Task::Regression => targets.width() == outputs,
    };
    let fits = |rows: &Examples| {
        rows.features().ncols() == features && rows.targets().task() == task && learns(rows.targets())
    };
    if let Some(rows) = rows.iter().find(|rows| !rows.is_empty() && !fits(rows)) {
        let (f, theirs, width) = (rows.features().ncols(), rows.targets().task(), rows.targets().width());
        let of = |task: Task, n: usize| format!("{n} {}", task.learned());
        return Err(Error::Usage(format!(
            "the job expects rows with {features} features and {}; these have {f} and {}",
            of(task, outputs.max(job.model.classes())),
            of(theirs, width)
        )));
    }
    Ok(())
}

/// Refuses rows that do not have the shape of a job's network, or have features out of the profile's range or large targets.
///
/// # Errors
/// [`Error::Usage`], with row, column, value and bound.
pub(crate) fn fits(job: &Job, scale: Option<&Normalization>, rows: [&Examples; 2]) -> Result<()> {
    shapes_fit(job, rows)?;
    let bound = largest_feature(&job.settings.profile);
    for (rows, which) in rows.into_iter().zip(["training", "test"]) {
        targets_fit(rows.targets(), which)?;
        let too_large = rows.features().indexed_iter().find(|(at, x)| scaled(scale, at.1, **x).abs() >= bound);
        if let Some(((row, column), x)) = too_large {
            let (profile, used) = (&job.settings.profile.name, as_used(scale, column, *x));
            if let Some(own) = &job.description {
                // this error leaves its owner, and a value must not
                let name = own.feature_name(column);
                return Err(Error::Usage(format!(
                    "{which} row {row}, feature `{name}`: features must be below {bound} in the profile `{profile}`; {DESCRIBED}"
                )));
            }
            return Err(Error::Usage(format!(
                "{which} row {row}, column {column} is {x}{used}; features must be below {bound} in the profile `{profile}`; {HOW}"
            )));
        }
    }
    Ok(())
}

/// Refuses targets that are too large for the protocol's squares.
fn targets_fit(targets: &Targets, which: &str) -> Result<()> {
    let Targets::Numbers(numbers) = targets else { return Ok(()) };
    match numbers.indexed_iter().find(|(_, y)| f64::from(y.abs()) >= LARGEST) {
        None => Ok(()),
        Some(((row, target), _)) => Err(Error::Usage(format!(
            "{which} row {row}, target {target}: targets must be below {LARGEST} in magnitude; scale them, for example to 0 to 1"
        ))),
    }
}

/// Warnings about an owner's rows before they are shared: columns far beyond the values that ranges were measured with, and
/// columns that round to zero in the profile.
///
/// # Errors
/// [`Error::Usage`] with row, column, value and bound of the first value that does not fit.
pub fn look_at_rows(job: &Job, train: &Examples, test: &Examples) -> Result<Vec<String>> {
    let scale = job.normalization();
    fits(job, scale.as_ref(), [train, test])?;
    let mut warnings = Vec::new();
    for (rows, which) in [(train, "training"), (test, "test")] {
        let columns = columns(scale.as_ref(), rows);
        let far: Vec<_> = columns.iter().filter(|c| c.largest > MEASURED * FAR).collect();
        if let Some(worst) = far.iter().max_by(|a, b| a.largest.total_cmp(&b.largest)) {
            let Column { column, largest, row, .. } = worst;
            let more =
                if far.len() > 1 { format!(", and {} more columns are large", far.len() - 1) } else { String::new() };
            let (column, how) = (name_of(job, *column), how(job));
            warnings.push(format!(
                "{column} of the {which} rows reaches {largest:.3} (row {row}){more}; networks were measured with features up to \
                 about {MEASURED}, and out-of-range values make a run wrong; {how}"
            ));
        }
        let unit = f64::exp2(-f64::from(job.settings.profile.frac));
        let lost: Vec<_> = columns.iter().filter(|c| c.largest > 0.0 && c.largest < unit / 2.0).collect();
        if let Some(Column { column, largest, .. }) = lost.first() {
            let profile = &job.settings.profile.name;
            warnings.push(format!(
                "{} of the {which} rows, first {}, {} 0 in the profile `{profile}`, whose unit is {unit}: the largest value is \
                 {largest:.1e}; {}",
                if lost.len() > 1 { format!("{} columns", lost.len()) } else { "1 column".into() },
                name_of(job, *column),
                if lost.len() > 1 { "are rounded to" } else { "is rounded to" },
                how(job)
            ));
        }
    }
    Ok(warnings)
}

/// A warning if the parameters that a job starts from, with 32 fraction bits, are very large.
fn look_at_parameters(initial: &[Vec<u64>]) -> Option<String> {
    let real = |x: &u64| (x.cast_signed() as f64 * f64::exp2(-32.0)).abs();
    let largest = initial.iter().flatten().map(real).fold(0.0, f64::max);
    (largest >= SANE_PARAMETER / 4.0).then(|| {
        format!(
            "the initial parameters reach {largest:.1}; with parameters this large, values are likely to leave their range, \
             which makes the model wrong; check with `ppdnn dry-run`"
        )
    })
}

/// A warning of a learning rate that is far above the one that a network was measured with.
fn look_at_rate(rate: f64, measured: Option<f64>) -> Option<String> {
    let measured = measured?;
    (rate >= FAR_RATE * measured).then(|| {
        format!(
            "a learning rate of {rate} is {:.0} times the network's own, {measured}; values may leave their range, which makes \
             the model wrong; check with `ppdnn dry-run`",
            rate / measured
        )
    })
}

/// A warning if weights of classes make so much of a batch that sums of its gradients come near their range (protocols.md 9).
fn look_at_weights(job: &Job) -> Option<String> {
    let Settings { batch, profile, .. } = &job.settings;
    let largest = job.class_weights().values().into_iter().fold(1.0, f64::max);
    let rows = f64::from(*batch).min(f64::from(job.train_rows()));
    let bound = largest_feature(profile) / 8.0;
    (largest > 1.0 && rows * largest > bound).then(|| {
        format!(
            "batches of {rows} rows with class weights up to {largest} may sum up to gradients out of range, which makes the model \
             wrong; use batches of at most {:.0} rows, or smaller weights",
            bound / largest
        )
    })
}

/// What no parameter of a network that was trained well has reached: such a weight alone takes a feature of 1 out of the range of
/// what is compared.
pub(crate) const SANE_PARAMETER: f64 = 256.0;

/// About the largest feature of the networks whose ranges were measured.
const MEASURED: f64 = 4.0;

/// So many times as far as what was measured is worth a word.
const FAR: f64 = 4.0;

/// So many times a network's own rate is worth a word.
const FAR_RATE: f64 = 16.0;

/// A feature in words: by its name in the description, where there is one.
fn name_of(job: &Job, column: usize) -> String {
    match &job.description {
        Some(own) => format!("feature `{}`", own.feature_name(column)),
        None => format!("column {column}"),
    }
}

/// What to do about features.
fn how(job: &Job) -> &'static str {
    if job.description.is_some() { DESCRIBED } else { HOW }
}

/// What to do about features that are described.
const DESCRIBED: &str = "change its `range` in the description, with `outside = \"clip\"` for values that lie far out";

/// What to do about features that are not described.
const HOW: &str = "scale every column to mean 0 and deviation 1 (subtract its mean, divide by its deviation; all owners the \
same), and look for outliers";

/// The features of one row alone, times a gradient of 1, are in the range of a raw gradient (protocols.md 9).
fn largest_feature(p: &Profile) -> f64 {
    f64::exp2(f64::from(p.ring) - 2.0 - 2.0 * f64::from(p.frac))
}

fn as_used(scale: Option<&Normalization>, column: usize, x: f32) -> String {
    scale.map_or(String::new(), |_| format!(", {} after normalization", scaled(scale, column, x)))
}

/// The largest magnitude of a column, as it is scaled.
struct Column {
    column: usize,
    largest: f64,
    row: usize,
}

fn columns(scale: Option<&Normalization>, rows: &Examples) -> Vec<Column> {
    let mut all: Vec<Column> =
        (0..rows.features().ncols()).map(|column| Column { column, largest: 0.0, row: 0 }).collect();
    for (row, values) in rows.features().rows().into_iter().enumerate() {
        for (own, x) in all.iter_mut().zip(values) {
            let x = scaled(scale, own.column, *x).abs();
            if x > own.largest {
                (own.largest, own.row) = (x, row);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::nn::Model;
    use crate::train::Training;

    fn job(profile: Profile, normalization: Option<Normalization>) -> Job {
        let model = Model::dense("own", 4, &[3], 2).unwrap();
        Training::new(model).profile(profile).normalization(normalization).job(3, 3).unwrap()
    }

    fn rows(at: [usize; 2], value: f32) -> Examples {
        let mut x = Array2::from_elem((3, 4), 0.5);
        x[at] = value;
        Examples::new(x, vec![0, 1, 0], 2).unwrap()
    }

    #[test]
    fn a_cell_that_does_not_fit_is_refused_with_its_place_and_how_to_scale() {
        let plain = rows([0, 0], 0.5);
        for profile in Profile::all() {
            let job = job(profile, None);
            for value in [16_384.0, -1e6, 1e10, f32::MAX] {
                let refused = |rows| fits(&job, None, rows).unwrap_err().to_string();
                let bad = rows([2, 1], value);
                let text = refused([&bad, &plain]);
                assert!(text.starts_with(&format!("training row 2, column 1 is {value}; ")), "{text}");
                assert!(text.contains("below 16384") && text.contains("mean 0 and deviation 1"), "{text}");
                assert!(refused([&plain, &bad]).starts_with("test row 2, column 1"));
            }
            fits(&job, None, [&rows([2, 1], 16_383.0), &plain]).unwrap();
        }
        // as it is scaled, it may fit
        let (job, scale) = (job(Profile::small(), None), Normalization::uniform(1e6, 10.0));
        let none = Examples::new(Array2::zeros((0, 4)), vec![], 2).unwrap();
        fits(&job, Some(&scale), [&rows([0, 0], 1e6), &none]).unwrap_err();
        let all = Examples::new(Array2::from_elem((3, 4), 1e6), vec![0, 1, 0], 2).unwrap();
        fits(&job, Some(&scale), [&all, &all]).unwrap();
    }

    #[test]
    fn the_value_of_an_owner_s_own_table_is_not_in_the_refusal() {
        let model = Model::dense("own", 5, &[3], 2).unwrap();
        let described =
            Training::new(model).profile(Profile::small()).description(crate::data::description::tests::small());
        let job = described.job(3, 3).unwrap();
        let mut x = Array2::from_elem((3, 5), 0.5);
        x[[1, 4]] = 77_777.0;
        let rows = Examples::new(x, vec![0, 1, 0], 2).unwrap();
        let text = fits(&job, None, [&rows, &rows]).unwrap_err().to_string();
        assert!(text.starts_with("training row 1, feature `size`: ") && !text.contains("77777"), "{text}");
    }

    #[test]
    fn columns_that_reach_far_or_come_to_nothing_are_told() {
        let job = job(Profile::small(), None);
        let plain = rows([0, 0], 0.5);
        assert!(look_at_rows(&job, &plain, &rows([1, 1], 16.0)).unwrap().is_empty());
        let far = look_at_rows(&job, &rows([1, 3], -48.0), &plain).unwrap();
        assert_eq!(far.len(), 1);
        assert!(far[0].starts_with("column 3 of the training rows reaches 48.000 (row 1)"), "{far:?}");
        let mut x = Array2::from_elem((3, 4), 0.5);
        x.column_mut(2).fill(0.001);
        let lost = look_at_rows(&job, &plain, &Examples::new(x, vec![0; 3], 2).unwrap()).unwrap();
        assert!(lost[0].starts_with("1 column of the test rows, first column 2, is rounded to 0"), "{lost:?}");
    }

    #[test]
    fn weights_that_make_too_much_of_a_batch_are_told() {
        let of = |batch, weights: &[f64]| {
            let model = Model::dense("own", 4, &[3], 2).unwrap();
            let training = Training::new(model).profile(Profile::small()).batch(batch).class_weights(weights.to_vec());
            look_at_weights(&training.job(10_000, 3).unwrap())
        };
        assert_eq!((of(128, &[1.0, 16.0]), of(4096, &[])), (None, None));
        assert!(of(256, &[1.0, 16.0]).unwrap().contains("use batches of at most 128 rows"));
    }

    #[test]
    fn rates_far_above_a_network_s_own_are_told() {
        assert_eq!(look_at_rate(0.9, Some(0.0625)), None);
        assert_eq!(look_at_rate(100.0, None), None);
        assert!(look_at_rate(1.0, Some(0.0625)).unwrap().contains("16 times the network's own, 0.0625"));
    }
}
