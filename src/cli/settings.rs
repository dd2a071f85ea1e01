//! The network and its settings on the command line: a recipe's, which flags override.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use clap::Args;

use crate::data::{RowFormat, names};
use crate::error::Result;
use crate::train::{Recipe, SettingsPatch};

/// Which network, and how it is trained.
#[derive(Args, Clone, Debug)]
pub(super) struct RecipeArgs {
    /// Network: a name of `ppdnn models` or a TOML file [default: secureml]
    ///
    /// A value that ends in .toml or contains a path separator is a file.
    ///
    /// A network comes with settings of its own (see below), which flags override.
    #[arg(long, value_name = "NAME|FILE")]
    pub model: Option<String>,
    /// Settings of a named network or experiment, such as ppdnn-original
    ///
    /// Without --model, its network is used too. Any name listed by `ppdnn models` will do.
    ///
    /// ppdnn-original: 784-128-10 with a sigmoid, squared error, no bias, the first 5000 rows.
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    #[command(flatten)]
    pub settings: SettingsPatch,
    /// The same as --normalize=false
    #[arg(long, overrides_with = "normalize")]
    pub no_normalize: bool,
    /// The same as --shuffle=false
    #[arg(long, overrides_with = "shuffle")]
    pub no_shuffle: bool,
}

impl RecipeArgs {
    /// The file that the network is from; `None` for a named network.
    pub(super) fn file(&self) -> Option<&Path> {
        self.model.as_deref().filter(|name| Recipe::is_file(name)).map(Path::new)
    }

    /// The name or the file of the network.
    pub(super) fn name(&self) -> &str {
        self.model.as_ref().or(self.preset.as_ref()).map_or(DEFAULT, |name| name)
    }

    /// The network's own learning rate for a data set, whatever the flags say.
    pub(super) fn own_rate(&self, data: RowFormat<'_>) -> Result<f64> {
        Ok(Recipe::open(self.name(), data)?.settings.lr)
    }

    /// The recipe for a data set, with the flags applied.
    pub(super) fn recipe(&self, data: RowFormat<'_>) -> Result<Recipe> {
        let name = self.preset.as_ref().or(self.model.as_ref()).map_or(DEFAULT, |name| name);
        let mut recipe = Recipe::open(name, data.clone())?;
        if let (Some(_), Some(model)) = (&self.preset, &self.model) {
            Recipe { model: recipe.model, file: recipe.file, .. } = Recipe::open(model, data)?;
        }
        let mut asked = self.settings.clone();
        asked.normalize = self.no_normalize.then_some(false).or(asked.normalize);
        asked.shuffle = self.no_shuffle.then_some(false).or(asked.shuffle);
        asked.apply(&mut recipe.settings);
        Ok(recipe)
    }
}

/// The network if none is named.
const DEFAULT: &str = "secureml";

/// The table of defaults in `--help`.
pub(super) static DEFAULTS: LazyLock<String> = LazyLock::new(|| {
    let mut text = "Settings of the named networks (secureml is the default network):\n".to_owned();
    let mut line = |columns: [&str; 9]| {
        let [a, b, c, d, e, f, g, h, i] = columns;
        let line = format!("  {a:<15}{b:<14}{c:>7}{d:>6}  {e:<9} {f:<9}{g:<9}{h:<10}{i:<8}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line(["network", "data set", "epochs", "batch", "lr", "momentum", "schedule", "normalize", "shuffle"]);
    for name in Recipe::names() {
        let own = Recipe::data(name).map_or("mnist", |data| data.name);
        let mut first = None;
        for set in std::iter::once(own).chain(names().filter(|set| *set != own)) {
            // not every network fits every data set
            let Ok(recipe) = crate::data::dataset_info(set).and_then(|data| Recipe::named(name, data)) else {
                continue;
            };
            let s = recipe.settings;
            if first.as_ref() == Some(&s) {
                continue;
            }
            let [epochs, batch] = [s.epochs, s.batch].map(|n| n.to_string());
            let [lr, momentum] = [s.lr, s.momentum].map(|x| x.to_string());
            let [normalize, shuffle] = [s.normalize, s.shuffle].map(|b| if b { "yes" } else { "no" });
            line([name, set, &epochs, &batch, &lr, &momentum, &s.schedule.to_string(), normalize, shuffle]);
            first.get_or_insert(s);
        }
    }
    text + "The first line of a network also applies to data sets that are not listed for it.\n\
            `ppdnn models show NAME` prints all settings of a network."
});
