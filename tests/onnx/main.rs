//! Models from and to ONNX files, against another program: ONNX Runtime.
//!
//! `tests/onnx/*.json` has what ONNX Runtime computes for the models beside them, which `check.py` made with the `onnx` package,
//! or ppdnn (`exported-*.onnx`). With Python and both packages, new exports are run, too; `PPDNN_PYTHON` names the interpreter.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ppdnn::data::dataset_info;
use ppdnn::layer::{
    average_pool, batch_norm, conv2d, conv2d_with, dense, dropout, flatten, global_average_pool, hard_tanh, layer_norm,
    leaky_relu, max_pool, projected_residual, relu, residual, sigmoid, square, zero_padding,
};
use ppdnn::ndarray::{Array2, Array4};
use ppdnn::nn::LayerSpec;
use ppdnn::{Model, Normalization, Recipe, Shape, Task, TrainedModel};

/// How far two runtimes in single precision may be apart.
const CLOSE: f32 = 1e-4;

#[test]
fn models_of_another_program_compute_what_they_did() {
    for (name, softmax) in [("dense", false), ("conv", true), ("residual", false), ("old", false)] {
        let imported = TrainedModel::load_onnx(&file(name, "onnx")).unwrap();
        assert_eq!(imported.remarks.len(), usize::from(softmax), "{name}: {:?}", imported.remarks);
        let model = imported.model;
        let apart = apart(&model, &Known::of(name), softmax);
        assert!(apart < CLOSE, "{name}: {apart}");
        // and so do they as files of ours
        let folder = tempfile::tempdir().unwrap();
        let again = folder.path().join("again.onnx");
        model.save_onnx(&again).unwrap();
        let again = TrainedModel::load_onnx(&again).unwrap().model;
        assert!(self::apart(&again, &Known::of(name), softmax) < CLOSE, "{name}");
    }
}

/// What another program's file is for is a guess, which the user may correct; the numbers stay.
#[test]
fn another_program_s_model_is_given_a_task() {
    let guessed = TrainedModel::load_onnx(&file("dense", "onnx")).unwrap();
    assert!(guessed.guessed_task && guessed.model.model.task() == Task::Classification);
    for task in Task::ALL {
        let given = TrainedModel::load_onnx_for(&file("dense", "onnx"), task).unwrap();
        assert!(!given.guessed_task && given.model.model.task() == task);
        assert!(apart(&given.model, &Known::of("dense"), false) < CLOSE, "{task}");
        // a file of ours names it
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.onnx");
        given.model.save_onnx(&own).unwrap();
        let again = TrainedModel::load_onnx(&own).unwrap();
        assert!(!again.guessed_task && again.model.model.task() == task);
    }
    let softmax = TrainedModel::load_onnx_for(&file("conv", "onnx"), Task::Regression).unwrap_err().to_string();
    assert!(softmax.contains("conv.onnx") && softmax.contains("ends with a softmax"), "{softmax}");
}

/// A comparison that cannot fail proves nothing.
#[test]
fn a_transposed_weight_is_noticed() {
    let mut model = TrainedModel::load_onnx(&file("dense", "onnx")).unwrap().model;
    let weight = &mut model.parameters.last_mut().unwrap().0;
    *weight = weight.t().to_owned();
    assert!(apart(&model, &Known::of("dense"), false) > 0.01);
    let mut model = TrainedModel::load_onnx(&file("conv", "onnx")).unwrap().model;
    let weight = &mut model.parameters.last_mut().unwrap().0;
    weight.swap_axes(0, 1);
    *weight = Array2::from_shape_vec([24, 3], weight.iter().copied().collect()).unwrap();
    assert!(apart(&model, &Known::of("conv"), true) > 0.001);
}

