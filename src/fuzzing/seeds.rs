//! Initial inputs, made from real values.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::fixed::Profile;
use crate::net::fuzzing::seeds as net;
use crate::nn::layers::{AveragePool, Conv2d, Dense, Flatten, MaxPool, Relu, Residual, Sigmoid};
use crate::nn::{Init, LayerSpec, Loss, Model, Normalization, Optimizer, PoolMethod, TrainedModel};
use crate::prediction::Prediction;
use crate::roles::fuzzing::seeds as roles;
use crate::train::Training;
use crate::train::{EarlyStop, Job, Policy, Recipe, Schedule};

/// Inputs by target.
pub(super) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let (images, labels, rows) = (idx(&[2, 2, 3]), idx(&[4]), cifar());
    let mut all = vec![
        ("cifar", packed(&rows)),
        ("cifar", rows),
        ("cluster", net::cluster_text().into_bytes()),
        ("greeting", net::hello()),
        ("greeting", net::welcome()),
        ("greeting", net::refusal()),
        ("handshake", net::client_hello()),
        ("frames", net::two_frames()),
        ("idx", packed(&images)),
        ("idx", images),
        ("idx", labels),
        ("parquet", include_bytes!("../../tests/data/parquet/snappy.parquet").to_vec()),
        ("parquet", include_bytes!("../../tests/data/parquet/fastparquet.parquet").to_vec()),
        ("parquet", include_bytes!("../../tests/data/parquet/kinds.parquet").to_vec()),
        ("policy", Policy::DEFAULT.into()),
        ("policy", Policy::ANYTHING.into()),
    ];
    all.extend(models().into_iter().map(|bytes| ("model", bytes)));
    all.extend(onnx_models().into_iter().map(|bytes| ("onnx", bytes)));
    all.extend(roles::messages().into_iter().map(|bytes| ("message", bytes)));
    for name in Recipe::names() {
        all.push(("network", Recipe::text(name).expect("a named network").into()));
    }
    for job in jobs() {
        all.extend([("job", job.to_bytes()), ("plan", job.to_bytes())]);
    }
    all.extend([("job", prediction()), ("plan", prediction())]);
    all
}

/// A job of private predictions.
fn prediction() -> Vec<u8> {
    let zeros: Vec<Vec<f64>> = network().parameters().iter().map(|shape| vec![0.0; shape.len()]).collect();
    let model = TrainedModel::new(network(), None, &zeros).expect("a parameter of every shape");
    Prediction::new(model).job(10).expect("a job of ten rows").to_bytes()
}

/// A job of every named network, and one with every setting.
fn jobs() -> Vec<Job> {
    let named = Recipe::names().map(|name| {
        let data = Recipe::data(name).expect("a known set");
        Training::of(&Recipe::named(name, data).expect("a named network"), data)
    });
    let all = Training::new(network())
        .profile(Profile::small())
        .owners(2)
        .accumulate(2)
        .optimizer(Optimizer::Nesterov)
        .weight_decay(0.001)
        .schedule(Schedule::Step { epochs: 2, factor: 0.5 })
        .steps(Some(7))
        .stop(EarlyStop { patience: Some(3), target: Some(0.9) });
    named.chain([all]).map(|training| training.batch(8).job(40, 20).expect("a job")).collect()
}

/// A small network of many kinds of layers.
fn network() -> Model {
    let conv = LayerSpec::from(Conv2d { channels: 2, kernel: [3, 3], stride: [1, 1], padding: [1, 1], bias: true });
    let body = vec![conv.clone(), LayerSpec::from(Relu), conv.clone()];
    let max_pool = LayerSpec::from(MaxPool { window: [2, 2], stride: [2, 2], method: PoolMethod::Tree });
    let layers = vec![
        conv.clone(),
        max_pool,
        LayerSpec::from(Relu),
        LayerSpec::from(Residual { body, projection: true }),
        LayerSpec::from(Relu),
        conv,
        LayerSpec::from(AveragePool { window: [2, 2], stride: [1, 1] }),
        LayerSpec::from(Sigmoid),
        LayerSpec::from(Flatten),
        LayerSpec::from(Dense { outputs: 3, bias: false }),
    ];
    Model::new("many", [6, 6, 1], layers, 3, Loss::SigmoidCrossEntropy, Init::He).expect("a network")
}

/// Model files: a network that the target knows, with and without a scale, and one of many layers.
fn models() -> Vec<Vec<u8>> {
    let small = Model::dense("small", 3, &[2], 2).expect("a network");
    let scale = Some(Normalization::uniform(0.5, 0.25));
    [(small.clone(), None), (small, scale.clone()), (network(), scale)]
        .map(|(model, scale)| file_of(model, scale))
        .to_vec()
}

/// ONNX files of the same networks.
fn onnx_models() -> Vec<Vec<u8>> {
    let small = Model::dense("small", 3, &[2], 2).expect("a network");
    let of = |model: Model| {
        let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
        let scale = Some(Normalization::uniform(0.5, 0.25));
        TrainedModel::new(model, scale, &parameters)
            .and_then(|saved| saved.to_onnx())
            .expect("a model that is exported")
    };
    [small, network()].map(of).to_vec()
}

fn file_of(model: Model, normalization: Option<Normalization>) -> Vec<u8> {
    let parameters: Vec<Vec<f64>> = model.parameters().iter().map(|shape| vec![0.5; shape.len()]).collect();
    let saved = TrainedModel::new(model, normalization, &parameters).expect("parameters of the network");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    saved.save(&path).expect("a model can be written");
    read(&path)
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("a file that was just written")
}

/// An IDX file of zeros, and ones.
fn idx(axes: &[u8]) -> Vec<u8> {
    let values = axes.iter().map(|axis| usize::from(*axis)).product();
    let mut bytes = vec![0, 0, 8, u8::try_from(axes.len()).expect("a few axes")];
    bytes.extend(axes.iter().flat_map(|axis| u32::from(*axis).to_be_bytes()));
    bytes.extend((0..2).cycle().take(values));
    bytes
}

/// The file that the target reads: three rows of a label and 18 values.
fn cifar() -> Vec<u8> {
    (0..3).flat_map(|row: u8| (0..19).map(move |i| if i == 0 { row } else { 10 * i })).collect()
}

/// The bytes as a gzip file.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(bytes).and_then(|()| out.finish()).expect("memory can be written")
}
