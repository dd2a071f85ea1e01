//! Runs that succeed.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Ended, folder, no_keys_left, nobody_left, run, shared};

fn train(folder: &Path, more: &[&str]) -> Ended {
    run(folder, &[&["train", "--train-limit", "2000", "--epochs", "1", "--out", "out"], more].concat())
}

/// The keys of an object, all of which must be there and no other.
#[track_caller]
fn keys(of: &Value, want: &[&str]) {
    let mut have: Vec<&str> = of.as_object().unwrap().keys().map(String::as_str).collect();
    let mut want = want.to_vec();
    have.sort_unstable();
    want.sort_unstable();
    assert_eq!(have, want);
}

#[test]
fn a_run_prints_its_figures_saves_its_model_and_costs_what_was_planned() {
    let _turn = shared();
    for (profile, more) in [("small", [].as_slice()), ("wide", &["--owners", "3", "--steps", "5"])] {
        let dir = folder();
        let ended = train(dir.path(), &[more, &["--json", "--profile", profile]].concat());
        let lines = ended.json();
        assert!(lines.iter().all(|line| line.is_object()) && ended.unwarned(), "{ended:?}");
        let summary = lines.last().unwrap();
        figures(summary, profile);
        let told = lines.iter().filter(|l| l["event"] == "summary").count();
        assert_eq!(told, 1, "one summary");
        nobody_left(dir.path(), std::time::Duration::ZERO);
        no_keys_left(dir.path());

        let plan = ["plan", "--json", "--train-limit", "2000", "--epochs", "1", "--profile", profile];
        let planned = run(dir.path(), &[&plan, more].concat()).json();
        for part in ["rounds_per_step", "bytes_per_step", "rounds_per_evaluation", "bytes_per_evaluation", "steps"] {
            assert_eq!(planned[0][part], summary[part], "{profile}: {part}");
        }
        assert_eq!(planned.len(), 1);

        let file = summary["model_file"].as_str().unwrap();
        let score = run(dir.path(), &["evaluate", file, "--json"]).json();
        let (private, clear) =
            (summary["test_accuracy"].as_f64().unwrap(), score[0]["test_accuracy"].as_f64().unwrap());
        // the private accuracy is that of the model rounded to 8 bits: ties aside, the same
        assert!((private - clear).abs() < 0.01, "{profile}: {private} on shares, {clear} in the clear");
        assert!(run(dir.path(), &["evaluate", file]).done().contains("10000 test rows"));
    }
}

fn figures(summary: &Value, profile: &str) {
    keys(
        summary,
        &[
            "event",
            "model",
            "dataset",
            "backend",
            "profile",
            "epochs",
            "steps",
            "resumed_from",
            "stopped_early",
            "interrupted",
            "model_epoch",
            "batch",
            "test_accuracy",
            "scored_accuracy",
            "scored_tolerance",
            "scored_squared_error",
            "clear_squared_error",
            "task",
            "faults",
            "figures",
            "out_of_range",
            "steps_checked",
            "epochs_out_of_range",
            "clear_accuracy",
            "clear_difference",
            "loss",
            "settings",
            "seconds",
            "seconds_per_step",
            "step_parts",
            "step_times",
            "rounds_per_step",
            "bytes_per_step",
            "rounds_per_evaluation",
            "bytes_per_evaluation",
            "peak_rss_mib",
            "cpu_seconds",
            "model_file",
        ],
    );
    keys(
        &summary["bytes_per_step"],
        &["server0_to_server1", "server1_to_server0", "dealer_to_server0", "dealer_to_server1"],
    );
    assert_eq!((&summary["event"], &summary["profile"]), (&"summary".into(), &profile.into()));
    assert_eq!((&summary["dataset"], &summary["backend"]), (&"mnist".into(), &"cpu".into()));
    assert!(summary["test_accuracy"].as_f64().unwrap() > 0.3, "{summary}");
    assert!(summary["out_of_range"] == 0 && summary["faults"].as_array().unwrap().is_empty(), "{summary}");
    for role in ["dealer", "owner0", "server0", "server1", "trainer"] {
        assert!(summary["peak_rss_mib"][role].as_f64().unwrap() > 1.0, "{role}");
        assert!(summary["cpu_seconds"][role].as_f64().unwrap() >= 0.0, "{role}");
    }
}

