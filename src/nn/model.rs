//! What a network is: its layers with their sizes, its loss, how it begins.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gates::MAX_CLASSES;
use crate::nn::LayerSpec;
use crate::nn::layer::walk;
use crate::nn::stage::After;
use crate::shape::Shape;

/// What training makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Cross-entropy of the softmax of the outputs; the gradient is `softmax(y) - onehot`.
    SoftmaxCrossEntropy,
    /// Half the squared error of the outputs; the gradient is `y - onehot`.
    Square,
    /// Binary cross-entropy of the sigmoid of every output; the gradient is `sigmoid(y) - onehot`.
    SigmoidCrossEntropy,
}

impl Loss {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftmaxCrossEntropy => "softmax-cross-entropy",
            Self::Square => "square",
            Self::SigmoidCrossEntropy => "sigmoid-cross-entropy",
        }
    }
}

/// How weights begin; biases begin at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Normal, variance `2 / (inputs + outputs)` (Glorot and Bengio, 2010).
    Glorot,
    /// Normal, variance `2 / inputs` (He et al., 2015).
    He,
    /// Uniform in `+- 1 / sqrt(inputs)`.
    Uniform,
}

impl Init {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Glorot => "glorot",
            Self::He => "he",
            Self::Uniform => "uniform",
        }
    }
}

/// A network for classification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) input: Shape,
    pub(crate) classes: usize,
    pub(crate) layers: Vec<LayerSpec>,
    pub(crate) loss: Loss,
    pub(crate) init: Init,
}

impl Model {
    /// A network of the layers, for examples of a shape: a number of columns, or axes.
    ///
    /// # Errors
    /// [`Error::Usage`] with the layer that does not fit, and what would.
    pub fn new(
        name: impl Into<String>,
        input: impl Into<Shape>,
        layers: Vec<LayerSpec>,
        classes: usize,
        loss: Loss,
        init: Init,
    ) -> Result<Self> {
        let model = Self { name: name.into(), input: input.into(), classes, layers, loss, init };
        model.check()?;
        Ok(model)
    }

    /// Dense layers with ReLU between them under softmax cross-entropy: `features - hidden - classes`.
    ///
    /// # Errors
    /// [`Error::Usage`] where a size is 0 or the loss cannot take so many classes.
    pub fn dense(name: impl Into<String>, features: usize, hidden: &[usize], classes: usize) -> Result<Self> {
        let dense = |outputs| LayerSpec::Dense { outputs, bias: true };
        let hidden = hidden.iter().flat_map(|outputs| [dense(*outputs), LayerSpec::Relu]);
        let layers = hidden.chain([dense(classes)]).collect();
        Self::new(name, features, layers, classes, Loss::SoftmaxCrossEntropy, Init::He)
    }

    /// The same layers under another loss.
    #[must_use]
    pub fn with_loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// The same layers with other beginnings.
    #[must_use]
    pub fn with_init(self, init: Init) -> Self {
        Self { init, ..self }
    }

    /// Checks a network: every layer takes what the one before it gives, dense layers and activations take turns, and the
    /// loss can take the outputs.
    ///
    /// # Errors
    /// [`Error::Usage`] with the layer that does not fit, and what would.
    pub fn check(&self) -> Result<()> {
        if let Some(misfit) = self.misfit() {
            return Err(Error::Usage(format!("`{}`: {misfit}", self.name)));
        }
        let factors =
            self.stages().into_iter().flat_map(|stage| stage.linears().map(|l| l.factor(true)).collect::<Vec<_>>());
        if factors.into_iter().any(|f| f.shift > MOST_EXTRA || f.times >= 1 << MOST_EXTRA) {
            return Err(Error::Usage(format!(
                "`{}`: the pools and dropouts of one product take more than {MOST_EXTRA} bits; put an activation between them, \
                 or make windows smaller",
                self.name
            )));
        }
        self.check_classes()
    }

