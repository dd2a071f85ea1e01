//! The WGSL of a kernel: the prelude of its word pair, the helpers, and the kernel's file.
//!
//! A word's prelude (`shaders/word/`) is written for a type `Word` and functions `word_*`; it is taken three times: as `Ring`
//! and `r_*` for the job's ring, as `Wide` and `w_*` for 64 bits, and as `X` and `x_*` for the one of the two that the
//! kernel's first input has (raw words: the ring), so that a row and its `_wide` twin share an entry point. The helpers are
//! `shaders/lib/`. Constants that Rust needs too, `GROUP` and `TILE`, are put in front.

use crate::kernel::{GROUP, Kernel, Operand, RingWord, TILE};

/// How 64-bit words are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// As two 32-bit limbs.
    Limbs,
    /// By the adapter's own 64-bit integers.
    Native,
}

/// All word pairs that a kernel is compiled for.
pub const PAIRS: [(RingWord, Arithmetic); 4] = [
    (RingWord::U32, Arithmetic::Native),
    (RingWord::U32, Arithmetic::Limbs),
    (RingWord::U64, Arithmetic::Native),
    (RingWord::U64, Arithmetic::Limbs),
];

/// The WGSL of a kernel for a word pair.
pub fn source(kernel: &Kernel, ring: RingWord, arithmetic: Arithmetic) -> String {
    let wide = match arithmetic {
        Arithmetic::Limbs => LIMBS,
        Arithmetic::Native => U64,
    };
    let ring = match ring {
        RingWord::U32 => U32,
        RingWord::U64 => wide,
    };
    let x = if kernel.inputs.first() == Some(&Operand::Wide) { wide } else { ring };
    let words = [word(ring, "Ring", "r_"), word(wide, "Wide", "w_"), word(x, "X", "x_")].concat();
    let constants = format!("const GROUP = {GROUP}u;\nconst TILE = {TILE}u;\n");
    [&constants, &words, &LIB.concat(), kernel.wgsl].concat()
}

/// A word's prelude under its names in the kernel.
fn word(prelude: &str, ty: &str, prefix: &str) -> String {
    [prelude, ANY].concat().replace("Word", ty).replace("word_", prefix)
}

/// Workgroups in x and y for a number of threads; `None` if the adapter takes fewer than `most` by `most`.
pub(super) fn grid(threads: usize, most: usize) -> Option<[u32; 2]> {
    let groups = threads.div_ceil(GROUP as usize);
    let y = groups.div_ceil(most);
    let x = groups.div_ceil(y);
    (y <= most).then_some([u32::try_from(x).ok()?, u32::try_from(y).ok()?])
}

const U32: &str = include_str!("../../../shaders/word/u32.wgsl");
const U64: &str = include_str!("../../../shaders/word/u64.wgsl");
const LIMBS: &str = include_str!("../../../shaders/word/limbs.wgsl");
const ANY: &str = include_str!("../../../shaders/word/any.wgsl");

/// Helpers that every kernel can call.
const LIB: [&str; 7] = [
    include_str!("../../../shaders/lib/words.wgsl"),
    include_str!("../../../shaders/lib/packed.wgsl"),
    include_str!("../../../shaders/lib/chacha.wgsl"),
    include_str!("../../../shaders/lib/tile.wgsl"),
    include_str!("../../../shaders/lib/wire.wgsl"),
    include_str!("../../../shaders/lib/sets.wgsl"),
    include_str!("../../../shaders/lib/patch.wgsl"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_holds_all_threads_and_folds_at_the_limit() {
        for (threads, most, want) in [
            (1, 65_535, Some([1, 1])),
            (64, 65_535, Some([1, 1])),
            (65, 65_535, Some([2, 1])),
            (65_535 * 64, 65_535, Some([65_535, 1])),
            (65_535 * 64 + 1, 65_535, Some([32_768, 2])),
            (7 * 64, 3, Some([3, 3])),
            (10 * 64, 3, None),
        ] {
            assert_eq!(grid(threads, most), want, "{threads} threads, {most} groups at most");
        }
    }
}
