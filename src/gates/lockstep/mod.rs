//! The lockstep harness: dealer and two servers as threads over memory, every gate recorded on both servers.
//!
//! Afterwards the two servers' records are put together (a wire is `x_hat - r`, a share the sum of the halves), and every
//! gate is held against what it means for the values that really went in ([`law`]). Nothing drifts over any number of steps.

pub(crate) mod counted;
pub(crate) mod drawn;
pub(crate) mod followed;
pub(crate) mod kept;
pub(crate) mod law;
pub(crate) mod record;
pub(crate) mod tap;
pub(crate) mod terms;
pub(crate) mod traced;
pub(crate) mod vectors;
pub(crate) mod world;

pub(crate) use counted::Counted;
pub(crate) use followed::Followed;
pub(crate) use record::{Gate, Record};
pub(crate) use tap::{Hand, Heard};
pub(crate) use traced::Traced;
pub(crate) use world::{Program, Run, World, random};
