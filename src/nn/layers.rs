//! The kinds of layers: a file and a row each.

/// Makes layers of activations without settings, which follow any product: each with its name in files.
macro_rules! elementwise {
    ($layer:ident = $name:literal) => {
        impl $crate::nn::Layer for $layer {
            fn follow(&self, before: $crate::nn::Flow) -> std::result::Result<$crate::nn::Flow, String> {
                before.activation()
            }

            fn lower(&self, _: $crate::nn::Flow, _: &$crate::shape::Shape) -> $crate::nn::Lowered {
                $crate::nn::Lowered::Activation(Self.into())
            }
        }

        impl $crate::nn::Named for $layer {
            const NAME: &'static str = $name;

            fn read(
                _: &mut $crate::nn::TomlTable<'_>,
                _: Option<usize>,
            ) -> std::result::Result<Self, $crate::nn::LineError> {
                Ok(Self)
            }
        }
    };
}

mod average_pool;
mod batch_norm;
mod conv2d;
mod dense;
mod dropout;
mod flatten;
mod global_average_pool;
mod hard_tanh;
mod layer_norm;
mod leaky_relu;
mod max_pool;
mod norm;
mod read;
mod relu;
mod residual;
mod sigmoid;
mod square;
mod windows;
mod zero_padding;

pub use average_pool::AveragePool;
pub use batch_norm::BatchNorm;
pub use conv2d::Conv2d;
pub use dense::Dense;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use global_average_pool::GlobalAveragePool;
pub use hard_tanh::HardTanh;
pub use layer_norm::LayerNorm;
pub use leaky_relu::LeakyRelu;
#[cfg(test)]
pub(crate) use max_pool::Pooled;
pub use max_pool::{MaxPool, PoolMethod};
pub use norm::NormSpec;
pub(crate) use norm::{Norm, Over};
pub(in crate::nn) use read::MOST_LAYERS;
pub(crate) use read::read;
pub use relu::Relu;
pub use residual::Residual;
pub(super) use sigmoid::Pieces;
pub use sigmoid::Sigmoid;
pub use square::Square;
pub use zero_padding::ZeroPadding;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};
use crate::net::printable;
use crate::nn::Named;
use crate::nn::layer::LayerKind;

/// The kinds, in the order in which errors list them.
static BUILT_IN: [LayerKind; 16] = [
    LayerKind::of::<Dense>(),
    LayerKind::of::<Conv2d>(),
    LayerKind::of::<AveragePool>(),
    LayerKind::of::<MaxPool>(),
    LayerKind::of::<GlobalAveragePool>(),
    LayerKind::of::<ZeroPadding>(),
    LayerKind::of::<Dropout>(),
    LayerKind::of::<Residual>(),
    LayerKind::of::<Flatten>(),
    LayerKind::of::<Relu>(),
    LayerKind::of::<Sigmoid>(),
    LayerKind::of::<LeakyRelu>(),
    LayerKind::of::<HardTanh>(),
    LayerKind::of::<Square>(),
    LayerKind::of::<BatchNorm>(),
    LayerKind::of::<LayerNorm>(),
];

/// Registers a program's own kind of layer in this process: from then on, recipes, jobs and saved models may contain such layers.
/// Every process of a run must register it before it takes part; a process that does not know the kind refuses the job and names
/// the layer.
///
/// # Errors
/// [`Error::Usage`] if another type has the name, or the name is invalid.
pub fn register<L: Named>() -> Result<()> {
    let row: &'static LayerKind = const { &LayerKind::of::<L>() };
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=MOST_NAME).contains(&row.name.len()) || !row.name.chars().all(fits) {
        return Err(Error::Usage(format!(
            "`{}` is not a valid name for a kind of layer; use 1 to {MOST_NAME} lower-case letters, digits and `-`",
            printable(row.name)
        )));
    }
    let mut added = added();
    // names that differ in a `-` are one in saved models
    let other = BUILT_IN.iter().chain(added.iter().copied()).find(|other| other.type_name() == row.type_name());
    match other {
        Some(other) if (other.id)() == (row.id)() => Ok(()),
        Some(other) => Err(Error::Usage(format!(
            "the kind of layer `{}` already exists; give `{}` another name",
            other.name, row.name
        ))),
        None => {
            added.push(row);
            Ok(())
        }
    }
}

/// All kinds that there are.
pub(crate) fn kinds() -> Vec<&'static LayerKind> {
    BUILT_IN.iter().chain(added().iter().copied()).collect()
}

/// What is wrong with a name, and which there are.
pub(crate) fn not_known(name: &str) -> String {
    format!("unknown kind of layer `{}`; known kinds: {}", printable(name), names())
}

/// The names of all kinds.
pub(crate) fn names() -> String {
    kinds().iter().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ")
}

fn added() -> MutexGuard<'static, Vec<&'static LayerKind>> {
    ADDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kinds of the program's own.
static ADDED: Mutex<Vec<&'static LayerKind>> = Mutex::new(Vec::new());
/// Letters of a kind's name.
const MOST_NAME: usize = 64;

/// Columns of a product, in files.
const MOST_COLUMNS: u32 = 1 << 20;