/// The committed files are what is exported today, and ONNX Runtime computed what is in the JSON files beside them.
/// `PPDNN_WRITE_ONNX=1` writes them anew; `check.py expect FILE` makes the JSON file of one.
#[test]
fn exports_compute_in_another_program_what_they_do_here() {
    for (name, model) in networks() {
        let path = file(&format!("exported-{name}"), "onnx");
        if std::env::var_os("PPDNN_WRITE_ONNX").is_some() {
            model.save_onnx(&path).unwrap();
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new.onnx");
        model.save_onnx(&new).unwrap();
        assert!(
            fs::read(&new).unwrap() == fs::read(&path).unwrap(),
            "the export of `{name}` is another one; see above"
        );
        let apart = apart(&model, &Known::of(&format!("exported-{name}")), false);
        assert!(apart < CLOSE, "{name}: {apart}");
    }
}

#[test]
fn exports_run_in_onnx_runtime_if_it_is_there() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let [onnx, json] = ["model.onnx", "rows.json"].map(|name| folder.path().join(name));
    for (name, model) in networks() {
        let rows = numbers(11, 3 * model.model.features());
        let rows: Vec<Vec<f32>> = rows.chunks(model.model.features()).map(<[f32]>::to_vec).collect();
        model.save_onnx(&onnx).unwrap();
        fs::write(&json, serde_json::to_string(&rows).unwrap()).unwrap();
        let script = file("check", "py");
        let ran = Command::new(&python).arg(script).arg("run").args([&onnx, &json]).output().unwrap();
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        let outputs = serde_json::from_slice(&ran.stdout).unwrap();
        let apart = apart(&model, &Known { inputs: rows, outputs }, false);
        assert!(apart < CLOSE, "{name}: {apart}");
    }
}

#[test]
fn exports_come_back() {
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in networks() {
        let path = folder.path().join(format!("{name}.onnx"));
        model.clone().trained_on("mnist").save_onnx(&path).unwrap();
        let read = TrainedModel::load_onnx(&path);
        // written step by step, which no layer is made of
        let steps = [("norms", "(ReduceMean): the operator is not supported"), ("flattened", "(Reshape): to images")];
        if let Some((_, reason)) = steps.iter().find(|(steps, _)| *steps == name) {
            assert!(read.unwrap_err().to_string().contains(reason), "{name}");
            continue;
        }
        let read = read.unwrap();
        assert!(read.remarks.is_empty(), "{:?}", read.remarks);
        assert_eq!(read.model.dataset.as_deref(), Some("mnist"));
        let rows = Array2::from_shape_vec([3, model.model.features()], numbers(5, 3 * model.model.features())).unwrap();
        let (a, b) = (model.logits(rows.view()).unwrap(), read.model.logits(rows.view()).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < CLOSE), "{name}");
        // batch normalization is in the weights, and nothing else is left out
        if name == "images" {
            assert_eq!(read.model.model.layers(), model.model.layers(), "{name}");
        }
    }
}

#[test]
fn network_files_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.toml");
    let names = Recipe::names().map(|name| Recipe::named(name, Recipe::data(name).unwrap()).unwrap().model);
    let all = vec![
        conv2d_with(3, [3, 2], 2, 1),
        layer_norm(),
        leaky_relu(3),
        zero_padding(1),
        dropout(0.25).unwrap(),
        conv2d(4, 2),
        average_pool(2),
        square(),
        flatten(),
        dense(5),
        hard_tanh(),
        dense(10),
    ];
    let all = Model::sequential([28, 28, 1], all).unwrap();
    for model in names.chain([all]) {
        let saved = TrainedModel {
            model,
            normalization: None,
            dataset: None,
            description: None,
            profile: None,
            parameters: Vec::new(),
        };
        fs::write(&path, saved.network_file().unwrap()).unwrap();
        let mnist = dataset_info("mnist").unwrap();
        let set = if saved.model.input().axes().last() == Some(&3) { dataset_info("cifar-10").unwrap() } else { mnist };
        let read = Recipe::load(&path, set).unwrap().model;
        assert_eq!((read.layers(), read.loss()), (saved.model.layers(), saved.model.loss()), "{}", saved.model.name());
    }
}

