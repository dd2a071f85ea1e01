//! A run on one machine: every other role as a process of its own on loopback, with throw-away keys.
//!
//! The children are this executable. Each reads its standard input and leaves when it ends, so that none outlives the
//! parent whatever happens to it; each is in a process group of its own, so that Ctrl-C reaches the parent alone.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::net::{Cluster, ClusterSpec, Identity, ListenerEntry, OwnerEntry, Role, TrainerEntry, free_addresses};
use crate::roles::event::{Event, PartyReport};
use crate::roles::failure::{self, Failure, TRAINER};
use crate::roles::history::History;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::node::Node;
use crate::roles::outcome::Outcome;
use crate::roles::start::Start;
use crate::roles::state::{CheckpointTimes, private_folder};
use crate::train::{Job, Policy};

/// How to start the other roles.
#[derive(Clone, Debug)]
pub struct Local {
    /// The executable.
    pub program: PathBuf,
    /// Options for the servers, as the backend.
    pub compute: Vec<String>,
    /// Options for the owners, as the data set.
    pub data: Vec<String>,
    /// Where the roles' logs go; `None` for a folder that is removed with the keys.
    pub logs: Option<PathBuf>,
    /// Threads of each server and of the dealer.
    pub threads: usize,
    /// How long a party waits for another.
    pub deadline: Duration,
    /// How much memory all roles together may take.
    pub memory: MemoryLimit,
    /// Where a job's state is kept until it is done, so that it can resume; `None` if it cannot.
    pub state: Option<PathBuf>,
    /// When checkpoints are due.
    pub checkpoints: CheckpointTimes,
}

impl Local {
    /// Runs a job from these parameters (see [`run_trainer`](crate::roles::run_trainer)); one that ran before, with the same state,
    /// resumes if its `history` is given. Stops the other roles in any case.
    ///
    /// # Errors
    /// [`Error::Memory`] if all roles together need too much; [`Error::Interrupted`] if `interrupted` is set before training
    /// starts (later, the run ends after the next step); [`Error::Child`] if a role's process ends; otherwise as
    /// [`run_trainer`](crate::roles::run_trainer).
    pub fn train(
        &self,
        job: &Job,
        (initial, history): (&[Vec<u64>], Option<History>),
        interrupted: &Arc<AtomicBool>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        self.memory.check(job, |_| true)?;
        let mut roles = vec![Role::Server(0), Role::Server(1), Role::Dealer];
        roles.extend((0..).take(job.owners.len()).map(Role::Owner));
        let keys = Keys::new(self.state.as_deref())?;
        let place = self.make_keys(keys.path(), &roles, Role::Trainer)?;
        let policy = keys.path().join(POLICY);
        fs::write(&policy, Policy::ANYTHING).map_err(|e| Error::file(policy, e))?;
        let mut family = self.start_all(&roles, keys.path())?;
        let mut keys = Some(keys);
        let history = history.map(History::with_owners);
        let (tell, hears) = mpsc::channel();
        let (job, initial, end) = (job.clone(), initial.to_vec(), interrupted.clone());
        let trainer = thread::spawn(move || {
            place.train(&job, (&initial, history), (&end, &Start::default()), &mut |event| {
                let _ = tell.send(event);
            })
        });
        let mut on_event = |event: Event| {
            // by now every role has read its key; a job that resumes needs them again
            if matches!(event, Event::Started) && !matches!(keys, Some(Keys::Kept(_))) {
                keys = None;
            }
            on_event(event);
        };
        let mut outcome = watch(&mut family, trainer, interrupted, &hears, &mut on_event)?;
        for report in family.collect_reports() {
            outcome.summary.peak_rss_mib.extend(report.peak_rss_mib.map(|x| (report.role.clone(), x)));
            outcome.summary.cpu_seconds.extend(report.cpu_seconds.map(|x| (report.role.clone(), x)));
        }
        Ok(outcome)
    }

    /// Starts the other roles.
    pub(super) fn start_all(&self, roles: &[Role], keys: &Path) -> Result<Children> {
        let logs = self.logs.as_deref().unwrap_or(keys);
        fs::create_dir_all(logs).map_err(|e| Error::file(logs, e))?;
        let mut family = Children::default();
        for role in roles {
            let log = logs.join(format!("{}.log", file_name(*role)));
            family.add(*role, log.clone(), self.start(*role, keys, &log)?);
        }
        Ok(family)
    }

