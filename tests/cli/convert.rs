//! `ppdnn convert`: models from and to other programs.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ppdnn::TrainedModel;
use ppdnn::ndarray::{Array2, Array4};
use safetensors::serialize;
use safetensors::tensor::{Dtype, TensorView};

use crate::harness::{folder, run, shared};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx").join(name)
}

/// Copies a model into a folder.
fn copied(folder: &Path, name: &str, to: &str) {
    fs::copy(fixture(name), folder.join(to)).unwrap();
}

fn rows(model: &TrainedModel) -> Array2<f32> {
    Array2::from_shape_fn([2, model.model.features()], |(n, i)| ((n * 31 + i * 7) % 11) as f32 / 10.0)
}

fn close(a: &TrainedModel, b: &TrainedModel) -> bool {
    let [a, b] = [a, b].map(|model| model.logits(rows(model).view()).unwrap());
    a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[test]
fn an_onnx_model_becomes_parameters_and_a_network_file_and_comes_back() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    copied(dir.path(), "conv.onnx", "in.onnx");
    let ended = run(dir.path(), &["convert", "in.onnx", "model.safetensors"]);
    assert!(ended.done().contains("network file: model.toml") && ended.err.contains("(Softmax): is left out"));
    let saved = TrainedModel::load(&path("model.safetensors")).unwrap();
    let network = fs::read_to_string(path("model.toml")).unwrap();
    assert!(network.starts_with("name = \"in\"") && network.contains("kind = \"max-pool\""), "{network}");
    // nothing is overwritten unless it is asked for
    let again = ["convert", "in.onnx", "model.safetensors"];
    run(dir.path(), &again).failed(2, &["model.safetensors already exists", "--overwrite"]);
    fs::remove_file(path("model.safetensors")).unwrap();
    run(dir.path(), &again).failed(2, &["model.toml already exists"]);
    assert!(!path("model.safetensors").exists());
    let told = run(dir.path(), &[&again[..], &["--overwrite", "--json"]].concat()).json().remove(0);
    assert_eq!([&told["file"], &told["network_file"]], ["model.safetensors", "model.toml"]);
    assert_eq!(told["remarks"].as_array().unwrap().len(), 1);
    run(dir.path(), &["convert", "model.safetensors", "out.onnx"]).done();
    assert!(!path("out.toml").exists());
    let back = TrainedModel::load_onnx(&path("out.onnx")).unwrap().model;
    assert!(close(&saved, &back));
}

#[test]
fn the_task_of_another_program_s_model_is_guessed_or_given() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name);
    copied(dir.path(), "dense.onnx", "in.onnx");
    copied(dir.path(), "conv.onnx", "softmax.onnx");
    let guessed = run(dir.path(), &["convert", "in.onnx", "a.safetensors"]);
    assert!(guessed.done().contains("task: classification, a guess from its outputs; --task names another"));
    let given = run(dir.path(), &["convert", "in.onnx", "b.safetensors", "--task", "regression", "--json"]).json();
    assert_eq!(given[0]["task"], "regression");
    let network = fs::read_to_string(path("b.toml")).unwrap();
    assert!(network.contains("loss = \"square\""), "{network}");
    run(dir.path(), &["convert", "softmax.onnx", "c.safetensors", "--task", "regression"])
        .failed(1, &["softmax.onnx", "ends with a softmax", "regression"]);
    // a file of ours names its task
    run(dir.path(), &["convert", "b.safetensors", "own.onnx"]).done();
    run(dir.path(), &["convert", "own.onnx", "c.safetensors", "--task", "multi-label"])
        .failed(1, &["own.onnx", "names its task, regression", "multi-label"]);
    run(dir.path(), &["convert", "b.safetensors", "c.onnx", "--task", "regression"]).failed(2, &["--task", ".onnx"]);
    run(dir.path(), &["convert", "in.onnx", "c.safetensors", "--task", "ranking"]).failed(2, &["ranking"]);
    assert!(!path("c.safetensors").exists() && !path("c.onnx").exists());
}

