//! Early stops, runs that resume from a model, and warnings about ranges.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{folder, no_keys_left, nobody_left, run, shared};

const SHORT: [&str; 9] =
    ["--train-limit", "2000", "--model", "logistic", "--schedule", "constant", "--normalize=false", "--epochs", "6"];

fn count(lines: &[Value], event: &str) -> usize {
    lines.iter().filter(|l| l["event"] == event).count()
}

#[test]
fn a_run_ends_early_once_its_accuracy_is_reached() {
    let _turn = shared();
    let dir = folder();
    let stop = ["train", "--target", "0.5", "--out", "out"];
    let lines = run(dir.path(), &[&stop[..], &SHORT, &["--json", "--compare-clear"]].concat()).json();
    let summary = lines.last().unwrap();
    assert_eq!(
        (&summary["epochs"], &summary["steps"], &summary["stopped_early"]),
        (&1.into(), &16.into(), &true.into())
    );
    assert_eq!((count(&lines, "epoch"), count(&lines, "stopped"), count(&lines, "clear")), (1, 1, 1));
    assert!(summary["test_accuracy"].as_f64().unwrap() >= 0.5 && summary["model_file"].is_string(), "{summary}");
    for role in ["dealer", "server0", "server1"] {
        assert!(summary["cpu_seconds"][role].is_number(), "{role} has reported");
    }
    nobody_left(dir.path(), Duration::ZERO);
    no_keys_left(dir.path());
    // a step costs what was planned
    let planned = run(dir.path(), &[&["plan", "--json", "--target", "0.5"], &SHORT[..]].concat()).json();
    assert_eq!((&planned[0]["steps"], &planned[0]["bytes_per_step"]), (&96.into(), &summary["bytes_per_step"]));
    assert_eq!(planned[0]["bytes_per_evaluation"], summary["bytes_per_evaluation"]);
    // the control: what is not reached ends nothing
    let far = ["train", "--target", "0.99", "--patience", "6", "--weight-decay", "0.0005", "--out", "far"];
    let ended = run(dir.path(), &[&far[..], &SHORT].concat());
    assert!(ended.done().contains("6 epochs, 96 steps") && !ended.out.contains("stopped early"), "{ended:?}");
    for words in [
        "  target            99.00 %, not reached",
        "6 epochs at most, batches",
        "until accuracy 0.99 or 6 epochs without improvement",
    ] {
        assert!(ended.out.contains(words), "{words} is not in {ended:?}");
    }
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{ended:?}");
}

#[test]
fn an_optimizer_is_used_planned_and_shown() {
    let _turn = shared();
    let dir = folder();
    let four = [&SHORT[..], &["--optimizer", "nesterov", "--steps", "4"]].concat();
    let lines = run(dir.path(), &[&["train", "--out", "out", "--json", "--compare-clear"], &four[..]].concat()).json();
    let summary = lines.last().unwrap();
    assert_eq!((&summary["settings"]["optimizer"], count(&lines, "clear")), (&"nesterov".into(), 1), "{summary}");
    let planned = run(dir.path(), &[&["plan", "--json"], &four[..]].concat()).json();
    assert_eq!((&planned[0]["steps"], &planned[0]["bytes_per_step"]), (&4.into(), &summary["bytes_per_step"]));
    assert!(run(dir.path(), &[&["plan"], &four[..]].concat()).done().contains(", nesterov, lr "));
    // the control: another optimizer is dealt less
    let plain = run(dir.path(), &[&["plan", "--json", "--steps", "4"], &SHORT[..]].concat()).json();
    assert_ne!(plain[0]["bytes_per_step"], planned[0]["bytes_per_step"]);
}

