//! ppdnn trains neural networks on secret shares: two servers compute on rows that neither of them can read, a dealer supplies
//! correlated randomness, owners bring the rows, and the trainer gets the model.
//!
//! [`Training`] runs all roles in one process. What a user needs is in this module; the layers are in [`layer`].
//!
//! ```
//! use ppdnn::layer::{dense, relu};
//! use ppdnn::ndarray::Array2;
//! use ppdnn::{Data, Model, Training};
//!
//! // 200 points of the unit square; the class says which coordinate is larger
//! let points = Array2::from_shape_fn((200, 2), |(row, axis)| (row as f32 * [0.755, 0.57][axis]).fract());
//! let classes = points.rows().into_iter().map(|p| u32::from(p[0] > p[1])).collect();
//! let data = Data::new(points, classes, 2)?;
//!
//! let model = Model::sequential(2, vec![dense(8), relu(), dense(2)])?;
//! let training = Training::new(model).epochs(8).batch(20).learning_rate(0.25);
//! let outcome = training.run(&data, &data, |event| println!("{event:?}"))?;
//! let trained = outcome.model.expect("the model is revealed by default");
//! assert!(trained.score(&data)? > 0.8);
//! # Ok::<(), ppdnn::Error>(())
//! ```
//!
//! A trained model predicts ([`TrainedModel::predict`]), and is saved and loaded ([`TrainedModel::save`],
//! [`TrainedModel::load`]). [`Training::plan`] says what a run costs, [`Training::run_clear`] trains in the clear. To run each
//! party on a machine of its own, use [`roles::Node`] or the program `ppdnn`.
//!
//! # Map of the source
//!
//! From the top level down; a module imports only from lower levels (`tests/import_order.rs`):
//!
//! | level | modules | what is there |
//! |---|---|---|
//! | 9 | `main`, `cli`, `fuzzing` | the program; what fuzzers call |
//! | 8 | `roles` | dealer, servers, owners, trainer; as processes or as threads |
//! | 7 | `prediction`, `train`, `data` | private predictions; the training loop; data sets |
//! | 6 | [`nn`], [`layer`] | layers, each with its protocol made of gates; losses, optimizers; layers by name |
//! | 5 | `gates` | primitive protocols (compare, open, select), and [`gates::Engine`], the vocabulary that layers are written in |
//! | 4 | `party` | the state of the four interpreters, and what they cost |
//! | 3 | [`net`] | channels: in memory, over TLS |
//! | 2 | `tensor` | memory of a device with a shape |
//! | 1 | [`backend`], `kernel` | devices, and what they compute |
//! | 0 | `fixed`, `shape`, `prg`, `pulse`, `input`, `peer`, [`error`] | numbers, shapes, randomness, a clock of work, size-limited reads of files, names of parties, errors |

pub mod backend;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod data;
pub mod error;
#[doc(hidden)]
pub mod fixed;
#[cfg(all(feature = "network", feature = "datasets", any(test, feature = "fuzzing")))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gates;
#[doc(hidden)]
pub mod input;
#[doc(hidden)]
pub mod kernel;
pub mod layer;
pub mod net;
pub mod nn;
pub mod party;
#[doc(hidden)]
pub mod peer;
pub mod prediction;
#[doc(hidden)]
pub mod prg;
#[doc(hidden)]
pub mod pulse;
pub mod roles;
#[doc(hidden)]
pub mod shape;
#[doc(hidden)]
pub mod tensor;
pub mod train;

#[doc(no_inline)]
pub use ndarray;

#[doc(inline)]
pub use data::Examples as Data;
#[doc(inline)]
pub use data::Targets;
#[doc(inline)]
pub use error::{Error, Result};
#[doc(inline)]
pub use fixed::Profile;
#[doc(inline)]
pub use nn::{Init, Loss, Model, Normalization, Optimizer, Task, TrainedModel};
#[doc(inline)]
pub use peer::{Peer, Role};
#[doc(inline)]
pub use prediction::{AnswerKind, Answers, ModelCard, Prediction};
#[doc(inline)]
pub use roles::{Event, Outcome, Summary};
#[doc(inline)]
pub use shape::Shape;
#[doc(inline)]
pub use train::{Certificate, EarlyStop, Recipe, Reveals, Schedule, Settings, Training};
