//! Leaky ReLU.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::gates::{Engine, OpenRequest};
use crate::nn::layer::{Layer, Named};
use crate::nn::lowered::Lowered;
use crate::nn::range_check::{RangeWatch, compared, whole};
use crate::nn::{Activation, Flow, LineError, Module, TomlTable};
use crate::party::Scaled;
use crate::shape::Shape;

/// `x` if it is not negative, else `2^-shift x` (Maas et al., 2013).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakyRelu {
    /// The slope of negative values is `2^-shift`, from 1/2 to 1/128.
    pub shift: u32,
}

impl LeakyRelu {
    fn slope(&self) -> f64 {
        f64::exp2(-f64::from(self.shift))
    }
}

impl Layer for LeakyRelu {
    fn follow(&self, before: Flow) -> std::result::Result<Flow, String> {
        before.activation()
    }

    fn output(&self, input: &Shape) -> std::result::Result<Shape, String> {
        if (1..=MOST_SHIFT).contains(&self.shift) { Ok(input.clone()) } else { Err(format!("`slope` is {SLOPES}")) }
    }

    fn lower(&self, _: Flow, _: &Shape) -> Lowered {
        Lowered::Activation(self.clone().into())
    }
}

impl Named for LeakyRelu {
    const NAME: &'static str = "leaky-relu";

    fn read(table: &mut TomlTable<'_>, _: Option<usize>) -> std::result::Result<Self, LineError> {
        let shift = |slope: f64| (1..=MOST_SHIFT).find(|shift| Self { shift: *shift }.slope() == slope);
        let slope = table.number("slope", SLOPES, |slope| shift(slope).is_some())?;
        Ok(Self { shift: slope.and_then(shift).unwrap_or(MOST_SHIFT) })
    }
}

/// Cuts that leave wires long enough.
const MOST_SHIFT: u32 = 7;
const SLOPES: &str = "a power of two from 1/2 to 1/128 (0.0078125, which stands for 0.01)";

impl Activation for LeakyRelu {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        #[expect(clippy::cast_possible_truncation, reason = "a power of two")]
        let slope = self.slope() as f32;
        z.mapv_into(|v| if v < 0.0 { slope * v } else { v })
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Leak { shift: self.shift, bits: None })
    }
}

/// `y = b z + (1 - b) u`, `b = [z >= 0]`, `u = 2^-s z`, from a product's share to an opened wire.     4 rounds; 2 back
///
/// `z` and `u` are two openings of the product, cut to the same scale: neither is longer than its bits. Backward:
/// `dz = b dy + (1 - b) 2^-s dy`, likewise. Keeps the opened bits.
struct Leak<E: Engine> {
    shift: u32,
    bits: Option<E::Selectors>,
}

impl<E: Engine> Leak<E> {
    /// A product as a wire, and 2^-s of it.
    fn both(&self, e: &mut E, z: &E::Share) -> Result<[E::Wire; 2]> {
        let p = *e.profile();
        let low = z.clone().over(self.shift);
        e.open([OpenRequest::product(z, &p), OpenRequest::product(&low, &p)])
    }

    /// `b z + (1 - b) u`, opened.
    fn chosen(e: &mut E, b: &E::Selectors, [z, u]: &[E::Wire; 2]) -> Result<E::Wire> {
        let p = *e.profile();
        let all = e.extend(u)?;
        let (own, other) = (e.select(b, z)?, e.select(b, u)?);
        let y = e.add(&all, &own)?;
        let y = e.subtract(&y, &other)?;
        let [y] = e.open([OpenRequest::operand(&y, &p)])?;
        Ok(y)
    }
}

impl<E: Engine> Module<E> for Leak<E> {
    fn forward(&mut self, e: &mut E, z: &E::Share, _: bool, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let wires = self.both(e, z)?;
        watch.map_or(Ok(()), |watch| watch.see(e, &wires[0], compared(&p, &wires[0])))?;
        let [b] = e.sign([(&wires[0], p.window)])?;
        let [b] = e.open_selectors([&b])?;
        let y = Self::chosen(e, &b, &wires)?;
        self.bits = Some(b);
        Ok(y)
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let b = self.bits.take().expect("a forward pass comes before the backward pass");
        let wires = self.both(e, dy)?;
        watch.map_or(Ok(()), |watch| watch.see(e, &wires[0], whole(&wires[0])))?;
        Self::chosen(e, &b, &wires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::LayerSpec;

    #[test]
    fn slopes_are_powers_of_two() {
        let read = |text: &str| LeakyRelu::read(&mut TomlTable::parse(text).unwrap(), None);
        assert_eq!(read("slope = 0.25").unwrap(), LeakyRelu { shift: 2 });
        assert_eq!(read("").unwrap(), LeakyRelu { shift: 7 });
        for wrong in ["slope = 0.01", "slope = 1", "slope = 0.00390625", "slope = -0.5"] {
            assert!(read(wrong).unwrap_err().to_string().contains("0.0078125"), "{wrong}");
        }
        for shift in [0, 8, u32::MAX] {
            assert!(LeakyRelu { shift }.output(&Shape::from(3)).is_err(), "{shift}");
        }
    }

    #[test]
    fn a_saved_one_comes_back_and_scores() {
        let layer = LayerSpec::from(LeakyRelu { shift: 2 });
        let text = serde_json::to_string(&layer).unwrap();
        assert_eq!(text, r#"{"LeakyRelu":{"shift":2}}"#);
        assert_eq!(serde_json::from_str::<LayerSpec>(&text).unwrap(), layer);
        let y = LeakyRelu { shift: 2 }.reference(ndarray::arr2(&[[2.0, 0.0, -2.0]]));
        assert_eq!(y, ndarray::arr2(&[[2.0, 0.0, -0.5]]));
    }
}
