//! The text of a cluster file, and of a configuration, which is one with the party's own section `[party]`.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Display;
use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::cluster::{ClusterSpec, ListenerEntry, OwnerEntry, TrainerEntry};
use super::fingerprint::Fingerprint;
use super::memory::{DEADLINE, whole_seconds};
use super::party_entry::PartyEntry;
use super::seal::SealingKey;
use crate::peer::Role;

/// The file as it is read, with places for messages. Sections may be missing until [`ClusterFile::parts`] asks for them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterFile {
    deadline_seconds: Option<u32>,
    /// What the party of a configuration sets for itself; none of the cluster's business.
    party: Option<IgnoredAny>,
    server0: Option<FileParty>,
    server1: Option<FileParty>,
    dealer: Option<FileParty>,
    trainer: Option<FileParty>,
    #[serde(default)]
    owners: Vec<FileParty>,
    client: Option<FileParty>,
    model_owner: Option<FileParty>,
}

/// A party's section. Which of the fields it may have depends on its role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileParty {
    pub(super) key: Spanned<String>,
    pub(super) address: Option<Spanned<String>>,
    pub(super) seal: Option<Spanned<String>>,
    pub(super) number: Option<Spanned<u32>>,
    pub(super) train_rows: Option<Spanned<u32>>,
    pub(super) test_rows: Option<Spanned<u32>>,
}

/// A text, or what is wrong with it.
type Read<T> = Result<T, String>;

impl ClusterFile {
    pub(super) fn read(text: &str) -> Read<Self> {
        toml::from_str(text).map_err(|e| {
            let hint = "the sections are server0, server1, dealer, trainer and, once per owner, [[owners]]; for predictions, \
                        client and model_owner";
            match e.span() {
                Some(span) => format!("line {}: {}; {hint}", line(text, span.start), e.message()),
                None => format!("{}; {hint}", e.message()),
            }
        })
    }

    /// The sections that are there, with their roles; owners as they are numbered.
    pub(super) fn sections(&self) -> impl Iterator<Item = (Role, &FileParty)> {
        let named = [
            (Role::Server(0), &self.server0),
            (Role::Server(1), &self.server1),
            (Role::Dealer, &self.dealer),
            (Role::Trainer, &self.trainer),
            (Role::Client, &self.client),
            (Role::ModelOwner, &self.model_owner),
        ];
        let owners = (0..).zip(&self.owners).map(|(place, owner): (u32, _)| {
            (Role::Owner(owner.number.as_ref().map_or(place, |number| *number.as_ref())), owner)
        });
        named.into_iter().filter_map(|(role, section)| Some((role, section.as_ref()?))).chain(owners)
    }

    /// The parties that are there, each checked by itself.
    pub(super) fn entries(&self, text: &str) -> Read<Vec<PartyEntry>> {
        self.numbered()?;
        self.sections().map(|(role, section)| section.entry(role, text)).collect()
    }

    /// What a cluster is made of; all of it has to be there.
    pub(super) fn parts(self, text: &str) -> Read<ClusterSpec> {
        let entries = self.entries(text)?;
        let find = |role: Role| entries.iter().find(|entry| entry.role == role);
        let known: HashSet<Role> = entries.iter().map(|entry| entry.role).collect();
        let missing: Vec<Role> = self.wanted(&known).into_iter().filter(|role| !known.contains(role)).collect();
        if !missing.is_empty() {
            return Err(self.asks_for(&missing));
        }
        let post = |role| {
            let PartyEntry { address, key, .. } = find(role).expect("none is missing").clone();
            ListenerEntry { address: address.expect("a party that listens has an address"), key }
        };
        let sealed = |entry: &PartyEntry| TrainerEntry {
            key: entry.key,
            seal: entry.seal.expect("one that is sealed to has a sealing key"),
        };
        let mut owners: Vec<&PartyEntry> = entries.iter().filter(|e| matches!(e.role, Role::Owner(_))).collect();
        owners.sort_by_key(|entry| entry.role);
        let owner = |entry: &PartyEntry| {
            let [train_rows, test_rows] = entry.rows;
            OwnerEntry { key: entry.key, train_rows, test_rows }
        };
        Ok(ClusterSpec {
            servers: [post(Role::Server(0)), post(Role::Server(1))],
            dealer: post(Role::Dealer),
            trainer: find(Role::Trainer).map(sealed),
            owners: owners.into_iter().map(owner).collect(),
            prediction: find(Role::Client).map(sealed).zip(find(Role::ModelOwner).map(|owner| owner.key)),
            deadline: self.deadline_seconds.map_or(DEADLINE, |s| Duration::from_secs(u64::from(s))),
        })
    }

