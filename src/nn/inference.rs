//! Layers in the clear, on single-precision numbers: what a saved model is scored with.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};

use crate::gates::{Conv, ImageWindows};
use crate::nn::Model;
use crate::nn::lowered::{LinearMap, LinearSpec};
use crate::nn::stage::{ShortcutSpec, StageSpec};

/// The outputs of a network for rows; a weight and a bias of every product and layer normalization, in order.
///
/// # Panics
/// Where they are missing.
pub(super) fn forward(model: &Model, x: Array2<f32>, parameters: &[(Array2<f32>, Array1<f32>)]) -> Array2<f32> {
    let (mut x, mut parameters, mut inputs) = (x, parameters.iter(), Vec::new());
    let mut next = || parameters.next().expect("a checked model has its parameters");
    for StageSpec { linear, norm, shortcut, following } in model.stages() {
        let mut z = product(&x, &linear, next());
        inputs.push(x);
        if let Some(norm) = norm {
            let (weight, bias) = next();
            z = norm.reference(z, &weight.row(0).to_owned(), bias);
        }
        if let Some(ShortcutSpec { from, projection }) = shortcut {
            match projection {
                Some(projection) => z += &product(&inputs[from], &projection, next()),
                None => z += &inputs[from],
            }
        }
        x = match following {
            Some(following) => following.reference(z),
            None => z,
        };
    }
    x
}

/// A product with its weight, plus its bias.
fn product(x: &Array2<f32>, linear: &LinearSpec, (weight, bias): &(Array2<f32>, Array1<f32>)) -> Array2<f32> {
    let x = fold(x, linear);
    linear.conv.map_or_else(|| x.dot(weight) + bias, |conv| convolve(&x, conv, weight, bias))
}

/// What public maps make of a product's operand; dropout is for training.
fn fold(x: &Array2<f32>, linear: &LinearSpec) -> Array2<f32> {
    linear.linear_maps.iter().fold(x.clone(), |x, fold| match fold {
        LinearMap::Sums(boxes, factor) => {
            #[expect(clippy::cast_possible_truncation, reason = "it has a few bits")]
            let factor = factor.value() as f32;
            pool(&x, *boxes, 0.0, |a, b| a + b * factor)
        }
        LinearMap::Dropout { .. } => x,
    })
}

/// A convolution of images `[n, height width channels]`, plus a bias: `[n, rows columns outputs]`.
fn convolve(x: &Array2<f32>, conv: Conv, weight: &Array2<f32>, bias: &Array1<f32>) -> Array2<f32> {
    let mut out = Array2::zeros([x.nrows(), conv.output_len()]);
    let windows = ImageWindows::new(conv.image, conv.channels, conv.window);
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
fn patches(x: ArrayView2<'_, f32>, windows: ImageWindows) -> Array2<f32> {
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
pub(super) fn pool(x: &Array2<f32>, windows: ImageWindows, start: f32, f: impl Fn(f32, f32) -> f32) -> Array2<f32> {
    let mut out = Array2::from_elem([x.nrows(), windows.output_len()], start);
    for tap in windows.taps() {
        let at_tap = patches(x.view(), tap);
        let at_tap = at_tap.into_shape_with_order(out.raw_dim()).expect("a value of every window");
        Zip::from(&mut out).and(&at_tap).for_each(|o, x| *o = f(*o, *x));
    }
    out
}
