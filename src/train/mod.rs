//! Training: the job, the order of its batches, the loop.

mod certificate;
pub(crate) mod claim;
pub(crate) mod describe;
mod early_stop;
mod figures;
mod job;
mod job_description;
mod learning_rate_schedule;
pub(crate) mod moments;
mod parameter_source;
mod policy;
mod predict;
mod recipe;
mod reveals;
mod run;
mod settings;
mod settings_patch;
mod steps;
mod training;

#[cfg(test)]
mod tests;

use certificate::unchecked;
pub use certificate::{Certificate, Conditions, Margin, ROOM_BITS, recommended};
pub use early_stop::EarlyStop;
pub(crate) use early_stop::{best_of, scores};
pub use figures::{ClassFigures, Confusion, LabelFigures, Regression, Roc, TargetFigures, TestFigures};
pub use job::{Job, Owned};
pub use learning_rate_schedule::{Length, Schedule};
pub use moments::FeatureMoments;
pub use parameter_source::{InitialSource, initial_hash};
pub use policy::{InitialPolicy, Policy};
pub use recipe::Recipe;
pub use reveals::Reveals;
pub use run::{evaluate, plan, set_shapes, train};
pub use settings::Settings;
pub use settings_patch::SettingsPatch;
pub use steps::StepKind;
pub(crate) use training::on_grid;
pub use training::{Training, share_of};
