//! Networks: by name, as presets, from files.

use std::fs;

use serde_json::Value;

use crate::harness::{folder, run, shared};

/// The plan of a command, as JSON.
fn plan(dir: &std::path::Path, args: &[&str]) -> Value {
    run(dir, &[&["plan", "--json"], args].concat()).json().remove(0)
}

const NAMES: [&str; 14] = [
    "alexnet",
    "lenet",
    "lenet-avg",
    "logistic",
    "minionn",
    "minionn-avg",
    "ppdnn",
    "ppdnn-original",
    "resnet18",
    "resnet18-bn",
    "sarda",
    "secureml",
    "vgg16",
    "vgg16-bn",
];

/// Those for another data set than MNIST.
const CIFAR: [&str; 5] = ["alexnet", "resnet18", "resnet18-bn", "vgg16", "vgg16-bn"];

#[test]
fn the_list_has_every_network_with_what_it_costs_and_fits_100_columns() {
    let dir = folder();
    let table = run(dir.path(), &["models"]);
    assert!(table.done().lines().all(|line| line.chars().count() <= 100), "{}", table.out);
    let all = run(dir.path(), &["models", "--json"]).json();
    let names: Vec<&str> = all.iter().map(|m| m["model"].as_str().unwrap()).collect();
    assert_eq!(names, NAMES);
    for m in &all {
        let name = m["model"].as_str().unwrap();
        assert!(table.out.contains(name) && table.out.contains(&m["parameters"].to_string()));
        // one step of the same network by the other command
        let args =
            ["--model", name, "--batch", "128", "--train-limit", "128", "--steps", "1", "--reveal", "accuracy,model"];
        let planned = plan(dir.path(), &args);
        assert_eq!(m["rounds_per_step"], planned["rounds_per_step"], "{name}");
        assert_eq!(m["bytes_per_step"], planned["bytes_per_step"], "{name}");
    }
    // a network for another data set brings it; one that does not fit is left out
    assert!(all.iter().all(|m| (m["dataset"] == "cifar-10") == CIFAR.contains(&m["model"].as_str().unwrap())));
    let fit = run(dir.path(), &["models", "--dataset", "mnist", "--json"]).json();
    assert!(fit.iter().all(|m| m["dataset"] == "mnist" && m["model"] != "vgg16") && fit.len() >= 9);
    // 784-128-128-10 with biases, 784-128-10 without
    let of = |name: &str| &all[names.iter().position(|n| *n == name).unwrap()];
    let counts = |name: &str| ["parameters", "macs_per_example"].map(|key| of(name)[key].as_u64().unwrap());
    assert_eq!(counts("secureml"), [118_282, 118_016]);
    assert_eq!(counts("ppdnn-original"), [101_632, 101_632]);
    // two convolutions of 5 x 5 at 24 x 24 and 8 x 8 positions, 800-500-10
    let lenet = [520 + 25_050 + 400_500 + 5_010, 576 * 500 + 64 * 25_000 + 400_000 + 5_000];
    assert_eq!((counts("lenet"), counts("lenet-avg")), (lenet, lenet));
    let minionn = [416 + 6_416 + 25_700 + 1_010, 576 * 400 + 64 * 6_400 + 25_600 + 1_000];
    assert_eq!((counts("minionn"), counts("minionn-avg")), (minionn, minionn));
    assert_eq!(counts("sarda"), [25 + 98_100 + 1_010, 196 * 20 + 98_000 + 1_000]);
    run(dir.path(), &["models", "show", "foo"]).failed(2, &["`foo`", "`ppdnn-original`"]);
}

#[test]
fn a_printed_network_has_all_its_settings() {
    let dir = folder();
    let shown = run(dir.path(), &["models", "show", "secureml"]);
    let settings = [
        "profile = \"small\"",
        "epochs = 5",
        "batch = 128",
        "lr = 0.0625",
        "momentum = 0.90625",
        "schedule = \"halving\"",
    ];
    for line in settings.into_iter().chain(["# not set: patience, target, train_limit, test_limit"]) {
        assert_eq!(shown.done().lines().filter(|l| *l == line).count(), 1, "{line} in {shown:?}");
    }
    assert!(shown.out.find("momentum = 0.90625") < shown.out.find("[training.fashion-mnist]"), "{shown:?}");
}

#[test]
fn a_printed_network_is_the_same_network_from_a_file() {
    let dir = folder();
    for name in NAMES {
        let text = run(dir.path(), &["models", "show", name]);
        fs::write(dir.path().join("net.toml"), text.done()).unwrap();
        let datasets = if CIFAR.contains(&name) { vec!["cifar-10"] } else { vec!["mnist", "fashion-mnist"] };
        for dataset in datasets {
            let planned = |model: &str| plan(dir.path(), &["--dataset", dataset, "--model", model]);
            assert_eq!(planned(name), planned("net.toml"), "{name} on {dataset}");
        }
    }
}

