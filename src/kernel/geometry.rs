//! Windows that move over images, for convolutions and pools, and their patches as the rows of a matrix that is never in memory.
//!
//! Images are `[batch, height, width, channels]`, patches `[batch, rows, columns]` by position and
//! `[kernel rows, kernel columns, channels]` by tap. A convolution is the product of its patches with the filter
//! `[taps, outputs]`; the filter's gradient is the product of the transposed patches with the outputs' gradient.
//!
//! The gradient by the images is a product of patches, too: of patches of the outputs' gradient under the
//! [transposed](Window2d::transposed) window, with the filter turned over (Dumoulin and Visin 2016, section 4).

use std::ops::Range;

use super::count;
use super::twin::convolution::PatchParams;

/// How a window moves over an image: tap `k` of position `i` is at `(i stride + k dilation - padding) / input_dilation`, if that
/// is a whole number inside of the image, and is 0 elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window2d {
    /// Rows and columns of taps.
    pub kernel: [usize; 2],
    /// Distance of neighbouring positions.
    pub stride: [usize; 2],
    /// Rows and columns of zeros before the first of the image; negative if so many of the image are left out.
    pub padding: [isize; 2],
    /// Distance of neighbouring taps.
    pub dilation: [usize; 2],
    /// Distance of neighbouring values of the image, between which are zeros.
    pub input_dilation: [usize; 2],
}

impl Window2d {
    /// A window without padding and dilation.
    pub const fn new(kernel: [usize; 2], stride: [usize; 2]) -> Self {
        Self { kernel, stride, padding: [0, 0], dilation: [1, 1], input_dilation: [1, 1] }
    }

    /// The same window with rows and columns of zeros on each side of the image.
    #[must_use]
    pub const fn padded(self, [rows, columns]: [usize; 2]) -> Self {
        Self { padding: [rows.cast_signed(), columns.cast_signed()], ..self }
    }

    /// Rows and columns of positions on an image that is padded on each side.
    pub fn output(&self, image: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|a| {
            let spread = (image[a] - 1) * self.input_dilation[a] + 1;
            let across = (self.kernel[a] - 1) * self.dilation[a] + 1;
            (spread.saturating_add_signed(2 * self.padding[a]) - across) / self.stride[a] + 1
        })
    }

    /// Taps of the window.
    pub fn len(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Whether the window has no taps.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The window of the transposed map, from outputs to images.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self {
            stride: self.input_dilation,
            input_dilation: self.stride,
            padding: [0, 1].map(|a| ((self.kernel[a] - 1) * self.dilation[a]).cast_signed() - self.padding[a]),
            ..*self
        }
    }

    /// The row or column of the image under a tap, if there is one.
    fn source(&self, axis: usize, image: usize, position: usize, tap: usize) -> Option<usize> {
        let at = position * self.stride[axis] + tap * self.dilation[axis];
        let (at, distance) = (at.checked_add_signed(-self.padding[axis])?, self.input_dilation[axis]);
        (at.is_multiple_of(distance) && at / distance < image).then_some(at / distance)
    }
}

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
    pub output: [usize; 2],
    /// What is seen at a position.
    pub window: Window2d,
}

