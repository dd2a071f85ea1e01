//! Settings that override a network's own: `[training]` in a recipe's file, flags of the command line. The doc comments are the
//! help texts of the flags.

use serde::Deserialize;

use crate::fixed::Profile;
use crate::nn::Optimizer;
use crate::train::{Schedule, Settings, claim};

/// Settings that override a network's own: those under `[training]` in a recipe's file, and the flags of the command line.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(default)]
pub struct SettingsPatch {
    /// Number format: small, wide or deep [default: the network's]
    ///
    /// small: shares of 32 bits, 8 of them fractional; the cheapest, for measured networks.
    ///
    /// wide: shares of 48 bits, 16 of them fractional; for networks without measured ranges.
    ///
    /// deep: as wide, with more precise comparisons; for networks of many layers.
    #[serde(deserialize_with = "claim::profile")]
    #[cfg_attr(feature = "cli", arg(long))]
    pub profile: Option<Profile>,
    /// Passes over the training rows [default: the network's]
    ///
    /// At least 1. --patience and --target may end the run earlier.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub epochs: Option<u32>,
    /// Rows per batch [default: the network's]
    ///
    /// At least 1; the last batch of an epoch may be smaller.
    ///
    /// Larger batches take fewer rounds per epoch, and more memory.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub batch: Option<u32>,
    /// Batches whose gradients are summed per step [default: the network's]
    ///
    /// From 1 to 4096. For steps on more rows than fit in memory as a single batch.
    ///
    /// The step is that of one batch with all these rows, in the memory of one of them.
    ///
    /// Only batch normalization differs: it uses the statistics of each batch.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub accumulate: Option<u32>,
    /// Learning rate for the mean gradient of a step [default: the network's]
    ///
    /// A positive number. With --accumulate, the mean is taken over the rows of all batches.
    ///
    /// Divided by the rows of a step, it is rounded to a small odd multiple of a power of two.
    ///
    /// The run prints the rounded rate if it differs.
    #[serde(deserialize_with = "claim::rate")]
    #[cfg_attr(feature = "cli", arg(long, allow_negative_numbers = true))]
    pub lr: Option<f64>,
    /// Optimizer: sgd or nesterov [default: the network's]
    ///
    /// sgd: stochastic gradient descent, with classical momentum unless --momentum is 0.
    ///
    /// nesterov: stochastic gradient descent with Nesterov momentum; needs --momentum above 0.
    ///
    /// Both are those of PyTorch's SGD.
    #[serde(deserialize_with = "claim::optimizer")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub optimizer: Option<Optimizer>,
    /// Momentum, from 0 to below 1 [default: the network's]
    ///
    /// The fraction of the previous update that is added to the next; 0 disables it.
    ///
    /// Rounded to a multiple of 1/32, at most 31/32. Typical: 0.9.
    #[serde(deserialize_with = "claim::momentum")]
    #[cfg_attr(feature = "cli", arg(long, allow_negative_numbers = true))]
    pub momentum: Option<f64>,
    /// Weight decay (L2 penalty) [default: the network's]
    ///
    /// Adds WD times the parameter to every gradient, as in PyTorch's SGD, biases included.
    ///
    /// 0 disables it; typical: 0.0005. Use it if a network overfits.
    ///
    /// Rounded in the same way as the learning rate.
    #[serde(deserialize_with = "claim::decay")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "WD", allow_negative_numbers = true))]
    pub weight_decay: Option<f64>,
    /// Weights of the classes in the loss [default: all 1]
    ///
    /// A number for each class, class 0 first, such as 1,4.5; each from 1/16 to 16.
    ///
    /// For unbalanced data: a row of a class with the weight 4 counts as four rows.
    ///
    /// As the weight of PyTorch's CrossEntropyLoss, but the mean is taken over the rows alone.
    ///
    /// Rounded to multiples of 1/16.
    #[serde(deserialize_with = "claim::weights")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "W", value_delimiter = ',', allow_negative_numbers = true))]
    pub class_weights: Option<Vec<f64>>,
    /// Learning rate schedule, such as cosine [default: the network's]
    ///
    /// constant: the rate stays the same.
    ///
    /// halving: the rate is halved after 1/2, 3/4 and 7/8 of the steps.
    ///
    /// cosine: the rate follows half a cosine wave down to almost 0, in 32 pieces.
    ///
    /// step:EPOCHS:FACTOR: the rate is multiplied by FACTOR after every EPOCHS epochs.
    ///
    /// For example, step:3:0.5 halves it every 3 epochs; FACTOR is from 0.01 to 0.99.
    ///
    /// The momentum's velocity is scaled along with the rate.
    #[serde(deserialize_with = "claim::schedule")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "SCHEDULE"))]
    pub schedule: Option<Schedule>,
    /// Stop after N epochs without improvement [default: the network's]
    ///
    /// Improvement of the accuracy on the test rows, which the job must reveal.
    ///
    /// The resulting model is that of the best epoch. At least 1; the default is never to stop.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<u32>)
    )]
    pub patience: Option<u32>,
    /// Stop once the test accuracy reaches this [default: the network's]
    ///
    /// A fraction above 0 and at most 1, such as 0.98; the default is never to stop.
    ///
    /// The job must reveal the accuracy.
    #[serde(deserialize_with = "claim::share")]
    #[cfg_attr(feature = "cli", arg(long, value_name = "ACCURACY", allow_negative_numbers = true))]
    pub target: Option<f64>,
    /// Scale features to mean 0, deviation 1 [default: the network's]
    ///
    /// Owners do this before they share their rows, with public constants of the data set.
    ///
    /// The ranges of the named networks were measured with their own choice.
    #[serde(deserialize_with = "claim::flag")]
    #[cfg_attr(
        feature = "cli",
        arg(
            long, value_name = "BOOL", hide_possible_values = true,
            num_args = 0..=1, default_missing_value = "true", overrides_with = "no_normalize"
        )
    )]
    pub normalize: Option<bool>,
    /// Shuffle the training rows every epoch [default: the network's]
    ///
    /// The order is public and follows from --seed. Turn it off to compare runs batch by batch.
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
    ///
    /// At least 1, for short trials; without a limit, all rows of the data set are used.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::positive::<usize>)
    )]
    pub train_limit: Option<usize>,
    /// Test on the first N rows only [default: the network's]
    ///
    /// Without a limit, all test rows of the data set are used.
    ///
    /// They are classified on shares after every epoch, which may take longer than the epoch.
    #[serde(deserialize_with = "claim::count")]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "N", allow_negative_numbers = true, value_parser = claim::whole::<usize>)
    )]
    pub test_limit: Option<usize>,
}

impl SettingsPatch {
    /// Overrides the settings that the patch contains.
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
        take!(profile epochs batch accumulate lr optimizer momentum weight_decay class_weights schedule normalize shuffle;
              patience target train_limit test_limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
