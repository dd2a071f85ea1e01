//! What a network learns of a row.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::Loss;

/// What the outputs of a network say of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Its class: of several outputs the largest; of a single one the second of two classes where the output is at least 0.
    #[default]
    Classification,
    /// Which of several labels it has, none, one or more: those whose outputs are at least 0.
    MultiLabel,
    /// Numbers: the outputs themselves.
    Regression,
}

impl Task {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::Classification, Self::MultiLabel, Self::Regression];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::MultiLabel => "multi-label",
            Self::Regression => "regression",
        }
    }

    /// What rows have that is learned.
    pub(crate) fn learned(self) -> &'static str {
        match self {
            Self::Classification => "classes",
            Self::MultiLabel => "labels",
            Self::Regression => "targets",
        }
    }

    /// What an output is for.
    pub(crate) fn per_output(self) -> &'static str {
        match self {
            Self::Classification => "one per class",
            Self::MultiLabel => "one per label",
            Self::Regression => "one per target",
        }
    }

    /// The losses that it can be learned with, of so many outputs; the first is the default.
    pub fn losses(self, outputs: usize) -> &'static [Loss] {
        match self {
            Self::Classification if outputs > 1 => Loss::ALL,
            Self::Classification | Self::MultiLabel => &[Loss::SigmoidCrossEntropy],
            Self::Regression => &[Loss::Square],
        }
    }
}

impl FromStr for Task {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|task| task.name() == name);
        let names = Self::ALL.map(|task| format!("`{task}`")).join(", ");
        found.ok_or_else(|| Error::Usage(format!("there is no task `{name}`; choose one of {names}")))
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
