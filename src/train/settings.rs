//! How a network is trained: one set of settings, for programs, recipes, the command line, jobs and certificates.
//!
//! A new setting is a field of [`Settings`] with its default, a field of [`SettingsPatch`], and a line of `setters!`: files,
//! flags, events, job and certificates have it then. What it does is up to [`Job`](crate::train::Job).

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::{Momentum, Optimizer};
use crate::train::describe::{batches, count, short};
use crate::train::{EarlyStop, Schedule, claim};

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The number format.
    #[serde(with = "in_words")]
    pub profile: Profile,
    /// Passes over the data.
    pub epochs: u32,
    /// Rows of a batch; the last of an epoch may be smaller.
    pub batch: u32,
    /// Batches whose gradients are summed before the parameters move; the last step of an epoch may have fewer.
    pub accumulate: u32,
    /// Learning rate, for the mean over the rows of a step.
    pub lr: f64,
    /// What moves the parameters.
    #[serde(with = "in_words")]
    pub optimizer: Optimizer,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, as `torch.optim.SGD` has it: of all parameters; 0 for none.
    pub weight_decay: f64,
    /// The schedule of the learning rate.
    #[serde(with = "in_words")]
    pub schedule: Schedule,
    /// Epochs in a row without a better accuracy that end the run; none where as many come as there are.
    pub patience: Option<u32>,
    /// Accuracy that ends the run, from 0 to 1.
    pub target: Option<f64>,
    /// Whether owners scale features to mean 0 and deviation 1.
    pub normalize: bool,
    /// Whether every epoch goes over the rows in an order of its own.
    pub shuffle: bool,
    /// Train on the first rows only; on all where there is none.
    #[serde(default, with = "unsent")]
    pub train_limit: Option<usize>,
    /// Test on the first rows only; on all where there is none.
    #[serde(default, with = "unsent")]
    pub test_limit: Option<usize>,
}

impl Default for Settings {
    /// For networks that nobody has measured: the profile with room to spare, and what suits most of those that were.
    fn default() -> Self {
        Self {
            profile: Profile::wide(),
            epochs: 5,
            batch: 128,
            accumulate: 1,
            lr: 0.0625,
            optimizer: Optimizer::Sgd,
            momentum: 0.90625,
            weight_decay: 0.0,
            schedule: Schedule::Halving,
            patience: None,
            target: None,
            normalize: false,
            shuffle: true,
            train_limit: None,
            test_limit: None,
        }
    }
}

/// Settings that somebody asks for instead of a network's own: what a recipe's file has under `[training]`, and the flags of the
/// command line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default)]
pub struct SettingsPatch {
    /// Number format: small, wide or deep [default: the network's]
    ///
    /// 32 bits, 48 bits, or 48 bits with more precise comparisons for networks of many layers.
    #[serde(deserialize_with = "claim::profile")]
    #[cfg_attr(feature = "cli", arg(long))]
    pub profile: Option<Profile>,
    /// Passes over the data [default: the network's]
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub epochs: Option<u32>,
    /// Rows of a batch [default: the network's]
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub batch: Option<u32>,
    /// Sum the gradients of N batches for a step [default: the network's]
    ///
    /// Equivalent to one batch of all their rows, in the memory of one. A step is an update.
    ///
    /// Batch normalization is the exception: its statistics are of each batch.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub accumulate: Option<u32>,
    /// Learning rate, for the mean over a batch [default: the network's]
    ///
    /// Divided by the rows of a step, it is rounded to a small odd number times a power of two.
    ///
    /// With --accumulate it is for the mean over all rows of a step.
    #[serde(deserialize_with = "claim::rate")]
    #[cfg_attr(feature = "cli", arg(long, allow_negative_numbers = true))]
    pub lr: Option<f64>,
    /// Optimizer: sgd or nesterov [default: the network's]
    ///
    /// sgd is stochastic gradient descent, with --momentum if that is not 0.
    ///
    /// nesterov is the same with Nesterov momentum.
    #[serde(deserialize_with = "claim::optimizer")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub optimizer: Option<Optimizer>,
    /// Momentum, a multiple of 1/32 below 1 [default: the network's]
    #[serde(deserialize_with = "claim::momentum")]
    #[cfg_attr(feature = "cli", arg(long, allow_negative_numbers = true))]
    pub momentum: Option<f64>,
    /// Weight decay, of all parameters [default: the network's]
    #[serde(deserialize_with = "claim::decay")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "WD", allow_negative_numbers = true))]
    pub weight_decay: Option<f64>,
    /// Rate schedule: halving, cosine, step.. [default: the network's]
    ///
    /// constant keeps it.
    ///
    /// halving halves it at 1/2, 3/4 and 7/8 of the steps.
    ///
    /// cosine lowers it to almost 0, in 32 pieces.
    ///
    /// step:EPOCHS:FACTOR, as step:3:0.5, multiplies it by FACTOR after every EPOCHS epochs.
    ///
    /// Accumulated momentum is scaled with it.
    #[serde(deserialize_with = "claim::schedule")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "HOW"))]
    pub schedule: Option<Schedule>,
    /// Stop after N epochs without improvement [default: the network's]
    ///
    /// By the accuracy on the test rows, which has to be revealed.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub patience: Option<u32>,
    /// Stop once the accuracy reaches this, as 0.98 [default: the network's]
    #[serde(deserialize_with = "claim::share")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "ACCURACY", allow_negative_numbers = true))]
    pub target: Option<f64>,
    /// Scale features to mean 0, deviation 1 [default: the network's]
    ///
    /// The owners do it, with public constants of the data set.
    #[serde(deserialize_with = "claim::flag")]
    #[cfg_attr(
        feature = "cli",
        arg(
            long, value_name = "BOOL", hide_possible_values = true,
            num_args = 0..=1, default_missing_value = "true", overrides_with = "no_normalize"
        )
    )]
    pub normalize: Option<bool>,
    /// Shuffle the rows every epoch [default: the network's]
    #[serde(deserialize_with = "claim::flag")]
    #[cfg_attr(
        feature = "cli",
        arg(
            long, value_name = "BOOL", hide_possible_values = true,
            num_args = 0..=1, default_missing_value = "true", overrides_with = "no_shuffle"
        )
    )]
    pub shuffle: Option<bool>,
    /// Train on the first N rows only [default: the network's]
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<usize>)
    )]
    pub train_limit: Option<usize>,
    /// Test on the first N rows only [default: the network's]
    ///
    /// After every epoch, they are classified on shares, which may take longer than the epoch.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::whole::<usize>)
    )]
    pub test_limit: Option<usize>,
}

