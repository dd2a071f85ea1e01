//! The roles of private prediction. Servers and dealer are those of training; a client and a model owner take the places of trainer
//! and owners. The messages, in order:
//!
//! | from | to | what |
//! |---|---|---|
//! | client | servers, dealer | the job, and the hash of job and parties that all agree on |
//! | servers | dealer | the hash, 32 random bytes |
//! | dealer | servers | the hash, a session number, 32 random bytes: both together make the server's seed |
//! | server | server | the hash, half of a common seed |
//! | server 0 | model owner | the job; from both servers the hash |
//! | model owner | servers | whether it takes part, and why not; a share of the parameters each, or the parameters of a public model |
//! | server | server | the hash of a public model's parameters |
//! | servers, dealer | client | that they are ready |
//! | client | servers, dealer | the seed of its masks for that server; both for the dealer |
//! | servers | model owner | that the session starts: it leaves |
//! | client | dealer | how many requests it may deal for: some ahead of those that were made |
//! | dealer | server 1 | corrections |
//! | client | servers | for every request: its masked rows, the same for both |
//! | server | server | the hash of the masked rows; openings |
//! | servers | client | a half of the answers each, re-randomized and sealed |
//! | client | servers, dealer | that no request follows; until then, they stay |
//! | servers, dealer | client | a report, or why there is none |
//!
//! The dealer never hears of a row or of a parameter, the model owner of no row, the servers of none without its mask.

mod client;
mod dealer;
mod memory;
mod messages;
mod model_owner;
mod server;
mod summary;
mod threads;

pub use client::{ClientLinks, PredictionClient};
pub use dealer::run_prediction_dealer;
pub(crate) use memory::forecast_predictions;
#[cfg(all(feature = "network", any(test, feature = "fuzzing")))]
pub(super) use messages::ClientMessage;
pub use model_owner::{ModelConsent, ModelOwnerLinks, run_model_owner};
pub use server::run_prediction_server;
pub use summary::{PredictionSummary, plan_predictions};
pub use threads::PredictionSession;
