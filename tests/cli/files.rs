//! Data files and parameter files that are not what they seem.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{folder, run, shared};

/// A file of this repository's MNIST, unpacked.
fn mnist(name: &str) -> Vec<u8> {
    let path = format!("{}/datasets/mnist/{name}-ubyte.gz", env!("CARGO_MANIFEST_DIR"));
    let mut gzip = Command::new("gzip").args(["-dc", &path]).stdout(Stdio::piped()).spawn().unwrap();
    let mut bytes = Vec::new();
    gzip.stdout.take().unwrap().read_to_end(&mut bytes).unwrap();
    assert!(gzip.wait().unwrap().success());
    bytes
}

/// MNIST whose training labels are one row off, but for the first eight, which tell sets apart.
fn shifted(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for name in ["train-images-idx3", "t10k-images-idx3", "t10k-labels-idx1", "train-labels-idx1"] {
        let mut bytes = mnist(name);
        if name == "train-labels-idx1" {
            bytes[16..].rotate_left(1);
        }
        fs::write(folder.join(format!("{name}-ubyte")), bytes).unwrap();
    }
}

#[test]
fn labels_that_are_not_those_of_the_set_are_refused_unless_they_are_meant() {
    let _turn = shared();
    let dir = folder();
    shifted(&dir.path().join("shifted"));
    let short = ["--model", "logistic", "--train-limit", "500", "--epochs", "1", "--test-limit", "500"];
    let train =
        |more: &[&str]| run(dir.path(), &[&["train", "-q", "--out", "out", "--overwrite"], &short[..], more].concat());
    let says =
        ["train-labels-idx1-ubyte: is not the known file of mnist", "SHA-256", "download it again", "--unchecked-data"];
    train(&["--data-dir", "shifted"]).failed(1, &says);
    run(dir.path(), &[&["dry-run", "--data-dir", "shifted"], &short[..]].concat()).failed(1, &says);
    train(&["--data-dir", "shifted", "--unchecked-data"]).done();
    let model = fs::read(dir.path().join("out/model.safetensors")).unwrap();
    train(&["--data-dir", "shifted"]).failed(1, &says);
    let kept = fs::read(dir.path().join("out/model.safetensors")).unwrap();
    assert!(kept == model, "a run that does not begin replaces nothing");
    assert!(!dir.path().join("out/replaced").exists());
    run(dir.path(), &["evaluate", "out/model.safetensors", "--data-dir", "shifted"]).failed(1, &says);
    // the controls: the same rows packed otherwise, and the labels where they belong
    train(&[]).done();
    fs::write(dir.path().join("shifted/train-labels-idx1-ubyte"), mnist("train-labels-idx1")).unwrap();
    train(&["--data-dir", "shifted"]).done();
}

/// The tensors of a file of safetensors: name, shape, values.
fn tensors(file: &Path) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(file).unwrap();
    let len = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: serde_json::Map<String, Value> = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
    let number = |v: &Value| usize::try_from(v.as_u64().unwrap()).unwrap();
    let one = |(name, t): (&String, &Value)| {
        let at = &t["data_offsets"];
        let data = &bytes[8 + len + number(&at[0])..8 + len + number(&at[1])];
        let values = data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        (name.clone(), t["shape"].as_array().unwrap().iter().map(number).collect(), values)
    };
    header.iter().filter(|(name, _)| *name != "__metadata__").map(one).collect()
}

/// Writes tensors without a word of where they are from.
fn save(file: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape, values) in tensors {
        let start = data.len();
        values.iter().for_each(|x| data.extend(x.to_le_bytes()));
        header.insert(
            name.clone(),
            serde_json::json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()] }),
        );
    }
    let header = serde_json::to_vec(&header).unwrap();
    fs::write(file, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
}

fn transposed((name, shape, values): &(String, Vec<usize>, Vec<f32>)) -> (String, Vec<usize>, Vec<f32>) {
    let &[rows, columns] = &shape[..] else { return (name.clone(), shape.clone(), values.clone()) };
    let turned = (0..rows * columns).map(|i| values[i % rows * columns + i / rows]).collect();
    (name.clone(), vec![columns, rows], turned)
}

