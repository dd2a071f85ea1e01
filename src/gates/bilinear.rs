//! The bilinear maps that products are taken with: matrix products and convolutions.

use crate::error::{Error, Result};
use crate::kernel::fast::gemm::Patches;
use crate::kernel::table::PatchParams;
use crate::party::count;
use crate::shape::Shape;

/// A bilinear map of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bilinear {
    /// A matrix product.
    Matrix(Layout),
    /// A convolution, or one of its gradients.
    Conv(Conv, Pass),
}

/// How the operands of a matrix product lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `x w`.
    Plain,
    /// `x^T w`.
    LeftTransposed,
    /// `x w^T`.
    RightTransposed,
}

impl From<Layout> for Bilinear {
    fn from(layout: Layout) -> Self {
        Self::Matrix(layout)
    }
}

/// A two-dimensional convolution of images with channels last, each a row of a matrix.
///
/// Images are `[n, height width channels]`, outputs `[n, rows columns outputs]`, the filter is
/// `[kernel rows kernel columns channels, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Height and width of an image.
    pub image: [usize; 2],
    /// Channels of an image.
    pub channels: usize,
    /// Rows and columns of the filter.
    pub kernel: [usize; 2],
    /// Distance of neighbouring positions of the filter.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side of an image.
    pub padding: [usize; 2],
    /// Channels of an output.
    pub outputs: usize,
}

/// What is computed of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Outputs, from images and the filter.
    Forward,
    /// The gradient by the filter, from images and the outputs' gradient.
    Filter,
    /// The gradient by the images, from the outputs' gradient and the filter.
    Image,
}

impl Conv {
    /// Rows and columns of the outputs.
    pub fn positions(&self) -> [usize; 2] {
        [0, 1].map(|a| (self.image[a] + 2 * self.padding[a] - self.kernel[a]) / self.stride[a] + 1)
    }

    /// Values of an image.
    pub fn image_len(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// Values of the outputs of an image.
    pub fn output_len(&self) -> usize {
        let [rows, columns] = self.positions();
        rows * columns * self.outputs
    }

    /// Rows of the filter.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    /// The patches that a pass goes over: of images, or of outputs' gradients.
    pub(crate) fn patches(&self, batch: usize, pass: Pass) -> Patches {
        let Self { image, channels, kernel, stride, padding, outputs } = *self;
        let (positions, dilation) = (self.positions(), [1, 1]);
        match pass {
            Pass::Forward | Pass::Filter => {
                let padding = padding.map(usize::cast_signed);
                Patches { batch, image, channels, positions, kernel, times: stride, padding, gap: [1, 1], dilation }
            }
            Pass::Image => Patches {
                batch,
                image: positions,
                channels: outputs,
                positions: image,
                kernel,
                times: [1, 1],
                padding: [0, 1].map(|a| kernel[a].cast_signed() - 1 - padding[a].cast_signed()),
                gap: stride,
                dilation,
            },
        }
    }

    /// Columns of the output of a pass's matrix product.
    pub(crate) fn columns(&self, pass: Pass) -> usize {
        if pass == Pass::Image { self.channels } else { self.outputs }
    }
}

impl PatchParams {
    /// Patches, and the columns of the product with them.
    pub(crate) fn new(p: Patches, outputs: usize) -> Self {
        let pair = |[a, b]: [usize; 2]| [count(a), count(b)];
        let ([height, width], [rows, columns]) = (pair(p.image), pair(p.positions));
        let ([kernel_rows, kernel_columns], [times_y, times_x]) = (pair(p.kernel), pair(p.times));
        let ([gap_y, gap_x], [dilation_y, dilation_x]) = (pair(p.gap), pair(p.dilation));
        #[expect(clippy::cast_possible_truncation, reason = "an image has fewer rows")]
        let [pad_y, pad_x] = p.padding.map(|pad| (pad as i32).cast_unsigned());
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
}

impl Bilinear {
    /// The shape of the map of two operands, and its multiplications.
    ///
    /// # Errors
    /// [`Error::Shape`] where they do not fit.
    pub(crate) fn shape(&self, x: &Shape, w: &Shape) -> Result<(Shape, usize)> {
        let ((a, b), (c, d)) = (x.matrix(), w.matrix());
        let wrong = || Err(Error::Shape { op: "product", lhs: x.clone(), rhs: w.clone() });
        match self {
            Self::Matrix(layout) => {
                let (m, k, k2, n) = match layout {
                    Layout::Plain => (a, b, c, d),
                    Layout::LeftTransposed => (b, a, c, d),
                    Layout::RightTransposed => (a, b, d, c),
                };
                if k == k2 { Ok(([m, n].into(), m * k * n)) } else { wrong() }
            }
            Self::Conv(conv, pass) => {
                let (image, output, filter) = (conv.image_len(), conv.output_len(), [conv.taps(), conv.outputs]);
                let (fits, shape) = match pass {
                    Pass::Forward => (b == image && [c, d] == filter, Shape::from([a, output])),
                    Pass::Filter => (a == c && b == image && d == output, Shape::from(filter)),
                    Pass::Image => (b == output && [c, d] == filter, Shape::from([a, image])),
                };
                if fits { Ok((shape, a * output * conv.taps())) } else { wrong() }
            }
        }
    }
}
