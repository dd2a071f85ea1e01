//! Where parties listen and compute, and builds that differ.

use std::fs;
use std::net::TcpListener;

use crate::cluster::Cluster;
use crate::harness::{Running, folder, program, run, shared};

#[test]
fn a_party_behind_nat_listens_at_another_address_than_the_one_that_is_called() {
    let _turn = shared();
    let cluster = Cluster::new(20);
    // an address that leads here without being one of this machine's
    let public = cluster.text().replacen(&cluster.address(0), "203.0.113.5:7100", 1);
    fs::write(cluster.path("nat.toml"), public).unwrap();
    let refused = cluster.start_as("server0", "nat.toml", &[]).end();
    refused.failed(1, &["cannot listen at 203.0.113.5:7100", "--listen"]);
    // here the address of the file is right, and the dealer listens at all of this machine's
    let all = format!("0.0.0.0:{}", cluster.address(2).rsplit(':').next().unwrap());
    let zero = cluster.address(0);
    let mut parties = vec![
        cluster.start_as("dealer", "cluster.toml", &["--listen", &all]),
        cluster.start_as("server0", "cluster.toml", &["--listen", &zero]),
    ];
    parties.extend(cluster.serve(&["server1", "owner0", "owner1"]));
    cluster.train("trainer.key", "cluster.toml", &["-q", "--test-limit", "200"]).done();
    parties.into_iter().for_each(|party| assert_eq!(party.end().code, Some(0)));
}

#[test]
fn a_listen_address_that_is_none_is_an_error() {
    let cluster = Cluster::new(20);
    let ended = cluster.start_as("dealer", "cluster.toml", &["--listen", "nowhere"]).end();
    ended.failed(1, &["dealer: cannot listen at nowhere"]);
}

#[test]
fn an_adapter_that_nothing_uses_is_an_error() {
    let dir = folder();
    let says = ["--adapter nvidia requires --backend gpu"];
    for backend in ["cpu", "auto"] {
        run(dir.path(), &["train", "--backend", backend, "--adapter", "nvidia"]).failed(2, &says);
        run(dir.path(), &["plan", "--backend", backend, "--adapter", "nvidia"]).failed(2, &says);
    }
}

#[test]
fn a_software_adapter_is_called_so_and_mesa_keeps_quiet() {
    let _turn = shared();
    let dir = folder();
    let quiet = |args: &[&str]| {
        let mut command = program(dir.path(), args);
        command.env_remove("XDG_RUNTIME_DIR").env_remove("NODEVICE_SELECT");
        Running::start(&mut command).end()
    };
    let listed = quiet(&["adapters", "--json"]);
    assert_eq!(listed.err, "", "only what is ours");
    let software = listed.json().iter().position(|adapter| adapter["software"] == true);
    let Some(index) = software.map(|at| at.to_string()) else {
        println!("skipped: there is no software adapter here");
        return;
    };
    assert!(quiet(&["adapters"]).done().contains("not a GPU: software on the CPU"));
    let short = ["train", "-q", "--model", "logistic", "--train-limit", "64", "--steps", "1", "--reveal", "model"];
    let trained = quiet(&[&short[..], &["--backend", "gpu", "--adapter", &index]].concat());
    trained.done();
    let warned = trained.err.lines().filter(|line| line.contains("is not a GPU but software on the CPU")).count();
    assert!(warned == 1 && !trained.err.contains("error"), "{trained:?}");
}

#[test]
fn a_port_in_use_can_be_gone_around() {
    let _turn = shared();
    let cluster = Cluster::new(20);
    let _occupied = TcpListener::bind(cluster.address(1)).unwrap();
    let mut party = cluster.start_as("server1", "cluster.toml", &["--listen", "127.0.0.1:0"]);
    party.hear("waiting for a job");
}
