//! Learning rates that shares can be multiplied by (protocols.md 1.3).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile};
use crate::nn::Dyadic;

/// A learning rate divided by the rows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearningRate(Dyadic);

impl LearningRate {
    /// `lr / rows`: exact if it is a power of two, else the nearest small odd multiple of one (below 64, within 2 %).
    ///
    /// # Errors
    /// [`Error::Usage`] if `lr / rows` is not between 2^-30 and 1024, the step sizes that the master weights resolve.
    pub fn new(lr: f64, rows: u64) -> Result<Self> {
        let step = lr / rows as f64;
        let near = Dyadic::near(step).filter(|_| (LEAST..MOST).contains(&step));
        near.map(Self).ok_or_else(|| {
            Error::Usage(format!(
                "the learning rate {lr} is out of range for steps of {rows} rows; choose one between {} and {}",
                two_digits(rows as f64 * LEAST, f64::ceil),
                two_digits(rows as f64 * MOST, f64::floor)
            ))
        })
    }

    /// The number it stands for.
    pub fn value(&self) -> f64 {
        self.0.value()
    }

    /// The nearest rate to it times `factor`, which is at most 1; a rate does not fall below 2^-30.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let least = self.value().min(LEAST);
        Dyadic::near((self.value() * factor).max(least)).map_or(self, Self)
    }

    /// What a gradient is multiplied by.
    pub(crate) fn dyadic(&self) -> Dyadic {
        self.0
    }

    /// Bits that a raw gradient of scale `2 frac` is shifted by to the master's scale.
    fn cut(&self, profile: &Profile) -> i32 {
        2 * profile.frac.cast_signed() - MASTER_FRAC.cast_signed() + self.0.shift
    }

    /// Checks that gradients can be rescaled by it, and by it times `least`.
    ///
    /// # Errors
    /// [`Error::Usage`] if the shifted gradients do not fit `Z_2^64`.
    pub fn check(&self, profile: &Profile, least: f64) -> Result<()> {
        if self.0.is_valid(-64, 64) {
            let room = |cut: i32| (MASTER_BITS - profile.ring).cast_signed() + cut;
            let (least, most) = (room(self.cut(profile)), room(self.times(least).cut(profile)));
            if least >= 1 && most < 64 && self.cut(profile) > -32 {
                return Ok(());
            }
        }
        Err(Error::Usage(format!(
            "the learning rate divided by the rows of a step, {self}, does not fit the profile `{}`; change the learning rate, \
             the batch size or the profile",
            profile.name
        )))
    }
}

/// Rates over rows that master weights can follow.
const LEAST: f64 = 1.0 / (1u64 << 30) as f64;
const MOST: f64 = 1024.0;

impl fmt::Display for LearningRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Two digits of a positive number, as `1.2e-7`.
fn two_digits(x: f64, round: fn(f64) -> f64) -> String {
    let unit = x.log10().floor() - 1.0;
    format!("{:.1e}", round(x * 10f64.powf(-unit)) * 10f64.powf(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_powers_of_two_or_small_odd_multiples() {
        assert_eq!(LearningRate::new(0.0625, 128).unwrap(), LearningRate(Dyadic { times: 1, shift: 11 }));
        assert_eq!(LearningRate::new(0.0625, 128).unwrap().times(0.125).to_string(), "2^-14");
        for (lr, batch) in [(0.0625, 50), (0.1, 100), (0.01, 128), (0.3, 7), (1e-6, 1), (900.0, 1)] {
            let rate = LearningRate::new(lr, batch).unwrap();
            assert!((rate.value() * batch as f64 / lr - 1.0).abs() < 0.02, "{lr} / {batch}: {rate}");
            assert!(rate.0.is_valid(-10, 36));
        }
        for lr in [0.0, f64::NAN, -1.0, f64::INFINITY, 1e-12, 1e12] {
            assert!(LearningRate::new(lr, 1).unwrap_err().is_usage(), "{lr}");
        }
    }

    #[test]
    fn rates_fall_to_2_to_the_minus_30_and_fit_every_profile_there() {
        let rate = LearningRate::new(0.1, 100).unwrap();
        assert!((rate.times(0.3).value() / rate.value() / 0.3 - 1.0).abs() <= 1.0 / 64.0);
        assert_eq!(rate.times(0.0).to_string(), "2^-30");
        for profile in Profile::all() {
            rate.check(&profile, 0.0).unwrap();
            let large = LearningRate(Dyadic { times: 1, shift: -40 });
            assert!(large.check(&profile, 1.0).unwrap_err().is_usage());
            let even = LearningRate(Dyadic { times: 2, shift: 4 });
            assert!(even.check(&profile, 1.0).unwrap_err().is_usage());
        }
    }
}