#[test]
fn a_run_resumes_from_a_model() {
    let _turn = shared();
    let dir = folder();
    let train = |more: &[&str]| run(dir.path(), &[&["train"], &SHORT[..], &["--json"], more].concat());
    let first = train(&["--out", "a"]).json();
    let accuracy = |lines: &[Value]| lines.last().unwrap()["test_accuracy"].as_f64().unwrap();
    // one step that moves next to nothing
    let still = ["--steps", "1", "--lr", "1e-6"];
    let second = train(&[&still[..], &["--init", "a/model.safetensors", "--out", "b"]].concat()).json();
    assert!((accuracy(&second) - accuracy(&first)).abs() < 0.01, "{} {}", accuracy(&second), accuracy(&first));
    // the control: from random weights
    assert!(accuracy(&train(&[&still[..], &["--out", "c"]].concat()).json()) < accuracy(&first) - 0.3);
    let job = fs::read_to_string(dir.path().join("b/job.toml")).unwrap();
    assert!(job.contains("initialized from \"a/model.safetensors\""), "{job}");

    // the folder of the run will do
    let folder = train(&[&still[..], &["--init", "a", "--out", "f"]].concat()).json();
    assert!((accuracy(&folder) - accuracy(&first)).abs() < 0.01);

    let init = ["train", "--init", "a/model.safetensors", "--out", "d", "--train-limit", "2000"];
    let refused = |more: &[&str], says: &[&str]| run(dir.path(), &[&init[..], more].concat()).failed(1, says);
    refused(
        &["--model", "secureml"],
        &["a/model.safetensors: does not fit `secureml`", "`dense1.weight` is [784, 10]"],
    );
    refused(&["--model", "logistic", "--normalize"], &["unscaled features", "--normalize=false"]);
    train(&["--init", "none.safetensors", "--out", "d"]).failed(1, &["none.safetensors", "No such file"]);
    let dry = ["dry-run", "--init", "a/model.safetensors", "--out", "e", "--json", "--steps", "1", "--lr", "1e-6"];
    let lines = run(dir.path(), &[&dry[..], &SHORT].concat()).json();
    assert!((accuracy(&lines) - accuracy(&first)).abs() < 0.01);
}

#[test]
fn a_network_from_a_file_needs_a_range_certificate() {
    let _turn = shared();
    let dir = folder();
    let network = "name = \"mine\"\n[[layers]]\nkind = \"dense\"\noutputs = 10\n";
    fs::create_dir(dir.path().join("nets")).unwrap();
    fs::write(dir.path().join("nets/mine.toml"), network).unwrap();
    let mine = ["--model", "nets/mine.toml", "--train-limit", "200", "--steps", "1"];
    let train = |more: &[&str]| {
        let ended = run(dir.path(), &[&["train", "-q", "--reveal", "model"], &mine[..], more].concat());
        ended.done();
        ended.err
    };
    let small = ["--profile", "small"];
    let warned = train(&small);
    for words in ["warning: ", "`mine`", "profile `small`", "ppdnn dry-run --model nets/mine.toml", "--ranges"] {
        assert!(warned.contains(words), "`{words}` is not in {warned}");
    }
    assert!(train(&[]).contains("profile `wide`"), "there is more room, but not for everything");
    run(dir.path(), &[&["dry-run", "-q"], &mine[..], &small].concat()).done();
    assert_eq!(train(&small), "", "there is a certificate in runs/");
    assert!(train(&["--profile", "small", "--lr", "0.125"]).contains("other settings"));
    // another network of the same name
    fs::write(dir.path().join("nets/mine.toml"), network.to_owned() + "bias = false\n").unwrap();
    assert!(train(&small).contains("another network"));
    run(dir.path(), &[&["dry-run", "-q", "--out", "nets"], &mine[..], &small].concat()).done();
    assert_eq!(train(&small), "", "there is one next to the network");
    let named = |more: &[&str]| {
        run(
            dir.path(),
            &[&["train", "-q", "--reveal", "model", "--ranges", "nets/ranges.json"], &mine[..], more].concat(),
        )
    };
    named(&small).done();
    named(&["--profile", "small", "--lr", "0.125"]).failed(2, &["nets/ranges.json", "other settings", "dry-run"]);
    named(&["--profile", "wide"]).failed(2, &["nets/ranges.json", "other settings"]);
    // a named network has been measured
    let known = ["train", "-q", "--model", "logistic", "--train-limit", "200", "--steps", "1", "--reveal", "model"];
    assert_eq!(run(dir.path(), &known).err, "");
}

#[test]
fn values_that_leave_their_ranges_in_the_clear_are_reported_after_a_run() {
    let _turn = shared();
    let dir = folder();
    let compared = |more: &[&str]| {
        let flags = ["train", "-q", "--compare-clear", "--out", "out", "--overwrite"];
        run(dir.path(), &[&flags, &SHORT[..8], more].concat())
    };
    let words = ["in the clear, values left their ranges", " at ", " in step ", "ppdnn dry-run"];
    compared(&["1", "--lr", "256", "--momentum", "0.96875"]).failed(1, &words);
    let healthy = compared(&["1"]);
    healthy.done();
    assert_eq!(healthy.err, "");
}
