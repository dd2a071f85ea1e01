//! The bilinear maps that products are taken with: matrix products, convolutions, dot products and scaling.

use crate::error::{Error, Result};
use crate::kernel::geometry::{Patches, Window2d};
use crate::shape::Shape;

/// A bilinear map of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bilinear {
    /// A matrix product.
    Matrix(Layout),
    /// A convolution, or one of its gradients.
    Conv(Conv, Pass),
    /// Dot products of the columns of two matrices, over chunks of rows.
    Dot(Chunks),
    /// Elementwise, with factors that values share: `step` consecutive values have one, and behind the last of `w` comes the
    /// first again. With as many factors as values it is the elementwise product.
    Scale {
        /// Consecutive values of one factor.
        step: usize,
    },
}

/// Sums over chunks of rows: a tensor is taken as a matrix of `cols` columns, `chunk` rows of which add up to one, column by
/// column; the last chunk may have fewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Columns of the matrix.
    pub cols: usize,
    /// Rows that are added up.
    pub chunk: usize,
}

impl Chunks {
    /// The shape of the sums of a tensor's values: `[chunks, cols]`, or `[cols]` of one chunk.
    ///
    /// # Errors
    /// [`Error::Shape`] if the values are not a matrix of `cols` columns.
    pub(crate) fn shape(self, x: &Shape) -> Result<Shape> {
        let Self { cols, chunk } = self;
        if cols == 0 || chunk == 0 || !x.len().is_multiple_of(cols) {
            return Err(Error::Shape { op: "sums of chunks", lhs: x.clone(), rhs: [chunk, cols].into() });
        }
        match (x.len() / cols).div_ceil(chunk) {
            1 => Ok([cols].into()),
            chunks => Ok([chunks, cols].into()),
        }
    }

    /// The sum that value `i` belongs to.
    pub(crate) fn sum_of(self, i: usize) -> usize {
        i / self.cols / self.chunk * self.cols + i % self.cols
    }
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
    /// How the filter moves over an image.
    pub window: Window2d,
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
    pub fn output_size(&self) -> [usize; 2] {
        self.window.output(self.image)
    }

    /// Values of an image.
    pub fn image_len(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// Values of the outputs of an image.
    pub fn output_len(&self) -> usize {
        let [rows, columns] = self.output_size();
        rows * columns * self.outputs
    }

    /// Rows of the filter.
    pub fn taps(&self) -> usize {
        self.window.len() * self.channels
    }

    /// The patches that a pass goes over: of images, or of outputs' gradients.
    pub(crate) fn patches(&self, batch: usize, pass: Pass) -> Patches {
        let Self { image, channels, window, outputs } = *self;
        match pass {
            Pass::Forward | Pass::Filter => Patches { batch, image, channels, output: self.output_size(), window },
            Pass::Image => Patches {
                batch,
                image: self.output_size(),
                channels: outputs,
                output: image,
                window: window.transposed(),
            },
        }
    }

    /// Columns of the output of a pass's matrix product.
    pub(crate) fn columns(&self, pass: Pass) -> usize {
        if pass == Pass::Image { self.channels } else { self.outputs }
    }
}

impl Bilinear {
    /// The shape of the map of two operands, and its multiplications.
    ///
    /// # Errors
    /// [`Error::Shape`] if they do not fit.
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
            Self::Dot(chunks) => {
                if x == w {
                    Ok((chunks.shape(x)?, x.len()))
                } else {
                    wrong()
                }
            }
            Self::Scale { step } => {
                let fits = *step > 0 && !w.is_empty() && x.len().is_multiple_of(step * w.len());
                if fits { Ok((x.clone(), x.len())) } else { wrong() }
            }
        }
    }
}
