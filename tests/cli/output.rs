//! What a run prints and leaves where something is in the way: a full disk, a second Ctrl-C, nobody at the other end.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::cluster::Cluster;
use crate::harness::{Ended, Running, alone, end, folder, prepare, program, run, shared, signal};

const STEP: [&str; 8] = ["train", "--model", "logistic", "--train-limit", "300", "--steps", "1", "--test-limit"];

/// Runs the program with standard output on a device.
fn on(device: &str, folder: &Path, args: &[&str]) -> Ended {
    let mut command = program(folder, args);
    command.stdout(Stdio::from(File::options().write(true).open(device).unwrap()));
    end(command)
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    let _turn = shared();
    let dir = folder();
    let says = ["standard output", "No space left", "not everything was printed"];
    for args in [&["plan"][..], &["plan", "--json"], &["models"], &["policy"], &["models", "show", "lenet"]] {
        on("/dev/full", dir.path(), args).failed(1, &says);
        assert_eq!(on("/dev/null", dir.path(), args).code, Some(0), "the control");
    }
    for help in [&["--help"][..], &["--version"]] {
        on("/dev/full", dir.path(), help).failed(1, &["standard output"]);
    }
    // a run is not lost for it
    for more in [&["--out", "a"][..], &["--json", "--out", "b"]] {
        on("/dev/full", dir.path(), &[&STEP[..], &["100"], more].concat()).failed(1, &says);
        assert!(dir.path().join(more[more.len() - 1]).join("model.safetensors").exists());
    }
    let mut closed = program(dir.path(), &["plan"]);
    let mut running = closed.spawn().unwrap();
    drop(running.stdout.take());
    assert_eq!(running.wait().unwrap().code(), Some(0));
}

#[test]
fn a_model_is_saved_although_its_events_could_not_be_noted() {
    let _turn = shared();
    let dir = folder();
    // a limit between the model's 32 kB and the events of 120 epochs, whether units are of 512 or of 1024 bytes
    let mut command = std::process::Command::new("bash");
    let job = "--model logistic --train-limit 128 --test-limit 10 --epochs 300 --out out";
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f 40; exec {} train {job}", env!("CARGO_BIN_EXE_ppdnn"))]);
    prepare(&mut command, dir.path());
    let ended = end(command);
    ended.failed(1, &["warning: out/metrics.jsonl", "the run continues", "error: out/metrics.jsonl: File too large"]);
    assert!(ended.out.contains("300 epochs") && ended.out.contains("out/model.safetensors"), "{ended:?}");
    run(dir.path(), &["evaluate", "out/model.safetensors"]).done();
}

#[test]
fn the_second_interrupt_says_that_it_stops_at_once() {
    let _turn = alone();
    let dir = folder();
    let slow = ["train", "--model", "lenet", "--train-limit", "1024", "--batch", "512", "--json", "--out", "out"];
    let mut running = Running::start(&mut program(dir.path(), &slow));
    running.hear("\"event\":\"progress\"");
    signal(running.pid(), "INT");
    // what comes at once is the same
    std::thread::sleep(std::time::Duration::from_millis(250));
    signal(running.pid(), "TERM");
    running.end().failed(130, &["error: interrupted twice: stopping at once"]);
}

#[test]
fn a_trainer_says_at_once_whom_it_waits_for() {
    let _turn = alone();
    let cluster = Cluster::new(60);
    let args = ["train", "--model", "logistic", "--out", "runs/a/b"];
    let mut trainer = cluster.start(&args, "trainer.key", "cluster.toml");
    trainer.hear(&format!("waiting for server 0 at {}; Ctrl-C ends the run", cluster.address(0)));
    signal(trainer.pid(), "INT");
    let ended = trainer.end();
    ended.failed(130, &["interrupted"]);
    assert!(ended.took.as_secs() < 20, "{ended:?}");
    // nothing ran, and nothing is left of it
    assert!(!cluster.path("runs").exists());
    let late = cluster.start(&["train", "--deadline", "5"], "trainer.key", "cluster.toml").end();
    late.failed(2, &["--deadline applies to runs on one machine", "deadline_seconds = 60"]);
}

