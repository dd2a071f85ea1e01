//! Stochastic gradient descent with momentum and weight decay on master weights in `Z_2^64` (protocols.md 1.3).
//!
//! `V <- mu V + lr (dW / B + wd W)`, `W <- W - V`. The learning rate is inside `V`, so that a change of the rate changes the
//! factor of `V` in that step. Weight decay is that of `torch.optim.SGD`: of all parameters, biases included.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, MASTER_FRAC, Profile};
use crate::gates::Scaling;
use crate::nn::Dyadic;
use crate::shape::Shape;

/// A learning rate divided by the rows of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate(Dyadic);

impl Rate {
    /// `lr / rows`: exact where it is a power of two, else the nearest small odd multiple of one (below 64, within 2 %).
    ///
    /// # Errors
    /// [`Error::Usage`] where `lr` is not a positive number the master weights can follow.
    pub fn new(lr: f64, rows: usize) -> Result<Self> {
        let step = lr / rows as f64;
        let near = Dyadic::near(step).filter(|_| (LEAST..MOST).contains(&step));
        near.map(Self).ok_or_else(|| {
            Error::Usage(format!(
                "a learning rate of {lr} cannot be used with {rows} rows a step; it should be between {:e} and {:e}",
                rows as f64 * LEAST,
                rows as f64 * MOST
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

    /// The power of two that it is divided by.
    pub(crate) fn shift(&self) -> i32 {
        self.0.shift
    }

    /// Bits that a raw gradient of scale `2 frac` is shifted by to the master's scale.
    fn cut(&self, profile: &Profile) -> i32 {
        2 * profile.frac.cast_signed() - MASTER_FRAC.cast_signed() + self.0.shift
    }

    /// Checks that gradients can be rescaled by it, and by it times `least`.
    ///
    /// # Errors
    /// [`Error::Usage`] where the shift leaves no room in `Z_2^64`.
    pub fn check(&self, profile: &Profile, least: f64) -> Result<()> {
        if self.0.is_valid(-64, 64) {
            let room = |cut: i32| (MASTER_BITS - profile.ring).cast_signed() + cut;
            let (least, most) = (room(self.cut(profile)), room(self.times(least).cut(profile)));
            if least >= 1 && most < 64 && self.cut(profile) > -32 {
                return Ok(());
            }
        }
        Err(Error::Usage(format!(
            "a learning rate over the rows of a step of {self} does not fit the profile `{}`; change one of the three",
            profile.name
        )))
    }
}

/// Rates over rows that master weights can follow.
const LEAST: f64 = 1.0 / (1u64 << 30) as f64;
const MOST: f64 = 1024.0;

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A momentum of `times / 32`; 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Momentum {
    times: u32,
}

impl Momentum {
    /// The nearest multiple of 1/32 below 1.
    ///
    /// # Errors
    /// [`Error::Usage`] outside `0 <= mu < 1`.
    pub fn new(mu: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&mu) {
            return Err(Error::Usage(format!(
                "a momentum of {mu} is not in 0 <= mu < 1; the largest is 31/32 = 0.96875"
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sgd {
    /// The rate of this step.
    pub rate: Rate,
    /// What the velocity is multiplied by; none without momentum.
    pub momentum: Option<Dyadic>,
    /// Learning rate times weight decay: the part of itself that a parameter loses; none without weight decay.
    pub decay: Option<Dyadic>,
}

impl Sgd {
    /// Moves all parameters by their raw gradients (scale `2 frac`, summed over the rows of the step), in one round.
    ///
    /// # Errors
    /// What the engine says.
    pub fn update<E: Engine>(&self, e: &mut E, all: &mut [(&mut Parameter<E::Share>, E::Share)]) -> Result<()> {
        let (ring, shift) = (e.profile().ring, self.rate.cut(e.profile()));
        let mut list = Vec::with_capacity(3 * all.len());
        for (parameter, gradient) in all.iter() {
            let shift = shift + parameter.extra.cast_signed();
            let times = self.rate.0.times;
            list.push(Scaling { share: gradient, what: "gradient", bits: ring, scale: 1, shift, times });
            let velocity = self.momentum.map(|factor| (&parameter.velocity, "velocity", factor));
            let decayed = self.decay.map(|factor| (&parameter.value, "decayed", factor));
            let wide = |(share, what, Dyadic { times: scale, shift })| {
                let bits = MASTER_BITS;
                Scaling { share, what, bits, scale, shift, times: 1 }
            };
            list.extend(velocity.into_iter().chain(decayed).map(wide));
        }
        let mut scaled = e.rescale(&list)?.into_iter();
        let mut next = || scaled.next().expect("rescale answers every entry of its list");
        for (parameter, _) in all {
            let mut velocity = next();
            for _ in self.momentum.iter().chain(&self.decay) {
                velocity = e.combine(&velocity, &next(), 1, 1)?;
            }
            parameter.velocity = velocity;
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
        assert_eq!(Rate::new(0.0625, 128).unwrap(), Rate(Dyadic { times: 1, shift: 11 }));
        assert_eq!(Rate::new(0.0625, 128).unwrap().times(0.125).to_string(), "2^-14");
        for (lr, batch) in [(0.0625, 50), (0.1, 100), (0.01, 128), (0.3, 7), (1e-6, 1), (900.0, 1)] {
            let rate = Rate::new(lr, batch).unwrap();
            assert!((rate.value() * batch as f64 / lr - 1.0).abs() < 0.02, "{lr} / {batch}: {rate}");
            assert!(rate.0.is_valid(-10, 36));
        }
        for lr in [0.0, f64::NAN, -1.0, f64::INFINITY, 1e-12, 1e12] {
            assert!(Rate::new(lr, 1).unwrap_err().is_usage(), "{lr}");
        }
    }

    #[test]
    fn rates_fall_to_2_to_the_minus_30_and_fit_every_profile_there() {
        let rate = Rate::new(0.1, 100).unwrap();
        assert!((rate.times(0.3).value() / rate.value() / 0.3 - 1.0).abs() <= 1.0 / 64.0);
        assert_eq!(rate.times(0.0).to_string(), "2^-30");
        for profile in Profile::all() {
            rate.check(&profile, 0.0).unwrap();
            let large = Rate(Dyadic { times: 1, shift: -40 });
            assert!(large.check(&profile, 1.0).unwrap_err().is_usage());
            let even = Rate(Dyadic { times: 2, shift: 4 });
            assert!(even.check(&profile, 1.0).unwrap_err().is_usage());
        }
    }

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
