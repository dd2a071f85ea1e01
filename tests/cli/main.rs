//! The program as a person uses it: what it does, what it says, and what it leaves behind.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "../adapter/mod.rs"]
mod adapter;
mod arguments;
mod bad_input;
mod campaign;
mod cluster;
mod convert;
mod crashes;
mod deploy;
mod endings;
mod files;
mod gpu;
mod harness;
mod json_objects;
mod liveness;
mod models;
mod output;
mod own_data;
mod owners;
mod peers;
mod places;
mod plans;
mod predictions;
mod progress;
mod ranges;
mod readme;
mod relay;
mod resume;
mod runs;
mod settings;
mod setup;
mod stalling;
mod successful_runs;
mod tasks;
mod tensorboard;
