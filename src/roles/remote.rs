//! The roles over the network: each finds the others in the cluster file.
//!
//! Servers and the dealer listen; server 1 calls server 0, both call the dealer, trainer and owners call all three.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::backend::Backend;
use crate::data::Examples;
use crate::error::{Error, Result};
use crate::net::{Channel, Cluster, Identity, Listener, Role, dial};
use crate::roles::event::Event;
use crate::roles::{
    DealerLinks, Outcome, OwnerLinks, ServerLinks, TrainerLinks, run_dealer, run_owner, run_server, run_trainer,
};
use crate::train::Job;

/// A party at its place: who it is, and where the others are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The key it shows.
    pub identity: Arc<Identity>,
    /// The parties.
    pub cluster: Arc<Cluster>,
}

impl Place {
    /// A party's place.
    pub fn new(identity: Identity, cluster: Cluster) -> Self {
        Self { identity: Arc::new(identity), cluster: Arc::new(cluster) }
    }

    /// Checks that the key is that of a role in the cluster.
    ///
    /// # Errors
    /// [`Error::Usage`] where it is another.
    pub fn check(&self, me: Role) -> Result<()> {
        let ours = self.identity.fingerprint();
        let listed = match self.cluster.fingerprint(me) {
            Some(key) if key == ours => return Ok(()),
            Some(key) => format!("key {}", key.short()),
            None => "no such party".into(),
        };
        Err(Error::Usage(format!(
            "our key is {}, for {me} the cluster file has {listed}; use the other identity, or update the file",
            ours.short()
        )))
    }

    /// Serves one job as server `id`; waits for the trainer as long as it takes.
    ///
    /// # Errors
    /// What stopped it.
    pub fn serve(&self, id: u8, backend: Arc<dyn Backend>) -> Result<()> {
        let me = Role::Server(id);
        let listener = Arc::new(self.listen(me)?);
        let trainer = self.patient(listener.wait(Role::Trainer, "a job", FOREVER)?);
        let (here, desk) = (self.clone(), listener.clone());
        let peer = move || -> Result<Box<dyn Channel>> {
            if id == 1 {
                return here.call(Role::Server(0), me);
            }
            Ok(here.ready(desk.wait(Role::Server(1), "its agreement to the job", here.cluster.deadline())?))
        };
        let here = self.clone();
        let dealer = move || -> Result<Box<dyn Channel>> {
            let mut link = dial(Role::Dealer, me, &here.identity, &here.cluster, here.cluster.deadline())?;
            link.set_room(AHEAD);
            Ok(here.ready(link))
        };
        let here = self.clone();
        let owner = move |number| here.wait_for_owner(&listener, number);
        let links = ServerLinks {
            trainer,
            peer: Box::new(peer),
            dealer: Box::new(dealer),
            owner: Box::new(owner),
            seal: self.cluster.sealing_key(),
        };
        run_server(id, links, backend)
    }

    /// Deals for one job; waits for the trainer as long as it takes.
    ///
    /// # Errors
    /// What stopped it.
    pub fn deal(&self, backend: Arc<dyn Backend>) -> Result<()> {
        let listener = Arc::new(self.listen(Role::Dealer)?);
        let trainer = self.patient(listener.wait(Role::Trainer, "a job", FOREVER)?);
        let (here, desk) = (self.clone(), listener.clone());
        let server = move |id| -> Result<Box<dyn Channel>> {
            let mut link = desk.wait(Role::Server(id), "its call", here.cluster.deadline())?;
            link.set_room(AHEAD);
            Ok(here.ready(link))
        };
        let here = self.clone();
        let owner = move |number| here.wait_for_owner(&listener, number);
        run_dealer(DealerLinks { trainer, server: Box::new(server), owner: Box::new(owner) }, backend)
    }

    /// Uploads the rows of owner `number`; waits for the servers as long as it takes.
    ///
    /// # Errors
    /// What stopped it.
    pub fn upload(&self, number: u32, data: impl FnOnce(&Job) -> Result<(Examples, Examples)>) -> Result<()> {
        let me = Role::Owner(number);
        let call = |to| -> Result<Box<dyn Channel>> {
            let mut link = dial(to, me, &self.identity, &self.cluster, FOREVER)?;
            link.set_deadline(FOREVER);
            Ok(Box::new(link))
        };
        let links =
            OwnerLinks { servers: [call(Role::Server(0))?, call(Role::Server(1))?], dealer: call(Role::Dealer)? };
        run_owner(number, links, data)
    }

    /// Has a job run, as the trainer, from these parameters (see [`run_trainer`]); once `end` is set, until the end of a step.
    ///
    /// # Errors
    /// What stopped it.
    pub fn train(
        &self,
        job: &Job,
        initial: &[Vec<u64>],
        end: &Arc<AtomicBool>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Outcome> {
        let call = |to: Role| -> Result<Box<dyn Channel>> {
            let patience = self.cluster.deadline();
            Ok(self.patient(dial(to, Role::Trainer, &self.identity, &self.cluster, patience)?))
        };
        let servers = [call(Role::Server(0))?, call(Role::Server(1))?];
        run_trainer(
            job,
            initial,
            TrainerLinks { servers, dealer: call(Role::Dealer)?, end: end.clone() },
            &self.identity,
            on_event,
        )
    }

    fn listen(&self, me: Role) -> Result<Listener> {
        let address = self.cluster.address(me).unwrap_or_default();
        Listener::bind(address, me, &self.identity, &self.cluster)
    }

    fn call(&self, to: Role, me: Role) -> Result<Box<dyn Channel>> {
        Ok(self.ready(dial(to, me, &self.identity, &self.cluster, self.cluster.deadline())?))
    }

    fn wait_for_owner(&self, listener: &Listener, number: u32) -> Result<Box<dyn Channel>> {
        Ok(self.ready(listener.wait(Role::Owner(number), "its rows", self.cluster.deadline())?))
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

/// Bytes of corrections that wait at a server; as many wait at the dealer before it pauses.
pub(crate) const AHEAD: u64 = 16 << 20;

/// A week: how long a service waits for somebody to use it.
const FOREVER: Duration = Duration::from_secs(7 * 24 * 3600);
