//! What every gate must make of the values that went in, in exact integers or against a bound of docs/protocols.md.

use super::record::{Gate, Record};
use super::terms::{box_terms, product_terms};
use crate::fixed::{Profile, Window, mask, signed};
use crate::gates::{Bilinear, ImageWindows, exp_frac, window_on};
use crate::kernel::layout::pairs;
use crate::party::ClearTensor;

/// Holds all gates, and what the loss makes of them, against their laws.
pub(crate) fn check_all(records: &[Record<ClearTensor>], p: &Profile) -> Result<(), String> {
    for (at, r) in records.iter().enumerate() {
        check(r, p).map_err(|e| format!("gate {at}, {}: {:?}: {e}", r.scope, r.gate))?;
    }
    Ok(())
}

/// Holds a gate against its law.
pub(crate) fn check(r: &Record<ClearTensor>, p: &Profile) -> Result<(), String> {
    let input = |i: usize| &r.inputs[i];
    let (x, out) = (input(0), &r.output);
    match r.gate {
        Gate::AddRow => {
            let cols = input(1).x.len();
            each(out, x, |i, x| one_of(out.x[i], [x + wide(input(1).x[i % cols]); 2], out.bits))
        }
        Gate::And { ref flips } => {
            let all =
                |i: usize| flips.iter().enumerate().map(|(n, flip)| wide(input(n).x[i]) ^ i128::from(*flip)).product();
            each(out, x, |i, _| one_of(out.x[i], [all(i); 2], 64))
        }
        Gate::Larger { window } => {
            let w = window_on(window, x, p);
            each(out, x, |i, a| pair_sign(a, wide(input(1).x[i]), w, out.x[i]))
        }
        Gate::Pick => {
            let picked = |i: usize| wide(if x.x[i] == 1 { input(1).x[i] } else { input(2).x[i] });
            each(out, x, |i, _| one_of(out.x[i], [picked(i); 2], out.bits))
        }
        Gate::AtLeast { window, threshold } => {
            each(out, x, |i, y| sign(y - wide(threshold), window_on(window, x, p), out.x[i]))
        }
        Gate::BelowMax => {
            let (won, classes, cut) = (input(1), x.shape.matrix().1, p.frac - exp_frac(p));
            let top = |row: usize| {
                let at = row * classes..(row + 1) * classes;
                x.x[at.clone()].iter().zip(&won.x[at]).map(|(y, w)| wide(*y) * wide(*w)).sum::<i128>()
            };
            each(out, x, |i, y| rounding(y - top(i / classes), cut, out.x[i], out.bits))
        }
        Gate::BoxSum { boxes } => box_sum(x, boxes, out),
        Gate::Combine { kx, ky } => {
            each(out, x, |i, x| one_of(out.x[i], [x * wide(kx) + wide(input(1).x[i]) * wide(ky); 2], out.bits))
        }
        Gate::Count { before } => {
            let lists = r.inputs.len() - usize::from(before);
            let known = |i: usize| if before { wide(input(lists).x[i]) } else { 0 };
            let sum = |i: usize| known(i) + input(i).x.iter().map(|bit| wide(*bit)).sum::<i128>();
            (0..lists).try_for_each(|i| one_of(out.x[i], [sum(i); 2], out.bits))
        }
        Gate::Dropout { ref kept } => {
            let bits = kept.bits(x.x.len());
            each(out, x, |i, x| one_of(out.x[i], [x * i128::from(bits[i / 32] >> (i % 32) & 1); 2], out.bits))
        }
        Gate::Exp => {
            let frac = exp_frac(p);
            each(out, x, |i, d| {
                // the ring stands for -224 <= d < 32
                let d = d & wide(mask(8 + frac).cast_signed());
                let d = real(if d >= 32 << frac { d - (256 << frac) } else { d }, frac);
                near(out.x[i], d.exp(), 2.4e-5)
            })
        }
        Gate::Extend | Gate::Share | Gate::ShareBits => each(out, x, |i, y| one_of(out.x[i], [y; 2], out.bits)),
        Gate::Hits => {
            let sum = x.x.iter().zip(&input(1).x).map(|(w, l)| wide(*w) * wide(*l)).sum();
            one_of(out.x[0], [sum; 2], out.bits)
        }
        Gate::Narrow { cut } => each(out, x, |i, x| rounding(x, cut, out.x[i], out.bits)),
        Gate::Open { cut, bits, lifted } => each(out, x, |i, x| {
            if lifted && x.abs() > 1 << (bits - 2 + cut) {
                return Err(format!("{x} is out of the wire's range"));
            }
            rounding(x, cut, out.x[i], bits)
        }),
        Gate::Xor => each(out, x, |i, a| one_of(out.x[i], [a ^ wide(input(1).x[i]); 2], 64)),
        Gate::MaskedBits { .. } => each(out, x, |i, b| one_of(out.x[i], [b; 2], 64)),
        Gate::Outside { bound } => each(out, x, |i, y| outside(y, x.bits, bound, out.x[i])),
        Gate::PairSigns { window } => {
            let (w, (rows, classes)) = (window_on(window, x, p), x.shape.matrix());
            let y = |row: usize, class: usize| wide(x.x[row * classes + class]);
            let pairs = pairs(classes).flat_map(|(i, j)| (0..rows).map(move |row| (row, i, j)));
            pairs.zip(&out.x).try_for_each(|((row, i, j), bit)| pair_sign(y(row, i), y(row, j), w, *bit))
        }
        Gate::Probability => {
            let (classes, cut) = (x.shape.matrix().1, 32 - p.frac);
            each(out, x, |i, e| rounding(e * wide(input(1).x[i / classes]), cut, out.x[i], out.bits))
        }
        Gate::Product { map } => product(x, input(1), map, out),
        Gate::Reciprocal => {
            let error = if p.frac <= 8 { 8.6e-4 } else { 9.4e-5 };
            each(out, x, |i, s| near(out.x[i], 1.0 / real(s & 0xffff, 12), error))
        }
        Gate::InverseSqrt => each(out, x, |i, s| {
            let s = real(s & 0xffff, 12).max(0.5);
            near(out.x[i], 1.0 / s.sqrt(), inverse_sqrt_error(s, p))
        }),
        Gate::Rescale { bits, scale, shift, times } => {
            each(out, x, |i, x| rescale(x, bits, scale, shift, times, out.x[i]))
        }
        Gate::RowSum => {
            let classes = x.shape.matrix().1;
            let sum = |row: &[i64]| row.iter().map(|x| wide(*x)).sum::<i128>();
            let mut rows = x.x.chunks_exact(classes).map(sum).zip(&out.x);
            rows.try_for_each(|(sum, got)| rounding(sum, 4, *got, out.bits))
        }
        Gate::SumChunks { chunks } => {
            let mut sums = vec![0i128; out.x.len()];
            x.x.iter()
                .enumerate()
                .for_each(|(i, x)| sums[i / chunks.cols / chunks.chunk * chunks.cols + i % chunks.cols] += wide(*x));
            sums.into_iter().zip(&out.x).try_for_each(|(sum, got)| one_of(*got, [sum; 2], out.bits))
        }
        Gate::Sample { places, difference, kept } => {
            let (minus, kept) = (difference.then(|| input(1)), kept.then(|| &input(r.inputs.len() - 1).x));
            let kept = kept.map_or(&[][..], |kept| kept);
            let taken = |i: usize| {
                let e = places.at + i * places.stride;
                let row = e / places.cols * places.cols;
                let partner = row + (e - row + places.turn) % places.cols;
                wide(x.x[e]) - minus.map_or(0, |z| wide(z.x[partner]))
            };
            let mut all = kept.iter().map(|x| wide(*x)).chain((0..places.count).map(taken)).zip(&out.x);
            if out.x.len() != kept.len() + places.count {
                return Err(format!("{} elements are there", out.x.len()));
            }
            all.try_for_each(|(want, got)| one_of(*got, [want; 2], out.bits))
        }
        Gate::Select => each(out, x, |i, b| one_of(out.x[i], [b * wide(input(1).x[i]); 2], out.bits)),
        Gate::Sign { window } => each(out, x, |i, y| sign(y, window_on(window, x, p), out.x[i])),
        Gate::SumRows { cols, shift } => {
            let sum = |j: usize| x.x.iter().skip(j).step_by(cols).map(|x| wide(*x)).sum::<i128>() << shift;
            (0..cols).try_for_each(|j| one_of(out.x[j], [sum(j); 2], out.bits))
        }
        Gate::Winner { window } => {
            let (classes, low) = (x.shape.matrix().1, window_on(window, x, p).low);
            let mut rows = x.x.chunks_exact(classes).zip(out.x.chunks_exact(classes));
            rows.try_for_each(|(y, won)| winner(y, won, low))
        }
    }
}

