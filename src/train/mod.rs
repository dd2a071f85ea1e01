//! Training: the job, the order of its batches, the loop.

mod certificate;
mod job;
mod recipe;
mod run;
mod schedule;
mod settings;

#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Conditions, Margin, ROOM_BITS, recommended};
pub use job::{Job, Owned, Reveals, StepKind};
pub use recipe::Recipe;
pub use run::{evaluate, plan, set_shapes, train};
pub use schedule::Schedule;
pub use settings::Settings;
