//! Runs whose values leave their range: never a success, never without a word.

use serde_json::Value;

use crate::harness::{folder, run, shared};

/// What a run printed as JSON, however it ended.
fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_rate_that_makes_values_overflow_triggers_a_warning_and_the_run_fails_with_layers_epoch_and_advice() {
    let _turn = shared();
    for (rate, rows) in [("1", "2000"), ("2", "1000"), ("8", "1000")] {
        let dir = folder();
        let args =
            ["train", "--train-limit", rows, "--epochs", "1", "--lr", rate, "--test-limit", "2000", "--out", "out"];
        let ended = run(dir.path(), &[&args[..], &["--json"]].concat());
        let says = [
            "the trained model is wrong",
            "values left their range in epoch 1, at ",
            "Lower the learning rate",
            "dry-run",
        ];
        ended.failed(1, &says);
        let lines = lines(&ended.out);
        let warning = lines.iter().find(|l| l["event"] == "warning").unwrap();
        assert!(warning["text"].as_str().unwrap().contains("times the network's own, 0.0625"), "{warning}");
        let epoch = lines.iter().find(|l| l["event"] == "ranges").unwrap();
        assert!(epoch["values"].as_u64().unwrap() > 0 && !epoch["places"].as_array().unwrap().is_empty(), "{epoch}");
        let summary = lines.last().unwrap();
        assert_eq!((&summary["event"], &summary["out_of_range"]), (&"summary".into(), &epoch["values"]));
        assert!(!summary["faults"].as_array().unwrap().is_empty(), "{summary}");
        // the model is there, under a name that says so
        let out = dir.path().join("out");
        assert!(summary["model_file"].as_str().unwrap().ends_with("model-wrong.safetensors"), "{summary}");
        assert!(out.join("model-wrong.safetensors").is_file() && !out.join("model.safetensors").exists());
    }
}

#[test]
fn without_ranges_a_model_that_cannot_be_right_still_fails_the_run() {
    let _turn = shared();
    let dir = folder();
    let args =
        ["train", "--train-limit", "2000", "--epochs", "1", "--lr", "2", "--reveal", "accuracy,model", "--quiet"];
    let ended = run(dir.path(), &[&args[..], &["--test-limit", "2000"]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("the trained model is wrong") && !ended.err.contains("panicked"), "{ended:?}");
    assert!(ended.out.contains("not revealed: an overflow goes unnoticed"), "{ended:?}");
}
