//! Dropout: its rate. Which values are kept follows from coins (gates/dropout.rs), and products apply it (nn/linear.rs).

use serde::{Deserialize, Serialize};

use crate::nn::layer::{Layer, Named};
use crate::nn::lowered::Lowered;
use crate::nn::{Factor, Flow, LineError, TomlTable};
use crate::shape::Shape;

/// In training, zeros in place of values that public coins choose; the others become larger, so that the mean stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropout {
    /// What the others are multiplied with; one in so many is kept.
    pub factor: Factor,
}

impl Layer for Dropout {
    fn follow(&self, before: Flow) -> Result<Flow, String> {
        before.fold()
    }

    fn output(&self, input: &Shape) -> Result<Shape, String> {
        let factor = self.factor;
        if factor.value() < 1.0 || factor.value() > 64.0 || factor.shift > 6 {
            return Err("`rate` must be at least 0 and less than 1".into());
        }
        Ok(input.clone())
    }

    fn lower(&self, _: Flow, _: &Shape) -> Lowered {
        Lowered::Dropout(self.factor)
    }

    fn kept(&self) -> f64 {
        1.0 / self.factor.value().max(1.0)
    }

    fn size(&self) -> String {
        format!("drop{:.2}", 1.0 - 1.0 / self.factor.value())
    }
}

impl Named for Dropout {
    const NAME: &'static str = "dropout";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> Result<Self, LineError> {
        let rate = table.number("rate", "a number from 0 to 0.95", |rate| (0.0..=0.95).contains(&rate))?;
        let rate =
            rate.ok_or_else(|| table.wrong("`rate` is missing: the fraction of values set to 0, for example 0.5"))?;
        Ok(Self { factor: Factor::kept(rate) })
    }
}
