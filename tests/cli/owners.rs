//! What owners let a trainer do with their rows, and what they refuse.

use std::fs;

use crate::cluster::{ALL, Cluster};
use crate::harness::{all_done, shared};

#[test]
fn an_owner_with_another_data_set_refuses_and_names_both() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    let mut parties = cluster.serve(&ALL);
    let trainer = cluster.train("trainer.key", "cluster.toml", &["--dataset", "fashion-mnist"]);
    assert_eq!(trainer.code, Some(1), "{trainer:?}");
    parties[3].hear("is about the data set `fashion-mnist`, but this owner has `mnist`");
}

#[test]
fn rows_that_the_cluster_file_agrees_on_are_enforced_by_everybody() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    let agreed = cluster.text().replacen("[[owners]]", "[[owners]]\ntrain_rows = 500\ntest_rows = 1000", 1);
    fs::write(cluster.path("agreed.toml"), &agreed).unwrap();
    let wrong = ["the job wants 5000 test rows of owner 0", "`test_rows` = 1000"];
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
    all_done(parties);
}

#[test]
fn a_party_whose_file_lists_another_key_or_seal_gets_an_error() {
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

/// A model file of `logistic` with weights of 0, as safetensors have it.
fn zeros() -> Vec<u8> {
    let head = r#"{"dense1.weight":{"dtype":"F32","shape":[784,10],"data_offsets":[0,31360]},"dense1.bias":{"dtype":"F32","shape":[10],"data_offsets":[31360,31400]}}"#;
    let head = format!("{head:width$}", width = head.len().next_multiple_of(8));
    [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &[0; 31_400]].concat()
}

#[test]
fn a_job_of_two_rows_and_one_step_is_refused_with_its_rule_unless_a_policy_allows_it() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    fs::write(cluster.path("zeros.safetensors"), zeros()).unwrap();
    let job = [
        "train",
        "--model",
        "logistic",
        "--out",
        "out",
        "--train-limit",
        "2",
        "--batch",
        "1",
        "--steps",
        "1",
        "--lr",
        "8",
        "--momentum",
        "0",
    ];
    let job = [&job[..], &["--init", "zeros.safetensors", "--no-shuffle", "--overwrite"]].concat();
    let train = || cluster.start(&job, "trainer.key", "cluster.toml").end();
    let mut parties = cluster.serve(&ALL[..3]);
    // the default policy, with its first rule taken back, and the next
    for (policy, rule) in [
        ("", "least_rows = 1000"),
        ("least_rows = 0", "least_step_rows = 16"),
        ("least_rows = 0\nleast_step_rows = 0", "least_steps = 100"),
    ] {
        fs::write(cluster.path("policy.toml"), policy).unwrap();
        let mut owners = cluster.serve(&ALL[3..]);
        let ended = train();
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("refuses the job") && ended.err.contains(rule), "{ended:?}");
        assert!(ended.err.contains("owner 0") || ended.err.contains("owner 1"), "{ended:?}");
        owners[0].hear("training: epochs 1, steps 1, rows per step 1, in the smallest step 1");
        owners[0].hear(rule);
    }
    // the control: the same job where a policy allows it
    fs::write(cluster.path("policy.toml"), ppdnn::train::Policy::ANYTHING).unwrap();
    parties.extend(cluster.serve(&ALL[3..]));
    let ended = train();
    ended.done();
    let model = fs::read(cluster.path("out/model.safetensors")).unwrap();
    assert!(model.len() > 31_400, "the model that is the row");
}

#[test]
fn an_owner_stays_for_the_next_attempt_where_another_refuses_the_job() {
    let _turn = shared();
    let cluster = Cluster::new(20);
    let mut parties = cluster.serve(&ALL[..4]);
    // owner 1 wants more rows than the first attempt has
    fs::write(cluster.path("more.toml"), "least_rows = 1200\nleast_steps = 1").unwrap();
    let owner = ["owner", "--number", "1", "--policy", "more.toml"];
    parties.push(cluster.start(&owner, "owner1.key", "cluster.toml"));
    let train = |rows: &str| {
        let job = ["train", "--model", "logistic", "--epochs", "1", "--out", "out", "--train-limit", rows];
        cluster.start(&job, "trainer.key", "cluster.toml").end()
    };
    train("1000").failed(1, &["refuses the job", "least_rows = 1200"]);
    parties[3].hear("rows uploaded; waiting for training to start");
    for party in &mut parties {
        party.hear("waiting for the next job");
    }
    train("1400").done();
    for party in parties {
        assert!(party.end().done().contains("done"));
    }
}

#[test]
fn an_invalid_policy_is_reported_before_the_owner_waits() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    for (policy, says) in [
        ("least_row = 5", "unknown field `least_row`"),
        ("dataset = \"no such set\"", "`dataset = \"no such set\"`, but this owner has \"mnist\""),
        ("train_rows = 70000", "`train_rows = 70000`, but mnist has 60000"),
        ("reveal = [\"everything\"]", "everything"),
    ] {
        fs::write(cluster.path("policy.toml"), policy).unwrap();
        let ended = cluster.serve(&["owner0"]).remove(0).end();
        ended.failed(1, &["policy.toml", says]);
        assert_eq!(ended.out, "", "{policy}");
    }
    let ended = cluster.start_as("owner0", "cluster.toml", &["--dataset", "no such set"]).end();
    ended.failed(2, &["unknown data set"]);
    assert_eq!(ended.out, "");
}

#[test]
fn a_review_prints_the_command_that_accepts_the_job() {
    let _turn = shared();
    let cluster = Cluster::new(10);
    let _parties = cluster.serve(&ALL[..3]);
    let mut owner = cluster.start_as("owner0", "cluster.toml", &["--review"]);
    let _other = cluster.start_as("owner1", "cluster.toml", &[]);
    let ended = cluster.train("trainer.key", "cluster.toml", &[]);
    ended.failed(1, &["only reviews the job; to take part: --accept ", "with the same --policy"]);
    assert!(!ended.err.contains("policy.toml"), "what an owner calls its files is its own affair: {ended:?}");
    owner.hear("to take part in this job, run:");
    owner.hear("ppdnn owner --number 0 --policy policy.toml ");
    owner.hear("the job ended before training started; waiting for the next job");
}
