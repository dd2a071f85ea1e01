//! ppdnn trains neural networks on secret shares.
//!
//! The house, from the top floor down; imports point down only (`tests/layers.rs`):
//!
//! | floor | modules | what is there |
//! |---|---|---|
//! | 9 | `main`, `cli`, `fuzzing` | the program; what fuzzers call |
//! | 8 | `roles` | dealer, servers, owners, trainer; as processes or as threads |
//! | 7 | `train`, `data` | the training loop; data sets |
//! | 6 | `nn` | layers, losses, the optimizer |
//! | 5 | `gates`, `engine` | protocols, and the vocabulary that layers are written in |
//! | 4 | `party` | the state of the four interpreters |
//! | 3 | [`net`] | channels: in memory, over TLS |
//! | 2 | [`tensor`] | memory of a device with a shape |
//! | 1 | [`backend`], [`kernel`] | devices, and what they compute |
//! | 0 | [`fixed`], [`shape`], [`prg`], [`pulse`], [`error`] | numbers, shapes, randomness, signs of life, errors |

pub mod backend;
pub mod cli;
pub mod data;
pub mod engine;
pub mod error;
pub mod fixed;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod gates;
pub mod kernel;
pub mod net;
pub mod nn;
pub mod party;
pub mod prg;
pub mod pulse;
pub mod roles;
pub mod shape;
pub mod tensor;
pub mod train;
