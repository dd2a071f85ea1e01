//! `ppdnn plan` and `ppdnn dry-run`.

use std::fs;

use serde_json::Value;

use crate::harness::{folder, run, shared};

fn number(of: &Value) -> f64 {
    of.as_f64().unwrap_or_else(|| panic!("{of} is no number"))
}

#[test]
fn a_plan_s_parts_sum_up_and_its_tables_fit() {
    let dir = folder();
    for profile in ["small", "wide"] {
        let args = ["plan", "--profile", profile, "--model", "secureml"];
        let plan = run(dir.path(), &[&args[..], &["--json"]].concat()).json().remove(0);
        assert_eq!((&plan["event"], &plan["steps"]), (&"summary".into(), &2345.into()));
        for (parts, whole) in [("step", "per_step"), ("evaluation", "per_evaluation")] {
            let parts = plan["breakdown"][parts].as_array().unwrap();
            let sum = |name: &str| parts.iter().map(|p| number(&p[name])).sum::<f64>();
            let close = |a: f64, b: &Value| assert!((a / number(b) - 1.0).abs() < 1e-9, "{a} is not {b}");
            close(sum("rounds"), &plan[&format!("rounds_{whole}")]);
            close(sum("opened_bytes"), &plan[&format!("bytes_{whole}")]["server0_to_server1"]);
            close(sum("dealt_bytes"), &plan[&format!("bytes_{whole}")]["dealer_to_server1"]);
            assert!(sum("macs") > 1e6);
        }
        assert!(plan["time"].is_null());
        let memory = &plan["memory"]["server1"];
        let parts = ["data_mib", "parameters_mib", "values_mib", "queue_mib", "program_mib"];
        let sum: f64 = parts.iter().map(|part| number(&memory[*part])).sum();
        assert!((sum - number(&memory["total_mib"])).abs() < 1e-6 && sum > 200.0, "{memory}");
        let text = run(dir.path(), &args);
        assert!(text.done().lines().all(|line| line.chars().count() <= 100), "{}", text.out);
        for words in ["memory, MiB", "rounds", "kB opened", "kB dealt", "relu2", "gradients", "update"] {
            assert!(text.out.contains(words), "{words} is not in\n{}", text.out);
        }
    }
}

#[test]
fn a_plan_of_a_long_run_takes_no_longer() {
    let dir = folder();
    let plan = run(dir.path(), &["plan", "--epochs", "4000000000", "--json"]);
    assert_eq!(plan.json()[0]["steps"], 469 * 4_000_000_000u64);
    // walked step by step, it would take years
    assert!(plan.took.as_secs() < 30, "{:?}", plan.took);
}

#[test]
fn bandwidths_and_times_that_cannot_be_are_refused() {
    let dir = folder();
    for wrong in ["-1", "nan", "-1Gbit", "nanGbit", "infGbit", "0Gbit"] {
        run(dir.path(), &["plan", "--bandwidth", wrong]).failed(2, &["expected a number with a unit"]);
    }
    for wrong in ["-1ms", "nan", "NaNms"] {
        run(dir.path(), &["plan", "--rtt", wrong]).failed(2, &["expected a number with a unit"]);
    }
}

#[test]
fn a_time_is_estimated_where_a_network_is_named() {
    let _turn = shared();
    let dir = folder();
    let estimate = |more: &[&str]| {
        let plan = run(dir.path(), &[&["plan", "--json", "--model", "logistic"], more].concat()).json().remove(0);
        plan["time"]["estimate"].clone()
    };
    let slow = estimate(&["--bandwidth", "100Mbit", "--rtt", "40ms"]);
    // 10 rounds of half of 40 ms each, and 52 kB over 100 Mbit/s, whatever the machine
    assert!(number(&slow["server"]["rounds"]) > 0.2 && number(&slow["seconds_per_step"]) > 0.204, "{slow}");
    assert!((number(&slow["server"]["bytes"]) - 0.0042).abs() < 1e-3, "{slow}");
    assert!(number(&slow["gmacs"]) > 0.01 && number(&slow["server"]["compute"]) > 0.0);
    let here = estimate(&["--local"]);
    assert!(number(&here["seconds_per_step"]) < 0.2, "{here}");
    let text = run(dir.path(), &["plan", "--model", "logistic", "--rtt", "1ms"]);
    for words in ["time, an estimate", "measured here", "GMAC/s", "a server", "the dealer"] {
        assert!(text.done().contains(words), "{words} is not in\n{}", text.out);
    }
    assert!(text.out.lines().all(|line| line.chars().count() <= 100), "{}", text.out);
    run(dir.path(), &["plan", "--bandwidth", "fast"]).failed(2, &["100Mbit"]);
    run(dir.path(), &["plan", "--rtt", "soon"]).failed(2, &["rtt", "0.2ms"]);
}