#[test]
fn weights_as_pytorch_has_them_are_recognized() {
    let _turn = shared();
    let dir = folder();
    let file = |name: &str| dir.path().join(name);
    run(dir.path(), &["train", "--train-limit", "128", "--steps", "1", "--test-limit", "100", "-q", "--out", "base"])
        .done();
    let own = tensors(&file("base/model.safetensors"));
    let one = ["--train-limit", "128", "--steps", "1", "--test-limit", "100"];
    let begin = |init: &str| run(dir.path(), &[&["plan", "--init", init], &one[..]].concat());
    assert_eq!(begin("base/model.safetensors").err, "", "a file of ppdnn says how it is laid out");
    save(&file("torch.safetensors"), &own.iter().map(transposed).collect::<Vec<_>>());
    let says = [
        "`dense1.weight` is [128, 784], it must be [784, 128]",
        "PyTorch stores [outputs, inputs]",
        "including square ones",
    ];
    begin("torch.safetensors").failed(1, &says);
    // the square one alone: nothing can tell
    let square = own.iter().map(|t| if t.0 == "dense2.weight" { transposed(t) } else { t.clone() });
    save(&file("square.safetensors"), &square.collect::<Vec<_>>());
    let warned = begin("square.safetensors");
    warned.done();
    for words in ["warning: dense2.weight of --init", "read as [inputs, outputs]", "PyTorch stores [outputs, inputs]"] {
        assert!(warned.err.contains(words), "`{words}` is not in {warned:?}");
    }
}

#[test]
fn a_checkpoint_that_is_no_safetensors_file_is_named_with_how_to_convert_it() {
    let dir = folder();
    fs::write(dir.path().join("model.pt"), [&b"PK\x03\x04"[..], &[0; 200]].concat()).unwrap();
    let says = ["model.pt: is a PyTorch checkpoint", "not a safetensors file", "save_file", "torch.load"];
    run(dir.path(), &["train", "--init", "model.pt"]).failed(1, &says);
    run(dir.path(), &["evaluate", "model.pt"]).failed(1, &says);
    fs::write(dir.path().join("noise"), [7; 300]).unwrap();
    run(dir.path(), &["train", "--init", "noise"])
        .failed(1, &["noise: does not fit `secureml`", "not a safetensors file"]);
}

#[test]
fn a_run_from_a_saved_model_lists_what_starts_afresh() {
    let _turn = shared();
    let dir = folder();
    let short =
        ["train", "--model", "logistic", "--train-limit", "128", "--steps", "1", "--test-limit", "100", "--out"];
    run(dir.path(), &[&short[..], &["a", "-q"]].concat()).done();
    let ended = run(dir.path(), &[&short[..], &["b", "--init", "a/model.safetensors"]].concat());
    for words in ["initial parameters from a/model.safetensors", "schedule, momentum and row order start afresh"] {
        assert!(ended.done().contains(words), "`{words}` is not in {ended:?}");
    }
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{ended:?}");
}

#[test]
fn pipes_devices_and_files_without_an_end_are_refused_wherever_a_file_is_named() {
    let _turn = shared();
    let dir = folder();
    run(dir.path(), &["keygen", "--out", "key"]).done();
    assert!(Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap().success());
    for name in ["huge", "huge.toml"] {
        fs::File::create(dir.path().join(name)).unwrap().set_len(1 << 42).unwrap();
    }
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("zero.toml")).unwrap();
    std::os::unix::fs::symlink("pipe", dir.path().join("pipe.toml")).unwrap();
    for (name, says) in [("pipe", "a pipe or a device"), ("/dev/zero", "a pipe or a device"), ("huge", "huge")] {
        let network = if name == "/dev/zero" { "zero.toml".to_owned() } else { format!("{name}.toml") };
        for args in [
            &["evaluate", name][..],
            &["plan", "--init", name],
            &["plan", "--model", &network],
            &["train", "--ranges", name],
            &["train", "--cluster", name, "--identity", "key"],
            &["server", "--id", "0", "--cluster", name, "--identity", "key"],
            &["train", "--cluster", "cluster", "--identity", name],
        ] {
            if args.contains(&"cluster") {
                let keys = [1, 2, 3, 4, 5].map(|n| format!("{n:064x}"));
                let text = crate::cluster::text(&keys, &"6".repeat(64), [7101, 7102, 7103], 5);
                fs::write(dir.path().join("cluster"), text).unwrap();
            }
            let ended = run(dir.path(), args);
            ended.failed(1, &[says]);
            assert!(ended.took.as_secs() < 30, "{args:?} {ended:?}");
        }
    }
}

