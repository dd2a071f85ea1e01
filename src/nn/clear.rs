//! Layers in the clear, on single-precision numbers: what a saved model is scored with.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};

use crate::gates::{Boxes, Conv};
use crate::nn::Model;
use crate::nn::stage::{Fold, Following, Linear, Shortcut, Stage};

/// The outputs of a network for rows; a weight and a bias of every product, in order.
///
/// # Panics
/// Where they are missing.
pub(super) fn forward(model: &Model, x: Array2<f32>, parameters: &[(Array2<f32>, Array1<f32>)]) -> Array2<f32> {
    let (mut x, mut parameters, mut inputs) = (x, parameters.iter(), Vec::new());
    let mut product = |x: &Array2<f32>, linear: &Linear| {
        let (weight, bias) = parameters.next().expect("a checked model has its parameters");
        let x = fold(x, linear);
        linear.conv.map_or_else(|| x.dot(weight) + bias, |conv| convolve(&x, conv, weight, bias))
    };
    for Stage { linear, shortcut, following } in model.stages() {
        let mut z = product(&x, &linear);
        inputs.push(x);
        if let Some(Shortcut { from, projection }) = shortcut {
            match projection {
                Some(projection) => z += &product(&inputs[from], &projection),
                None => z += &inputs[from],
            }
        }
        match following {
            Some(Following::Sigmoid) => z.mapv_inplace(|v| (v / 4.0 + 0.5).clamp(0.0, 1.0)),
            Some(Following::Relu) => z.mapv_inplace(|v| v.max(0.0)),
            Some(Following::MaxPool(windows, _)) => z = pool(&z, windows, 0.0, f32::max),
            None => {}
        }
        x = z;
    }
    x
}

/// What public maps make of a product's operand; dropout is for training.
fn fold(x: &Array2<f32>, linear: &Linear) -> Array2<f32> {
    linear.folds.iter().fold(x.clone(), |x, fold| match fold {
        Fold::Sums(boxes, factor) => {
            #[expect(clippy::cast_possible_truncation, reason = "it has a few bits")]
            let factor = factor.value() as f32;
            pool(&x, *boxes, 0.0, |a, b| a + b * factor)
        }
        Fold::Dropout { .. } => x,
    })
}

/// A convolution of images `[n, height width channels]`, plus a bias: `[n, rows columns outputs]`.
fn convolve(x: &Array2<f32>, conv: Conv, weight: &Array2<f32>, bias: &Array1<f32>) -> Array2<f32> {
    let mut out = Array2::zeros([x.nrows(), conv.output_len()]);
    let Conv { image, channels, kernel, stride, padding, .. } = conv;
    let positions = conv.positions();
    let windows = Boxes {
        image,
        channels,
        window: kernel,
        stride,
        padding: padding.map(usize::cast_signed),
        positions,
        gap: [1, 1],
        dilation: [1, 1],
    };
    for (x, mut out) in x.axis_chunks_iter(Axis(0), IMAGES).zip(out.axis_chunks_iter_mut(Axis(0), IMAGES)) {
        let patches = patches(x, windows);
        let y = patches.dot(weight) + bias;
        let y = y.into_shape_with_order(out.raw_dim()).expect("positions times outputs are an output's values");
        out.assign(&y);
    }
    out
}

/// Images that are turned into patches at once.
const IMAGES: usize = 64;

/// The patches of images as rows, `[n rows columns, taps]`.
fn patches(x: ArrayView2<'_, f32>, windows: Boxes) -> Array2<f32> {
    let patches = windows.patches(x.nrows());
    let taps = patches.taps();
    let mut out = Array2::zeros([patches.rows(), taps]);
    let x = x.as_standard_layout();
    let values = x.as_slice().expect("a matrix in standard layout is a slice");
    for (row, mut out) in out.rows_mut().into_iter().enumerate() {
        patches.runs(row, &(0..taps), |at, run| {
            out.slice_mut(s![at..at + run.len()]).iter_mut().zip(&values[run]).for_each(|(o, x)| *o = *x);
        });
    }
    out
}

/// Every window's values put together by `f` from `start`, channel by channel.
fn pool(x: &Array2<f32>, windows: Boxes, start: f32, f: impl Fn(f32, f32) -> f32) -> Array2<f32> {
    let mut out = Array2::from_elem([x.nrows(), windows.output_len()], start);
    for tap in windows.taps() {
        let at_tap = patches(x.view(), tap);
        let at_tap = at_tap.into_shape_with_order(out.raw_dim()).expect("a value of every window");
        Zip::from(&mut out).and(&at_tap).for_each(|o, x| *o = f(*o, *x));
    }
    out
}
