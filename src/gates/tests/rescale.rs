//! Rescaling without opening.

use super::*;
use crate::gates::Scaling;

/// `(wide, scale, shift, times)` of a value: in `Z_2^64` where `wide`.
type Case = (bool, u32, i32, u32);

program! {
    /// Rescales parameters in one round.
    Rescales { len: usize, cases: Vec<Case> } |this, e| {
        let mut shares = Vec::new();
        for (index, (wide, ..)) in this.cases.iter().enumerate() {
            shares.push(if *wide { e.parameter(index, &[this.len].into())? } else { ring(e, index, &[this.len])? });
        }
        let scaling = |(share, (_, scale, shift, times)): (_, &Case)| Scaling {
            share,
            what: "x",
            scale: *scale,
            over: *shift,
            times: *times,
        };
        let list: Vec<_> = shares.iter().zip(&this.cases).map(scaling).collect();
        e.rescale(&list)?;
    }
}

/// Gradients at rates that shift right, not at all and left, with odd multiples; momentum at 0 to 3 halvings.
fn cases(p: &Profile) -> Vec<Case> {
    let least = 1 - (64 - p.ring).cast_signed();
    let mut cases = vec![(false, 1, 0, 1), (false, 1, least, 1), (false, 1, -3, 63), (false, 1, 1, 1)];
    cases.extend([(false, 1, 2 * p.frac.cast_signed() - 32 + 11, 1), (false, 1, 12, 41), (false, 1, 30, 1)]);
    cases.extend((0..4).map(|halvings| (true, 29, 5 + halvings, 1)));
    cases.extend([(true, 1, 5, 1), (true, 31, 7, 1)]);
    cases
}

#[test]
fn rescaled_values_are_one_of_the_two_neighbours_over_the_whole_range() {
    for p in profiles() {
        let cases = cases(&p);
        for len in [1, 31, 32, 33, 120] {
            for seed in 0..3 {
                let value = |(index, (wide, scale, ..)): (u64, &Case)| {
                    let bits = if *wide { 64 } else { p.ring };
                    let top = ((1i64 << (bits - 2)) - 1) / i64::from(*scale);
                    let mut hard = [top, -top, 0, 1, -1, top - 1, 1 - top, top / 2 + 1, -top / 2];
                    hard.rotate_left(seed);
                    let mut x = values(&hard, 64, len, index);
                    x.iter_mut().for_each(|x| *x %= top + 1);
                    x
                };
                let x: Vec<Vec<i64>> = (0..).zip(&cases).map(value).collect();
                let shape = [len];
                let list: Vec<(&[i64], &[usize])> = x.iter().map(|x| (x.as_slice(), shape.as_slice())).collect();
                let world = World::new(&p, seed as u64).with(&list);
                world.run(&Rescales { len, cases: cases.clone() });
                world.run_clear(&Rescales { len, cases: cases.clone() });
            }
        }
    }
}

#[test]
fn rescaling_is_unbiased() {
    let len = 60_000;
    for p in profiles() {
        for (seed, case) in
            [(1, (false, 1, 7, 1)), (2, (false, 1, 11, 41)), (3, (true, 29, 5, 1)), (4, (true, 29, 7, 1))]
        {
            let (_, scale, shift, times) = case;
            let x: Vec<i64> = (0..len as i64).map(|i| (i - 30_000) * 3571 + 1).collect();
            let world = World::new(&p, seed).with(&[(&x, &[len])]);
            let program = Rescales { len, cases: vec![case] };
            for records in [world.run(&program).records, world.run_clear(&program)] {
                let y = &outputs(&records, |g| matches!(g, Gate::Rescale { .. }))[0];
                let factor = f64::from(scale * times) * f64::exp2(-f64::from(shift));
                let errors: Vec<f64> = y.x.iter().zip(&x).map(|(y, x)| *y as f64 - *x as f64 * factor).collect();
                assert_unbiased(&errors, f64::from(times), &format!("{}, {case:?}", p.name));
            }
        }
    }
}

/// Outside the range a result is off by `2^n / 2^shift` for some masks, in the clear as on shares.
#[test]
fn overflow_comes_out_in_the_clear_as_on_shares() {
    let len = 20_000;
    for p in profiles() {
        let n = p.ring;
        let (quarter, shift) = (1i64 << (n - 2), 11);
        // just outside, one mask in millions would show
        let half = quarter / 2;
        let hard =
            [quarter + half / 2, -quarter - half / 2, quarter + half, -quarter - half, 2 * quarter - 1, -2 * quarter];
        // the control: in range, nothing is off
        for (seed, x) in (0..).zip(hard.into_iter().chain([quarter - 1, -quarter])) {
            let world = World::new(&p, seed).with(&[(&vec![x; len], &[len])]);
            let program = Rescales { len, cases: vec![(false, 1, shift, 1)] };
            let clear = world.clear_unchecked(&program);
            let counts = [world.try_run(&program).unwrap().records, clear].map(|records| {
                let y = &outputs(&records, |g| matches!(g, Gate::Rescale { .. }))[0];
                let unit = f64::exp2(f64::from(n) - f64::from(shift));
                let off = |y: &i64| (*y as f64 - x as f64 * f64::exp2(-f64::from(shift))) / unit;
                let mut counts = std::collections::BTreeMap::<i64, usize>::new();
                for off in y.x.iter().map(off) {
                    assert!((off - off.round()).abs() < 1e-3, "off by {off} times 2^(n - shift)");
                    #[expect(clippy::cast_possible_truncation, reason = "small")]
                    let off = off.round() as i64;
                    *counts.entry(off).or_default() += 1;
                }
                counts
            });
            let [shares, clear] = &counts;
            let inside = (-quarter..quarter).contains(&x);
            assert_eq!(shares.keys().all(|off| *off == 0), inside, "{x}: {counts:?}");
            for off in shares.keys().chain(clear.keys()) {
                let [a, b] = [shares, clear].map(|c| c.get(off).copied().unwrap_or(0) as f64);
                // two counts of the same law: their difference has a deviation of at most sqrt(len / 2)
                assert!((a - b).abs() < 5.0 * (len as f64 / 2.0).sqrt(), "{}, {x}: {counts:?}", p.name);
            }
        }
    }
}
