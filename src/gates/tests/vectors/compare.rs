//! Comparisons, bits, winners, and what is selected.

use super::*;
use crate::gates::{Checked, SamplePositions, Sampling};

pub(super) fn sessions(p: &Profile) -> Vec<Session> {
    let y = |len| [input(&[0, 1, -1], p.window.high - 1, &[len])];
    vec![
        signs(p),
        thresholds(p),
        pairs(p),
        winners(p),
        session(p, "open_bits", 8, &y(33), &MaskedBits { len: 33 }),
        session(p, "xor", 9, &y(9), &Between { len: 9 }),
        session(p, "share_bits", 9, &y(9), &Between { len: 9 }),
        selects(p),
        larger(p, "larger", 26),
        larger(p, "pick", 27),
        larger(p, "and", 28),
        larger(p, "open_with_bits", 29),
        ranges(p, "sample", 30),
        ranges(p, "outside", 31),
        ranges(p, "count", 32),
    ]
}

/// Values on the edges of a window, then others in its range.
fn around(w: Window, shape: &[usize]) -> Input {
    let (t, h) = (1i64 << w.low, 1i64 << w.high);
    input(&[0, 1, -1, -h, h - t, -t, 1 - t, t, t - 1, -t - 1], w.high, shape)
}

program! {
    /// Signs under several windows in one round, the last of them on a wire that is too short for it.
    Signs { len: usize, windows: Vec<Window> } |this, e| {
        let bits = e.profile().wire;
        let mut wires = Vec::new();
        for (index, window) in this.windows.iter().enumerate() {
            let short = index + 1 == this.windows.len();
            wires.push((wire(e, index, &[this.len], if short { window.high + 1 } else { bits })?, *window));
        }
        let list: Vec<_> = wires.iter().map(|(y, w)| (y, *w)).collect();
        e.sign_all(&list)?;
    }
}

fn signs(p: &Profile) -> Session {
    let (len, mut windows) = (33, windows(p));
    let mut inputs: Vec<_> = windows.iter().map(|w| around(*w, &[len])).collect();
    inputs.push(around(p.window.on(p.window.high + 1), &[len]));
    windows.push(p.window);
    session(p, "sign", 4, &inputs, &Signs { len, windows })
}

program! {
    /// Thresholds on a wire, and on a short one.
    Thresholds { len: usize, thresholds: Vec<i64> } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        let (y, short) = (wire(e, 0, &[this.len], bits)?, wire(e, 1, &[this.len], window.high + 1)?);
        e.at_least_all(&y, window, &this.thresholds)?;
        e.at_least_all(&short, window, &this.thresholds[..1])?;
    }
}

fn thresholds(p: &Profile) -> Session {
    let (shape, unit) = ([17], 1i64 << p.window.low);
    let thresholds = vec![-8 * unit, 0, 8 * unit];
    let hard: Vec<i64> = thresholds.iter().flat_map(|t| [0, 1, -1, -unit].map(|d| t + d)).collect();
    let inputs = [input(&hard, p.window.high - 1, &shape), input(&hard, p.window.high - 2, &shape)];
    session(p, "at_least", 5, &inputs, &Thresholds { len: shape[0], thresholds })
}

program! {
    /// All pairs of rows.
    Pairs { shape: [usize; 2] } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().argmax_window());
        let y = wire(e, 0, &this.shape, bits)?;
        e.pair_signs(&y, window)?;
    }
}

fn pairs(p: &Profile) -> Session {
    let (shape, unit) = ([7, 3], 1 << p.argmax_window().low);
    let inputs = [input(&[0, 1, -1, 0, unit, -unit], p.argmax_window().high - 1, &shape)];
    session(p, "pair_signs", 6, &inputs, &Pairs { shape })
}

program! {
    /// The largest of rows of two, three and ten.
    Winners { shapes: Vec<[usize; 2]> } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        for (index, shape) in this.shapes.iter().enumerate() {
            let y = wire(e, index, shape, bits)?;
            let won = e.winner(&y, window)?;
            e.open_bits([&won])?;
        }
    }
}

fn winners(p: &Profile) -> Session {
    let (shapes, unit) = (vec![[4, 2], [11, 3], [2, 10]], 1 << p.window.low);
    let inputs: Vec<_> = shapes.iter().map(|s| input(&[0, 0, unit, -unit, 1, -1], p.window.high - 1, s)).collect();
    session(p, "winner", 7, &inputs, &Winners { shapes })
}

