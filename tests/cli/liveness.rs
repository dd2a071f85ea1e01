//! Parties that work are not taken for dead, parties that come late are waited for, parties that are stopped say so.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{ALL, Cluster};
use crate::harness::{Running, all_done, alone, prepare, program, run, signal};
use crate::relay::{Weakness, relay};

#[test]
fn an_evaluation_longer_than_three_deadlines_is_waited_for() {
    let _turn = alone();
    let folder = crate::harness::folder();
    // one batch of an evaluation alone takes longer than the deadline where the machine is busy
    let args =
        ["train", "--model", "lenet", "--train-limit", "32", "--test-limit", "700", "--batch", "32", "--epochs", "1"];
    let more = ["--deadline", "1", "--out", "out", "--json"];
    let ended = run(folder.path(), &[&args[..], &more].concat());
    let events = ended.json();
    let evaluated = events.iter().rfind(|e| e["event"] == "evaluation").expect("an evaluation tells how far it is");
    assert_eq!(evaluated["of"], 700);
}

#[test]
fn corrections_over_a_thin_link_are_waited_for() {
    let _turn = alone();
    let cluster = Cluster::new(2);
    let thin = relay(cluster.ports[2], Weakness::Thin(1_000_000));
    cluster.write("thin.toml", [cluster.ports[0], cluster.ports[1], thin]);
    let _servers = [0, 1]
        .map(|id: usize| cluster.start(&["server", "--id", &id.to_string()], &format!("server{id}.key"), "thin.toml"));
    let _others = cluster.serve(&["dealer", "owner0", "owner1"]);
    // 17 MB of corrections take 17 s
    cluster.train("trainer.key", "cluster.toml", &["--test-limit", "10000"]).done();
}

#[test]
fn idle_connections_stay_in_the_memory_of_the_network() {
    let _turn = alone();
    let cluster = Cluster::new(8);
    let forgetful = cluster.ports.map(|port| relay(port, Weakness::Forgets(Duration::from_secs(4))));
    cluster.write("owner.toml", forgetful);
    let _servers = cluster.serve(&["server0", "server1", "dealer"]);
    let _owners = ["owner0", "owner1"].map(|name| cluster.start_as(name, "owner.toml", &[]));
    thread::sleep(Duration::from_secs(10));
    cluster.train("trainer.key", "cluster.toml", &[]).done();
}

#[test]
fn an_attempt_that_lacks_a_party_leaves_the_others_waiting() {
    let _turn = alone();
    let cluster = Cluster::new(3);
    let mut early = cluster.serve(&["server0", "dealer", "owner0", "owner1"]);
    let ended = cluster.train("trainer.key", "cluster.toml", &[]);
    ended.failed(1, &["server 1 at", "could not be reached", "start it"]);
    early[0].hear("waiting for the next job");
    early.extend(cluster.serve(&["server1"]));
    cluster.train("trainer.key", "cluster.toml", &["--overwrite"]).done();
    all_done(early);
}

#[test]
fn an_owner_that_comes_after_many_deadlines_finds_the_job_waiting() {
    let _turn = alone();
    let cluster = Cluster::new(1);
    let mut parties = cluster.serve(&["server0", "server1", "dealer", "owner0"]);
    let mut trainer = cluster.start_training("trainer.key", "cluster.toml", &[]);
    trainer.hear("waiting for owner 1");
    thread::sleep(Duration::from_secs(3));
    parties.extend(cluster.serve(&["owner1"]));
    trainer.end().done();
    all_done(parties);
}

#[test]
fn services_stay_for_several_jobs_and_say_that_they_are_busy() {
    let _turn = alone();
    let cluster = Cluster::new(20);
    let parties = ALL.map(|name| cluster.start_as(name, "cluster.toml", &["--jobs", "2"]));
    let long = cluster.in_training();
    let second = cluster.train("trainer.key", "cluster.toml", &[]);
    second.failed(1, &["server 0 at", "is busy with another job"]);
    assert!(second.took < Duration::from_secs(15), "{second:?}");
    signal(long.pid(), "INT");
    long.end();
    cluster.train("trainer.key", "cluster.toml", &["--overwrite"]).done();
    for party in parties {
        assert!(party.end().out.contains("job 1"));
    }
}

#[test]
fn an_owner_that_is_started_twice_gets_an_error() {
    let _turn = alone();
    let cluster = Cluster::new(20);
    let parties = cluster.serve(&ALL);
    thread::sleep(Duration::from_secs(1));
    let twin = cluster.serve(&["owner0"]).remove(0).end();
    twin.failed(1, &["server 0 at", "already has owner 0", "started twice"]);
    cluster.train("trainer.key", "cluster.toml", &[]).done();
    all_done(parties);
}

#[test]
fn a_party_that_is_stopped_ends_at_once_and_its_peers_say_who() {
    let _turn = alone();
    for (at, name) in [(1, "INT"), (2, "TERM")] {
        let cluster = Cluster::new(20);
        let mut parties = cluster.serve(&ALL);
        let trainer = cluster.in_training();
        let (stopped, when) = (parties.remove(at), Instant::now());
        signal(stopped.pid(), name);
        stopped.end().failed(130, &["interrupted"]);
        assert!(when.elapsed() < Duration::from_secs(10), "{:?}", when.elapsed());
        let who = ["server 0", "server 1", "dealer"][at];
        trainer.end().failed(1, &[who, "was stopped by its operator"]);
    }
}

#[test]
fn a_role_that_waits_ends_at_a_signal_as_process_1_too() {
    let _turn = alone();
    let cluster = Cluster::new(20);
    let args = ["--fork", "--pid", "--mount-proc", env!("CARGO_BIN_EXE_ppdnn")];
    let mut command = Command::new("unshare");
    prepare(&mut command, cluster.folder());
    command.args(args).args(["server", "--id", "0", "--cluster"]).arg(cluster.path("cluster.toml"));
    let mut role = Running::start(command.arg("--identity").arg(cluster.path("server0.key")));
    if !Command::new("unshare").args(["--fork", "--pid", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: processes may not be unshared here");
        return;
    }
    role.hear("waiting for a job");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", role.pid())).unwrap();
    signal(children.trim().parse().unwrap(), "TERM");
    let ended = role.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
}

#[test]
fn a_hundred_owners_of_a_row_each_fit_on_a_machine() {
    let _turn = alone();
    let folder = crate::harness::folder();
    let args = [
        "train",
        "--model",
        "logistic",
        "--train-limit",
        "40",
        "--test-limit",
        "40",
        "--owners",
        "40",
        "--batch",
        "32",
    ];
    let ended = run(folder.path(), &[&args[..], &["--epochs", "1", "--out", "out", "--json"]].concat());
    let summary = ended.json().pop().unwrap();
    let owner = summary["peak_rss_mib"]["owner39"].as_f64().unwrap();
    assert!(owner < 60.0, "an owner of one row takes {owner} MiB");
}

#[test]
fn too_few_file_handles_are_named_with_what_to_do() {
    let folder = crate::harness::folder();
    let mut command = Command::new("sh");
    prepare(&mut command, folder.path());
    let program = program(folder.path(), &[]).get_program().to_owned();
    let line = format!(
        "ulimit -n 24; exec {} train --model logistic --train-limit 100 --epochs 1 --owners 3",
        program.display()
    );
    let ended = Running::start(command.args(["-c", &line])).end();
    ended.failed(1, &["limit of open files", "ulimit -n"]);
}
