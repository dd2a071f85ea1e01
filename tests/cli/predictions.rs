//! Private predictions by the program: on one machine, and by parties that are started one by one.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ppdnn::{Model, TrainedModel};
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::printed;
use crate::harness::{Ended, Running, all_done, folder, nobody_left, program, run, shared};

/// A model of 784 features and 10 classes, each the sum of the features of a stripe of the image.
fn model(folder: &Path, name: &str, sign: f64) {
    let model = Model::dense("stripes", 784, &[10], 10).unwrap();
    let first = (0..784 * 10).map(|i| if i / 10 / 79 == i % 10 { sign * 0.05 } else { 0.0 }).collect();
    let second = (0..100).map(|i| if i / 10 == i % 10 { 1.0 } else { 0.0 }).collect();
    let model = TrainedModel::new(model, None, &[first, vec![0.0; 10], second, vec![0.0; 10]]).unwrap();
    model.trained_on("mnist").save(&folder.join(name)).unwrap();
}

/// The classes of a CSV of answers.
fn classes(text: &str) -> Vec<u32> {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("row,class"));
    let class = |(number, line): (usize, &str)| {
        let (row, class) = line.split_once(',').unwrap();
        assert_eq!(row, number.to_string());
        class.parse().unwrap()
    };
    lines.enumerate().map(class).collect()
}

/// Claims that classes are the same, but for near ties, which rounding decides.
#[track_caller]
fn nearly_all(classes: &[u32], want: &[u32]) {
    let differ = classes.iter().zip(want).filter(|(a, b)| a != b).count();
    assert!(classes.len() == want.len() && differ <= 3, "{classes:?}, not {want:?}");
}

#[test]
fn a_model_answers_on_one_machine_in_every_form() {
    let _turn = shared();
    let folder = folder();
    model(folder.path(), "m.safetensors", 1.0);
    let ask = |more: &[&str]| run(folder.path(), &[&["predict", "m.safetensors", "--limit", "50"], more].concat());
    let first = ask(&[]);
    let want = classes(first.done());
    assert!(want.len() == 50 && want.iter().any(|class| *class != want[0]), "{want:?}");
    for words in [
        "rows answered          50 in 1 requests of 50",
        "private model",
        "dealt",
        "dealer",
        "of the known classes",
        "of those in the clear",
    ] {
        assert!(first.err.contains(words), "`{words}` is not in {first:#?}");
    }
    // a public model, requests of other sizes, another number format
    for more in [&["--public-model"][..], &["--batch", "7"], &["--profile", "wide"]] {
        nearly_all(&classes(ask(&[more, &["--quiet"]].concat()).done()), &want);
    }
    let json = ask(&["--json", "--answers", "probabilities"]).json().pop().unwrap();
    for (row, class) in json["answers"].as_array().unwrap().iter().zip(&want) {
        let row: Vec<f64> = row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 0.01, "{row:?}");
        assert!(row.iter().all(|x| *x <= row[*class as usize] + 0.02), "{row:?}");
    }
    let b = &json["summary"]["bytes_per_request"];
    assert!(b["dealer_to_server1"].as_f64().unwrap() > 0.0 && json["summary"]["rows"] == 50, "{json}");
    ask(&["--answers", "values", "--out", "a.npy"]).done();
    let npy = fs::read(folder.path().join("a.npy")).unwrap();
    assert!(npy.starts_with(b"\x93NUMPY") && npy.len() == 128 + 50 * 10 * 4, "{}", npy.len());
    ask(&["--answers", "values", "--out", "a.npy"]).failed(2, &["already exists", "--overwrite"]);
    ask(&["--out", "a.csv"]).done();
    nearly_all(&classes(&fs::read_to_string(folder.path().join("a.csv")).unwrap()), &want);
    nobody_left(folder.path(), std::time::Duration::from_secs(5));
}

