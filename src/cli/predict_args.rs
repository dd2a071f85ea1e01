//! The arguments of `ppdnn predict`, `ppdnn card` and `ppdnn model-owner`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::compute::ComputeArgs;
use crate::cli::data_args::DataArgs;
use crate::cli::role_args::{MemoryArgs, RoleArgs};
use crate::cli::units;
use crate::fixed::Profile;
use crate::prediction::AnswerKind;

/// What is public of a model.
#[derive(Args, Clone, Debug)]
pub(super) struct OfferArgs {
    /// Make the model public: both servers have its weights in the clear
    ///
    /// Faster, as nothing is dealt for products with them. Rows and answers stay private.
    #[arg(long)]
    pub public_model: bool,
    /// Number format: small, wide or deep (default: that of the training)
    ///
    /// The default is the one of the training, if all counted values were in range; else deep.
    ///
    /// deep has the answers of the model in the clear but for rounding; the others are faster.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<Profile>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct PredictArgs {
    /// The model: its file (.safetensors or .onnx), or the folder of a run
    ///
    /// In a cluster, the model is its owner's, and --card says what is public of it.
    #[arg(required_unless_present_any = ["cluster", "config"], conflicts_with_all = ["cluster", "config"])]
    pub model: Option<PathBuf>,
    /// What to ask: class, probabilities or values (default: class)
    ///
    /// In a cluster, one that the card allows, by default the one that tells the least.
    ///
    /// Values tell the most about the model.
    #[arg(long, value_name = "KIND")]
    pub answers: Option<AnswerKind>,
    #[command(flatten)]
    pub offer: OfferArgs,
    /// Data set whose test rows to ask about [default: the model's]
    ///
    /// mnist, fashion-mnist or cifar-10.
    #[arg(long)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub files: DataArgs,
    /// Ask about the first N rows only
    #[arg(long, value_name = "N", value_parser = units::positive::<usize>)]
    pub limit: Option<usize>,
    /// Read rows from standard input, and answer each at once
    ///
    /// A row is a line of numbers, separated by commas, as many as the network has features.
    ///
    /// The model and the links stay in place: a row takes one forward pass.
    #[arg(long, conflicts_with_all = ["dataset", "data", "description", "test_data", "data_dir", "unchecked_data", "limit", "out"])]
    pub stream: bool,
    /// Rows that are asked about together (default: at most 1000)
    #[arg(long, conflicts_with = "stream", value_name = "N", value_parser = units::positive::<u32>)]
    pub batch: Option<u32>,
    /// With --stream, the most rows of the session
    #[arg(long, requires = "stream", value_name = "N", default_value_t = 100_000, value_parser = units::positive::<usize>)]
    pub max_rows: usize,
    /// File for the answers, .csv, .json or .npy [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replace the file of --out
    #[arg(long, requires = "out")]
    pub overwrite: bool,
    /// Ask the model of the parties of this configuration, with --card
    ///
    /// A folder made by `ppdnn init --role client`.
    #[arg(long, value_name = "DIR", requires = "card", conflicts_with_all = ["cluster", "identity"])]
    pub config: Option<PathBuf>,
    /// Ask the model of this cluster file
    #[arg(long, value_name = "FILE", requires_all = ["identity", "card"])]
    pub cluster: Option<PathBuf>,
    /// The client's key, from `ppdnn keygen` (with --cluster)
    #[arg(long, value_name = "FILE", requires = "cluster")]
    pub identity: Option<PathBuf>,
    /// The model's card, from its owner (with --config or --cluster)
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    pub card: Option<PathBuf>,
    #[command(flatten)]
    pub compute: ComputeArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Print JSON: answers and figures
    #[arg(long)]
    pub json: bool,
    /// Print nothing but the answers
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct CardArgs {
    /// The model: its file (.safetensors or .onnx), or the folder of a run
    pub model: PathBuf,
    /// File to write the card to
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace the file of --out
    #[arg(long)]
    pub overwrite: bool,
    /// What clients may ask: class, probabilities, values (default: class)
    #[arg(long, value_delimiter = ',', value_name = "KIND,..")]
    pub answers: Option<Vec<AnswerKind>>,
    /// The most rows of one job
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = units::positive::<u32>)]
    pub max_rows: u32,
    /// Description of the rows, for a model of own data
    #[arg(long, value_name = "FILE")]
    pub description: Option<PathBuf>,
    #[command(flatten)]
    pub offer: OfferArgs,
    /// Print one JSON object: the file, and the card
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct ModelOwnerArgs {
    /// The model: its file (.safetensors or .onnx), or the folder of a run
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// The model's card, from `ppdnn card`; clients have the same
    #[arg(long, value_name = "FILE")]
    pub card: PathBuf,
    /// Answer in this job only: at least the first 16 digits of its hash
    #[arg(long, value_name = "HASH", value_parser = crate::cli::roles::accepted)]
    pub accept: Option<String>,
    #[command(flatten)]
    pub role: RoleArgs,
}
