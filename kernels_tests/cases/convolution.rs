//! Of convolutions.

use ppdnn::kernel::Operand;

use super::Maker;
use crate::FILLS;

/// Batch, height, width, channels, rows, columns, kernel, times, padding, gap, dilation, outputs, back; around the four of a
/// tile.
const PATCHES: [[u32; 18]; 12] = [
    // the first rows and columns left out
    [2, 6, 5, 2, 3, 2, 2, 2, 1, 1, u32::MAX, u32::MAX - 1, 1, 1, 1, 1, 3, 0],
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0],
    [2, 7, 5, 3, 4, 4, 3, 2, 2, 1, 1, 0, 1, 1, 1, 1, 4, 0],
    [3, 6, 9, 2, 6, 9, 5, 5, 1, 1, 2, 2, 1, 1, 1, 1, 5, 0],
    [1, 12, 12, 20, 8, 8, 5, 5, 1, 1, 0, 0, 1, 1, 1, 1, 50, 0],
    [2, 9, 7, 5, 5, 3, 3, 3, 2, 3, 1, 1, 1, 1, 1, 1, 3, 0],
    // more positions than software Vulkan lets one loop have
    [2, 190, 190, 1, 190, 190, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0],
    // gradients by images: of strides, of none, of paddings
    [2, 5, 3, 3, 9, 7, 3, 3, 1, 1, 1, 1, 2, 3, 1, 1, 5, 1],
    [1, 8, 8, 5, 12, 12, 5, 5, 1, 1, 4, 4, 1, 1, 1, 1, 2, 1],
    [5, 4, 4, 5, 8, 8, 2, 2, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1],
    // taps that lie apart, and the way back
    [2, 9, 8, 3, 3, 4, 3, 2, 2, 1, 1, 0, 1, 1, 2, 3, 3, 0],
    [2, 3, 4, 3, 9, 8, 3, 2, 1, 1, 3, 3, 2, 1, 2, 3, 3, 0],
];

impl Maker {
    /// Words of images, filter and outputs of some patches.
    fn lens([b, h, w, c, rows, columns, ky, kx, .., outputs, _]: [u32; 18]) -> [usize; 3] {
        [b * h * w * c, ky * kx * c * outputs, b * rows * columns * outputs].map(|x| x as usize)
    }

    fn patches(&mut self, by_filter: bool) {
        for (patches, fill) in PATCHES.into_iter().flat_map(|p| FILLS.map(|f| (p, f))) {
            let [images, filter, outputs] = Self::lens(patches);
            let (right, out) = if by_filter { (outputs, filter) } else { (filter, outputs) };
            for signs in [[0, 0], [1, 0], [0, 1]] {
                let inputs = [out, images, right].map(|len| self.operand(Operand::Ring, len, fill)).to_vec();
                self.push(format!("{fill:?}"), &[&patches[..], &signs].concat(), inputs, out);
            }
        }
    }

    pub(super) fn convolve(&mut self) {
        self.patches(false);
    }

    pub(super) fn correlate(&mut self) {
        self.patches(true);
    }

    pub(super) fn box_sum(&mut self) {
        for (mut patches, fill) in PATCHES.into_iter().flat_map(|p| FILLS.map(|f| (p, f))) {
            patches[16] = patches[3];
            let [images, _, outputs] = Self::lens(patches);
            let x = self.operand(Operand::Ring, images, fill);
            self.push(format!("{fill:?}"), &[&patches[..], &[0, 0]].concat(), vec![x], outputs);
        }
    }
}
