//! Momentum that shares can be multiplied by (protocols.md 1.3).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::Dyadic;

/// A momentum of `times / 32`; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Momentum {
    times: u32,
}

impl Momentum {
    /// The nearest multiple of 1/32 below 1.
    ///
    /// # Errors
    /// [`Error::Usage`] unless `0 <= mu < 1`.
    pub fn new(mu: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&mu) {
            return Err(Error::Usage(format!(
                "the momentum must be at least 0 and below 1, not {mu}; the largest is 31/32 = 0.96875"
            )));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in 0 .. 32")]
        let times = (mu * 32.0).round() as u32;
        Ok(Self { times: times.min(31) })
    }

    /// The number it stands for.
    pub fn value(&self) -> f64 {
        f64::from(self.times) / 32.0
    }

    /// What the velocity is multiplied by in a step whose rate is `ratio` times the last one's: exact where the rate stays or
    /// is halved, else within 1/64; none without momentum.
    pub(crate) fn following(&self, ratio: f64) -> Option<Dyadic> {
        Dyadic::near(self.value() * ratio)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn momentum_is_a_multiple_of_a_thirty_second() {
        assert_eq!(Momentum::new(0.9).unwrap().times, 29);
        assert_eq!(Momentum::new(0.0).unwrap().times, 0);
        assert_eq!([0.99, 0.985, 0.999_999].map(|mu| Momentum::new(mu).unwrap().times), [31; 3]);
        for wrong in [1.0, 1.5, -0.1, -0.001, f64::NAN] {
            assert!(Momentum::new(wrong).unwrap_err().to_string().contains("31/32"), "{wrong}");
        }
    }

    #[test]
    fn momentum_follows_the_rate() {
        let momentum = Momentum::new(0.90625).unwrap();
        assert_eq!([1.0, 0.5].map(|r| momentum.following(r).unwrap().to_string()), ["29 x 2^-5", "29 x 2^-6"]);
        for ratio in [0.9, 0.1, 0.01] {
            let off = momentum.following(ratio).unwrap().value() / (0.90625 * ratio) - 1.0;
            assert!(off.abs() <= 1.0 / 64.0, "{ratio}: {off}");
        }
        assert_eq!(Momentum::new(0.0).unwrap().following(0.5), None);
    }
}
