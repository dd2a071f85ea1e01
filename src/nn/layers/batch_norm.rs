//! Batch normalization as a layer of a network; norm.rs computes it.

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named, ParameterSpec};
use crate::nn::layers::norm::{NormSpec, Over};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// `y = g (z - mean) / sqrt(variance) + b` by channel, over the batch and all positions of an image (Ioffe and Szegedy, 2015).
///
/// Evaluation uses running statistics, in which each batch of training has the part `2^-momentum`; a saved model has it in the
/// weight and the bias of the product before it. Variances count as at least 2^-11.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// The part of a batch in the running statistics is `2^-momentum`, from 1/2 to 1/128.
    pub momentum: u32,
}

impl BatchNorm {
    fn spec(&self, input: &Shape) -> NormSpec {
        let columns = input.axes().last().copied().unwrap_or(1);
        NormSpec { over: Over::Batch { momentum: self.momentum }, columns }
    }

    fn part(momentum: u32) -> f64 {
        f64::exp2(-f64::from(momentum))
    }
}

impl Layer for BatchNorm {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.normalization()
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        if (1..=MOST_MOMENTUM).contains(&self.momentum) {
            Ok(input.clone())
        } else {
            Err(format!("`momentum` is {PARTS}"))
        }
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        Lowered::Norm(self.spec(input))
    }

    fn parameters(&self, input: &Shape) -> Vec<ParameterSpec> {
        self.spec(input).parameters()
    }
}

impl Named for BatchNorm {
    const NAME: &'static str = "batch-norm";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        let find = |part: f64| (1..=MOST_MOMENTUM).find(|momentum| Self::part(*momentum) == part);
        let part = table.number("momentum", PARTS, |part| find(part).is_some())?;
        Ok(Self { momentum: part.and_then(find).unwrap_or(3) })
    }
}

const MOST_MOMENTUM: u32 = 7;
const PARTS: &str =
    "a power of two from 1/2 to 1/128: the part of a batch in the running statistics (0.125 stands for 0.1)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_batch_are_powers_of_two() {
        let read = |text: &str| BatchNorm::read(&mut TomlTable::parse(text).unwrap(), None);
        assert_eq!(read("momentum = 0.25").unwrap(), BatchNorm { momentum: 2 });
        assert_eq!(read("").unwrap(), BatchNorm { momentum: 3 });
        for wrong in ["momentum = 0.1", "momentum = 1", "momentum = 0"] {
            assert!(read(wrong).unwrap_err().to_string().contains("0.125"), "{wrong}");
        }
        assert!(BatchNorm { momentum: 0 }.output(&Shape::from(3)).is_err());
        let names = |input: Shape| {
            BatchNorm { momentum: 3 }.parameters(&input).into_iter().map(|p| (p.name, p.shape)).collect::<Vec<_>>()
        };
        assert_eq!(names([5, 5, 7].into())[3], ("running_var", [7].into()));
        assert_eq!(names(Shape::from(6))[0], ("weight", [6].into()));
    }
}
