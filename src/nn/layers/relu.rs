//! ReLU.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::gates::{Engine, OpenRequest};
use crate::nn::layer::{Layer, Named};
use crate::nn::lowered::Lowered;
use crate::nn::range_check::{RangeWatch, compared, whole};
use crate::nn::{Activation, Flow, LineError, Module, TomlTable};
use crate::shape::Shape;

/// `max(x, 0)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relu;

impl Layer for Relu {
    fn follow(&self, before: Flow) -> std::result::Result<Flow, String> {
        match before {
            Flow::Product { images: true } | Flow::Normalized { images: true } | Flow::Sum { images: true } => {
                Ok(Flow::Rectified)
            }
            Flow::Max => Ok(Flow::Operand),
            _ => before.activation(),
        }
    }

    fn lower(&self, before: Flow, _: &Shape) -> Lowered {
        // with a max pool, it is one step
        if before == Flow::Max { Lowered::Nothing } else { Lowered::Activation(Self.into()) }
    }
}

impl Named for Relu {
    const NAME: &'static str = "relu";

    fn read(_: &mut TomlTable<'_>, _: Option<usize>) -> std::result::Result<Self, LineError> {
        Ok(Self)
    }
}

impl Activation for Relu {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        z.mapv_into(|v| v.max(0.0))
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Rectifier { bits: None })
    }
}

/// `y = max(z, 0)`, from a product's share to an opened wire.     4 rounds; 2 back
///
/// Backward: `dz = [z >= 0] dy`. Keeps the opened bits (protocols.md 3.2).
struct Rectifier<E: Engine> {
    bits: Option<E::Selectors>,
}

impl<E: Engine> Module<E> for Rectifier<E> {
    fn forward(&mut self, e: &mut E, z: &E::Share, _: bool, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let [z] = e.open([OpenRequest::product(z, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &z, compared(&p, &z)))?;
        let [b] = e.sign([(&z, p.window)])?;
        let [b] = e.open_selectors([&b])?;
        let y = e.select(&b, &z)?;
        self.bits = Some(b);
        let [y] = e.open([OpenRequest::operand(&y, &p)])?;
        Ok(y)
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let b = self.bits.take().expect("a forward pass comes before the backward pass");
        let [dy] = e.open([OpenRequest::product(dy, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(&dy)))?;
        let dz = e.select(&b, &dy)?;
        let [dz] = e.open([OpenRequest::operand(&dz, &p)])?;
        Ok(dz)
    }
}
