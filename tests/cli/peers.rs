//! What strangers and peers may do to a party, and what a party keeps to itself.

use std::collections::VecDeque;
use std::fs;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::harness::{alone, folder, run, shared};

/// The value of a limit of a process, as Linux shows it: `soft hard`.
fn limit(pid: u32, name: &str) -> String {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_job_runs_while_a_thousand_idle_connections_are_open() {
    let _turn = alone();
    let cluster = Cluster::new(60);
    let parties = cluster.serve(&["dealer", "server1", "server0"]);
    let addresses = [0, 1, 2].map(|at| cluster.address(at));
    let files: usize = limit(std::process::id(), "Max open files").split(' ').next().unwrap().parse().unwrap();
    let most = 1000.min(files.saturating_sub(200));
    assert!(most > 500, "{most} connections");
    let (stop, full) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        // to all that listen; whoever is hung up on calls again
        scope.spawn(|| {
            let mut idle = VecDeque::new();
            for address in addresses.iter().cycle() {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                idle.extend(TcpStream::connect(address));
                if idle.len() > most {
                    full.store(true, Ordering::SeqCst);
                    idle.pop_front();
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
        while !full.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
        let owners = cluster.serve(&["owner0", "owner1"]);
        let ended = cluster.train("trainer.key", "cluster.toml", &["--json"]);
        stop.store(true, Ordering::SeqCst);
        let summary = ended.json().pop().unwrap();
        assert!(summary["test_accuracy"].as_f64().unwrap() > 0.3, "{summary}");
        for party in parties.into_iter().chain(owners) {
            party.end().done();
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn no_role_leaves_a_core_dump() {
    let _turn = shared();
    let cluster = Cluster::new(60);
    for mut party in cluster.serve(&["server0", "server1", "dealer"]) {
        party.hear("key ");
        assert_eq!(limit(party.pid(), "Max core file size"), "0 0");
    }
    // the control: where nobody asks, it is another
    assert_ne!(limit(std::process::id(), "Max core file size"), "0 0");
}

#[test]
fn a_job_beyond_the_memory_of_a_server_is_refused_before_it_starts() {
    let _turn = shared();
    let cluster = Cluster::new(30);
    let mut parties = cluster.serve(&["server0", "dealer", "owner0", "owner1"]);
    let server1 = ["server", "--id", "1", "--memory-limit", "20MiB"];
    parties.push(cluster.start(&server1, "server1.key", "cluster.toml"));
    let ended = cluster.train("trainer.key", "cluster.toml", &[]);
    ended.failed(1, &["server 1", "the job needs an estimated", "20 MiB is allowed", "--batch", "--memory-limit"]);

    // on one machine, all roles together count
    let dir = folder();
    let args = ["train", "--train-limit", "1000", "--epochs", "1", "--out", "out", "--memory-limit", "100MiB"];
    run(dir.path(), &args).failed(1, &["server0: ", "100 MiB is allowed"]);
    run(dir.path(), &["train", "--memory-limit", "much"]).failed(2, &["expected a number with a unit"]);
}
