//! Public factors: an integer and a power of two.

use serde::{Deserialize, Serialize};

/// `times 2^-shift`: products are multiplied by `times`, and `shift` more bits are cut from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// The integer, odd unless there is no shift.
    pub times: u32,
    /// The power of two.
    pub shift: u32,
}

impl Factor {
    /// What a sum of `area` values is multiplied with for their mean: exact for a power of two, else the smallest within 5 %
    /// (9: 7/64).
    pub fn mean(area: usize) -> Self {
        Self::near(1.0 / area as f64, 0.05, 32)
    }

    /// What dropout multiplies the values with that it keeps, for a rate in `0 .. 1` of values that it does not: the smallest
    /// whose inverse is within 1 % of the part that is kept (0.5: 2; 0.2: 5/4; 0.25: 43/32).
    pub fn kept(rate: f64) -> Self {
        Self::near(1.0 / (1.0 - rate), 0.01, 6)
    }

    /// The factor of the fewest bits within a part `within` of `value`.
    fn near(value: f64, within: f64, most: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let at = |shift: u32| Self { times: (value * f64::exp2(shift.into())).round() as u32, shift };
        (0..most).map(at).find(|f| (f.value() / value - 1.0).abs() <= within).unwrap_or(at(most))
    }

    /// The number it stands for.
    pub fn value(&self) -> f64 {
        f64::from(self.times) * f64::exp2(-f64::from(self.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_exact_for_powers_of_two_and_near_otherwise() {
        assert_eq!(Factor::mean(1), Factor { times: 1, shift: 0 });
        assert_eq!(Factor::mean(4), Factor { times: 1, shift: 2 });
        assert_eq!(Factor::mean(9), Factor { times: 7, shift: 6 });
        for area in 1..300 {
            let f = Factor::mean(area);
            assert!(
                (f.value() * area as f64 - 1.0).abs() <= 0.05 && (f.times % 2 == 1 || f.shift == 0),
                "{area}: {f:?}"
            );
        }
    }

    #[test]
    fn dropout_keeps_the_mean() {
        assert_eq!(Factor::kept(0.0), Factor { times: 1, shift: 0 });
        assert_eq!(Factor::kept(0.5), Factor { times: 2, shift: 0 });
        assert_eq!(Factor::kept(0.2), Factor { times: 5, shift: 2 });
        for rate in [0.1, 0.25, 0.3, 0.4, 0.75, 0.9] {
            assert!((Factor::kept(rate).value() * (1.0 - rate) - 1.0).abs() <= 0.01, "{rate}");
        }
    }
}
