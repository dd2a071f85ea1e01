//! Runs that end before their last step, and which model they leave.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::harness::{Ended, Running, alone, folder, no_keys_left, nobody_left, program, run, shared, signal};

/// A long run that has reached an event.
fn until(folder: &Path, event: &str, more: &[&str]) -> Running {
    let mut running = Running::start(&mut program(folder, &[&["train", "--json", "--out", "out"], more].concat()));
    running.hear(event);
    running
}

const LONG: [&str; 6] = ["--model", "logistic", "--train-limit", "2000", "--epochs", "100000"];

fn summary(ended: &Ended) -> Value {
    let line = ended.out.lines().last().unwrap();
    let summary: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    assert_eq!(summary["event"], "summary", "{ended:?}");
    summary
}

#[test]
fn one_interrupt_ends_the_run_after_a_step_and_keeps_the_model() {
    let _turn = shared();
    for name in ["INT", "TERM"] {
        let dir = folder();
        let running = until(dir.path(), "\"epoch\":12,", &LONG);
        signal(running.pid(), name);
        let ended = running.end();
        ended.failed(130, &["interrupted after step", "of 1600000; out/model.safetensors is the model of this step"]);
        assert!(ended.out.contains("\"event\":\"interrupted\""), "{ended:?}");
        let summary = summary(&ended);
        let steps = summary["steps"].as_u64().unwrap();
        assert!((100..1_600_000).contains(&steps) && summary["interrupted"] == true, "{summary}");
        assert!(summary["test_accuracy"].is_null(), "the accuracy of this step is not known: {summary}");
        let saved = fs::read_to_string(dir.path().join("out/summary.json")).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&saved).unwrap()["steps"], steps);
        let score = run(dir.path(), &["evaluate", "out/model.safetensors", "--json"]).json().remove(0);
        assert!(score["test_accuracy"].as_f64().unwrap() > 0.3, "{score}");
        nobody_left(dir.path(), Duration::from_millis(100));
        no_keys_left(dir.path());
    }
}

#[test]
fn parties_of_a_cluster_are_done_where_the_trainer_ends_the_run() {
    let _turn = shared();
    let cluster = Cluster::new(60);
    let parties = cluster.serve(&["owner1", "owner0", "dealer", "server1", "server0"]);
    let args = [&["train", "--json", "--out", "out", "--patience", "1000"], &LONG[..]].concat();
    let mut trainer = cluster.start(&args, "trainer.key", "cluster.toml");
    trainer.hear("\"epoch\":12,");
    signal(trainer.pid(), "INT");
    let ended = trainer.end();
    ended.failed(130, &["interrupted after step", "out/model.safetensors is the best model so far, of epoch"]);
    for party in parties {
        assert!(party.end().done().contains("done"));
    }
    assert!(summary(&ended)["test_accuracy"].as_f64().unwrap() > 0.3, "that of the best epoch");
}

#[test]
fn an_interrupt_before_the_first_epoch_is_over_leaves_no_model() {
    let _turn = shared();
    let dir = folder();
    // 15,000 steps an epoch
    let running = until(dir.path(), "\"event\":\"progress\"", &["--model", "logistic", "--batch", "4"]);
    signal(running.pid(), "INT");
    let ended = running.end();
    ended.failed(130, &["interrupted after step", "the job reveals a model after step 15000 at the earliest"]);
    let summary = summary(&ended);
    let (steps, checked) = (summary["steps"].as_u64().unwrap(), &summary["steps_checked"]);
    assert!(steps < 15_000 && checked.is_null() && summary["out_of_range"].is_null(), "{summary}");
    assert!(summary["model_file"].is_null() && !dir.path().join("out/model.safetensors").exists());
}

#[test]
fn a_run_that_reveals_no_model_can_be_interrupted_too() {
    let _turn = shared();
    let dir = folder();
    let running = until(dir.path(), "\"event\":\"progress\"", &[&LONG[..], &["--reveal", "accuracy"]].concat());
    signal(running.pid(), "INT");
    running.end().failed(130, &["interrupted after step", "the job reveals no model"]);
}

#[test]
fn a_second_interrupt_ends_the_run_at_once() {
    let _turn = alone();
    let dir = folder();
    // a step of some seconds, so that the first is not enough
    let slow = ["--model", "lenet", "--train-limit", "1024", "--batch", "512", "--epochs", "50", "--reveal", "model"];
    let running = until(dir.path(), "\"event\":\"progress\"", &slow);
    signal(running.pid(), "INT");
    // what comes at once is the same, as that of `timeout` to a process and its group
    std::thread::sleep(Duration::from_millis(250));
    signal(running.pid(), "INT");
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(!dir.path().join("out/summary.json").exists(), "nothing was wound up");
    nobody_left(dir.path(), Duration::from_secs(5));
}

#[test]
fn an_early_stop_reveals_the_best_model_and_says_of_which_epoch() {
    let _turn = shared();
    let dir = folder();
    let stop = [
        "train",
        "--model",
        "logistic",
        "--train-limit",
        "600",
        "--batch",
        "16",
        "--epochs",
        "40",
        "--patience",
        "2",
        "--lr",
        "0.125",
        "--momentum",
        "0.9",
        "--schedule",
        "constant",
        "--out",
        "out",
        "--json",
        "--compare-clear",
    ];
    let lines = run(dir.path(), &stop).json();
    let known: Vec<f64> =
        lines.iter().filter(|l| l["event"] == "epoch").map(|l| l["test_accuracy"].as_f64().unwrap()).collect();
    let best = known.iter().copied().fold(0.0, f64::max);
    let epoch = known.iter().position(|accuracy| *accuracy == best).unwrap() + 1;
    let summary = lines.last().unwrap();
    assert_eq!((&summary["model_epoch"], &summary["test_accuracy"]), (&epoch.into(), &best.into()), "{known:?}");
    assert_eq!(known.len(), epoch + 2, "two epochs were no better");
    let score = run(dir.path(), &["evaluate", "out/model.safetensors", "--json"]).json().remove(0);
    let score = score["test_accuracy"].as_f64().unwrap();
    assert!((score - best).abs() < 0.004, "{score} is not the {best} of epoch {epoch} in {known:?}");
    let clear: Vec<&Value> = lines.iter().filter(|l| l["event"] == "clear").collect();
    assert_eq!(summary["clear_accuracy"], clear[epoch - 1]["test_accuracy"]);
    // the control: without an early stop it is the last model
    let last = ["train", "--model", "logistic", "--train-limit", "600", "--epochs", "2", "--out", "last", "--json"];
    let lines = run(dir.path(), &last).json();
    assert!(lines.last().unwrap()["model_epoch"].is_null());
}
