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

use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::net::{Cluster, Identity, OwnerEntry, Parts, Post, Role, TrainerEntry, free_addresses};
use crate::roles::blame::{self, Failure};
use crate::roles::event::{Event, PartyReport};
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::outcome::Outcome;
use crate::roles::remote::Place;
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
    /// Where the roles' logs go.
    pub logs: PathBuf,
    /// Threads of each server and of the dealer.
    pub threads: usize,
    /// How long a party waits for another.
    pub deadline: Duration,
    /// How much memory all roles together may take.
    pub memory: MemoryLimit,
}

impl Local {
    /// Runs a job from these parameters (see [`run_trainer`](crate::roles::run_trainer)). Stops the other roles in any case.
    ///
    /// # Errors
    /// [`Error::Memory`] where all roles together take too much; [`Error::Interrupted`] where `interrupted` is set before training starts;
    /// later, the run ends after the next step. [`Error::Child`] where a role dies; what the trainer says.
    pub fn train(
        &self,
        job: &Job,
        initial: &[Vec<u64>],
        interrupted: &Arc<AtomicBool>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        self.memory.check(job, |_| true)?;
        let mut roles = vec![Role::Server(0), Role::Server(1), Role::Dealer];
        roles.extend((0..).take(job.owners.len()).map(Role::Owner));
        let (keys, place) = self.throw_away(&roles)?;
        let mut keys = Some(keys);
        fs::create_dir_all(&self.logs).map_err(|e| Error::file(&self.logs, e))?;
        let mut family = Family::default();
        for role in roles {
            if let Some(keys) = &keys {
                family.add(role, self.log(role), self.start(role, keys.path())?);
            }
        }
        let (tell, hears) = mpsc::channel();
        let (job, initial, end) = (job.clone(), initial.to_vec(), interrupted.clone());
        let trainer = thread::spawn(move || {
            place.train(&job, &initial, &end, &mut |event| {
                let _ = tell.send(event);
            })
        });
        let mut on_event = |event: Event| {
            // by now every role has read its key
            if matches!(event, Event::Started) {
                keys = None;
            }
            on_event(event);
        };
        let mut outcome = watch(&mut family, trainer, interrupted, &hears, &mut on_event)?;
        for report in family.farewell() {
            outcome.summary.peak_rss_mib.extend(report.peak_rss_mib.map(|x| (report.role.clone(), x)));
            outcome.summary.cpu_seconds.extend(report.cpu_seconds.map(|x| (report.role.clone(), x)));
        }
        Ok(outcome)
    }

    /// Keys and a cluster file that nobody needs after the run.
    fn throw_away(&self, roles: &[Role]) -> Result<(TempDir, Place)> {
        let folder =
            tempfile::Builder::new().prefix("ppdnn-").tempdir().map_err(|e| Error::file(std::env::temp_dir(), e))?;
        let trainer = Identity::generate()?;
        let addresses = free_addresses(3)?;
        let mut posts = Vec::new();
        let mut owners = Vec::new();
        for role in roles {
            let identity = Identity::generate()?;
            identity.save(&identity_file(folder.path(), *role))?;
            match role {
                Role::Owner(_) => {
                    owners.push(OwnerEntry { key: identity.fingerprint(), train_rows: None, test_rows: None })
                }
                _ => posts.push(Post { address: addresses[posts.len()].clone(), key: identity.fingerprint() }),
            }
        }
        let [zero, one, dealer]: [Post; 3] = posts.try_into().expect("two servers and a dealer listen");
        let entry = TrainerEntry { key: trainer.fingerprint(), seal: trainer.sealing_key() };
        let parts = Parts { servers: [zero, one], dealer, trainer: entry, owners, deadline: self.deadline };
        let cluster = Cluster::new(parts)?;
        cluster.save(&folder.path().join(CLUSTER))?;
        let policy = folder.path().join(POLICY);
        fs::write(&policy, Policy::ANYTHING).map_err(|e| Error::file(policy, e))?;
        Ok((folder, Place::new(trainer, cluster)))
    }

    fn log(&self, role: Role) -> PathBuf {
        self.logs.join(format!("{}.log", file_name(role)))
    }

