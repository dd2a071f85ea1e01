//! Private prediction: a client asks a model about rows that nobody else may see, and the model's owner keeps the model.
//!
//! The model's owner publishes a [`ModelCard`]: the network and what its clients may ask. A client's [`PredictionJob`] says which
//! card it means, and how many rows it asks about. Servers and dealer run [`predict`], the program of it.
//!
//! The client alone learns the answers. Everybody learns the card and the number of rows. Whoever asks often enough learns
//! much of the model from the answers, whatever protects it: a card limits the rows of a job, and the form of the answers.

mod answers;
mod card;
mod job;
mod run;
mod setup;

pub use answers::{AnswerKind, Answers};
pub use card::ModelCard;
pub use job::PredictionJob;
pub use run::{plan, predict, row_shape};
pub use setup::Prediction;