impl SettingsPatch {
    /// Changes the settings that are asked for.
    pub fn apply(&self, to: &mut Settings) {
        /// A setting that every network has, or one that it may lack.
        macro_rules! take {
            ($($name:ident)* ; $($optional:ident)*) => {
                // every field has to be here: one that is forgotten does not compile
                let Self { $($name,)* $($optional,)* } = self.clone();
                $(if let Some(value) = $name { to.$name = value; })*
                $(to.$optional = $optional.or(to.$optional);)*
            };
        }
        take!(profile epochs batch accumulate lr optimizer momentum weight_decay schedule normalize shuffle;
              patience target train_limit test_limit);
    }
}

/// Builder methods of the settings: for [`Settings`], and for what holds them and has a `settings_mut`.
macro_rules! setters {
    () => {
        $crate::train::settings::setters! {
            /// The number format.
            profile(profile: Profile);
            /// Passes over the data.
            epochs(epochs: u32);
            /// Rows of a batch.
            batch(batch: u32);
            /// Sums the gradients of so many batches before the parameters move: as one batch of all their rows, in the memory of
            /// one.
            accumulate(accumulate: u32);
            /// The learning rate, for the mean over the rows of a step: of a batch, or of as many as are summed.
            learning_rate(lr: f64);
            /// What moves the parameters.
            optimizer(optimizer: $crate::nn::Optimizer);
            /// The momentum; rounded to a multiple of 1/32.
            momentum(momentum: f64);
            /// The weight decay, as `torch.optim.SGD` has it: what is added to every gradient is `weight_decay` times the
            /// parameter, biases included; times the learning rate, it is rounded to a small odd multiple of a power of two.
            weight_decay(weight_decay: f64);
            /// The schedule of the learning rate.
            schedule(schedule: Schedule);
            /// Ends the run after so many epochs in a row without a better accuracy, which has to be revealed.
            patience(patience: Option<u32>);
            /// Ends the run once the accuracy is at least this, from 0 to 1; it has to be revealed.
            target(target: Option<f64>);
            /// Whether every epoch goes over the rows in an order of its own.
            shuffle(shuffle: bool);
        }
    };
    ($($(#[$doc:meta])* $name:ident($field:ident: $type:ty);)*) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $field: $type) -> Self {
                self.settings_mut().$field = $field;
                self
            }
        )*
    };
}
pub(crate) use setters;

impl Settings {
    setters!();

    fn settings_mut(&mut self) -> &mut Self {
        self
    }

    /// When a run ends before its last epoch; none where it does not.
    pub fn early_stop(&self) -> Option<EarlyStop> {
        let stop = EarlyStop { patience: self.patience, target: self.target };
        (stop != EarlyStop::default()).then_some(stop)
    }

