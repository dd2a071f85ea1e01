//! Where a party finds who it is and who the others are: its configuration, or a cluster file and a key file.

use std::path::PathBuf;

use clap::Args;

use super::configuration::{Configuration, usual_folder};
use crate::cli::compute::{BackendArg, ComputeArgs};
use crate::cli::role_args::{MemoryArgs, RoleArgs};
use crate::error::{Error, Result};
use crate::net::{Cluster, Identity, Role};
use crate::roles::{MemoryLimit, Node};

/// The files of a party.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct PlaceArgs {
    /// Folder made by `ppdnn init` [default: $PPDNN_CONFIG, or ppdnn-config]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cluster", "identity"])]
    pub config: Option<PathBuf>,
    /// A cluster file, in place of --config
    #[arg(long, value_name = "FILE", requires = "identity")]
    pub cluster: Option<PathBuf>,
    /// This party's key from `ppdnn keygen` (with --cluster)
    #[arg(long, value_name = "FILE", requires = "cluster")]
    pub identity: Option<PathBuf>,
}

/// The files of a party, found.
pub(in crate::cli) enum Place {
    Files { cluster: PathBuf, identity: PathBuf },
    Folder(Box<Configuration>),
}

impl Place {
    /// The place that the options name, or the usual folder.
    pub(in crate::cli) fn of(args: &PlaceArgs) -> Result<Self> {
        match Self::given(args)? {
            Some(place) => Ok(place),
            None => Configuration::load(&usual_folder()).map(Self::folder),
        }
    }

    /// The place that the options name, if they name one.
    pub(in crate::cli) fn given(args: &PlaceArgs) -> Result<Option<Self>> {
        match (&args.config, &args.cluster, &args.identity) {
            (Some(folder), ..) => Configuration::load(folder).map(Self::folder).map(Some),
            (None, Some(cluster), Some(identity)) => {
                Ok(Some(Self::Files { cluster: cluster.clone(), identity: identity.clone() }))
            }
            _ => Ok(None),
        }
    }

    /// The role in a configuration, if the command fits it, or the one that the command's options name.
    ///
    /// # Errors
    /// [`Error::Usage`] if the configuration is that of another role, or nothing says which role it is.
    pub(in crate::cli) fn role(&self, command: &str, option: &str, named: Option<Role>) -> Result<Role> {
        match self {
            Self::Files { .. } => named.ok_or_else(|| Error::Usage(format!("--cluster needs {option}, too"))),
            Self::Folder(own) if command_of(own.role) != command => {
                let (path, role) = (own.path(), own.role);
                let text = format!(
                    "is the configuration of {role}, whose command is `ppdnn {}`, not `ppdnn {command}`; --config DIR names \
                     another folder",
                    command_of(role)
                );
                Err(Error::Usage(format!("{} {text}", path.display())))
            }
            Self::Folder(own) => match named.filter(|named| *named != own.role) {
                Some(named) => Err(Error::Usage(format!(
                    "{} is the configuration of {}, not of {named}; remove {option}",
                    own.path().display(),
                    own.role
                ))),
                None => Ok(own.role),
            },
        }
    }

    /// The party; whether its key is the one that the others know, [`Node::check`] says.
    pub(in crate::cli) fn node(&self) -> Result<Node> {
        let (cluster, identity) = match self {
            Self::Files { cluster, identity } => (Cluster::load(cluster)?, Identity::load(identity)?),
            Self::Folder(own) => (own.cluster()?, own.identity()?),
        };
        let listen = self.configuration().and_then(|own| own.listen.clone());
        Ok(Node::new(identity, cluster).listen_at(listen))
    }

    /// The limit of the options, of the configuration, or the machine's.
    pub(in crate::cli) fn memory(&self, memory: MemoryArgs, role: &RoleArgs) -> MemoryLimit {
        let own = self.configuration().and_then(|own| own.memory_limit);
        MemoryArgs { memory_limit: memory.memory_limit.or(own) }.limit_of(role)
    }

    /// The folder for what outlasts a job; `None` without a configuration.
    pub(in crate::cli) fn state(&self) -> Option<PathBuf> {
        self.configuration().map(|own| own.state.clone())
    }

    /// The device of the options, or of the configuration.
    pub(in crate::cli) fn compute(&self, args: &ComputeArgs) -> ComputeArgs {
        match self.configuration() {
            Some(own) if args.backend == BackendArg::Auto && args.adapter.is_none() => own.compute(),
            _ => args.clone(),
        }
    }

    fn folder(configuration: Configuration) -> Self {
        Self::Folder(Box::new(configuration))
    }

    fn configuration(&self) -> Option<&Configuration> {
        match self {
            Self::Files { .. } => None,
            Self::Folder(own) => Some(own),
        }
    }
}

impl Configuration {
    /// The device of a server.
    pub(in crate::cli) fn compute(&self) -> ComputeArgs {
        ComputeArgs { backend: self.backend, adapter: self.adapter.clone() }
    }
}

/// The command that runs a role.
pub(super) fn command_of(role: Role) -> &'static str {
    match role {
        Role::Client => "predict",
        Role::Dealer => "dealer",
        Role::ModelOwner => "model-owner",
        Role::Owner(_) => "owner",
        Role::Server(_) => "server",
        Role::Trainer => "train",
    }
}