impl Patches {
    /// Rows of the matrix: positions in all images.
    pub fn rows(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// Columns of the matrix: taps of a patch.
    pub fn taps(&self) -> usize {
        self.window.len() * self.channels
    }

    /// Words of the images.
    pub fn len(&self) -> usize {
        self.batch * self.image[0] * self.image[1] * self.channels
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every tap of every patch is on a value.
    pub(super) fn whole(&self) -> bool {
        let Window2d { kernel, stride, padding, dilation, input_dilation } = self.window;
        let inside = |axis: usize| {
            let last = (self.output[axis].max(1) - 1) * stride[axis] + kernel[axis];
            input_dilation[axis] == 1
                && dilation[axis] == 1
                && padding[axis] <= 0
                && last + padding[axis].unsigned_abs() <= self.image[axis]
        };
        inside(0) && inside(1)
    }

    /// Where in the images the value of patch `row` under `tap` is, if there is one.
    pub(super) fn at(&self, row: usize, tap: usize) -> Option<usize> {
        let (column, rest) = (row % self.output[1], row / self.output[1]);
        let (position, batch) = (rest % self.output[0], rest / self.output[0]);
        let (channel, tap) = (tap % self.channels, tap / self.channels);
        let [ky, kx] = [tap / self.window.kernel[1], tap % self.window.kernel[1]];
        let y = self.window.source(0, self.image[0], position, ky)?;
        let x = self.window.source(1, self.image[1], column, kx)?;
        Some(((batch * self.image[0] + y) * self.image[1] + x) * self.channels + channel)
    }

    /// Calls `f` with every run of neighbouring values of patch `row`, of those among `taps`: where the run begins in
    /// `taps`, and where in the images.
    #[inline(always)]
    pub(crate) fn runs(&self, row: usize, taps: &Range<usize>, mut f: impl FnMut(usize, Range<usize>)) {
        let (column, rest) = (row % self.output[1], row / self.output[1]);
        let (y, batch) = (rest % self.output[0], rest / self.output[0]);
        let across = self.window.kernel[1] * self.channels;
        for ky in taps.start / across..taps.end.div_ceil(across) {
            let Some(sy) = self.window.source(0, self.image[0], y, ky) else { continue };
            let line = (batch * self.image[0] + sy) * self.image[1] * self.channels;
            // values of this row of taps that are asked for
            let from = taps.start.saturating_sub(ky * across);
            let to = (taps.end - ky * across).min(across);
            if self.window.input_dilation[1] == 1 && self.window.dilation[1] == 1 {
                // tap e of the row is at e + shift of the line
                let shift = (column * self.window.stride[1]).cast_signed() - self.window.padding[1];
                let shift = shift * self.channels.cast_signed();
                let begin = from.max(0usize.saturating_add_signed(-shift));
                let end = to.min((self.image[1] * self.channels).saturating_add_signed(-shift));
                if begin < end {
                    let at = (line + begin).wrapping_add_signed(shift);
                    f(ky * across + begin - taps.start, at..at + end - begin);
                }
                continue;
            }
            for kx in from / self.channels..to.div_ceil(self.channels) {
                let Some(sx) = self.window.source(1, self.image[1], column, kx) else { continue };
                let begin = from.max(kx * self.channels);
                let end = to.min((kx + 1) * self.channels);
                let at = line + sx * self.channels + begin - kx * self.channels;
                f(ky * across + begin - taps.start, at..at + end - begin);
            }
        }
    }
}

impl PatchParams {
    /// Patches, and the columns of the product with them.
    pub(crate) fn new(p: Patches, outputs: usize) -> Self {
        let pair = |[a, b]: [usize; 2]| [count(a), count(b)];
        let ([height, width], [rows, columns]) = (pair(p.image), pair(p.output));
        let w = p.window;
        let ([kernel_rows, kernel_columns], [times_y, times_x]) = (pair(w.kernel), pair(w.stride));
        let ([gap_y, gap_x], [dilation_y, dilation_x]) = (pair(w.input_dilation), pair(w.dilation));
        #[expect(clippy::cast_possible_truncation, reason = "an image has fewer rows")]
        let [pad_y, pad_x] = w.padding.map(|pad| (pad as i32).cast_unsigned());
        let (batch, channels, outputs) = (count(p.batch), count(p.channels), count(outputs));
        Self {
            batch,
            height,
            width,
            channels,
            rows,
            columns,
            kernel_rows,
            kernel_columns,
            times_y,
            times_x,
            pad_y,
            pad_x,
            gap_y,
            gap_x,
            dilation_y,
            dilation_x,
            outputs,
            back: 0,
            minus_c: 0,
            minus: 0,
        }
    }

    /// The patches they stand for.
    pub(super) fn patches(&self) -> Patches {
        let pair = |a: u32, b: u32| [a as usize, b as usize];
        Patches {
            batch: self.batch as usize,
            image: pair(self.height, self.width),
            channels: self.channels as usize,
            output: pair(self.rows, self.columns),
            window: Window2d {
                kernel: pair(self.kernel_rows, self.kernel_columns),
                stride: pair(self.times_y, self.times_x),
                // negative numbers wrap
                padding: [self.pad_y, self.pad_x].map(|p| p.cast_signed() as isize),
                dilation: pair(self.dilation_y, self.dilation_x),
                input_dilation: pair(self.gap_y, self.gap_x),
            },
        }
    }
}
