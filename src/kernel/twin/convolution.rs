//! Convolutions over images `[batch, height, width, channels]` (protocols.md 1.1, 3.3).

use crate::kernel::Word;
use crate::kernel::fast::gemm::{Patches, convolve as add_convolution, convolve_back, correlate as add_correlation};
use crate::kernel::table::PatchParams;

impl PatchParams {
    /// The patches they stand for.
    pub(crate) fn patches(&self) -> Patches {
        let pair = |a: u32, b: u32| [a as usize, b as usize];
        Patches {
            batch: self.batch as usize,
            image: pair(self.height, self.width),
            channels: self.channels as usize,
            positions: pair(self.rows, self.columns),
            kernel: pair(self.kernel_rows, self.kernel_columns),
            times: pair(self.times_y, self.times_x),
            // negative numbers wrap
            padding: [self.pad_y, self.pad_x].map(|p| p.cast_signed() as isize),
            gap: pair(self.gap_y, self.gap_x),
            dilation: pair(self.dilation_y, self.dilation_x),
        }
    }
}

/// `out = c`, or `-c` where `minus_c`.
#[inline(always)]
fn begin<W: Word>(p: &PatchParams, c: &[W], out: &mut [W]) {
    if p.minus_c == 1 {
        out.iter_mut().zip(c).for_each(|(o, c)| *o = W::default().sub(*c));
    } else {
        out.copy_from_slice(c);
    }
}

/// `out = +-c +- patches(x) w`; `w` is turned over where `back`: the gradient by the images.
#[inline(always)]
pub(crate) fn convolve<W: Word>(p: &PatchParams, c: &[W], x: &[W], w: &[W], out: &mut [W]) {
    begin(p, c, out);
    let add = if p.back == 1 { convolve_back } else { add_convolution };
    add(out, x, w, p.patches(), p.outputs as usize, p.minus == 1);
}

/// `out = +-c +- patches(x)^T y`: the gradient by the filter.
#[inline(always)]
pub(crate) fn correlate<W: Word>(p: &PatchParams, c: &[W], x: &[W], y: &[W], out: &mut [W]) {
    begin(p, c, out);
    add_correlation(out, x, y, p.patches(), p.outputs as usize, p.minus == 1);
}

/// `out[position, channel]`, the sum of a patch's taps in every channel.
#[inline(always)]
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
