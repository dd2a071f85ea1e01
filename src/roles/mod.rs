//! The roles: what each party of a job does from the first message to the last.
//!
//! A role takes its links and nothing else; whether they lead to threads of the same process or to machines far away
//! makes no difference to it. What is said on them, in order:
//!
//! | from | to | what |
//! |---|---|---|
//! | trainer | servers, dealer | the job, and the hash of job and parties that all agree on |
//! | server 0 | owners | the job; from both servers and the dealer the hash |
//! | servers | dealer | the hash, 32 random bytes |
//! | dealer | servers | the hash, a session number, 32 random bytes: both together make the server's seed |
//! | server | server | the hash, half of a common seed |
//! | trainer | servers | the initial parameters: nothing where they follow from the job's seed, in the clear, or in shares |
//! | owners | servers, dealer | whether they take part, and why not; server 0 shows them public initial parameters if they ask |
//! | owners | servers, dealer | seeds of the masks; to the servers the masked rows |
//! | server | server | the hash of the masked rows |
//! | dealer | server 1 | corrections |
//! | server | server | openings |
//! | servers, dealer | trainer | after an epoch of a job with an early stop: whether to go on, and whether it was the best; its answer comes back |
//! | server | server | the answer |
//! | trainer | server 0 | at any time: that the run is to end after the next step |
//! | server 0 | server 1 | ahead of a step's first opening: that it is the last |
//! | server 1 | dealer | after that step: that none follows; the dealer says the same |
//! | servers, dealer | trainer | progress; what the job reveals, sealed; a report, or why there is none |

mod advance;
mod agreement;
mod blame;
mod clear;
mod collector;
mod consent;
mod costs;
mod dealer;
mod estimate;
mod event;
mod fitness;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod initial;
mod listen;
mod local;
mod meeting;
mod memory_limit;
mod messages;
mod outcome;
mod owner;
mod pace;
mod process;
mod remote;
#[cfg(test)]
mod sample;
mod sealed;
mod seeds;
mod server;
mod soundness;
mod stay;
mod threads;
mod totals;
mod trainer;
mod training;
#[cfg(test)]
mod wire;

pub use agreement::{Agreement, Parties};
pub use blame::Failure;
pub use consent::{Consent, SaveInitial};
pub use costs::{Costs, Memory, Part, announce, plan_summary};
pub use dealer::{DealerLinks, run_dealer};
pub use estimate::{Estimate, Network, RoleTime, threads_of_a_role};
pub use event::{Bytes, Event, OutOfRange, PartyReport, StepParts, Summary};
pub use fitness::look_at_rows;
pub use local::Local;
pub use meeting::{BrokenOff, Meet, made};
pub use memory_limit::MemoryLimit;
pub use outcome::Outcome;
pub use owner::{OwnerLinks, ranges_of, rows_of, run_owner};
pub use pace::{Pace, Transfer};
pub use process::{begin, cpu_seconds, forbid_core_dumps, peak_rss_mib};
pub use remote::Place;
pub use server::{ServerLinks, run_server};
pub use stay::Stay;
pub use trainer::{TrainerLinks, run_trainer};
pub use training::{Training, share_of};
