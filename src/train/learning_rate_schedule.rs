//! Learning rate schedules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A learning rate schedule: piecewise constant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Schedule {
    /// A constant rate.
    Constant,
    /// `(1 + cos(pi t)) / 2` of it, `t` from 0 to 1 over the run, in 32 pieces of equal length; every piece has the rate of its
    /// middle (Loshchilov and Hutter, 2017, without restarts).
    Cosine,
    /// Halved at 1/2, 3/4 and 7/8 of the run.
    Halving,
    /// Multiplied by `factor` after every `epochs` epochs, until it is below 1/4096 of what it was.
    Step {
        /// Epochs with one rate.
        epochs: u32,
        /// From 0.01 to 0.99.
        factor: f64,
    },
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// Its steps.
    pub steps: u64,
    /// Steps of an epoch.
    pub epoch: u64,
}

impl Schedule {
    /// What the rate is multiplied by at step `step`, from 0.
    ///
    /// All parties must get the same number, so it uses exact arithmetic and a table, no function of the system's math library.
    pub fn factor(self, step: u64, run: Length) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => f64::from(COSINE[piece(step, run.steps)]) / 65_536.0,
            Self::Halving => EIGHTHS.into_iter().filter(|n| step >= eighths(*n, run.steps)).fold(1.0, |f, _| f / 2.0),
            Self::Step { epochs, factor } => {
                let (mut now, mut times) = (1.0, step / run.epoch.max(1) / u64::from(epochs.max(1)));
                while times > 0 && now >= FLOOR {
                    now *= factor;
                    times -= 1;
                }
                now
            }
        }
    }

    /// The first step after `step` that may have another factor; the end of the run if there is none.
    pub fn next(self, step: u64, run: Length) -> u64 {
        match self {
            Self::Constant => run.steps,
            Self::Cosine => part(piece(step, run.steps) as u64 + 1, COSINE.len() as u64, run.steps),
            Self::Halving => {
                EIGHTHS.map(|n| eighths(n, run.steps)).into_iter().find(|n| *n > step).unwrap_or(run.steps)
            }
            Self::Step { .. } if self.factor(step, run) < FLOOR => run.steps,
            Self::Step { epochs, .. } => {
                let piece = run.epoch.saturating_mul(epochs.into()).max(1);
                run.steps.min((step / piece + 1).saturating_mul(piece))
            }
        }
    }

    /// A lower bound of the factors of a run.
    pub fn least(self) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => f64::from(COSINE[COSINE.len() - 1]) / 65_536.0,
            Self::Halving => 0.125,
            Self::Step { factor, .. } => FLOOR * factor,
        }
    }

    /// Checks a schedule from an untrusted source.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is invalid.
    pub fn check(self) -> Result<()> {
        match self {
            Self::Step { epochs, factor } if epochs == 0 || !(0.01..=0.99).contains(&factor) => {
                let text = "a step schedule needs at least 1 epoch per step and a factor from 0.01 to 0.99";
                Err(Error::Usage(text.into()))
            }
            _ => Ok(()),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    /// `constant`, `cosine`, `halving`, or `step:EPOCHS:FACTOR`.
    fn from_str(text: &str) -> Result<Self> {
        let step = || {
            let (epochs, factor) = text.strip_prefix("step:")?.split_once(':')?;
            Some(Self::Step { epochs: epochs.parse().ok()?, factor: factor.parse().ok()? })
        };
        let schedule = match text {
            "constant" => Self::Constant,
            "cosine" => Self::Cosine,
            "halving" => Self::Halving,
            _ => step().ok_or_else(|| Error::Usage(format!("unknown schedule `{text}`; choose one of {SCHEDULES}")))?,
        };
        schedule.check()?;
        Ok(schedule)
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Cosine => f.write_str("cosine"),
            Self::Halving => f.write_str("halving"),
            Self::Step { epochs, factor } => write!(f, "step:{epochs}:{factor}"),
        }
    }
}

/// The schedules, for messages.
pub(crate) const SCHEDULES: &str = "`halving`, `constant`, `cosine`, and `step:EPOCHS:FACTOR`, such as step:3:0.5";

/// Where the rate is halved.
const EIGHTHS: [u64; 3] = [4, 6, 7];

/// A rate that is multiplied until it is below this part of what it was stays there.
const FLOOR: f64 = 1.0 / 4096.0;

