//! Convolutions as products of patches that are never in memory, and sums of boxes run by run.

use crate::kernel::Word;
use crate::kernel::twin::convolution::PatchParams;

use super::gemm;

/// `out = c`, or `-c` where `minus_c`.
fn begin<W: Word>(p: &PatchParams, c: &[W], out: &mut [W]) {
    if p.minus_c == 1 {
        out.iter_mut().zip(c).for_each(|(o, c)| *o = W::default().sub(*c));
    } else {
        out.copy_from_slice(c);
    }
}

/// A product of patches with the filter.
pub(crate) fn convolve<W: Word>(p: &PatchParams, c: &[W], x: &[W], w: &[W], out: &mut [W]) {
    begin(p, c, out);
    let add = if p.back == 1 { gemm::convolve_back } else { gemm::convolve };
    add(out, x, w, p.patches(), p.outputs as usize, p.minus == 1);
}

/// A product of transposed patches with the gradient.
pub(crate) fn correlate<W: Word>(p: &PatchParams, c: &[W], x: &[W], y: &[W], out: &mut [W]) {
    begin(p, c, out);
    gemm::correlate(out, x, y, p.patches(), p.outputs as usize, p.minus == 1);
}

/// Runs of neighbouring values are added to all channels at once.
pub(crate) fn box_sum<W: Word>(p: &PatchParams, x: &[W], out: &mut [W]) {
    let (patches, channels) = (p.patches(), p.channels as usize);
    let taps = 0..patches.taps();
    for (row, out) in out.chunks_exact_mut(channels).enumerate() {
        out.fill(W::default());
        patches.runs(row, &taps, |_, run| {
            for x in x[run].chunks_exact(channels) {
                out.iter_mut().zip(x).for_each(|(o, x)| *o = o.add(*x));
            }
        });
    }
}