    /// Keys, those that are there already, and a cluster file that nobody needs after the run; returns the party that submits the job,
    /// which is this process.
    pub(super) fn make_keys(&self, folder: &Path, roles: &[Role], submits: Role) -> Result<Node> {
        let own = identity_in(folder, submits)?;
        let addresses = free_addresses(3)?;
        let (mut posts, mut owners, mut model_owner) = (Vec::new(), Vec::new(), None);
        for role in roles {
            let key = identity_in(folder, *role)?.fingerprint();
            match role {
                Role::Owner(_) => owners.push(OwnerEntry { key, train_rows: None, test_rows: None }),
                Role::ModelOwner => model_owner = Some(key),
                _ => posts.push(ListenerEntry { address: addresses[posts.len()].clone(), key }),
            }
        }
        let servers: [ListenerEntry; 3] = posts.try_into().expect("two servers and a dealer listen");
        let [zero, one, dealer] = servers;
        let entry = TrainerEntry { key: own.fingerprint(), seal: own.sealing_key() };
        let cluster = Cluster::new(ClusterSpec {
            servers: [zero, one],
            dealer,
            trainer: (submits == Role::Trainer).then_some(entry),
            owners,
            prediction: model_owner.map(|owner| (entry, owner)),
            deadline: self.deadline,
        })?;
        cluster.save(&folder.join(CLUSTER))?;
        Ok(Node::new(own, cluster))
    }

    fn start(&self, role: Role, keys: &Path, log: &Path) -> Result<Child> {
        let log = File::create(log).map_err(|e| Error::file(log, e))?;
        let mut command = Command::new(&self.program);
        match role {
            Role::Owner(number) => {
                command.args(["owner", "--number", &number.to_string()]).args(&self.data);
                command.arg("--policy").arg(keys.join(POLICY))
            }
            Role::Server(id) => command.args(["server", "--id", &id.to_string()]).args(&self.compute),
            Role::ModelOwner => command.arg("model-owner").args(&self.data),
            _ => command.arg("dealer"),
        };
        command.arg("--cluster").arg(keys.join(CLUSTER)).arg("--identity").arg(identity_file(keys, role));
        if let (Role::Server(_), Some(state)) = (role, &self.state) {
            command.arg("--state").arg(state.join(file_name(role))).args(self.checkpoints.options());
        }
        command.args(["--supervised", "--threads", &self.threads.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|e| Error::file(&self.program, e))
    }
}

const CLUSTER: &str = "cluster.toml";

/// The policy of owners whose rows are the trainer's.
const POLICY: &str = "policy.toml";

/// The keys of all roles: in a folder that is removed with them, or in the state of a job.
pub(super) enum Keys {
    Thrown(TempDir),
    Kept(PathBuf),
}

impl Keys {
    /// A folder for keys, in a job's state if there is one.
    pub(super) fn new(state: Option<&Path>) -> Result<Self> {
        let Some(state) = state else {
            let made = tempfile::Builder::new().prefix("ppdnn-").tempdir();
            return made.map(Self::Thrown).map_err(|e| Error::file(std::env::temp_dir(), e));
        };
        private_folder(&state.join("keys")).map(Self::Kept)
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Thrown(folder) => folder.path(),
            Self::Kept(folder) => folder,
        }
    }
}

/// The key of a role in a folder; a fresh one, if there is none.
fn identity_in(folder: &Path, role: Role) -> Result<Identity> {
    let file = identity_file(folder, role);
    if file.exists() {
        return Identity::load(&file);
    }
    let identity = Identity::generate()?;
    identity.save(&file)?;
    Ok(identity)
}

pub(super) fn identity_file(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.key", file_name(role)))
}

/// A role's name without the blank: `server0`.
pub(crate) fn file_name(role: Role) -> String {
    role.to_string().replace(' ', "")
}

