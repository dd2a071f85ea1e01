//! What fits on a screen.

use std::process::Command;

use crate::harness::{end, folder, prepare, run, shared};

#[test]
fn help_fits_100_columns() {
    let dir = folder();
    for command in [
        "",
        "completions",
        "convert",
        "card",
        "data",
        "dealer",
        "doctor",
        "dry-run",
        "evaluate",
        "init",
        "keygen",
        "keys",
        "man",
        "model-owner",
        "models",
        "owner",
        "plan",
        "policy",
        "predict",
        "runs",
        "server",
        "train",
    ] {
        for help in ["-h", "--help"] {
            let ended = run(dir.path(), &[command, help].map(|a| if a.is_empty() { help } else { a }));
            for line in ended.done().lines() {
                assert!(line.chars().count() <= 100, "{command} {help}: {line}");
                assert!(!line.contains('\t'));
            }
        }
    }
}

#[test]
fn a_run_fits_80_columns_on_a_terminal_and_elsewhere() {
    let _turn = shared();
    let dir = folder();
    let args = [
        "train",
        "--train-limit",
        "2000",
        "--epochs",
        "2",
        "--owners",
        "3",
        "--compare-clear",
        "--out",
        "out",
        "--overwrite",
    ];
    let plain = run(dir.path(), &args);
    for line in plain.done().lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains('\r'), "{line:?}");
    }
    assert!(plain.unwarned(), "{plain:?}");

    let mut script = Command::new("script");
    let line = format!("stty cols 80; exec {} {}", env!("CARGO_BIN_EXE_ppdnn"), args.join(" "));
    script.args(["-qec", &line, "/dev/null"]);
    prepare(&mut script, dir.path());
    script.env("TERM", "xterm-256color");
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped the terminal: there is no `script` here");
        return;
    }
    let ended = end(script);
    let shown = ended.done();
    // every state of the line at the bottom, and every other line
    for line in shown.split(['\r', '\n']).map(|line| line.replace("\u{1b}[2K", "")) {
        assert!(line.chars().count() <= 80, "{line:?}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
        assert!(!line.starts_with(' ') || line.starts_with("  "), "{line:?}");
    }
    assert!(shown.contains("waits for") && shown.contains("epoch 2 [") && shown.contains("test accuracy"), "{shown:?}");
}

#[test]
fn what_is_printed_of_itself_fits_100_columns_and_errors_are_broken_for_a_terminal() {
    let dir = folder();
    let fits = |text: &str| text.lines().all(|line| line.trim_end().chars().count() <= 100);
    let policy = run(dir.path(), &["policy"]);
    assert!(fits(policy.done()), "{policy:?}");
    let cifar = run(dir.path(), &["train", "--dataset", "cifar-10", "--model", "logistic", "--out", "out"]);
    if cifar.err.contains("ppdnn does not download this data set") {
        cifar.failed(1, &["error: data set cifar-10: ", "data_batch_1.bin", "cs.toronto.edu", "--data-dir"]);
        assert!(cifar.err.lines().all(|l| l.chars().count() <= 100 || l.contains("/datasets/")), "{cifar:?}");
    }

    let wrong = ["plan", "--reveal", "everything"];
    let piped = run(dir.path(), &wrong);
    piped.failed(2, &[]);
    assert!(!fits(&piped.err) && piped.err.lines().count() == 1, "a line for programs: {piped:?}");
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped the terminal: there is no `script` here");
        return;
    }
    let mut script = Command::new("script");
    script.args(["-qec", &format!("{} {}", env!("CARGO_BIN_EXE_ppdnn"), wrong.join(" ")), "/dev/null"]);
    prepare(&mut script, dir.path());
    let shown = end(script).out;
    assert!(fits(&shown) && shown.contains("error: ") && shown.contains("\n  "), "{shown:?}");
}
