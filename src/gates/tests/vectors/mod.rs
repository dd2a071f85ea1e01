//! The vectors under tests/vectors: a session of every gate, in both profiles.

mod compare;
mod linear;
mod softmax;

use std::collections::BTreeSet;
use std::slice;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::backend::Backend;
use crate::gates::harness::golden::{folder, keep};
use crate::gates::harness::recording_backend::RecordingBackend;
use crate::gates::harness::vectors::{Session, hex, ring as in_ring};
use crate::kernel::packed::{pack, words};

#[test]
fn vectors_of_every_gate_are_what_the_program_makes() {
    for p in &profiles() {
        let sessions = linear::sessions(p).into_iter().chain(compare::sessions(p)).chain(softmax::sessions(p));
        let sessions: Vec<_> = sessions.collect();
        let made: BTreeSet<_> = sessions.iter().map(|s| format!("{}.json", s.gate)).collect();
        assert!(sessions.iter().flat_map(Session::gates).all(|gate| made.contains(&format!("{gate}.json"))));
        let kept = std::fs::read_dir(folder().join(p.name)).unwrap();
        let kept: BTreeSet<_> = kept.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(kept, made, "files of {}", p.name);
    }
}

#[test]
fn vectors_of_streams_and_packing_are_what_the_program_makes() {
    let stream = |(stream, block, len): (u64, u64, usize)| {
        let (seed, mut out) = (public_seed(stream, "a stream"), vec![0u32; len]);
        seed.stream(stream).fill(block, &mut out);
        let bytes: &[u8] = bytemuck::cast_slice(&out);
        json!({ "seed": hex(seed.bytes()), "stream": stream.to_string(), "block": block, "bytes": hex(bytes) })
    };
    let streams = [(0, 0, 40), (1, 0, 7), (1, 49, 16), (u64::MAX, 3, 5), (1 << 40, 1 << 20, 17)];
    keep("streams", &streams.map(stream));
    let packing = |bits: u32| {
        let x = values(&[0, 1, -1], bits, 9, u64::from(bits));
        let x: Vec<u64> = x.into_iter().map(i64::cast_unsigned).collect();
        let mut packed = vec![0u32; words(x.len(), bits)];
        pack(&mut packed, bits, x.len(), |i| x[i]);
        json!({ "bits": bits, "values": in_ring(&x, bits), "bytes": hex(bytemuck::cast_slice(&packed)) })
    };
    keep("packing", &[1, 4, 8, 16, 18, 20, 24, 27, 32, 34, 40, 48, 56, 60, 64].map(packing));
}

/// Values of a parameter, and their shape.
type Input = (Vec<i64>, Vec<usize>);

/// Makes and keeps the vectors of one gate.
fn session(p: &Profile, gate: &'static str, seed: u64, inputs: &[Input], program: &impl Program) -> Session {
    let inputs: Vec<_> = inputs.iter().map(|(x, shape)| (x.as_slice(), shape.as_slice())).collect();
    let mut world = World::new(p, seed).with(&inputs);
    let drawn = [0, 1].map(|_| Arc::new(RecordingBackend::default()));
    let servers = drawn.clone().map(|d| d as Arc<dyn Backend>);
    world.backends[..2].clone_from_slice(&servers);
    let session = Session::new(gate, &world, &world.run(program), drawn.each_ref().map(|d| &**d));
    assert!(session.gates().any(|g| g == gate), "a session of {gate} has one");
    keep(&format!("{}/{gate}", p.name), &session);
    session
}

/// Hard values and others of `bits` bits, to a shape.
fn input(hard: &[i64], bits: u32, shape: &[usize]) -> Input {
    (values(hard, bits, shape.iter().product(), 40), shape.to_vec())
}
