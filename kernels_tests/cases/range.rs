//! Of samples of wires.

use ppdnn::kernel::Operand;

use super::{Maker, SIZES};
use crate::FILLS;

impl Maker {
    /// Held, at, stride, cols, turn, minus: nothing held or more than is taken, single elements, all of them, and partners.
    pub(super) fn sample(&mut self) {
        for (len, fill) in SIZES.into_iter().flat_map(|len| FILLS.map(|fill| (len, fill))) {
            for [held, at, stride, cols, turn, minus] in
                [[0, 0, 1, 1, 0, 0], [65, len - 1, 1, len, 0, 0], [3, len / 3, 7, 1, 0, 1], [0, 0, 3, len, len / 2, 1]]
            {
                let taken = (len - at).div_ceil(stride);
                let [kept, y, z] = [held.max(1), len, len].map(|n| self.operand(Operand::Ring, n, fill));
                let params = [held, at, stride, cols, turn, minus].map(|x| u32::try_from(x).expect("sizes are small"));
                self.push(format!("{len} {fill:?}"), &params, vec![kept, y, z], held + taken);
            }
        }
    }
}