    fn start(&self, role: Role, keys: &Path) -> Result<Child> {
        let log = self.log(role);
        let log = File::create(&log).map_err(|e| Error::file(log, e))?;
        let mut command = Command::new(&self.program);
        match role {
            Role::Owner(number) => {
                command.args(["owner", "--number", &number.to_string()]).args(&self.data);
                command.arg("--policy").arg(keys.join(POLICY))
            }
            Role::Server(id) => command.args(["server", "--id", &id.to_string()]).args(&self.compute),
            _ => command.arg("dealer"),
        };
        command.arg("--cluster").arg(keys.join(CLUSTER)).arg("--identity").arg(identity_file(keys, role));
        command.args(["--supervised", "--threads", &self.threads.to_string()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|e| Error::file(&self.program, e))
    }
}

/// The one party that is no child.
const TRAINER: &str = "trainer";

const CLUSTER: &str = "cluster.toml";

/// The policy of owners whose rows are the trainer's.
const POLICY: &str = "policy.toml";

fn identity_file(folder: &Path, role: Role) -> PathBuf {
    folder.join(format!("{}.key", file_name(role)))
}

/// A role's name without the blank: `server0`.
pub(crate) fn file_name(role: Role) -> String {
    role.to_string().replace(' ', "")
}

/// Passes events on until the trainer is done; stops early where the user interrupts before training, or a role dies.
fn watch(
    family: &mut Family,
    trainer: JoinHandle<Result<Outcome>>,
    interrupted: &AtomicBool,
    hears: &mpsc::Receiver<Event>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome> {
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
        if interrupted.load(Ordering::SeqCst) && !started {
            return Err(Error::Interrupted);
        }
        if family.look() || reason.is_some() {
            let since = *failing.get_or_insert_with(Instant::now);
            if family.knows() || since.elapsed() > GRACE {
                return Err(family.cause(reason));
            }
        }
    }
}

fn panicked(role: &str) -> Error {
    Error::Child { role: role.into(), how: "panicked; see the message above, and report it, please".into() }
}

/// How often the children are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long the other roles may take to end and say why, once one failed.
const GRACE: Duration = Duration::from_secs(2);

/// The children; they are gone when this is.
#[derive(Default)]
struct Family {
    members: Vec<Member>,
}

struct Member {
    role: Role,
    log: PathBuf,
    child: Child,
    /// Reads what the child says: JSON lines.
    reader: Option<JoinHandle<Vec<String>>>,
    end: Option<ExitStatus>,
    failure: Option<Failure>,
}

impl Family {
    fn add(&mut self, role: Role, log: PathBuf, mut child: Child) {
        let reader = child
            .stdout
            .take()
            .map(|out| thread::spawn(move || BufReader::new(out).lines().map_while(std::result::Result::ok).collect()));
        self.members.push(Member { role, log, child, reader, end: None, failure: None });
    }

    /// Looks after the children; whether one failed.
    fn look(&mut self) -> bool {
        self.members.iter_mut().for_each(Member::look);
        self.members.iter().any(|m| m.failure.is_some())
    }

    /// Whether nothing more can be learnt: a child failed for a reason of its own, or all have ended.
    fn knows(&self) -> bool {
        self.members.iter().all(|m| m.end.is_some())
            || self.members.iter().filter_map(|m| m.failure.as_ref()).any(|f| f.about.is_none())
    }

    /// What explains the failure of the children and of the trainer.
    fn cause(&self, trainer: Option<Error>) -> Error {
        let mut failures: Vec<Failure> = self.members.iter().filter_map(|m| m.failure.clone()).collect();
        let own = trainer.as_ref().map(|e| Failure::new(TRAINER, e));
        failures.extend(own.filter(|failure| failure.about.is_none()));
        match (blame::root(&failures), trainer) {
            (Some(failure), Some(e)) if failure.party == TRAINER => e,
            (Some(failure), _) => Error::Child { role: failure.party.clone(), how: failure.reason.clone() },
            (None, Some(e)) => e,
            (None, None) => Error::Interrupted,
        }
    }

    /// Waits for children that are done and returns their reports.
    fn farewell(&mut self) -> Vec<PartyReport> {
        let until = Instant::now() + GRACE;
        while self.members.iter().any(|m| m.end.is_none()) && Instant::now() < until {
            self.look();
            thread::sleep(Duration::from_millis(5));
        }
        let lines = self.members.iter_mut().filter(|m| m.end.is_some()).flat_map(Member::lines).collect::<Vec<_>>();
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

impl Member {
    /// Notes the child's end and, where it failed, why.
    fn look(&mut self) {
        if self.end.is_some() {
            return;
        }
        self.end = self.child.try_wait().ok().flatten();
        if let Some(status) = self.end.filter(|status| !status.success()) {
            let party = self.role.to_string();
            let said = self.last_words().map(|said| Failure { reason: format!("failed: {}", said.reason), ..said });
            let reason = match status.code() {
                Some(_) => format!("ended with {status}; {} may say why", self.log.display()),
                None => format!("was killed ({status}); start the run again, with smaller batches if memory ran out"),
            };
            self.failure = said.or(Some(Failure { party, reason, about: None, hung_up: false }));
        }
    }

    fn lines(&mut self) -> Vec<String> {
        self.reader.take().and_then(|r| r.join().ok()).unwrap_or_default()
    }

    /// The reason that a child gave for failing.
    fn last_words(&mut self) -> Option<Failure> {
        let failed = |line: &String| {
            let mut said: serde_json::Value = serde_json::from_str(line).ok()?;
            serde_json::from_value(said["failed"].take()).ok()
        };
        self.lines().iter().rev().find_map(failed)
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        for member in self.members.iter_mut().filter(|m| m.end.is_none()) {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}