    /// The parties that must be there, given those that are.
    fn wanted(&self, known: &HashSet<Role>) -> BTreeSet<Role> {
        let mut wanted = BTreeSet::from([Role::Server(0), Role::Server(1), Role::Dealer]);
        let predicts = known.contains(&Role::Client) || known.contains(&Role::ModelOwner);
        if predicts {
            wanted.extend([Role::Client, Role::ModelOwner]);
        }
        let owners = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        // a configuration is not finished before it knows whom to work for; of a file, the cluster says it
        let starts = self.party.is_some() && (known.contains(&Role::Trainer) || !predicts);
        if owners > 0 || starts {
            wanted.insert(Role::Trainer);
            wanted.extend((0..owners.max(1)).map(Role::Owner));
        }
        wanted
    }

    /// What to do about parties that are missing.
    fn asks_for(&self, missing: &[Role]) -> String {
        let list = |name: fn(Role) -> String| missing.iter().map(|role| name(*role)).collect::<Vec<_>>().join(", ");
        let verb = if missing.len() == 1 { "is" } else { "are" };
        if self.party.is_some() {
            return format!(
                "{} {verb} not known yet: get the .party files of all parties and run `ppdnn keys trust FILE..`",
                list(|role| role.to_string())
            );
        }
        let section = |role: Role| match role {
            Role::Owner(number) => format!("[[owners]] of number {number}"),
            role => format!("[{}]", role.slug().replace('-', "_")),
        };
        format!("{} {verb} missing; add a section for each: {}", list(|role| role.to_string()), list(section))
    }

    /// That owners who have numbers have numbers of their own, and all of them.
    fn numbered(&self) -> Read<()> {
        let mut numbers: Vec<u32> =
            self.owners.iter().filter_map(|owner| Some(*owner.number.as_ref()?.as_ref())).collect();
        if !numbers.is_empty() && numbers.len() < self.owners.len() {
            return Err("some [[owners]] have a `number` and others have none; give all of them one, or none".into());
        }
        numbers.sort_unstable();
        match numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two [[owners]] have the number {}; each has its own, from 0", pair[0])),
            None => Ok(()),
        }
    }
}

impl FileParty {
    fn entry(&self, role: Role, text: &str) -> Read<PartyEntry> {
        let key = Fingerprint::parse(self.key.as_ref()).map_err(|e| misplaced(text, &self.key, role, "key", &e))?;
        let sealing = |seal: &Spanned<String>| {
            SealingKey::parse(seal.as_ref()).map_err(|e| misplaced(text, seal, role, "seal", &e))
        };
        let rows = [&self.train_rows, &self.test_rows].map(|rows| rows.as_ref().map(|rows| *rows.as_ref()));
        let entry = PartyEntry {
            role,
            address: self.address.as_ref().map(|address| address.as_ref().clone()),
            key,
            seal: self.seal.as_ref().map(sealing).transpose()?,
            rows,
        };
        if self.number.is_some() && !matches!(role, Role::Owner(_)) {
            return Err(format!("{role}: `number` belongs to [[owners]]; remove it"));
        }
        entry.check().map_err(|(field, what)| format!("{role}: `{field}` {what}"))?;
        Ok(entry)
    }
}

fn misplaced(text: &str, value: &Spanned<String>, role: Role, field: &str, what: &dyn Display) -> String {
    format!("line {}, {role}, `{field}`: {what}", line(text, value.span().start))
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// The file as it is written.
#[derive(Serialize)]
pub(super) struct WrittenCluster {
    deadline_seconds: u64,
    server0: WrittenPost,
    server1: WrittenPost,
    dealer: WrittenPost,
    #[serde(skip_serializing_if = "Option::is_none")]
    trainer: Option<WrittenTrainer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<WrittenTrainer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_owner: Option<WrittenModelOwner>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owners: Vec<WrittenOwner>,
}

#[derive(Serialize)]
struct WrittenPost {
    address: String,
    key: String,
}

#[derive(Serialize)]
struct WrittenTrainer {
    key: String,
    seal: String,
}

#[derive(Serialize)]
struct WrittenModelOwner {
    key: String,
}

#[derive(Serialize)]
struct WrittenOwner {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    train_rows: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_rows: Option<u32>,
}

impl From<&ClusterSpec> for WrittenCluster {
    fn from(parts: &ClusterSpec) -> Self {
        let post = |post: &ListenerEntry| WrittenPost { address: post.address.clone(), key: post.key.to_string() };
        let sealed = |entry: TrainerEntry| WrittenTrainer { key: entry.key.to_string(), seal: entry.seal.to_string() };
        let owner = |owner: &OwnerEntry| WrittenOwner {
            key: owner.key.to_string(),
            train_rows: owner.train_rows,
            test_rows: owner.test_rows,
        };
        Self {
            deadline_seconds: whole_seconds(parts.deadline),
            server0: post(&parts.servers[0]),
            server1: post(&parts.servers[1]),
            dealer: post(&parts.dealer),
            trainer: parts.trainer.map(sealed),
            client: parts.prediction.map(|(client, _)| sealed(client)),
            model_owner: parts.prediction.map(|(_, key)| WrittenModelOwner { key: key.to_string() }),
            owners: parts.owners.iter().map(owner).collect(),
        }
    }
}
