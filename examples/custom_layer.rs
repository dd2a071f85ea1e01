//! Trains a network with a layer of this program's own, `abs`: the absolute value, written over the gates that there are.
//!
//! `cargo run --release --example custom_layer`

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use ppdnn::data::Examples;
use ppdnn::error::Result;
use ppdnn::gates::{Engine, OpenRequest};
use ppdnn::nn::layers::Dense;
use ppdnn::nn::{
    Activation, Flow, Init, Layer, LineError, Loss, Lowered, Model, Module, Named, RangeWatch, TomlTable, compared,
    register, whole,
};
use ppdnn::roles::{Outcome, Training};
use ppdnn::shape::Shape;

/// `|x|`. What serde writes of it is in jobs and model files: of a layer without settings, its name alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Abs;

impl Layer for Abs {
    /// It follows a product, as activations do, and gives an operand of the next.
    fn follow(&self, before: Flow) -> std::result::Result<Flow, String> {
        before.activation()
    }

    fn lower(&self, _: Flow, _: &Shape) -> Lowered {
        Lowered::Activation(Self.into())
    }
}

impl Named for Abs {
    const NAME: &'static str = "abs";

    fn read(_: &mut TomlTable<'_>, _: Option<usize>) -> std::result::Result<Self, LineError> {
        Ok(Self)
    }
}

impl Activation for Abs {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reference(&self, z: Array2<f32>) -> Array2<f32> {
        z.abs()
    }

    fn module<E: Engine>(&self) -> Box<dyn Module<E>> {
        Box::new(Fold { positive: None })
    }
}

/// `y = (2 b - 1) z` with `b = [z >= 0]`, and back `dz = (2 b - 1) dy`: the same program for servers, dealer, plan and reference.
struct Fold<E: Engine> {
    positive: Option<E::Selectors>,
}

impl<E: Engine> Fold<E> {
    /// `(2 b - 1) x`, opened as an operand of products.
    fn signed(e: &mut E, b: &E::Selectors, x: &E::Wire) -> Result<E::Wire> {
        let p = *e.profile();
        let (kept, all) = (e.select(b, x)?, e.extend(x)?);
        let y = e.combine(&kept, &all, 2, -1)?;
        let [y] = e.open([OpenRequest::operand(&y, &p)])?;
        Ok(y)
    }
}

impl<E: Engine> Module<E> for Fold<E> {
    fn forward(&mut self, e: &mut E, z: &E::Share, _: bool, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let [z] = e.open([OpenRequest::product(z, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &z, compared(&p, &z)))?;
        let [b] = e.sign([(&z, p.window)])?;
        let [b] = e.open_selectors([&b])?;
        let y = Self::signed(e, &b, &z)?;
        self.positive = Some(b);
        Ok(y)
    }

    fn backward(&mut self, e: &mut E, dy: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
        let p = *e.profile();
        let [dy] = e.open([OpenRequest::product(dy, &p)])?;
        watch.map_or(Ok(()), |watch| watch.see(e, &dy, whole(&dy)))?;
        let b = self.positive.take().expect("a forward pass comes before the backward pass");
        Self::signed(e, &b, &dy)
    }
}

/// Points of the unit square; whether they lie inside a circle around its middle.
fn circle(rows: usize, turn: f32) -> Result<Examples> {
    let points =
        Array2::from_shape_fn((rows, 2), |(row, axis)| (row as f32 * [0.754_877_7, 0.569_840_3][axis] + turn).fract());
    let inside = points.rows().into_iter().map(|p| u32::from((p[0] - 0.5).hypot(p[1] - 0.5) < 0.4));
    let labels = inside.collect();
    Examples::new(points, labels, 2)
}

fn model() -> Result<Model> {
    let layers = vec![Dense { outputs: 32, bias: true }.into(), Abs.into(), Dense { outputs: 2, bias: true }.into()];
    Model::new("folded", 2, layers, 2, Loss::SoftmaxCrossEntropy, Init::He)
}

/// All roles run in this process, so that it registers the layer for them; a role in a process of its own registers it before it
/// begins.
fn train() -> Result<Outcome> {
    register::<Abs>()?;
    let training = Training::new(model()?).epochs(20).batch(32).learning_rate(0.125);
    training.run(&circle(2000, 0.0)?, &circle(500, 0.5)?, &mut |_| ())
}

#[expect(clippy::print_stdout, reason = "a program tells what it found")]
fn main() -> Result<()> {
    let outcome = train()?;
    for (epoch, accuracy) in (1..).zip(&outcome.accuracy) {
        println!("epoch {epoch}: {:.1} % of the test rows are classified correctly", 100.0 * accuracy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ppdnn::nn::TrainedModel;

    use super::*;

    #[test]
    fn the_circle_is_learned_and_the_saved_model_scores_as_the_servers_count() {
        let outcome = train().expect("all roles are here");
        let last = *outcome.accuracy.last().expect("accuracy is revealed");
        // the larger class alone has half of the rows
        assert!(last > 0.9, "{last}");
        let saved = TrainedModel::new(model().unwrap(), None, &outcome.parameters).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        saved.save(&path).unwrap();
        let test = circle(500, 0.5).unwrap();
        let scored = TrainedModel::load(&path).unwrap().accuracy(test.features().view(), test.labels()).unwrap();
        assert!((scored - last).abs() < 0.02, "{scored} {last}");
    }

    #[test]
    fn a_name_belongs_to_one_type() {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        struct Other;
        impl Layer for Other {
            fn follow(&self, before: Flow) -> std::result::Result<Flow, String> {
                Ok(before)
            }
            fn output(&self, input: &Shape) -> std::result::Result<Shape, String> {
                Ok(input.clone())
            }
            fn lower(&self, _: Flow, _: &Shape) -> Lowered {
                Lowered::Nothing
            }
        }
        impl Named for Other {
            const NAME: &'static str = "relu";
            fn read(_: &mut TomlTable<'_>, _: Option<usize>) -> std::result::Result<Self, LineError> {
                Ok(Self)
            }
        }
        register::<Abs>().unwrap();
        register::<Abs>().unwrap();
        let said = register::<Other>().unwrap_err().to_string();
        assert!(said.contains("`relu` already"), "{said}");
    }
}
