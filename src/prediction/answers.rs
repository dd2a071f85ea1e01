//! The answers to a client: what they may be, and how they come out of the two servers' halves.

use std::fmt;
use std::str::FromStr;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::{decode, mask};
use crate::gates::MOST_COMPARED;
use crate::nn::{Task, class};
use crate::prediction::PredictionJob;

/// What a client may ask about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// Its class alone: the output that is the largest, or whether a single one is at least 0; of several labels, those that it has.
    Class,
    /// The probability of every class or label, of the second class alone where the network has one output; as the model's loss defines it: softmax or sigmoid.
    Probabilities,
    /// The outputs of the last layer themselves: logits, or the numbers that a regression predicts, in their own unit. They tell the
    /// most about the model.
    Values,
}

impl AnswerKind {
    /// All of them, from the one that tells the least about the model.
    pub const ALL: [Self; 3] = [Self::Class, Self::Probabilities, Self::Values];

    /// What tells the least about a model of a task: classes or labels, or the numbers of a regression.
    pub fn of(task: Task) -> Self {
        match task {
            Task::Classification | Task::MultiLabel => Self::Class,
            Task::Regression => Self::Values,
        }
    }
}

impl fmt::Display for AnswerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Class => "class",
            Self::Probabilities => "probabilities",
            Self::Values => "values",
        })
    }
}

impl FromStr for AnswerKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|kind| kind.to_string() == name);
        found.ok_or_else(|| {
            Error::Usage(format!("there are no answers `{name}`; choose `class`, `probabilities` or `values`"))
        })
    }
}

/// The answers to rows, in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// The class of every row, from 0.
    Classes(Vec<u32>),
    /// Which labels every row has, `[rows, labels]`.
    Labels(Array2<bool>),
    /// The probabilities of the classes or labels, `[rows, outputs]`, to within a unit of the profile's fraction bits and 2e-3.
    Probabilities(Array2<f32>),
    /// The outputs of the last layer, `[rows, outputs]`.
    Values(Array2<f32>),
}

impl Answers {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Labels(labels) => labels.nrows(),
            Self::Probabilities(x) | Self::Values(x) => x.nrows(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The probabilities or values.
    pub fn into_table(self) -> Option<Array2<f32>> {
        match self {
            Self::Classes(_) | Self::Labels(_) => None,
            Self::Probabilities(x) | Self::Values(x) => Some(x),
        }
    }

    /// The labels.
    pub fn into_labels(self) -> Option<Array2<bool>> {
        match self {
            Self::Labels(labels) => Some(labels),
            _ => None,
        }
    }

    /// The class of every row; of probabilities and values of classes, the largest, or the first of several. None of labels.
    pub fn classes(&self) -> Vec<u32> {
        match self {
            Self::Classes(classes) => classes.clone(),
            Self::Labels(_) => Vec::new(),
            Self::Probabilities(x) if x.ncols() == 1 => x.iter().map(|p| u32::from(*p >= 0.5)).collect(),
            Self::Probabilities(x) | Self::Values(x) => x.rows().into_iter().map(class).collect(),
        }
    }
}

/// How the answers to a request leave the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Numbers.
    pub(crate) len: usize,
    /// Bits of their ring.
    pub(crate) bits: u32,
    /// Fraction bits.
    pub(crate) frac: u32,
}

impl PredictionJob {
    /// How the answers to a request leave the servers.
    pub(crate) fn layout(&self) -> Layout {
        let (p, model) = (&self.card.profile, &self.card.model);
        let (rows, outputs) = (self.batch as usize, model.outputs());
        match self.answers {
            AnswerKind::Class if model.decides_by_sign() => Layout { len: rows * outputs, bits: 1, frac: 0 },
            // a bit for every class, of which one is 1; the number of the class where there are many
            AnswerKind::Class if outputs <= MOST_COMPARED => Layout { len: rows * outputs, bits: 1, frac: 0 },
            AnswerKind::Class => Layout { len: rows, bits: p.ring, frac: 0 },
            AnswerKind::Probabilities => Layout { len: rows * outputs, bits: p.ring, frac: p.frac },
            AnswerKind::Values => Layout { len: rows * outputs, bits: p.ring, frac: model.output_frac(p) },
        }
    }

