//! The roles over the network: each finds the others in the cluster file.
//!
//! Servers and the dealer listen; server 1 calls server 0, both call the dealer, trainer and owners call all three.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::data::Examples;
use crate::error::{Error, Result};
use crate::net::{Channel, Cluster, Identity, Link, Listener, Presence, Role, dial, dial_patiently};
use crate::nn::TrainedModel;
use crate::prediction::PredictionJob;
use crate::roles::agreement::Parties;
use crate::roles::event::Event;
use crate::roles::history::History;
use crate::roles::memory_limit::MemoryLimit;
use crate::roles::server::AHEAD;
use crate::roles::start::Start;
use crate::roles::state::StateFolder;
use crate::roles::stay::Stay;
use crate::roles::{
    BrokenOff, ClientLinks, Connect, Consent, DealerLinks, ModelConsent, ModelOwnerLinks, Outcome, OwnerLinks,
    PredictionClient, ServerLinks, TrainerLinks, run_dealer, run_model_owner, run_owner, run_prediction_dealer,
    run_prediction_server, run_server, run_trainer,
};
use crate::train::Job;

/// A party of a cluster on this machine: its keys, and the addresses and keys of the others.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its keys.
    pub identity: Arc<Identity>,
    /// All parties of the cluster.
    pub cluster: Arc<Cluster>,
    /// Its sign of life for the others.
    pub presence: Presence,
    /// The address to listen at; `None` for the one in the cluster.
    pub listen: Option<String>,
    /// How much memory a job may need here.
    pub memory: MemoryLimit,
    /// Where servers and the dealer keep what outlasts their process; `None` if a job that breaks off cannot resume.
    pub state: Option<StateFolder>,
}

impl Node {
    /// A party with these keys; a job may take the memory that is available.
    pub fn new(identity: Identity, cluster: Cluster) -> Self {
        let (identity, cluster) = (Arc::new(identity), Arc::new(cluster));
        Self {
            identity,
            cluster,
            presence: Presence::default(),
            listen: None,
            memory: MemoryLimit::default(),
            state: None,
        }
    }

    /// Listens at another address than the one that others connect to, for example behind NAT.
    #[must_use]
    pub fn listen_at(self, address: Option<String>) -> Self {
        Self { listen: address, ..self }
    }

    /// The same party with another memory limit.
    #[must_use]
    pub fn within(&self, memory: MemoryLimit) -> Self {
        Self { memory, ..self.clone() }
    }

    /// The same party, which keeps what outlasts its process there.
    #[must_use]
    pub fn keep_in(self, state: Option<StateFolder>) -> Self {
        Self { state, ..self }
    }

    /// Checks that the cluster lists the party's key for role `me`.
    ///
    /// # Errors
    /// [`Error::Usage`] if it lists another key, or no such role.
    pub fn check(&self, me: Role) -> Result<()> {
        let ours = self.identity.fingerprint();
        let listed = match self.cluster.fingerprint(me) {
            Some(key) if key == ours => return Ok(()),
            Some(key) => format!("key {}", key.short()),
            None => "no such party".into(),
        };
        Err(Error::Usage(format!(
            "our key is {}, but the cluster file lists {listed} for {me}; use the identity with that key, \
             or update the file",
            ours.short()
        )))
    }

    /// Runs server `id` for jobs of training and of private prediction; waits for a trainer or a client indefinitely.
    pub fn serve(&self, id: u8, backend: &Arc<dyn Backend>, stay: &mut Stay<'_>) -> Result<()> {
        let me = Role::Server(id);
        let listener = Arc::new(self.listen(me)?);
        stay.repeat(|| {
            let (who, trainer, parties) = match self.wait_for_job(&listener) {
                Ok(job) => job,
                Err(why) => return Ok(Err(BrokenOff { why, training: false })),
            };
            let (meet, presence) = (self.meet(me, &listener), self.presence.clone());
            let (memory, state) = (self.memory, self.state.clone());
            let links = ServerLinks { trainer, meet, presence, parties, memory, state };
            let run = if who == Role::Client { run_prediction_server } else { run_server };
            self.unless_stopped(run(id, links, backend.clone()))
        })
    }

