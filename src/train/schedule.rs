//! Schedules of the learning rate.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the learning rate goes over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It is halved at 1/2, 3/4 and 7/8 of the run.
    Halving,
}

impl Schedule {
    /// The schedule of a name.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is none.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "constant" => Ok(Self::Constant),
            "halving" => Ok(Self::Halving),
            _ => Err(Error::Usage(format!("schedule `{name}` is not known; there are `halving` and `constant`"))),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Halving => "halving",
        }
    }

    /// Halvings before step `step` (from 0) of `steps`.
    pub fn halvings(self, step: u64, steps: u64) -> u32 {
        match self {
            Self::Constant => 0,
            Self::Halving => [4, 6, 7]
                .into_iter()
                .map(|eighths| u32::from(8 * u128::from(step) >= eighths * u128::from(steps)))
                .sum(),
        }
    }

    /// Steps of `steps` that come before the rate has been halved more than `halvings` times.
    pub fn steps_within(self, halvings: u32, steps: u64) -> u64 {
        let (mut within, mut beyond) = (0, steps);
        while within < beyond {
            let middle = within + (beyond - within) / 2;
            if self.halvings(middle, steps) <= halvings { within = middle + 1 } else { beyond = middle }
        }
        within
    }

    /// The most halvings of a run.
    pub fn most(self) -> u32 {
        match self {
            Self::Constant => 0,
            Self::Halving => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_halved_at_a_half_three_quarters_and_seven_eighths() {
        let at = |step| Schedule::Halving.halvings(step, 80);
        assert_eq!([0, 39, 40, 59, 60, 69, 70, 79].map(at), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(Schedule::Constant.halvings(79, 80), 0);
        assert_eq!([0, 1, 2, 3].map(|h| Schedule::Halving.steps_within(h, 80)), [40, 60, 70, 80]);
        assert_eq!(Schedule::Constant.steps_within(0, 80), 80);
    }
}
