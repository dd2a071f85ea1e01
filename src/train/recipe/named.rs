//! The recipes that have names: the files in `models/`.

use crate::data::Known;
use crate::error::{Error, Result};
use crate::nn::Model;
use crate::shape::Shape;
use crate::train::recipe::{Recipe, Rows};

/// A name, and the text of its file.
type Named = (&'static str, &'static str);

const NAMED: [Named; 12] = [
    ("alexnet", include_str!("../../../models/alexnet.toml")),
    ("lenet", include_str!("../../../models/lenet.toml")),
    ("lenet-avg", include_str!("../../../models/lenet-avg.toml")),
    ("logistic", include_str!("../../../models/logistic.toml")),
    ("minionn", include_str!("../../../models/minionn.toml")),
    ("minionn-avg", include_str!("../../../models/minionn-avg.toml")),
    ("ppdnn", include_str!("../../../models/ppdnn.toml")),
    ("ppdnn-original", include_str!("../../../models/ppdnn-original.toml")),
    ("resnet18", include_str!("../../../models/resnet18.toml")),
    ("sarda", include_str!("../../../models/sarda.toml")),
    ("secureml", include_str!("../../../models/secureml.toml")),
    ("vgg16", include_str!("../../../models/vgg16.toml")),
];

impl Recipe {
    /// The recipe of a name.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is none, with those that are.
    pub fn named(name: &str, data: &Known) -> Result<Self> {
        parse(name, &data.into())
    }

    /// The names that [`Recipe::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    /// The file of a name.
    ///
    /// # Errors
    /// As [`Recipe::named`].
    pub fn text(name: &str) -> Result<&'static str> {
        let names = || Self::names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let found = NAMED.iter().find(|(n, _)| *n == name);
        found.map(|(_, text)| *text).ok_or_else(|| {
            Error::Usage(format!("model `{name}` is not known; there are {}, and files: NAME.toml", names()))
        })
    }
}

impl Model {
    /// The network of a name, for examples of a shape and so many classes: `secureml` (two hidden layers of 128, ReLU), `ppdnn`
    /// (one of 128, sigmoid), `logistic` (none) or another of [`Model::names`].
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is none, with those that are, or where the network cannot take so many classes.
    pub fn named(name: &str, input: impl Into<Shape>, classes: usize) -> Result<Self> {
        Ok(parse(name, &Rows { shape: input.into(), classes, set: None })?.model)
    }

    /// The names that [`Model::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Recipe::names()
    }
}

fn parse(name: &str, rows: &Rows<'_>) -> Result<Recipe> {
    Recipe::parse(Recipe::text(name)?, rows).map_err(|e| Error::Usage(e.to_string()))
}
