//! Command line arguments for the hardware that servers compute on.

use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::backend::{Adapter, Backend, Cpu, open_gpu};
use crate::error::{Error, Result};

/// The device of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum BackendArg {
    /// The CPU in this version; may choose a GPU in later ones
    Auto,
    /// The CPU
    Cpu,
    /// A GPU
    Gpu,
}

/// Where servers compute.
#[derive(Args, Clone, Debug)]
pub(super) struct ComputeArgs {
    /// Compute device
    ///
    /// It is the servers' device; the dealer always computes on the CPU.
    #[arg(long, value_enum, default_value_t = BackendArg::Auto)]
    pub backend: BackendArg,
    /// GPU: a number, or part of a name, listed by `ppdnn adapters`
    #[arg(long, value_name = "NAME|INDEX")]
    pub adapter: Option<String>,
}

impl ComputeArgs {
    /// Refuses an adapter that nothing would use.
    fn check(&self) -> Result<()> {
        match &self.adapter {
            Some(name) if self.backend != BackendArg::Gpu => {
                Err(Error::Usage(format!("--adapter {name} requires --backend gpu; the CPU has no adapters")))
            }
            _ => Ok(()),
        }
    }

    /// A warning about the adapter, if one is used.
    pub(super) fn warning(&self) -> Result<Option<String>> {
        if self.backend != BackendArg::Gpu {
            return Ok(None);
        }
        let Adapter { name, kind, .. } = Adapter::list().swap_remove(self.index()?);
        let text = || format!("`{name}` is not a GPU but software on the CPU; --backend cpu is many times faster");
        Ok((kind == SOFTWARE).then(text))
    }

    /// The backend.
    pub(super) fn open(&self) -> Result<Arc<dyn Backend>> {
        self.check()?;
        match self.backend {
            BackendArg::Auto | BackendArg::Cpu => Ok(Arc::new(Cpu::default())),
            BackendArg::Gpu => open_gpu(self.index()?),
        }
    }

    /// The name of the backend, without opening it.
    pub(super) fn name(&self) -> Result<String> {
        self.check()?;
        match self.backend {
            BackendArg::Auto | BackendArg::Cpu => Ok("cpu".into()),
            BackendArg::Gpu => Ok(Adapter::list().swap_remove(self.index()?).name),
        }
    }

    /// The command line options that mean the same.
    pub(super) fn options(&self) -> Vec<String> {
        let backend = match self.backend {
            BackendArg::Auto => "auto",
            BackendArg::Cpu => "cpu",
            BackendArg::Gpu => "gpu",
        };
        let adapter = self.adapter.iter().flat_map(|a| ["--adapter".to_owned(), a.clone()]);
        ["--backend".to_owned(), backend.to_owned()].into_iter().chain(adapter).collect()
    }

    /// The requested adapter.
    pub(super) fn adapter(&self) -> Result<Adapter> {
        Ok(Adapter::list().swap_remove(self.index()?))
    }

    /// The number of the requested adapter.
    fn index(&self) -> Result<usize> {
        let list = Adapter::list();
        let found = match &self.adapter {
            None => (!list.is_empty()).then_some(0),
            Some(wanted) => match wanted.parse::<usize>() {
                Ok(index) => (index < list.len()).then_some(index),
                Err(_) => list.iter().position(|a| a.name.to_lowercase().contains(&wanted.to_lowercase())),
            },
        };
        let names = list.iter().map(|a| format!("`{}`", a.name)).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| match (&self.adapter, list.is_empty()) {
            (_, true) if !cfg!(feature = "gpu") => Error::Usage(
                "this build of ppdnn has no GPU support (its feature `gpu` is off); use --backend cpu".into(),
            ),
            (_, true) => Error::Usage(
                "there is no GPU with a Vulkan, Metal or DX12 driver; install a driver (mesa-vulkan-drivers has a \
                 software one), or use --backend cpu"
                    .into(),
            ),
            (wanted, _) => Error::Usage(format!(
                "there is no adapter `{}`; choose one of {names}, or use --backend cpu",
                wanted.as_deref().unwrap_or("0")
            )),
        })
    }
}

/// The kind of an adapter that is not a GPU.
pub(super) const SOFTWARE: &str = "software";
