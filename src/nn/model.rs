//! What a network is: its layers with their sizes, its loss, and the networks that have names.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::gates::check_classes;
use crate::shape::Shape;

/// One layer, without what follows from its input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerSpec {
    /// `y = x w + b`, x `[n, inputs]`, y `[n, outputs]`.
    Dense {
        /// Columns of the output.
        outputs: usize,
        /// Whether there is a `b`.
        bias: bool,
    },
    /// `max(x, 0)`.
    Relu,
    /// `x / 4 + 1/2` cut to `0 ..= 1`: the sigmoid in three pieces.
    Sigmoid,
}

impl LayerSpec {
    /// Its kind, as model files name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dense { .. } => "dense",
            Self::Relu => "relu",
            Self::Sigmoid => "sigmoid",
        }
    }
}

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

/// A network for classification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub(super) name: String,
    pub(super) features: usize,
    pub(super) classes: usize,
    pub(super) layers: Vec<LayerSpec>,
    pub(super) loss: Loss,
    pub(super) init: Init,
}

/// A network that has a name.
struct Named {
    name: &'static str,
    hidden: &'static [usize],
    activation: LayerSpec,
    init: Init,
}

const NAMED: [Named; 3] = [
    Named { name: "logistic", hidden: &[], activation: LayerSpec::Relu, init: Init::He },
    Named { name: "ppdnn", hidden: &[128], activation: LayerSpec::Sigmoid, init: Init::Glorot },
    Named { name: "secureml", hidden: &[128, 128], activation: LayerSpec::Relu, init: Init::He },
];

impl Model {
    /// A network of the layers, for rows of `features` columns.
    ///
    /// # Errors
    /// [`Error::Usage`] with the layer that does not fit, and what would.
    pub fn new(
        name: impl Into<String>,
        features: usize,
        layers: Vec<LayerSpec>,
        classes: usize,
        loss: Loss,
        init: Init,
    ) -> Result<Self> {
        let model = Self { name: name.into(), features, classes, layers, loss, init };
        model.check()?;
        Ok(model)
    }

    /// Dense layers with ReLU between them under softmax cross-entropy: `features - hidden - classes`.
    ///
    /// # Errors
    /// [`Error::Usage`] where a size is 0 or the loss cannot take so many classes.
    pub fn dense(name: impl Into<String>, features: usize, hidden: &[usize], classes: usize) -> Result<Self> {
        let layers = dense_layers(hidden, &LayerSpec::Relu, classes);
        Self::new(name, features, layers, classes, Loss::SoftmaxCrossEntropy, Init::He)
    }

    /// The network of a name, for data of `features` columns and `classes` classes: `secureml` (two hidden layers of 128,
    /// ReLU), `ppdnn` (one of 128, sigmoid) or `logistic` (none).
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is none, with those that are.
    pub fn named(name: &str, features: usize, classes: usize) -> Result<Self> {
        let names = || Self::names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let found = NAMED.iter().find(|n| n.name == name);
        let Named { hidden, activation, init, .. } =
            found.ok_or_else(|| Error::Usage(format!("model `{name}` is not known; there are {}", names())))?;
        let layers = dense_layers(hidden, activation, classes);
        Self::new(name, features, layers, classes, Loss::SoftmaxCrossEntropy, *init)
    }

    /// The names that [`Model::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|n| n.name)
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
        let wrong = |i: usize, what: String| Err(Error::Usage(format!("layer {} of `{}`: {what}", i + 1, self.name)));
        let (mut columns, mut linear) = (self.features, false);
        for (i, layer) in self.layers.iter().enumerate() {
            match layer {
                LayerSpec::Dense { outputs, .. } if columns == 0 || *outputs == 0 => {
                    return wrong(i, "a dense layer needs at least one column on either side".into());
                }
                LayerSpec::Dense { .. } if linear => {
                    return wrong(i, "follows a dense layer; put an activation (relu, sigmoid) between the two".into());
                }
                LayerSpec::Dense { outputs, .. } => (columns, linear) = (*outputs, true),
                activation if !linear => {
                    return wrong(i, format!("{} follows no dense layer; put one before it", activation.kind()));
                }
                _ => linear = false,
            }
        }
        if !linear || columns != self.classes {
            let last = self.layers.len().saturating_sub(1);
            return wrong(last, format!("the last layer has to be dense with {} outputs, one per class", self.classes));
        }
        check_classes(self.classes)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Columns of its input.
    pub fn features(&self) -> usize {
        self.features
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

    /// `(inputs, outputs, bias)` of its dense layers.
    pub fn dense_layers(&self) -> impl Iterator<Item = (usize, usize, bool)> {
        let mut columns = self.features;
        self.layers.iter().filter_map(move |layer| match layer {
            LayerSpec::Dense { outputs, bias } => {
                let inputs = std::mem::replace(&mut columns, *outputs);
                Some((inputs, *outputs, *bias))
            }
            LayerSpec::Relu | LayerSpec::Sigmoid => None,
        })
    }

    /// Shapes of its parameters: of every dense layer the weight `[inputs, outputs]` and, where there is one, the bias `[outputs]`.
    pub fn parameters(&self) -> Vec<Shape> {
        let of = |(i, o, bias): (usize, usize, bool)| [Some(Shape::from([i, o])), bias.then(|| Shape::from([o]))];
        self.dense_layers().flat_map(of).flatten().collect()
    }

    /// As people write it: `784-128-128-10`.
    pub fn sizes(&self) -> String {
        let outputs = self.dense_layers().map(|(_, o, _)| o.to_string());
        std::iter::once(self.features.to_string()).chain(outputs).collect::<Vec<_>>().join("-")
    }
}

/// Hidden layers with an activation behind each, and the last layer.
fn dense_layers(hidden: &[usize], activation: &LayerSpec, classes: usize) -> Vec<LayerSpec> {
    let dense = |outputs| LayerSpec::Dense { outputs, bias: true };
    let hidden = hidden.iter().flat_map(|outputs| [dense(*outputs), activation.clone()]);
    hidden.chain([dense(classes)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secureml_has_the_sizes_of_its_paper() {
        let model = Model::named("secureml", 784, 10).unwrap();
        assert_eq!(model.sizes(), "784-128-128-10");
        let parameters: usize = model.parameters().iter().map(Shape::len).sum();
        assert_eq!(parameters, 784 * 128 + 128 + 128 * 128 + 128 + 128 * 10 + 10);
        model.check().unwrap();
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_layer() {
        assert!(Model::named("secureml", 784, 15).is_err());
        assert!(Model::named("resnet", 784, 10).unwrap_err().to_string().contains("`secureml`"));
        let broken = |change: fn(&mut Vec<LayerSpec>)| {
            let mut model = Model::named("secureml", 784, 10).unwrap();
            change(&mut model.layers);
            model.check().unwrap_err().to_string()
        };
        assert!(
            broken(|l| l.retain(|layer| *layer != LayerSpec::Relu))
                .contains("layer 2 of `secureml`: follows a dense layer")
        );
        assert!(
            broken(|l| l.insert(0, LayerSpec::Relu)).contains("layer 1 of `secureml`: relu follows no dense layer")
        );
        assert!(broken(|l| l.truncate(4)).contains("the last layer has to be dense with 10 outputs"));
        assert!(broken(|l| l.clear()).contains("the last layer"));
        let empty = |l: &mut Vec<LayerSpec>| l[2] = LayerSpec::Dense { outputs: 0, bias: true };
        assert!(broken(empty).contains("layer 3 of `secureml`: a dense layer needs at least one column"));
    }
}
