//! The losses: a file and a row each.

mod sigmoid_cross_entropy;
mod softmax_cross_entropy;
mod square;

use serde::{Deserialize, Serialize};

use sigmoid_cross_entropy::SigmoidCrossEntropy;
use softmax_cross_entropy::SoftmaxCrossEntropy;
use square::Square;

use crate::error::Result;
use crate::gates::Engine;
use crate::nn::ClassWeights;
use crate::nn::range_check::RangeWatch;

/// What a loss is: its gradient by the outputs.
pub(crate) trait LossFunction {
    /// Classes that it takes, at most.
    const MOST_CLASSES: usize = usize::MAX;

    /// What it makes of the outputs, a share of the ring with the profile's fraction bits, from the last product's share: what
    /// the gradient is labels off. Has `watch` see one wire.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    fn prediction<E: Engine>(e: &mut E, z: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Share>;

    /// The opened gradient by the outputs, from the last product's share and one-hot labels.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    fn gradient<E: Engine>(
        e: &mut E,
        z: &E::Share,
        labels: &E::Wire,
        weights: &ClassWeights,
        watch: Option<&mut RangeWatch<E>>,
    ) -> Result<E::Wire> {
        let y = Self::prediction(e, z, watch)?;
        let own = e.share(labels)?;
        let dz = e.subtract(&y, &own)?;
        weights.open_weighted(e, &dz, labels)
    }
}

/// Lists the losses, each with its name in files.
macro_rules! losses {
    ($($(#[$doc:meta])* $loss:ident = $name:literal,)*) => {
        /// What training makes small.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Loss {
            $($(#[$doc])* #[serde(rename = $name)] $loss,)*
        }

        impl Loss {
            /// All that there are.
            pub const ALL: &'static [Self] = &[$(Self::$loss),*];

            /// Its name in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$loss => $name,)*
                }
            }

            /// Classes that it takes, at most.
            pub fn most_classes(self) -> usize {
                match self {
                    $(Self::$loss => <$loss as LossFunction>::MOST_CLASSES,)*
                }
            }

            /// What it makes of the outputs, from the last product's share: probabilities, or for [`Loss::Square`] the outputs
            /// themselves; a share of the ring with the profile's fraction bits.
            ///
            /// # Errors
            /// See [`Engine`](Engine#errors).
            pub fn prediction<E: Engine>(self, e: &mut E, z: &E::Share) -> Result<E::Share> {
                match self {
                    $(Self::$loss => <$loss as LossFunction>::prediction(e, z, None),)*
                }
            }

            /// The opened gradient by the outputs, from the last product's share and one-hot labels, with the classes' weights.
            ///
            /// # Errors
            /// See [`Engine`](Engine#errors).
            pub fn gradient<E: Engine>(
                self,
                e: &mut E,
                z: &E::Share,
                labels: &E::Wire,
                weights: &ClassWeights,
                watch: Option<&mut RangeWatch<E>>,
            ) -> Result<E::Wire> {
                match self {
                    $(Self::$loss => <$loss as LossFunction>::gradient(e, z, labels, weights, watch),)*
                }
            }
        }
    };
}

losses! {
    /// Cross-entropy of the softmax of the outputs; the gradient is `softmax(y) - onehot`.
    SoftmaxCrossEntropy = "softmax-cross-entropy",
    /// Half the squared error of the outputs; the gradient is `y - onehot`.
    Square = "square",
    /// Binary cross-entropy of the sigmoid of every output; the gradient is `sigmoid(y) - onehot`.
    SigmoidCrossEntropy = "sigmoid-cross-entropy",
}
