//! Pins the version of the wire protocol, [`PROTOCOL`] in `net/frame.rs`, to the bytes of every message, which are in
//! `tests/wire/protocol.json`.
//!
//! Every type that is sent is made up by [`sample`] in all its variants and written as it is sent. A field or a variant that
//! comes, goes, moves or changes its type changes the bytes; so does a field with another name, which is as well: what it means
//! may have changed. A new type of message needs a line here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::net::{PROTOCOL, first_bytes};
use crate::nn::layers::{
    AveragePool, Conv2d, Dense, Dropout, Flatten, GlobalAveragePool, MaxPool, PoolMethod, Relu, Residual, Sigmoid,
    ZeroPadding,
};
use crate::nn::{Factor, LayerSpec};
use crate::party::Revealed;
use crate::prediction::PredictionJob;
use crate::prg::Seed;
use crate::roles::agreement::Agreement;
use crate::roles::consent::OwnerWord;
use crate::roles::messages::{CommonSeed, DealerPart, JobOrder, ServerPart, StatusUpdate, TrainerMessage};
use crate::roles::prediction::ClientMessage;
use crate::roles::sample_messages::samples;
use crate::roles::seal_context::SealContext;
use crate::train::Job;

/// What is kept.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    protocol: u32,
    messages: BTreeMap<String, Vec<String>>,
}

/// The bytes of every message, by name.
fn messages() -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    let mut raw = |name: &str, bytes: Vec<Vec<u8>>| {
        all.insert(name.to_owned(), bytes.iter().map(|bytes| shown(bytes)).collect());
    };
    for (name, bytes) in first_bytes() {
        raw(name, bytes);
    }
    let what = Revealed::Parameter { index: 3 };
    let place = SealContext { agreed: &[7; 32], session: 5, server: 1, what, bits: 32, len: 9 };
    raw("label of a sealed half", vec![place.label()]);
    raw("agreement", sent::<Agreement>());
    raw("answer", sent::<TrainerMessage>());
    raw("client's message", sent::<ClientMessage>());
    raw("common seed", sent::<CommonSeed>());
    raw("dealer's part of a seed", sent::<DealerPart>());
    raw("hash of masked rows", sent::<[u8; 32]>());
    raw("job", sent::<Job>());
    raw("job of predictions", sent::<PredictionJob>());
    raw("job as owners get it", sent::<Vec<u8>>());
    raw("layer in a job", layers().iter().map(|layer| postcard::to_stdvec(layer).unwrap()).collect());
    raw("news", sent::<StatusUpdate>());
    raw("order", sent::<JobOrder>());
    raw("owner's word on a job", sent::<OwnerWord>());
    raw("seed of an owner's masks", sent::<Seed>());
    raw("seeds of an owner's masks", sent::<[Seed; 2]>());
    raw("server's part of a seed", sent::<ServerPart>());
    all
}

/// A layer of every kind: [`sample`] sees a name and bytes in them.
fn layers() -> Vec<LayerSpec> {
    let (kernel, stride, padding, window) = ([3, 4], [1, 2], [5, 6], [7, 8]);
    let pool = |method| MaxPool { window, stride, method }.into();
    let body = vec![Flatten.into(), Dense { outputs: 300, bias: true }.into()];
    vec![
        Dense { outputs: 300, bias: false }.into(),
        Conv2d { channels: 9, kernel, stride, padding, bias: true }.into(),
        AveragePool { window, stride }.into(),
        pool(PoolMethod::Tree),
        pool(PoolMethod::OneShot),
        GlobalAveragePool.into(),
        ZeroPadding { padding }.into(),
        Dropout { factor: Factor { times: 5, shift: 2 } }.into(),
        Residual { body, projection: true }.into(),
        Flatten.into(),
        Relu.into(),
        Sigmoid.into(),
    ]
}

/// A type in all its variants, as it is sent.
fn sent<T: Serialize + DeserializeOwned>() -> Vec<Vec<u8>> {
    samples::<T>().iter().map(|x| postcard::to_stdvec(x).unwrap()).collect()
}

/// Short bytes in hex; the length and a hash of long ones.
fn shown(bytes: &[u8]) -> String {
    match bytes.len() {
        0..=80 => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        len => format!("{len} bytes, {}", &blake3::hash(bytes).to_hex()[..32]),
    }
}

/// What has to be done about a kept file, if anything.
fn complaint(kept: &Kept, made: &Kept) -> Option<String> {
    let changed = |name: &&String| kept.messages.get(*name) != made.messages.get(*name);
    let names: BTreeSet<&str> =
        kept.messages.keys().chain(made.messages.keys()).filter(changed).map(String::as_str).collect();
    match (names.is_empty(), kept.protocol == made.protocol) {
        (true, true) => None,
        (false, true) => Some(format!(
            "the wire format changed: raise PROTOCOL (src/net/frame.rs), unless no version with protocol {} has been released; \
             then {HOW}. Other bytes have: {}",
            made.protocol,
            names.into_iter().collect::<Vec<_>>().join(", ")
        )),
        (_, false) => {
            Some(format!("the kept bytes are of protocol {}, this is {}: {HOW}", kept.protocol, made.protocol))
        }
    }
}

const HOW: &str = "PPDNN_WRITE_WIRE=1 cargo test --release --lib wire writes tests/wire/protocol.json anew";

#[test]
fn the_wire_format_is_that_of_its_number() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "wire", "protocol.json"].iter().collect();
    let made = Kept { protocol: PROTOCOL, messages: messages() };
    if std::env::var_os("PPDNN_WRITE_WIRE").is_some_and(|v| v == "1") {
        return fs::write(&path, serde_json::to_string_pretty(&made).unwrap() + "\n").unwrap();
    }
    let kept: Kept = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    if let Some(what) = complaint(&kept, &made) {
        panic!("{what}");
    }
}

#[test]
fn a_message_that_changes_under_the_same_number_is_noticed() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        a: u32,
        b: u32,
    }
    #[derive(Serialize, Deserialize)]
    struct Moved {
        b: u32,
        a: u32,
    }
    #[derive(Serialize, Deserialize)]
    struct Wider {
        a: u32,
        b: u64,
        c: bool,
    }
    #[derive(Serialize, Deserialize)]
    enum Two {
        A,
        B(u8),
    }
    #[derive(Serialize, Deserialize)]
    enum Three {
        A,
        B(u8),
        C { x: Option<String> },
    }
    fn kept<T: Serialize + DeserializeOwned>(protocol: u32) -> Kept {
        let bytes = sent::<T>().iter().map(|bytes| shown(bytes)).collect();
        Kept { protocol, messages: BTreeMap::from([("it".to_owned(), bytes)]) }
    }
    let old = kept::<Old>(2);
    assert_eq!(complaint(&old, &kept::<Old>(2)), None);
    for changed in [kept::<Moved>(2), kept::<Wider>(2), kept::<Two>(2)] {
        let what = complaint(&old, &changed).unwrap();
        assert!(what.contains("raise PROTOCOL") && what.ends_with("have: it"), "{what}");
    }
    assert!(complaint(&kept::<Two>(2), &kept::<Three>(2)).is_some());
    assert_eq!(sent::<Three>().len(), 3);
    assert!(complaint(&old, &kept::<Moved>(3)).unwrap().contains("PPDNN_WRITE_WIRE"));
}
