//! Where there are too many cases: every bit that a server hears has a pad of its own, shown on samples.
//!
//! The pad of a heard bit is the bit of the other server's string under which it was sent. Flip a pad: the heard bit must flip,
//! whatever the string. Other heard bits may change too (a mask's bit carries, a correction depends on masks); write an arrow
//! from the pad to each of those. If no arrows ever lead in a circle, the heard bits can be put in an order in which each is
//! its own pad plus a function of the pads before it: then views are uniform, as in [`exhaust`](super::exhaust), whatever the
//! secrets.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::script::{Placed, Seating};
use super::stage::{Cases, Scene, play};
use super::view::heard;
use crate::fixed::mask;
use crate::gates::harness::random;
use crate::prg::public_seed;

/// Flips every pad in `groups` random strings, at most `at_once` of them in one run. Returns the number of pads.
///
/// # Errors
/// What was found in the way of the argument.
pub(super) fn pads(scene: &impl Scene, groups: u64, at_once: usize) -> Result<usize, String> {
    let (script, seating) = (scene.script(), Arc::new(Seating::new(&scene.script(), true)));
    if seating.view > seating.string {
        return Err(format!("{} heard bits have no pad of their own", seating.view - seating.string));
    }
    // of each server, the pads of what it hears
    let pads = [0, 1].map(|server| {
        let frames = seating.heard(server, true).filter(|_| server == 1);
        seating.heard(server, false).chain(frames).flat_map(Placed::view).collect::<BTreeSet<usize>>()
    });
    let all: Vec<usize> = pads.iter().flatten().copied().collect::<BTreeSet<usize>>().into_iter().collect();
    let mut arrows: [Vec<BTreeSet<usize>>; 2] = [0, 1].map(|_| vec![BTreeSet::new(); seating.view]);
    for (group, flips) in (0..groups).flat_map(|group| all.chunks(at_once).map(move |flips| (group, flips))) {
        let base = Arc::new(random(&public_seed(group, "strings"), seating.string.div_ceil(64) + 1));
        let (strings, flipped) = (base.clone(), flips.to_vec());
        // case 0 is the string itself, and so are those that fill up the last word
        let number = move |case: usize, at: usize, bits: u32| {
            let x = part(&strings, at, bits);
            match case.checked_sub(1).and_then(|case| flipped.get(case)) {
                Some(flip) if (at..at + bits as usize).contains(flip) => x ^ 1 << (flip - at),
                _ => x,
            }
        };
        let rows = (flips.len() + 1).next_multiple_of(32);
        let cases = Cases { seating: seating.clone(), strings: Arc::new(number), rows, cols: 1 };
        let played = play(scene, &script, &cases);
        for server in [0, 1] {
            let mut first = vec![0; seating.view];
            let mut kept = BTreeSet::new();
            heard(&cases, &played, server, |case, at, bits, x| {
                if case == 0 {
                    first[at] = x;
                }
                let Some(flip) = case.checked_sub(1).and_then(|case| flips.get(case)) else { return };
                let changed = x ^ first[at];
                let own = (at..at + bits as usize).contains(flip) && pads[server].contains(flip);
                if own && changed >> (flip - at) & 1 == 0 {
                    kept.insert(*flip);
                }
                if changed != 0 && pads[server].contains(flip) {
                    let bits = (0..bits as usize).filter(|bit| changed >> bit & 1 == 1).map(|bit| at + bit);
                    arrows[server][*flip].extend(bits.filter(|to| to != flip));
                }
            });
            if let Some(pad) = kept.first() {
                return Err(format!("what server {server} hears under bit {pad} of the string stays when it flips"));
            }
        }
    }
    for (server, arrows) in arrows.iter().enumerate() {
        in_order(arrows).map_err(|bit| format!("what server {server} hears at bit {bit} goes in a circle"))?;
    }
    Ok(all.len())
}

/// `bits` bits of a string from bit `at` on.
fn part(string: &[u64], at: usize, bits: u32) -> u64 {
    let (word, shift) = (at / 64, at % 64);
    let high = if shift == 0 { 0 } else { string[word + 1] << (64 - shift) };
    (string[word] >> shift | high) & mask(bits)
}

/// Whether arrows never lead in a circle (Kahn, 1962); an `Err` is a place in or behind one.
fn in_order(arrows: &[BTreeSet<usize>]) -> Result<(), usize> {
    let mut into = vec![0; arrows.len()];
    arrows.iter().flatten().for_each(|to| into[*to] += 1);
    let mut free: Vec<usize> = (0..arrows.len()).filter(|at| into[*at] == 0).collect();
    while let Some(at) = free.pop() {
        for to in &arrows[at] {
            into[*to] -= 1;
            if into[*to] == 0 {
                free.push(*to);
            }
        }
    }
    into.iter().position(|into| *into > 0).map_or(Ok(()), Err)
}
