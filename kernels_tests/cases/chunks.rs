//! Of sums over chunks of rows and of factors that values share.

#![expect(clippy::cast_possible_truncation, reason = "the sizes of cases are small")]

use ppdnn::kernel::Operand;

use super::Maker;
use crate::FILLS;

/// Rows, columns and rows of a chunk: whole chunks and broken ones, one chunk of more rows than software Vulkan lets one loop have.
const CHUNKS: [[usize; 3]; 9] = [
    [1, 1, 1],
    [7, 3, 2],
    [128, 5, 128],
    [129, 5, 128],
    [300, 1, 64],
    [65, 66, 65],
    [10, 70, 4],
    [3, 1, 1000],
    [70_000, 3, 70_000],
];

impl Maker {
    pub(super) fn dot(&mut self) {
        for ([rows, cols, chunk], fill) in CHUNKS.into_iter().flat_map(|s| FILLS.map(|f| (s, f))) {
            for [minus_c, minus] in [[0, 0], [1, 0], [0, 1], [1, 1]] {
                let sums = rows.div_ceil(chunk) * cols;
                let inputs = [sums, rows * cols, rows * cols].map(|len| self.operand(Operand::Ring, len, fill));
                let params = [cols as u32, chunk as u32, minus_c, minus];
                self.push(format!("{rows} rows {fill:?}"), &params, inputs.into(), sums);
            }
        }
    }

    pub(super) fn sum_chunks(&mut self, kind: Operand) {
        for ([rows, cols, chunk], fill) in CHUNKS.into_iter().flat_map(|s| FILLS.map(|f| (s, f))) {
            let x = self.operand(kind, rows * cols, fill);
            let params = [cols as u32, chunk as u32];
            self.push(format!("{rows} rows {fill:?}"), &params, vec![x], rows.div_ceil(chunk) * cols);
        }
    }

    pub(super) fn scale(&mut self) {
        for ([step, factors, turns], fill) in
            [[1, 1, 1], [1, 65, 1], [1, 7, 19], [33, 4, 1], [3, 5, 7], [1000, 1, 1], [64, 3, 2]]
                .into_iter()
                .flat_map(|s: [usize; 3]| FILLS.map(|f| (s, f)))
        {
            for [minus_c, minus] in [[0, 0], [1, 0], [0, 1], [1, 1]] {
                let len = step * factors * turns;
                let inputs = [len, len, factors].map(|len| self.operand(Operand::Ring, len, fill));
                self.push(format!("{len} {fill:?}"), &[step as u32, minus_c, minus], inputs.into(), len);
            }
        }
    }
}
