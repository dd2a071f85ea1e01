//! Patches of images as the rows of a matrix, which is never in memory.
//!
//! Images are `[batch, height, width, channels]`, patches `[batch, rows, columns]` by position and
//! `[kernel rows, kernel columns, channels]` by tap. A convolution is the product of its patches with the filter
//! `[taps, outputs]`; the filter's gradient is the product of the transposed patches with the outputs' gradient.
//!
//! The gradient by the images is a product of patches, too: of patches of the outputs' gradient, between whose values
//! `stride - 1` zeros are put, with the filter turned over (Dumoulin and Visin 2016, section 4). Tap `k` of position `i` of either
//! lies at `(i times + k dilation - padding) / gap`, where that is a whole number inside of the image, and is 0 elsewhere.

use std::ops::Range;

/// The patches of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patches {
    /// Images.
    pub batch: usize,
    /// Rows and columns of an image.
    pub image: [usize; 2],
    /// Channels of an image.
    pub channels: usize,
    /// Rows and columns of positions.
    pub positions: [usize; 2],
    /// Rows and columns of taps.
    pub kernel: [usize; 2],
    /// Distance of positions that are next to each other.
    pub times: [usize; 2],
    /// Rows and columns of zeros before the first of the image; negative where so many of the image are left out.
    pub padding: [isize; 2],
    /// Distance of values that are next to each other; zeros lie between them.
    pub gap: [usize; 2],
    /// Distance of taps that are next to each other.
    pub dilation: [usize; 2],
}

impl Patches {
    /// Rows of the matrix: positions in all images.
    pub fn rows(&self) -> usize {
        self.batch * self.positions[0] * self.positions[1]
    }

    /// Columns of the matrix: taps of a patch.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    /// Words of the images.
    pub fn len(&self) -> usize {
        self.batch * self.image[0] * self.image[1] * self.channels
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every tap of every patch lies on a value.
    pub(super) fn whole(&self) -> bool {
        let inside = |axis: usize| {
            let last = (self.positions[axis].max(1) - 1) * self.times[axis] + self.kernel[axis];
            self.gap[axis] == 1
                && self.dilation[axis] == 1
                && self.padding[axis] <= 0
                && last + self.padding[axis].unsigned_abs() <= self.image[axis]
        };
        inside(0) && inside(1)
    }

    /// The row or column of the image under a tap, where there is one.
    fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let at = (position * self.times[axis] + tap * self.dilation[axis]).checked_add_signed(-self.padding[axis])?;
        (at % self.gap[axis] == 0 && at / self.gap[axis] < self.image[axis]).then_some(at / self.gap[axis])
    }

    /// Calls `f` with every run of neighbouring values of patch `row`, of those among `taps`: where the run begins in
    /// `taps`, and where in the images.
    #[inline(always)]
    pub(crate) fn runs(&self, row: usize, taps: &Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let (column, rest) = (row % self.positions[1], row / self.positions[1]);
        let (y, batch) = (rest % self.positions[0], rest / self.positions[0]);
        let across = self.kernel[1] * self.channels;
        for ky in taps.start / across..taps.end.div_ceil(across) {
            let Some(sy) = self.source(0, y, ky) else { continue };
            let line = (batch * self.image[0] + sy) * self.image[1] * self.channels;
            // values of this row of taps that are asked for
            let from = taps.start.saturating_sub(ky * across);
            let to = (taps.end - ky * across).min(across);
            if self.gap[1] == 1 && self.dilation[1] == 1 {
                // tap e of the row lies at e + shift of the line
                let shift = ((column * self.times[1]).cast_signed() - self.padding[1]) * self.channels.cast_signed();
                let begin = from.max(0usize.saturating_add_signed(-shift));
                let end = to.min((self.image[1] * self.channels).saturating_add_signed(-shift));
                if begin < end {
                    let at = (line + begin).wrapping_add_signed(shift);
                    f(ky * across + begin - taps.start, at..at + end - begin);
                }
                continue;
            }
            for kx in from / self.channels..to.div_ceil(self.channels) {
                let Some(sx) = self.source(1, column, kx) else { continue };
                let begin = from.max(kx * self.channels);
                let end = to.min((kx + 1) * self.channels);
                let at = line + sx * self.channels + begin - kx * self.channels;
                f(ky * across + begin - taps.start, at..at + end - begin);
            }
        }
    }
}
