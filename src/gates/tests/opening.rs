//! Truncation and openings.

use super::*;

program! {
    /// Cuts and opens a product's share, and brings it back into the ring.
    Truncate { shape: Vec<usize>, cut: u32, lifted: bool } |this, e| {
        let p = *e.profile();
        let z = ring_at(e, 0, &this.shape, p.frac + this.cut)?;
        let bits = if this.lifted { p.wire_after(this.cut) } else { p.ring - this.cut };
        let [y] = e.open([OpenRequest { frac: p.frac, ..exactly(&z, bits, this.lifted) }])?;
        if this.lifted {
            e.extend(&y)?;
        }
    }
}

program! {
    /// Opens master weights and cuts biases.
    Weights { shape: Vec<usize> } |this, e| {
        let (w, p) = (e.parameter(0, &Shape::new(this.shape.clone()))?, *e.profile());
        e.open([OpenRequest::operand(&w, &p), OpenRequest::operand(&w, &p)])?;
        e.narrow(&w, p.frac)?;
        e.narrow(&w, 2 * p.frac)?;
    }
}

#[test]
fn products_are_truncated_to_one_of_the_two_neighbours_over_the_whole_range() {
    for (p, len) in profiles().iter().flat_map(|p| [1, 31, 32, 33, 200].map(|len| (p, len))) {
        for cut in [0, 1, p.frac, p.frac + 3] {
            let top = 1i64 << (p.wire_after(cut) - 2 + cut).min(p.ring - 2);
            let hard = [0, 1, -1, top, -top, top - 1, 1 - top, 1 << cut, -(1 << cut), (1 << cut) - 1, 1 - (1 << cut)];
            for rotate in [0, 3, 7] {
                let mut hard = hard;
                hard.rotate_left(rotate);
                let bits = p.wire_after(cut) - 1 + cut;
                let z = values(&hard, bits.min(p.ring - 1), len, u64::from(cut));
                let world = World::new(p, 100 + u64::from(cut)).with(&[(&z, &[len])]);
                world.run(&Truncate { shape: vec![len], cut, lifted: true });
                world.run_clear(&Truncate { shape: vec![len], cut, lifted: true });
                world.run(&Truncate { shape: vec![len], cut, lifted: false });
            }
        }
    }
}

#[test]
fn weights_and_biases_are_cut_from_64_bits_to_one_of_the_two_neighbours() {
    for p in profiles() {
        // |W| < 2^(n-1-f), 32 fraction bits
        let top = 1i64 << (p.ring - 1 - p.frac + 32).min(62);
        let cut = 32 - p.frac;
        let hard = [0, 1, -1, top - (1 << cut), -top, (1 << cut) - 1, 1 << cut, -(1 << cut)];
        let w = values(&hard, 40, 67, 5);
        let world = World::new(&p, 7).with(&[(&w, &[67])]);
        world.run(&Weights { shape: vec![67] });
        world.run_clear(&Weights { shape: vec![67] });
    }
}

#[test]
fn truncation_is_unbiased_and_exact_on_multiples() {
    let len = 60_000;
    for p in profiles() {
        for (seed, offset) in [(1, 1), (2, 37), (3, (1 << p.frac) - 1), (4, 0), (5, -5)] {
            let z: Vec<i64> = (0..len as i64).map(|i| ((i - 30_000) << p.frac) + offset).collect();
            let world = World::new(&p, seed).with(&[(&z, &[len])]);
            for records in [
                world.run(&Truncate { shape: vec![len], cut: p.frac, lifted: true }).records,
                world.run_clear(&Truncate { shape: vec![len], cut: p.frac, lifted: true }),
            ] {
                let y = &outputs(&records, |g| *g == Gate::Extend)[0];
                let unit = f64::exp2(f64::from(p.frac));
                let errors: Vec<f64> = y.x.iter().zip(&z).map(|(y, z)| *y as f64 - *z as f64 / unit).collect();
                assert_unbiased(&errors, 1.0, &format!("{}, offset {offset}", p.name));
                assert!(offset != 0 || errors.iter().all(|e| *e == 0.0));
            }
        }
    }
}

/// Outside the range a wire is off by a multiple of 2^l that depends on the mask, in the clear as on shares.
#[test]
fn overflow_comes_out_in_the_clear_as_on_shares() {
    let len = 20_000;
    for p in profiles() {
        let top = 1i64 << (p.wire - 2 + p.frac);
        // just outside, one mask in millions would show
        let hard = [top + top / 4, -top - top / 4, top + top / 2, -top - top / 2, 2 * top - (1 << p.frac), -2 * top];
        // the control: in range, nothing is off
        for (seed, z) in (0..).zip(hard.into_iter().chain([top, -top])) {
            let world = World::new(&p, seed).with(&[(&vec![z; len], &[len])]);
            let program = Truncate { shape: vec![len], cut: p.frac, lifted: true };
            let records = [world.try_run(&program).unwrap().records, world.clear_unchecked(&program)];
            let [shares, clear] = records.map(|records| {
                let mut counts = std::collections::BTreeMap::<i64, usize>::new();
                for y in &outputs(&records, |g| *g == Gate::Extend)[0].x {
                    let off = signed((y - (z >> p.frac)).cast_unsigned(), p.ring);
                    assert_eq!(off % (1 << p.wire), 0, "{z} came out as {y}");
                    *counts.entry(off >> p.wire).or_default() += 1;
                }
                counts
            });
            assert_eq!(shares.keys().all(|off| *off == 0), z.abs() <= top, "{z}: {shares:?}");
            for off in shares.keys().chain(clear.keys()) {
                let [a, b] = [&shares, &clear].map(|c| c.get(off).copied().unwrap_or(0) as f64);
                // two counts of the same law: their difference has a deviation of at most sqrt(len / 2)
                assert!((a - b).abs() < 5.0 * (len as f64 / 2.0).sqrt(), "{}, {z}: {shares:?}, {clear:?}", p.name);
            }
        }
    }
}
