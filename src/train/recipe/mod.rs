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

mod layers;
mod named;
mod reader;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::data::{Known, known, names};
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::{Init, Loss, Model};
use crate::shape::Shape;
use crate::train::recipe::reader::{At, Table};
use crate::train::{SCHEDULES, Schedule, Settings};

/// A network for a data set, and how it is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Recipe {
    /// The network.
    pub model: Model,
    /// A few words on it.
    pub description: String,
    /// How it is trained.
    pub settings: Settings,
}

impl Recipe {
    /// The recipe of a name, or of a file where `name` is a path: one that ends in `.toml` or has a separator.
    ///
    /// # Errors
    /// [`Error::Usage`] for a name that is none, with those that are; [`Error::File`] and [`Error::Format`] for a file, with the
    /// line, and what would fit.
    pub fn open(name: &str, data: &Known) -> Result<Self> {
        if Self::is_file(name) { Self::load(Path::new(name), data) } else { Self::named(name, data) }
    }

    /// Whether a name is a path.
    pub fn is_file(name: &str) -> bool {
        name.ends_with(".toml") || name.contains(std::path::is_separator)
    }

    /// The data set that the recipe of a name or a file is for, where no other is asked for.
    ///
    /// # Errors
    /// As [`Recipe::open`] where there is no text; what is wrong with it is told when it is read.
    pub fn data(name: &str) -> Result<&'static Known> {
        let text = if Self::is_file(name) { read(Path::new(name))? } else { Self::text(name)?.to_owned() };
        let named = Table::parse(&text).and_then(|mut file| dataset(&mut file));
        known(named.ok().flatten().unwrap_or("mnist"))
    }

    /// The recipe of a file.
    ///
    /// # Errors
    /// As [`Recipe::open`].
    pub fn load(path: &Path, data: &Known) -> Result<Self> {
        Self::parse(&read(path)?, &data.into()).map_err(|e| e.in_file(path))
    }

    /// The recipe of a text.
    fn parse(text: &str, rows: &Rows<'_>) -> std::result::Result<Self, At> {
        let mut file = Table::parse(text)?;
        let name = name(&mut file)?;
        let _ = dataset(&mut file)?;
        let line = |text: &str| text.len() <= 200 && !text.contains(char::is_control);
        let description = file.text("description", "a line of up to 200 bytes", line)?.unwrap_or_default();
        let losses = [Loss::SoftmaxCrossEntropy, Loss::Square, Loss::SigmoidCrossEntropy];
        let loss = file.word("loss", &losses.map(|loss| (loss.name(), loss)))?.unwrap_or(losses[0]);
        let inits = [Init::Glorot, Init::He, Init::Uniform];
        let init = file.word("init", &inits.map(|init| (init.name(), init)))?.unwrap_or(inits[0]);
        let mut settings = Settings::default();
        if let Some(mut training) = file.table("training")? {
            change(&mut settings, &mut training)?;
            for set in names() {
                let Some(mut own) = training.table(set)? else { continue };
                let mut settings_there = settings.clone();
                change(&mut settings_there, &mut own)?;
                own.finish()?;
                if rows.set == Some(set) {
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
        if let Some(misfit) = model.misfit() {
            return Err(At::new(layers[misfit.layer].line, misfit.to_string()));
        }
        for (number, (layer, (_, input))) in (1..).zip(layers.iter().zip(model.layers_with_inputs())) {
            layer.check(number, &input)?;
        }
        model.check().map_err(|e| At::new(1, e.to_string()))?;
        Ok(Self { model, description, settings })
    }
}

/// What a recipe is for.
struct Rows<'a> {
    shape: Shape,
    classes: usize,
    set: Option<&'a str>,
}

impl From<&Known> for Rows<'_> {
    fn from(data: &Known) -> Self {
        Self { shape: data.image.into(), classes: data.classes, set: Some(data.name) }
    }
}

/// Bytes of a file.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a file.
fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|e| Error::file(path, e))?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|e| Error::file(path, e))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Error::format(path, format!("is too large for a network's file: more than {MOST_BYTES} bytes")));
    }
    Ok(text)
}

/// The data set that a file names.
fn dataset(file: &mut Table<'_>) -> std::result::Result<Option<&'static str>, At> {
    file.word("dataset", &names().map(|name| (name, name)).collect::<Vec<_>>())
}

/// The name: part of the name of a run's folder.
fn name(file: &mut Table<'_>) -> std::result::Result<String, At> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = |name: &str| {
        (1..=64).contains(&name.len())
            && name.chars().all(plain)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let claim = "1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter or a digit";
    file.text("name", claim, fits)?.ok_or_else(|| file.wrong("`name` is missing: what the network is called"))
}

/// Takes the settings that a table has.
fn change(settings: &mut Settings, table: &mut Table<'_>) -> std::result::Result<(), At> {
    fn set<T>(to: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *to = value;
        }
    }
    let profiles = Profile::all().map(|p| p.name);
    let profiles = profiles.each_ref().map(|name| (name.as_str(), name.clone()));
    set(&mut settings.profile, table.word("profile", &profiles)?);
    set(&mut settings.epochs, table.whole("epochs", 1, u32::MAX)?);
    set(&mut settings.batch, table.whole("batch", 1, u32::MAX)?);
    set(&mut settings.accumulate, table.whole("accumulate", 1, u32::MAX)?);
    set(&mut settings.lr, table.number("lr", "a positive number", |lr| lr > 0.0 && lr.is_finite())?);
    set(
        &mut settings.momentum,
        table.number("momentum", "a number from 0 to less than 1", |mu| (0.0..1.0).contains(&mu))?,
    );
    set(&mut settings.weight_decay, table.number("weight_decay", "0 or more", |wd| wd >= 0.0 && wd.is_finite())?);
    let schedules = format!("one of {SCHEDULES}");
    set(&mut settings.schedule, table.text("schedule", &schedules, |text| text.parse::<Schedule>().is_ok())?);
    if let Some(patience) = table.whole("patience", 1, u32::MAX)? {
        settings.patience = Some(patience);
    }
    let share = "an accuracy above 0 and at most 1";
    if let Some(target) = table.number("target", share, |target| target > 0.0 && target <= 1.0)? {
        settings.target = Some(target);
    }
    set(&mut settings.normalize, table.flag("normalize")?);
    set(&mut settings.shuffle, table.flag("shuffle")?);
    if let Some(limit) = table.whole("train_limit", 1, u32::MAX)? {
        settings.train_limit = Some(limit as usize);
    }
    if let Some(limit) = table.whole("test_limit", 1, u32::MAX)? {
        settings.test_limit = Some(limit as usize);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
