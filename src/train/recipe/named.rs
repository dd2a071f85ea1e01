//! The recipes that have names: the files in `models/`.

use crate::data::RowFormat;
use crate::error::{Error, Result};
use crate::nn::{Model, Task};
use crate::shape::Shape;
use crate::train::Settings;
use crate::train::recipe::Recipe;

/// A name, and the text of its file.
type Named = (&'static str, &'static str);

const NAMED: [Named; 14] = [
    ("alexnet", include_str!("../../../models/alexnet.toml")),
    ("lenet", include_str!("../../../models/lenet.toml")),
    ("lenet-avg", include_str!("../../../models/lenet-avg.toml")),
    ("logistic", include_str!("../../../models/logistic.toml")),
    ("minionn", include_str!("../../../models/minionn.toml")),
    ("minionn-avg", include_str!("../../../models/minionn-avg.toml")),
    ("ppdnn", include_str!("../../../models/ppdnn.toml")),
    ("ppdnn-original", include_str!("../../../models/ppdnn-original.toml")),
    ("resnet18", include_str!("../../../models/resnet18.toml")),
    ("resnet18-bn", include_str!("../../../models/resnet18-bn.toml")),
    ("sarda", include_str!("../../../models/sarda.toml")),
    ("secureml", include_str!("../../../models/secureml.toml")),
    ("vgg16", include_str!("../../../models/vgg16.toml")),
    ("vgg16-bn", include_str!("../../../models/vgg16-bn.toml")),
];

impl Recipe {
    /// The recipe of a name.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown name, with the known ones.
    pub fn named<'a>(name: &str, data: impl Into<RowFormat<'a>>) -> Result<Self> {
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
            Error::Usage(format!("unknown model `{name}`; choose one of {}, or a TOML file: NAME.toml", names()))
        })
    }
}

impl Recipe {
    /// The file of a name, whose settings are complete: those that it leaves out, too.
    ///
    /// # Errors
    /// As [`Recipe::text`].
    pub fn resolved(name: &str) -> Result<String> {
        let text = Self::text(name)?;
        let Some((before, from)) = text.split_once("[training]\n") else { return Ok(text.to_owned()) };
        let (own, after) = from.split_once("\n\n").unwrap_or((from, ""));
        let has = |key: &str| own.lines().any(|line| line.split('=').next().is_some_and(|k| k.trim() == key));
        let defaults = toml::to_string(&Settings::default()).expect("settings can be written");
        let missing = defaults.lines().filter(|line| !has(line.split(" =").next().unwrap_or_default()));
        let missing: String = missing.map(|line| format!("\n{line}")).collect();
        let optional = OPTIONAL.into_iter().filter(|key| !has(key)).collect::<Vec<_>>().join(", ");
        Ok(format!("{before}[training]\n{own}{missing}\n# not set: {optional}\n\n{after}"))
    }
}

/// Settings without a default.
const OPTIONAL: [&str; 4] = ["patience", "target", "train_limit", "test_limit"];

impl Model {
    /// The named network, for examples of a shape and a number of classes: `secureml` (two hidden layers of 128, ReLU), `ppdnn`
    /// (one of 128, sigmoid), `logistic` (none) or another of [`Model::names`].
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown name, with the known ones, or if the network does not support that number of classes.
    pub fn named(name: &str, input: impl Into<Shape>, classes: usize) -> Result<Self> {
        let (shape, task) = (input.into(), Task::Classification);
        let rows = RowFormat { name: "", shape, task, outputs: classes, scale: None, description: None };
        Ok(parse(name, &rows)?.model)
    }

    /// The names that [`Model::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Recipe::names()
    }
}

fn parse(name: &str, rows: &RowFormat<'_>) -> Result<Recipe> {
    Recipe::parse(Recipe::text(name)?, rows).map_err(|e| Error::Usage(e.to_string()))
}
