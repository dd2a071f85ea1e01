//! The cost of a job before it runs: rounds, bytes and multiplications by layer and kind, and memory by role.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::party::{Cost, CostEntry, CostKind, LargestFrames, Plan, RunPhase, Stats, layer_and_pass};
use crate::roles::event::{Bytes, Event, Summary};
use crate::roles::memory_limit::ORDER_BYTES;
use crate::roles::server::AHEAD;
use crate::train::{Job, Owned, Training, plan, set_shapes};

/// What a job costs.
#[derive(Clone, Debug)]
pub struct Costs {
    /// The whole, in the names of a run's summary.
    pub summary: Summary,
    /// A training step in parts; averages over all steps.
    pub step: Vec<CostRow>,
    /// An evaluation of all test rows in parts; averages over all of them.
    pub evaluation: Vec<CostRow>,
    /// By role, an estimate of the memory it takes at its peak.
    pub memory: BTreeMap<String, Memory>,
}

impl Training {
    /// What the training costs on `backend`, without running it.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if settings do not fit each other or the rows.
    pub fn plan(&self, train_rows: usize, test_rows: usize, backend: &str) -> Result<Summary> {
        plan_summary(&self.job(train_rows, test_rows)?, backend)
    }

    /// The cost by layer and kind, and the memory by role.
    ///
    /// # Errors
    /// As [`Training::plan`].
    pub fn costs(&self, train_rows: usize, test_rows: usize, backend: &str) -> Result<Costs> {
        Costs::of(&self.job(train_rows, test_rows)?, backend)
    }
}

/// A part of what a step or an evaluation costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostRow {
    /// The layer, or `weights`, `loss`, `update`, `hits`, `figures`.
    pub layer: String,
    /// Which way through the layer: `forward` or `backward`.
    pub pass: Option<String>,
    /// What it is for.
    pub kind: CostKind,
    /// Simultaneous exchanges of the servers.
    pub rounds: f64,
    /// Bytes from each server to the other.
    pub opened_bytes: f64,
    /// Bytes from the dealer to server 1.
    pub dealt_bytes: f64,
    /// Ring multiply-adds of matrix products at each server.
    pub macs: f64,
    /// The same at the dealer.
    pub dealer_macs: f64,
}

impl CostRow {
    /// An entry of a plan, divided by `by`.
    fn of(entry: &CostEntry, by: f64) -> Self {
        let Cost { rounds, opened, dealt, macs, dealer_macs } = entry.cost;
        let per = |x: u64| x as f64 / by;
        let (layer, pass) = layer_and_pass(&entry.place);
        Self {
            layer: layer.into(),
            pass: pass.map(str::to_owned),
            kind: entry.kind,
            rounds: per(rounds),
            opened_bytes: per(opened.bytes),
            dealt_bytes: per(dealt.bytes),
            macs: per(macs),
            dealer_macs: per(dealer_macs),
        }
    }
}

/// Memory of a role in MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Rows of the data sets.
    pub data_mib: f64,
    /// Parameters and what the optimizer keeps with them.
    pub parameters_mib: f64,
    /// Values of a step or of a batch of test rows, with what the device's pool keeps of them.
    pub values_mib: f64,
    /// Openings and corrections on their way.
    pub queue_mib: f64,
    /// The program itself.
    pub program_mib: f64,
}

impl Memory {
    /// All of it.
    pub fn total_mib(&self) -> f64 {
        self.data_mib + self.parameters_mib + self.values_mib + self.queue_mib + self.program_mib
    }
}

impl Costs {
    /// The costs of a job on `backend`.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if the job is invalid.
    pub fn of(job: &Job, backend: &str) -> Result<Self> {
        job.check()?;
        let plan = plan(job)?;
        let summary = summary(job, &plan, backend);
        let parts = |section, by: f64| {
            let own = plan.entries().iter().filter(|e| e.section == section);
            own.map(|e| CostRow::of(e, by)).collect()
        };
        Ok(Self {
            step: parts(RunPhase::Step, job.total_steps() as f64),
            evaluation: parts(RunPhase::Evaluation, job.evaluations().max(1).into()),
            memory: memory(job, &plan),
            summary,
        })
    }
}

/// What a job costs, in the summary's names.
///
/// # Errors
/// [`Error::Usage`](crate::error::Error::Usage) if the job is invalid.
pub fn plan_summary(job: &Job, backend: &str) -> Result<Summary> {
    job.check()?;
    Ok(summary(job, &plan(job)?, backend))
}

