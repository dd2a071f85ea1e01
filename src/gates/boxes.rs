//! Boxes of images: the windows of pools.

use crate::gates::Conv;
use crate::kernel::fast::gemm::Patches;

/// Windows of images with channels last, each a row of a matrix: `[n, height width channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boxes {
    /// Height and width of an image.
    pub image: [usize; 2],
    /// Channels, which are kept apart.
    pub channels: usize,
    /// Rows and columns of a window.
    pub window: [usize; 2],
    /// Distance of neighbouring windows.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side of an image; negative where so many of its own are left out before the first.
    pub padding: [isize; 2],
    /// Rows and columns of windows.
    pub positions: [usize; 2],
    /// Distance of neighbouring values; zeros lie between them.
    pub gap: [usize; 2],
    /// Distance of a window's neighbouring values.
    pub dilation: [usize; 2],
}

impl Boxes {
    /// The windows of a pool.
    pub fn pool(image: [usize; 2], channels: usize, window: [usize; 2], stride: [usize; 2]) -> Self {
        let positions = [0, 1].map(|a| (image[a] - window[a]) / stride[a] + 1);
        Self { image, channels, window, stride, padding: [0, 0], positions, gap: [1, 1], dilation: [1, 1] }
    }

    /// The windows of one value each that put zeros around images.
    pub fn zeros_around(image: [usize; 2], channels: usize, padding: [usize; 2]) -> Self {
        let positions = [0, 1].map(|a| image[a] + 2 * padding[a]);
        let padding = padding.map(usize::cast_signed);
        Self { padding, positions, ..Self::pool(image, channels, [1, 1], [1, 1]) }
    }

    /// The sums that an average pool behind a convolution is folded into, and the convolution of those sums.
    ///
    /// A pool of a convolution is the convolution, with the product of the strides, of the padded images' sums of `window` values
    /// that are the convolution's stride apart.
    pub fn before(conv: Conv, window: [usize; 2], stride: [usize; 2]) -> (Self, Conv) {
        let positions = [0, 1].map(|a| conv.image[a] + 2 * conv.padding[a] - (window[a] - 1) * conv.stride[a]);
        let stride = [0, 1].map(|a| stride[a] * conv.stride[a]);
        let padding = conv.padding.map(usize::cast_signed);
        let Conv { image, channels, .. } = conv;
        let sums =
            Self { image, channels, window, stride: [1, 1], padding, positions, gap: [1, 1], dilation: conv.stride };
        (sums, Conv { image: positions, stride, padding: [0, 0], ..conv })
    }

    /// Values of a window.
    pub fn len(&self) -> usize {
        self.window[0] * self.window[1]
    }

    /// Whether a window has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The windows' values one by one: boxes of one value each.
    pub fn taps(&self) -> Vec<Self> {
        let [rows, columns] = self.window;
        let tap = |at: usize| {
            let offset = [at / columns * self.dilation[0], at % columns * self.dilation[1]];
            let padding = [0, 1].map(|a| self.padding[a] - offset[a].cast_signed());
            Self { window: [1, 1], padding, ..*self }
        };
        (0..rows * columns).map(tap).collect()
    }

    /// The transpose of the sums: to every value of an image the sum over the windows that it is in.
    #[must_use]
    pub fn turned(&self) -> Self {
        Self {
            image: self.positions,
            positions: self.image,
            stride: self.gap,
            gap: self.stride,
            padding: [0, 1].map(|a| ((self.window[a] - 1) * self.dilation[a]).cast_signed() - self.padding[a]),
            ..*self
        }
    }

    /// Values of an image.
    pub fn image_len(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// Values of the sums of an image.
    pub fn output_len(&self) -> usize {
        self.positions[0] * self.positions[1] * self.channels
    }

    /// As patches of `batch` images.
    pub(crate) fn patches(&self, batch: usize) -> Patches {
        let Self { image, channels, window, stride, padding, positions, gap, dilation } = *self;
        Patches { batch, image, channels, positions, kernel: window, times: stride, padding, gap, dilation }
    }
}
