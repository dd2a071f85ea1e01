//! What is to be learned of the rows.

use serde::{Deserialize, Serialize};

use crate::data::description::check::{Checked, MOST_CLASSES, text, texts};
use crate::data::description::{Scale, Scaling};
use crate::nn::Task;

/// What is to be learned of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Its class: the names of the classes, class 0 first, 2 to 1,000. They are the texts of a table's label, or the folders of
    /// images.
    Class(Vec<String>),
    /// Which of these labels it has, 1 to 1,000. Each is a column of a table or of an array, of 0 and 1.
    Labels(Vec<String>),
    /// Numbers, 1 to 1,000. Each is a column of a table or of an array.
    Numbers(Vec<TargetNumber>),
}

/// A number that is to be learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetNumber {
    /// Its name; in a table, that of its column.
    pub name: String,
    /// How it is scaled for the network. Errors are reported, and predictions are given, in its own unit.
    pub scaling: Scaling,
}

impl TargetNumber {
    /// What a difference of 1 between outputs of the network is in the number's own unit.
    pub fn unit(&self) -> f64 {
        self.scaling.zero_and_unit()[1]
    }

    /// The number that an output of the network stands for.
    pub fn number(&self, output: f64) -> f64 {
        let [zero, unit] = self.scaling.zero_and_unit();
        zero + output * unit
    }
}

impl Target {
    /// The task of a network that learns it.
    pub fn task(&self) -> Task {
        match self {
            Self::Class(_) => Task::Classification,
            Self::Labels(_) => Task::MultiLabel,
            Self::Numbers(_) => Task::Regression,
        }
    }

    /// How many classes, labels or numbers there are.
    pub fn width(&self) -> usize {
        match self {
            Self::Class(names) | Self::Labels(names) => names.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// The names of the classes, labels or numbers.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Class(names) | Self::Labels(names) => names.clone(),
            Self::Numbers(numbers) => numbers.iter().map(|number| number.name.clone()).collect(),
        }
    }

    /// The columns of a table that it takes besides that of a class.
    pub(crate) fn columns(&self) -> Vec<&str> {
        match self {
            Self::Class(_) => Vec::new(),
            Self::Labels(names) => names.iter().map(String::as_str).collect(),
            Self::Numbers(numbers) => numbers.iter().map(|number| number.name.as_str()).collect(),
        }
    }

    /// Values that a row has of it: the number of its class, or one for each label or number.
    #[cfg(feature = "datasets")]
    pub(crate) fn values(&self) -> usize {
        if let Self::Class(_) = self { 1 } else { self.width() }
    }

    /// How many there are of what, in words: `3 classes`, `1 target`.
    pub fn in_words(&self) -> String {
        let (width, plural) = (self.width(), if self.width() == 1 { "" } else { "s" });
        match self {
            Self::Class(_) => format!("{width} classes"),
            Self::Labels(_) => format!("{width} label{plural}"),
            Self::Numbers(_) => format!("{width} target{plural}"),
        }
    }

    /// The reason why it is invalid.
    pub(super) fn check(&self) -> Checked {
        let (key, least) = match self {
            Self::Class(_) => ("classes", 2),
            Self::Labels(_) => ("labels", 1),
            Self::Numbers(_) => ("targets", 1),
        };
        texts(key, &self.names())?;
        if !(least..=MOST_CLASSES).contains(&self.width()) {
            return Err(format!("`{key}` has {} entries; it must have {least} to {MOST_CLASSES}", self.width()));
        }
        let Self::Numbers(numbers) = self else { return Ok(()) };
        numbers.iter().try_for_each(|TargetNumber { name, scaling }| {
            text("name of a target", name)?;
            scaling.check().map_err(|reason| format!("target `{name}`: {reason}"))?;
            match scaling {
                Scaling { scale: Scale::Revealed, .. } => Err(format!(
                    "target `{name}`: `reveal = true` is for features; scale a target by its `range`, or by a public `mean` and \
                     `deviation`"
                )),
                Scaling { range: Some([low, high]), scale: Scale::None, .. }
                    if low.abs().max(high.abs()) >= LARGEST =>
                {
                    Err(format!("target `{name}`: without scaling, its `range` must be within {LARGEST}"))
                }
                _ => Ok(()),
            }
        })
    }

    /// The key that differs from the one of a job.
    pub(super) fn difference(&self, jobs: &Self) -> Option<&'static str> {
        (self != jobs).then_some(match (self, jobs) {
            (Self::Class(_), Self::Class(_)) => "the classes of the label",
            (Self::Labels(_), Self::Labels(_)) => "the labels",
            (Self::Numbers(_), Self::Numbers(_)) => "the targets or their ranges",
            _ => "the task",
        })
    }
}

/// What scaled numbers must stay below, for the protocol's numbers.
pub const LARGEST: f64 = 8.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_a_number_in_its_own_unit() {
        let target =
            |range, scale| TargetNumber { name: "price".into(), scaling: Scaling { range, clip: false, scale } };
        let price = target(Some([50.0, 250.0]), Scale::Range);
        assert_eq!(
            (price.unit(), price.number(0.0), price.number(0.25), price.number(-1.0)),
            (200.0, 50.0, 100.0, -150.0)
        );
        let plain = target(Some([-2.0, 2.0]), Scale::None);
        assert_eq!((plain.unit(), plain.number(1.5)), (1.0, 1.5));
        let standard = target(None, Scale::Standard { mean: 40.0, deviation: 8.0 });
        assert_eq!((standard.unit(), standard.number(-0.5)), (8.0, 36.0));
        let far = Target::Numbers(vec![target(Some([0.0, 9.0]), Scale::None)]);
        assert!(far.check().unwrap_err().contains("without scaling"));
        assert!(Target::Numbers(vec![price, plain]).check().unwrap_err().contains("`price` twice"));
    }
}
