//! The roles: what each party of a job does from the first message to the last.
//!
//! A role takes its links and nothing else; whether they lead to threads of the same process or to machines far away
//! makes no difference to it. The messages, in order:
//!
//! | from | to | what |
//! |---|---|---|
//! | trainer | servers, dealer | the job, and the hash of job and parties that all agree on |
//! | server 0 | owners | the job; from both servers and the dealer the hash |
//! | servers | dealer | the hash, 32 random bytes |
//! | dealer | servers | the hash, a session number, 32 random bytes: both together make the server's seed |
//! | server | server | the hash, half of a common seed |
//! | trainer | servers | the initial parameters: nothing if they follow from the job's seed, in the clear, or in shares |
//! | owners | servers, dealer | whether they take part, and why not; server 0 shows them public initial parameters if they ask |
//! | owners | servers, dealer | seeds of the masks; to the servers the masked rows |
//! | server | server | the hash of the masked rows |
//! | servers, dealer | trainer | that they are ready; once all are, its message that training starts comes back |
//! | servers | owners | that training starts: they leave |
//! | dealer | server 1 | corrections |
//! | server | server | openings |
//! | servers, dealer | trainer | after an epoch, with an early stop: whether to continue, whether it was the best; its answer |
//! | server | server | the answer |
//! | trainer | server 0 | at any time: that the run is to end after the next step |
//! | server 0 | server 1 | ahead of a step's first opening: that it is the last |
//! | server 1 | dealer | after that step: that none follows; the dealer sends the same |
//! | servers, dealer | trainer | progress; what the job reveals, sealed; a report, or why there is none |
//! | trainer | servers, dealer | once all have reported: that the job is done |
//!
//! A job that broke off can resume. Then the trainer's order says so, both servers agree on a checkpoint instead of taking rows
//! (unless the owners come again), and tell the dealer and the trainer which:
//!
//! | from | to | what |
//! |---|---|---|
//! | server | server | in every job, before the initial parameters: which checkpoints it has |
//! | servers | dealer | what the run resumes from: the step, and the shapes of what is kept |
//! | servers, dealer | trainer | the step |
//! | server | server | after some steps: whether a checkpoint is due; the hash of its half, once that is written |
//!
//! Private prediction has messages of its own: see `prediction/mod.rs`.

mod advance;
mod agreement;
#[cfg(feature = "network")]
mod calibrate;
mod connect;
mod consent;
mod dealer;
mod event;
mod failure;
mod frame_limit;
#[cfg(all(feature = "network", any(test, feature = "fuzzing")))]
pub(crate) mod fuzzing;
mod history;
mod input_check;
#[cfg(feature = "network")]
mod local;
#[cfg(feature = "network")]
mod local_prediction;
mod mask_rows;
mod memory_limit;
mod messages;
#[cfg(feature = "network")]
mod node;
mod outcome;
mod owner;
mod planned_cost;
mod prediction;
mod process;
mod reference_run;
mod result_check;
#[cfg(feature = "network")]
#[cfg(test)]
mod sample_messages;
mod seal_context;
mod seeds;
mod self_test;
mod server;
mod server_setup;
mod share_parameters;
mod standardize;
mod start;
mod state;
#[cfg(feature = "network")]
mod stay;
mod step_times;
mod take_rows;
mod threads;
#[cfg(feature = "network")]
mod time_estimate;
mod trainer;
mod trainer_link;
mod wait_limits;
#[cfg(feature = "network")]
#[cfg(test)]
mod wire;

pub use crate::train::{Training, share_of};
pub use agreement::{Agreement, Parties};
#[cfg(feature = "network")]
pub use calibrate::{Throughput, Transfer};
pub use connect::{BrokenOff, Connect, made};
pub use consent::{Again, Consent, SaveInitial};
pub use dealer::{DealerLinks, run_dealer};
pub use event::{Bytes, Event, OutOfRange, PartyReport, StepParts, Summary};
pub use failure::{Failure, TRAINER};
pub use history::History;
pub use input_check::look_at_rows;
#[cfg(feature = "network")]
pub use local::{Local, Warned};
#[cfg(feature = "network")]
pub use local_prediction::LocalPrediction;
pub use memory_limit::MemoryLimit;
#[cfg(feature = "network")]
pub use node::Node;
pub use outcome::Outcome;
pub use owner::{OwnerLinks, first_rows, ranges_of, rows_of, run_owner};
pub use planned_cost::{CostRow, Costs, Memory, announce, plan_summary};
pub use prediction::{
    ClientLinks, ModelConsent, ModelOwnerLinks, PredictionClient, PredictionSession, PredictionSummary,
    plan_predictions, run_model_owner, run_prediction_dealer, run_prediction_server,
};
#[cfg(feature = "network")]
pub use process::forbid_core_dumps;
pub use process::{begin, cpu_seconds, peak_rss_mib};
#[cfg(feature = "cli")]
pub(crate) use reference_run::ClearRun;
pub use self_test::{SelfTest, self_test};
pub use server::{ServerLinks, run_server};
pub use start::Start;
pub use state::{CheckpointTimes, StateFolder, private_folder};
#[cfg(feature = "network")]
pub use stay::Stay;
pub use step_times::StepTime;
#[cfg(feature = "network")]
pub use time_estimate::{Estimate, Network, RoleTime, threads_of_a_role};
pub use trainer::{TrainerLinks, run_trainer};