#[test]
fn only_what_is_listed_is_revealed() {
    let _turn = shared();
    for (reveal, accuracy, model) in [("accuracy", true, false), ("model", false, true), ("none", false, false)] {
        let dir = folder();
        let ended = train(dir.path(), &["--model", "logistic", "--reveal", reveal, "--json"]);
        assert_eq!(ended.err.contains("warning: --reveal none: nobody will see"), reveal == "none", "{ended:?}");
        let lines = ended.json();
        let summary = lines.last().unwrap();
        assert_eq!(summary["test_accuracy"].is_number(), accuracy, "{reveal}");
        assert_eq!(summary["model_file"].is_string(), model, "{reveal}");
        assert_eq!(dir.path().join("out/model.safetensors").exists(), model, "{reveal}");
        assert!(lines.iter().any(|l| l["event"] == "epoch"), "{reveal}");
    }
}

#[test]
fn figures_are_printed_and_in_the_summary_and_the_report() {
    let _turn = shared();
    let dir = folder();
    let listed = "accuracy,model,confusion,top5,squared-error";
    let ended = train(dir.path(), &["--model", "logistic", "--reveal", listed, "--quiet"]);
    for part in ["macro F1", "by class", "precision", "top-5 accuracy", "squared error", " per row"] {
        assert!(ended.out.contains(part), "`{part}` is not in {ended:?}");
    }
    let text = std::fs::read_to_string(dir.path().join("out/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&text).unwrap();
    let figures = &summary["figures"];
    let rows = figures["confusion"]["rows"].as_array().unwrap();
    let count = |row: &Value| row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    let all: u64 = rows.iter().map(count).sum();
    let right: u64 = (0..10).map(|class| rows[class][class].as_u64().unwrap()).sum();
    assert!((right as f64 / all as f64 - summary["test_accuracy"].as_f64().unwrap()).abs() < 1e-9, "{summary}");
    assert!(figures["top5_accuracy"].as_f64().unwrap() > summary["test_accuracy"].as_f64().unwrap());
    assert!(figures["roc"].is_null() && figures["squared_error"].as_f64().unwrap() < 1.0, "{summary}");
    let report = std::fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(report.contains("predicted 9") && report.contains("the confusion matrix"));
}

#[test]
fn a_quiet_run_prints_the_table_and_the_folder_holds_the_run() {
    let _turn = shared();
    let dir = folder();
    let ended = train(dir.path(), &["--model", "logistic", "--quiet", "--compare-clear"]);
    let table = ended.done();
    assert!(table.starts_with("test accuracy") && ended.unwarned(), "{ended:?}");
    for name in ["in the clear", "time", "traffic", "of all steps", "peak memory", "model               out/"] {
        assert!(table.contains(name), "{name} is not in\n{table}");
    }
    let percent = |row: usize| {
        let before = table.lines().nth(row).unwrap().split(" %").next().unwrap();
        before.split_whitespace().last().unwrap().parse::<f64>().unwrap()
    };
    // same batches, same initial weights: only rounding differs
    assert!((percent(0) - percent(2)).abs() < 2.0, "{table}");
    assert!(table.contains("saved model") && table.contains("values out of range none in the samples"), "{table}");
    for file in ["job.toml", "metrics.jsonl", "summary.json", "model.safetensors", "logs/server0.log"] {
        assert!(dir.path().join("out").join(file).is_file(), "{file}");
    }
    let summary = std::fs::read_to_string(dir.path().join("out/summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert!(summary["clear_accuracy"].is_number() && summary["clear_difference"].is_number());
    let metrics = std::fs::read_to_string(dir.path().join("out/metrics.jsonl")).unwrap();
    let clear =
        metrics.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()).find(|l| l["event"] == "clear").unwrap();
    assert_eq!((&clear["test_accuracy"], &clear["on_shares"]), (&summary["clear_accuracy"], &summary["test_accuracy"]));
    let apart = clear["test_accuracy"].as_f64().unwrap() - clear["on_shares"].as_f64().unwrap();
    assert!((summary["clear_difference"].as_f64().unwrap() - apart.abs()).abs() < 1e-9, "{summary}");
}

#[test]
fn without_out_every_run_gets_a_folder_of_its_own() {
    let _turn = shared();
    let dir = folder();
    for n in 1..=2 {
        let args = ["train", "--model", "logistic", "--train-limit", "300", "--steps", "1", "--reveal", "none", "-q"];
        run(dir.path(), &args).done();
        assert!(dir.path().join(format!("runs/logistic-mnist-{n}/summary.json")).is_file(), "run {n}");
    }
}