#[test]
fn files_that_cannot_be_converted_say_why() {
    let dir = folder();
    fs::write(dir.path().join("bad.onnx"), "no model").unwrap();
    run(dir.path(), &["convert", "bad.onnx", "out.safetensors"]).failed(1, &["bad.onnx: is not an ONNX model"]);
    run(dir.path(), &["convert", "gone.onnx", "out.safetensors"]).failed(1, &["gone.onnx"]);
    run(dir.path(), &["convert", "bad.onnx", "out.pt"]).failed(2, &["out.pt", ".onnx or .safetensors"]);
    run(dir.path(), &["evaluate", "bad.onnx"]).failed(1, &["bad.onnx: is not an ONNX model"]);
    assert!(fs::read_dir(dir.path()).unwrap().count() == 1, "nothing is left behind");
}

/// A network of MNIST from nowhere: exported, read again, and trained on.
#[test]
fn training_and_evaluation_go_on_from_an_onnx_model() {
    let _turn = shared();
    let dir = folder();
    let job = ["--train-limit", "640", "--test-limit", "100", "--epochs", "1"];
    run(dir.path(), &[&["train", "--model", "logistic", "--out", "run"], &job[..]].concat()).done();
    run(dir.path(), &["convert", "run", "model.onnx"]).done();
    let score = |model: &str| {
        run(dir.path(), &["evaluate", model, "--test-limit", "500", "--json"]).json()[0]["test_accuracy"].clone()
    };
    assert_eq!(score("model.onnx"), score("run"));
    run(dir.path(), &["convert", "model.onnx", "again.safetensors"]).done();
    assert_eq!(score("again.safetensors"), score("run"));
    let more = ["train", "--model", "again.toml", "--init", "again.safetensors", "--out", "more"];
    run(dir.path(), &[&more[..], &job].concat()).done();
    assert!(dir.path().join("more/model.safetensors").exists());
}

