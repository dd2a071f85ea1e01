//! What the command line takes.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::cli::compute::ComputeArgs;
use crate::cli::settings::{DEFAULTS, RecipeArgs, rounded};
use crate::cli::units;
use crate::data::{DataSet, Examples, Known, Places, known};
use crate::error::{Error, Result};
use crate::nn::{Beginning, Saved};
use crate::roles::{MemoryLimit, Training};
use crate::train::{Job, Recipe, Reveals, Settings};

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
    /// Deal correlated randomness for a job
    Dealer(DealerArgs),
    /// Train in the clear on public data, and see which ranges the job needs
    #[command(after_help = DEFAULTS.as_str())]
    DryRun(DryRunArgs),
    /// Score a saved model in the clear
    Evaluate(EvaluateArgs),
    /// Make a key for a party of a cluster
    Keygen(KeygenArgs),
    /// List the networks that have names
    Models(ModelsArgs),
    /// Upload an owner's masked rows for a job
    Owner(OwnerArgs),
    /// Print what a job costs, without running it
    #[command(after_help = DEFAULTS.as_str())]
    Plan(PlanArgs),
    /// Print the policy of owners who bring none of their own
    Policy,
    /// Be one of the two servers for a job
    Server(ServerArgs),
    /// Train; without --cluster, with all roles on this machine
    #[command(after_help = DEFAULTS.as_str())]
    Train(TrainArgs),
}

/// The job, and where it runs.
#[derive(Args, Clone, Debug)]
pub(super) struct JobArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// mnist, fashion-mnist or cifar-10 [default: the network's]
    #[arg(long)]
    pub dataset: Option<String>,
    /// Stop after N steps
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = units::whole::<u64>)]
    pub steps: Option<u64>,
    /// Begin with the parameters of a model file instead of random ones
    ///
    /// A file of `ppdnn train`, or safetensors of the same names and shapes.
    ///
    /// Schedule, momentum and the order of the rows start anew: the accuracy may dip at first.
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Keep the parameters of --init to the trainer and share them
    ///
    /// Otherwise they are public: the job has their hash, and owners may look at them.
    ///
    /// Owners refuse private ones unless their policy allows them.
    #[arg(long, requires = "init")]
    pub private_init: bool,
    /// Split the data among K owners (default: 1, or the cluster file's)
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = units::whole::<usize>)]
    pub owners: Option<usize>,
    /// What the trainer sees, or none
    ///
    /// accuracy, model, and ranges: how many sampled values left their range, by layer and epoch.
    ///
    /// Without ranges, a run that overflows is not noticed.
    #[arg(long, value_delimiter = ',', default_value = "accuracy,model,ranges")]
    pub reveal: Vec<String>,
    /// Fixes the public choices; masks never follow it
    ///
    /// They are the order of the rows and the initial weights.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = units::whole::<u64>)]
    pub seed: u64,
    #[command(flatten)]
    pub compute: ComputeArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct TrainArgs {
    #[command(flatten)]
    pub job: JobArgs,
    #[command(flatten)]
    pub files: DataArgs,
    /// A range certificate that `ppdnn dry-run` made for this job
    ///
    /// One of another network, of other settings, or without room is an error.
    ///
    /// A network from a file in the profile small warns where none is named or found.
    #[arg(long, value_name = "FILE")]
    pub ranges: Option<PathBuf>,
    /// Run against the servers and the dealer of this cluster file
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub cluster: Option<PathBuf>,
    /// The trainer's key (with --cluster)
    #[arg(long, value_name = "FILE", requires = "cluster")]
    pub identity: Option<PathBuf>,
    /// Folder for what the run leaves (default: runs/MODEL-DATASET-N)
    ///
    /// One that holds a run is refused.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace the run that the folder of --out holds
    #[arg(long, requires = "out")]
    pub overwrite: bool,
    /// Afterwards, train the same network in the clear, too
    ///
    /// On the same batches from the same weights, for comparison.
    #[arg(long)]
    pub compare_clear: bool,
    /// Seconds that a role waits for another that does nothing
    ///
    /// One that computes, sends or receives is waited for, and so is one that waits for it.
    ///
    /// In all, an owner may take 30 times as long, a step 60 times as long.
    ///
    /// With --cluster, the cluster file has its own.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub deadline: u64,
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
    /// Print the closing table only
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
}

#[derive(Args, Clone, Debug)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Estimate the time over links of so many bits a second, as 1Gbit
    ///
    /// Every role has a machine like this one, which is measured for about a second.
    #[arg(long, value_name = "BITS", value_parser = units::bandwidth)]
    pub bandwidth: Option<f64>,
    /// Estimate the time over links of this round trip time, as 0.2ms
    #[arg(long, value_name = "TIME", value_parser = units::time)]
    pub rtt: Option<f64>,
    /// Estimate the time with all roles on this machine
    #[arg(long)]
    pub local: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
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
    /// Print the closing table only
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
}

