//! Arguments: rounded settings, invalid numbers, limits, and folders that already contain a run.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{folder, program, run, shared};

/// A run of one step.
const STEP: [&str; 8] = ["train", "--model", "logistic", "--train-limit", "300", "--steps", "1", "--test-limit"];

#[test]
fn rounded_settings_are_printed_one_per_line() {
    let dir = folder();
    let plan = |more: &[&str]| {
        let ended = run(dir.path(), &[&["plan"], more].concat());
        let lines = ended.done().lines().filter(|line| line.contains("rounded"));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        plan(&["--momentum", "0.99", "--lr", "0.1", "--weight-decay", "0.0005"]),
        ["rounded: lr 0.1 to 0.09961", "rounded: momentum 0.99 to 0.9688", "rounded: weight decay 0.0005 to 0.0004979"]
    );
    assert_eq!(plan(&["--momentum", "0.985"]), ["rounded: momentum 0.985 to 0.9688"]);
    assert!(plan(&["--momentum", "0.5"]).is_empty(), "the control: what is used as it is");
}

#[test]
fn invalid_numbers_are_errors_that_name_the_flag() {
    let dir = folder();
    for flag in ["--seed", "--test-limit"] {
        for wrong in ["-1", "1.5", "many"] {
            run(dir.path(), &["plan", flag, wrong]).failed(2, &[flag, wrong, "an integer of at least 0"]);
        }
    }
    for flag in ["--epochs", "--steps", "--batch", "--owners", "--train-limit", "--patience"] {
        for wrong in ["-1", "0", "many"] {
            run(dir.path(), &["plan", flag, wrong]).failed(2, &[flag, wrong, "an integer of at least 1"]);
        }
    }
    run(dir.path(), &["plan", "--momentum", "1"]).failed(2, &["below 1, not 1", "the largest is 31/32"]);
    run(dir.path(), &["plan", "--optimizer", "adam"])
        .failed(2, &["--optimizer", "unknown optimizer `adam`; choose one of `sgd`, `nesterov`"]);
    run(dir.path(), &["plan", "--optimizer", "nesterov", "--momentum", "0"])
        .failed(2, &["`nesterov` cannot be used with a momentum of 0", "or use the optimizer `sgd`"]);
    run(dir.path(), &["plan", "--optimizer", "SGD"]).done();
}

#[test]
fn a_limit_above_the_rows_of_the_set_triggers_a_warning() {
    let dir = folder();
    let warned = |more: &[&str]| run(dir.path(), &[&["plan"], more].concat()).err;
    let train = warned(&["--train-limit", "70000"]);
    for words in ["warning: --train-limit 70000", "mnist has", "all its 60000 training rows"] {
        assert!(train.contains(words), "`{words}` is not in {train}");
    }
    assert!(warned(&["--test-limit", "10001"]).contains("all its 10000 test rows"));
    assert_eq!(warned(&["--train-limit", "60000", "--test-limit", "10000"]), "");
}

#[test]
fn a_test_limit_takes_the_first_test_rows_only() {
    let _turn = shared();
    let dir = folder();
    let lines = run(dir.path(), &[&STEP[..], &["200", "--compare-clear", "--owners", "2", "--json"]].concat()).json();
    assert_eq!(lines[0]["rows"], serde_json::json!([300, 200]));
    let summary = lines.last().unwrap();
    for accuracy in [&summary["test_accuracy"], &summary["clear_accuracy"]] {
        let hits = accuracy.as_f64().unwrap() * 200.0;
        assert!((hits - hits.round()).abs() < 1e-6, "{accuracy} is no share of 200 rows");
    }
    let plan = |limit: &str| run(dir.path(), &["plan", "--json", "--test-limit", limit]).json().remove(0);
    let bytes = |limit| plan(limit)["bytes_per_evaluation"]["server0_to_server1"].as_f64().unwrap();
    assert!(bytes("10000") > 3.0 * bytes("100"), "an evaluation costs what its rows cost");
    run(dir.path(), &["plan", "--test-limit", "0"]).failed(2, &["no test rows"]);
    let dry =
        ["dry-run", "--model", "logistic", "--train-limit", "300", "--epochs", "1", "--test-limit", "50", "--json"];
    let hits = 50.0 * run(dir.path(), &dry).json().last().unwrap()["test_accuracy"].as_f64().unwrap();
    assert!((hits - hits.round()).abs() < 1e-6, "{hits}");
}

#[test]
fn a_folder_that_holds_a_run_is_refused_or_emptied_first() {
    let _turn = shared();
    let dir = folder();
    let again = |more: &[&str]| run(dir.path(), &[&STEP[..], &["100", "-q", "--out", "out"], more].concat());
    let holds = |name: &str| dir.path().join("out").join(name).exists();
    again(&[]).done();
    fs::write(dir.path().join("out/notes.txt"), "mine").unwrap();
    again(&[]).failed(
        2,
        &["out already contains a run", "model.safetensors", "summary.json", "another folder", "--overwrite"],
    );
    for file in ["model.safetensors", "summary.json", "metrics.jsonl"] {
        fs::remove_file(dir.path().join("out").join(file)).unwrap();
    }
    again(&[]).failed(
        2,
        &["out already contains a run (metrics.csv, report.html, events.out.tfevents.", ".ppdnn, job.toml)"],
    );
    // another program's is not the run's
    fs::write(dir.path().join("out/events.out.tfevents.1.host"), "mine").unwrap();
    again(&["--overwrite"]).done();
    assert!(holds("model.safetensors") && holds("events.out.tfevents.1.host"));
    let events = fs::read_dir(dir.path().join("out")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(events.filter(|name| name.ends_with(".ppdnn")).count(), 1, "TensorBoard shows one run");
    // the old model is gone although the new run makes none
    again(&["--overwrite", "--reveal", "accuracy"]).done();
    assert!(!holds("model.safetensors") && holds("summary.json") && holds("notes.txt"));
    run(dir.path(), &["train", "--overwrite"]).failed(2, &["--out"]);
    // a run that never began leaves nothing that stands in the way of the next
    fs::create_dir(dir.path().join("half")).unwrap();
    fs::write(dir.path().join("half/ranges.json"), "{}").unwrap();
    let garbage = ["100", "-q", "--out", "half", "--data-dir", "data"];
    fs::create_dir(dir.path().join("data")).unwrap();
    for name in
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    {
        fs::write(dir.path().join("data").join(name), "garbage").unwrap();
    }
    for _ in 0..2 {
        run(dir.path(), &[&STEP[..], &garbage].concat()).failed(1, &["not an IDX file"]);
    }
    let half = dir.path().join("half");
    assert!(!half.join("job.toml").exists() && half.join("ranges.json").exists());
}

#[test]
fn a_working_folder_that_cannot_be_written_to_points_to_out() {
    let dir = folder();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    // a file in the way of `runs`, which stops root, too
    fs::write(closed.join("runs"), "").unwrap();
    run(&closed, &[&STEP[..], &["100"]].concat()).failed(1, &["runs: ", "--out"]);
    fs::remove_file(closed.join("runs")).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let writable = fs::write(closed.join("probe"), "").is_ok();
    let mut command = program(&closed, &[&STEP[..], &["100"]].concat());
    command.env("TMPDIR", dir.path());
    let ended = crate::harness::end(command);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    if writable {
        ended.done();
    } else {
        ended.failed(1, &["runs: ", "--out"]);
    }
}
