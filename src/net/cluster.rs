//! The cluster file: who takes part, where they listen, and which key each shows.
//!
//! ```toml
//! deadline_seconds = 60                            # optional: how long a party may do nothing; totals are multiples of it
//! [server0]
//! address = "a.example.org:7100"
//! key = "<64 hex digits>"                          # SHA-256 of the public key, its fingerprint
//! [server1]                                        # as server0
//! [dealer]                                         # as server0
//! [trainer]
//! key = "<64 hex digits>"
//! seal = "<64 hex digits>"                         # the public key that the model is sealed to
//! [[owners]]                                       # one per owner, owner 0 first
//! key = "<64 hex digits>"
//! train_rows = 30000                               # optional
//! test_rows = 5000                                 # optional
//! ```
//!
//! Owners may have a `number` each, from 0, which then counts instead of their order.
//!
//! For private predictions, there are a client and a model owner, with or without a trainer and owners:
//!
//! ```toml
//! [client]
//! key = "<64 hex digits>"
//! seal = "<64 hex digits>"                         # the public key that answers are sealed to
//! [model_owner]
//! key = "<64 hex digits>"
//! ```

use std::path::Path;
use std::time::Duration;

use super::cluster_file::{ClusterFile, WrittenCluster};
use super::fingerprint::Fingerprint;
use super::party_entry::check_address;
use super::seal::SealingKey;
use crate::error::{Error, Result};
use crate::input;
use crate::peer::{Peer, Role};

/// The parties of a run: right by construction, every key belongs to one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster(ClusterSpec);

/// What a cluster is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// Server 0 and server 1.
    pub servers: [ListenerEntry; 2],
    /// The dealer.
    pub dealer: ListenerEntry,
    /// The trainer; none where nobody trains.
    pub trainer: Option<TrainerEntry>,
    /// The owners, owner 0 first.
    pub owners: Vec<OwnerEntry>,
    /// The client of private predictions, and the key of the model's owner; none where there are no predictions.
    pub prediction: Option<(TrainerEntry, Fingerprint)>,
    /// How long a party waits for another without any byte moving.
    pub deadline: Duration,
}

/// A party that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerEntry {
    /// Host and port.
    pub address: String,
    /// The key it shows.
    pub key: Fingerprint,
}

/// The trainer, or the client of private predictions: it dials the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainerEntry {
    /// The key it shows.
    pub key: Fingerprint,
    /// The key that the model, or an answer, is sealed to.
    pub seal: SealingKey,
}

/// An owner: it dials the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerEntry {
    /// The key it shows.
    pub key: Fingerprint,
    /// Rows it brings for training, where they are agreed beforehand.
    pub train_rows: Option<u32>,
    /// Rows it brings for testing, where they are agreed beforehand.
    pub test_rows: Option<u32>,
}

/// Bytes of a file: 65,536 owners.
const MOST_BYTES: u64 = 16 << 20;

impl Cluster {
    /// A cluster of these parts.
    ///
    /// # Errors
    /// [`Error::Usage`] if an address has no port, two parties share a key or an address, or there is nobody to train, nor to
    /// predict.
    pub fn new(parts: ClusterSpec) -> Result<Self> {
        check(&parts).map_err(|(place, what)| Error::Usage(format!("cluster: {place} {what}")))?;
        Ok(Self(parts))
    }

    /// The cluster in a file.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`], naming the file, the line or field, and what to do.
    pub fn load(path: &Path) -> Result<Self> {
        let text = input::read_text(path, MOST_BYTES).map_err(|e| Error::file(path, e))?;
        Self::read(&text).map_err(|reason| Error::format(path, reason))
    }

    /// Writes the file that [`Cluster::load`] reads, in place of what was there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(&WrittenCluster::from(&self.0)).expect("strings and numbers are valid TOML");
        let text =
            format!("# The parties of a ppdnn run; every party has the same copy. Nothing in it is secret.\n{text}");
        std::fs::write(path, text).map_err(|e| Error::file(path, e))
    }

    /// What the cluster is made from.
    pub fn parts(&self) -> &ClusterSpec {
        &self.0
    }

    /// Where a role listens; servers and dealer do.
    pub fn address(&self, role: Role) -> Option<&str> {
        self.post(role).map(|post| post.address.as_str())
    }

    /// The key that a role shows, if the cluster has that role.
    pub fn fingerprint(&self, role: Role) -> Option<Fingerprint> {
        match role {
            Role::Owner(i) => self.0.owners.get(i as usize).map(|owner| owner.key),
            Role::Trainer => self.0.trainer.map(|trainer| trainer.key),
            Role::Client => self.0.prediction.map(|(client, _)| client.key),
            Role::ModelOwner => self.0.prediction.map(|(_, owner)| owner),
            Role::Dealer | Role::Server(_) => self.post(role).map(|post| post.key),
        }
    }

    /// The role that shows a key, if any.
    pub fn role_of(&self, key: Fingerprint) -> Option<Role> {
        roles(&self.0).map(|(role, _)| role).find(|role| self.fingerprint(*role) == Some(key))
    }

    /// The number of owners.
    pub fn owners(&self) -> usize {
        self.0.owners.len()
    }

    /// An owner's entry.
    pub fn owner(&self, owner: u32) -> Option<&OwnerEntry> {
        self.0.owners.get(owner as usize)
    }

    /// The public key that is sealed to for a role: the trainer's for the model, the client's for answers.
    pub fn sealing_key(&self, role: Role) -> Option<SealingKey> {
        match role {
            Role::Trainer => self.0.trainer.map(|trainer| trainer.seal),
            Role::Client => self.0.prediction.map(|(client, _)| client.seal),
            _ => None,
        }
    }

    /// How long a party waits for another without any byte moving.
    pub fn deadline(&self) -> Duration {
        self.0.deadline
    }

    /// A party as errors name it.
    pub fn name(&self, role: Role) -> Peer {
        self.address(role).map_or_else(|| role.into(), |address| Peer::at(role, address))
    }

    fn post(&self, role: Role) -> Option<&ListenerEntry> {
        match role {
            Role::Dealer => Some(&self.0.dealer),
            Role::Server(i) => self.0.servers.get(usize::from(i)),
            Role::Client | Role::ModelOwner | Role::Owner(_) | Role::Trainer => None,
        }
    }

    fn read(text: &str) -> std::result::Result<Self, String> {
        let parts = ClusterFile::read(text)?.parts(text)?;
        check(&parts).map_err(|(place, what)| format!("{place} {what}"))?;
        Ok(Self(parts))
    }
}

