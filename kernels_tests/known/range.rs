//! Samples of wires (protocols.md 3.7): the elements that the definition names, or their differences to a partner.

use super::*;
use crate::RINGS;

pub(super) fn samples_are_those_of_the_definition() {
    for ring in RINGS {
        let mut play = Play::new(ring, 14);
        let whole = mask(ring.bits());
        for (rows, cols, turn) in [(1, 1, 0), (33, 10, 3), (100, 3, 2), (7, 14, 13)] {
            let len = rows * cols;
            let [kept, y, z] = [5, len, len].map(|n| play.source.values(n, ring.bits(), Fill::Uniform));
            for (held, at, stride) in [(0, 0, 1), (5, 0, 2), (2, len - 1, 1), (1, len / 2, 3)] {
                let places: Vec<usize> = (at..len).step_by(stride).collect();
                let partner = |e: usize| (e / cols) * cols + (e % cols + turn) % cols;
                for minus in [0, 1] {
                    let new = places.iter().map(|e| y[*e].wrapping_sub(minus * z[partner(*e)]) & whole);
                    let want: Vec<u64> = kept[..held].iter().copied().chain(new).collect();
                    let params = [held, at, stride, cols, turn, minus as usize].map(|x| x as u32);
                    let run = |params: &[u32]| play.run(&SAMPLE, params, &[&kept, &y, &z], want.len());
                    hold(&run(&params), &want, &format!("{ring:?} {params:?}"));
                    // and it can fail: from another place on
                    let other = [held, at, 0, cols, turn, minus as usize].map(|x| x as u32);
                    assert!(places.len() < 3 || run(&other) != want, "{ring:?} {params:?}");
                }
            }
        }
    }
}
