//! A tiny data set, its files, and the places where it is looked for.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ppdnn::data::{DatasetFile, DatasetInfo, Download, Format, SearchPath};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A set of three rows to train on and two to test on, fetched from these addresses.
pub(crate) fn tiny(urls: &[&str]) -> DatasetInfo {
    let urls: Vec<&'static str> = urls.iter().map(|url| &*url.to_string().leak()).collect();
    let files = tiny_files(0).map(|(name, bytes)| {
        let packed = gzip(&bytes);
        DatasetFile { name, sha256: hex(&packed).leak(), bytes: packed.len() as u64, content: "" }
    });
    DatasetInfo {
        format: Format::Idx,
        name: "tiny",
        classes: 3,
        features: 4,
        image: [2, 2, 1],
        train_rows: 3,
        mean: 0.5,
        deviation: 0.25,
        test_rows: 2,
        first_labels: [2, 0, 1, 0, 0, 0, 0, 0],
        files: Vec::from(files).leak(),
        urls: urls.leak(),
    }
}

/// The files of the tiny set, plain; the pixels say which copy it is.
pub(crate) fn tiny_files(pixel: u8) -> [(&'static str, Vec<u8>); 4] {
    [
        ("train-images", idx(&[3, 2, 2], &[pixel; 12])),
        ("train-labels", idx(&[3], &[2, 0, 1])),
        ("test-images", idx(&[2, 2, 2], &[pixel; 8])),
        ("test-labels", idx(&[2], &[1, 2])),
    ]
}

/// Puts the files into a folder, packed where they end in `.gz`.
pub(crate) fn put(folder: &Path, known: &DatasetInfo, files: &[(&str, Vec<u8>); 4], ending: &str) {
    fs::create_dir_all(folder).unwrap();
    for (file, (_, bytes)) in known.files.iter().zip(files) {
        let bytes = if ending.is_empty() { bytes.clone() } else { gzip(bytes) };
        fs::write(folder.join(format!("{}{ending}", file.name)), bytes).unwrap();
    }
}

pub(crate) fn only_nothing() -> SearchPath {
    let patience = Duration::from_secs(2);
    SearchPath { chosen: None, folders: Vec::new(), cache: None, certificates: None, patience, unchecked: false }
}

pub(crate) fn only(folder: &Path) -> SearchPath {
    SearchPath { chosen: Some(folder.to_owned()), ..only_nothing() }
}

pub(crate) fn never(at: Download) {
    panic!("nothing is to be downloaded, but {at:?} was");
}

pub(crate) fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn write(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}
