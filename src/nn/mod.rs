//! Networks: layers, the loss and the optimizer, each written once over an [`Engine`](crate::engine::Engine).

mod clear;
mod coins;
mod dyadic;
mod factor;
mod file;
mod foreign;
mod init;
mod layer;
mod linear;
mod loss;
mod max_pool;
mod model;
mod network;
mod normalization;
mod relu;
mod sgd;
mod shortcut;
mod sigmoid;
pub(crate) mod stage;

pub use coins::Coins;
pub use dyadic::Dyadic;
pub use factor::Factor;
pub use file::{Beginning, Saved};
pub use init::initial_parameters;
pub use layer::{LayerSpec, PoolMethod};
pub(crate) use linear::Linear;
pub use loss::hits;
pub use max_pool::MaxPool;
pub(crate) use model::of_batch;
pub use model::{Init, Loss, Model};
pub use network::Network;
pub use normalization::Normalization;
pub use relu::Relu;
pub use sgd::{Momentum, Parameter, Rate, Sgd};
pub(crate) use shortcut::Shortcut;
pub use sigmoid::Sigmoid;