/// Networks with every layer.
fn networks() -> Vec<(&'static str, TrainedModel)> {
    let scale = Some(Normalization::uniform(0.5, 0.25));
    let each = Normalization { mean: numbers64(7, 0.25), deviation: numbers64(7, 1.5) };
    let rows = vec![
        dense(6),
        relu(),
        dense(5),
        sigmoid(),
        dense(6),
        hard_tanh(),
        dropout(0.5).unwrap(),
        dense(4),
        square(),
        dense(3),
    ];
    let images =
        vec![conv2d_with(3, [3, 2], 2, 1), batch_norm(), max_pool(2), relu(), conv2d(4, 2), leaky_relu(2), dense(3)];
    let body = || vec![conv2d_with(4, [3, 3], 1, 1), relu(), conv2d_with(4, [3, 3], 2, 1)];
    let blocks = vec![
        conv2d_with(3, [3, 3], 1, 1),
        relu(),
        projected_residual(body()),
        relu(),
        residual(vec![conv2d_with(4, [3, 3], 1, 1)]),
        leaky_relu(2),
        dense(3),
    ];
    let flattened =
        vec![conv2d(3, 2), relu(), flatten(), residual(vec![dense(5), relu(), dense(12)]), sigmoid(), dense(3)];
    let pools = vec![
        zero_padding(1),
        average_pool(3),
        conv2d(4, 2),
        relu(),
        conv2d(4, 2),
        average_pool(3),
        sigmoid(),
        conv2d_with(5, [1, 1], 1, 0),
        relu(),
        global_average_pool(),
        dense(3),
    ];
    let norms = vec![conv2d(3, 2), layer_norm(), relu(), conv2d(4, 2), flatten(), layer_norm(), relu(), dense(3)];
    vec![
        ("dense", trained([7].into(), rows, scale.clone())),
        ("images", trained([9, 10, 2].into(), images, scale)),
        ("blocks", trained([8, 8, 2].into(), blocks, None)),
        ("flattened", trained([3, 3, 2].into(), flattened, None)),
        ("pools", trained([32, 31, 2].into(), pools, None)),
        ("standardized", trained([7].into(), vec![dense(6), relu(), dense(3)], Some(each))),
        ("norms", trained([6, 5, 2].into(), norms, None)),
    ]
}

/// Numbers around a middle, for every feature one.
fn numbers64(features: usize, middle: f64) -> Vec<f64> {
    (0..features).map(|feature| middle + 0.0625 * (feature as f64 - 3.0)).collect()
}

fn trained(input: Shape, layers: Vec<LayerSpec>, scale: Option<Normalization>) -> TrainedModel {
    let model = Model::sequential(input, layers).unwrap();
    let shapes = model.parameters();
    // variances are positive
    let of = |(seed, shape): (usize, &Shape)| {
        numbers(seed, shape.len())
            .into_iter()
            .map(|x| f64::from(x.abs() / 2.0 + 0.1 * x))
            .enumerate()
            .map(|(at, x)| if shape.axes().len() == 2 && at % 2 == 1 { -x } else { x })
            .collect::<Vec<f64>>()
    };
    let parameters: Vec<Vec<f64>> = shapes.iter().enumerate().map(of).collect();
    TrainedModel::new(model, scale, &parameters).unwrap()
}

/// Numbers from -1 to 1 that look random.
fn numbers(seed: usize, len: usize) -> Vec<f32> {
    (0..len).map(|at| ((at * 7919 + (seed + 1) * 10_429) % 201) as f32 / 100.0 - 1.0).collect()
}

/// What ONNX Runtime computes for inputs, whose images have the channels first.
#[derive(serde::Deserialize)]
struct Known {
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

impl Known {
    fn of(name: &str) -> Self {
        serde_json::from_str(&fs::read_to_string(file(name, "json")).unwrap()).unwrap()
    }
}

/// How far a model's outputs are from those, at most.
fn apart(model: &TrainedModel, known: &Known, softmax: bool) -> f32 {
    let n = known.inputs.len();
    let rows = Array2::from_shape_vec([n, model.model.features()], known.inputs.concat()).unwrap();
    let rows = match model.model.input().axes() {
        [h, w, c] => {
            let images = Array4::from_shape_vec([n, *c, *h, *w], known.inputs.concat()).unwrap();
            Array2::from_shape_vec(rows.raw_dim(), images.permuted_axes([0, 2, 3, 1]).iter().copied().collect())
                .unwrap()
        }
        _ => rows,
    };
    let mut logits = model.logits(rows.view()).unwrap();
    if softmax {
        for mut row in logits.rows_mut() {
            row.mapv_inplace(f32::exp);
            let sum = row.sum();
            row /= sum;
        }
    }
    let known = known.outputs.concat();
    assert_eq!(logits.len(), known.len());
    logits.iter().zip(known).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max)
}

/// Python with ONNX Runtime, or a line that says that it is not there.
fn python() -> Option<PathBuf> {
    let python = std::env::var_os("PPDNN_PYTHON").map_or(PathBuf::from("python3"), PathBuf::from);
    let there = Command::new(&python).args(["-c", "import onnx, onnxruntime"]).output();
    if there.is_ok_and(|ran| ran.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {} has no packages onnx and onnxruntime; PPDNN_PYTHON names another", python.display());
    None
}

fn file(name: &str, extension: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx").join(name).with_extension(extension)
}