/// Parameters as PyTorch has them, of the model that is read from an ONNX file with the same numbers.
#[test]
fn parameters_of_pytorch_are_read_by_a_map_of_names() {
    let dir = folder();
    copied(dir.path(), "conv.onnx", "in.onnx");
    run(dir.path(), &["convert", "in.onnx", "want.safetensors"]).done();
    let want = TrainedModel::load(&dir.path().join("want.safetensors")).unwrap();
    // the pool of 3x3 has another factor than 1/9, which convert made up for
    let exact = [1.0, 9.0 * 7.0 / 64.0, 1.0];
    let names = ["features.0", "features.4", "out"];
    let mut all: Vec<(String, Vec<usize>, Vec<f32>)> = Vec::new();
    for (((weight, bias), name), exact) in want.parameters.iter().zip(names).zip(exact) {
        let [inputs, outputs] = [weight.nrows(), weight.ncols()];
        let [h, w, c] = match name {
            "features.0" => [3, 2, 2],
            "features.4" => [3, 3, 3],
            _ => [2, 3, 4],
        };
        let turned = Array4::from_shape_vec([h, w, c, outputs], weight.iter().copied().collect()).unwrap();
        let turned = turned.permuted_axes([3, 2, 0, 1]).iter().map(|w| w * exact).collect();
        let shape = if name == "out" { vec![outputs, inputs] } else { vec![outputs, c, h, w] };
        all.push((format!("{name}.weight"), shape, turned));
        all.push((format!("{name}.bias"), vec![outputs], bias.to_vec()));
    }
    let write = |all: &[(String, Vec<usize>, Vec<f32>)]| {
        let bytes: Vec<Vec<u8>> = all.iter().map(|(.., x)| x.iter().flat_map(|x| x.to_le_bytes()).collect()).collect();
        let views = all
            .iter()
            .zip(&bytes)
            .map(|((name, shape, _), data)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
        let text = serialize(views, None::<HashMap<String, String>>).unwrap();
        fs::write(dir.path().join("torch.safetensors"), text).unwrap();
    };
    write(&all);
    fs::write(dir.path().join("names.toml"), NAMES).unwrap();
    let saved = ppdnn::nn::NameMap::load(&dir.path().join("names.toml")).unwrap();
    let file = dir.path().join("torch.safetensors");
    let got = TrainedModel::load_pytorch(&file, &want.model, &saved).unwrap();
    assert!(close(&want, &got));
    // a name that is missing, one too many, and a shape
    let error = |names: &str| {
        fs::write(dir.path().join("names.toml"), names).unwrap();
        let names = ppdnn::nn::NameMap::load(&dir.path().join("names.toml"));
        names.and_then(|names| TrainedModel::load_pytorch(&file, &want.model, &names)).unwrap_err().to_string()
    };
    assert!(error("\"conv1\" = \"features.0\"").contains("has no `conv2.weight`"));
    assert!(error("\"conv9\" = \"features.0\"").contains("`conv9`"));
    assert!(error("conv1.weight = \"x\"").contains("line 1"));
    all[0].1 = vec![3, 3, 2, 2];
    write(&all);
    assert!(error(NAMES).contains("`features.0.weight` is [3, 3, 2, 2], it must be [3, 2, 3, 2]"));
}

const NAMES: &str = "\"conv1\" = \"features.0\"\n\"conv2\" = \"features.4\"\n\"dense3.weight\" = \"out.weight\"\n\
                     \"dense3.bias\" = \"out.bias\"\n";

/// What a published network of CIFAR-10 needs: the network by name or file, a map, and the scale of its inputs.
#[test]
fn the_command_reads_parameters_of_pytorch() {
    let dir = folder();
    let ended = run(dir.path(), &["convert", "torch.safetensors", "out.safetensors", "--names", "names.toml"]);
    ended.failed(2, &["--model"]);
    let write = |shape: Vec<usize>| {
        let weight = vec![0u8; 4 * 7840];
        let bias = vec![0u8; 40];
        let views = [
            ("fc.weight", TensorView::new(Dtype::F32, shape, &weight).unwrap()),
            ("fc.bias", TensorView::new(Dtype::F32, vec![10], &bias).unwrap()),
        ];
        fs::write(dir.path().join("torch.safetensors"), serialize(views, None::<HashMap<_, _>>).unwrap()).unwrap();
    };
    write(vec![10, 784]);
    fs::write(dir.path().join("names.toml"), "\"dense1\" = \"fc\"\n").unwrap();
    let args = ["convert", "torch.safetensors", "out.safetensors", "--names", "names.toml", "--model", "logistic"];
    run(dir.path(), &[&args[..], &["--model-out", "out.safetensors"]].concat()).failed(2, &["named twice"]);
    run(dir.path(), &[&args[..], &["--model-out", "./torch.safetensors", "--overwrite"]].concat())
        .failed(2, &["named twice"]);
    let scaled = [&args[..], &["--normalization", "0.5,0.25"]].concat();
    assert!(run(dir.path(), &scaled).done().contains("(x - 0.5) / 0.25"));
    // MNIST's own normalization is another one
    let train = ["train", "--model", "out.toml", "--init", "out.safetensors", "--steps", "1", "--train-limit", "200"];
    run(dir.path(), &train).failed(1, &["normalized as (x - 0.5) / 0.25", "--fold-normalization"]);
    let folded = [&scaled[..], &["--fold-normalization", "--overwrite"]].concat();
    assert!(!run(dir.path(), &folded).done().contains("(x - "));
    let saved = TrainedModel::load(&dir.path().join("out.safetensors")).unwrap();
    assert_eq!((saved.dataset.as_deref(), saved.normalization), (Some("mnist"), None));
    run(dir.path(), &[&args[..], &["--normalization", "0.5", "--overwrite"]].concat()).failed(2, &["two numbers"]);
    write(vec![784, 10]);
    run(dir.path(), &[&args[..], &["--overwrite"]].concat()).failed(1, &["`fc.weight` is [784, 10]", "[10, 784]"]);
}
