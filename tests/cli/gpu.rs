//! Servers that share a GPU, each in a process of its own.

use std::path::Path;
use std::time::Duration;

use ppdnn::backend::Wgpu;
use serde_json::Value;

use crate::adapter::present;
use crate::harness::{Ended, folder, nobody_left, run, shared};

fn train(folder: &Path, more: &[&str]) -> Ended {
    let args = [
        "train",
        "--model",
        "logistic",
        "--train-limit",
        "600",
        "--steps",
        "3",
        "--out",
        "out",
        "--overwrite",
        "--json",
    ];
    run(folder, &[&args, more].concat())
}

#[test]
fn two_server_processes_share_a_gpu_and_cost_what_was_planned() {
    let _turn = shared();
    if present(Wgpu::first()).is_none() {
        return;
    }
    let dir = folder();
    let adapters = run(dir.path(), &["adapters", "--json"]).json();
    let name = adapters[0]["name"].as_str().unwrap();
    for adapter in [&[][..], &["--adapter", "0"], &["--adapter", &name.to_uppercase()]] {
        let ended = train(dir.path(), &[&["--backend", "gpu"], adapter].concat());
        let summary = ended.json().pop().unwrap();
        assert_eq!((&summary["backend"], &summary["steps"]), (&name.into(), &3.into()), "{adapter:?}");
        let accuracy = summary["test_accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.15, "{accuracy}: three steps know more than a guess");
        let planned =
            run(dir.path(), &["plan", "--json", "--model", "logistic", "--train-limit", "600", "--steps", "3"]);
        let planned: Value = planned.json().pop().unwrap();
        assert_eq!(planned["bytes_per_step"], summary["bytes_per_step"]);
        assert_eq!(planned["rounds_per_step"], summary["rounds_per_step"]);
    }
    nobody_left(dir.path(), Duration::ZERO);
}