#[test]
fn a_model_is_scored_by_the_folder_of_its_run_and_on_fewer_rows() {
    let _turn = shared();
    let dir = folder();
    let short =
        ["train", "--model", "logistic", "--train-limit", "300", "--steps", "2", "--test-limit", "200", "--out"];
    let ended = run(dir.path(), &[&short[..], &["out"]].concat());
    // 2 points, and four standard deviations of 4 % of 200 rows
    assert!(ended.done().contains("evaluated here; up to 7.66 points are rounding"), "{ended:?}");
    let score = |args: &[&str]| run(dir.path(), &[&["evaluate", "--json"], args].concat()).json().remove(0);
    assert_eq!(score(&["out"]), score(&["out/model.safetensors"]));
    let few = score(&["out", "--test-limit", "200"]);
    assert_eq!(few["rows"], 200);
    let summary: Value = serde_json::from_slice(&fs::read(dir.path().join("out/summary.json")).unwrap()).unwrap();
    assert_eq!(few["test_accuracy"], summary["scored_accuracy"]);
    run(dir.path(), &["evaluate", "out", "--test-limit", "0"]).failed(2, &["no rows to evaluate"]);
    let warned = run(dir.path(), &["evaluate", "out", "--test-limit", "20000"]);
    assert!(
        warned.done().contains("10000 test rows") && warned.err.contains("--test-limit 20000 is more"),
        "{warned:?}"
    );
    run(dir.path(), &["evaluate", "."]).failed(1, &["is a folder without model.safetensors", "the folder of a run"]);
}

#[test]
fn a_model_is_scored_on_the_data_set_that_it_was_trained_on() {
    let _turn = shared();
    let dir = folder();
    let model = ppdnn::nn::Model::dense("tiny", 784, &[], 10).unwrap();
    let saved = ppdnn::nn::TrainedModel::new(model, None, &[vec![0.0; 7840], vec![0.0; 10]]).unwrap();
    for folder in ["a", "b", "c"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    let file = |folder: &str| dir.path().join(folder).join("model.safetensors");
    // the file says so; or else what lies beside it
    saved.clone().trained_on("fashion-mnist").save(&file("a")).unwrap();
    saved.save(&file("b")).unwrap();
    fs::write(dir.path().join("b/job.toml"), "dataset = \"fashion-mnist\"\n").unwrap();
    saved.clone().trained_on("my own").save(&file("c")).unwrap();
    for model in ["a", "b", "b/model.safetensors"] {
        let score = |more: &[&str]| run(dir.path(), &[&["evaluate", model, "--test-limit", "10"], more].concat());
        score(&["--data-dir", "nowhere"]).failed(2, &["--data-dir has no fashion-mnist"]);
        let other = score(&["--dataset", "mnist"]);
        assert!(other.done().contains("on mnist"), "{other:?}");
        assert!(other.err.contains("warning: the model was trained on fashion-mnist; --dataset mnist"), "{other:?}");
    }
    run(dir.path(), &["evaluate", "c"]).failed(2, &["`my own`, which ppdnn does not know", "--dataset"]);
    // the controls: a run's own, and a file that says nothing
    let short = ["train", "-q", "--model", "logistic", "--train-limit", "128", "--steps", "1", "--reveal", "model"];
    run(dir.path(), &[&short[..], &["--out", "d"]].concat()).done();
    let own = run(dir.path(), &["evaluate", "d", "--dataset", "mnist", "--test-limit", "10"]);
    assert!(own.done().contains("on mnist") && own.err.is_empty(), "{own:?}");
    fs::remove_file(dir.path().join("b/job.toml")).unwrap();
    assert!(run(dir.path(), &["evaluate", "b", "--test-limit", "10"]).done().contains("on mnist"));
}
