//! What settings have to be: read from a file, where what was claimed is the error, or from the command line.

#[cfg(feature = "cli")]
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::fixed::Profile;
use crate::nn::{ClassWeights, Optimizer};
use crate::train::learning_rate_schedule::{SCHEDULES, Schedule};

/// Reads what fits; the error is the claim, as in `must be ..`.
fn claimed<'de, D: Deserializer<'de>, T: Deserialize<'de>, U>(
    from: D,
    claim: &str,
    fits: impl FnOnce(T) -> Option<U>,
) -> Result<Option<U>, D::Error> {
    T::deserialize(from).ok().and_then(fits).map(Some).ok_or_else(|| D::Error::custom(claim))
}

/// At least one of something.
pub(super) fn count<'de, D: Deserializer<'de>, T: TryFrom<u32>>(from: D) -> Result<Option<T>, D::Error> {
    let claim = format!("an integer from 1 to {}", u32::MAX);
    claimed(from, &claim, |n: u32| if n > 0 { T::try_from(n).ok() } else { None })
}

pub(super) fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    claimed(from, "a positive number", |x: f64| (x > 0.0 && x.is_finite()).then_some(x))
}

pub(super) fn optimizer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Optimizer>, D::Error> {
    claimed(from, &format!("one of {}", Optimizer::names()), |text: String| text.parse().ok())
}

pub(super) fn momentum<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    claimed(from, "a number from 0 to less than 1", |x: f64| (0.0..1.0).contains(&x).then_some(x))
}

pub(super) fn decay<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    claimed(from, "0 or more", |x: f64| (x >= 0.0 && x.is_finite()).then_some(x))
}

pub(super) fn weights<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<f64>>, D::Error> {
    let fits = |weights: Vec<f64>| ClassWeights::new(&weights).map(|_| weights);
    claimed(from, "a list of numbers from 1/16 to 16, one for each class", fits)
}

pub(super) fn share<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    claimed(from, "an accuracy above 0 and at most 1", |x: f64| (x > 0.0 && x <= 1.0).then_some(x))
}

pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    claimed(from, "true or false", Some)
}

pub(super) fn profile<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Profile>, D::Error> {
    let names = Profile::all().map(|p| format!("`{}`", p.name)).join(", ");
    claimed(from, &format!("one of {names}"), |name: String| Profile::named(&name).ok())
}

pub(super) fn schedule<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Schedule>, D::Error> {
    claimed(from, &format!("one of {SCHEDULES}"), |text: String| text.parse().ok())
}

/// A whole number of something, which is never negative, from the command line.
#[cfg(feature = "cli")]
pub(crate) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "expected an integer of at least 0".into())
}

/// A whole number of something that there has to be, from the command line.
#[cfg(feature = "cli")]
pub(crate) fn positive<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|n| *n >= T::from(1));
    number.ok_or_else(|| "expected an integer of at least 1".into())
}
