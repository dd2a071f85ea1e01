//! The network and its settings on the command line: a recipe's, unless a flag says otherwise.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use clap::Args;

use crate::cli::screen::count;
use crate::cli::units;
use crate::data::{Known, names};
use crate::error::Result;
use crate::train::{EarlyStop, Recipe, Settings};

/// Which network, and how it is trained.
#[derive(Args, Clone, Debug)]
pub(super) struct RecipeArgs {
    /// Network: a name of `ppdnn models`, or a TOML file [default: secureml]
    ///
    /// What ends in .toml or has a separator is a file.
    ///
    /// A network brings the settings that follow; a flag always wins.
    #[arg(long, value_name = "NAME|FILE")]
    pub model: Option<String>,
    /// Settings and, without --model, the network of a name: ppdnn-original
    ///
    /// It is 784-128-10 with a sigmoid, squared error, no bias, on the first 5000 rows.
    ///
    /// Any name of `ppdnn models` can be used; a flag always wins.
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Passes over the data [default: the network's]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<u32>)]
    pub epochs: Option<u32>,
    /// Train on the first N rows only [default: the network's]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<usize>)]
    pub train_limit: Option<usize>,
    /// Test on the first N rows only [default: the network's]
    ///
    /// After every epoch, they are classified on shares, which may take longer than the epoch.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<usize>)]
    pub test_limit: Option<usize>,
    /// Rows of a batch [default: the network's]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<u32>)]
    pub batch: Option<u32>,
    /// Sum the gradients of N batches for a step [default: the network's]
    ///
    /// It is as one batch of all their rows, in the memory of one. A step is an update.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<u32>)]
    pub accumulate: Option<u32>,
    /// Learning rate, for the mean over a batch [default: the network's]
    ///
    /// Over the rows of a step, it becomes a small odd number times a power of two.
    ///
    /// With --accumulate it is for the mean over all rows of a step.
    #[arg(long, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// Momentum, a multiple of 1/32 below 1 [default: the network's]
    #[arg(long, allow_negative_numbers = true)]
    pub momentum: Option<f64>,
    /// Weight decay, of all parameters [default: the network's]
    #[arg(long, value_name = "WD", allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// The optimizer: sgd is what there is
    #[arg(long, hide = true, value_parser = units::optimizer)]
    pub optimizer: Option<String>,
    /// How the rate goes: halving, cosine, step.. [default: the network's]
    ///
    /// constant leaves it as it is.
    ///
    /// halving halves it at 1/2, 3/4 and 7/8 of the steps.
    ///
    /// cosine takes it down to next to nothing, in 32 pieces.
    ///
    /// step:EPOCHS:FACTOR, as step:3:0.5, multiplies it by a factor after every so many epochs.
    ///
    /// Momentum follows the rate.
    #[arg(long, value_name = "HOW")]
    pub schedule: Option<String>,
    /// Stop once N epochs in a row were no better [default: the network's]
    ///
    /// By the accuracy on the test rows, which has to be revealed.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<u32>)]
    pub patience: Option<u32>,
    /// Stop once the accuracy is so high, as 0.98 [default: the network's]
    #[arg(long, value_name = "ACCURACY", allow_negative_numbers = true)]
    pub target: Option<f64>,
    /// Scale features to mean 0 and deviation 1 [default: the network's]
    ///
    /// The owners do it, with public constants of the data set.
    #[arg(long, value_name = "BOOL", hide_possible_values = true, num_args = 0..=1, default_missing_value = "true", overrides_with = "no_normalize")]
    pub normalize: Option<bool>,
    /// The same as --normalize=false
    #[arg(long, overrides_with = "normalize")]
    pub no_normalize: bool,
    /// Put the rows in a new order every epoch [default: the network's]
    #[arg(long, value_name = "BOOL", hide_possible_values = true, num_args = 0..=1, default_missing_value = "true", overrides_with = "no_shuffle")]
    pub shuffle: Option<bool>,
    /// The same as --shuffle=false
    #[arg(long, overrides_with = "shuffle")]
    pub no_shuffle: bool,
    /// Numbers: small, wide or deep [default: the network's]
    ///
    /// 32 bits, 48 bits, or 48 bits with finer signs for networks of many layers.
    #[arg(long)]
    pub profile: Option<String>,
}

impl RecipeArgs {
    /// The file that the network is from; none where it has a name.
    pub(super) fn file(&self) -> Option<&Path> {
        self.model.as_deref().filter(|name| Recipe::is_file(name)).map(Path::new)
    }

    /// The name or the file of the network.
    pub(super) fn name(&self) -> &str {
        self.model.as_ref().or(self.preset.as_ref()).map_or(DEFAULT, |name| name)
    }

    /// The learning rate that the network brings for a data set, whatever the flags say.
    pub(super) fn own_rate(&self, data: &Known) -> Result<f64> {
        Ok(Recipe::open(self.name(), data)?.settings.lr)
    }

