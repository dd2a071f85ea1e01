//! A run whose parties are started one by one, as on machines of their own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{Ended, Running, alone, end, folder, nobody_left, program, run, shared, signal};

/// The text of a cluster file: keys of server 0, server 1, dealer, trainer, owners; the trainer's seal; ports; deadline.
pub(crate) fn text(keys: &[String], seal: &str, ports: [u16; 3], deadline: u32) -> String {
    let mut text = format!("deadline_seconds = {deadline}\n");
    for ((name, port), key) in ["server0", "server1", "dealer"].iter().zip(ports).zip(keys) {
        text += &format!("[{name}]\naddress = \"127.0.0.1:{port}\"\nkey = \"{key}\"\n");
    }
    text += &format!("[trainer]\nkey = \"{}\"\nseal = \"{seal}\"\n", keys[3]);
    for key in &keys[4..] {
        text += &format!("[[owners]]\nkey = \"{key}\"\n");
    }
    text
}

/// A value that `ppdnn keygen` printed.
pub(crate) fn printed(out: &str, name: &str) -> String {
    let start = format!("{name} = \"");
    let line = out.lines().find_map(|l| l.strip_prefix(&start)).unwrap();
    line.trim_end_matches('"').to_owned()
}

/// Everybody but the trainer.
pub(crate) const ALL: [&str; 5] = ["server0", "server1", "dealer", "owner0", "owner1"];

const NAMES: [&str; 6] = ["server0", "server1", "dealer", "trainer", "owner0", "owner1"];

/// Keys and a cluster file, made with `ppdnn keygen`.
pub(crate) struct Cluster {
    folder: TempDir,
    keys: Vec<String>,
    seal: String,
    pub(crate) ports: [u16; 3],
    deadline: u32,
}

impl Cluster {
    pub(crate) fn new(deadline: u32) -> Self {
        let folder = folder();
        let made = NAMES.map(|name| {
            let ended = run(folder.path(), &["keygen", "--out", &format!("{name}.key")]);
            (printed(ended.done(), "key"), printed(ended.done(), "seal"))
        });
        // held together, so that they differ
        let held: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = [0, 1, 2].map(|i: usize| held[i].local_addr().unwrap().port());
        let cluster =
            Self { folder, seal: made[3].1.clone(), keys: made.map(|(key, _)| key).to_vec(), ports, deadline };
        fs::write(cluster.path("cluster.toml"), cluster.text()).unwrap();
        fs::write(cluster.path("policy.toml"), ppdnn::train::Policy::ANYTHING).unwrap();
        cluster
    }

    pub(crate) fn text(&self) -> String {
        text(&self.keys, &self.seal, self.ports, self.deadline)
    }

    /// Writes a file with other ports, as somebody behind another network has it.
    pub(crate) fn write(&self, name: &str, ports: [u16; 3]) {
        fs::write(self.path(name), text(&self.keys, &self.seal, ports, self.deadline)).unwrap();
    }

    /// The file with one key in place of another.
    fn other_file(&self, name: &str, from: usize, to: &str) -> String {
        fs::write(self.path(name), self.text().replace(&self.keys[from], to)).unwrap();
        name.into()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&self, role: &[&str], key: &str, file: &str) -> Running {
        // whole paths, so that what is left behind can be found by them
        let (file, key) = (self.path(file).display().to_string(), self.path(key).display().to_string());
        let args = [role, &["--cluster", &file, "--identity", &key]].concat();
        Running::start(&mut program(self.folder.path(), &args))
    }

    /// Starts a party by its name, with a cluster file and more options; owners have the policy of `policy.toml`, which allows
    /// everything until a test writes another.
    pub(crate) fn start_as(&self, name: &str, file: &str, more: &[&str]) -> Running {
        let args = match name {
            "server0" => vec!["server", "--id", "0"],
            "server1" => vec!["server", "--id", "1"],
            "owner0" => vec!["owner", "--number", "0", "--policy", "policy.toml"],
            "owner1" => vec!["owner", "--number", "1", "--policy", "policy.toml"],
            _ => vec!["dealer"],
        };
        self.start(&[&args, more].concat(), &format!("{name}.key"), file)
    }

    pub(crate) fn serve(&self, roles: &[&str]) -> Vec<Running> {
        roles.iter().map(|name| self.start_as(name, "cluster.toml", &[])).collect()
    }

    /// Starts a trainer with a job of a second.
    pub(crate) fn start_training(&self, key: &str, file: &str, more: &[&str]) -> Running {
        let args = ["train", "--model", "logistic", "--train-limit", "1000", "--epochs", "1", "--out", "out"];
        self.start(&[&args, more].concat(), key, file)
    }

