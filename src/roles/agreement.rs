//! What the parties of a run agree on before anything secret moves: the job, and who takes part.
//!
//! Every two parties compare one value. It is BLAKE3 in its mode derive_key, context `ppdnn 2026 agreement`, of
//!
//! | bytes | what, little-endian |
//! |---|---|
//! | 4 | the number of the wire protocol, [`PROTOCOL`] |
//! | 8, and as many as they say | the length of the job, the job |
//! | 4, and 32 times as many as they say | the number of keys; the fingerprints of server 0, server 1, dealer, trainer, owner 0, owner 1 and so on |
//! | 32 | the trainer's sealing key |
//!
//! The job's own hash goes with it, so that an error can say whether the job differs or the parties do. For a job of private
//! predictions the context is `ppdnn 2026 agreement on predictions`, the keys are those of server 0, server 1, dealer, client and
//! model owner, and the sealing key is the client's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
#[cfg(feature = "network")]
use crate::net::Cluster;
use crate::net::{Channel, Fingerprint, PROTOCOL, SealingKey};
#[cfg(feature = "network")]
use crate::peer::Role;
use crate::prediction::PredictionJob;
use crate::train::Job;

/// Who takes part in a run, as one party's cluster file has it.
#[derive(Clone, Debug)]
pub struct Parties {
    /// Server 0, server 1, dealer, who submits the job, owners in their order; none in a run of threads.
    keys: Vec<Fingerprint>,
    seal: SealingKey,
    /// The rows for training and for testing that the cluster file agrees on, by owner.
    rows: Vec<[Option<u32>; 2]>,
}

impl Parties {
    /// The parties of a training in a cluster file.
    ///
    /// # Errors
    /// [`Error::Usage`] if it lists none.
    #[cfg(feature = "network")]
    pub fn of(cluster: &Cluster) -> Result<Self> {
        let owners = &cluster.parts().owners;
        let mut parties = Self::listed(cluster, &[Role::Server(0), Role::Server(1), Role::Dealer, Role::Trainer])?;
        parties.keys.extend(owners.iter().map(|owner| owner.key));
        parties.rows = owners.iter().map(|owner| [owner.train_rows, owner.test_rows]).collect();
        Ok(parties)
    }

    /// The parties of private predictions in a cluster file.
    ///
    /// # Errors
    /// [`Error::Usage`] if it lists none.
    #[cfg(feature = "network")]
    pub fn of_predictions(cluster: &Cluster) -> Result<Self> {
        let roles = [Role::Server(0), Role::Server(1), Role::Dealer, Role::Client, Role::ModelOwner];
        Self::listed(cluster, &roles)
    }

    /// These roles, the fourth of which submits jobs.
    #[cfg(feature = "network")]
    fn listed(cluster: &Cluster, roles: &[Role]) -> Result<Self> {
        let submits = roles[3];
        let none = || Error::Usage(format!("the cluster file lists no {submits}; add its section to every copy"));
        let seal = cluster.sealing_key(submits).ok_or_else(none)?;
        let keys = roles.iter().filter_map(|role| cluster.fingerprint(*role)).collect();
        Ok(Self { keys, seal, rows: Vec::new() })
    }

    /// Threads of one process, which show no keys.
    pub fn threads(seal: SealingKey) -> Self {
        Self { keys: Vec::new(), seal, rows: Vec::new() }
    }

    /// The key that results are sealed to.
    pub fn sealing_key(&self) -> SealingKey {
        self.seal
    }

    /// The fingerprint of who submits the job, trainer or client; none in a run of threads.
    pub fn submitter(&self) -> Option<Fingerprint> {
        self.keys.get(3).copied()
    }

