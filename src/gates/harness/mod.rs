//! The lockstep harness: dealer and two servers as threads over memory, every gate recorded on both servers.
//!
//! Afterwards the two servers' records are put together (a wire is `x_hat - r`, a share the sum of the halves), and every
//! gate is held against what it means for the values that really went in ([`law`]). Nothing drifts over any number of steps.

#[cfg(feature = "gpu")]
pub(crate) mod counting_backend;
pub(crate) mod followed;
pub(crate) mod golden;
pub(crate) mod law;
pub(crate) mod look;
pub(crate) mod near;
pub(crate) mod record;
pub(crate) mod recording_backend;
pub(crate) mod tapped_channel;
pub(crate) mod terms;
pub(crate) mod traced;
pub(crate) mod vectors;
pub(crate) mod world;

#[cfg(feature = "gpu")]
pub(crate) use counting_backend::CountingBackend;
pub(crate) use followed::Followed;
pub(crate) use record::{Gate, Record};
pub(crate) use tapped_channel::{Tamper, Transcript};
pub(crate) use traced::Traced;
pub(crate) use world::{Program, Run, World, random};
