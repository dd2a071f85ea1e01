//! Sums by their definitions: which elements of the operands meet in which element of the result.

use crate::gates::{Bilinear, Chunks, Conv, ImageWindows, Layout, Pass, Window2d};
use crate::shape::Shape;

/// Calls `term` with the numbers of every left and right element that are multiplied, and of the result that they are added to.
pub(crate) fn product_terms(map: Bilinear, x: &Shape, w: &Shape, mut term: impl FnMut(usize, usize, usize)) {
    let ((a, b), (c, d)) = (x.matrix(), w.matrix());
    let layout = match map {
        Bilinear::Matrix(layout) => layout,
        Bilinear::Conv(conv, pass) => return convolution_terms(conv, pass, a, term),
        Bilinear::Dot(Chunks { cols, chunk }) => {
            return (0..x.len()).for_each(|i| term(i, i, i / cols / chunk * cols + i % cols));
        }
        Bilinear::Scale { step } => return (0..x.len()).for_each(|i| term(i, i / step % w.len(), i)),
    };
    let (m, k, n) = match layout {
        Layout::Plain => (a, b, d),
        Layout::LeftTransposed => (b, a, d),
        Layout::RightTransposed => (a, b, c),
    };
    for (at, t) in (0..m * n).flat_map(|at| (0..k).map(move |t| (at, t))) {
        let (i, j) = (at / n, at % n);
        let left = if layout == Layout::LeftTransposed { t * m + i } else { i * k + t };
        let right = if layout == Layout::RightTransposed { j * k + t } else { t * n + j };
        term(left, right, at);
    }
}

/// All triples of an image's value, a filter's and an output's that meet.
fn convolution_terms(conv: Conv, pass: Pass, batch: usize, mut term: impl FnMut(usize, usize, usize)) {
    let ([rows, columns], [ky, kx]) = (conv.output_size(), conv.window.kernel);
    let mut at = [0; 5];
    for index in 0..batch * rows * columns * ky * kx {
        let mut rest = index;
        for (at, size) in at.iter_mut().zip([kx, ky, columns, rows, batch]) {
            (*at, rest) = (rest % size, rest / size);
        }
        let [tx, ty, ox, oy, n] = at;
        let inside = |p: usize, t: usize, a: usize| {
            (p * conv.window.stride[a] + t).checked_add_signed(-conv.window.padding[a]).filter(|i| *i < conv.image[a])
        };
        let (Some(y), Some(x_at)) = (inside(oy, ty, 0), inside(ox, tx, 1)) else { continue };
        for (c, o) in (0..conv.channels).flat_map(|c| (0..conv.outputs).map(move |o| (c, o))) {
            let image = ((n * conv.image[0] + y) * conv.image[1] + x_at) * conv.channels + c;
            let filter = ((ty * kx + tx) * conv.channels + c) * conv.outputs + o;
            let output = ((n * rows + oy) * columns + ox) * conv.outputs + o;
            match pass {
                Pass::Forward => term(image, filter, output),
                Pass::Filter => term(image, output, filter),
                Pass::Image => term(output, filter, image),
            }
        }
    }
}

/// Calls `term` with the numbers of every value of `batch` images and of a box that it is in.
pub(crate) fn box_terms(boxes: ImageWindows, batch: usize, mut term: impl FnMut(usize, usize)) {
    let ImageWindows { image, channels, output: positions, window } = boxes;
    let Window2d { kernel, stride: times, padding, dilation, input_dilation: gap } = window;
    let mut to = 0;
    for (n, y, x0) in
        (0..batch).flat_map(|n| (0..positions[0]).flat_map(move |y| (0..positions[1]).map(move |x| (n, y, x))))
    {
        for c in 0..channels {
            for (ky, kx) in (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| (ky, kx))) {
                let (sy, sx) = (y * times[0] + ky * dilation[0], x0 * times[1] + kx * dilation[1]);
                let inside = |s: usize, a: usize| {
                    s.checked_add_signed(-padding[a]).filter(|s| s % gap[a] == 0 && s / gap[a] < image[a])
                };
                if let (Some(sy), Some(sx)) = (inside(sy, 0), inside(sx, 1)) {
                    term(((n * image[0] + sy / gap[0]) * image[1] + sx / gap[1]) * channels + c, to);
                }
            }
            to += 1;
        }
    }
}
