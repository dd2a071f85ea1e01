//! The command line's arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::cli::completions::ManArgs;
use crate::cli::compute::ComputeArgs;
use crate::cli::convert::ConvertArgs;
use crate::cli::data_args::{DataArgs, DataCommand, OwnDataArgs};
use crate::cli::keygen::KeygenArgs;
use crate::cli::models::ModelsArgs;
use crate::cli::policy::PolicyArgs;
use crate::cli::predict_args::{CardArgs, ModelOwnerArgs, PredictArgs};
use crate::cli::role_args::{CheckpointArgs, DealerArgs, MemoryArgs, OwnerArgs, ServerArgs};
use crate::cli::runs_args::RunsArgs;
use crate::cli::settings::{DEFAULTS, RecipeArgs};
use crate::cli::setup::doctor::DoctorArgs;
use crate::cli::setup::init::InitArgs;
use crate::cli::setup::keys::KeysCommand;
use crate::cli::units;

/// Trains neural networks on secret shares: two servers, a dealer, data owners, a trainer.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the GPUs of this machine
    Adapters(AdaptersArgs),
    /// Write the card of a model: what is public of it, and what clients may ask
    Card(CardArgs),
    /// Convert a model from or to another format: ONNX, PyTorch parameters, safetensors
    Convert(ConvertArgs),
    /// Print the script that completes this program's commands in a shell
    ///
    /// For example, with bash: ppdnn completions bash > ~/.local/share/bash-completion/completions/ppdnn
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Describe tables of your own, and check files against a description
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Run the dealer, which generates correlated randomness for a job
    Dealer(DealerArgs),
    /// Check a party's configuration, its machine, and its connections to the other parties
    ///
    /// Every line says ok, or what to do. Exit code 1 if a check fails.
    Doctor(DoctorArgs),
    /// Train in the clear on public data and report the ranges of all values
    #[command(after_help = DEFAULTS.as_str())]
    DryRun(DryRunArgs),
    /// Evaluate a saved model in the clear
    Evaluate(EvaluateArgs),
    /// Make the configuration of a party: settings, key pair, and what others need to know
    Init(InitArgs),
    /// Generate the key of a party of a cluster
    Keygen(KeygenArgs),
    /// Enter the keys of other parties into a configuration, or list them
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Write the manual pages
    Man(ManArgs),
    /// Share a model's parameters with the servers for private predictions
    ModelOwner(ModelOwnerArgs),
    /// List the named networks
    Models(ModelsArgs),
    /// Upload an owner's masked rows for a job
    Owner(OwnerArgs),
    /// Print the cost of a job without running it
    #[command(after_help = DEFAULTS.as_str())]
    Plan(PlanArgs),
    /// Ask a model about rows that nobody else sees; all on this machine, or with --config
    Predict(PredictArgs),
    /// Print the default policy of owners, with an explanation of every line
    Policy(PolicyArgs),
    /// List, show, compare and delete runs
    Runs(RunsArgs),
    /// Run one of the two servers for a job
    Server(ServerArgs),
    /// Train a network; without --config or --cluster, all roles run on this machine
    #[command(after_help = DEFAULTS.as_str())]
    Train(TrainArgs),
}

/// The job, and where it runs.
#[derive(Args, Clone, Debug)]
pub(super) struct JobArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Data set: mnist, fashion-mnist or cifar-10 [default: the network's]
    #[arg(long)]
    pub dataset: Option<String>,
    /// Stop after N steps (updates of the parameters)
    ///
    /// At least 1, for short trials; without it, the run takes all epochs.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::positive::<u64>)]
    pub steps: Option<u64>,
    /// Start from the parameters of a model file instead of random ones
    ///
    /// A model file, the folder of a run, or safetensors with matching names and shapes.
    ///
    /// Schedule, momentum and the order of the rows start afresh: the accuracy may dip at first.
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Secret-share the parameters of --init instead of publishing them
    ///
    /// Otherwise they are public: the job contains their hash, and owners may inspect them.
    ///
    /// Owners refuse private parameters unless their policy allows them.
    #[arg(long, requires = "init")]
    pub private_init: bool,
    /// Split the data among K owners (default: 1, or the cluster file's)
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = units::positive::<usize>)]
    pub owners: Option<usize>,
    /// Results to reveal (default: accuracy,model,ranges), or none
    ///
    /// In a regression, squared-error is in the place of accuracy. A data description with
    /// reveal = true adds moments: mean and deviation of its features, before training.
    ///
    /// Only the trainer gets them, and owners refuse what their policy does not allow.
    ///
    /// accuracy       test rows, or their labels, that are predicted right, after every epoch
    /// model          the parameters after training
    /// ranges         sampled values out of range, by epoch; overflows go unnoticed without
    /// squared-error  of the predictions, after every epoch; of probabilities, the Brier score
    /// confusion      after training, test rows by label and prediction; up to 14 classes
    /// roc            after training, test rows by class and score, of two classes: AUC
    /// r2             after training, RMSE and R2 of the targets of a regression
    /// top5           after training, test rows with the label among the five largest outputs
    #[arg(long, value_delimiter = ',', value_name = "WHAT,..", verbatim_doc_comment)]
    pub reveal: Option<Vec<String>>,
    /// Seed of the public random choices, never of masks
    ///
    /// It determines the order of the rows, dropout and the initial weights.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = units::whole::<u64>)]
    pub seed: u64,
    #[command(flatten)]
    pub compute: ComputeArgs,
}