    /// The recipe for a data set, with what the flags say.
    pub(super) fn recipe(&self, data: &Known) -> Result<Recipe> {
        let mut recipe = Recipe::open(self.preset.as_ref().or(self.model.as_ref()).map_or(DEFAULT, |name| name), data)?;
        if let (Some(_), Some(model)) = (&self.preset, &self.model) {
            recipe.model = Recipe::open(model, data)?.model;
        }
        let settings = &mut recipe.settings;
        set(&mut settings.profile, &self.profile);
        set(&mut settings.epochs, &self.epochs);
        set(&mut settings.batch, &self.batch);
        set(&mut settings.accumulate, &self.accumulate);
        set(&mut settings.lr, &self.lr);
        set(&mut settings.momentum, &self.momentum);
        set(&mut settings.weight_decay, &self.weight_decay);
        set(&mut settings.schedule, &self.schedule);
        set(&mut settings.normalize, &self.no_normalize.then_some(false).or(self.normalize));
        set(&mut settings.shuffle, &self.no_shuffle.then_some(false).or(self.shuffle));
        settings.patience = self.patience.or(settings.patience);
        settings.target = self.target.or(settings.target);
        settings.train_limit = self.train_limit.or(settings.train_limit);
        settings.test_limit = self.test_limit.or(settings.test_limit);
        Ok(recipe)
    }
}

fn set<T: Clone>(to: &mut T, flag: &Option<T>) {
    if let Some(value) = flag {
        *to = value.clone();
    }
}

/// The network of those who name none.
const DEFAULT: &str = "secureml";

/// Settings as people read them: how often the rows are gone over, how they come, what is done with them; and what else there
/// is, if there is something.
pub(super) fn in_words(s: &Settings, loss: &str) -> [String; 4] {
    let order = if s.shuffle { "rows shuffled" } else { "rows in their own order" };
    let scale = if s.normalize { "features normalized" } else { "features as they are" };
    let stop = EarlyStop { patience: s.patience, target: s.target };
    let stop = (stop != EarlyStop::default()).then(|| stop.to_string());
    let most = if stop.is_some() { " at most" } else { "" };
    let decay = (s.weight_decay > 0.0).then(|| format!("weight decay {}", short(s.weight_decay)));
    [
        format!("{}{most}, {}", count(s.epochs, "epoch"), batches(s.batch, s.accumulate)),
        format!("{order}, {scale}"),
        format!("loss {loss}, lr {} {}, momentum {}", short(s.lr), s.schedule, s.momentum),
        decay.into_iter().chain(stop).collect::<Vec<_>>().join(", "),
    ]
}

/// Which numbers are used instead of those that were asked for, a line each: shares are multiplied by small odd numbers and
/// powers of two.
pub(super) fn rounded(asked: &Settings, used: &Settings) -> Vec<String> {
    let numbers = [
        ("lr", asked.lr, used.lr),
        ("momentum", asked.momentum, used.momentum),
        ("weight decay", asked.weight_decay, used.weight_decay),
    ];
    let differs = numbers.into_iter().map(|(name, asked, used)| (name, short(asked), short(used)));
    let differs = differs.filter(|(_, asked, used)| asked != used);
    differs.map(|(name, asked, used)| format!("rounded: {name} {asked} to {used}")).collect()
}

/// `batches of 128, 4 a step`.
pub(super) fn batches(batch: u32, accumulate: u32) -> String {
    let summed = if accumulate > 1 { format!(", {accumulate} a step") } else { String::new() };
    format!("batches of {batch}{summed}")
}

/// Four digits, and no zeros behind the point that say nothing.
fn short(x: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 40")]
    let places = (3.0 - x.abs().log10().floor()).clamp(0.0, 40.0) as usize;
    let text = format!("{x:.places$}");
    if places > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// What `--help` says of the defaults.
pub(super) static DEFAULTS: LazyLock<String> = LazyLock::new(|| {
    let mut text = "Settings that networks bring (secureml where none is named):\n".to_owned();
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
            let Ok(recipe) = crate::data::known(set).and_then(|data| Recipe::named(name, data)) else { continue };
            let s = recipe.settings;
            if first.as_ref() == Some(&s) {
                continue;
            }
            let [epochs, batch] = [s.epochs, s.batch].map(|n| n.to_string());
            let [lr, momentum] = [s.lr, s.momentum].map(|x| x.to_string());
            let [normalize, shuffle] = [s.normalize, s.shuffle].map(|b| if b { "yes" } else { "no" });
            line([name, set, &epochs, &batch, &lr, &momentum, &s.schedule, normalize, shuffle]);
            first.get_or_insert(s);
        }
    }
    text + "Its first line holds for data sets without their own. `ppdnn models show NAME` has everything."
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_four_digits_at_most() {
        let cases =
            [(0.0625, "0.0625"), (0.062_588, "0.06259"), (1.0, "1"), (0.001_953_125, "0.001953"), (1234.5, "1234")];
        for (x, text) in cases {
            assert_eq!(short(x), text);
        }
    }
}
