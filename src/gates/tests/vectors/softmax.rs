//! The parts of softmax, and what leaves the servers.

use super::*;
use crate::gates::{Arguments, exp_frac};
use crate::party::Revealed;

pub(super) fn sessions(p: &Profile) -> Vec<Session> {
    let one = 1i64 << p.frac;
    let logits = input(&[0, one, -one, 1, -1, 57 * one, -57 * one], p.window.high - 1, &[3, 4]);
    let labels = (0..12).map(|i| if [1, 5, 11].contains(&i) { one } else { 0 }).collect();
    let sums = vec![3892, 4096, 4097, 64_716, 12_345];
    let units = vec![65_536, 0, 1, 74_263, 32_768, -3, 65_536, 65_535, 24_109];
    let units = [(units, vec![3, 3]), (vec![65_536, 4681, 32_768], vec![3])];
    let master = input(&[0, 1, -1, i64::MAX, i64::MIN], 64, &[7]);
    vec![
        session(p, "below_max", 11, slice::from_ref(&logits), &Belows { shape: [3, 4] }),
        exps(p, "exp", 12),
        exps(p, "row_sum", 18),
        session(p, "reciprocal", 13, &[(sums, vec![5])], &Reciprocals { len: 5 }),
        session(p, "inverse_sqrt", 43, &[(vec![3892, 4096, 4097, 63_488, 12_345], vec![5])], &Roots { len: 5 }),
        session(p, "probability", 14, &units, &Probabilities { rows: 3, classes: 3 }),
        session(p, "hits", 22, &[logits, (labels, vec![3, 4])], &Hits { shape: [3, 4] }),
        session(p, "reveal", 23, &[master.clone(), master], &Reveals { len: 7 }),
    ]
}

program! {
    /// Logits below the largest of their row.
    Belows { shape: [usize; 2] } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        let y = wire(e, 0, &this.shape, bits)?;
        let won = e.winner(&y, window)?;
        let [won] = e.open_bits([&won])?;
        e.below_max(&y, &won)?;
    }
}

program! {
    /// Exponentials, and their sums by row.
    Exps { shape: [usize; 2] } |this, e| {
        let p = *e.profile();
        let d = ring_at(e, 0, &this.shape, exp_frac(&p))?;
        let [d] = e.open([Arguments::exp(&d, &p)])?;
        let exps = e.exp(&d)?;
        e.row_sum(&exps)?;
    }
}

fn exps(p: &Profile, gate: &'static str, seed: u64) -> Session {
    let frac = exp_frac(p);
    let one = 1i64 << frac;
    let d = vec![0, 1 - (224 << frac), one / 8, -one, 0, -3 * one, -16 * one - 1, 0, -1, 0, -one / 2, -10 * one];
    session(p, gate, seed, &[(d, vec![4, 3])], &Exps { shape: [4, 3] })
}

program! {
    /// Reciprocals of sums.
    Reciprocals { len: usize } |this, e| {
        let s = ring_at(e, 0, &[this.len], 12)?;
        let [s] = e.open([Arguments::sum(&s)])?;
        e.reciprocal(&s)?;
    }
}

program! {
    /// Inverse square roots.
    Roots { len: usize } |this, e| {
        let s = ring_at(e, 0, &[this.len], 12)?;
        let [s] = e.open([Arguments::sum(&s)])?;
        e.inverse_sqrt(&s)?;
    }
}

program! {
    /// Products of narrow wires.
    Probabilities { rows: usize, classes: usize } |this, e| {
        let (exps, inverse) = (ring_at(e, 0, &[this.rows, this.classes], 16)?, ring_at(e, 1, &[this.rows], 16)?);
        let opened = e.open([Arguments::unit(&exps), Arguments::unit(&inverse)])?;
        e.probability(&opened[0], &opened[1])?;
    }
}

program! {
    /// Winners that are the label.
    Hits { shape: [usize; 2] } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        let (y, labels) = (wire(e, 0, &this.shape, bits)?, operand(e, 1, &this.shape)?);
        let won = e.winner(&y, window)?;
        let [won] = e.open_bits([&won])?;
        e.hits(&won, &labels)?;
    }
}

program! {
    /// A model's parameters on their way out.
    Reveals { len: usize } |this, e| {
        let frac = e.profile().frac;
        let mut shares = Vec::new();
        for index in 0..2 {
            let x = e.parameter(index, &[this.len].into())?;
            shares.push(e.narrow(&x, frac)?);
        }
        for (index, share) in (0..).zip(&shares) {
            e.reveal(Revealed::Parameter { index }, share)?;
        }
    }
}