    /// As people read them: how often the rows are gone over, how they come, what is done with them; and what else there is, if
    /// there is something.
    pub fn in_words(&self, loss: &str) -> [String; 4] {
        let order = if self.shuffle { "rows shuffled" } else { "rows in their own order" };
        let scale = if self.normalize { "features normalized" } else { "features as they are" };
        let stop = self.early_stop().map(|stop| stop.to_string());
        let most = if stop.is_some() { " at most" } else { "" };
        let how = if self.optimizer == Optimizer::Sgd { String::new() } else { format!(", {}", self.optimizer) };
        let decay = (self.weight_decay > 0.0).then(|| format!("weight decay {}", short(self.weight_decay)));
        [
            format!("{}{most}, {}", count(self.epochs, "epoch"), batches(self.batch, self.accumulate)),
            format!("{order}, {scale}"),
            format!("loss {loss}{how}, lr {} {}, momentum {}", short(self.lr), self.schedule, self.momentum),
            decay.into_iter().chain(stop).collect::<Vec<_>>().join(", "),
        ]
    }

    /// Which numbers are used instead of those that were asked for, a line each: shares are multiplied by small odd numbers and
    /// powers of two.
    pub fn rounded(&self, used: &Self) -> Vec<String> {
        let numbers = [
            ("lr", self.lr, used.lr),
            ("momentum", self.momentum, used.momentum),
            ("weight decay", self.weight_decay, used.weight_decay),
        ];
        let differs = numbers.into_iter().map(|(name, asked, used)| (name, short(asked), short(used)));
        let differs = differs.filter(|(_, asked, used)| asked != used);
        differs.map(|(name, asked, used)| format!("rounded: {name} {asked} to {used}")).collect()
    }

    /// Checks what does not depend on the network and its rows.
    pub(crate) fn check(&self) -> Result<()> {
        let counts = [("batch", self.batch), ("accumulate", self.accumulate), ("epochs", self.epochs)];
        if let Some((name, _)) = counts.into_iter().find(|(_, n)| *n == 0) {
            return Err(Error::Usage(format!("{name} must be at least 1")));
        }
        if self.accumulate > MOST_ACCUMULATED {
            return Err(Error::Usage("gradients of up to 4096 batches are summed".into()));
        }
        if Profile::named(self.profile.name)? != self.profile {
            return Err(Error::Usage(format!("the profile `{}` has other numbers here", self.profile.name)));
        }
        self.optimizer.check(Momentum::new(self.momentum)?)?;
        self.schedule.check()?;
        self.early_stop().map_or(Ok(()), |stop| stop.check())
    }
}

/// Batches of a step.
const MOST_ACCUMULATED: u32 = 1 << 12;

/// A value as its name where people read, and as it is where machines do.
mod in_words {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Display + Serialize, S: Serializer>(x: &T, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(x) } else { x.serialize(to) }
    }

    pub(super) fn deserialize<'de, T, D: Deserializer<'de>>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display> + Deserialize<'de>,
    {
        match from.is_human_readable() {
            true => String::deserialize(from)?.parse().map_err(D::Error::custom),
            false => T::deserialize(from),
        }
    }
}

/// A number of rows where people read. It is not sent: a job has the rows that every owner brings.
mod unsent {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(rows: &Option<usize>, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { rows.serialize(to) } else { to.serialize_unit() }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
        if from.is_human_readable() { Option::deserialize(from) } else { <()>::deserialize(from).map(|()| None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_words_for_people_and_limits_are_not_sent() {
        let schedule = Schedule::Step { epochs: 3, factor: 0.5 };
        let settings = Settings { train_limit: Some(7), ..Settings::default() }.schedule(schedule).target(Some(0.5));
        let text = serde_json::to_string(&settings).unwrap();
        assert!(text.contains(r#""profile":"wide""#) && text.contains(r#""schedule":"step:3:0.5""#), "{text}");
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
        assert!(serde_json::from_str::<Settings>(&text.replace("wide", "vast")).is_err());
        let sent = postcard::to_stdvec(&settings).unwrap();
        let received: Settings = postcard::from_bytes(&sent).unwrap();
        assert_eq!(received, Settings { train_limit: None, ..settings });
    }

    #[test]
    fn a_patch_changes_what_it_has_and_nothing_else() {
        let mut settings = Settings::default().patience(Some(2));
        SettingsPatch::default().apply(&mut settings);
        assert_eq!(settings, Settings::default().patience(Some(2)));
        let patch =
            SettingsPatch { shuffle: Some(false), target: Some(0.9), lr: Some(1.0), ..SettingsPatch::default() };
        patch.apply(&mut settings);
        let wanted = Settings::default().patience(Some(2)).shuffle(false).target(Some(0.9)).learning_rate(1.0);
        assert_eq!(settings, wanted);
    }
}