// a run that resumes is the one that broke off
#[derive(Args, Clone, Debug)]
#[command(mut_args(|arg| if RESUMING.contains(&arg.get_id().as_str()) { arg } else { arg.conflicts_with("resume") }))]
pub(super) struct TrainArgs {
    /// Resume the run in this folder from its last checkpoint
    ///
    /// With the settings and files that it was started with. A run that finished cannot resume.
    #[arg(long, value_name = "DIR")]
    pub resume: Option<PathBuf>,
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub files: DataArgs,
    /// Range certificate written by `ppdnn dry-run` for this job
    ///
    /// A certificate for another network or other settings, or without a margin, is an error.
    ///
    /// Without a certificate, a network from a file is trained with a warning.
    #[arg(long, value_name = "FILE")]
    pub ranges: Option<PathBuf>,
    /// Run the job on the servers and the dealer of this configuration
    ///
    /// A folder made by `ppdnn init --role trainer`; without it, all roles run on this machine.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cluster", "identity"])]
    pub config: Option<PathBuf>,
    /// Run the job on the servers and the dealer of this cluster file
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub cluster: Option<PathBuf>,
    /// The trainer's key, from `ppdnn keygen` (with --cluster)
    #[arg(long, value_name = "FILE", requires = "cluster")]
    pub identity: Option<PathBuf>,
    /// Folder for the run's files (default: runs/MODEL-DATASET-N)
    ///
    /// A folder that already contains a run is refused.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the run in the folder of --out
    #[arg(long, requires = "out")]
    pub overwrite: bool,
    /// Also train the same network in the clear afterwards, for comparison
    ///
    /// The batches and the initial weights are the same.
    #[arg(long)]
    pub compare_clear: bool,
    /// Seconds to wait for a role that makes no progress (default: 60)
    ///
    /// Computing, sending and receiving are progress; so is waiting for a role that makes some.
    ///
    /// In total, an owner may take 30 times as long, and a step 60 times as long.
    ///
    /// From 1 to 31536000. With --cluster, set deadline_seconds in the cluster file instead.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub deadline: Option<u64>,
    #[command(flatten)]
    pub checkpoints: CheckpointArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
    /// Print only the final table
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
}

/// Arguments of a run that apply where it resumes, too.
const RESUMING: [&str; 4] = ["resume", "json", "quiet", "help"];

#[derive(Args, Clone, Debug)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub own: OwnDataArgs,
    /// Estimate the time over links of this bandwidth, such as 1Gbit
    ///
    /// In bit, kbit, Mbit or Gbit per second. Assumes a machine like this one for every role.
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, value_parser = units::bandwidth)]
    pub bandwidth: Option<f64>,
    /// Estimate the time over links with this round-trip time, such as 0.2ms
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = units::time)]
    pub rtt: Option<f64>,
    /// Estimate the time with all roles on this machine
    ///
    /// This machine is benchmarked for about a second.
    #[arg(long)]
    pub local: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

// options without effect here are hidden, and refused
#[derive(Args, Clone, Debug)]
#[command(mut_args(|arg| if IDLE.contains(&arg.get_id().as_str()) { arg.hide(true) } else { arg }))]
pub(super) struct DryRunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub files: DataArgs,
    /// Folder for the range certificate (default: runs/MODEL-DATASET-N)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
    /// Print only the final table
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
}

/// Arguments of jobs that change nothing in a dry run.
const IDLE: [&str; 5] = ["owners", "reveal", "private_init", "backend", "adapter"];

#[derive(Args, Clone, Debug)]
pub(super) struct AdaptersArgs {
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct EvaluateArgs {
    /// The model file (.safetensors or .onnx), or the folder of a run
    pub model: PathBuf,
    /// Evaluate on the first N test rows only
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<usize>)]
    pub test_limit: Option<usize>,
    /// Data set: mnist, fashion-mnist or cifar-10 [default: the model's]
    #[arg(long)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub files: DataArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
