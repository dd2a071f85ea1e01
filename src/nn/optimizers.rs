//! The optimizers: a file and a row each.
//!
//! A parameter is a master weight in `Z_2^64` (protocols.md 1.3). In every step all parameters are rescaled in one round: what an
//! [`UpdateRule`] asks for of each, times public numbers. Then they move.

mod momentum;
mod nesterov;
mod sgd;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use momentum::WithMomentum;
use nesterov::Nesterov;
use sgd::Sgd;

use crate::error::{Error, Result};
use crate::gates::Engine;
use crate::net::printable;
use crate::nn::Momentum;
use crate::nn::update::{Moving, Step, Term};

/// How parameters move by their gradients. It is a `Copy` of public numbers; what it keeps is with the parameters.
pub(crate) trait UpdateRule: Copy {
    /// The rule with a momentum; `None` if another rule is for it.
    fn new(momentum: Momentum) -> Option<Self>;

    /// How many values it keeps with a parameter, of its shape; they are 0 before the first step.
    fn kept(&self) -> usize;

    /// What it asks for of every parameter in the round in which all are rescaled. Steps of one rate and one ratio ask for the
    /// same.
    fn terms(&self, step: &Step) -> Vec<Term>;

    /// Moves the parameters, and what is kept with them, by their terms. A rule may take more rounds here, for all parameters at
    /// once.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    fn apply<E: Engine>(&self, e: &mut E, step: &Step, all: Vec<Moving<'_, E::Share>>) -> Result<()>;
}

/// Lists the optimizers: for each its name in files, and its rules, of which the first that is for the momentum is taken.
macro_rules! optimizers {
    ($($(#[$doc:meta])* $optimizer:ident = $name:literal: [$($rule:ident),+],)*) => {
        /// What moves the parameters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Optimizer {
            $($(#[$doc])* $optimizer,)*
        }

        impl Optimizer {
            /// All that there are.
            pub const ALL: &'static [Self] = &[$(Self::$optimizer),*];

            /// Its name in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$optimizer => $name,)*
                }
            }

            /// Its rule with a momentum.
            pub(crate) fn rule(self, momentum: Momentum) -> Option<Rule> {
                match self {
                    $(Self::$optimizer => None$(.or_else(|| $rule::new(momentum).map(Rule::$rule)))+,)*
                }
            }
        }

        /// A rule of any optimizer.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Rule {
            $($($rule($rule),)+)*
        }

        impl Rule {
            pub(crate) fn kept(&self) -> usize {
                match self {
                    $($(Self::$rule(rule) => rule.kept(),)+)*
                }
            }

            pub(crate) fn terms(&self, step: &Step) -> Vec<Term> {
                match self {
                    $($(Self::$rule(rule) => rule.terms(step),)+)*
                }
            }

            pub(crate) fn apply<E: Engine>(
                &self,
                e: &mut E,
                step: &Step,
                all: Vec<Moving<'_, E::Share>>,
            ) -> Result<()> {
                match self {
                    $($(Self::$rule(rule) => rule.apply(e, step, all),)+)*
                }
            }
        }
    };
}

optimizers! {
    /// Stochastic gradient descent; with momentum where there is some.
    Sgd = "sgd": [Sgd, WithMomentum],
    /// The same with Nesterov momentum, as `torch.optim.SGD(nesterov=True)` has it.
    Nesterov = "nesterov": [Nesterov],
}

impl Rule {
    /// The rule without momentum.
    pub(crate) const PLAIN: Self = Self::Sgd(Sgd);
}

impl Optimizer {
    /// Checks that the optimizer supports a momentum.
    ///
    /// # Errors
    /// [`Error::Usage`] if it does not.
    pub(crate) fn check(self, momentum: Momentum) -> Result<()> {
        self.rule(momentum).map(drop).ok_or_else(|| {
            let (name, mu) = (self.name(), momentum.value());
            Error::Usage(format!(
                "the optimizer `{name}` cannot be used with a momentum of {mu}; set a momentum of at least 1/32 = 0.03125, or \
                 use the optimizer `sgd`"
            ))
        })
    }

    /// All names, in backticks.
    pub(crate) fn names() -> String {
        Self::ALL.iter().map(|o| format!("`{o}`")).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Optimizer {
    type Err = Error;

    /// From its name, in letters of any case.
    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|o| o.name().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| {
            let names = Self::names();
            Error::Usage(format!(
                "unknown optimizer `{}`; choose one of {names} (momentum and weight decay are settings of their own)",
                printable(text)
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optimizers_come_back_from_their_names_and_others_are_refused() {
        for optimizer in Optimizer::ALL {
            assert_eq!(optimizer.name().to_uppercase().parse::<Optimizer>().unwrap(), *optimizer);
        }
        for text in ["adam", "", "sgd\u{1b}[2J"] {
            let error = text.parse::<Optimizer>().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains("choose one of `sgd`, `nesterov`"), "{error}");
        }
    }
}
