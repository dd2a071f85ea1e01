//! IDX files, plain and packed: what is read, and what is refused.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use ppdnn::data::idx::Idx;
use ppdnn::error::Result;
use tempfile::TempDir;

use crate::harness::{gzip, idx, write};

#[test]
fn idx_reads_plain_and_gzip_whatever_the_name() {
    let folder = TempDir::new().unwrap();
    let plain = idx(&[2, 3], &[0, 1, 2, 253, 254, 255]);
    for (name, bytes) in [("a", plain.clone()), ("b.gz", gzip(&plain)), ("c.gz", plain.clone()), ("d", gzip(&plain))] {
        let read = Idx::open(&write(&folder, name, &bytes)).unwrap();
        assert_eq!(read.shape().axes(), [2, 3]);
        assert_eq!(read.map(|byte| byte).unwrap(), [0, 1, 2, 253, 254, 255], "{name}");
    }
    let members = [gzip(&plain[..7]), gzip(&plain[7..])].concat();
    assert_eq!(values(&write(&folder, "members", &members)).unwrap(), [0, 1, 2, 253, 254, 255]);
    assert_eq!(values(&write(&folder, "none", &idx(&[0, 5], &[]))).unwrap(), Vec::<u8>::new());
}

#[test]
fn idx_refuses_what_is_not_whole() {
    let whole = idx(&[2, 3], &[1; 6]);
    let with = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        bytes
    };
    let long = [whole.as_slice(), &[0]].concat();
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("empty", vec![], "is empty; an IDX file starts with 00 00 08"),
        ("magic", whole[..3].to_vec(), "is truncated: ends after 3 bytes"),
        ("axes", whole[..9].to_vec(), "is truncated: ends within the sizes of its 2 axes"),
        ("no values", whole[..12].to_vec(), "is truncated: holds 0 of the 6 values of shape [2, 3]"),
        ("short", whole[..17].to_vec(), "is truncated: holds 5 of the 6 values of shape [2, 3]"),
        ("long", long, "is too long: holds more than the 6 values of shape [2, 3]"),
        ("type", with(2, 0x0d), "holds values of type f32 (0x0d); only unsigned bytes (0x08) are read"),
        ("no axis", with(3, 0), "declares no axis; an IDX file has at least one"),
        ("text", b"<html>".to_vec(), "is not an IDX file: starts with 3c 68 74 6d, not with 00 00 08"),
    ];
    let folder = TempDir::new().unwrap();
    for (name, bytes, reason) in cases {
        for (packed, bytes) in [("plain", bytes.clone()), ("gzip", gzip(bytes))] {
            let path = write(&folder, &format!("{name} {packed}"), &bytes);
            assert_eq!(values(&path).unwrap_err().to_string(), format!("{}: {reason}", path.display()));
        }
    }
    let missing = folder.path().join("missing");
    assert!(values(&missing).unwrap_err().to_string().starts_with(&missing.display().to_string()));
    assert!(values(folder.path()).is_err(), "a folder is no file");
}

#[test]
fn idx_refuses_gzip_that_is_cut_or_damaged() {
    let folder = TempDir::new().unwrap();
    let bytes: Vec<u8> = (0..4000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    let packed = gzip(&idx(&[4000], &bytes));
    assert_eq!(values(&write(&folder, "whole", &packed)).unwrap(), bytes);
    for cut in 2..packed.len() {
        let error = values(&write(&folder, "cut", &packed[..cut])).unwrap_err().to_string();
        assert!(error.ends_with("is truncated: its gzip data ends early"), "cut to {cut}: {error}");
    }
    // The checksum at the end finds every change of the packed data; the ten bytes before it are a header.
    for at in (10..packed.len()).step_by(7) {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x10;
        assert!(values(&write(&folder, "damaged", &damaged)).is_err(), "byte {at}");
    }
    for rest in [&b"\n"[..], b"trailing", &[0; 20]] {
        let error = values(&write(&folder, "trailing", &[&packed, rest].concat())).unwrap_err().to_string();
        assert!(error.ends_with("is too long: there is more data after its gzip stream"), "{error}");
    }
}

#[test]
fn announced_sizes_allocate_nothing() {
    let folder = TempDir::new().unwrap();
    for sizes in
        [&[u32::MAX, u32::MAX, u32::MAX][..], &[u32::MAX, 2], &[0, u32::MAX, u32::MAX, u32::MAX], &[1 << 31; 255]]
    {
        let error = values(&write(&folder, "beyond", &idx(sizes, &[1; 10]))).unwrap_err().to_string();
        assert!(error.contains("at most 4294967296 are read"), "{error}");
    }
    let before = peak_kib();
    for bytes in [idx(&[u32::MAX], &[1; 10]), gzip(&idx(&[u32::MAX], &[1; 10]))] {
        let path = write(&folder, "hollow", &bytes);
        let error = Idx::open(&path).unwrap().map(f32::from).unwrap_err().to_string();
        assert!(error.ends_with("is truncated: holds 10 of the 4294967295 values of shape [4294967295]"), "{error}");
    }
    // 16 GiB were announced; the other tests of this program need far less than 4 GiB.
    let grown = peak_kib() - before;
    assert!(grown < 4 << 20, "address space grew by {grown} KiB");
}

#[test]
fn a_gzip_bomb_is_left_at_its_announced_size() {
    let folder = TempDir::new().unwrap();
    // 16 GiB of zeros in 16 MiB: a member of 1 MiB, many times.
    let bomb = [gzip(&idx(&[100], &[])), gzip(&vec![0; 1 << 20]).repeat(1 << 14)].concat();
    let started = Instant::now();
    let error = values(&write(&folder, "bomb", &bomb)).unwrap_err().to_string();
    assert!(error.ends_with("is too long: holds more than the 100 values of shape [100]"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2), "took {:?}", started.elapsed());
}

#[test]
fn noise_is_refused_without_panic() {
    let folder = TempDir::new().unwrap();
    let mut state = 7_u64;
    for round in 0..500_usize {
        let mut bytes: Vec<u8> = (0..round % 90)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let start: &[u8] = [&[][..], &[0, 0, 8, 1], &[0, 0, 8, 3], &[0x1f, 0x8b, 8, 0]][round % 4];
        let n = start.len().min(bytes.len());
        bytes[..n].copy_from_slice(&start[..n]);
        assert!(values(&write(&folder, "noise", &bytes)).is_err(), "round {round}");
    }
}

fn values(path: &Path) -> Result<Vec<u8>> {
    Idx::open(path)?.map(|byte| byte)
}

/// The largest address space this process has had, where the system tells it.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
