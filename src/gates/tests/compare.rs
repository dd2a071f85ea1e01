//! Comparisons, winners, and what is selected by them.

use super::*;

program! {
    /// ReLU's gates, forward and backward, under a window.
    Relu { len: usize, bits: u32, window: Window } |this, e| {
        let shape = [this.len];
        let (y, dy) = (wire(e, 0, &shape, this.bits)?, wire(e, 1, &shape, this.bits)?);
        let b = e.sign([(&y, this.window), (&dy, this.window)])?;
        let b = e.open_selectors([&b[0], &b[1]])?;
        e.select(&b[0], &y)?;
        e.select(&b[0], &dy)?;
        e.select(&b[1], &y)?;
        e.extend(&dy)?;
    }
}

program! {
    /// A piecewise function's gates: thresholds on one wire, the bits between them, and what they are in the ring.
    Between { len: usize, window: Window, thresholds: Vec<i64> } |this, e| {
        let bits = e.profile().wire;
        let y = wire(e, 0, &[this.len], bits)?;
        let bits = e.at_least_all(&y, this.window, &this.thresholds)?;
        let between = e.xor(&bits[0], &bits[1])?;
        let opened = e.open_selectors([&between, &bits[1]])?;
        e.share_bits(&opened[0])?;
        e.share_bits(&opened[1])?;
        e.select(&opened[0], &y)?;
    }
}

program! {
    /// The winners of rows.
    Winners { rows: usize, classes: usize, window: Window } |this, e| {
        let bits = e.profile().wire;
        let y = wire(e, 0, &[this.rows, this.classes], bits)?;
        let c = e.pair_signs(&y, this.window)?;
        e.open_bits([&c])?;
        let won = e.winner(&y, this.window)?;
        e.open_bits([&won])?;
    }
}

/// Values on the edges of a window: of its range, and of its unit.
fn edges(w: Window) -> Vec<i64> {
    let (t, h) = (1 << w.low, 1 << w.high);
    vec![0, 1, -1, -h, h - t, -t, 1 - t, t, t - 1, -t - 1, t + 1, -h + 1, h - t - 1, h / 2, -h / 2, -2 * t, 2 * t]
}

#[test]
fn signs_are_right_outside_the_window_s_unit_and_select_is_exact() {
    for p in profiles() {
        for (window, len) in windows(&p).into_iter().flat_map(|w| [1, 31, 32, 33, 300].map(|len| (w, len))) {
            for (seed, rotate) in [(1, 0), (2, 1), (3, 9)] {
                let mut hard = edges(window);
                hard.rotate_left(rotate);
                let y = values(&hard, window.high, len, seed);
                hard.rotate_left(5);
                let dy = values(&hard, window.high, len, seed + 10);
                let world = World::new(&p, seed).with(&[(&y, &[len]), (&dy, &[len])]);
                world.run(&Relu { len, bits: p.wire, window });
                world.run_clear(&Relu { len, bits: p.wire, window });
            }
        }
    }
}

#[test]
fn thresholds_on_one_wire_are_compared_right_and_one_implies_the_other() {
    for p in profiles() {
        for (window, len) in windows(&p).into_iter().flat_map(|w| [1, 33, 300].map(|len| (w, len))) {
            let unit = 1i64 << window.low;
            for thresholds in [vec![-8 * unit, 8 * unit], vec![0, unit, 5 * unit]] {
                // what is compared stays in the window's range
                let near: Vec<i64> =
                    thresholds.iter().flat_map(|t| [0, 1, -1, -unit, unit, 1 - unit].map(|d| t + d)).collect();
                let range = (1i64 << window.high) - 16 * unit;
                let y: Vec<i64> = values(&near, window.high, len, 5).iter().map(|y| y % range).collect();
                let world = World::new(&p, 6).with(&[(&y, &[len])]);
                let program = Between { len, window, thresholds: thresholds.clone() };
                for records in [world.run(&program).records, world.run_clear(&program)] {
                    let bits = outputs(&records, |g| matches!(g, Gate::AtLeast { .. }));
                    assert!(bits.windows(2).all(|b| b[0].x.iter().zip(&b[1].x).all(|(low, high)| high <= low)));
                }
            }
        }
    }
}

#[test]
fn a_short_wire_moves_the_window_down() {
    for p in profiles() {
        for bits in [p.window.high, p.window.high + 1, p.window.high + 2, p.window.high + 3] {
            let y = values(&edges(p.window.on(bits)), p.window.on(bits).high, 64, 3);
            let world = World::new(&p, 4).with(&[(&y, &[64]), (&y, &[64])]);
            world.run(&Relu { len: 64, bits, window: p.window });
        }
    }
}