fn each(out: &ClearTensor, x: &ClearTensor, law: impl Fn(usize, i128) -> Result<(), String>) -> Result<(), String> {
    if out.x.len() != x.x.len() {
        return Err(format!("{} elements became {}", x.x.len(), out.x.len()));
    }
    x.x.iter().enumerate().try_for_each(|(i, x)| law(i, wide(*x)).map_err(|e| format!("element {i}: {e}")))
}

fn wide(x: i64) -> i128 {
    i128::from(x)
}

fn real(x: i128, frac: u32) -> f64 {
    x as f64 * f64::exp2(-f64::from(frac))
}

/// `got` is one of two integers, in a ring.
fn one_of(got: i64, allowed: [i128; 2], bits: u32) -> Result<(), String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "reduced into the ring")]
    let ring = |x: i128| signed(x as u64, bits);
    if allowed.map(ring).contains(&signed(got.cast_unsigned(), bits)) {
        return Ok(());
    }
    Err(format!("{got} is none of {allowed:?} mod 2^{bits}"))
}

/// `got` is `z / 2^cut` rounded down or up.
fn rounding(z: i128, cut: u32, got: i64, bits: u32) -> Result<(), String> {
    let floor = z >> cut;
    let up = i128::from(floor << cut != z);
    one_of(got, [floor, floor + up], bits).map_err(|e| format!("{z} / 2^{cut}: {e}"))
}

