//! Boxes of images: the windows of pools.

use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::gates::Conv;
use crate::kernel::geometry::{Patches, Window2d};
use crate::kernel::twin::convolution::{BOX_SUM, PatchParams};
use crate::party::ClearTensor;
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

use super::check_rings;

/// Windows of images with channels last, each a row of a matrix: `[n, height width channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageWindows {
    /// Height and width of an image.
    pub image: [usize; 2],
    /// Channels, which are kept apart.
    pub channels: usize,
    /// Rows and columns of windows.
    pub output: [usize; 2],
    /// How a window moves over an image.
    pub window: Window2d,
}

impl ImageWindows {
    /// All windows of an image.
    pub fn new(image: [usize; 2], channels: usize, window: Window2d) -> Self {
        Self { image, channels, output: window.output(image), window }
    }

    /// The windows of a pool.
    pub fn pool(image: [usize; 2], channels: usize, window: [usize; 2], stride: [usize; 2]) -> Self {
        Self::new(image, channels, Window2d::new(window, stride))
    }

    /// The windows of one value each that put zeros around images.
    pub fn zeros_around(image: [usize; 2], channels: usize, padding: [usize; 2]) -> Self {
        Self::new(image, channels, Window2d::new([1, 1], [1, 1]).padded(padding))
    }

    /// The sums that an average pool behind a convolution is folded into, and the convolution of those sums.
    ///
    /// A pool of a convolution is the convolution, with the product of the strides, of the padded images' sums of the pool's
    /// values that are the convolution's stride apart.
    pub fn before(conv: Conv, pool: Window2d) -> (Self, Conv) {
        let moves = conv.window;
        let window = Window2d { stride: [1, 1], padding: moves.padding, dilation: moves.stride, ..pool };
        let sums = Self::new(conv.image, conv.channels, window);
        let stride = [0, 1].map(|a| pool.stride[a] * moves.stride[a]);
        (sums, Conv { image: sums.output, window: Window2d::new(moves.kernel, stride), ..conv })
    }

    /// Values of a window.
    pub fn len(&self) -> usize {
        self.window.len()
    }

    /// Whether a window has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The windows' values one by one: boxes of one value each.
    pub fn taps(&self) -> Vec<Self> {
        let Window2d { kernel, padding, dilation, .. } = self.window;
        let tap = |at: usize| {
            let offset = [at / kernel[1] * dilation[0], at % kernel[1] * dilation[1]];
            let padding = [0, 1].map(|a| padding[a] - offset[a].cast_signed());
            Self { window: Window2d { kernel: [1, 1], padding, ..self.window }, ..*self }
        };
        (0..self.len()).map(tap).collect()
    }

    /// The transpose of the sums: to every value of an image the sum over the windows that it is in.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self { image: self.output, output: self.image, window: self.window.transposed(), ..*self }
    }

    /// Values of an image.
    pub fn image_len(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// Values of the sums of an image.
    pub fn output_len(&self) -> usize {
        self.output[0] * self.output[1] * self.channels
    }

    /// As patches of `batch` images.
    pub(crate) fn patches(&self, batch: usize) -> Patches {
        let Self { image, channels, output, window } = *self;
        Patches { batch, image, channels, output, window }
    }
}

/// The shape of the sums of boxes of images.
pub(super) fn box_shape(x: &Shape, boxes: ImageWindows) -> Result<Shape> {
    let (rows, columns) = x.matrix();
    if columns == boxes.image_len() {
        return Ok([rows, boxes.output_len()].into());
    }
    Err(Error::Shape { op: "boxes", lhs: x.clone(), rhs: [rows, boxes.image_len()].into() })
}

/// Checks that a wire is an operand, or lifted where every box has one value: a sum has several lifts.
pub(super) fn summed(bits: u32, boxes: ImageWindows, p: &Profile) -> Result<()> {
    if boxes.len() == 1 { Ok(()) } else { check_rings::operand("box_sum", bits, p) }
}

/// Sums of boxes on a device.
pub(super) fn box_sum(device: &Device, x: &Tensor, boxes: ImageWindows) -> Result<Tensor> {
    let shape = box_shape(x.shape(), boxes)?;
    let params = PatchParams::new(boxes.patches(shape.matrix().0), boxes.channels);
    device.run(&BOX_SUM, params, &[x], shape)
}

/// Sums of boxes, not reduced.
pub(super) fn box_sums(x: &ClearTensor, boxes: ImageWindows) -> Result<(Vec<i64>, Shape)> {
    let shape = box_shape(&x.shape, boxes)?;
    let patches = boxes.patches(shape.matrix().0);
    let mut sums = Vec::with_capacity(shape.len());
    for row in 0..patches.rows() {
        let mut sum = vec![0i64; boxes.channels];
        patches.runs(row, &(0..patches.taps()), |_, run| {
            for x in x.x[run].chunks_exact(boxes.channels) {
                sum.iter_mut().zip(x).for_each(|(s, x)| *s = s.wrapping_add(*x));
            }
        });
        sums.extend(sum);
    }
    Ok((sums, shape))
}
