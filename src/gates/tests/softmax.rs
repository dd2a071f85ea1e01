//! Softmax and its parts.

use super::*;
use crate::gates::harness::law::softmax_error;
use crate::gates::{Arguments, exp_frac};

program! {
    /// The softmax of rows of logits, without labels.
    Soft { rows: usize, classes: usize } |this, e| {
        let p = *e.profile();
        let y = wire(e, 0, &[this.rows, this.classes], p.wire)?;
        let won = e.winner(&y, p.window)?;
        let [won] = e.open_bits([&won])?;
        let d = e.below_max(&y, &won)?;
        let [d] = e.open([Arguments::exp(&d, &p)])?;
        let exps = e.exp(&d)?;
        let sum = e.row_sum(&exps)?;
        let opened = e.open([Arguments::unit(&exps), Arguments::sum(&sum)])?;
        let inverse = e.reciprocal(&opened[1])?;
        let [inverse] = e.open([Arguments::unit(&inverse)])?;
        e.probability(&opened[0], &inverse)?;
    }
}

program! {
    /// The tables alone: exp of parameter 0, 1 / S of parameter 1.
    Tables { len: usize, sums: usize } |this, e| {
        let p = *e.profile();
        let (d, s) = (ring_at(e, 0, &[this.len], exp_frac(&p))?, ring_at(e, 1, &[this.sums], 12)?);
        let opened = e.open([Arguments::exp(&d, &p), Arguments::sum(&s)])?;
        e.exp(&opened[0])?;
        e.reciprocal(&opened[1])?;
        e.inverse_sqrt(&opened[1])?;
    }
}

/// Rows of logits, in real numbers, that are hard for softmax.
fn logits(classes: usize) -> Vec<Vec<f64>> {
    let row = |f: &dyn Fn(usize) -> f64| (0..classes).map(f).collect::<Vec<_>>();
    let unit = |i: usize| i as f64 / 256.0;
    vec![
        row(&|_| 0.0),
        row(&|_| 123.0),
        row(&|_| -57.0),
        row(&|i| if i == 0 { 57.0 } else { -57.0 }),
        row(&|i| if i == classes - 1 { 57.0 } else { -57.0 }),
        row(&|i| if i < 2 { 57.0 } else { -57.0 }),
        // a spread just below 224
        row(&|i| if i == 1 { 111.9 } else { -111.9 }),
        row(&|i| 111.9 - 223.8 * (i as f64 / (classes - 1) as f64)),
        // near ties, within the window's unit
        row(&|i| 1.0 + unit(i)),
        row(&|i| 1.0 - unit(i)),
        row(&|i| unit(i % 3) / 4.0),
        row(&|i| (i as f64 * 1.7).sin() * 3.0),
        row(&|i| (i as f64 * 0.9).cos() * 9.0),
    ]
}

#[test]
fn probabilities_are_within_a_unit_and_the_tables_error() {
    for p in profiles() {
        for classes in [2, 3, 10, 14] {
            let rows = logits(classes);
            let scale = f64::exp2(f64::from(p.frac));
            #[expect(clippy::cast_possible_truncation, reason = "logits are small")]
            let y: Vec<i64> = rows.iter().flatten().map(|y| (y * scale).round() as i64).collect();
            for seed in 0..4 {
                let world = World::new(&p, seed).with(&[(&y, &[rows.len(), classes])]);
                let program = Soft { rows: rows.len(), classes };
                for records in [world.run(&program).records, world.run_clear(&program)] {
                    let got = &outputs(&records, |g| *g == Gate::Probability)[0];
                    assert_softmax(&y, classes, &got.x, &p, seed);
                }
            }
        }
    }
}

/// Asserts that `got` is softmax of the logits `y`, within one unit and the tables' error (docs/protocols.md 4.2).
fn assert_softmax(y: &[i64], classes: usize, got: &[i64], p: &Profile, seed: u64) {
    let unit = f64::exp2(-f64::from(p.frac));
    for (row, (y, got)) in y.chunks_exact(classes).zip(got.chunks_exact(classes)).enumerate() {
        let top = *y.iter().max().unwrap();
        let exps: Vec<f64> = y.iter().map(|y| ((y - top) as f64 * unit).exp()).collect();
        let sum: f64 = exps.iter().sum();
        for (e, got) in exps.iter().zip(got) {
            let error = *got as f64 * unit - e / sum;
            assert!(error.abs() <= softmax_error(p), "seed {seed}, {}, row {row}: off by {error}: {y:?}", p.name);
        }
    }
}

#[test]
fn the_tables_keep_their_error_over_all_arguments() {
    for p in profiles() {
        let frac = exp_frac(&p);
        // -224 < d <= 1/8, in `small` every value; 0.95 <= S < 15.8, where a sum of exponentials lies that holds e^0
        let step = if frac == 8 { 1 } else { 7 };
        let d: Vec<i64> = (-(224 << frac) + 1..=1 << (frac - 3)).step_by(step).collect();
        let s: Vec<i64> = (3892..64_717).step_by(9).collect();
        let world = World::new(&p, 21).with(&[(&d, &[d.len()]), (&s, &[s.len()])]);
        world.run(&Tables { len: d.len(), sums: s.len() });
        world.run_clear(&Tables { len: d.len(), sums: s.len() });
    }
}
