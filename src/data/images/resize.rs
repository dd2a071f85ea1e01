//! Images of another size.

use crate::data::description::ImageSize;
use crate::data::images::decode::Pixels;

/// Resizes an image into features, pixel values divided by 255.
///
/// A pixel is the mean of those around its place, weighted by a triangle as wide as two pixels of the smaller image: `1 - |d|` for a
/// distance `d` in such pixels. When an image becomes smaller, all of its pixels count. Source: the filter that Pillow calls bilinear.
pub(super) fn resize(image: &Pixels, size: &ImageSize, features: &mut [f32]) {
    let channels = image.channels;
    let columns = weights(image.width, size.width);
    let rows = weights(image.height, size.height);
    let mut narrow = vec![0.0_f32; image.height * size.width * channels];
    let lines = image.values.chunks_exact(image.width * channels);
    for (line, out) in lines.zip(narrow.chunks_exact_mut(size.width * channels)) {
        for (Weights { first, weights }, out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            for (weight, pixel) in weights.iter().zip(line[first * channels..].chunks_exact(channels)) {
                out.iter_mut().zip(pixel).for_each(|(out, value)| *out += weight * f32::from(*value) / 255.0);
            }
        }
    }
    let width = size.width * channels;
    for (Weights { first, weights }, out) in rows.iter().zip(features.chunks_exact_mut(width)) {
        out.fill(0.0);
        for (weight, line) in weights.iter().zip(narrow[first * width..].chunks_exact(width)) {
            out.iter_mut().zip(line).for_each(|(out, value)| *out += weight * value);
        }
        out.iter_mut().for_each(|x| *x = x.clamp(0.0, 1.0));
    }
}

/// The pixels that count for one, of sum 1.
struct Weights {
    first: usize,
    weights: Vec<f32>,
}

/// The weights for every pixel of a line of `to`, which was one of `from`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a line, from 0")]
fn weights(from: usize, to: usize) -> Vec<Weights> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let of = |pixel: usize| {
        let centre = (pixel as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let weight = |at: usize| (1.0 - ((at as f64 + 0.5 - centre) / reach).abs()).max(0.0);
        let sum: f64 = (first..end).map(weight).sum();
        Weights { first, weights: (first..end).map(|at| (weight(at) / sum) as f32).collect() }
    };
    (0..to).map(of).collect()
}