    /// Checks that the loss can take so many outputs.
    fn check_classes(&self) -> Result<()> {
        let (name, classes, loss) = (&self.name, self.classes, self.loss);
        if classes < 2 {
            return Err(Error::Usage(format!("`{name}`: {classes} classes are no choice; there have to be 2 or more")));
        }
        if loss == Loss::SoftmaxCrossEntropy && classes > MAX_CLASSES {
            let others = [Loss::SigmoidCrossEntropy, Loss::Square].map(Loss::name);
            return Err(Error::Usage(format!(
                "`{name}`: the loss {} takes 2 to {MAX_CLASSES} classes, not {classes}: the exponentials of a row's outputs are summed up to \
                 16; {} and {} take more",
                loss.name(),
                others[0],
                others[1]
            )));
        }
        Ok(())
    }

    /// The first layer that does not fit.
    pub(crate) fn misfit(&self) -> Option<Misfit> {
        let classes = self.classes;
        let wrong = |layer: usize, kind, input: &Shape, reason: String| {
            Some(Misfit { layer, kind, input: input.clone(), reason })
        };
        if !matches!(checked_len(&self.input), Some(1..)) {
            let reason = "examples need at least one feature, and no more than can be counted".into();
            return wrong(0, self.layers.first().map_or("none", LayerSpec::kind), &self.input, reason);
        }
        let Some((last, before)) = self.layers.split_last() else {
            let reason = format!("there are no layers; the last has to be dense, with {classes} outputs");
            return wrong(0, "none", &self.input, reason);
        };
        let output = match misfit_of(&self.layers, &self.input) {
            Ok((output, _)) => output,
            Err(misfit) => return Some(misfit),
        };
        let input = walk(before, &self.input, |_, _| ());
        if !matches!(last, LayerSpec::Dense { .. }) {
            let reason = format!("the last layer has to be dense, with {classes} outputs, one per class");
            return wrong(before.len(), last.kind(), &input, reason);
        }
        if output.axes() != [classes] {
            let gives = of_batch(&output);
            let reason =
                format!("the last layer gives {gives}, but there are {classes} classes; `outputs = {classes}` fits");
            return wrong(before.len(), last.kind(), &input, reason);
        }
        None
    }

    /// The shape behind layers, where each may follow the one before.
    #[cfg(test)]
    pub(crate) fn leads_to(layers: &[LayerSpec], input: &Shape) -> Option<Shape> {
        misfit_of(layers, input).ok().map(|(shape, _)| shape)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Columns of its input.
    pub fn features(&self) -> usize {
        self.input.len()
    }

    /// Shape of an example.
    pub fn input(&self) -> &Shape {
        &self.input
    }

    /// Columns of its output.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Its layers.
    pub fn layers(&self) -> &[LayerSpec] {
        &self.layers
    }

    /// What training makes small.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// How its weights begin.
    pub fn init(&self) -> Init {
        self.init
    }

    /// Its layers with the shape of an example before each.
    pub fn layers_with_inputs(&self) -> impl Iterator<Item = (&LayerSpec, Shape)> {
        let mut shape = self.input.clone();
        self.layers.iter().map(move |layer| {
            let output = layer.output(&shape).expect("a checked model's layers fit");
            (layer, std::mem::replace(&mut shape, output))
        })
    }

    /// Shapes of its parameters: of every layer that has some, see [`LayerSpec::parameters`].
    pub fn parameters(&self) -> Vec<Shape> {
        self.layers_with_inputs().flat_map(|(layer, input)| layer.parameters(&input)).collect()
    }

    /// Multiplications and additions of a forward pass of one example.
    pub fn macs(&self) -> u64 {
        self.layers_with_inputs().map(|(layer, input)| layer.macs(&input)).fold(0, u64::saturating_add)
    }

    /// Values of the largest operand or output of a layer, for one example.
    pub fn widest(&self) -> usize {
        self.layers_with_inputs().map(|(layer, input)| layer.widest(&input)).max().unwrap_or(0)
    }

    /// As people write it: `784-128-128-10`, `28x28x1-20c5x5-max2x2-10`.
    pub fn sizes(&self) -> String {
        let images = self.layers.iter().any(LayerSpec::takes_images);
        let axes: Vec<String> = self.input.axes().iter().map(usize::to_string).collect();
        let input = if images { axes.join("x") } else { self.features().to_string() };
        let layers = self.layers.iter().map(LayerSpec::to_string).filter(|l| !l.is_empty());
        std::iter::once(input).chain(layers).collect::<Vec<_>>().join("-")
    }
}

/// A layer that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Its number, from 0.
    pub(crate) layer: usize,
    kind: &'static str,
    input: Shape,
    reason: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, kind, input, reason } = self;
        write!(f, "layer {} ({kind}) gets {}; {reason}", layer + 1, of_batch(input))
    }
}

