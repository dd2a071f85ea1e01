//! Fuzz targets: what comes from peers, files and users, read as the program reads it. See `fuzz/README.md`.
//!
//! A target takes any bytes. It fails where something panics, and where what was read breaks a promise.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use tempfile::NamedTempFile;

use crate::data::{self, DatasetInfo, dataset_info};
use crate::fixed::Profile;
use crate::nn::{Model, TrainedModel};
use crate::prediction::{PredictionJob, row_shape};
use crate::roles::{Training, plan_predictions, plan_summary};
use crate::shape::Shape;
use crate::train::{Job, Policy, Recipe, set_shapes};

#[cfg(test)]
mod seeds;
#[cfg(test)]
mod tests;

pub use crate::net::fuzzing::{frames, greeting, handshake};
pub use crate::roles::fuzzing::message;

/// Reads bytes as something that comes from outside; panics where a promise is broken.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 14] = [
    ("cifar", cifar),
    ("cluster", cluster),
    ("frames", frames),
    ("greeting", greeting),
    ("handshake", handshake),
    ("idx", idx),
    ("job", job),
    ("message", message),
    ("model", model),
    ("network", network),
    ("onnx", onnx),
    ("parquet", parquet),
    ("plan", plan),
    ("policy", policy),
];

/// A job of private predictions, and what every party derives from one that passed the check.
fn prediction(bytes: &[u8]) {
    let Ok(job) = PredictionJob::from_bytes(bytes) else { return };
    let again = PredictionJob::from_bytes(&job.to_bytes()).expect("a checked job can be sent on");
    assert_eq!(again.to_bytes(), job.to_bytes(), "two parties see two jobs");
    assert!(job.rows() <= job.card.max_rows.into(), "no more is answered than the card allows");
    describe(&job.card.model);
    let _ = (row_shape(&job), job.in_words());
}

/// A file of rows in CIFAR's binary form.
pub fn cifar(bytes: &[u8]) {
    in_file(bytes, data::fuzzing::cifar);
}

/// A cluster file.
pub fn cluster(bytes: &[u8]) {
    in_file(bytes, crate::net::fuzzing::cluster);
}

/// An IDX file.
pub fn idx(bytes: &[u8]) {
    in_file(bytes, data::fuzzing::idx);
}

/// A job as a trainer or a client sends it, and what every party derives from one that passed the check.
pub fn job(bytes: &[u8]) {
    prediction(bytes);
    let Ok(job) = Job::from_bytes(bytes) else { return };
    let again = Job::from_bytes(&job.to_bytes()).expect("a checked job can be sent on");
    assert_eq!(again.to_bytes(), job.to_bytes(), "two parties see two jobs");
    describe(&job.model);
    let total = job.total_steps();
    let kinds = job.kinds_of_steps();
    assert_eq!(kinds.iter().map(|kind| kind.times).sum::<u64>(), total, "steps of every kind are all steps");
    for step in [0, total / 2, total - 1] {
        let _ = job.optimizer(step);
    }
    assert!(job.epochs_begun() <= job.settings.epochs);
    let _ = (set_shapes(&job), job.used_settings(), job.in_words(0));
    let _ = Policy::default().check(&job, 0);
    if job.train_rows() <= SMALL {
        let rows: usize = job.batches(1).iter().map(Vec::len).sum();
        assert_eq!(rows, job.train_rows() as usize, "an epoch goes over every row once");
    }
}

/// What a job costs, as everybody who gets one counts it.
pub fn plan(bytes: &[u8]) {
    if let Ok(job) = PredictionJob::from_bytes(bytes) {
        let _ = plan_predictions(&job);
    }
    let Ok(job) = Job::from_bytes(bytes) else { return };
    let _ = plan_summary(&job, "none");
}

/// A model file: as a model, and as parameters of a network of ours.
pub fn model(bytes: &[u8]) {
    in_file(bytes, |path| {
        let small = Model::dense("small", 3, &[2], 2).expect("a network");
        if let Ok(parameters) = TrainedModel::load_parameters(path, &small) {
            assert!(small.parameters().iter().map(Shape::len).eq(parameters.parameters.iter().map(Vec::len)));
        }
        let Ok(saved) = TrainedModel::load(path) else { return };
        describe(&saved.model);
        if saved.model.macs() <= SMALL.into() && saved.model.widest() <= SMALL as usize {
            let logits = saved.logits(Array2::zeros([2, saved.model.features()]).view());
            assert_eq!(logits.expect("rows of the model's features").dim(), (2, saved.model.outputs()));
        }
    });
}

/// An ONNX file, and what is exported of the model in it.
pub fn onnx(bytes: &[u8]) {
    in_file(bytes, |path| {
        let Ok(imported) = TrainedModel::load_onnx(path) else { return };
        let model = imported.model;
        model.model.check().expect("a network from a file is checked");
        describe(&model.model);
        let text = model.network_file().expect("layers of ours have a network file");
        assert!(text.starts_with("name = "));
        if model.model.macs() > SMALL.into() || model.model.widest() > SMALL as usize {
            return;
        }
        let rows = Array2::zeros([2, model.model.features()]);
        let logits = model.logits(rows.view()).expect("rows of the model's features");
        assert_eq!(logits.dim(), (2, model.model.outputs()));
        let exported = model.to_onnx().expect("layers of ours are exported");
        in_file(&exported, |path| {
            let again = TrainedModel::load_onnx(path).expect("what was exported is read").model;
            assert_eq!(again.logits(rows.view()).expect("as many features").dim(), logits.dim());
        });
    });
}

/// A table in a Parquet file.
pub fn parquet(bytes: &[u8]) {
    in_file(bytes, data::fuzzing::parquet);
}

/// An owner's policy file, and what it says of a job.
pub fn policy(bytes: &[u8]) {
    in_file(bytes, |path| {
        let Ok(policy) = Policy::load(path) else { return };
        let model = Model::dense("small", 3, &[], 2).expect("a network");
        let job = Training::new(model).profile(Profile::small()).batch(8).job(40, 20).expect("a job");
        let _ = policy.check(&job, 0);
    });
}

/// A network file, for data sets of two shapes.
pub fn network(bytes: &[u8]) {
    in_file(bytes, |path| {
        let sets = ["mnist", "cifar-10"].map(|name| dataset_info(name).expect("a known set"));
        for set in sets {
            read_network(path, set);
        }
    });
}

fn read_network(path: &Path, set: &DatasetInfo) {
    if let Some(name) = path.to_str() {
        let _ = Recipe::data(name);
    }
    if let Ok(recipe) = Recipe::load(path, set) {
        recipe.model.check().expect("a network from a file is checked");
        describe(&recipe.model);
    }
}

/// Everything that is said of a network.
fn describe(model: &Model) {
    let products: usize = model.stages().iter().map(|stage| stage.linears().count()).sum();
    let weights = model.parameters().iter().filter(|shape| shape.axes().len() == 2).count();
    assert_eq!(products, weights, "every product has a weight");
    let _ = (model.macs(), model.widest(), model.sizes());
}

/// Calls `read` with a file that holds the bytes.
fn in_file(bytes: &[u8], read: impl FnOnce(&Path)) {
    thread_local! {
        static FILE: NamedTempFile =
            tempfile::Builder::new().suffix(".toml").tempfile().expect("a temporary file");
    }
    FILE.with(|file| {
        fs::write(file.path(), bytes).expect("a temporary file can be written");
        read(file.path());
    });
}

/// Rows, or multiplications, that take no time.
const SMALL: u32 = 1 << 16;
