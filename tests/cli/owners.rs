//! What owners let a trainer do with their rows, and what they refuse.

use std::fs;

use crate::cluster::Cluster;
use crate::harness::shared;

const ALL: [&str; 5] = ["server0", "server1", "dealer", "owner0", "owner1"];

#[test]
fn an_owner_with_another_data_set_refuses_and_names_both() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    let mut parties = cluster.serve(&ALL);
    let trainer = cluster.train("trainer.key", "cluster.toml", &["--dataset", "fashion-mnist"]);
    assert_eq!(trainer.code, Some(1), "{trainer:?}");
    parties[3].hear("is about the data set `fashion-mnist`, this owner brings `mnist`");
}

#[test]
fn rows_that_the_cluster_file_agrees_on_are_enforced_by_everybody() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    let agreed = cluster.text().replacen("[[owners]]", "[[owners]]\ntrain_rows = 500\ntest_rows = 1000", 1);
    fs::write(cluster.path("agreed.toml"), &agreed).unwrap();
    let wrong = ["the job wants 5000 rows of owner 0 to test on", "agrees on 1000"];
    // the trainer's own file
    cluster.train("trainer.key", "agreed.toml", &[]).failed(2, &wrong);
    // the file of one party, whichever it is
    for at in 0..4 {
        let file = |name: &str| if name == ALL[at] { "agreed.toml" } else { "cluster.toml" };
        let mut parties: Vec<_> = ALL.iter().map(|name| cluster.start_as(name, file(name), &[])).collect();
        let trainer = cluster.train("trainer.key", "cluster.toml", &[]);
        assert_eq!(trainer.code, Some(1), "{trainer:?}");
        parties[at].hear(wrong[0]);
        if at < 3 {
            assert!(trainer.err.contains(wrong[0]), "{trainer:?}");
        }
    }
    // the control: the numbers of the job
    let agreed = agreed.replace("test_rows = 1000", "test_rows = 5000");
    fs::write(cluster.path("cluster.toml"), agreed).unwrap();
    let parties = cluster.serve(&ALL);
    cluster.train("trainer.key", "cluster.toml", &[]).done();
    for party in parties {
        party.end().done();
    }
}

#[test]
fn a_party_whose_file_lists_another_key_or_seal_is_told_so() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    let mut other = cluster.text();
    let seal = other.find("seal = \"").unwrap() + "seal = \"".len();
    other.replace_range(seal..seal + 64, &"7".repeat(64));
    fs::write(cluster.path("other.toml"), other).unwrap();
    let _parties: Vec<_> = ALL[..3]
        .iter()
        .map(|name| cluster.start_as(name, if *name == "server1" { "other.toml" } else { "cluster.toml" }, &[]))
        .collect();
    let trainer = cluster.train("trainer.key", "cluster.toml", &[]);
    trainer.failed(1, &["server 1", "the same job", "sealing key"]);
}