/// Passes events on until the trainer is done; stops early where the user interrupts before training, or a role dies.
pub(super) fn watch<T>(
    family: &mut Children,
    trainer: JoinHandle<Result<T>>,
    interrupted: &AtomicBool,
    hears: &mpsc::Receiver<Event>,
    on_event: &mut dyn FnMut(Event),
) -> Result<T> {
    let (mut trainer, mut reason, mut failing, mut started) = (Some(trainer), None, None, false);
    loop {
        match hears.recv_timeout(POLL) {
            Ok(event) => {
                started |= matches!(event, Event::Started);
                on_event(event);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => match trainer.take().map(JoinHandle::join) {
                Some(Ok(Ok(outcome))) => return Ok(outcome),
                Some(Ok(Err(e))) => reason = Some(e),
                Some(Err(_)) => reason = Some(panicked("trainer")),
                None => thread::sleep(POLL),
            },
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        family.warnings.1.try_iter().for_each(|text| on_event(Event::Warning { text }));
        if interrupted.load(Ordering::SeqCst) && !started {
            return Err(Error::Interrupted);
        }
        if family.poll() || reason.is_some() {
            let since = *failing.get_or_insert_with(Instant::now);
            if family.is_settled() || since.elapsed() > GRACE {
                return Err(family.cause(reason));
            }
        }
    }
}

fn panicked(role: &str) -> Error {
    Error::Child { role: role.into(), how: "panicked; please report the message above".into() }
}

/// How often the children are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long the other roles may take to end and say why, once one failed.
const GRACE: Duration = Duration::from_secs(2);

/// The children; they are gone when this is.
pub(super) struct Children {
    members: Vec<RoleProcess>,
    /// What they warn of.
    warnings: (mpsc::Sender<String>, mpsc::Receiver<String>),
}

/// What a child of a local run says on its standard output, for the screen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Warned {
    /// The warning.
    pub warning: String,
}

struct RoleProcess {
    role: Role,
    log: PathBuf,
    child: Child,
    /// Reads what the child says: JSON lines.
    reader: Option<JoinHandle<Vec<String>>>,
    end: Option<ExitStatus>,
    failure: Option<Failure>,
}

impl Default for Children {
    fn default() -> Self {
        Self { members: Vec::new(), warnings: mpsc::channel() }
    }
}

impl Children {
    fn add(&mut self, role: Role, log: PathBuf, mut child: Child) {
        let tell = self.warnings.0.clone();
        let pass_on = move |line: &String| {
            if let Ok(Warned { warning }) = serde_json::from_str(line) {
                let _ = tell.send(format!("{role}: {warning}"));
            }
        };
        let reader = child.stdout.take().map(|out| {
            thread::spawn(move || {
                BufReader::new(out).lines().map_while(std::result::Result::ok).inspect(pass_on).collect()
            })
        });
        self.members.push(RoleProcess { role, log, child, reader, end: None, failure: None });
    }

    /// Looks after the children; whether one failed.
    fn poll(&mut self) -> bool {
        self.members.iter_mut().for_each(RoleProcess::poll);
        self.members.iter().any(|m| m.failure.is_some())
    }

    /// Whether nothing more can be learnt: a child failed for a reason of its own, or all have ended.
    fn is_settled(&self) -> bool {
        self.members.iter().all(|m| m.end.is_some())
            || self.members.iter().filter_map(|m| m.failure.as_ref()).any(|f| f.about.is_none())
    }

    /// What explains an error of this process, once those of the children are known.
    pub(super) fn explain(&mut self, why: Error) -> Error {
        if why.is_usage() {
            return why;
        }
        let until = Instant::now() + GRACE;
        while !self.is_settled() && Instant::now() < until {
            self.poll();
            thread::sleep(POLL);
        }
        self.cause(Some(why))
    }

    /// What explains the failure of the children and of the trainer.
    fn cause(&self, trainer: Option<Error>) -> Error {
        let mut failures: Vec<Failure> = self.members.iter().filter_map(|m| m.failure.clone()).collect();
        let own = trainer.as_ref().map(|e| Failure::new(TRAINER, e));
        failures.extend(own.filter(|failure| failure.about.is_none()));
        match (failure::root_cause(&failures), trainer) {
            (Some(failure), Some(e)) if failure.party == TRAINER => e,
            (Some(failure), _) => Error::Child { role: failure.party.clone(), how: failure.reason.clone() },
            (None, Some(e)) => e,
            (None, None) => Error::Interrupted,
        }
    }

    /// Waits for children that are done and returns their reports.
    pub(super) fn collect_reports(&mut self) -> Vec<PartyReport> {
        let until = Instant::now() + GRACE;
        while self.members.iter().any(|m| m.end.is_none()) && Instant::now() < until {
            self.poll();
            thread::sleep(Duration::from_millis(5));
        }
        let lines =
            self.members.iter_mut().filter(|m| m.end.is_some()).flat_map(RoleProcess::lines).collect::<Vec<_>>();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl RoleProcess {
    /// Notes the child's end and, where it failed, why.
    fn poll(&mut self) {
        if self.end.is_some() {
            return;
        }
        self.end = self.child.try_wait().ok().flatten();
        if let Some(status) = self.end.filter(|status| !status.success()) {
            let party = self.role.to_string();
            let said = self.failure_line().map(|said| match said.reason.starts_with("refused the job") {
                true => said,
                false => Failure { reason: format!("failed: {}", said.reason), ..said },
            });
            let reason = match status.code() {
                Some(_) => format!("ended with {status}; see {}", self.log.display()),
                None => format!("was killed ({status}); start the run again, with smaller batches if memory ran out"),
            };
            self.failure = said.or(Some(Failure { party, reason, about: None, hung_up: false, lasting: false }));
        }
    }

    fn lines(&mut self) -> Vec<String> {
        self.reader.take().and_then(|r| r.join().ok()).unwrap_or_default()
    }

    /// The reason that a child gave for failing.
    fn failure_line(&mut self) -> Option<Failure> {
        let failed = |line: &String| {
            let mut said: serde_json::Value = serde_json::from_str(line).ok()?;
            serde_json::from_value(said["failed"].take()).ok()
        };
        self.lines().iter().rev().find_map(failed)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for member in self.members.iter_mut().filter(|m| m.end.is_none()) {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}