fn summary(job: &Job, plan: &Plan, backend: &str) -> Summary {
    let (steps, evaluation) = (plan.server(RunPhase::Step), plan.server(RunPhase::Evaluation));
    let evaluations = job.evaluations().max(1).into();
    let bytes = |stats: &Stats, by: f64| {
        // the plan's server is number 1, which receives what is dealt
        Bytes { dealer_to_server0: 0.0, ..Bytes::of([stats, stats], by) }
    };
    let per = job.total_steps() as f64;
    Summary {
        model: job.model.name().into(),
        backend: backend.into(),
        profile: job.settings.profile.name.into(),
        task: job.model.task(),
        loss: job.model.loss().name().into(),
        settings: job.used_settings(),
        epochs: job.epochs_begun(),
        steps: job.total_steps(),
        batch: job.settings.batch,
        rounds_per_step: steps.rounds as f64 / per,
        bytes_per_step: bytes(&steps, per),
        rounds_per_evaluation: evaluation.rounds as f64 / evaluations,
        bytes_per_evaluation: bytes(&evaluation, evaluations),
        ..Summary::default()
    }
}

/// The largest frames of a job, and the memory that every role takes.
pub(crate) fn forecast(job: &Job) -> Result<(LargestFrames, BTreeMap<String, Memory>)> {
    let plan = plan(job)?;
    Ok((plan.largest_frames(), memory(job, &plan)))
}

/// The event that announces a job.
///
/// # Errors
/// As [`plan_summary`].
pub fn announce(job: &Job, backend: &str) -> Result<Event> {
    let plan = plan_summary(job, backend)?;
    Ok(Event::Job {
        model: job.model.name().into(),
        sizes: job.model.sizes(),
        profile: job.settings.profile.name.into(),
        backend: backend.into(),
        task: job.model.task(),
        loss: plan.loss,
        settings: Box::new(plan.settings),
        rows: [job.train_rows(), job.test_rows()],
        steps: job.total_steps(),
        step_size: job.rate().to_string(),
        rounds_per_step: plan.rounds_per_step,
        bytes_per_step: plan.bytes_per_step,
    })
}

fn memory(job: &Job, plan: &Plan) -> BTreeMap<String, Memory> {
    let mib = |bytes: f64| bytes / f64::exp2(20.0);
    let numbers: usize = job.model.parameters().iter().map(|shape| shape.len()).sum();
    let parameters = |copies: usize| mib((copies * numbers * 8) as f64);
    let rows = |train: bool| f64::from(if train { job.train_rows() } else { job.test_rows() });
    let sets = set_shapes(job);
    let data = sets.iter().map(|(set, shape)| rows(set.is_train()) * shape.stride() as f64 * 4.0).sum::<f64>();
    let order = mib(f64::from(job.train_rows()) * ORDER_BYTES);
    let frames = plan.largest_frames();
    let server_kept = plan.server_memory().kept() as f64;
    // as given at the start, as they are now, and what the optimizer keeps; and the best so far
    let best = if job.settings.early_stop().is_some() && job.reveal.model { parameters(1) } else { 0.0 };
    let held = parameters(2 + job.optimizer(0).kept());
    let server = Memory {
        data_mib: mib(data) + order,
        parameters_mib: held + best,
        values_mib: (mib(server_kept - data) - held).max(0.0),
        // mine, the other's, and what the operating system has not taken yet
        queue_mib: mib(3.0 * frames.opened as f64),
        program_mib: PROGRAM_MIB,
    };
    let dealer = Memory { data_mib: order, values_mib: mib(plan.dealer_memory().kept() as f64), ..Memory::default() };
    // a frame that is longer than the queue waits until the queue is empty
    let ahead = mib(AHEAD.max(frames.dealt) as f64 + frames.dealt as f64);
    let mut all = BTreeMap::from([
        ("server0".to_owned(), server),
        ("server1".to_owned(), Memory { queue_mib: server.queue_mib + ahead, ..server }),
        ("dealer".to_owned(), Memory { queue_mib: ahead, program_mib: PROGRAM_MIB, ..dealer }),
        // its own, the halves of both servers, and their sum
        ("trainer".to_owned(), Memory { parameters_mib: parameters(4), program_mib: PROGRAM_MIB, ..Memory::default() }),
    ]);
    for (number, owner) in job.owners.iter().enumerate() {
        all.insert(format!("owner{number}"), owner_memory(job, owner));
    }
    all
}

/// The memory that an owner takes, in single precision: the whole set as it is read, and the owner's part of it.
pub(crate) fn owner_memory(job: &Job, owner: &Owned) -> Memory {
    let rows: f64 = [job.train_rows(), job.test_rows(), owner.train, owner.test].map(f64::from).iter().sum();
    let data = rows * job.model.features() as f64 * 4.0;
    Memory { data_mib: data / f64::exp2(20.0), program_mib: PROGRAM_MIB, ..Memory::default() }
}

/// What a role takes before it has anything to do, as measured.
pub(crate) const PROGRAM_MIB: f64 = 14.0;
