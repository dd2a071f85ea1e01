//! Runs that break off, and resume.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::harness::{Running, alone, child, folder, nobody_left, program, run, shared, signal};

const JOB: [&str; 13] = [
    "train",
    "--train-limit",
    "3200",
    "--test-limit",
    "500",
    "--epochs",
    "8",
    "--checkpoint-steps",
    "1",
    "--json",
    "--out",
    "out",
    "--reveal=accuracy,model,ranges",
];

/// The last line of a run, its figures.
fn summary(lines: &[Value]) -> &Value {
    lines.last().unwrap()
}

fn events<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == name).collect()
}

/// Claims that nothing that a run needs to resume is left.
fn no_state(folder: &Path) {
    assert!(!folder.join("out/state").exists(), "the state of a run that is done is gone");
}

#[test]
fn a_run_resumes_whichever_process_was_killed() {
    let _turn = alone();
    let whole = folder();
    let ended = run(whole.path(), &JOB);
    let whole_accuracy = summary(&ended.json())["test_accuracy"].as_f64().unwrap();
    no_state(whole.path());
    let roles: [&[&str]; 4] = [&["server", "--id", "0"], &["server", "--id", "1"], &["dealer"], &[]];
    for (at, role) in roles.into_iter().enumerate() {
        let dir = folder();
        let mut running = Running::start(&mut program(dir.path(), &JOB));
        (0..=at).for_each(|_| running.hear("\"checkpoint\""));
        let prune = || run(dir.path(), &["runs", "prune", "--unfinished", "--dir", ".", "--yes"]);
        if at == 0 {
            run(dir.path(), &["train", "--resume", "out"]).failed(2, &["out is still in progress"]);
            assert!(prune().done().contains("nothing to delete"));
        }
        sleep(Duration::from_millis(37 * at as u64));
        signal(if role.is_empty() { running.pid() } else { child(running.pid(), role) }, "KILL");
        let ended = running.end();
        if !role.is_empty() {
            ended.failed(1, &["was killed", "ppdnn train --resume ", "out"]);
        }
        nobody_left(dir.path(), Duration::from_secs(2));
        assert!(prune().done().contains("nothing to delete"), "it can resume");
        let lines = run(dir.path(), &["train", "--resume", "out", "--json"]).json();
        let from = events(&lines, "resumed")[0]["step"].as_u64().unwrap();
        let figures = summary(&lines);
        assert!(from > 0 && figures["resumed_from"] == from, "{figures}");
        let accuracy = figures["test_accuracy"].as_f64().unwrap();
        assert!((accuracy - whole_accuracy).abs() < 0.04, "{accuracy}, {whole_accuracy} without a break");
        assert_eq!(figures["steps"], 8 * 25);
        no_state(dir.path());
        // the run's files are those of one run: every epoch once
        let shown = run(dir.path(), &["runs", "show", "out", "--json"]).json();
        assert_eq!(shown[0]["epochs"].as_array().map_or(8, Vec::len), 8, "{}", shown[0]);
        let csv = fs::read_to_string(dir.path().join("out/metrics.csv")).unwrap();
        assert_eq!(csv.lines().count(), 9, "{csv}");
        let again = run(dir.path(), &["train", "--resume", "out"]);
        again.failed(2, &["out has no state to resume from"]);
    }
}

#[test]
fn what_cannot_resume_says_why() {
    let _turn = shared();
    let dir = folder();
    run(dir.path(), &["train", "--resume", "nowhere"]).failed(1, &["nowhere", "pass the folder of a run"]);
    run(dir.path(), &["train", "--resume", "out", "--epochs", "3"]).failed(2, &["cannot be used with", "--epochs"]);
    fs::create_dir_all(dir.path().join("empty/state")).unwrap();
    run(dir.path(), &["train", "--resume", "empty"]).failed(2, &["has no state to resume from"]);
    for wrong in ["", "{}", "{\"folder\":\"/\",\"args\":[\"server\"]}", "{\"folder\":\"/nowhere\",\"args\":[]}"] {
        fs::write(dir.path().join("empty/state/command.json"), wrong).unwrap();
        let ended = run(dir.path(), &["train", "--resume", "empty"]);
        assert_eq!(ended.code, Some(1), "{wrong}: {ended:?}");
    }
}

/// Servers and dealer with states of their own; they stay after a job that failed.
fn serve(cluster: &Cluster, names: &[&str]) -> Vec<Running> {
    let start = |name: &&str| {
        let state = cluster.path(&format!("{name}.state")).display().to_string();
        let mut more = vec!["--state", state.as_str(), "--jobs", "forever"];
        if name.starts_with("server") {
            more.extend(["--checkpoint-steps", "1"]);
        }
        cluster.start_as(name, "cluster.toml", &more)
    };
    names.iter().map(start).collect()
}

#[test]
fn a_clusters_job_resumes_without_its_owners() {
    let _turn = alone();
    let cluster = Cluster::new(20);
    let mut parties = serve(&cluster, &["server0", "server1", "dealer"]);
    let owners = cluster.serve(&["owner0", "owner1"]);
    let args = [&JOB[..], &["--model", "secureml"]].concat();
    let mut trainer = cluster.start(&args, "trainer.key", "cluster.toml");
    trainer.hear("\"checkpoint\"");
    for owner in owners {
        owner.end().done();
    }
    // a machine restarts: the others wait for it, and the job goes on
    for (at, name) in [(1, "server1"), (2, "dealer")] {
        let killed = parties.remove(at);
        signal(killed.pid(), "KILL");
        killed.end();
        trainer.hear_times("waiting for all parties, to resume", at);
        parties.insert(at, serve(&cluster, &[name]).remove(0));
        trainer.hear_times("\"resumed\"", at);
        let checkpoints = trainer.heard().matches("\"checkpoint\"").count();
        trainer.hear_times("\"checkpoint\"", checkpoints + 1);
    }
    // and the trainer itself
    signal(trainer.pid(), "KILL");
    trainer.end();
    let lines = run(cluster.folder(), &["train", "--resume", "out", "--json"]).json();
    assert!(events(&lines, "resumed")[0]["step"].as_u64().unwrap() > 0);
    assert!(summary(&lines)["test_accuracy"].as_f64().unwrap() > 0.7, "{}", summary(&lines));
    no_state(cluster.folder());
    for name in ["server0", "server1", "dealer"] {
        let jobs = cluster.path(&format!("{name}.state/jobs"));
        assert_eq!(fs::read_dir(&jobs).unwrap().count(), 0, "{name} keeps nothing of a job that is done");
    }
}
