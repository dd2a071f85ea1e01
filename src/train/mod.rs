//! Training: the job, the order of its batches, the loop.

mod certificate;
mod early_stop;
mod initial;
mod job;
mod policy;
mod recipe;
mod run;
mod schedule;
mod settings;
mod steps;
mod words;

#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Conditions, Margin, ROOM_BITS, recommended};
pub use early_stop::EarlyStop;
pub(crate) use early_stop::best_of;
pub use initial::{Initial, initial_hash};
pub use job::{Job, Owned, Reveals};
pub use policy::{Beginning, Policy};
pub use recipe::Recipe;
pub use run::{evaluate, plan, set_shapes, train};
pub(crate) use schedule::SCHEDULES;
pub use schedule::{Length, Schedule};
pub use settings::Settings;
pub use steps::StepKind;
