//! Convolutions, their gradients and sums of boxes: what the definitions say, in naive loops over integers.

use super::*;
use crate::{FILLS, RINGS};

/// A convolution: images, channels, outputs, kernel, stride, padding, images in a batch.
#[derive(Clone, Copy, Debug)]
struct Conv {
    image: [usize; 2],
    channels: usize,
    outputs: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    batch: usize,
}

/// Odd sizes, strides and paddings; one channel and many; one image, one pixel; filters beyond a tile and a panel.
const CONVS: [Conv; 11] = [
    conv([4, 5], [2, 3], [2, 1], [1, 2], [3, 2], 2),
    conv([1, 1], [1, 1], [1, 1], [1, 1], [0, 0], 1),
    conv([5, 5], [1, 1], [3, 3], [1, 1], [0, 0], 1),
    conv([7, 5], [3, 4], [3, 2], [2, 1], [1, 0], 2),
    conv([6, 9], [2, 5], [5, 5], [1, 1], [2, 2], 3),
    conv([8, 8], [1, 5], [2, 2], [2, 2], [0, 0], 5),
    conv([9, 7], [5, 3], [3, 3], [2, 3], [1, 1], 2),
    conv([4, 4], [17, 33], [3, 3], [1, 1], [1, 1], 2),
    conv([12, 12], [20, 50], [5, 5], [1, 1], [0, 0], 1),
    conv([10, 11], [2, 3], [4, 3], [3, 2], [2, 1], 2),
    conv([3, 3], [4, 2], [3, 3], [1, 1], [2, 2], 1),
];

const fn conv(
    image: [usize; 2],
    [channels, outputs]: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    batch: usize,
) -> Conv {
    Conv { image, channels, outputs, kernel, stride, padding, dilation: [1, 1], batch }
}

impl Conv {
    fn positions(&self) -> [usize; 2] {
        let across = |a: usize| (self.kernel[a] - 1) * self.dilation[a] + 1;
        [0, 1].map(|a: usize| (self.image[a] + 2 * self.padding[a] - across(a)) / self.stride[a] + 1)
    }

    fn lens(&self) -> [usize; 3] {
        let images = self.batch * self.image[0] * self.image[1] * self.channels;
        let filter = self.kernel[0] * self.kernel[1] * self.channels * self.outputs;
        let [h, w] = self.positions();
        [images, filter, self.batch * h * w * self.outputs]
    }

    /// Calls `f` with the indices of every triple (image value, filter value, output value) that meet.
    fn meet(&self, mut f: impl FnMut(usize, usize, usize)) {
        let [h, w] = self.positions();
        let range = |n: usize| 0..n;
        for (b, oy, ox) in range(self.batch).flat_map(|b| (0..h).flat_map(move |y| (0..w).map(move |x| (b, y, x)))) {
            for (ky, kx) in range(self.kernel[0]).flat_map(|y| (0..self.kernel[1]).map(move |x| (y, x))) {
                let (y, x) = (oy * self.stride[0] + ky * self.dilation[0], ox * self.stride[1] + kx * self.dilation[1]);
                let outside =
                    |at: usize, axis: usize| at < self.padding[axis] || at >= self.padding[axis] + self.image[axis];
                if outside(y, 0) || outside(x, 1) {
                    continue;
                }
                let pixel = (b * self.image[0] + y - self.padding[0]) * self.image[1] + x - self.padding[1];
                for (c, o) in range(self.channels).flat_map(|c| (0..self.outputs).map(move |o| (c, o))) {
                    let filter = ((ky * self.kernel[1] + kx) * self.channels + c) * self.outputs + o;
                    f(pixel * self.channels + c, filter, ((b * h + oy) * w + ox) * self.outputs + o);
                }
            }
        }
    }

    /// Of the patches that make outputs, and gradients of filters.
    fn params(&self, [minus_c, minus]: [u32; 2]) -> Vec<u32> {
        let ([h, w], [rows, columns]) = (self.image, self.positions());
        let [ky, kx] = self.kernel;
        let all = [self.batch, h, w, self.channels, rows, columns, ky, kx, self.stride[0], self.stride[1]];
        let [apart_y, apart_x] = self.dilation;
        let rest = [self.padding[0], self.padding[1], 1, 1, apart_y, apart_x, self.outputs, 0];
        all.into_iter().chain(rest).map(|x| x as u32).chain([minus_c, minus]).collect()
    }

