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
    let seating = Seating::new(&scene.script(), false);
    assert_eq!(seating.view, seating.string, "whatever is heard has a pad of its own");
    assert!(seating.string <= MOST_BITS, "2^{} cases are out of reach", seating.string);
    let total = 1 << seating.string;
    let mut seen = [vec![0u64; total / 64], vec![0u64; total / 64]];
    views(scene, seating, |server, case, view| {
        let (word, bit) = (&mut seen[server][(view / 64) as usize], 1 << (view % 64));
        assert!(*word & bit == 0, "server {server} sees {view:#x} again, in case {case:#x}");
        *word |= bit;
    });
    assert!(seen.iter().flatten().all(|word| *word == u64::MAX), "every view occurs");
    total
}

/// The exact law of what a server sees: all views, sorted.
pub(super) fn law(scene: &impl Scene, server: usize) -> Vec<u64> {
    let mut law = Vec::new();
    views(scene, Seating::new(&scene.script(), false), |to, _, view| {
        if to == server {
            law.push(view);
        }
    });
    law.sort_unstable();
    law
}

/// Calls `see(server, case, view)` for every case.
fn views(scene: &impl Scene, seating: Seating, mut see: impl FnMut(usize, usize, u64)) {
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
        for server in [0, 1] {
            let mut views: Vec<u64> = (first..first + rows * cols).map(|case| case as u64 & own[server]).collect();
            heard(&cases, &played, server, |case, at, _, x| views[case] |= x << at);
            views.into_iter().enumerate().for_each(|(case, view)| see(server, first + case, view));
        }
    }
}

/// The most bits of a string that are gone through.
const MOST_BITS: usize = 28;

/// Cases of one run, so that they stay in the processor's caches.
const AT_ONCE: usize = 1 << 16;