#[test]
fn a_preset_brings_network_and_settings_and_a_flag_wins() {
    let dir = folder();
    let settings = |args: &[&str]| {
        let plan = plan(dir.path(), args);
        let s = &plan["settings"];
        let flags = [&s["normalize"], &s["shuffle"]].map(|flag| flag.as_bool().unwrap());
        let numbers = [&s["epochs"], &s["batch"], &s["train_limit"]].map(|n| n.as_u64().unwrap());
        (plan["model"].as_str().unwrap().to_owned(), numbers, flags)
    };
    let of = |model: &str, numbers, flags| (model.to_owned(), numbers, flags);
    let preset = ["--preset", "ppdnn-original"];
    let with = |more: &[&str]| settings(&[&preset, more].concat());
    assert_eq!(with(&[]), of("ppdnn-original", [25, 50, 5000], [true, false]));
    assert_eq!(with(&["--model", "secureml"]), of("secureml", [25, 50, 5000], [true, false]));
    assert_eq!(
        with(&["--epochs", "2", "--batch", "60", "--train-limit", "12000"]),
        of("ppdnn-original", [2, 60, 12_000], [true, false])
    );
    assert_eq!(with(&["--normalize=false", "--shuffle"]).2, [false, true]);
    assert_eq!(with(&["--no-normalize", "--shuffle", "true"]).2, [false, true]);
    assert_eq!(with(&["--shuffle", "--no-shuffle"]).2, [true, false]);
    assert_eq!(with(&["--no-shuffle", "--shuffle"]).2, [true, true]);
    assert_eq!(settings(&["--model", "secureml"]), of("secureml", [5, 128, 60_000], [false, true]));
    assert_eq!(settings(&["--dataset", "fashion-mnist"]), of("secureml", [10, 128, 60_000], [true, true]));
    let shown = run(dir.path(), &["plan", "--preset", "ppdnn-original"]);
    for part in
        ["25 epochs", "batches of 50", "rows in original order", "features normalized", "loss square", "momentum 0"]
    {
        assert!(shown.done().contains(part), "{part} is not in\n{}", shown.out);
    }
    let help = run(dir.path(), &["train", "--help"]);
    for part in ["ppdnn-original", "fashion-mnist", "0.03125", "0.0625", "constant"] {
        assert!(help.done().contains(part), "{part} is not in the help");
    }
}

/// A network of every kind of layer, with one of each setting.
const NET: &str = "name = \"mine\"\nloss = \"sigmoid-cross-entropy\"\ninit = \"uniform\"\n\
    [training]\nprofile = \"wide\"\nepochs = 2\nbatch = 100\nlr = 0.5\nmomentum = 0\nnormalize = true\nshuffle = false\ntrain_limit = 3000\n\
    [[layers]]\nkind = \"dense\"\noutputs = 24\n[[layers]]\nkind = \"relu\"\n[[layers]]\nkind = \"dense\"\noutputs = 16\n\
    [[layers]]\nkind = \"sigmoid\"\n[[layers]]\nkind = \"dense\"\n";

#[test]
fn a_network_from_a_file_is_trained_and_its_model_scored() {
    let _turn = shared();
    let dir = folder();
    fs::create_dir(dir.path().join("nets")).unwrap();
    fs::write(dir.path().join("nets/mine"), NET).unwrap();
    let ended = run(dir.path(), &["train", "--model", "nets/mine", "--compare-clear", "--json"]);
    let lines = ended.json();
    let summary = lines.last().unwrap();
    assert_eq!(
        (&summary["model"], &summary["profile"], &summary["steps"]),
        (&"mine".into(), &"wide".into(), &60.into())
    );
    let private = summary["test_accuracy"].as_f64().unwrap();
    // ten classes: a guess gets a tenth
    assert!(private > 0.5, "{private}");
    assert!(summary["clear_difference"].as_f64().unwrap() < 0.05, "{summary}");
    let config = fs::read_to_string(dir.path().join("runs/mine-mnist-1/job.toml")).unwrap();
    for part in
        ["loss = \"sigmoid-cross-entropy\"", "init = \"uniform\"", "shuffle = false", "mean = [0.1307]", "batch = 100"]
    {
        assert!(config.contains(part), "{part} is not in\n{config}");
    }
    let score = run(dir.path(), &["evaluate", "runs/mine-mnist-1/model.safetensors", "--json"]).json();
    // the saved model knows its scale and its sigmoid's pieces: near ties aside, the same
    assert!((score[0]["test_accuracy"].as_f64().unwrap() - private).abs() < 0.01, "{score:?}, {private} on shares");
}

#[test]
fn a_network_that_does_not_fit_is_reported_with_file_line_and_layer() {
    let dir = folder();
    let cases = [
        (
            NET.replacen("\"relu\"", "\"tanh\"", 1),
            "line 17: layer 2: `kind` must be one of `dense`, `conv2d`, `average-pool`, `max-pool`",
        ),
        (
            NET.replacen("outputs = 16", "outputs = 16\ninputs = 25", 1),
            "line 18: layer 3 (dense) gets [batch, 24], not `inputs = 25`; use 24",
        ),
        (format!("{NET}outputs = 12\n"), "line 23: layer 5 (dense) gets [batch, 16]; the last layer gives [batch, 12]"),
        (format!("{NET}["), "line 25: "),
        (String::new(), "line 1: `name` is missing"),
    ];
    for (text, says) in cases {
        fs::write(dir.path().join("net.toml"), text).unwrap();
        for command in ["train", "plan"] {
            run(dir.path(), &[command, "--model", "net.toml"]).failed(1, &["net.toml: ", says]);
        }
    }
    run(dir.path(), &["plan", "--model", "none.toml"]).failed(1, &["none.toml: No such file"]);
    run(dir.path(), &["plan", "--model", "."]).failed(2, &["unknown model `.`"]);
    run(dir.path(), &["plan", "--model", "./"]).failed(1, &["./: "]);
    run(dir.path(), &["plan", "--model", "/dev/zero"]).failed(1, &["/dev/zero: "]);
    assert!(!dir.path().join("runs").exists(), "nothing ran");
}