    pub(crate) fn train(&self, key: &str, file: &str, more: &[&str]) -> Ended {
        self.start_training(key, file, more).end()
    }

    /// Starts a trainer with a job of minutes, and waits until it trains.
    pub(crate) fn in_training(&self) -> Running {
        let args = ["train", "--train-limit", "2000", "--epochs", "300", "--reveal", "none", "--out", "long", "--json"];
        let mut trainer = self.start(&args, "trainer.key", "cluster.toml");
        trainer.hear("\"progress\"");
        trainer
    }

    pub(crate) fn address(&self, at: usize) -> String {
        format!("127.0.0.1:{}", self.ports[at])
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

#[test]
fn parties_on_their_own_train_together() {
    let _turn = shared();
    let cluster = Cluster::new(60);
    // owners and trainer first: whoever calls waits for who listens
    let mut parties = cluster.serve(&["owner1", "owner0", "dealer", "server1", "server0"]);
    let ended = cluster.train("trainer.key", "cluster.toml", &["--json"]);
    let summary = ended.json().pop().unwrap();
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.3, "{summary}");
    for party in parties.drain(..) {
        let ended = party.end();
        assert!(ended.done().contains("key ") && ended.out.contains("done"), "{ended:?}");
    }
    let file = summary["model_file"].as_str().unwrap();
    run(cluster.folder(), &["evaluate", file]).done();
    nobody_left(cluster.folder(), Duration::ZERO);
}

#[test]
fn a_peer_with_another_key_than_the_file_says_is_named() {
    let _turn = shared();
    let cluster = Cluster::new(20);
    let parties = cluster.serve(&["server0", "server1"]);
    let file = cluster.other_file("other.toml", 1, &"7".repeat(64));
    let server1 = format!("server 1 at {}", cluster.address(1));
    cluster.train("trainer.key", &file, &[]).failed(1, &[&server1, "presents key", "cluster file"]);

    drop(parties);

    // a trainer that the servers' file does not list
    run(cluster.folder(), &["keygen", "--out", "stranger.key"]).done();
    let key = fs::read_to_string(cluster.path("stranger.key")).unwrap();
    let key = printed(&key, "fingerprint");
    let _server = cluster.serve(&["server0"]);
    let file = cluster.other_file("stranger.toml", 3, &key);
    let server0 = format!("server 0 at {}", cluster.address(0));
    cluster.train("stranger.key", &file, &[]).failed(1, &[&server0, "refuses our key", "cluster file"]);
}

#[test]
fn a_key_of_another_role_is_bad_usage() {
    let cluster = Cluster::new(20);
    let ended = cluster.start(&["server", "--id", "0"], "server1.key", "cluster.toml").end();
    ended.failed(2, &["our key is", "server 0"]);
    cluster.train("owner0.key", "cluster.toml", &[]).failed(2, &["our key is", "trainer"]);
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let cluster = Cluster::new(20);
    let _occupied = TcpListener::bind(cluster.address(0)).unwrap();
    let ended = cluster.serve(&["server0"]).remove(0).end();
    ended.failed(1, &[&format!("server 0: cannot listen at {}", cluster.address(0)), "another program listens there"]);
}

#[test]
fn a_party_that_is_not_there_is_named() {
    let _turn = alone();
    let cluster = Cluster::new(2);
    let ended = cluster.train("trainer.key", "cluster.toml", &[]);
    ended.failed(1, &[&format!("server 0 at {}", cluster.address(0)), "could not be reached", "start it"]);

    // owner 1 does not come: it is waited for until the trainer has enough
    let mut parties = cluster.serve(&["server0", "server1", "dealer"]);
    let _owner = cluster.serve(&["owner0"]);
    let mut trainer = cluster.start_training("trainer.key", "cluster.toml", &[]);
    trainer.hear("waiting for owner 1");
    signal(trainer.pid(), "INT");
    trainer.end().failed(130, &["interrupted"]);
    parties[0].hear("was stopped by its operator");
    parties.iter_mut().for_each(|party| party.hear("waiting for the next job"));
}

#[test]
fn a_server_killed_in_a_cluster_is_named_by_the_trainer() {
    let _turn = alone();
    let cluster = Cluster::new(20);
    let mut parties = cluster.serve(&ALL);
    let trainer = cluster.in_training();
    drop(parties.remove(1));
    let ended = trainer.end();
    ended.failed(1, &[&format!("server 1 at {}", cluster.address(1)), "connection was lost"]);
    for party in parties {
        assert!(party.end().code.is_some());
    }
    // the port is free at once: the next run can begin
    let ended = end(program(cluster.folder(), &["plan"]));
    ended.done();
}
