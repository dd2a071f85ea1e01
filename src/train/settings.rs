//! How a network is trained: one set of settings, for programs, recipes, the command line, jobs and certificates.
//!
//! A new setting needs a field of [`Settings`] with its default, a field of [`SettingsPatch`](crate::train::SettingsPatch), and a
//! line of `setters!`; files, flags, events, jobs and certificates then have it. [`Job`](crate::train::Job) implements its effect.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::nn::{Momentum, Optimizer};
use crate::train::describe::{batches, count, short};
use crate::train::{EarlyStop, Schedule};

/// How a network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The number format.
    #[serde(with = "in_words")]
    pub profile: Profile,
    /// Passes over the training rows.
    pub epochs: u32,
    /// Rows per batch; the last batch of an epoch may be smaller.
    pub batch: u32,
    /// Batches whose gradients are summed per step, from 1 to 4096; the last step of an epoch may have fewer.
    pub accumulate: u32,
    /// Learning rate, for the mean gradient over the rows of a step.
    pub lr: f64,
    /// The optimizer: what updates the parameters.
    #[serde(with = "in_words")]
    pub optimizer: Optimizer,
    /// Momentum, from 0 (none) to 31/32.
    pub momentum: f64,
    /// Weight decay of all parameters, as in `torch.optim.SGD`; 0 for none.
    pub weight_decay: f64,
    /// Factors of the classes' rows in the loss, class 0 first, each from 1/16 to 16; empty if all rows count the same.
    pub class_weights: Vec<f64>,
    /// The learning rate schedule.
    #[serde(with = "in_words")]
    pub schedule: Schedule,
    /// Stops the run after this many epochs in a row without a better accuracy; `None` for never.
    pub patience: Option<u32>,
    /// Stops the run once the accuracy is at least this, from 0 to 1; `None` for never.
    pub target: Option<f64>,
    /// Whether owners scale features to mean 0 and standard deviation 1.
    pub normalize: bool,
    /// Whether the rows are shuffled in every epoch.
    pub shuffle: bool,
    /// Train on the first rows only; on all if `None`.
    #[serde(default, with = "unsent")]
    pub train_limit: Option<usize>,
    /// Test on the first rows only; on all if `None`.
    #[serde(default, with = "unsent")]
    pub test_limit: Option<usize>,
}

