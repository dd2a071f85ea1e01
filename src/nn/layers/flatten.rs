//! Images as rows.

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named};
use crate::nn::lowered::Lowered;
use crate::nn::{Flow, LineError, TomlTable};
use crate::shape::Shape;

/// Images as rows of values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flatten;

impl Layer for Flatten {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        Ok(before)
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        Ok(Shape::from([input.len()]))
    }

    fn lower(&self, _: Flow, _: &Shape) -> Lowered {
        Lowered::Nothing
    }
}

impl Named for Flatten {
    const NAME: &'static str = "flatten";

    fn read(_: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        Ok(Self)
    }
}