#[test]
fn rows_from_standard_input_are_answered_one_by_one() {
    let _turn = shared();
    let folder = folder();
    model(folder.path(), "m.safetensors", 1.0);
    let stripe = |class: usize| -> String {
        let row: Vec<&str> = (0..784).map(|i| if i / 79 == class { "1" } else { "0.25" }).collect();
        row.join(",")
    };
    let ask = |text: &str| {
        let mut command = program(folder.path(), &["predict", "m.safetensors", "--stream", "--max-rows", "3"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let said = ask(&format!("{}\n{}\n\n{}\n", stripe(3), stripe(7), stripe(3)));
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert_eq!(out, "row,class\n0,3\n1,7\n2,3\n", "{err}");
    assert!(err.contains("3 in 3 requests of 1"), "{err}");
    for (text, says) in [
        (format!("{}\n1,2\n", stripe(1)), "line 2: has 2 numbers, should have 784"),
        (format!("{},x\n", stripe(1).rsplit_once(',').unwrap().0), "line 1: number 784 cannot be read"),
        (format!("{0}\n{0}\n{0}\n{0}\n", stripe(1)), "0 rows are left in this session"),
    ] {
        let said = ask(&text);
        let err = String::from_utf8_lossy(&said.stderr);
        assert!(!said.status.success() && err.contains(says), "`{says}` is not in {err}");
    }
}

#[test]
fn what_cannot_be_asked_is_bad_usage() {
    let folder = folder();
    model(folder.path(), "m.safetensors", 1.0);
    let fails = |args: &[&str], says: &[&str]| {
        run(folder.path(), &[&["predict"], args].concat()).failed(2, says);
    };
    fails(&["m.safetensors", "--answers", "logits"], &["`class`, `probabilities` or `values`"]);
    fails(&["m.safetensors", "--dataset", "cifar-10"], &["784 features", "3072"]);
    fails(&["m.safetensors", "--out", "a.txt"], &[".csv, .json or .npy"]);
    fs::create_dir(folder.path().join("b.csv")).unwrap();
    fails(&["m.safetensors", "--out", "b.csv", "--overwrite"], &["is a folder"]);
    fails(&["m.safetensors", "--stream", "--batch", "3"], &["--batch"]);
    fails(&["--cluster", "c.toml"], &["--identity"]);
    fails(&[], &["<MODEL>"]);
    run(folder.path(), &["predict", "none.safetensors"]).failed(1, &["none.safetensors"]);
}

#[test]
fn a_table_without_labels_is_answered_with_the_names_of_the_classes() {
    let _turn = shared();
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write(
        "points.toml",
        "name = \"points\"\ntask = \"classification\"\nlabel = \"side\"\nclasses = [\"left, or so\", \"right\"]\n\n[split]\ntest = 0.2\nseed = 1\n\n\
         [[columns]]\nname = \"x\"\nkind = \"number\"\nrange = [0, 10]\n\n\
         [[columns]]\nname = \"y\"\nkind = \"number\"\nrange = [0, 10]\n",
    );
    let model = Model::dense("points", 2, &[], 2).unwrap();
    let parameters = [vec![-1.0, 1.0, 0.0, 0.0], vec![0.5, -0.5]];
    TrainedModel::new(model, None, &parameters).unwrap().save(&folder.path().join("m.safetensors")).unwrap();
    write("points.csv", "x,y\n1,2\n9,3\n4,10\n");
    let ended = run(folder.path(), &["predict", "m.safetensors", "--data", "points.csv", "--quiet"]);
    assert_eq!(ended.done(), "row,class\n0,\"left, or so\"\n1,right\n2,\"left, or so\"\n");
    write("points.csv", "x,y\n1,2\n9,30\n");
    let ended = run(folder.path(), &["predict", "m.safetensors", "--data", "points.csv"]);
    ended.failed(1, &["points.csv: line 3", "column `y`: is outside 0 to 10"]);
    assert!(!ended.err.contains("30") && ended.out.is_empty(), "{ended:?}");
}

const NAMES: [&str; 5] = ["server0", "server1", "dealer", "client", "model-owner"];

/// The parties of private predictions, each with a key of its own.
struct Parties {
    folder: TempDir,
}

impl Parties {
    fn new() -> Self {
        let folder = folder();
        model(folder.path(), "m.safetensors", 1.0);
        model(folder.path(), "other.safetensors", -1.0);
        let made = NAMES.map(|name| run(folder.path(), &["keygen", "--out", &format!("{name}.key")]));
        let [zero, one, dealer, client, owner] = made.each_ref().map(|ended| printed(ended.done(), "key"));
        let held: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let port = |i: usize| held[i].local_addr().unwrap().port();
        let post =
            |name: &str, i, key: &str| format!("[{name}]\naddress = \"127.0.0.1:{}\"\nkey = \"{key}\"\n", port(i));
        let text = post("server0", 0, &zero)
            + &post("server1", 1, &one)
            + &post("dealer", 2, &dealer)
            + &format!("[client]\nkey = \"{client}\"\nseal = \"{}\"\n", printed(made[3].done(), "seal"))
            + &format!("[model_owner]\nkey = \"{owner}\"\n");
        fs::write(folder.path().join("cluster.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn card(&self, name: &str, more: &[&str]) {
        run(self.folder.path(), &[&["card", "m.safetensors", "--out", name], more].concat()).done();
    }

    fn start(&self, name: &str, args: &[&str]) -> Running {
        let (file, key) = (self.path("cluster.toml"), self.path(&format!("{name}.key")));
        let place = ["--cluster", file.to_str().unwrap(), "--identity", key.to_str().unwrap()];
        Running::start(&mut program(self.folder.path(), &[args, &place].concat()))
    }

    fn serve(&self) -> Vec<Running> {
        let roles: [(&str, &[&str]); 3] =
            [("server0", &["server", "--id", "0"]), ("server1", &["server", "--id", "1"]), ("dealer", &["dealer"])];
        roles.iter().map(|(name, args)| self.start(name, args)).collect()
    }

    fn owner(&self, model: &str, card: &str) -> Running {
        self.start("model-owner", &["model-owner", "--model", model, "--card", card])
    }

    fn ask(&self, card: &str, more: &[&str]) -> Ended {
        self.start("client", &[&["predict", "--card", card, "--limit", "20", "--json"], more].concat()).end()
    }
}

#[test]
fn a_client_asks_a_model_of_somebody_else() {
    let _turn = shared();
    let parties = Parties::new();
    parties.card("card.json", &["--answers", "class,values", "--max-rows", "100"]);
    let mut all = parties.serve();
    all.push(parties.owner("m.safetensors", "card.json"));
    let ended = parties.ask("card.json", &["--answers", "values", "--batch", "6"]);
    let json: Value = ended.json().pop().unwrap();
    let local =
        run(parties.folder.path(), &["predict", "m.safetensors", "--limit", "20", "--answers", "values", "--json"]);
    let want = local.json().pop().unwrap();
    for (a, b) in json["answers"].as_array().unwrap().iter().zip(want["answers"].as_array().unwrap()) {
        for (a, b) in a.as_array().unwrap().iter().zip(b.as_array().unwrap()) {
            assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.01);
        }
    }
    assert_eq!(json["summary"]["rows"], 20);
    let owner = all.pop().unwrap().end();
    for words in ["asked to answer in job", "client: key", "`stripes`", "at most 20 in 4 requests of 5", "done"] {
        assert!(owner.done().contains(words), "`{words}` is not in {owner:#?}");
    }
    all_done(all);
}

#[test]
fn those_who_disagree_are_told_before_anything_is_sent() {
    let _turn = shared();
    let parties = Parties::new();
    parties.card("card.json", &["--max-rows", "20"]);
    parties.card("other.json", &["--max-rows", "30", "--profile", "wide"]);
    // what the card forbids is refused at the client itself
    parties.ask("card.json", &["--answers", "values"]).failed(2, &["does not answer with values", "allows class"]);
    // a model that is not the card's, at its owner's
    let folder = parties.folder.path();
    let shape = Model::dense("other", 784, &[11], 10).unwrap();
    let zeros: Vec<Vec<f64>> = shape.parameters().iter().map(|s| vec![0.0; s.len()]).collect();
    TrainedModel::new(shape, None, &zeros).unwrap().save(&folder.join("wider.safetensors")).unwrap();
    parties.owner("wider.safetensors", "card.json").end().failed(1, &["card.json", "another model's"]);

    // cards that a hostile client makes up: servers and dealer refuse them, and stay
    let card = fs::read_to_string(parties.path("card.json")).unwrap();
    fs::write(parties.path("hostile.json"), card.replace("\"ring\": 48", "\"ring\": 33")).unwrap();
    parties.ask("hostile.json", &[]).failed(1, &["hostile.json", "`profile`"]);

    let all = parties.serve();
    let mut owner = parties.owner("m.safetensors", "card.json");
    let ended = parties.ask("other.json", &[]);
    ended.failed(1, &["model owner", "the model cards differ in `max_rows`, `profile`"]);
    owner.hear("the model cards differ in `max_rows`, `profile`");
    assert!(!owner.heard().contains("the model is shared"), "{}", owner.heard());
    drop((owner, all));
}
