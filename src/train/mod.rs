//! Training: the job, the order of its batches, the loop.

mod job;
mod run;
mod schedule;

#[cfg(test)]
mod tests;

pub use job::{Job, Owned, Reveals};
pub use run::{evaluate, plan, set_shapes, train};
pub use schedule::Schedule;
