//! Stochastic gradient descent with momentum on master weights in `Z_2^64` (protocols.md 1.3).
//!
//! `V <- mu V + lr / B dW`, `W <- W - V`. The learning rate is inside `V`, so that a change of the rate changes the factor of
//! `V` in that step.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile};
use crate::gates::Scaling;
use crate::shape::Shape;

/// A learning rate divided by the batch size: `times 2^-shift`, `times` odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    times: u32,
    shift: i32,
}

impl Rate {
    /// `lr / batch`: exact where it is a power of two, else the nearest small odd multiple of one (below 64, within 2 %).
    ///
    /// # Errors
    /// [`Error::Usage`] where `lr` is not a positive number the master weights can follow.
    pub fn new(lr: f64, batch: usize) -> Result<Self> {
        let step = lr / batch as f64;
        if !(step > f64::exp2(-30.0) && step < f64::exp2(10.0)) {
            return Err(Error::Usage(format!(
                "a learning rate of {lr} cannot be used with batches of {batch}; it should be between {:e} and {:e}",
                batch as f64 * f64::exp2(-30.0),
                batch as f64 * f64::exp2(10.0)
            )));
        }
        let exact = step.log2().fract() == 0.0;
        #[expect(clippy::cast_possible_truncation, reason = "between -30 and 16")]
        let candidate = |times: u32| Self { times, shift: (f64::from(times) / step).log2().round() as i32 };
        let off = |rate: &Self| (rate.value() / step).ln().abs();
        let odd = (1..if exact { 2 } else { 64 }).step_by(2).map(candidate);
        // the smallest multiple within a third of a percent, else the nearest
        let mut best = candidate(1);
        for rate in odd {
            if off(&best) > 0.003 && off(&rate) < off(&best) {
                best = rate;
            }
        }
        Ok(best)
    }

    /// The number it stands for.
    pub fn value(&self) -> f64 {
        f64::from(self.times) * f64::exp2(-f64::from(self.shift))
    }

    /// The rate after `halvings` halvings.
    #[must_use]
    pub fn halved(self, halvings: u32) -> Self {
        Self { shift: self.shift.saturating_add_unsigned(halvings), ..self }
    }

    /// Bits that a raw gradient of scale `2 frac` is shifted by to the master's scale.
    fn cut(&self, profile: &Profile) -> i32 {
        2 * profile.frac.cast_signed() - MASTER_FRAC.cast_signed() + self.shift
    }

    /// Checks that gradients can be rescaled by it, and by it halved `halvings` times.
    ///
    /// # Errors
    /// [`Error::Usage`] where the shift leaves no room in `Z_2^64`.
    pub fn check(&self, profile: &Profile, halvings: u32) -> Result<()> {
        let room = |cut: i32| (MASTER_BITS - profile.ring).cast_signed() + cut;
        let (least, most) = (room(self.cut(profile)), room(self.halved(halvings).cut(profile)));
        if least >= 1 && most < 64 && self.times % 2 == 1 && self.times < 64 && self.cut(profile) > -32 {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "a learning rate over the batch size of {self} does not fit the profile `{}`; change one of the three",
            profile.name
        )))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.times == 1 { write!(f, "2^{}", -self.shift) } else { write!(f, "{} x 2^{}", self.times, -self.shift) }
    }
}

/// A momentum of `times / 32`; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Momentum {
    times: u32,
}

impl Momentum {
    /// The nearest multiple of 1/32.
    ///
    /// # Errors
    /// [`Error::Usage`] outside `0 <= mu < 1`.
    pub fn new(mu: f64) -> Result<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in 0 .. 32")]
        match (mu * 32.0).round() {
            times if (0.0..32.0).contains(&times) => Ok(Self { times: times as u32 }),
            _ => Err(Error::Usage(format!("a momentum of {mu} is not in 0 <= mu < 1"))),
        }
    }

    /// The number it stands for.
    pub fn value(&self) -> f64 {
        f64::from(self.times) / 32.0
    }

    /// Whether it is what [`Momentum::new`] can make.
    pub(crate) fn is_valid(&self) -> bool {
        self.times < 32
    }
}

