//! A run within one process: every role is a thread, and channels in memory link them.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::backend::{Backend, Cpu};
use crate::data::Examples;
use crate::error::{Error, Result};
use crate::net::{Channel, Presence, Role, UnsealingKey, pair};
use crate::roles::agreement::Parties;
use crate::roles::connect::made;
use crate::roles::consent::Consent;
use crate::roles::dealer::{DealerLinks, run_dealer};
use crate::roles::event::Event;
use crate::roles::failure::Failure;
use crate::roles::input_check::look_at_rows;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::outcome::Outcome;
use crate::roles::owner::{OwnerLinks, rows_of, run_owner};
use crate::roles::planned_cost::announce;
use crate::roles::server::{ServerLinks, run_server};
use crate::roles::start::Start;
use crate::roles::trainer::{TrainerLinks, run_trainer};
use crate::train::{Job, Training};

impl Training {
    /// Trains with all roles as threads of this process, on the CPU; `on_event` receives the progress.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if settings do not fit each other or the rows; otherwise the error of the
    /// role that failed first.
    pub fn run(&self, train: &Examples, test: &Examples, mut on_event: impl FnMut(Event)) -> Result<Outcome> {
        self.run_threads(&(Arc::new(Cpu::default()) as Arc<dyn Backend>), train, test, &mut on_event)
    }

    /// [`Training::run`] with the servers on another backend; the dealer stays on the CPU.
    pub fn run_on(
        &self,
        backend: &Arc<dyn Backend>,
        train: &Examples,
        test: &Examples,
        mut on_event: impl FnMut(Event),
    ) -> Result<Outcome> {
        self.run_threads(backend, train, test, &mut on_event)
    }

    fn run_threads(
        &self,
        backend: &Arc<dyn Backend>,
        train: &Examples,
        test: &Examples,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let job = self.job(train.len(), test.len())?;
        let mut warnings = look_at_rows(&job, train, test)?;
        warnings.extend(job.cut_off_of_all([train, test])?);
        let initial = self.initial_parameters(&job)?;
        on_event(announce(&job, &backend.name())?);
        warnings.splice(0..0, self.warnings(&job, &initial));
        warnings.into_iter().for_each(|text| on_event(Event::Warning { text }));
        let key = UnsealingKey::generate()?;
        let links = connect(job.owners.len(), &Parties::threads(key.public()), self.end().clone());
        let failures = Failures::default();
        let outcome = run_roles(links, backend, [train, test], &failures, |trainer| {
            run_trainer(&job, &initial, trainer, &key, on_event)
        });
        let scored = |mut outcome: Outcome| outcome.score(&job, test).map(|()| outcome);
        outcome.and_then(scored).map_err(|e| failures.cause().unwrap_or(e))
    }
}

/// Runs the trainer, and meanwhile every other role in a thread of its own; notes which of them failed.
pub(crate) fn run_roles(
    links: Links,
    backend: &Arc<dyn Backend>,
    [train, test]: [&Examples; 2],
    failures: &Failures,
    trainer: impl FnOnce(TrainerLinks) -> Result<Outcome>,
) -> Result<Outcome> {
    thread::scope(|scope| {
        for (id, links) in (0..).zip(links.servers) {
            scope.spawn(move || {
                let ended = run_server(id, links, backend.clone());
                failures.note(&format!("server {id}"), ended.map_err(|broken| broken.why));
            });
        }
        let dealer = links.dealer;
        scope.spawn(move || {
            let ended = run_dealer(dealer, Arc::new(Cpu::default()));
            failures.note("dealer", ended.map_err(|broken| broken.why));
        });
        for (number, links) in (0..).zip(links.owners) {
            let data = move |job: &Job| rows_of(job, number, train, test);
            scope.spawn(move || {
                let ended = run_owner(number, links, &Consent::to_anything(), data);
                failures.note(&format!("owner {number}"), ended);
            });
        }
        trainer(links.trainer)
    })
}

/// Why roles failed.
#[derive(Default)]
pub(crate) struct Failures(Mutex<Vec<(Failure, Error)>>);

impl Failures {
    pub(crate) fn note(&self, party: &str, ended: Result<()>) {
        if let Err(e) = ended {
            let failure = (Failure::new(party, &e), e);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        }
    }

    /// The first reason that is a role's own: it says more than the links that broke because of it.
    pub(crate) fn cause(&self) -> Option<Error> {
        let failed = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let own = failed.into_iter().find(|(failure, _)| failure.about.is_none());
        own.map(|(failure, cause)| cause.at(failure.party))
    }
}

/// The ends of all channels, by the role that holds them.
pub(crate) struct Links {
    pub(crate) trainer: TrainerLinks,
    pub(crate) servers: [ServerLinks; 2],
    pub(crate) dealer: DealerLinks,
    pub(crate) owners: Vec<OwnerLinks>,
}

/// Links between all roles of a job; the trainer ends the run once `end` is set.
pub(crate) fn connect(owners: usize, parties: &Parties, end: Arc<AtomicBool>) -> Links {
    let [t0, t1, td] = LISTENERS.map(|party| pair("trainer", party));
    let (peer0, peer1) = pair("server 0", "server 1");
    let (dealer0, dealt0) = pair("dealer", "server 0");
    let (dealer1, dealt1) = pair("dealer", "server 1");
    let mut others: [Vec<(Role, Box<dyn Channel>)>; 3] = [
        vec![(Role::Server(1), Box::new(peer0)), (Role::Dealer, Box::new(dealt0))],
        vec![(Role::Server(0), Box::new(peer1)), (Role::Dealer, Box::new(dealt1))],
        vec![(Role::Server(0), Box::new(dealer0)), (Role::Server(1), Box::new(dealer1))],
    ];
    let owners = (0..).take(owners).map(|number| owner(number, parties, &mut others)).collect();
    let [others0, others1, others] = others;
    let server = |trainer: Box<dyn Channel>, others| ServerLinks {
        trainer,
        meet: made(others),
        parties: parties.clone(),
        presence: Presence::default(),
        memory: MemoryLimit::Unlimited,
        state: None,
    };
    Links {
        servers: [server(Box::new(t0.1), others0), server(Box::new(t1.1), others1)],
        dealer: DealerLinks {
            trainer: Box::new(td.1),
            meet: made(others),
            parties: parties.clone(),
            presence: Presence::default(),
            memory: MemoryLimit::Unlimited,
            state: None,
        },
        trainer: TrainerLinks {
            servers: [Box::new(t0.0), Box::new(t1.0)],
            dealer: Box::new(td.0),
            parties: parties.clone(),
            end,
            start: Start::default(),
            presence: Presence::default(),
            history: None,
        },
        owners,
    }
}

/// The links of owner `number`; the other ends go to `others`.
fn owner(number: u32, parties: &Parties, others: &mut [Vec<(Role, Box<dyn Channel>)>; 3]) -> OwnerLinks {
    let role = Role::Owner(number);
    let name = role.to_string();
    let [a, b, c] = LISTENERS.map(|party| pair(&name, party));
    others[0].push((role, Box::new(a.1)));
    others[1].push((role, Box::new(b.1)));
    others[2].push((role, Box::new(c.1)));
    let servers: [Box<dyn Channel>; 2] = [Box::new(a.0), Box::new(b.0)];
    OwnerLinks { servers, dealer: Box::new(c.0), presence: Presence::default(), parties: parties.clone() }
}

/// The roles that the others call.
const LISTENERS: [&str; 3] = ["server 0", "server 1", "dealer"];