/// Where the data set's files are.
#[derive(Args, Clone, Debug)]
pub(super) struct DataArgs {
    /// Folder with the data set's files, instead of the usual places
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Take files that are not those of the set that is known by its name
    ///
    /// The SHA-256 of labels, and of images that are read whole, is not checked.
    #[arg(long)]
    pub unchecked_data: bool,
}

impl DataArgs {
    /// The places to look in.
    pub(super) fn places(&self) -> Places {
        Places::new(self.data_dir.as_deref()).unchecked(self.unchecked_data)
    }

    /// The options that ask for the same.
    pub(super) fn options(&self) -> Vec<String> {
        let dir = self.data_dir.iter().flat_map(|dir| ["--data-dir".to_owned(), dir.display().to_string()]);
        dir.chain(self.unchecked_data.then(|| "--unchecked-data".to_owned())).collect()
    }
}

/// A party that takes part in a job.
#[derive(Args, Clone, Debug)]
pub(super) struct RoleArgs {
    /// The cluster file
    #[arg(long, value_name = "FILE")]
    pub cluster: PathBuf,
    /// This party's key, from `ppdnn keygen`
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Threads to compute with (default: all cores)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Stay for N jobs; 0 or forever: until it is stopped
    ///
    /// An attempt that ends before training does not count.
    #[arg(long, value_name = "N", default_value = "1", value_parser = crate::cli::roles::jobs)]
    pub jobs: u32,
    /// Leave when the standard input ends
    #[arg(long, hide = true)]
    pub supervised: bool,
}

/// How much memory a job may be planned to take.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct MemoryArgs {
    /// Refuse a job that is planned to take more memory, as 16GiB
    ///
    /// Default: what the machine or the control group has available, less a sixteenth.
    ///
    /// `ppdnn plan` says what a job takes; with all roles on one machine, the sum counts.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub memory_limit: Option<u64>,
}

impl MemoryArgs {
    /// The limit that is asked for, or the machine's.
    pub(super) fn limit(self) -> MemoryLimit {
        self.memory_limit.map_or(MemoryLimit::Available, MemoryLimit::Bytes)
    }

    /// The limit of a role: whoever starts all roles on one machine has looked after it before.
    pub(super) fn limit_of(self, role: &RoleArgs) -> MemoryLimit {
        if role.supervised { MemoryLimit::Unlimited } else { self.limit() }
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct ServerArgs {
    /// Which server
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..2))]
    pub id: u8,
    #[command(flatten)]
    pub compute: ComputeArgs,
    #[command(flatten)]
    pub listen: ListenArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub role: RoleArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct DealerArgs {
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub listen: ListenArgs,
    #[command(flatten)]
    pub role: RoleArgs,
}

/// Where a party listens.
#[derive(Args, Clone, Debug)]
pub(super) struct ListenArgs {
    /// Listen here instead of at the cluster file's address
    ///
    /// Behind NAT or in a container: the file has the address that the others call.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct OwnerArgs {
    /// Which owner of the cluster file, from 0
    #[arg(long, default_value_t = 0)]
    pub number: u32,
    /// It brings its part of mnist, fashion-mnist or cifar-10
    #[arg(long, default_value = "mnist")]
    pub dataset: String,
    #[command(flatten)]
    pub files: DataArgs,
    /// What jobs may do with the rows (default: what `ppdnn policy` prints)
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Take part in this job only: the first 16 digits of its hash, or more
    ///
    /// The owner prints the hash of every job that it is asked for; so does the trainer.
    #[arg(long, value_name = "HASH", value_parser = accepted)]
    pub accept: Option<String>,
    /// Print jobs and refuse them: nothing leaves
    #[arg(long, conflicts_with = "accept")]
    pub review: bool,
    /// Save the initial weights of jobs to look at them; refuse private ones
    #[arg(long, value_name = "FILE")]
    pub save_initial: Option<PathBuf>,
    #[command(flatten)]
    pub role: RoleArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct AdaptersArgs {
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ModelsArgs {
    #[command(subcommand)]
    pub what: Option<ModelsCommand>,
    /// Count for mnist, fashion-mnist or cifar-10 [default: the network's own]
    #[arg(long)]
    pub dataset: Option<String>,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// Print a network's file, to train from or to begin with
    Show {
        /// A name of `ppdnn models`
        name: String,
    },
}

#[derive(Args, Clone, Debug)]
pub(super) struct KeygenArgs {
    /// File to write the private key to
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Args, Clone, Debug)]
pub(super) struct EvaluateArgs {
    /// The model file
    pub model: PathBuf,
    /// Scored on mnist, fashion-mnist or cifar-10
    #[arg(long, default_value = "mnist")]
    pub dataset: String,
    #[command(flatten)]
    pub files: DataArgs,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

impl JobArgs {
    /// The data set: the one that is asked for, or the network's.
    pub(super) fn data(&self) -> Result<&'static Known> {
        self.dataset.as_ref().map_or_else(|| Recipe::data(self.recipe.name()), |name| known(name))
    }

