//! Private predictions within one process: every role is a thread, and channels in memory link them.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ndarray::ArrayView2;

use crate::backend::{Backend, Cpu};
use crate::error::Result;
use crate::net::{Channel, Presence, Role, UnsealingKey, pair};
use crate::prediction::{Answers, Prediction};
use crate::roles::agreement::Parties;
use crate::roles::connect::{Connect, made};
use crate::roles::dealer::DealerLinks;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::prediction::client::{ClientLinks, PredictionClient};
use crate::roles::prediction::dealer::run_prediction_dealer;
use crate::roles::prediction::model_owner::{ModelConsent, ModelOwnerLinks, run_model_owner};
use crate::roles::prediction::server::run_prediction_server;
use crate::roles::prediction::summary::{PredictionSummary, plan_predictions};
use crate::roles::server::ServerLinks;
use crate::roles::threads::Failures;

impl Prediction {
    /// The answers to rows, `[n, features]`, with all roles as threads of this process, on the CPU.
    ///
    /// # Errors
    /// [`Error::Usage`](crate::error::Error::Usage) if the rows do not fit the model; otherwise the error of the role that failed
    /// first.
    pub fn run(&self, rows: ArrayView2<'_, f32>) -> Result<Answers> {
        let mut session = self.start(rows.nrows())?;
        let answers = session.predict(rows)?;
        session.finish()?;
        Ok(answers)
    }

    /// Puts all roles in place, for requests of at most so many rows in all: what follows is one forward pass a request.
    ///
    /// # Errors
    /// As [`Prediction::run`].
    pub fn start(&self, rows: usize) -> Result<PredictionSession> {
        self.start_on(&(Arc::new(Cpu::default()) as Arc<dyn Backend>), rows)
    }

    /// [`Prediction::start`] with the servers on another backend; the dealer stays on the CPU.
    ///
    /// # Errors
    /// As [`Prediction::run`].
    pub fn start_on(&self, backend: &Arc<dyn Backend>, rows: usize) -> Result<PredictionSession> {
        let job = self.job(rows)?;
        let key = UnsealingKey::generate()?;
        let links = connect(&Parties::threads(key.public()));
        let failures = Arc::new(Failures::default());
        let mut threads = Vec::new();
        for (id, links) in (0..).zip(links.servers) {
            let (backend, failures) = (backend.clone(), failures.clone());
            threads.push(thread::spawn(move || {
                let ended = run_prediction_server(id, links, backend);
                failures.note(&format!("server {id}"), ended.map_err(|broken| broken.why));
            }));
        }
        let (dealer, noted) = (links.dealer, failures.clone());
        threads.push(thread::spawn(move || {
            let ended = run_prediction_dealer(dealer, Arc::new(Cpu::default()));
            noted.note("dealer", ended.map_err(|broken| broken.why));
        }));
        let (owner, noted, model) = (links.owner, failures.clone(), self.model().clone());
        let consent = ModelConsent::to_card(job.card.clone());
        threads.push(thread::spawn(move || noted.note("model owner", run_model_owner(owner, &consent, &model))));
        let client = PredictionClient::connect(&job, links.client, key, &|| false, &mut |_| ());
        let client = client.map_err(|e| failures.cause().unwrap_or(e))?;
        Ok(PredictionSession { client: Some(client), threads, failures })
    }

    /// What predictions for so many rows cost, without running them: bytes and rounds of a request and of the set-up.
    ///
    /// # Errors
    /// As [`Prediction::job`].
    pub fn plan(&self, rows: usize) -> Result<PredictionSummary> {
        plan_predictions(&self.job(rows)?)
    }
}

/// A session of private predictions whose roles are threads of this process. Dropped, it ends.
pub struct PredictionSession {
    client: Option<PredictionClient>,
    threads: Vec<JoinHandle<()>>,
    failures: Arc<Failures>,
}

impl PredictionSession {
    /// The answers to rows, `[n, features]`, in their order.
    ///
    /// # Errors
    /// As [`PredictionClient::predict`].
    ///
    /// # Panics
    /// Never: a session that is not finished has its client.
    pub fn predict(&mut self, rows: ArrayView2<'_, f32>) -> Result<Answers> {
        let client = self.client.as_mut().expect("a session has its client");
        client.predict(rows, &mut |_| ()).map_err(|e| self.failures.cause().unwrap_or(e))
    }

    /// Ends the session, and says what it cost.
    ///
    /// # Errors
    /// As [`PredictionClient::finish`].
    ///
    /// # Panics
    /// Never: a session that is not finished has its client.
    pub fn finish(mut self) -> Result<PredictionSummary> {
        let client = self.client.take().expect("a session has its client");
        client.finish().map_err(|e| self.failures.cause().unwrap_or(e))
    }
}

impl Drop for PredictionSession {
    fn drop(&mut self) {
        drop(self.client.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// The ends of all channels, by the role that holds them.
struct Links {
    client: ClientLinks,
    servers: [ServerLinks; 2],
    dealer: DealerLinks,
    owner: ModelOwnerLinks,
}

/// Links between all roles.
fn connect(parties: &Parties) -> Links {
    let [c0, c1, cd] = ["server 0", "server 1", "dealer"].map(|party| pair("client", party));
    let (peer0, peer1) = pair("server 0", "server 1");
    let [(dealer0, dealt0), (dealer1, dealt1)] = ["server 0", "server 1"].map(|server| pair("dealer", server));
    let [(owner0, shared0), (owner1, shared1)] = ["server 0", "server 1"].map(|server| pair("model owner", server));
    let boxed = |link| Box::new(link) as Box<dyn Channel>;
    let server = |trainer, meet: Connect| ServerLinks {
        trainer: boxed(trainer),
        meet,
        parties: parties.clone(),
        presence: Presence::default(),
        memory: MemoryLimit::Unlimited,
        state: None,
    };
    let others = |id: u8, peer, dealt, shared| {
        let owner = (Role::ModelOwner, boxed(shared));
        made(vec![(Role::Server(1 - id), boxed(peer)), (Role::Dealer, boxed(dealt)), owner])
    };
    Links {
        servers: [server(c0.1, others(0, peer0, dealt0, shared0)), server(c1.1, others(1, peer1, dealt1, shared1))],
        dealer: DealerLinks {
            trainer: boxed(cd.1),
            meet: made(vec![(Role::Server(0), boxed(dealer0)), (Role::Server(1), boxed(dealer1))]),
            parties: parties.clone(),
            presence: Presence::default(),
            memory: MemoryLimit::Unlimited,
            state: None,
        },
        owner: ModelOwnerLinks {
            servers: [boxed(owner0), boxed(owner1)],
            presence: Presence::default(),
            parties: parties.clone(),
        },
        client: ClientLinks {
            links: [boxed(c0.0), boxed(c1.0), boxed(cd.0)],
            parties: parties.clone(),
            presence: Presence::default(),
        },
    }
}