/// A master weight or bias, and its momentum.
#[derive(Clone, Debug)]
pub struct Parameter<S> {
    /// The value, 32 fraction bits in `Z_2^64`.
    pub value: S,
    /// What it moved by in the last step; the same scale.
    pub velocity: S,
    /// Its gradients are 2^`extra` times too large.
    extra: u32,
}

impl<S> Parameter<S> {
    /// The trainer's parameter number `index`, at rest.
    ///
    /// # Errors
    /// What the engine says.
    pub fn new<E: Engine<Share = S>>(e: &mut E, index: usize, shape: &Shape) -> Result<Self> {
        Ok(Self { value: e.parameter(index, shape)?, velocity: e.zeros(shape)?, extra: 0 })
    }

    /// The same, with gradients 2^`extra` times too large.
    #[must_use]
    pub fn times(self, extra: u32) -> Self {
        Self { extra, ..self }
    }
}

/// The optimizer at one step.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    /// The rate of this step.
    pub rate: Rate,
    /// The momentum.
    pub momentum: Momentum,
    /// Halvings of the rate since the last step.
    pub halvings: u32,
}

impl Sgd {
    /// Moves all parameters by their raw gradients (scale `2 frac`, summed over the batch), in one round.
    ///
    /// # Errors
    /// What the engine says.
    pub fn update<E: Engine>(&self, e: &mut E, all: &mut [(&mut Parameter<E::Share>, E::Share)]) -> Result<()> {
        let (ring, shift) = (e.profile().ring, self.rate.cut(e.profile()));
        let moving = self.momentum.times > 0;
        let mut list = Vec::with_capacity(2 * all.len());
        for (parameter, gradient) in all.iter() {
            let shift = shift + parameter.extra.cast_signed();
            list.push(Scaling { share: gradient, bits: ring, scale: 1, shift, times: self.rate.times });
            if moving {
                let shift = 5 + self.halvings.cast_signed();
                list.push(Scaling {
                    share: &parameter.velocity,
                    bits: MASTER_BITS,
                    scale: self.momentum.times,
                    shift,
                    times: 1,
                });
            }
        }
        let mut scaled = e.rescale(&list)?.into_iter();
        let mut next = || scaled.next().expect("rescale answers every entry of its list");
        for (parameter, _) in all {
            let step = next();
            parameter.velocity = if moving { e.combine(&step, &next(), 1, 1)? } else { step };
            parameter.value = e.combine(&parameter.value, &parameter.velocity, 1, -1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_powers_of_two_or_small_odd_multiples() {
        assert_eq!(Rate::new(0.0625, 128).unwrap(), Rate { times: 1, shift: 11 });
        assert_eq!(Rate::new(0.0625, 128).unwrap().halved(3).to_string(), "2^-14");
        for (lr, batch) in [(0.0625, 50), (0.1, 100), (0.01, 128), (0.3, 7)] {
            let rate = Rate::new(lr, batch).unwrap();
            assert!((rate.value() * batch as f64 / lr - 1.0).abs() < 0.02, "{lr} / {batch}: {rate}");
            assert!(rate.times % 2 == 1 && rate.times < 64);
        }
        assert!(Rate::new(0.0, 128).is_err() && Rate::new(f64::NAN, 128).is_err() && Rate::new(-1.0, 1).is_err());
    }

    #[test]
    fn momentum_is_a_multiple_of_a_thirty_second() {
        assert_eq!(Momentum::new(0.9).unwrap().times, 29);
        assert_eq!(Momentum::new(0.0).unwrap().times, 0);
        assert!(Momentum::new(1.0).is_err() && Momentum::new(-0.1).is_err());
    }
}