    /// The training, for so many owners where none are asked for, and its rows.
    pub(super) fn choose(&self, owners: usize) -> Result<Choice> {
        let data = self.data()?;
        let recipe = self.recipe.recipe(data)?;
        let mut training = Training::of(&recipe, data)?
            .owners(self.owners.unwrap_or(owners))
            .steps(self.steps)
            .measured_at(self.recipe.own_rate(data)?)
            .reveal(Reveals::from_names(self.reveal.iter().map(String::as_str))?)
            .seed(self.seed);
        let mut ambiguous = Vec::new();
        if let Some(file) = &self.init {
            let Beginning { parameters, square, .. } = self.begin(file, &recipe)?;
            training =
                if self.private_init { training.private_initial(parameters) } else { training.initial(parameters) };
            ambiguous = square;
        }
        let first = |limit: Option<usize>, all: usize| limit.map_or(all, |limit| limit.min(all));
        let train_rows = first(recipe.settings.train_limit, data.train_rows);
        let test_rows = first(recipe.settings.test_limit, data.test_rows);
        Ok(Choice { data, training, asked: recipe.settings, ambiguous, train_rows, test_rows })
    }

    /// The parameters of a file.
    fn begin(&self, file: &Path, recipe: &Recipe) -> Result<Beginning> {
        let begun = Saved::load_parameters(file, &recipe.model)?;
        let normalize = recipe.settings.normalize;
        match begun.normalization {
            Some(theirs) if theirs.is_some() != normalize => {
                let (was, flag) = if normalize { ("as they are", "false") } else { ("normalized", "true") };
                Err(Error::format(file, format!("was trained on features {was}; add --normalize={flag}")))
            }
            _ => Ok(begun),
        }
    }
}

/// What a run that begins with a model does not take from the run that made it.
const GOES_ON: &str = "  schedule, momentum and order of rows start anew; the accuracy may dip at first";

/// What is to be trained, and on how many rows.
pub(super) struct Choice {
    pub data: &'static Known,
    pub training: Training,
    /// The settings before they are rounded.
    pub asked: Settings,
    /// Square weights of a file that does not say which way round they are.
    pub ambiguous: Vec<String>,
    pub train_rows: usize,
    pub test_rows: usize,
}

impl Choice {
    pub(super) fn job(&self) -> Result<Job> {
        self.training.job(self.train_rows, self.test_rows)
    }

    /// Those of the set's rows that are asked for.
    pub(super) fn rows(&self, data: &DataSet) -> (Examples, Examples) {
        (data.train.first(self.train_rows), data.test.first(self.test_rows))
    }

    /// What people should know of the job besides its settings.
    pub(super) fn remarks(&self, job: &Job, args: &JobArgs) -> Vec<String> {
        let begun = args.init.as_ref().map(|file| {
            let file = file.display();
            [format!("begins with the parameters of {file}:"), GOES_ON.to_owned()]
        });
        rounded(&self.asked, &job.settings()).into_iter().chain(begun.into_iter().flatten()).collect()
    }

    /// What is asked for and cannot be had, though the rest can.
    pub(super) fn warnings(&self) -> Vec<String> {
        let name = self.data.name;
        let ambiguous = (!self.ambiguous.is_empty()).then(|| {
            let square = self.ambiguous.join(", ");
            format!(
                "{square} of --init: nothing says which way round a square weight is. It is taken as [inputs, outputs]; PyTorch \
                 keeps [outputs, inputs]: transpose all weights that come from there, square ones too"
            )
        });
        let limits = [
            ("--train-limit", self.asked.train_limit, self.data.train_rows, "train on"),
            ("--test-limit", self.asked.test_limit, self.data.test_rows, "test on"),
        ]
        .into_iter()
        .filter_map(|(flag, limit, all, what)| {
            let limit = limit.filter(|limit| *limit > all)?;
            Some(format!(
                "{flag} {limit} is more than {name} has; it has {all} rows to {what}, and all of them are taken"
            ))
        });
        limits.chain(ambiguous).collect()
    }
}

/// The beginning of a job's hash.
fn accepted(text: &str) -> std::result::Result<String, String> {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    if digits && (16..=64).contains(&text.len()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a job's hash has 64 hexadecimal digits; give 16 of them or more".into())
}
