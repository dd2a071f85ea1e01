//! Dense layers.

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named, ParameterSpec};
use crate::nn::layers::MOST_COLUMNS;
use crate::nn::lowered::{LinearSpec, Lowered};
use crate::nn::{Flow, LayerSpec, LineError, TomlTable};
use crate::shape::Shape;

/// `y = x w + b`, x `[n, inputs]`, y `[n, outputs]`; an image is taken as its row of values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dense {
    /// Columns of the output.
    pub outputs: usize,
    /// Whether there is a `b`.
    pub bias: bool,
}

impl Layer for Dense {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.product(false)
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        if self.outputs == 0 {
            return Err("`outputs` must be at least 1".into());
        }
        if input.axes().contains(&0) {
            return Err("a dense layer takes rows of at least one column".into());
        }
        Ok(Shape::from([self.outputs]))
    }

    fn lower(&self, _: Flow, input: &Shape) -> Lowered {
        Lowered::Product(LinearSpec::matrix(input.len(), self.outputs, self.bias))
    }

    fn parameters(&self, input: &Shape) -> Vec<ParameterSpec> {
        ParameterSpec::weight_and_bias([input.len(), self.outputs], self.bias)
    }

    fn macs(&self, input: &Shape) -> u64 {
        (input.len() as u64).saturating_mul(self.outputs as u64)
    }

    fn is_product(&self) -> bool {
        true
    }

    fn with_bias(&self) -> Option<LayerSpec> {
        Some(Self { bias: true, ..self.clone() }.into())
    }

    fn size(&self) -> String {
        self.outputs.to_string()
    }
}

impl Named for Dense {
    const NAME: &'static str = "dense";

    fn read(table: &mut TomlTable<'_>, classes: Option<usize>) -> Result<Self, LineError> {
        let outputs = table.whole("outputs", 1, MOST_COLUMNS)?.map(|outputs| outputs as usize).or(classes);
        let missing = "`outputs` is missing; only the last layer may omit it, and then has one per class";
        let outputs = outputs.ok_or_else(|| table.wrong(missing))?;
        Ok(Self { outputs, bias: table.flag("bias")?.unwrap_or(true) })
    }
}
