//! Samples of wires whose ranges are checked (protocols.md 3.7).

use crate::kernel::Word;
use crate::kernel::row::{kernels, params};

params! {
    /// Of `SAMPLE`.
    SampleParams { held, at, stride, cols, turn, minus }
}

kernels! {
    /// Some elements of a wire, or differences of them, behind those that are kept.
    SAMPLE = main of "sample.wgsl", SampleParams, [Ring, Ring, Ring] => Ring, sample;
}

/// `kept[..held]`, and behind it `y[e] - minus z[e']`, `e = at + i stride`; `e'` is `turn` columns further in the row of `cols`.
fn sample<W: Word>(p: &SampleParams, kept: &[W], y: &[W], z: &[W], out: &mut [W]) {
    let (held, cols, minus) = (p.held as usize, p.cols as usize, W::low(p.minus.into()));
    let (old, new) = out.split_at_mut(held);
    old.copy_from_slice(&kept[..held]);
    for (i, o) in new.iter_mut().enumerate() {
        let e = p.at as usize + i * p.stride as usize;
        let column = e % cols;
        let other = e - column + (column + p.turn as usize) % cols;
        *o = y[e].sub(minus.mul(z[other]));
    }
}