    /// The answers to the first `rows` rows of a request, from the sums of both halves.
    ///
    /// # Errors
    /// [`Error::Peer`] if they are none.
    pub(crate) fn answers_of(&self, sums: &[u64], rows: usize) -> Result<Answers> {
        let (Layout { bits, frac, .. }, model) = (self.layout(), &self.card.model);
        let outputs = model.outputs();
        let garbled = || Error::peer("the servers", "sent answers that are none; one of them computed something else");
        #[expect(clippy::cast_possible_truncation, reason = "answers have single precision")]
        let real = |x: &u64| decode(*x & mask(bits), bits, frac) as f32;
        let table = || {
            let values = sums.iter().take(rows * outputs).map(real).collect();
            Array2::from_shape_vec([rows, outputs], values).map_err(|_| garbled())
        };
        match self.answers {
            AnswerKind::Probabilities => table().map(Answers::Probabilities),
            AnswerKind::Values => table().map(|values| Answers::Values(self.card.in_own_units(values))),
            AnswerKind::Class if model.task() == Task::MultiLabel => {
                let bits = sums.iter().take(rows * outputs).map(|bit| *bit == 1).collect();
                Array2::from_shape_vec([rows, outputs], bits).map(Answers::Labels).map_err(|_| garbled())
            }
            AnswerKind::Class if model.decides_by_sign() => {
                Ok(Answers::Classes(sums.iter().take(rows).map(|bit| u32::from(*bit == 1)).collect()))
            }
            AnswerKind::Class if bits == 1 => {
                let one_hot = |row: &[u64]| {
                    let mut ones = (0u32..).zip(row).filter(|(_, bit)| **bit == 1);
                    ones.next().filter(|_| ones.next().is_none()).map(|(class, _)| class).ok_or_else(garbled)
                };
                sums.chunks_exact(outputs).take(rows).map(one_hot).collect::<Result<_>>().map(Answers::Classes)
            }
            AnswerKind::Class => {
                let known = |x: &u64| u32::try_from(*x).ok().filter(|x| (*x as usize) < outputs).ok_or_else(garbled);
                sums.iter().take(rows).map(known).collect::<Result<_>>().map(Answers::Classes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prediction::job::tests::job;

    #[test]
    fn a_class_is_one_bit_and_nothing_else() {
        let job = job(AnswerKind::Class);
        assert_eq!(job.layout(), Layout { len: 6, bits: 1, frac: 0 });
        let one = |sums: [u64; 6], rows| job.answers_of(&sums, rows);
        assert_eq!(one([0, 1, 0, 1, 0, 0], 2).unwrap(), Answers::Classes(vec![1, 0]));
        // rows that only fill up the request may hold anything
        assert_eq!(one([0, 0, 1, 1, 1, 1], 1).unwrap(), Answers::Classes(vec![2]));
        assert!(one([0, 1, 1, 1, 0, 0], 2).is_err() && one([0, 0, 0, 1, 0, 0], 2).is_err());
    }

    #[test]
    fn numbers_come_out_of_their_ring() {
        let job = job(AnswerKind::Values);
        let Layout { bits, frac, .. } = job.layout();
        let ring = |x: f64| crate::fixed::encode(x, frac) & mask(bits);
        let sums = [1.5, -0.25, 0.0, 2.0, 3.0, -1.0].map(ring);
        let Answers::Values(values) = job.answers_of(&sums, 2).unwrap() else { panic!("values were asked for") };
        assert_eq!(values, ndarray::arr2(&[[1.5, -0.25, 0.0], [2.0, 3.0, -1.0]]));
        assert_eq!(Answers::Values(values).classes(), [0, 1]);
    }

    #[test]
    fn kinds_are_known_by_their_names() {
        for kind in AnswerKind::ALL {
            assert_eq!(kind.to_string().parse::<AnswerKind>().unwrap(), kind);
        }
        assert!("logits".parse::<AnswerKind>().unwrap_err().to_string().contains("`values`"));
    }
}