#[test]
fn a_run_that_fails_before_it_trains_leaves_no_folders() {
    let _turn = shared();
    let dir = folder();
    fs::create_dir(dir.path().join("data")).unwrap();
    for set in ["train", "t10k"] {
        for kind in ["images-idx3", "labels-idx1"] {
            fs::write(dir.path().join(format!("data/{set}-{kind}-ubyte")), "garbage").unwrap();
        }
    }
    let left = || fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    for more in [&["--data-dir", "data"][..], &["--data-dir", "data", "--out", "a/b"], &["--memory-limit", "1MiB"]] {
        let ended = run(dir.path(), &[&STEP[..], &["100"], more].concat());
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(left(), ["data"], "{more:?}");
    }
    run(dir.path(), &["dry-run", "--data-dir", "data"]).failed(1, &["not an IDX file"]);
    assert_eq!(left(), ["data"]);
    // what was there stays
    fs::create_dir(dir.path().join("mine")).unwrap();
    let ended = run(dir.path(), &[&STEP[..], &["100", "--data-dir", "data", "--out", "mine"]].concat());
    assert!(ended.code == Some(1) && dir.path().join("mine").exists());
}

#[test]
fn warnings_of_an_owner_are_printed() {
    let _turn = shared();
    let dir = folder();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    // a column that is the set's mean in every row: scaled, it comes to nothing
    let file = |name: &str, head: &[u32], rest: u64, begins: &[u8]| {
        let mut file = File::create(data.join(name)).unwrap();
        file.write_all(&head.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<_>>()).unwrap();
        file.write_all(begins).unwrap();
        file.set_len(4 * head.len() as u64 + rest).unwrap();
    };
    let rows: Vec<u8> = (0..300).flat_map(|_| [vec![73], vec![0; 783]].concat()).collect();
    for (set, n) in [("train", 60_000), ("t10k", 10_000)] {
        file(&format!("{set}-images-idx3-ubyte"), &[0x803, n, 28, 28], u64::from(n) * 784, &rows);
        file(&format!("{set}-labels-idx1-ubyte"), &[0x801, n], u64::from(n), &[9, 0, 0, 3, 0, 2, 7, 2]);
    }
    let job = ["train", "--dataset", "fashion-mnist", "--data-dir", "data", "--unchecked-data", "--steps", "1"];
    for more in
        [&["--train-limit", "300", "--test-limit", "100"][..], &["-q", "--train-limit", "300", "--test-limit", "100"]]
    {
        let ended = run(dir.path(), &[&job[..], more].concat());
        ended.done();
        assert!(ended.err.contains("warning: owner 0: 1 column of the training rows, first column 0"), "{ended:?}");
    }
}

#[test]
fn a_model_whose_folder_is_gone_is_saved_in_another_place() {
    let _turn = shared();
    let dir = folder();
    let job =
        ["train", "--model", "logistic", "--train-limit", "2000", "--epochs", "40", "--reveal", "model", "--json"];
    let mut running = Running::start(&mut program(dir.path(), &[&job[..], &["--out", "out"]].concat()));
    running.hear("\"event\":\"progress\"");
    fs::remove_dir_all(dir.path().join("out")).unwrap();
    let ended = running.end();
    ended.failed(1, &["error: out/model.safetensors: No such file", "is saved as logistic-1.safetensors instead"]);
    assert!(
        !ended.err.contains("at path") && ended.out.contains("\"model_file\":\"logistic-1.safetensors\""),
        "{ended:?}"
    );
    let mode = fs::metadata(dir.path().join("logistic-1.safetensors")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    run(dir.path(), &["evaluate", "logistic-1.safetensors", "--test-limit", "100"]).done();
}
