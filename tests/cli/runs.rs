//! The folders of runs, looked at later: `ppdnn runs`, and the report.

use std::fs;
use std::os::unix::fs::symlink;
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
    for heading in [
        "Test accuracy",
        "Who saw what",
        "Costs of a step, by layer",
        "Time of a step, by layer",
        "Settings",
        "Command",
    ] {
        assert!(page.contains(&format!("<h2>{heading}")), "{heading}");
    }
    let times = &page[page.find("<h2>Time of a step, by layer").unwrap()..];
    let times = &times[..times.find("</section>").unwrap()];
    for part in ["Measured at server 1", "dense1", "loss", "update", "between steps", "products"] {
        assert!(times.contains(part), "{part}: {times}");
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
    assert!(table.lines().all(|line| line.split(',').count() == 9), "{table}");

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
    // a dry run is none: its folder has a range certificate and no job
    let dry = ["dry-run", "--model", "logistic", "--train-limit", "300", "--test-limit", "50", "--epochs", "1", "-q"];
    run(dir.path(), &dry).done();
    assert!(dir.path().join("runs/logistic-mnist-1/ranges.json").is_file());

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
    for damage in ["", "x =", &text.replace("outputs = 10", "outputs = 0"), &text.replace("[model]", "[other]")] {
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
fn nothing_outside_of_the_folders_of_runs_is_deleted_or_written() {
    let _turn = shared();
    let dir = folder();
    train(dir.path(), "runs/a", &[]);
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("keep.log"), "mine").unwrap();
    fs::remove_dir_all(dir.path().join("runs/a/logs")).unwrap();
    symlink(&foreign, dir.path().join("runs/a/logs")).unwrap();
    fs::copy(dir.path().join("runs/a/job.toml"), foreign.join("job.toml")).unwrap();
    symlink(&foreign, dir.path().join("runs/b")).unwrap();
    fs::remove_file(dir.path().join("runs/a/report.html")).unwrap();
    symlink(foreign.join("created"), dir.path().join("runs/a/report.html")).unwrap();
    run(dir.path(), &["runs", "open", "a", "--print"]).done();
    assert!(!foreign.join("created").exists());
    run(dir.path(), &["runs", "prune", "--keep", "0", "--yes"]).done();
    assert!(foreign.join("keep.log").exists() && foreign.join("job.toml").exists());
    assert!(!dir.path().join("runs/a/job.toml").exists());
    // nor what is in the way of a run that replaces another
    fs::create_dir_all(dir.path().join("c/replaced")).unwrap();
    fs::write(dir.path().join("c/replaced/model.safetensors"), "mine").unwrap();
    let args = ["train", "--model", "logistic", "--train-limit", "200", "--steps", "1", "--quiet", "--out", "c"];
    run(dir.path(), &args).failed(2, &["c/replaced is in the way"]);
    assert!(dir.path().join("c/replaced/model.safetensors").exists());
}

#[test]
fn figures_of_a_run_folder_cannot_stop_or_steer_who_looks_at_them() {
    let _turn = shared();
    let dir = folder();
    train(dir.path(), "runs/a", &[]);
    let at = |name: &str| dir.path().join("runs/a").join(name);
    let epoch = "{\"event\":\"epoch\",\"epoch\":4294967295,\"step\":1,\"test_accuracy\":0.5,\"seconds\":1.0,\"bytes\":\
                 {\"server0_to_server1\":1.0,\"server1_to_server0\":1.0,\"dealer_to_server0\":1.0,\"dealer_to_server1\":1.0}}\n";
    let progress = "{\"event\":\"progress\",\"epoch\":1,\"step\":1,\"steps\":2,\"seconds\":1.0}\n";
    fs::write(at("metrics.jsonl"), progress.repeat(100_000) + epoch).unwrap();
    let summary = fs::read_to_string(at("summary.json")).unwrap();
    let steered = summary.replacen("\"peak_rss_mib\": {", "\"peak_rss_mib\": {\"\\u001b[2J\\u202e\": 1.0,", 1);
    assert_ne!(steered, summary);
    fs::write(at("summary.json"), steered).unwrap();
    fs::remove_file(at("report.html")).unwrap();
    run(dir.path(), &["runs", "open", "a", "--print"]).done();
    let page = fs::read_to_string(at("report.html")).unwrap();
    assert!(page.contains("4294967295") && page.len() < 200_000, "{}", page.len());
    let shown = run(dir.path(), &["runs", "show", "a"]);
    assert!(!shown.done().contains(['\u{1b}', '\u{202e}']) && !page.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    let job = fs::read_to_string(at("job.toml")).unwrap();
    fs::write(at("job.toml"), job.replace("\"halving\"", "\"x\\u001b[2J\"")).unwrap();
    let refused = run(dir.path(), &["runs", "show", "a"]);
    refused.failed(1, &["runs/a/job.toml"]);
    assert!(!refused.err.contains('\u{1b}'), "{refused:?}");
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
    let said = run(dir.path(), &["man", "--out", "pages", "--json"]).json().remove(0);
    let mut pages: Vec<&str> = said["pages"].as_array().unwrap().iter().map(|page| page.as_str().unwrap()).collect();
    pages.sort_unstable();
    let there = |folder: &str| {
        let names = fs::read_dir(dir.path().join(folder)).unwrap().map(|page| page.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!((pages.join(" "), said["folder"].as_str()), (there("pages").join(" "), Some("pages")));
    assert_eq!(there("pages"), there("man"));
    let page = |name: &str| fs::read_to_string(dir.path().join("man").join(name)).unwrap();
    assert!(page("ppdnn.1").contains(".TH") && page("ppdnn-train.1").contains("compare\\-clear"));
}
