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
    let says = [
        "train-labels-idx1-ubyte: is not the file of mnist that is known",
        "SHA-256",
        "fetch it again",
        "--unchecked-data",
    ];
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
fn weights_as_pytorch_has_them_are_recognised() {
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
        "`dense1.weight` is [128, 784], it has to be [784, 128]",
        "PyTorch keeps [outputs, inputs]",
        "square ones too",
    ];
    begin("torch.safetensors").failed(1, &says);
    // the square one alone: nothing can tell
    let square = own.iter().map(|t| if t.0 == "dense2.weight" { transposed(t) } else { t.clone() });
    save(&file("square.safetensors"), &square.collect::<Vec<_>>());
    let warned = begin("square.safetensors");
    warned.done();
    for words in ["warning: dense2.weight of --init", "taken as [inputs, outputs]", "PyTorch keeps [outputs, inputs]"] {
        assert!(warned.err.contains(words), "`{words}` is not in {warned:?}");
    }
}

#[test]
fn a_checkpoint_that_is_no_safetensors_file_is_named_with_how_to_convert_it() {
    let dir = folder();
    fs::write(dir.path().join("model.pt"), [&b"PK\x03\x04"[..], &[0; 200]].concat()).unwrap();
    let says = ["model.pt: is a checkpoint of PyTorch", "no safetensors file", "save_file", "torch.load"];
    run(dir.path(), &["train", "--init", "model.pt"]).failed(1, &says);
    run(dir.path(), &["evaluate", "model.pt"]).failed(1, &says);
    fs::write(dir.path().join("noise"), [7; 300]).unwrap();
    run(dir.path(), &["train", "--init", "noise"])
        .failed(1, &["noise: does not fit `secureml`", "no safetensors file"]);
}

#[test]
fn a_run_that_begins_with_a_model_says_what_starts_anew() {
    let _turn = shared();
    let dir = folder();
    let short =
        ["train", "--model", "logistic", "--train-limit", "128", "--steps", "1", "--test-limit", "100", "--out"];
    run(dir.path(), &[&short[..], &["a", "-q"]].concat()).done();
    let ended = run(dir.path(), &[&short[..], &["b", "--init", "a/model.safetensors"]].concat());
    for words in
        ["begins with the parameters of a/model.safetensors", "schedule, momentum and order of rows start anew"]
    {
        assert!(ended.done().contains(words), "`{words}` is not in {ended:?}");
    }
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80), "{ended:?}");
}
