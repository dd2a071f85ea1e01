//! Every kept input, without a fuzzer: what was found once stays mended.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::seeds::seeds;
use super::*;
use crate::data::description::{Learn, draft};

#[test]
fn kept_inputs_pass() {
    let kept: BTreeSet<String> = list(&corpus()).iter().map(|path| name(path)).collect();
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(kept, known, "a folder of inputs for every target");
    for (name, target) in TARGETS {
        let failed = failures(target, &list(&corpus().join(name)));
        assert!(failed.is_empty(), "target {name} fails with {failed:?}");
    }
}

#[test]
fn an_input_that_fails_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["bad", "good"].map(|name| folder.path().join(name));
    paths.iter().for_each(|path| fs::write(path, name(path)).unwrap());
    let failed = failures(|bytes| assert_ne!(bytes, b"bad"), &list(folder.path()));
    assert_eq!(failed, [paths[0].clone()]);
}

/// Writes them, too, where a folder is asked for: formats change, and seeds of an old one reach nothing.
#[test]
fn seeds_pass() {
    let folder = std::env::var_os("PPDNN_FUZZ_SEEDS").map(PathBuf::from);
    let seeds = seeds();
    for (name, target) in TARGETS {
        let own: Vec<_> = seeds.iter().filter(|(of, _)| *of == name).collect();
        assert!(!own.is_empty(), "target {name} begins with nothing");
        for (number, (_, bytes)) in own.into_iter().enumerate() {
            target(bytes);
            if let Some(folder) = folder.as_ref().map(|folder| folder.join(name)) {
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join(format!("seed-{number:02}")), bytes).unwrap();
            }
        }
    }
}

#[test]
fn seeds_are_read_and_not_refused() {
    for (target, bytes) in seeds() {
        match target {
            "job" | "plan" => {
                assert!(Job::from_bytes(&bytes).is_ok() || PredictionJob::from_bytes(&bytes).is_ok(), "{bytes:?}");
            }
            "onnx" => in_file(&bytes, |path| drop(TrainedModel::load_onnx(path).unwrap())),
            "parquet" => in_file(&bytes, |path| drop(draft(path, Learn { labels: &[], task: None }).unwrap())),
            "policy" => in_file(&bytes, |path| drop(Policy::load(path).unwrap())),
            "model" => in_file(&bytes, |path| drop(TrainedModel::load(path).unwrap())),
            "network" => in_file(&bytes, |path| {
                let text = fs::read_to_string(path).unwrap();
                let data = Recipe::data(path.to_str().unwrap()).unwrap();
                Recipe::load(path, data).unwrap_or_else(|e| panic!("{e}: {text}"));
            }),
            _ => {}
        }
    }
}

/// The inputs that a target fails with.
fn failures(target: fn(&[u8]), inputs: &[PathBuf]) -> Vec<PathBuf> {
    let passes = |path: &&PathBuf| {
        let bytes = fs::read(path).unwrap();
        catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err()
    };
    inputs.iter().filter(passes).cloned().collect()
}

fn corpus() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus"].iter().collect()
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}
