//! A campaign of faults: processes that are killed or stopped, links that are cut, stall, half-close, or change what they carry.
//!
//! A cluster's job goes on through all of them: its trainer waits for whoever is gone and resumes; a trainer that is killed is started
//! again with `--resume`. In the end the job has done all its steps and is as good as one that nothing happened to.
//!
//! `PPDNN_FAULTS=200 PPDNN_SEED=1 cargo test --release --test cli -- --ignored campaign` is a long one.

use std::env;
use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cluster::Cluster;
use crate::harness::{Running, alone, program, signal};
use crate::relay::{Accident, Network};

/// The parties that listen, and the numbers of their networks.
const PARTIES: [&str; 3] = ["server0", "server1", "dealer"];

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(usize),
    KillTrainer,
    /// A process hangs for longer than a deadline.
    Hang(usize),
    Link(usize, Accident),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(at) => write!(f, "{} is killed", PARTIES[*at]),
            Self::KillTrainer => f.write_str("the trainer is killed"),
            Self::Hang(at) => write!(f, "{} hangs", PARTIES[*at]),
            Self::Link(at, accident) => write!(f, "{accident:?} on the links to {}", PARTIES[*at]),
        }
    }
}

/// Numbers of a seed (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }

    fn fault(&mut self) -> Fault {
        let at = usize::try_from(self.below(3)).unwrap();
        match self.below(9) {
            0 | 1 => Fault::Kill(at),
            2 => Fault::KillTrainer,
            3 => Fault::Hang(at),
            4 => Fault::Link(at, Accident::Cut),
            5 => Fault::Link(at, Accident::Flip),
            6 => Fault::Link(at, Accident::HalfClose),
            7 => Fault::Link(at, Accident::Reorder),
            _ => Fault::Link(at, Accident::Stall(500 + u32::try_from(self.below(4000)).unwrap())),
        }
    }
}

/// A cluster behind networks that have accidents, in the middle of a job.
struct Campaign {
    cluster: Cluster,
    networks: Vec<Network>,
    parties: Vec<Running>,
    trainer: Running,
    /// All that trainers said.
    said: String,
}

const JOB: [&str; 12] = [
    "train",
    "--train-limit",
    "3200",
    "--test-limit",
    "500",
    "--checkpoint-steps",
    "1",
    "--json",
    "--out",
    "out",
    "--momentum",
    "0.5",
];

impl Campaign {
    /// A job of so many epochs.
    fn start(epochs: u32) -> Self {
        let cluster = Cluster::new(2);
        let networks: Vec<_> = cluster.ports.into_iter().map(Network::before).collect();
        cluster.write("cluster.toml", [0, 1, 2].map(|at: usize| networks[at].port));
        let parties = (0..3).map(|at| serve(&cluster, at)).collect();
        let owners = cluster.serve(&["owner0", "owner1"]);
        let epochs = epochs.to_string();
        let mut trainer = cluster.start(&[&JOB[..], &["--epochs", &epochs]].concat(), "trainer.key", "cluster.toml");
        trainer.hear("\"checkpoint\"");
        for owner in owners {
            owner.end().done();
        }
        Self { cluster, networks, parties, trainer, said: String::new() }
    }

    /// Waits until the job has come further.
    fn come_further(&mut self) {
        let before = self.trainer.heard().matches("\"checkpoint\"").count();
        self.trainer.hear_times("\"checkpoint\"", before + 1);
    }

    fn suffer(&mut self, fault: Fault) {
        match fault {
            Fault::Kill(at) => {
                let killed = self.parties.remove(at);
                signal(killed.pid(), "KILL");
                killed.end();
                self.parties.insert(at, serve(&self.cluster, at));
            }
            Fault::KillTrainer => {
                signal(self.trainer.pid(), "KILL");
                let args = ["train", "--resume", "out", "--json"];
                let again = Running::start(&mut program(self.cluster.folder(), &args));
                let killed = std::mem::replace(&mut self.trainer, again);
                self.said += &killed.end().out;
            }
            Fault::Hang(at) => {
                signal(self.parties[at].pid(), "STOP");
                sleep(Duration::from_millis(4500));
                signal(self.parties[at].pid(), "CONT");
            }
            Fault::Link(at, accident) => {
                self.networks[at].suffer(accident);
            }
        }
    }

    /// The figures of the job, which comes to its end.
    fn end(mut self) -> Value {
        self.trainer.hear("\"event\":\"summary\"");
        let ended = self.trainer.end();
        ended.done();
        ended.json().pop().unwrap()
    }
}

/// Starts a party that listens.
fn serve(cluster: &Cluster, at: usize) -> Running {
    let (name, listen) = (PARTIES[at], cluster.address(at));
    let state = cluster.path(&format!("{name}.state")).display().to_string();
    let mut more = vec!["--state", state.as_str(), "--jobs", "forever", "--listen", listen.as_str()];
    if name != "dealer" {
        more.extend(["--checkpoint-steps", "1"]);
    }
    cluster.start_as(name, "cluster.toml", &more)
}

/// Lets so many faults happen, each once the job has come further since the one before.
fn campaign(faults: u32, seed: u64) {
    let mut numbers = Numbers(seed);
    // a checkpoint after every 25 or 32 steps; more epochs than faults leave the job time to end by itself
    let epochs = 3 * faults + 15;
    let mut job = Campaign::start(epochs);
    eprintln!("{faults} faults of seed {seed}");
    let start = Instant::now();
    for number in 1..=faults {
        let (fault, moment) = (numbers.fault(), numbers.below(300));
        sleep(Duration::from_millis(moment));
        eprintln!("{:>6.1} s  fault {number}: {fault}", start.elapsed().as_secs_f64());
        job.suffer(fault);
        job.come_further();
    }
    let summary = job.end();
    assert_eq!(summary["steps"], u64::from(epochs) * 25, "{summary}");
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.8, "{summary}");
    assert_eq!(summary["out_of_range"], 0, "{summary}");
}

#[test]
fn a_job_survives_a_few_faults() {
    let _turn = alone();
    campaign(6, 1);
}

#[test]
#[ignore = "minutes: PPDNN_FAULTS=200 PPDNN_SEED=1 cargo test --release --test cli -- --ignored campaign"]
fn a_job_survives_a_campaign() {
    let number = |name: &str, otherwise: u64| env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    campaign(u32::try_from(number("PPDNN_FAULTS", 200)).unwrap(), number("PPDNN_SEED", 1));
}