    /// Checks that a job has the owners and the numbers of rows that the cluster file agrees on.
    ///
    /// # Errors
    /// [`Error::Usage`] with both numbers.
    pub fn check(&self, job: &Job) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        if job.owners.len() != self.rows.len() {
            let (wants, lists) = (job.owners.len(), self.rows.len());
            return Err(Error::Usage(format!("the job has {wants} owners, but our cluster file lists {lists}")));
        }
        for (number, ([train, test], owned)) in self.rows.iter().zip(&job.owners).enumerate() {
            let rows = [("train", train, owned.train), ("test", test, owned.test)];
            for (what, agreed, wants) in rows {
                if let Some(agreed) = agreed.filter(|agreed| *agreed != wants) {
                    return Err(Error::Usage(format!(
                        "the job wants {wants} {what} rows of owner {number}, but our cluster file has `{what}_rows` = {agreed}; \
                         change the job, or agree on another number"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// What two parties compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// The job's hash.
    job: [u8; 32],
    /// The hash of job, parties and protocol.
    hash: [u8; 32],
}

impl Agreement {
    /// A party's own view of a run.
    pub fn new(job: &Job, parties: &Parties) -> Self {
        Self::on("ppdnn 2026 agreement", &job.to_bytes(), parties)
    }

    /// A party's own view of a session of private predictions.
    pub fn on_predictions(job: &PredictionJob, parties: &Parties) -> Self {
        Self::on("ppdnn 2026 agreement on predictions", &job.to_bytes(), parties)
    }

    fn on(context: &'static str, bytes: &[u8], parties: &Parties) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&PROTOCOL.to_le_bytes());
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        // a cluster has fewer than 2^32 owners, but for the four in front
        hasher.update(&u32::try_from(parties.keys.len()).unwrap_or(u32::MAX).to_le_bytes());
        parties.keys.iter().for_each(|key| {
            hasher.update(key.bytes());
        });
        hasher.update(parties.seal.bytes());
        Self { job: *blake3::hash(bytes).as_bytes(), hash: *hasher.finalize().as_bytes() }
    }

    /// The hash of job, parties and protocol.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Checks that a peer has the same.
    ///
    /// # Errors
    /// [`Error::Peer`]: whether the job differs, or the parties.
    pub(crate) fn check(&self, peer: &dyn Channel, theirs: &Self) -> Result<()> {
        let short = |hash: &[u8; 32]| hash[..4].iter().map(|b| format!("{b:02x}")).collect::<String>();
        let reason = if self.job != theirs.job {
            let (theirs, ours) = (short(&theirs.job), short(&self.job));
            format!("has job {theirs}, we have {ours}; start both from the same command")
        } else if self.hash != theirs.hash {
            "has the same job, but its cluster file lists another key or another sealing key than ours; give all \
             parties the same file"
                .into()
        } else {
            return Ok(());
        };
        Err(Error::peer(peer.peer(), reason))
    }
}

impl fmt::Display for Agreement {
    /// The hash in 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(feature = "network")]
#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fixed::Profile;
    use crate::net::{ClusterSpec, Identity, ListenerEntry, OwnerEntry, TrainerEntry, pair};
    use crate::nn::Model;
    use crate::train::Training;

    fn job() -> Job {
        Training::new(Model::dense("small", 4, &[3], 2).unwrap())
            .profile(Profile::small())
            .owners(2)
            .batch(2)
            .job(10, 5)
            .unwrap()
    }

    fn parts() -> ClusterSpec {
        let key = || Identity::generate().unwrap().fingerprint();
        let post = |port| ListenerEntry { address: format!("127.0.0.1:{port}"), key: key() };
        let seal = Identity::generate().unwrap().sealing_key();
        let owner = || OwnerEntry { key: key(), train_rows: None, test_rows: None };
        ClusterSpec {
            servers: [post(1), post(2)],
            dealer: post(3),
            trainer: Some(TrainerEntry { key: key(), seal }),
            owners: vec![owner(), owner()],
            prediction: None,
            deadline: Duration::from_secs(1),
        }
    }

    fn parties(parts: ClusterSpec) -> Parties {
        Parties::of(&Cluster::new(parts).unwrap()).unwrap()
    }

    #[test]
    fn another_job_and_any_other_key_are_told_apart() {
        let parts = parts();
        let other = Identity::generate().unwrap();
        let ours = Agreement::new(&job(), &parties(parts.clone()));
        let (link, _peer) = pair("server 0", "server 1");
        ours.check(&link, &Agreement::new(&job(), &parties(parts.clone()))).unwrap();
        let reason = |theirs: Agreement| ours.check(&link, &theirs).unwrap_err().to_string();
        let another = Job { seed: 7, ..job() };
        assert!(reason(Agreement::new(&another, &parties(parts.clone()))).contains("server 1: has job"));
        let changes: [&dyn Fn(&mut ClusterSpec); 7] = [
            &|p| p.servers[0].key = other.fingerprint(),
            &|p| p.servers[1].key = other.fingerprint(),
            &|p| p.dealer.key = other.fingerprint(),
            &|p| p.trainer.as_mut().unwrap().key = other.fingerprint(),
            &|p| p.trainer.as_mut().unwrap().seal = other.sealing_key(),
            &|p| p.owners[1].key = other.fingerprint(),
            &|p| p.owners.swap(0, 1),
        ];
        for change in changes {
            let mut parts = parts.clone();
            change(&mut parts);
            let reason = reason(Agreement::new(&job(), &parties(parts)));
            assert!(reason.contains("server 1: has the same job") && reason.contains("sealing key"), "{reason}");
        }
    }

    #[test]
    fn rows_and_owners_that_were_agreed_are_those_of_the_job() {
        let mut parts = parts();
        parts.owners[1].train_rows = Some(5);
        parties(parts.clone()).check(&job()).unwrap();
        parts.owners[1].test_rows = Some(2);
        let reason = parties(parts.clone()).check(&job()).unwrap_err().to_string();
        assert!(reason.contains("wants 3 test rows of owner 1, but our cluster file has `test_rows` = 2"), "{reason}");
        parts.owners.truncate(1);
        let reason = parties(parts).check(&job()).unwrap_err().to_string();
        assert!(reason.contains("has 2 owners, but our cluster file lists 1"), "{reason}");
    }
}
