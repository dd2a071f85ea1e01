//! Layer normalization as a layer of a network; norm.rs computes it.

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named, ParameterSpec};
use crate::nn::layers::norm::{NormSpec, Over};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// `y = g (z - mean) / sqrt(variance) + b` by row, over all values of an example (Ba, Kiros and Hinton, 2016).
///
/// g and b have a number for each of these values. Variances count as at least 2^-11.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerNorm;

impl LayerNorm {
    fn spec(input: &Shape) -> NormSpec {
        NormSpec { over: Over::Row, columns: input.len() }
    }
}

impl Layer for LayerNorm {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.normalization()
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        if input.len() < 2 {
            return Err("a row of one value has no variance".into());
        }
        Ok(input.clone())
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        Lowered::Norm(Self::spec(input))
    }

    fn parameters(&self, input: &Shape) -> Vec<ParameterSpec> {
        Self::spec(input).parameters()
    }
}

impl Named for LayerNorm {
    const NAME: &'static str = "layer-norm";

    fn read(_: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        Ok(Self)
    }
}
