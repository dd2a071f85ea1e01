//! What the program says to requests and files that are wrong.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::harness::{end, folder, no_keys_left, nobody_left, prepare, run, shared};

#[test]
fn invalid_arguments_are_reported_at_once_with_code_2() {
    let dir = folder();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--model", "foo"], &["`foo`", "secureml", "logistic", "NAME.toml"]),
        (&["--preset", "foo"], &["`foo`", "ppdnn-original"]),
        (&["--normalize", "maybe"], &["maybe", "true", "false"]),
        (&["--dataset", "foo"], &["`foo`", "mnist"]),
        (&["--profile", "foo"], &["`foo`", "small", "wide"]),
        (&["--schedule", "foo"], &["`foo`", "halving", "constant", "cosine", "step:3:0.5"]),
        (&["--schedule", "step:0:0.5"], &["at least 1 epoch"]),
        (&["--schedule", "step:2:1.5"], &["from 0.01 to 0.99"]),
        (&["--weight-decay", "-0.1"], &["weight decay"]),
        (&["--weight-decay", "100"], &["weight decay", "less than 1"]),
        (&["--accumulate", "0"], &["--accumulate", "at least 1"]),
        (&["--accumulate", "5000"], &["4096"]),
        (&["--patience", "0"], &["--patience", "at least 1"]),
        (&["--target", "98"], &["target", "at most 1"]),
        (&["--patience", "1", "--reveal", "model"], &["accuracy", "must be revealed"]),
        (&["--reveal", "none,model"], &["`none` cannot be combined"]),
        (&["--reveal", "weights"], &["`weights`", "accuracy", "model", "confusion", "none"]),
        (&["--reveal", "roc"], &["`roc` is of two classes, and the network has 10"]),
        (&["--reveal", "confusion", "--test-limit", "0"], &["`confusion`", "no test rows"]),
        (&["--lr", "0"], &["learning rate 0", "between"]),
        (&["--lr", "nan"], &["learning rate NaN"]),
        (&["--lr", "-0.1"], &["learning rate -0.1"]),
        (&["--lr", "1e-30"], &["learning rate", "between"]),
        (&["--lr", "1e30"], &["learning rate", "between 1.2e-7 and 1.3e5"]),
        (&["--momentum", "1"], &["below 1, not 1"]),
        (&["--momentum", "nan"], &["not NaN"]),
        (&["--batch", "0"], &["--batch", "at least 1"]),
        (&["--epochs", "0"], &["--epochs", "at least 1"]),
        (&["--steps", "0"], &["--steps", "at least 1"]),
        (&["--owners", "0"], &["--owners", "at least 1"]),
        (&["--owners", "60001"], &["60001 owners cannot share 60000 rows"]),
        (&["--train-limit", "0"], &["--train-limit", "at least 1"]),
        (&["--backend", "gpu", "--adapter", "no such thing"], &["--backend cpu"]),
        (&["--backend", "tpu"], &["tpu", "cpu"]),
        (&["--deadline", "0"], &["--deadline"]),
        (&["--data-dir", "nowhere"], &["nowhere/mnist", "train-images-idx3-ubyte", "--data-dir"]),
        (&["--cluster", "c.toml"], &["--identity"]),
        (&["--quiet", "--json"], &["--quiet", "--json"]),
    ];
    for (args, says) in cases {
        run(dir.path(), &[&["train", "--out", "out"], *args].concat()).failed(2, says);
    }
    run(dir.path(), &["plan", "--batch", "0"]).failed(2, &["at least 1"]);
    run(dir.path(), &["server", "--id", "2", "--cluster", "c", "--identity", "i"]).failed(2, &["--id"]);
    assert!(!dir.path().join("out").exists() && !dir.path().join("runs").exists(), "nothing ran");
}

#[test]
fn files_that_are_missing_or_garbage_are_named() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let one = |args: &[&str], says: &[&str]| run(dir.path(), args).failed(1, says);
    one(&["evaluate", "none"], &["none: No such file", "pass a model file, or the folder of a run"]);
    one(&["train", "--model", "none.toml"], &["none.toml: No such file", "`ppdnn models` lists"]);
    one(&["train", "--model", "./"], &["./: is a folder, not a file"]);
    for garbage in [&b""[..], b"garbage", &[255; 100], b"\x02\0\0\0\0\0\0\0{}"] {
        fs::write(path("bad.safetensors"), garbage).unwrap();
        one(&["evaluate", "bad.safetensors"], &["bad.safetensors", "is not a ppdnn model"]);
    }
    one(&["train", "--cluster", "none.toml", "--identity", "none.key"], &["none.toml", "No such file"]);
    one(&["keygen", "--out", "nowhere/k"], &["nowhere/k: No such file", "create the folder first: mkdir -p nowhere"]);
    run(dir.path(), &["keygen", "--out", "k"]).done();
    run(dir.path(), &["keygen", "--out", "k"]).failed(2, &["k already exists", "choose another"]);
    fs::write(path("file"), "").unwrap();
    for out in ["file/out", "file"] {
        one(&["train", "--out", out], &[out, "a file has that name; choose another folder with --out"]);
    }
}