/// `got`, with 16 fraction bits in 20 bits, is within `error` of a real number.
fn near(got: i64, want: f64, error: f64) -> Result<(), String> {
    let value = got as f64 / 65_536.0;
    if (value - want).abs() <= error { Ok(()) } else { Err(format!("{value} is not within {error} of {want}")) }
}

fn sign(y: i128, w: Window, bit: i64) -> Result<(), String> {
    if y < -(1 << w.high) || y > (1 << w.high) - (1 << w.low) {
        return Err(format!("{y} is out of the window's range"));
    }
    let free = -(1 << w.low) < y && y < 0;
    if free || bit == i64::from(y >= 0) { Ok(()) } else { Err(format!("[{y} >= 0] came out as {bit}")) }
}

/// What is within the bound is never told, and what is two units beyond it always; the unit is that of 12 bits of the wire.
fn outside(y: i128, bits: u32, bound: u64, told: i64) -> Result<(), String> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "reduced into the ring")]
    let magnitude = signed(y as u64, bits).unsigned_abs();
    let unit = 1 << (bits - (bits - bits % 4).min(12));
    let wrong = if told == 1 { magnitude <= bound } else { magnitude > bound.next_multiple_of(unit) + unit };
    if wrong { Err(format!("{y} of {bits} bits and bound {bound} came out as {told}")) } else { Ok(()) }
}

