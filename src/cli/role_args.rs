//! Arguments of the commands that run a party of a cluster.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::compute::ComputeArgs;
use crate::cli::data_args::DataArgs;
use crate::cli::setup::place::PlaceArgs;
use crate::cli::units;
use crate::roles::{CheckpointTimes, MemoryLimit};

/// A party that takes part in a job.
#[derive(Args, Clone, Debug)]
pub(super) struct RoleArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    /// Number of compute threads, at least 1 (default: one per core)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Exit after N jobs; 0 or forever: run until stopped
    ///
    /// A job that ends before training starts does not count.
    #[arg(long, value_name = "N", default_value = "1", value_parser = crate::cli::roles::jobs)]
    pub jobs: u32,
    /// Exit when standard input ends
    #[arg(long, hide = true)]
    pub supervised: bool,
}

/// When checkpoints are written.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct CheckpointArgs {
    /// Checkpoint after N steps at the latest (default: by time alone)
    ///
    /// Checkpoints come after a multiple of 32 steps of an epoch, and after an epoch.
    #[arg(long, value_name = "N", value_parser = units::positive::<u64>)]
    pub checkpoint_steps: Option<u64>,
    /// Checkpoint after S seconds at the latest
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    pub checkpoint_time: u64,
}

impl CheckpointArgs {
    /// What they say.
    pub(super) fn times(self) -> CheckpointTimes {
        CheckpointTimes { steps: self.checkpoint_steps, time: Duration::from_secs(self.checkpoint_time) }
    }
}

/// Where a server or the dealer keeps what outlasts its process.
#[derive(Args, Clone, Debug)]
pub(super) struct StateArgs {
    /// Folder for checkpoints and rows, so that jobs resume after a crash
    ///
    /// Default: the configuration's; with --cluster, none, and a job that breaks off is lost.
    ///
    /// All of it is encrypted with a key that the identity leads to.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// How much memory a job may need according to its plan.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct MemoryArgs {
    /// Refuse jobs whose planned memory exceeds this, such as 16GiB
    ///
    /// Default: 15/16 of the memory available on the machine or in the control group.
    ///
    /// `ppdnn plan` shows the memory of a job. With all roles on one machine, their sum counts.
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub memory_limit: Option<u64>,
}

impl MemoryArgs {
    /// The given limit, or the machine's.
    pub(super) fn limit(self) -> MemoryLimit {
        self.memory_limit.map_or(MemoryLimit::Available, MemoryLimit::Bytes)
    }

    /// The limit of a role: whoever starts all roles on one machine has already checked it.
    pub(super) fn limit_of(self, role: &RoleArgs) -> MemoryLimit {
        if role.supervised { MemoryLimit::Unlimited } else { self.limit() }
    }
}

#[derive(Args, Clone, Debug)]
pub(super) struct ServerArgs {
    /// With --cluster: which of the two servers this is, 0 or 1
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..2))]
    pub id: Option<u8>,
    #[command(flatten)]
    pub compute: ComputeArgs,
    #[command(flatten)]
    pub listen: ListenArgs,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten)]
    pub checkpoints: CheckpointArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub role: RoleArgs,
}

#[derive(Args, Clone, Debug)]
pub(super) struct DealerArgs {
    #[command(flatten)]
    pub state: StateArgs,
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
    /// Listen on this address instead of the one in the cluster file
    ///
    /// For NAT or containers, where the file has the address that the others connect to.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub(super) struct OwnerArgs {
    /// With --cluster: number of this owner in the file [default: 0]
    #[arg(long)]
    pub number: Option<u32>,
    /// Data set of the rows: mnist, fashion-mnist or cifar-10 [default: mnist]
    ///
    /// With several owners, owner 0 has the first rows, owner 1 the next, and so on.
    #[arg(long)]
    pub dataset: Option<String>,
    #[command(flatten)]
    pub files: DataArgs,
    /// All owners have the files of --data, one the first rows, another the next
    #[arg(long, hide = true, requires = "data")]
    pub shared_data: bool,
    /// Policy: what jobs may do with the rows (default: see `ppdnn policy`)
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Take part in this job only: at least the first 16 digits of its hash
    ///
    /// The owner prints the hash of every job offered to it; so does the trainer.
    ///
    /// The same job may be offered again: it is accepted --jobs times, once by default.
    #[arg(long, value_name = "HASH", value_parser = crate::cli::roles::accepted)]
    pub accept: Option<String>,
    /// Print jobs and refuse them; no data is sent
    #[arg(long, conflicts_with = "accept")]
    pub review: bool,
    /// Save the initial weights of jobs for inspection; refuse private weights
    ///
    /// Only for jobs that the policy allows; can be combined with --review.
    #[arg(long, value_name = "FILE")]
    pub save_initial: Option<PathBuf>,
    #[command(flatten)]
    pub memory: MemoryArgs,
    #[command(flatten)]
    pub role: RoleArgs,
}