    /// Runs the dealer for jobs of training and of private prediction; waits for a trainer or a client indefinitely.
    pub fn deal(&self, backend: &Arc<dyn Backend>, stay: &mut Stay<'_>) -> Result<()> {
        let listener = Arc::new(self.listen(Role::Dealer)?);
        stay.repeat(|| {
            let (who, trainer, parties) = match self.wait_for_job(&listener) {
                Ok(job) => job,
                Err(why) => return Ok(Err(BrokenOff { why, training: false })),
            };
            let (meet, presence) = (self.meet(Role::Dealer, &listener), self.presence.clone());
            let (memory, state) = (self.memory, self.state.clone());
            let links = DealerLinks { trainer, meet, presence, parties, memory, state };
            let run = if who == Role::Client { run_prediction_dealer } else { run_dealer };
            self.unless_stopped(run(links, backend.clone()))
        })
    }

    /// Uploads the rows of owner `number`, which `data` returns, to jobs that `consent` accepts; waits for the servers
    /// indefinitely.
    pub fn upload(
        &self,
        number: u32,
        consent: &Consent,
        mut data: impl FnMut(&Job) -> Result<(Examples, Examples)>,
        stay: &mut Stay<'_>,
    ) -> Result<()> {
        let me = Role::Owner(number);
        let mut attempts = 0;
        let call = |to, again: bool| -> Result<Box<dyn Channel>> {
            // one that calls again may be believed to be there still; one that calls first was started twice
            let wait = if again { 2 * self.cluster.deadline() } else { Duration::ZERO };
            let mut link = self.dial(to, me, FOREVER, wait)?;
            // rows wait where they are, not as copies on their way
            link.set_room(AHEAD);
            Ok(self.ready(link))
        };
        stay.repeat(|| {
            let again = attempts > 0;
            let servers = [call(Role::Server(0), again)?, call(Role::Server(1), again)?];
            let (dealer, presence) = (call(Role::Dealer, again)?, self.presence.clone());
            let links = OwnerLinks { servers, dealer, presence, parties: Parties::of(&self.cluster)? };
            attempts += 1;
            let ended = run_owner(number, links, consent, &mut data);
            self.unless_stopped(ended.map_err(|why| BrokenOff { why, training: false }))
        })
    }

    /// Runs a job as the trainer, from these initial parameters (see [`run_trainer`]); one that ran before resumes if its `history`
    /// is given. Nothing is trained if `start` is cancelled before all parties are ready. Once `end` is set, the run ends after the next step. Owners get the job once servers and dealer are
    /// connected.
    pub fn train(
        &self,
        job: &Job,
        (initial, history): (&[Vec<u64>], Option<History>),
        (end, start): (&Arc<AtomicBool>, &Start),
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let parties = Parties::of(&self.cluster)?;
        parties.check(job)?;
        let [zero, one, dealer] = self.call_all(Role::Trainer, on_event)?;
        let (end, start, presence) = (end.clone(), start.clone(), self.presence.clone());
        let links = TrainerLinks { servers: [zero, one], dealer, parties, end, start, presence, history };
        run_trainer(job, initial, links, &self.identity.unsealing_key(), on_event)
    }

    /// Shares a model for sessions of private predictions that `consent` accepts; waits for the servers indefinitely.
    pub fn share_model(&self, consent: &ModelConsent, model: &TrainedModel, stay: &mut Stay<'_>) -> Result<()> {
        let parties = Parties::of_predictions(&self.cluster)?;
        let mut attempts = 0;
        let call = |to, again: bool| -> Result<Box<dyn Channel>> {
            let wait = if again { 2 * self.cluster.deadline() } else { Duration::ZERO };
            Ok(self.ready(self.dial(to, Role::ModelOwner, FOREVER, wait)?))
        };
        stay.repeat(|| {
            let again = attempts > 0;
            let servers = [call(Role::Server(0), again)?, call(Role::Server(1), again)?];
            let links = ModelOwnerLinks { servers, presence: self.presence.clone(), parties: parties.clone() };
            attempts += 1;
            let ended = run_model_owner(links, consent, model);
            self.unless_stopped(ended.map_err(|why| BrokenOff { why, training: false }))
        })
    }