/// Every role of some parts, with its key.
fn roles(parts: &ClusterSpec) -> impl Iterator<Item = (Role, Fingerprint)> {
    let owners = (0..).zip(&parts.owners).map(|(i, owner)| (Role::Owner(i), owner.key));
    let [a, b] = &parts.servers;
    let posts = [(Role::Server(0), a.key), (Role::Server(1), b.key), (Role::Dealer, parts.dealer.key)];
    let trainer = parts.trainer.map(|trainer| (Role::Trainer, trainer.key));
    let prediction = parts.prediction.map(|(client, owner)| [(Role::Client, client.key), (Role::ModelOwner, owner)]);
    posts.into_iter().chain(trainer).chain(prediction.into_iter().flatten()).chain(owners)
}

/// What is wrong with some parts: where, and what.
fn check(parts: &ClusterSpec) -> std::result::Result<(), (String, String)> {
    let at = |role: Role, field: &str| format!("{role}: `{field}`");
    let mut keys: Vec<(Role, Fingerprint)> = Vec::new();
    for (role, key) in roles(parts) {
        if let Some((other, _)) = keys.iter().find(|(_, k)| *k == key) {
            let what = format!("is also the key of {other}; every party generates its own with `ppdnn keygen`");
            return Err((at(role, "key"), what));
        }
        keys.push((role, key));
    }
    let posts = [&parts.servers[0], &parts.servers[1], &parts.dealer];
    let roles = [Role::Server(0), Role::Server(1), Role::Dealer];
    for (i, (post, role)) in posts.into_iter().zip(roles).enumerate() {
        check_address(&post.address).map_err(|what| (at(role, "address"), what))?;
        if let Some(other) = posts[..i].iter().position(|p| p.address == post.address) {
            return Err((
                at(role, "address"),
                format!("is also the address of {}; give each its own port", roles[other]),
            ));
        }
    }
    if parts.trainer.is_none() && parts.owners.is_empty() && parts.prediction.is_none() {
        let what = "are missing; add [trainer] and an [[owners]] section for each owner, or [client] and [model_owner]";
        return Err(("trainer and owners".into(), what.into()));
    }
    if parts.trainer.is_none() && !parts.owners.is_empty() {
        return Err(("trainer".into(), "is missing; add a [trainer] section, or remove [[owners]]".into()));
    }
    if parts.trainer.is_some() && parts.owners.is_empty() {
        return Err(("owners".into(), "is empty; add an [[owners]] section with a key for each".into()));
    }
    if u32::try_from(parts.owners.len()).is_err() {
        return Err(("owners".into(), "is too long".into()));
    }
    if parts.deadline.is_zero() {
        return Err(("`deadline_seconds`".into(), "is 0, should be at least 1".into()));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::net::identity::Identity;

    /// A cluster whose server 0 is at an address, and the identities of server 0, 1, dealer, trainer, owner 0.
    pub(in crate::net) fn sample(server0: SocketAddr) -> (Cluster, Vec<Identity>) {
        let identities: Vec<Identity> = (0..5).map(|_| Identity::generate().unwrap()).collect();
        let post = |i: usize, address: String| ListenerEntry { address, key: identities[i].fingerprint() };
        let parts = ClusterSpec {
            servers: [post(0, server0.to_string()), post(1, "127.0.0.1:2".into())],
            dealer: post(2, "127.0.0.1:3".into()),
            trainer: Some(TrainerEntry { key: identities[3].fingerprint(), seal: identities[3].sealing_key() }),
            owners: vec![OwnerEntry { key: identities[4].fingerprint(), train_rows: Some(5), test_rows: None }],
            prediction: None,
            deadline: Duration::from_secs(7),
        };
        (Cluster::new(parts).unwrap(), identities)
    }

    #[test]
    fn every_key_leads_to_its_role() {
        let (cluster, identities) = sample("127.0.0.1:1".parse().unwrap());
        let roles = [Role::Server(0), Role::Server(1), Role::Dealer, Role::Trainer, Role::Owner(0)];
        for (role, identity) in roles.into_iter().zip(&identities) {
            assert_eq!(cluster.role_of(identity.fingerprint()), Some(role));
            assert_eq!(cluster.fingerprint(role), Some(identity.fingerprint()));
        }
        assert_eq!(cluster.role_of(Identity::generate().unwrap().fingerprint()), None);
        assert_eq!(cluster.fingerprint(Role::Owner(1)), None);
        assert_eq!(cluster.address(Role::Server(1)), Some("127.0.0.1:2"));
        assert_eq!(cluster.address(Role::Trainer), None);
    }
}