/// The shape behind layers, and where they lead; or the first that does not fit.
pub(super) fn misfit_of(layers: &[LayerSpec], input: &Shape) -> std::result::Result<(Shape, After), Misfit> {
    let begin = Ok((input.clone(), After::Operand));
    layers.iter().enumerate().fold(begin, |so_far, (at, layer)| {
        let (input, after) = so_far?;
        let fits = after.then(layer).and_then(|after| {
            let output = layer.output(&input)?;
            checked_len(&output).ok_or("it gives more numbers than can be counted")?;
            let parameters = layer.parameters(&input);
            let counted = parameters.iter().try_fold(0usize, |n, shape| n.checked_add(checked_len(shape)?));
            counted.ok_or("its weight has more numbers than can be counted")?;
            Ok((output, after))
        });
        fits.map_err(|reason| Misfit { layer: at, kind: layer.kind(), input, reason })
    })
}

/// `[batch, 784]`.
pub(crate) fn of_batch(example: &Shape) -> String {
    let axes = example.axes().iter().map(|axis| format!(", {axis}"));
    format!("[batch{}]", axes.collect::<String>())
}

/// Bits that averages and dropout may take from a product.
const MOST_EXTRA: u32 = 10;

fn checked_len(shape: &Shape) -> Option<usize> {
    shape.axes().iter().try_fold(1usize, |n, axis| n.checked_mul(*axis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Factor, PoolMethod};

    fn secureml() -> Model {
        Model::dense("secureml", 784, &[128, 128], 10).unwrap()
    }

    #[test]
    fn secureml_has_the_sizes_of_its_paper() {
        let model = secureml();
        assert_eq!(model.sizes(), "784-128-128-10");
        let parameters: usize = model.parameters().iter().map(Shape::len).sum();
        assert_eq!(parameters, 784 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10);
        assert_eq!(model.macs(), 784 * 128 + 128 * 128 + 128 * 10);
        model.check().unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_layer_its_input_and_what_would_fit() {
        let broken = |change: fn(&mut Model)| {
            let mut model = secureml();
            change(&mut model);
            model.check().unwrap_err().to_string()
        };
        let dense = |outputs| LayerSpec::Dense { outputs, bias: true };
        assert_eq!(
            broken(|m| m.layers.retain(LayerSpec::is_product)),
            "`secureml`: layer 2 (dense) gets [batch, 128]; put an activation (relu, sigmoid) between it and the layer \
             before it"
        );
        assert!(broken(|m| m.layers.insert(0, LayerSpec::Relu)).contains("layer 1 (relu) gets [batch, 784]; an act"));
        assert!(
            broken(|m| m.layers.truncate(4)).contains("layer 4 (relu) gets [batch, 128]; the last layer has to be")
        );
        assert!(broken(|m| m.layers.clear()).contains("there are no layers; the last has to be dense"));
        assert!(broken(|m| m.classes = 12).contains(
            "layer 5 (dense) gets [batch, 128]; the last layer gives [batch, 10], \
            but there are 12 classes; `outputs = 12` fits"
        ));
        let conv = |kernel, stride| LayerSpec::Conv2d { channels: 2, kernel, stride, padding: [0, 0], bias: true };
        let over_images = |layers: Vec<LayerSpec>, input: Shape| {
            let layers = layers.into_iter().chain([LayerSpec::Relu, dense(10)]).collect();
            Model::new("images", input, layers, 10, Loss::Square, Init::He).map_err(|e| e.to_string())
        };
        let mut many = vec![LayerSpec::Dropout { factor: Factor::kept(0.2) }; 6];
        many.push(conv([3, 3], [1, 1]));
        assert!(over_images(many, Shape::from([6, 7, 1])).unwrap_err().contains("take more than 10 bits"));
        let residual = |body, projection| LayerSpec::Residual { body, projection };
        let window = [2, 2];
        let method = PoolMethod::Tree;
        let max_pool = |window, stride| LayerSpec::MaxPool { window, stride, method };
        let (average, max) = (LayerSpec::AveragePool { window, stride: window }, max_pool(window, window));
        let image = Shape::from([6, 7, 1]);
        assert!(over_images(vec![conv([3, 3], [1, 1]), max.clone()], image.clone()).is_ok());
        for (layers, input, says) in [
            (vec![conv([3, 3], [1, 1])], 42.into(), "[batch, 42]; a conv2d layer takes images; [batch, height"),
            (vec![conv([7, 3], [1, 1])], image.clone(), "its kernel is of 1 to 6 rows and 1 to 7 columns"),
            (vec![conv([3, 3], [0, 1])], image.clone(), "in steps of at least 1"),
            (vec![conv([3, 3], [1, 1]), average.clone(), average.clone()], image.clone(), "an average pool follows a"),
            (vec![conv([3, 3], [1, 1]), LayerSpec::ZeroPadding { padding: [1, 1] }], image.clone(), "follows an act"),
            (vec![LayerSpec::Dropout { factor: Factor { times: 1, shift: 2 } }], image.clone(), "`rate` is a number"),
            (vec![residual(vec![conv([3, 3], [1, 1])], false)], image.clone(), "`projection = true` fits"),
            (
                vec![residual(vec![conv([3, 3], [1, 1])], true)],
                image.clone(),
                "no convolution of 1x1 makes [batch, 4, 5, 2]",
            ),
            (vec![residual(vec![conv([1, 1], [1, 1]), LayerSpec::Relu], false)], image.clone(), "has to end with"),
            (vec![residual(vec![conv([9, 1], [1, 1])], true)], image.clone(), "in its body, layer 1 (conv2d) gets"),
            (vec![residual(Vec::new(), false)], image.clone(), "has to end with a dense or conv2d layer"),
            (
                vec![LayerSpec::ZeroPadding { padding: [1, 1] }, residual(vec![average], true)],
                image.clone(),
                "into its body",
            ),
            (vec![max.clone()], image.clone(), "layer 1 (max-pool) gets [batch, 6, 7, 1]; a max pool follows"),
            (vec![conv([3, 3], [1, 1]), max.clone(), max.clone()], image.clone(), "layer 3 (max-pool)"),
            (vec![conv([3, 3], [1, 1]), max, LayerSpec::Sigmoid], image.clone(), "a max pool goes with relu"),
            (
                vec![
                    conv([3, 3], [1, 1]),
                    LayerSpec::MaxPool { window: [3, 3], stride: [3, 3], method: PoolMethod::OneShot },
                ],
                image,
                "a window of 9 values is too large; one of 6 fits",
            ),
        ] {
            let error = over_images(layers, input).unwrap_err();
            assert!(error.contains(says), "{error} does not say {says}");
        }
        assert!(broken(|m| m.input = 0.into()).contains("layer 1 (dense) gets [batch, 0]"));
        assert!(broken(|m| m.input = [usize::MAX, 2].into()).contains("can be counted"));
        assert!(Model::new("empty", 784, vec![dense(0)], 10, Loss::Square, Init::He).is_err());
        let broken = Model::dense("many", 784, &[], 1).unwrap_err().to_string();
        assert_eq!(broken, "`many`: 1 classes are no choice; there have to be 2 or more");
    }

    #[test]
    fn the_loss_says_how_many_classes_it_takes_and_which_losses_take_more() {
        let of = |classes: usize, loss| {
            let layers = vec![LayerSpec::Dense { outputs: classes, bias: true }];
            Model::new("letters", 784, layers, classes, loss, Init::He)
        };
        for loss in [Loss::Square, Loss::SigmoidCrossEntropy] {
            assert!([2, 14, 15, 26, 1000].iter().all(|classes| of(*classes, loss).is_ok()), "{}", loss.name());
        }
        assert!(of(14, Loss::SoftmaxCrossEntropy).is_ok());
        assert_eq!(
            of(26, Loss::SoftmaxCrossEntropy).unwrap_err().to_string(),
            "`letters`: the loss softmax-cross-entropy takes 2 to 14 classes, not 26: the exponentials of a row's outputs are \
             summed up to 16; sigmoid-cross-entropy and square take more"
        );
    }

    /// Shapes of a job come from outside: sizes whose products would wrap are refused, in builds that check arithmetic too.
    #[test]
    fn shapes_that_cannot_be_counted_are_refused_before_anything_is_computed_of_them() {
        const HALF: usize = 1 << (usize::BITS / 2);
        const MAX: usize = usize::MAX;
        let dense = |outputs| LayerSpec::Dense { outputs, bias: true };
        let conv = |channels, n: usize, padding| LayerSpec::Conv2d {
            channels,
            kernel: [n; 2],
            stride: [1, 1],
            padding: [padding; 2],
            bias: true,
        };
        let window = [HALF; 2];
        let kinds = [
            dense(MAX),
            conv(MAX, MAX, MAX),
            conv(2, 1, 0),
            conv(MAX, 2, 1),
            LayerSpec::AveragePool { window, stride: window },
            LayerSpec::MaxPool { window, stride: window, method: PoolMethod::Tree },
            LayerSpec::GlobalAveragePool,
            LayerSpec::ZeroPadding { padding: [MAX; 2] },
            LayerSpec::Dropout { factor: Factor { times: u32::MAX, shift: u32::MAX } },
            LayerSpec::Flatten,
            LayerSpec::Residual { body: vec![conv(MAX, 1, 0)], projection: true },
            LayerSpec::Residual { body: vec![dense(MAX)], projection: true },
        ];
        let refused = |input: &Shape, layers: Vec<LayerSpec>| {
            let said = Model::new("large", input.clone(), layers, 10, Loss::Square, Init::He).unwrap_err();
            assert!(said.is_usage(), "{said}");
            said.to_string()
        };
        for axes in [vec![HALF, HALF], vec![HALF, HALF, 1], vec![3, MAX, MAX], vec![0, MAX, MAX], vec![MAX; 9]] {
            let input = Shape::new(axes);
            for kind in &kinds {
                let said = refused(&input, vec![kind.clone(), LayerSpec::Relu, dense(10)]);
                assert!(said.contains("no more than can be counted"), "{said}");
            }
        }
        for input in
            [Shape::from(MAX), Shape::from([1, 1, HALF]), Shape::from([HALF, 1, 1]), Shape::from([1 << 14, 3, 1])]
        {
            for kind in &kinds {
                let model = Model::new(
                    "large",
                    input.clone(),
                    vec![kind.clone(), LayerSpec::Relu, dense(10)],
                    10,
                    Loss::Square,
                    Init::He,
                );
                // what passes has sizes that can be counted
                if let Ok(model) = model {
                    assert!(
                        model.parameters().iter().all(|shape| shape.len() < MAX) && model.widest() < MAX,
                        "{kind:?}"
                    );
                }
            }
        }
        let wide = |input: usize, outputs| refused(&input.into(), vec![dense(outputs), LayerSpec::Relu, dense(10)]);
        assert!(
            wide(HALF, HALF).contains("layer 1 (dense) gets [batch, 4294967296]; its weight has more numbers than can")
        );
        let image = Shape::from([1, 1, 1 << 40]);
        let said = refused(&image, vec![conv(1, 1 << 14, 1 << 13), LayerSpec::Relu, dense(10)]);
        assert!(said.contains("layer 1 (conv2d)") && said.contains("its weight has more numbers"), "{said}");
    }
}
