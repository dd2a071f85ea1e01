//! Convolutions over images `[batch, height, width, channels]` (protocols.md 1.1, 3.3).

use crate::kernel::fast::convolution as fast;
use crate::kernel::row::{kernels, params};
use crate::kernel::{GROUP, TILE, Word};

params! {
    /// Of `CONVOLVE`, `CORRELATE` and `BOX_SUM`: the patches, then what is done with them.
    PatchParams {
        batch, height, width, channels, rows, columns, kernel_rows, kernel_columns, times_y, times_x, pad_y, pad_x, gap_y, gap_x,
        dilation_y, dilation_x, outputs, back, minus_c, minus
    }
}

kernels! {
    /// Sums of the taps of patches, by channel.
    BOX_SUM = main of "box_sum.wgsl", PatchParams, [Ring] => Ring, box_sum, fast;
    /// `out = +-c +- patches(x) w`.
    CONVOLVE = main of "convolve.wgsl" by PatchParams::position_tiles, PatchParams,
        [Ring, Ring, Ring] => Ring, convolve, fast;
    /// `out = +-c +- patches(x)^T y`.
    CORRELATE = main of "correlate.wgsl" by PatchParams::tap_groups, PatchParams,
        [Ring, Ring, Ring] => Ring, correlate, fast;
}

impl PatchParams {
    /// Tiles of a convolution, for any number of words.
    fn position_tiles(&self, _len: usize) -> usize {
        (self.batch * self.rows * self.columns).div_ceil(TILE) as usize * self.outputs.div_ceil(TILE) as usize
    }

    /// Threads of workgroups with a tile of a filter's gradient each, for any number of words.
    fn tap_groups(&self, _len: usize) -> usize {
        let taps = self.kernel_rows * self.kernel_columns * self.channels;
        taps.div_ceil(TILE) as usize * self.outputs.div_ceil(TILE) as usize * GROUP as usize
    }
}

/// `c`, or `-c` where `minus_c`; then `x` is added, or subtracted where `minus`.
fn sum<W: Word>(p: &PatchParams, c: W, x: impl Iterator<Item = W>) -> W {
    let signed = |x: W, minus: u32| if minus == 1 { W::default().sub(x) } else { x };
    signed(c, p.minus_c).add(signed(x.fold(W::default(), W::add), p.minus))
}

/// `out = +-c +- patches(x) w`; `w` is turned over where `back`: the gradient by the images.
fn convolve<W: Word>(p: &PatchParams, c: &[W], x: &[W], w: &[W], out: &mut [W]) {
    let (patches, outputs, channels) = (p.patches(), p.outputs as usize, p.channels as usize);
    for (i, o) in out.iter_mut().enumerate() {
        let (row, output) = (i / outputs, i % outputs);
        let filter = |tap: usize| match p.back {
            0 => w[tap * outputs + output],
            // `[kernel, outputs, channels]`, the kernel from its last tap to its first
            _ => {
                let last = patches.taps() / channels - 1;
                w[((last - tap / channels) * outputs + output) * channels + tap % channels]
            }
        };
        let products = (0..patches.taps()).filter_map(|tap| Some(x[patches.at(row, tap)?].mul(filter(tap))));
        *o = sum(p, c[i], products);
    }
}

/// `out = +-c +- patches(x)^T y`: the gradient by the filter.
fn correlate<W: Word>(p: &PatchParams, c: &[W], x: &[W], y: &[W], out: &mut [W]) {
    let (patches, outputs) = (p.patches(), p.outputs as usize);
    for (i, o) in out.iter_mut().enumerate() {
        let (tap, output) = (i / outputs, i % outputs);
        let at = |row: usize| Some(x[patches.at(row, tap)?].mul(y[row * outputs + output]));
        *o = sum(p, c[i], (0..patches.rows()).filter_map(at));
    }
}

/// `out[position, channel]`, the sum of a patch's taps in every channel.
fn box_sum<W: Word>(p: &PatchParams, x: &[W], out: &mut [W]) {
    let (patches, channels) = (p.patches(), p.channels as usize);
    for (i, o) in out.iter_mut().enumerate() {
        let (row, channel) = (i / channels, i % channels);
        let taps = (channel..patches.taps()).step_by(channels);
        *o = taps.filter_map(|tap| Some(x[patches.at(row, tap)?])).fold(W::default(), W::add);
    }
}
