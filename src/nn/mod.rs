//! Networks: layers, the loss and the optimizer, each written once over an [`Engine`](crate::gates::Engine).

mod activation;
mod codec;
mod dropout_masks;
mod dyadic;
mod factor;
mod feature_scaling;
mod flow;
mod fold_batch_norm;
mod foreign_file;
mod hits;
mod inference;
mod init;
mod input_scale;
mod inverse_sqrt;
mod layer;
mod layer_check;
pub mod layers;
mod linear;
mod losses;
mod lowered;
mod many_classes;
mod mean_ratio;
mod model;
mod model_file;
mod momentum;
mod network;
mod network_text;
#[cfg(feature = "onnx")]
mod onnx;
mod operand;
mod optimizers;
mod parameter;
mod pytorch_file;
mod range_check;
mod shortcut;
pub(crate) mod stage;
mod step_size;
mod toml_table;
mod update;

pub use activation::{Activation, AnyActivation, Module};
pub use dropout_masks::DropoutMasks;
pub use dyadic::Dyadic;
pub use factor::Factor;
pub use feature_scaling::Normalization;
pub use flow::Flow;
pub use hits::hits;
pub use init::initial_parameters;
#[cfg(test)]
pub(crate) use inverse_sqrt::inverse_sqrt;
pub use layer::{Layer, LayerKind, LayerSpec, Named, ParameterSpec};
pub(crate) use layer_check::of_batch;
pub(crate) use layers::Norm;
pub use layers::NormSpec;
pub use layers::{PoolMethod, register};
pub(crate) use linear::Linear;
pub use losses::Loss;
pub use lowered::{LinearSpec, Lowered};
pub(crate) use many_classes::class_of_many;
#[cfg(test)]
pub(crate) use many_classes::{hits_of_many, softmax_of_many};
pub use model::{Init, Model};
pub use model_file::{InitialParameters, TrainedModel};
pub use momentum::Momentum;
pub use network::Network;
#[cfg(feature = "onnx")]
pub use onnx::ImportedModel;
pub use optimizers::Optimizer;
pub use parameter::Parameter;
pub use pytorch_file::NameMap;
pub use range_check::{RangeWatch, compared, whole};
pub(crate) use range_check::{STEPS_AT_ONCE, Samples};
pub(crate) use shortcut::Shortcut;
pub use step_size::LearningRate;
pub use toml_table::{LineError, TomlTable};
pub(crate) use update::Term;
pub use update::{Step, Update};