/// The MNIST files, one of which is another.
fn spoiled(folder: &Path, name: &str, bytes: &[u8]) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).unwrap();
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/mnist");
    for file in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
        if file == name {
            fs::write(folder.join(format!("{file}-ubyte")), bytes).unwrap();
        } else {
            symlink(real.join(format!("{file}-ubyte.gz")), folder.join(format!("{file}-ubyte.gz"))).unwrap();
        }
    }
}

#[test]
fn a_data_file_that_is_not_what_it_should_be_ends_the_run() {
    let _turn = shared();
    let dir = folder();
    let data = dir.path().join("data");
    let real = |name: &str| {
        let path = format!("{}/datasets/mnist/{name}-ubyte.gz", env!("CARGO_MANIFEST_DIR"));
        fs::read(path).unwrap()
    };
    let labels = |rows: usize, label: u8| [&[0, 0, 8, 1, 0, 0, 0x27, 0x10], vec![label; rows].as_slice()].concat();
    let images = real("train-images-idx3");
    let cases = [
        ("train-images-idx3", images[..images.len() / 400].to_vec(), "truncated"),
        ("t10k-labels-idx1", labels(10_001, 7), "too long"),
        ("t10k-labels-idx1", labels(9_999, 7), "truncated"),
        ("t10k-labels-idx1", labels(10_000, 10), "label 10"),
        ("t10k-labels-idx1", real("train-labels-idx1"), "60000"),
        ("train-images-idx3", b"not an image".to_vec(), "not an IDX file"),
    ];
    for (name, bytes, says) in cases {
        spoiled(&data, name, &bytes);
        let args =
            ["train", "--data-dir", "data", "--train-limit", "500", "--steps", "2", "--out", "out", "--owners", "2"];
        let ended = run(dir.path(), &args);
        ended.failed(1, &["owner", name, says]);
        nobody_left(dir.path(), std::time::Duration::ZERO);
        no_keys_left(dir.path());
    }
}

#[test]
fn a_full_disk_names_the_file_that_could_not_be_written() {
    let _turn = shared();
    let dir = folder();
    // a limit on the size of files is a full disk that needs no privilege; units of 512 or 1024 bytes
    let limited = |units: u32| {
        let mut command = Command::new("sh");
        let line = format!(
            "trap '' XFSZ; ulimit -f {units}; exec {} train --model logistic --train-limit 300 --steps 2 --out out",
            env!("CARGO_BIN_EXE_ppdnn")
        );
        command.args(["-c", &line]);
        prepare(&mut command, dir.path());
        end(command)
    };
    limited(0).failed(1, &["job.toml"]);
    let ended = limited(16);
    ended.failed(1, &["model.safetensors"]);
    assert!(ended.out.contains("test accuracy"), "what is known is still told: {ended:?}");
    no_keys_left(dir.path());
}

#[test]
fn mistakes_in_a_cluster_file_are_reported_with_their_line() {
    let dir = folder();
    run(dir.path(), &["keygen", "--out", "k"]).done();
    let whole =
        crate::cluster::text(&[1, 2, 3, 4, 5].map(|n| format!("{n:064x}")), &"6".repeat(64), [7101, 7102, 7103], 5);
    let cases = [
        (whole.replace("[dealer]", "[deeler]"), "deeler"),
        (whole.replace("seal =", "sael ="), "sael"),
        (whole.replace(&format!("{:064x}", 2), "abc"), "server 1"),
        (whole.replace(&format!("{:064x}", 2), &format!("{:064x}", 1)), "also the key of server 0"),
        (whole.replace("127.0.0.1:7102", "127.0.0.1"), "server 1: `address`"),
        (whole.replace("7102", "7101"), "also the address of server 0"),
        (whole.replace("deadline_seconds = 5", "deadline_seconds = 0"), "deadline_seconds"),
        (whole.replace("deadline_seconds = 5", "deadline = 5"), "unknown field `deadline`"),
        (whole[..whole.find("[[owners]]").unwrap()].to_owned(), "owners"),
        ("no toml".into(), "line 1"),
    ];
    for (text, says) in cases {
        fs::write(dir.path().join("c.toml"), &text).unwrap();
        for role in [&["server", "--id", "0"][..], &["train"]] {
            run(dir.path(), &[role, &["--cluster", "c.toml", "--identity", "k"]].concat()).failed(1, &["c.toml", says]);
        }
    }
    fs::write(dir.path().join("c.toml"), &whole).unwrap();
    let cluster = ["--cluster", "c.toml", "--identity"];
    run(dir.path(), &[&["dealer"], &cluster[..], &["k"]].concat()).failed(2, &["our key is", "dealer"]);
    fs::write(dir.path().join("bad.key"), "garbage").unwrap();
    mode(&dir.path().join("bad.key"), 0o600);
    run(dir.path(), &[&["dealer"], &cluster[..], &["bad.key"]].concat())
        .failed(1, &["bad.key", "not a ppdnn identity"]);
    // a key that others can read is none
    mode(&dir.path().join("k"), 0o644);
    let ended = run(dir.path(), &[&["dealer"], &cluster[..], &["k"]].concat());
    ended.failed(1, &["k: is open to other users (mode 644)", "run `chmod 600 k`", "ppdnn keygen"]);
    mode(&dir.path().join("k"), 0o600);
    run(dir.path(), &[&["train", "--owners", "2"], &cluster[..], &["k"]].concat()).failed(2, &["lists 1 owner;"]);
}

/// Sets the permissions of a file.
fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
