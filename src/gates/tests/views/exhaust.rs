//! All cases, one by one: the exact law of what a server sees.
//!
//! A view has as many bits as the randomness behind it. So *the view is uniform, whatever the secret and the own half of it* says
//! the same as: over all strings (own half, other half, randomness) every (own half, other half, view) occurs exactly once.
//! A table of bits, one for every view, is all that has to be kept.

use std::sync::Arc;

use super::script::Seating;
use super::stage::{Cases, Scene, play};
use super::view::heard;
use crate::fixed::mask;

/// Asserts that of a scene every view occurs exactly once at each server; returns how many cases there were.
pub(super) fn exhaust(scene: &impl Scene) -> usize {
    every(scene, |_, _, _| Ok(())).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The same, and asks of every view and of what came out with it whether it is right.
///
/// # Errors
/// A view that occurs twice, or the first one that is not right.
pub(super) fn every(
    scene: &impl Scene,
    right: impl Fn(usize, u64, &[u64]) -> Result<(), String>,
) -> Result<usize, String> {
    let seating = Seating::new(&scene.script(), false);
    if seating.view != seating.string {
        return Err(format!("{} heard bits have no pad of their own", seating.view - seating.string));
    }
    assert!(seating.string <= MOST_BITS, "2^{} cases are out of reach", seating.string);
    let total = 1 << seating.string;
    let mut seen = [vec![0u64; total / 64], vec![0u64; total / 64]];
    let mut wrong = None;
    views(scene, seating, |server, case, view, results| {
        let (word, bit) = (&mut seen[server][(view / 64) as usize], 1 << (view % 64));
        if *word & bit != 0 {
            wrong.get_or_insert_with(|| format!("server {server} sees {view:#x} again, in case {case:#x}"));
        } else if wrong.is_none() {
            wrong = right(server, view, results).err();
        }
        *word |= bit;
    });
    assert!(wrong.is_some() || seen.iter().flatten().all(|word| *word == u64::MAX), "every view occurs");
    wrong.map_or(Ok(total), Err)
}

/// The exact law of what a server sees: all views, sorted.
pub(super) fn law(scene: &impl Scene, server: usize) -> Vec<u64> {
    let mut law = Vec::new();
    views(scene, Seating::new(&scene.script(), false), |to, _, view, _| {
        if to == server {
            law.push(view);
        }
    });
    law.sort_unstable();
    law
}

/// Calls `see(server, case, view, results)` for every case.
pub(super) fn views(scene: &impl Scene, seating: Seating, mut see: impl FnMut(usize, usize, u64, &[u64])) {
    let script = scene.script();
    let (total, cols) = (1usize << seating.string, 1usize << seating.columns);
    let own = [0, 1].map(|server| seating.own(server).fold(0u64, |own, bit| own | 1 << bit));
    let rows = (total / cols).min((AT_ONCE / cols).max(32));
    assert!(rows * cols % 32 == 0 && rows % 32 == 0, "cases fill their words");
    let seating = Arc::new(seating);
    for first in (0..total).step_by(rows * cols) {
        let strings = move |case: usize, at: usize, bits: u32| ((first + case) as u64 >> at) & mask(bits);
        let cases = Cases { seating: seating.clone(), strings: Arc::new(strings), rows, cols };
        let played = play(scene, &script, &cases);
        let each: Vec<usize> = played.results.iter().map(|x| x.len() / (rows * cols)).collect();
        let of = |case: usize| played.results.iter().zip(&each).flat_map(move |(x, each)| &x[case * each..][..*each]);
        let results: Vec<u64> = (0..rows * cols).flat_map(of).copied().collect();
        let width = each.iter().sum::<usize>();
        for server in [0, 1] {
            let mut views: Vec<u64> = (first..first + rows * cols).map(|case| case as u64 & own[server]).collect();
            heard(&cases, &played, server, |case, at, _, x| views[case] |= x << at);
            for (case, view) in views.into_iter().enumerate() {
                see(server, first + case, view, &results[case * width..][..width]);
            }
        }
    }
}

/// The most bits of a string that are gone through.
const MOST_BITS: usize = 28;

/// Cases of one run, so that they stay in the processor's caches.
const AT_ONCE: usize = 1 << 16;