program! {
    /// Bits opened with their masks in the ring, two lists in one round, and without.
    MaskedBits { len: usize } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        let y = wire(e, 0, &[this.len], bits)?;
        let b = e.at_least(&y, window, [0, 64 << window.low])?;
        e.open_selectors([&b[0], &b[1]])?;
        e.open_bits([&b[0]])?;
    }
}

program! {
    /// The bits between two thresholds, and what they are in the ring.
    Between { len: usize } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        let y = wire(e, 0, &[this.len], bits)?;
        let b = e.at_least(&y, window, [-64 << window.low, 64 << window.low])?;
        let between = e.xor(&b[0], &b[1])?;
        let [opened] = e.open_selectors([&between])?;
        e.share_bits(&opened)?;
    }
}

program! {
    /// Two wires selected by one bit.
    Selects { len: usize } |this, e| {
        let (bits, window) = (e.profile().wire, e.profile().window);
        let (y, dy) = (wire(e, 0, &[this.len], bits)?, wire(e, 1, &[this.len], bits - 2)?);
        let [b] = e.sign([(&y, window)])?;
        let [b] = e.open_selectors([&b])?;
        e.select(&b, &y)?;
        e.select(&b, &dy)?;
    }
}

fn selects(p: &Profile) -> Session {
    let end = 1i64 << (p.wire - 4);
    let inputs = [around(p.window, &[15]), input(&[end, -end, 0, 1, -1, end - 1, 1 - end], p.wire - 3, &[15])];
    session(p, "select", 10, &inputs, &Selects { len: 15 })
}

program! {
    /// The larger of wires, what is picked, and the AND of bits; two pairs in a round.
    Larger { gate: &'static str, len: usize } |this, e| {
        let (p, shape) = (*e.profile(), [this.len]);
        let (x, y) = (wire(e, 0, &shape, p.wire)?, wire(e, 1, &shape, p.wire)?);
        let c = e.larger([(&x, &y), (&y, &x)], p.window)?;
        let c = e.open_bits([&c[0], &c[1]])?;
        if this.gate == "pick" {
            e.pick(&c[0], &x, &y)?;
            e.pick(&c[1], &x, &y)?;
        } else if this.gate != "larger" {
            let both = e.and(&[(&c[0], false), (&c[1], true)])?;
            let three = e.and(&[(&c[0], true), (&c[1], true), (&c[0], false)])?;
            if this.gate == "open_with_bits" {
                let picked = e.pick(&c[0], &x, &y)?;
                e.open_with_selectors([OpenRequest::picked(&picked)], &[&both, &three])?;
            }
        }
    }
}

fn larger(p: &Profile, gate: &'static str, seed: u64) -> Session {
    let (len, unit, far) = (9, 1i64 << p.window.low, p.window.high - 1);
    let inputs = [input(&[0, 1, unit, -unit, 5], far, &[len]), input(&[0, 1, 0, 0, -5 * unit], far, &[len])];
    session(p, gate, seed, &inputs, &Larger { gate, len })
}

program! {
    /// Samples of wires and of differences, what is outside, and how many; counts are added up.
    Ranges { gate: &'static str, shape: [usize; 2], bounds: [u64; 2] } |this, e| {
        let p = *e.profile();
        let y = wire(e, 0, &this.shape, p.wire)?;
        let places = SamplePositions { at: 1, stride: 3, count: 7, cols: 1, turn: 0 };
        let rows = SamplePositions { cols: this.shape[1], turn: 2, ..places };
        let single = e.sample(Sampling { kept: None, y: &y, z: None, places })?;
        let apart = e.sample(Sampling { kept: None, y: &y, z: Some(&y), places: rows })?;
        let more = e.sample(Sampling { kept: Some(&single), y: &y, z: None, places: SamplePositions { at: 0, ..places } })?;
        if this.gate != "sample" {
            let [a, b] = this.bounds;
            let list = [Checked { wire: &more, bound: a, lifted: true }, Checked { wire: &apart, bound: b, lifted: false }];
            let out = e.outside(&list)?;
            if this.gate == "count" {
                let out = e.open_selectors([&out[0], &out[1]])?;
                let counts = e.count(None, &[&out[0], &out[1]])?;
                e.count(Some(&counts), &[&out[1], &out[0]])?;
            }
        }
    }
}

fn ranges(p: &Profile, gate: &'static str, seed: u64) -> Session {
    let (shape, bound) = ([6, 4], 1i64 << p.window.high);
    let hard = [0, bound, -bound, bound + 1, -bound - 1, 2 * bound, -2 * bound, bound / 2];
    session(
        p,
        gate,
        seed,
        &[input(&hard, p.wire - 1, &shape)],
        &Ranges { gate, shape, bounds: [bound.cast_unsigned(); 2] },
    )
}
