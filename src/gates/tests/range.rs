//! Samples of wires, and how many of their values are out of range.

use super::*;
use crate::gates::{Checked, RangeCheck, SamplePositions, Sampling};

program! {
    /// Checks a wire of any ring, and its differences by rows.
    Ranges { shape: [usize; 2], bits: u32, bound: u64, turn: usize } |this, e| {
        let x = ring(e, 0, &this.shape)?;
        let lifted = this.turn > 0;
        let [y] = e.open([exactly(&x, this.bits, lifted)])?;
        let [rows, cols] = this.shape;
        let all = SamplePositions { cols, turn: this.turn, ..SamplePositions::all(rows * cols) };
        let seen = e.sample(Sampling { kept: None, y: &y, z: lifted.then_some(&y), places: all })?;
        let list = [Checked { wire: &seen, bound: this.bound, lifted: false }];
        let out = e.outside(&list)?;
        let opened = e.open_selectors([&out[0]])?;
        let counts = e.count(None, &[&opened[0]])?;
        e.count(Some(&counts), &[&opened[0]])?;
    }
}

/// The bounds that are used in a profile, on a wire of `bits` bits.
fn bounds(p: &Profile, bits: u32) -> [u64; 3] {
    let compared = 1 << p.window.on(bits).high;
    [compared, 1 << (bits - 2), (224 << p.frac).min(compared)]
}

#[test]
fn what_is_out_of_range_is_told_over_the_whole_ring_and_what_is_in_range_never() {
    for p in Profile::all() {
        for bits in [p.wire, p.wire - 2, p.frac + 5] {
            for (seed, bound) in (1..).zip(bounds(&p, bits)) {
                let (b, unit, top) =
                    (bound.cast_signed(), 1i64 << (bits - (bits - bits % 4).min(12)), 1i64 << (bits - 1));
                let ends =
                    [0, b, -b, b + unit, -b - unit, b + 2 * unit, -b - 2 * unit, top - 1, -top, top - b, b - top];
                let near: Vec<i64> = ends.iter().flat_map(|x| [*x, x + 1, x - 1]).collect();
                let y = values(&near, bits, 300, seed);
                let world = World::new(&p, seed).with(&[(&y, &[300])]);
                let program = Ranges { shape: [300, 1], bits, bound, turn: 0 };
                for records in [world.run(&program).records, world.run_clear(&program)] {
                    let count = |y: &i64| {
                        i64::from(signed(y.cast_unsigned(), bits).unsigned_abs() > bound + 2 * unit.unsigned_abs())
                    };
                    let counts = outputs(&records, |g| matches!(g, Gate::Count { .. }));
                    let least = y.iter().map(count).sum::<i64>();
                    assert!(counts[0].x[0] >= least && least > 0, "{}, {bits} bits, {bound}: {counts:?}", p.name);
                    assert_eq!(counts[1].x[0], 2 * counts[0].x[0]);
                }
            }
        }
    }
}

#[test]
fn differences_in_a_row_are_checked_and_not_the_values() {
    for p in Profile::all() {
        let (bound, one) = (224i64 << p.frac, 1i64 << p.frac);
        // rows of three: far from 0 together, far apart, and just within
        let y: Vec<i64> = [[900, 1000, 1100], [-150, 150, 0], [224, 0, 100]].concat().iter().map(|v| v * one).collect();
        let world = World::new(&p, 3).with(&[(&y, &[3, 3])]);
        for (turn, want) in [(1, [0, 0, 0, 1, 0, 0, 0, 0, 0]), (2, [0, 0, 0, 0, 1, 0, 0, 0, 0])] {
            let program = Ranges { shape: [3, 3], bits: p.wire, bound: bound.cast_unsigned(), turn };
            for records in [world.run(&program).records, world.run_clear(&program)] {
                let out = outputs(&records, |g| matches!(g, Gate::Outside { .. }));
                assert_eq!(out[0].x, want, "{}, turn {turn}", p.name);
            }
        }
    }
}

#[test]
fn places_that_are_not_in_the_wire_are_refused() {
    let mut plan = crate::party::Plan::new(&Profile::small(), &[]).unwrap();
    let y = wire(&mut plan, 0, &[4, 3], 24).unwrap();
    for places in [
        SamplePositions { at: 12, ..SamplePositions::all(1) },
        SamplePositions { count: 13, ..SamplePositions::all(12) },
        SamplePositions { stride: 0, ..SamplePositions::all(12) },
        SamplePositions { cols: 0, ..SamplePositions::all(12) },
    ] {
        assert!(plan.sample(Sampling { kept: None, y: &y, z: None, places }).is_err(), "{places:?}");
    }
    plan.sample(Sampling { kept: None, y: &y, z: None, places: SamplePositions::all(12) }).unwrap();
}
