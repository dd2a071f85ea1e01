//! The events that TensorBoard reads, read by their format's definition (see `tests/tensorboard/make.py`).

use std::fs;
use std::path::Path;

use crate::harness::{folder, run, shared};

/// Takes a record from the front, whose checksums must be right.
fn record<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let mut part = |length: usize| {
        let (part, rest) = bytes.split_at(length);
        *bytes = rest;
        part
    };
    let length = part(8);
    assert_eq!(part(4), masked(length), "the length's checksum");
    let data = part(usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap());
    assert_eq!(part(4), masked(data), "the data's checksum");
    data
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for at in 0.. {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            break;
        }
    }
    number
}

/// The fields of a message: their numbers, and their values as bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).unwrap(),
            5 => 4,
            wire => panic!("wire type {wire}"),
        };
        found.push((key >> 3, bytes[..length].to_vec()));
        bytes = &bytes[length..];
    }
    found
}

/// Step, name and value of all scalars in the file of a run.
fn scalars(run: &Path) -> Vec<(u64, String, f32)> {
    let files = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.to_str().unwrap().contains("events.out.tfevents.")).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let bytes = fs::read(file).unwrap();
    let mut rest = &bytes[..];
    let first = fields(record(&mut rest));
    assert_eq!(first[1..], [(3, b"brain.Event:2".to_vec())]);
    let mut found = Vec::new();
    while !rest.is_empty() {
        let event = fields(record(&mut rest));
        let [(1, time), (2, step), (5, summary)] = &event[..] else { panic!("{event:?}") };
        assert!(f64::from_le_bytes(time[..].try_into().unwrap()) > 1.7e9);
        let step = u64::from_le_bytes(step[..].try_into().unwrap());
        for (_, value) in fields(summary) {
            let value = fields(&value);
            let [(1, tag), (2, number)] = &value[..] else { panic!("{value:?}") };
            let number = f32::from_le_bytes(number[..].try_into().unwrap());
            found.push((step, String::from_utf8(tag.clone()).unwrap(), number));
        }
    }
    found
}

#[test]
fn the_figures_of_a_run_are_what_tensorboard_reads() {
    let _turn = shared();
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    let dir = folder();
    let args =
        ["train", "--model", "logistic", "--train-limit", "600", "--test-limit", "100", "--epochs", "2", "--quiet"];
    let more = ["--compare-clear", "--out", "out", "--reveal", "accuracy,model,ranges,top5,squared-error"];
    run(dir.path(), &[&args[..], &more].concat()).done();
    let out = dir.path().join("out");
    let found = scalars(&out);
    let value = |step: u64, name: &str| {
        let found: Vec<f32> =
            found.iter().filter(|(at, own, _)| *at == step && own == name).map(|found| found.2).collect();
        let [value] = found[..] else { panic!("{name} of step {step}: {found:?}") };
        value
    };
    // epoch,step,seconds,bytes,test_accuracy,clear_test_accuracy,squared_error,clear_squared_error,out_of_range
    let table = fs::read_to_string(out.join("metrics.csv")).unwrap();
    let mut step = 0;
    for line in table.lines().skip(1) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        step = line.split(',').nth(1).unwrap().parse().unwrap();
        let names = [
            "time/seconds",
            "",
            "accuracy/test",
            "accuracy/test_clear",
            "loss/squared_error",
            "loss/squared_error_clear",
            "ranges/out_of_range",
        ];
        for (name, cell) in names.iter().zip(&cells[2..]).filter(|(name, _)| !name.is_empty()) {
            assert!((f64::from(value(step, name)) - cell).abs() <= 1e-6 * cell.abs(), "{name}: {line}");
        }
        let bytes = f64::from(value(step, "bytes/servers")) + f64::from(value(step, "bytes/dealer"));
        assert!((bytes - cells[3]).abs() < 1e-6 * bytes, "{line}");
    }
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    for (name, figure) in [
        ("accuracy/saved_model", &summary["scored_accuracy"]),
        ("figures/top5_accuracy", &summary["figures"]["top5_accuracy"]),
    ] {
        assert!((f64::from(value(step, name)) - figure.as_f64().unwrap()).abs() < 1e-6, "{name}");
    }
    assert_eq!(found.len(), 2 * 8 + 4, "{found:?}");
    run(dir.path(), &["runs", "prune", "--dir", ".", "--keep", "0", "--yes"]).done();
    assert!(!out.exists(), "it is part of the run");
}