/// The two sides are cut to the window, down or up, before they are compared.
fn pair_sign(a: i128, b: i128, w: Window, bit: i64) -> Result<(), String> {
    let floor = |x: i128| x >> w.low;
    let ceil = |x: i128| -(-x >> w.low);
    if (a - b).abs() > (1 << w.high) - (2 << w.low) {
        return Err(format!("{a} - {b} is out of the window's range"));
    }
    let fits = if bit == 1 { ceil(a) >= floor(b) } else { floor(a) < ceil(b) };
    if fits { Ok(()) } else { Err(format!("[{a} >= {b}] came out as {bit}")) }
}

/// One candidate wins, and it may be cut to what the largest may be cut to: it is less than two window units below.
fn winner(y: &[i64], won: &[i64], low: u32) -> Result<(), String> {
    let winners: Vec<usize> = (0..won.len()).filter(|i| won[*i] == 1).collect();
    let [winner] = winners[..] else { return Err(format!("{won:?} is not one-hot")) };
    let top = y.iter().max().copied().unwrap_or(0);
    let floor = top >> low;
    if -(-y[winner] >> low) >= floor { Ok(()) } else { Err(format!("{} won, the largest is {top}", y[winner])) }
}

fn product(x: &ClearTensor, w: &ClearTensor, map: Bilinear, out: &ClearTensor) -> Result<(), String> {
    let (shape, _) = map.shape(&x.shape, &w.shape).map_err(|e| e.to_string())?;
    if out.shape != shape {
        return Err(format!("the shape is {}", out.shape));
    }
    let mut sums = vec![0i128; out.x.len()];
    product_terms(map, &x.shape, &w.shape, |left, right, to| sums[to] += wide(x.x[left]) * wide(w.x[right]));
    let mut all = sums.into_iter().zip(&out.x).enumerate();
    all.try_for_each(|(at, (want, got))| one_of(*got, [want; 2], out.bits).map_err(|e| format!("element {at}: {e}")))
}

fn box_sum(x: &ClearTensor, boxes: ImageWindows, out: &ClearTensor) -> Result<(), String> {
    let batch = x.shape.matrix().0;
    if out.x.len() != batch * boxes.output_len() {
        return Err("a sum is missing".into());
    }
    let mut sums = vec![0i128; out.x.len()];
    box_terms(boxes, batch, |from, to| sums[to] += wide(x.x[from]));
    sums.into_iter().zip(&out.x).try_for_each(|(sum, got)| one_of(*got, [sum; 2], out.bits))
}

fn rescale(x: i128, bits: u32, scale: u32, shift: i32, times: u32, got: i64) -> Result<(), String> {
    let (x, times) = (x * i128::from(scale), i128::from(times));
    if x.abs() >= 1 << (bits - 2) {
        return Err(format!("{x} is out of range"));
    }
    let (floor, up) = match u32::try_from(shift) {
        Ok(cut) => (x >> cut, i128::from((x >> cut) << cut != x)),
        Err(_) => (x << -shift, 0),
    };
    one_of(got, [floor * times, (floor + up) * times], 64).map_err(|e| format!("{times} {x} / 2^{shift}: {e}"))
}

/// How far `1 / sqrt(S)` may be off: the fit, and the last cut's unit; where the function bends, more.
pub(crate) fn inverse_sqrt_error(s: f64, p: &Profile) -> f64 {
    if s < 0.9 {
        return 0.04;
    }
    if p.frac <= 8 { 2.6e-4 } else { 5.5e-5 }
}

/// How far a softmax may be from the exact one: the last cut's unit, and the tables' error.
///
/// `e` is off by 2.4e-5 at most, the sum of up to 14 by as much each and by its cut's unit of 2^-12, its inverse (S is about 1
/// at least) by the reciprocal's error: 2.4e-5 + 3.4e-4 + 2.5e-4 + 8.6e-4 in `small`, 9.4e-5 for the last in `wide`.
pub(crate) fn softmax_error(p: &Profile) -> f64 {
    f64::exp2(-f64::from(p.frac)) + if p.frac <= 8 { 1.6e-3 } else { 8e-4 }
}