#[test]
fn wires_reach_the_ends_of_their_range() {
    for p in profiles() {
        let end = 1 << (p.wire - 2);
        let hard = [end, -end, end - 1, 1 - end, 0, 1, -1];
        // the full range is beyond the window of a sign, so only extension is asked for
        program! {
            Extend { len: usize } |this, e| {
                let bits = e.profile().wire;
                let y = wire(e, 0, &[this.len], bits)?;
                e.extend(&y)?;
            }
        }
        for seed in 0..20 {
            let y = values(&hard.repeat(8), p.wire - 1, 77, seed);
            let world = World::new(&p, seed).with(&[(&y, &[77])]);
            world.run(&Extend { len: 77 });
            world.run_clear(&Extend { len: 77 });
        }
    }
}

/// Just below 0 the bits below the window are a coin: "not negative" with probability 1 + y / 2^t.
#[test]
fn the_coin_below_a_window_has_the_documented_odds() {
    let len = 40_000;
    for p in profiles() {
        let unit = 1i64 << p.window.low;
        for (seed, y) in [(1, -1), (2, -unit / 4), (3, -unit / 2), (4, 1 - unit)] {
            let world = World::new(&p, seed).with(&[(&vec![y; len], &[len]), (&vec![0; len], &[len])]);
            let program = Relu { len, bits: p.wire, window: p.window };
            for records in [world.run(&program).records, world.run_clear(&program)] {
                let bits = &outputs(&records, |g| matches!(g, Gate::Sign { .. }))[0];
                let odds = 1.0 + y as f64 / unit as f64;
                let sum = bits.x.iter().sum::<i64>() as f64;
                // five standard deviations of a binomial count
                let slack = 5.0 * (len as f64 * odds * (1.0 - odds)).sqrt();
                assert!((sum - len as f64 * odds).abs() <= slack, "{}, y = {y}: {sum} of {len}", p.name);
            }
        }
    }
}

#[test]
fn a_row_has_one_winner_that_is_as_good_as_the_largest() {
    for p in profiles() {
        for window in [p.window, p.argmax_window()] {
            // differences stay two units below 2^h
            let half = (1i64 << (window.high - 1)) - (1 << window.low);
            for (rows, classes) in [(1, 2), (33, 3), (32, 10), (7, 14)] {
                let len = rows * classes;
                let one = 1i64 << p.frac;
                let mut sets = vec![vec![0; len], vec![123 * one.min(half / 128); len], vec![-half; len]];
                sets.push((0..len).map(|i| if i % 2 == 0 { half } else { -half }).collect());
                sets.push((0..len).map(|i| i64::from(i % classes == classes - 1)).collect());
                sets.push(values(&[half, half, -half, -half + 1, 1, 0, -1], window.high - 1, len, 6));
                sets.last_mut().unwrap().iter_mut().for_each(|y| *y = (*y).clamp(-half, half));
                sets.push(values(&[], window.low + 1, len, 7));
                for (seed, y) in (0..).zip(&sets) {
                    let world = World::new(&p, seed).with(&[(y, &[rows, classes])]);
                    world.run(&Winners { rows, classes, window });
                    world.run_clear(&Winners { rows, classes, window });
                }
            }
        }
    }
}

#[test]
fn ties_go_to_the_smallest_index() {
    for p in profiles() {
        // multiples of the window's unit are cut exactly, so a tie is one
        let unit = 1 << p.window.low;
        let y: Vec<i64> = [5, 5, 3, 5, 1, 7, 7, 7, 0, 0, 0, 0].map(|v: i64| (v - 4) * unit).to_vec();
        let world = World::new(&p, 9).with(&[(&y, &[3, 4])]);
        let records = world.run(&Winners { rows: 3, classes: 4, window: p.window }).records;
        let won = &outputs(&records, |g| matches!(g, Gate::Winner { .. }))[0];
        assert_eq!(won.x, [1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
    }
}

/// A winner of 1 and a loser of 2^(t+1) - 1 meet where the one is cut up and the other down, each with odds of 2^-t.
#[test]
fn a_winner_is_less_than_two_units_of_the_window_below_the_largest_and_no_better() {
    let (p, rows) = (Profile::small(), 8_000);
    let far = (2 << p.window.low) - 1;
    let y = [1, far].repeat(rows);
    let world = World::new(&p, 10).with(&[(&y, &[rows, 2])]);
    let program = Winners { rows, classes: 2, window: p.window };
    for records in [world.run(&program).records, world.run_clear(&program)] {
        let won = &outputs(&records, |g| matches!(g, Gate::Winner { .. }))[0];
        let wrong = won.x.iter().step_by(2).sum::<i64>() as f64;
        let odds = f64::exp2(-2.0 * f64::from(p.window.low));
        let slack = 5.0 * (rows as f64 * odds * (1.0 - odds)).sqrt();
        assert!((wrong - rows as f64 * odds).abs() < slack, "{wrong} of {rows}");
    }
}
