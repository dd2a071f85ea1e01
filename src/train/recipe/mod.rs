//! Recipes: a network and how it is trained, by name or from a file in TOML.
//!
//! ```toml
//! name = "small"
//! description = "one hidden layer"       # may be left out, as may everything below
//! loss = "softmax-cross-entropy"         # or "square", "sigmoid-cross-entropy"
//! init = "glorot"                        # or "he", "uniform"
//!
//! dataset = "mnist"                      # trained on where no other is asked for
//!
//! [training]                             # as the flags of `ppdnn train`, which win
//! epochs = 10
//! lr = 0.125
//! schedule = "step:3:0.5"
//! weight_decay = 5e-4
//! class_weights = [1, 1, 4]             # rows of the last class count as if they were there four times
//!
//! [training.fashion-mnist]               # for one data set
//! lr = 0.0625
//!
//! [[layers]]
//! kind = "dense"                         # or "relu", "sigmoid"
//! outputs = 32
//! bias = true
//! inputs = 784                           # checked where it is given
//!
//! [[layers]]
//! kind = "relu"
//!
//! [[layers]]
//! kind = "dense"                         # the last: as many outputs as the data has classes
//! ```
//!
//! Files are not trusted: whatever is wrong is an error with its line.

mod named;

use std::io;
use std::path::{Path, PathBuf};

use crate::data::{DatasetInfo, RowFormat, dataset_info, names};
use crate::error::{Error, Result};
use crate::input;
use crate::nn::{Init, LineError, Loss, Model, TomlTable, layers};
use crate::shape::Shape;
use crate::train::{Settings, SettingsPatch};

/// A network for a data set, and how it is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The network.
    pub model: Model,
    /// A few words on it.
    pub description: String,
    /// How it is trained.
    pub settings: Settings,
    /// The file that the network is from; `None` if it is one of this crate's, whose ranges have been measured.
    pub file: Option<PathBuf>,
}

impl Recipe {
    /// The recipe of a name, or of a file where `name` is a path: one that ends in `.toml` or has a separator.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown name, with the known ones; [`Error::File`] and [`Error::Format`] for a file, with the
    /// line, and what would fit.
    pub fn open<'a>(name: &str, data: impl Into<RowFormat<'a>>) -> Result<Self> {
        if Self::is_file(name) { Self::load(Path::new(name), data) } else { Self::named(name, data) }
    }

    /// Whether a name is a path.
    pub fn is_file(name: &str) -> bool {
        name.ends_with(".toml") || name.contains(std::path::is_separator)
    }

    /// The data set that the recipe of a name or a file is for, where no other is asked for.
    ///
    /// # Errors
    /// As [`Recipe::open`] if there is no text; errors in it are reported when it is read.
    pub fn data(name: &str) -> Result<&'static DatasetInfo> {
        let text = if Self::is_file(name) { read(Path::new(name))? } else { Self::text(name)?.to_owned() };
        let named = TomlTable::parse(&text).and_then(|mut file| dataset(&mut file));
        dataset_info(named.ok().flatten().unwrap_or("mnist"))
    }

    /// The recipe of a file.
    ///
    /// # Errors
    /// As [`Recipe::open`].
    pub fn load<'a>(path: &Path, data: impl Into<RowFormat<'a>>) -> Result<Self> {
        let recipe = Self::parse(&read(path)?, &data.into()).map_err(|e| e.in_file(path))?;
        Ok(Self { file: Some(path.to_owned()), ..recipe })
    }

    /// The recipe of a text.
    fn parse(text: &str, rows: &RowFormat<'_>) -> std::result::Result<Self, LineError> {
        let mut file = TomlTable::parse(text)?;
        let name = name(&mut file)?;
        let _ = dataset(&mut file)?;
        let line = |text: &str| text.len() <= 200 && !text.contains(char::is_control);
        let description = file.text("description", "a line of up to 200 bytes", line)?.unwrap_or_default();
        let losses: Vec<_> = Loss::ALL.iter().map(|loss| (loss.name(), *loss)).collect();
        let loss = file.word("loss", &losses)?.unwrap_or(Loss::SoftmaxCrossEntropy);
        let inits = [Init::Glorot, Init::He, Init::Uniform];
        let init = file.word("init", &inits.map(|init| (init.name(), init)))?.unwrap_or(inits[0]);
        let mut settings = Settings::default();
        if let Some(mut training) = file.table("training")? {
            training.fields::<SettingsPatch>()?.apply(&mut settings);
            for set in names() {
                let Some(mut own) = training.table(set)? else { continue };
                let mut settings_there = settings.clone();
                own.fields::<SettingsPatch>()?.apply(&mut settings_there);
                own.finish()?;
                if rows.description.is_none() && rows.name == set {
                    settings = settings_there;
                }
            }
            training.finish()?;
        }
        let layers = layers::read(&mut file, rows.classes)?;
        // a network of dense layers takes an image as one row
        let images = layers.iter().any(|layer| layer.spec.takes_images());
        let input = if images { rows.shape.clone() } else { Shape::from(rows.shape.len()) };
        file.finish()?;
        let specs = layers.iter().map(|layer| layer.spec.clone()).collect();
        let model = Model { name, input, classes: rows.classes, layers: specs, loss, init };
        if let Some(mismatch) = model.mismatch() {
            return Err(LineError::new(layers[mismatch.layer].line, mismatch.to_string()));
        }
        for (number, (layer, (_, input))) in (1..).zip(layers.iter().zip(model.layers_with_inputs())) {
            layer.check(number, &input)?;
        }
        model.check().map_err(|e| LineError::new(1, e.to_string()))?;
        Ok(Self { model, description, settings, file: None })
    }
}

/// Bytes of a file.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a file.
fn read(path: &Path) -> Result<String> {
    input::read_text(path, MOST_BYTES).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => {
            Error::file_with(path, &e, "check the path; `ppdnn models` lists the networks that need no file")
        }
        _ => Error::file(path, e),
    })
}

/// The data set that a file names.
fn dataset(file: &mut TomlTable<'_>) -> std::result::Result<Option<&'static str>, LineError> {
    file.word("dataset", &names().map(|name| (name, name)).collect::<Vec<_>>())
}

/// The name: part of the name of a run's folder.
fn name(file: &mut TomlTable<'_>) -> std::result::Result<String, LineError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = |name: &str| {
        (1..=64).contains(&name.len())
            && name.chars().all(plain)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let claim = "1 to 64 letters, digits, `-`, `_` or `.`, starting with a letter or a digit";
    file.text("name", claim, fits)?.ok_or_else(|| file.wrong("`name` is missing: the name of the network"))
}

#[cfg(test)]
mod tests;