    /// Of the patches of the outputs' gradient that make gradients of images.
    fn back_params(&self, [minus_c, minus]: [u32; 2]) -> Vec<u32> {
        let ([h, w], [rows, columns]) = (self.image, self.positions());
        let [ky, kx] = self.kernel;
        let all = [self.batch, rows, columns, self.outputs, h, w, ky, kx, 1, 1];
        // a padding of more than the kernel's rows wraps: what it stands for is negative
        let padding = [ky.wrapping_sub(1 + self.padding[0]), kx.wrapping_sub(1 + self.padding[1])];
        let rest = [self.stride[0], self.stride[1], 1, 1, self.channels, 1];
        all.into_iter().chain(padding).chain(rest).map(|x| x as u32).chain([minus_c, minus]).collect()
    }
}

/// `+-c +- sum`, in the ring.
fn combined(ring: RingWord, c: &[u64], sum: &[u64], [minus_c, minus]: [u32; 2]) -> Vec<u64> {
    let signed = |x: u64, minus: u32| if minus == 1 { x.wrapping_neg() } else { x };
    c.iter().zip(sum).map(|(c, s)| signed(*c, minus_c).wrapping_add(signed(*s, minus)) & mask(ring.bits())).collect()
}

pub(super) fn convolutions_and_their_gradients_are_those_of_the_definition() {
    for ring in RINGS {
        let mut play = Play::new(ring, 9);
        for (conv, fill) in CONVS.into_iter().flat_map(|c| FILLS.map(|f| (c, f))) {
            let [x, w, y] = conv.lens().map(|len| play.source.values(len, ring.bits(), fill));
            let [cx, cw, cy] = conv.lens().map(|len| play.source.values(len, ring.bits(), fill));
            let mut sums = conv.lens().map(|len| vec![0u64; len]);
            conv.meet(|i, f, o| {
                sums[0][i] = sums[0][i].wrapping_add(y[o].wrapping_mul(w[f]));
                sums[1][f] = sums[1][f].wrapping_add(x[i].wrapping_mul(y[o]));
                sums[2][o] = sums[2][o].wrapping_add(x[i].wrapping_mul(w[f]));
            });
            for signs in [[0, 0], [1, 0], [0, 1]] {
                let about = format!("{ring:?} {conv:?} {fill:?} {signs:?}");
                let params = conv.params(signs);
                let out = play.run(&CONVOLVE, &params, &[&cy, &x, &w], cy.len());
                assert_eq!(out, combined(ring, &cy, &sums[2], signs), "outputs, {about}");
                let dw = play.run(&CORRELATE, &params, &[&cw, &x, &y], cw.len());
                assert_eq!(dw, combined(ring, &cw, &sums[1], signs), "gradient by the filter, {about}");
                let dx = play.run(&CONVOLVE, &conv.back_params(signs), &[&cx, &y, &w], cx.len());
                assert_eq!(dx, combined(ring, &cx, &sums[0], signs), "gradient by the image, {about}");
            }
            // and it can fail: with one padding less, some output is wrong
            if conv.padding[0] == 1 && matches!(fill, Fill::Uniform) {
                let mut params = conv.params([0, 0]);
                params[10] = 0;
                let out = play.run(&CONVOLVE, &params, &[&cy, &x, &w], cy.len());
                assert_ne!(out, combined(ring, &cy, &sums[2], [0, 0]), "{conv:?}");
            }
        }
    }
}

pub(super) fn boxes_add_up() {
    for ring in RINGS {
        let mut play = Play::new(ring, 10);
        let apart = [
            Conv { dilation: [2, 3], ..conv([9, 11], [3, 3], [3, 2], [1, 1], [1, 0], 2) },
            Conv { dilation: [4, 1], ..conv([10, 4], [1, 1], [2, 2], [3, 2], [0, 1], 1) },
        ];
        for (conv, fill) in CONVS.into_iter().chain(apart).flat_map(|c| FILLS.map(|f| (c, f))) {
            // a filter of ones that keeps channels apart
            let conv = Conv { outputs: conv.channels, ..conv };
            let [images, _, outputs] = conv.lens();
            let x = play.source.values(images, ring.bits(), fill);
            let mut sums = vec![0u64; outputs];
            conv.meet(|i, f, o| {
                if f / conv.outputs % conv.channels == f % conv.outputs {
                    sums[o] = sums[o].wrapping_add(x[i]) & mask(ring.bits());
                }
            });
            assert_eq!(play.run(&BOX_SUM, &conv.params([0, 0]), &[&x], outputs), sums, "{ring:?} {conv:?} {fill:?}");
        }
    }
}