    /// Submits a job of private predictions as the client, and waits until all is in place for its first request; once `stop` says
    /// so, it gives up.
    ///
    /// # Errors
    /// As [`PredictionClient::connect`].
    pub fn predict(
        &self,
        job: &PredictionJob,
        stop: &dyn Fn() -> bool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<PredictionClient> {
        let parties = Parties::of_predictions(&self.cluster)?;
        let links = self.call_all(Role::Client, on_event)?;
        let links = ClientLinks { links, parties, presence: self.presence.clone() };
        PredictionClient::connect(job, links, self.identity.unsealing_key(), stop, on_event)
    }

    /// The links to server 0, server 1 and the dealer, of the trainer or a client.
    fn call_all(&self, me: Role, on_event: &mut dyn FnMut(Event)) -> Result<[Box<dyn Channel>; 3]> {
        let until = Instant::now() + self.cluster.deadline();
        let mut call = |to: Role| -> Result<Box<dyn Channel>> {
            let patience = until.saturating_duration_since(Instant::now());
            let mut absent =
                || on_event(Event::Waiting { party: me.to_string(), what: self.cluster.name(to).to_string() });
            let called = dial_patiently(to, me, &self.identity, &self.cluster, (patience, &mut absent));
            Ok(self.patient(called?))
        };
        Ok([call(Role::Server(0))?, call(Role::Server(1))?, call(Role::Dealer)?])
    }

    fn listen(&self, me: Role) -> Result<Listener> {
        let address = self.listen.as_deref().or(self.cluster.address(me)).unwrap_or_default();
        let listener = Listener::bind(address, me, &self.identity, &self.cluster)?;
        listener.attach(&self.presence);
        Ok(listener)
    }

    /// Calls a party; one that is busy is asked again for `wait`.
    fn dial(&self, to: Role, me: Role, patience: Duration, wait: Duration) -> Result<Link> {
        let start = Instant::now();
        loop {
            match dial(to, me, &self.identity, &self.cluster, patience) {
                Err(Error::Busy { .. }) if start.elapsed() < wait => std::thread::sleep(LOOK),
                called => return called,
            }
        }
    }

    /// How an attempt ended, unless that is because the operator stopped us.
    fn unless_stopped<T>(&self, ended: T) -> Result<T> {
        if self.presence.has_left() { Err(Error::Interrupted) } else { Ok(ended) }
    }

    /// Waits for a trainer or a client, and says who takes part in its job.
    fn wait_for_job(&self, listener: &Listener) -> Result<(Role, Box<dyn Channel>, Parties)> {
        let (who, link) = listener.wait_for_any(&[Role::Trainer, Role::Client], "a job", FOREVER)?;
        let parties = match who {
            Role::Client => Parties::of_predictions(&self.cluster)?,
            _ => Parties::of(&self.cluster)?,
        };
        Ok((who, self.patient(link), parties))
    }

    /// How a role that listens meets the others: it calls the roles before it in the order dealer, server 0, server 1, and
    /// waits for the rest.
    fn meet(&self, me: Role, listener: &Arc<Listener>) -> Connect {
        let (here, listener) = (self.clone(), listener.clone());
        Box::new(move |role, patience| {
            let we_call = matches!((me, role), (_, Role::Dealer) | (Role::Server(1), Role::Server(0)));
            let mut link = if we_call {
                here.dial(role, me, here.cluster.deadline(), here.cluster.deadline())?
            } else {
                let (start, total) = (Instant::now(), here.total_of_a_call(me, role));
                loop {
                    match listener.look(role, LOOK)? {
                        Some(link) => break link,
                        None if start.elapsed() >= total => {
                            let (peer, seconds) = (role.into(), total.as_secs());
                            return Err(Error::Deadline { peer, what: "its call".into(), seconds });
                        }
                        None => patience(&listener.remarks())?,
                    }
                }
            };
            if [me, role].contains(&Role::Dealer) && matches!([me, role], [Role::Server(_), _] | [_, Role::Server(_)]) {
                link.set_room(AHEAD);
            }
            Ok(here.ready(link))
        })
    }

    /// How long a role is waited for until it calls. Owners come when they come; servers have the job already. One that waits
    /// for the dealer is not to blame, so the dealer is less patient than server 0.
    fn total_of_a_call(&self, me: Role, role: Role) -> Duration {
        match (me, role) {
            (_, Role::Owner(_) | Role::ModelOwner) => Duration::MAX,
            (Role::Dealer, _) => self.cluster.deadline() * 20,
            _ => self.cluster.deadline() * 40,
        }
    }

    /// A link with the cluster's deadline.
    fn ready(&self, mut link: impl Channel + 'static) -> Box<dyn Channel> {
        link.set_deadline(self.cluster.deadline());
        Box::new(link)
    }

    /// A link between the trainer and a party that may itself be waiting for others: three deadlines.
    fn patient(&self, mut link: impl Channel + 'static) -> Box<dyn Channel> {
        link.set_deadline(3 * self.cluster.deadline());
        Box::new(link)
    }
}

/// A week: how long a service waits for somebody to use it.
const FOREVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often whoever waits for a call looks whether the trainer is still there.
const LOOK: Duration = Duration::from_millis(200);