#[test]
fn a_dry_run_refuses_what_changes_nothing_in_it() {
    let dir = folder();
    let help = run(dir.path(), &["dry-run", "--help"]);
    for flags in [&["--owners", "2"][..], &["--reveal", "model"], &["--backend", "gpu"]] {
        run(dir.path(), &[&["dry-run"], flags].concat()).failed(2, &[flags[0], "has no effect in a dry run"]);
        assert!(!help.done().contains(flags[0]), "{help:?}");
    }
    assert!(help.out.contains("--epochs"), "the control");
}

const SHORT: [&str; 7] = ["dry-run", "--train-limit", "1000", "--epochs", "1", "--out", "out"];

#[test]
fn a_dry_run_prints_margins_and_saves_a_certificate() {
    let _turn = shared();
    let dir = folder();
    fs::create_dir(dir.path().join("out")).unwrap();
    fs::write(dir.path().join("out/summary.json"), "{}").unwrap();
    let lines = run(dir.path(), &[&SHORT[..], &["--json"]].concat()).json();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["recommended"], &last["overflows"]),
        (&"dry_run".into(), &"small".into(), &0.into())
    );
    assert!(lines.iter().any(|l| l["event"] == "progress") && number(&last["test_accuracy"]) > 0.3, "{last}");
    let ranges = last["ranges"].as_array().unwrap();
    let places: Vec<&str> = ranges.iter().map(|r| r["place"].as_str().unwrap()).collect();
    let at = |place: &str| places.iter().position(|p| *p == place).unwrap_or_else(|| panic!("{place} in {places:?}"));
    // the order of the network
    let order =
        ["rows", "weights", "dense1/forward", "relu1/forward", "dense2/forward", "loss", "dense3/backward", "update"];
    assert!(order.windows(2).all(|w| at(w[0]) < at(w[1])), "{places:?}");
    for range in ranges.iter().filter(|r| !r["margin_bits"].is_null()) {
        let bits = (number(&range["bound"]) / number(&range["largest"])).log2();
        assert!((bits - number(&range["margin_bits"])).abs() < 1e-6 && bits > 1.0, "{range}");
    }
    let certificate: Value = serde_json::from_slice(&fs::read(dir.path().join("out/ranges.json")).unwrap()).unwrap();
    assert_eq!((&certificate["sizes"], &certificate["data"]), (&"784-128-128-10".into(), &"mnist".into()));
    assert_eq!(certificate["ranges"], last["ranges"]);
    assert!(dir.path().join("out/summary.json").exists(), "what lies in the folder stays");

    let text = run(dir.path(), &SHORT);
    for words in
        ["epoch 1 in the clear", "margin, bits", "spread of logits", "recommended profile small", "out/ranges.json"]
    {
        assert!(text.done().contains(words), "{words} is not in\n{}", text.out);
    }
    assert!(text.out.lines().all(|line| line.chars().count() <= 100), "{}", text.out);
}

#[test]
fn a_dry_run_in_which_a_value_leaves_its_range_says_where_and_fails() {
    let _turn = shared();
    let dir = folder();
    let wild = ["--lr", "64", "--momentum", "0.96875", "--quiet"];
    let ended = run(dir.path(), &[&SHORT[..], &wild].concat());
    ended.failed(1, &["beyond its bound of", "first in step", "lower the learning rate"]);
    for words in ["OVERFLOW first in step", "recommended profile none"] {
        assert!(ended.out.contains(words), "{words} is not in\n{}", ended.out);
    }
    let certificate = fs::read_to_string(dir.path().join("out/ranges.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&certificate).unwrap()["recommended"].is_null());
}
