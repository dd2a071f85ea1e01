//! The folders of runs, looked at later: `ppdnn runs`, and the report.

use std::fs;
use std::path::Path;

use crate::harness::{folder, run, shared};

fn train(folder: &Path, out: &str, more: &[&str]) {
    let args = ["train", "--model", "logistic", "--train-limit", "600", "--test-limit", "100", "--epochs", "2"];
    run(folder, &[&args, &["--quiet", "--out", out][..], more].concat()).done();
}

#[test]
fn a_report_is_one_file_with_the_figures_of_its_run() {
    let _turn = shared();
    let dir = folder();
    train(dir.path(), "runs/a", &["--compare-clear"]);
    let page = fs::read_to_string(dir.path().join("runs/a/report.html")).unwrap();
    let summary = fs::read_to_string(dir.path().join("runs/a/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    for figure in ["test_accuracy", "clear_accuracy", "scored_accuracy"] {
        let percent = format!("{:.2} %", 100.0 * summary[figure].as_f64().unwrap());
        assert!(page.contains(&percent), "{figure}");
    }
    for heading in ["Test accuracy", "Who saw what", "Costs of a step, by layer", "Settings", "Command"] {
        assert!(page.contains(&format!("<h2>{heading}")), "{heading}");
    }
    assert!(page.contains("--compare-clear"), "the command");
    assert!(page.len() < 200_000, "{} bytes", page.len());
    // nothing is fetched, nothing runs
    for foreign in ["src=", "href=\"http", "@import", "url(http", "<script", "<iframe"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    let table = fs::read_to_string(dir.path().join("runs/a/metrics.csv")).unwrap();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.lines().all(|line| line.split(',').count() == 7), "{table}");

    // made again from the other files, it is the same
    fs::remove_file(dir.path().join("runs/a/report.html")).unwrap();
    let path = run(dir.path(), &["runs", "open", "a", "--print"]).done().trim().to_owned();
    assert_eq!(fs::read_to_string(dir.path().join(path)).unwrap(), page);
}

#[test]
fn runs_are_listed_compared_and_pruned() {
    let _turn = shared();
    let dir = folder();
    train(dir.path(), "runs/first", &[]);
    train(dir.path(), "runs/second", &["--batch", "64"]);
    // one that has not come to its end
    fs::create_dir(dir.path().join("runs/third")).unwrap();
    fs::copy(dir.path().join("runs/first/job.toml"), dir.path().join("runs/third/job.toml")).unwrap();
    fs::write(dir.path().join("runs/third/notes.txt"), "mine").unwrap();

    let listed = run(dir.path(), &["runs", "list", "--json"]).json();
    let states: Vec<_> =
        listed.iter().map(|run| (run["run"].as_str().unwrap(), run["state"].as_str().unwrap())).collect();
    assert_eq!(states, [("runs/first", "finished"), ("runs/second", "finished"), ("runs/third", "unfinished")]);
    assert_eq!(listed[0]["summary"]["steps"], listed[0]["steps"]);
    let table = run(dir.path(), &["runs", "list"]);
    assert!(table.done().lines().count() == 4 && table.out.lines().all(|line| line.len() <= 100), "{table:?}");
    assert!(run(dir.path(), &["runs", "show", "first"]).done().contains("test accuracy"));
    let compared = run(dir.path(), &["runs", "compare", "first", "runs/second"]);
    assert!(compared.done().lines().any(|line| line.starts_with("batch") && line.contains("64")), "{compared:?}");
    assert!(!compared.out.contains("momentum"), "a setting that does not differ");

    let prune = ["runs", "prune", "--unfinished"];
    assert!(run(dir.path(), &prune).done().contains("1 run would be deleted"));
    assert!(dir.path().join("runs/third/job.toml").exists());
    assert!(run(dir.path(), &[&prune[..], &["--yes"]].concat()).done().contains("1 run deleted"));
    assert!(!dir.path().join("runs/third/job.toml").exists());
    assert_eq!(fs::read_to_string(dir.path().join("runs/third/notes.txt")).unwrap(), "mine");
    run(dir.path(), &["runs", "prune", "--keep", "1", "--yes"]).done();
    assert!(!dir.path().join("runs/first").exists() && dir.path().join("runs/second/summary.json").exists());
}

#[test]
fn damaged_runs_are_named_and_do_no_harm() {
    let _turn = shared();
    let dir = folder();
    run(dir.path(), &["runs", "list"]).failed(1, &["runs", "--dir"]);
    run(dir.path(), &["runs", "show", "none"]).failed(2, &["no run `none`", "runs list"]);
    run(dir.path(), &["runs", "prune"]).failed(2, &["--keep"]);
    train(dir.path(), "runs/a", &[]);
    let job = dir.path().join("runs/a/job.toml");
    let text = fs::read_to_string(&job).unwrap();
    // lines that are none, and a summary that is none, are left out
    fs::write(dir.path().join("runs/a/metrics.jsonl"), "{\n\u{0}\n{\"event\":\"nonsense\"}\n").unwrap();
    fs::write(dir.path().join("runs/a/summary.json"), "[").unwrap();
    assert!(run(dir.path(), &["runs", "list"]).done().contains("unfinished"));
    fs::remove_file(dir.path().join("runs/a/report.html")).unwrap();
    run(dir.path(), &["runs", "open", "a", "--print"]).done();
    for damage in ["", "x =", &text.replace("classes = 10", "classes = 0"), &text.replace("[model]", "[other]")] {
        fs::write(&job, damage).unwrap();
        run(dir.path(), &["runs", "show", "a"]).failed(1, &["runs/a/job.toml"]);
        let listed = run(dir.path(), &["runs", "list"]);
        assert!(listed.done().contains("no runs in runs") && listed.err.contains("runs/a/job.toml"), "{listed:?}");
    }
    // names that a browser or a terminal would obey
    fs::write(&job, text.replace("# data set mnist", "# data set <script>alert(1)</script>")).unwrap();
    fs::remove_file(dir.path().join("runs/a/report.html")).unwrap();
    run(dir.path(), &["runs", "open", "a", "--print"]).done();
    let page = fs::read_to_string(dir.path().join("runs/a/report.html")).unwrap();
    assert!(!page.contains("<script>"), "{page}");
}

#[test]
fn shells_and_man_have_what_they_read() {
    let _turn = shared();
    let dir = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(dir.path(), &["completions", shell]);
        assert!(script.done().contains("dry-run"), "{shell}");
    }
    run(dir.path(), &["man", "--out", "man"]).done();
    let page = |name: &str| fs::read_to_string(dir.path().join("man").join(name)).unwrap();
    assert!(page("ppdnn.1").contains(".TH") && page("ppdnn-train.1").contains("compare\\-clear"));
}