impl Default for Settings {
    /// For networks whose ranges have not been measured: the profile `wide`, and values that suit most of the named networks.
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
            class_weights: Vec::new(),
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

/// Builder methods of the settings: for [`Settings`], and for what holds them and has a `settings_mut`.
macro_rules! setters {
    () => {
        $crate::train::settings::setters! {
            /// The number format.
            profile(profile: Profile);
            /// Passes over the training rows.
            epochs(epochs: u32);
            /// Rows per batch.
            batch(batch: u32);
            /// Sums the gradients of this many batches per step, from 1 to 4096: the step of one batch with all their rows, in
            /// the memory of a single one.
            accumulate(accumulate: u32);
            /// The learning rate, for the mean gradient over the rows of a step: of one batch, or of those that are summed.
            learning_rate(lr: f64);
            /// The optimizer.
            optimizer(optimizer: $crate::nn::Optimizer);
            /// The momentum, from 0 to below 1; rounded to a multiple of 1/32.
            momentum(momentum: f64);
            /// The weight decay, as in `torch.optim.SGD`: `weight_decay` times the parameter is added to every gradient, biases
            /// included. Its product with the learning rate is rounded to a small odd multiple of a power of two.
            weight_decay(weight_decay: f64);
            /// Factors of the classes' rows in the loss, class 0 first, as in `torch.nn.CrossEntropyLoss(weight)`; the mean is taken
            /// over the rows, and not over their weights. Each from 1/16 to 16, rounded to a multiple of 1/16.
            class_weights(class_weights: Vec<f64>);
            /// The learning rate schedule.
            schedule(schedule: Schedule);
            /// Stops the run after this many epochs in a row without a better accuracy, which must be revealed.
            patience(patience: Option<u32>);
            /// Stops the run once the accuracy, which must be revealed, is at least this, from 0 to 1.
            target(target: Option<f64>);
            /// Whether the rows are shuffled in every epoch.
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

    /// When a run ends before its last epoch; `None` without patience and target.
    pub fn early_stop(&self) -> Option<EarlyStop> {
        let stop = EarlyStop { patience: self.patience, target: self.target };
        (stop != EarlyStop::default()).then_some(stop)
    }

    /// The settings as four lines of text: epochs and batches; order and scaling of the rows; loss, optimizer and rates; weight
    /// decay, weights of classes and early stop, empty without them.
    pub fn in_words(&self, loss: &str) -> [String; 4] {
        let order = if self.shuffle { "rows shuffled" } else { "rows in original order" };
        let scale = if self.normalize { ", features normalized" } else { "" };
        let stop = self.early_stop().map(|stop| stop.to_string());
        let most = if stop.is_some() { " at most" } else { "" };
        let how = if self.optimizer == Optimizer::Sgd { String::new() } else { format!(", {}", self.optimizer) };
        let decay = (self.weight_decay > 0.0).then(|| format!("weight decay {}", short(self.weight_decay)));
        let weights = (!self.class_weights.is_empty()).then(|| format!("class weights {}", list(&self.class_weights)));
        [
            format!("{}{most}, {}", count(self.epochs, "epoch"), batches(self.batch, self.accumulate)),
            format!("{order}{scale}"),
            format!("loss {loss}{how}, lr {} {}, momentum {}", short(self.lr), self.schedule, self.momentum),
            decay.into_iter().chain(weights).chain(stop).collect::<Vec<_>>().join(", "),
        ]
    }

    /// The numbers that are rounded, a line each: shares are multiplied by small odd numbers and powers of two.
    pub fn rounded(&self, used: &Self) -> Vec<String> {
        let numbers = [
            ("lr", self.lr, used.lr),
            ("momentum", self.momentum, used.momentum),
            ("weight decay", self.weight_decay, used.weight_decay),
        ];
        let differs = numbers.into_iter().map(|(name, asked, used)| (name, short(asked), short(used)));
        let weights = ("class weights", list(&self.class_weights), list(&used.class_weights));
        let differs = differs.chain([weights]).filter(|(_, asked, used)| asked != used);
        differs.map(|(name, asked, used)| format!("rounded: {name} {asked} to {used}")).collect()
    }

    /// Checks what does not depend on the network and its rows.
    pub(crate) fn check(&self) -> Result<()> {
        let counts = [("batch", self.batch), ("accumulate", self.accumulate), ("epochs", self.epochs)];
        if let Some((name, _)) = counts.into_iter().find(|(_, n)| *n == 0) {
            return Err(Error::Usage(format!("{name} must be at least 1")));
        }
        if self.accumulate > MOST_ACCUMULATED {
            return Err(Error::Usage("accumulate must be at most 4096".into()));
        }
        if Profile::named(self.profile.name)? != self.profile {
            return Err(Error::Usage(format!(
                "the profile `{}` has different parameters here; run the same version of ppdnn on all machines",
                self.profile.name
            )));
        }
        self.optimizer.check(Momentum::new(self.momentum)?)?;
        self.schedule.check()?;
        self.early_stop().map_or(Ok(()), |stop| stop.check())
    }
}

/// Numbers in words.
fn list(numbers: &[f64]) -> String {
    numbers.iter().map(|x| short(*x)).collect::<Vec<_>>().join(",")
}

/// Batches of a step.
const MOST_ACCUMULATED: u32 = 1 << 12;

/// A value by its name in human-readable formats, and as it is in binary ones.
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

/// A number of rows in human-readable formats. It is not sent: a job lists the rows of every owner.
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
}
