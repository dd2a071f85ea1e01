//! What a network is: its layers with their sizes, and the networks that have names.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::shape::Shape;

/// One layer with its sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerSpec {
    /// `y = x w + b`, x `[n, inputs]`, y `[n, outputs]`.
    Dense {
        /// Columns of the input.
        inputs: usize,
        /// Columns of the output.
        outputs: usize,
    },
    /// `max(x, 0)`.
    Relu,
}

/// A network for classification under softmax cross-entropy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    name: String,
    features: usize,
    classes: usize,
    layers: Vec<LayerSpec>,
}

/// The names of networks, each with the sizes of its hidden layers.
const NAMED: [(&str, &[usize]); 2] = [("logistic", &[]), ("secureml", &[128, 128])];

impl Model {
    /// Dense layers with ReLU between them: `features - hidden - classes`.
    ///
    /// # Errors
    /// [`Error::Usage`] where a size is 0 or the loss cannot take so many classes.
    pub fn dense(name: impl Into<String>, features: usize, hidden: &[usize], classes: usize) -> Result<Self> {
        crate::gates::check_classes(classes)?;
        if features == 0 || hidden.contains(&0) {
            return Err(Error::Usage("a layer needs at least one column".into()));
        }
        let mut layers = Vec::new();
        let mut inputs = features;
        for outputs in hidden {
            layers.extend([LayerSpec::Dense { inputs, outputs: *outputs }, LayerSpec::Relu]);
            inputs = *outputs;
        }
        layers.push(LayerSpec::Dense { inputs, outputs: classes });
        Ok(Self { name: name.into(), features, classes, layers })
    }

    /// The network of a name, for data of `features` columns and `classes` classes: `secureml` (two hidden layers of 128)
    /// or `logistic` (none).
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is none, with those that are.
    pub fn named(name: &str, features: usize, classes: usize) -> Result<Self> {
        let names = || NAMED.map(|(name, _)| format!("`{name}`")).join(", ");
        let (name, hidden) = NAMED
            .into_iter()
            .find(|(n, _)| *n == name)
            .ok_or_else(|| Error::Usage(format!("model `{name}` is not known; there are {}", names())))?;
        Self::dense(name, features, hidden, classes)
    }

    /// Checks a network that came from outside.
    ///
    /// # Errors
    /// [`Error::Usage`] where its layers do not follow from its sizes.
    pub fn check(&self) -> Result<()> {
        let hidden: Vec<usize> = self.dense_sizes().skip(1).map(|(inputs, _)| inputs).collect();
        let same = Self::dense(self.name.clone(), self.features, &hidden, self.classes)? == *self;
        if same { Ok(()) } else { Err(Error::Usage(format!("the layers of `{}` do not fit each other", self.name))) }
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

    /// `(inputs, outputs)` of its dense layers.
    pub fn dense_sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.layers.iter().filter_map(|l| match l {
            LayerSpec::Dense { inputs, outputs } => Some((*inputs, *outputs)),
            LayerSpec::Relu => None,
        })
    }

    /// Shapes of its parameters: weight `[inputs, outputs]` and bias `[outputs]` of every dense layer.
    pub fn parameters(&self) -> Vec<Shape> {
        self.dense_sizes().flat_map(|(i, o)| [Shape::from([i, o]), Shape::from([o])]).collect()
    }

    /// As people write it: `784-128-128-10`.
    pub fn sizes(&self) -> String {
        let outputs = self.dense_sizes().map(|(_, o)| o.to_string());
        std::iter::once(self.features.to_string()).chain(outputs).collect::<Vec<_>>().join("-")
    }
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
    fn what_does_not_fit_is_refused() {
        assert!(Model::named("secureml", 784, 15).is_err());
        assert!(Model::named("resnet", 784, 10).unwrap_err().to_string().contains("`secureml`"));
        let mut broken = Model::named("secureml", 784, 10).unwrap();
        broken.layers.remove(1);
        assert!(broken.check().is_err());
    }
}