/// `2^15 (1 + cos(pi t))` in the middles of 32 pieces, see the test.
const COSINE: [u16; 32] = [
    65_497, 65_181, 64_554, 63_621, 62_390, 60_874, 59_088, 57_047, 54_774, 52_288, 49_614, 46_778, 43_807, 40_730,
    37_576, 34_376, 31_160, 27_960, 24_806, 21_729, 18_758, 15_922, 13_248, 10_762, 8_489, 6_448, 4_662, 3_146, 1_915,
    982, 355, 39,
];

/// The first step at or after `n / of` of a run.
#[expect(clippy::cast_possible_truncation, reason = "no more than the run's steps, where n is at most `of`")]
fn part(n: u64, of: u64, steps: u64) -> u64 {
    (u128::from(n) * u128::from(steps)).div_ceil(of.into()) as u64
}

fn eighths(n: u64, steps: u64) -> u64 {
    part(n, 8, steps)
}

/// The piece of a cosine that a step is in.
fn piece(step: u64, steps: u64) -> usize {
    let pieces = COSINE.len() as u128;
    let piece = u128::from(step) * pieces / u128::from(steps.max(1));
    usize::try_from(piece.min(pieces - 1)).expect("below the number of pieces")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Length = Length { steps: 80, epoch: 10 };

    #[test]
    fn the_rate_is_halved_at_a_half_three_quarters_and_seven_eighths() {
        let at = |step| Schedule::Halving.factor(step, RUN);
        assert_eq!([0, 39, 40, 59, 60, 69, 70, 79].map(at), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]);
        assert_eq!(Schedule::Constant.factor(79, RUN), 1.0);
    }

    #[test]
    fn the_rate_steps_after_epochs_and_not_without_end() {
        let step = Schedule::Step { epochs: 3, factor: 0.5 };
        assert_eq!([0, 29, 30, 59, 60, 79].map(|s| step.factor(s, RUN)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        let long = Length { steps: u64::MAX, epoch: 1 };
        let fast = Schedule::Step { epochs: 1, factor: 0.1 };
        assert_eq!(fast.factor(4, long), fast.factor(u64::MAX - 1, long));
        assert!((fast.factor(4, long) / 1e-4 - 1.0).abs() < 1e-12);
        assert_eq!((fast.next(3, long), fast.next(4, long)), (4, u64::MAX));
    }

    #[test]
    fn the_table_is_the_cosine() {
        for (i, have) in (0..32).zip(COSINE) {
            let t = (f64::from(i) + 0.5) / 32.0;
            let want = 32_768.0 * (1.0 + (std::f64::consts::PI * t).cos());
            assert!((f64::from(have) - want).abs() <= 0.5 + 1e-6, "{i}: {have} for {want}");
        }
        let run = Length { steps: 320, epoch: 10 };
        let at = |step| Schedule::Cosine.factor(step, run);
        assert!(at(0) > 0.999 && at(0) == at(9) && at(9) > at(10) && at(319) < 0.001);
        // by and large half of the rate
        assert!(((0..320).map(at).sum::<f64>() / 320.0 - 0.5).abs() < 1e-4);
    }

    /// Between a step and the one that `next` names nothing changes, and no factor is below the least.
    #[test]
    fn pieces_end_where_the_next_one_says() {
        let steps = [(1, 0.5), (2, 0.99), (3, 0.01)].map(|(epochs, factor)| Schedule::Step { epochs, factor });
        for schedule in [Schedule::Constant, Schedule::Cosine, Schedule::Halving].into_iter().chain(steps) {
            for run in [(1, 1), (5, 3), (31, 7), (33, 40), (1000, 9)].map(|(steps, epoch)| Length { steps, epoch }) {
                let mut step = 0;
                while step < run.steps {
                    let (next, now) = (schedule.next(step, run), schedule.factor(step, run));
                    assert!(next > step && next <= run.steps && now >= schedule.least() && now <= 1.0);
                    assert!((step..next).all(|s| schedule.factor(s, run) == now), "{schedule} {run:?} {step}");
                    step = next;
                }
            }
        }
    }

    #[test]
    fn schedules_come_back_from_their_names_and_others_are_refused() {
        for text in ["constant", "cosine", "halving", "step:3:0.5", "step:1:0.01"] {
            assert_eq!(text.parse::<Schedule>().unwrap().to_string(), text);
        }
        for text in ["", "cos", "step", "step:3", "step:0:0.5", "step:1:1", "step:1:0", "step:1:nan", "step:-1:0.5"] {
            assert!(text.parse::<Schedule>().unwrap_err().is_usage(), "{text}");
        }
    }
}
