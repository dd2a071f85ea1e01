//! Factors cut into panels, in the order in which tiles read them.

use std::cell::Cell;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::kernel::Word;

/// A factor of a product: `lanes` rows of `op(a)`, or columns of `op(b)`, each `depth` long.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a, W> {
    words: &'a [W],
    lanes: usize,
    depth: usize,
    /// Whether a lane's elements are neighbours in memory, rather than those of one depth.
    lane_major: bool,
}

impl<'a, W: Word> Factor<'a, W> {
    /// The factor that `words` hold, stored as `[lanes, depth]` where `lane_major`, else as `[depth, lanes]`.
    pub(super) fn new(words: &'a [W], lanes: usize, depth: usize, lane_major: bool) -> Self {
        Self { words: &words[..lanes * depth], lanes, depth, lane_major }
    }

    /// Copies a block into panels of `N` lanes, `out[panel][depth][lane]`; the last panel ends in zeros.
    #[inline(always)]
    pub(super) fn pack<const N: usize>(&self, lanes: Range<usize>, depth: Range<usize>, out: &mut [[W; N]]) {
        for (panel, lane) in out.chunks_exact_mut(depth.len()).zip(lanes.clone().step_by(N)) {
            let width = N.min(lanes.end - lane);
            match (self.lane_major, width == N) {
                (true, true) => self.transpose(lane, depth.start, panel),
                (true, false) => {
                    panel.fill([W::default(); N]);
                    for i in 0..width {
                        let from = &self.words[(lane + i) * self.depth..][depth.clone()];
                        panel.iter_mut().zip(from).for_each(|(to, x)| to[i] = *x);
                    }
                }
                (false, _) => {
                    let from = self.words[depth.start * self.lanes..].chunks_exact(self.lanes);
                    for (to, from) in panel.iter_mut().zip(from) {
                        match from[lane..].first_chunk() {
                            Some(from) => *to = *from,
                            None => {
                                to[..width].copy_from_slice(&from[lane..]);
                                to[width..].fill(W::default());
                            }
                        }
                    }
                }
            }
        }
    }

    /// Copies `N` whole lanes into a panel, squares of [`SQUARE`] words at a time.
    #[inline(always)]
    fn transpose<const N: usize>(&self, lane: usize, start: usize, panel: &mut [[W; N]]) {
        let lanes: [&[W]; N] = std::array::from_fn(|i| &self.words[(lane + i) * self.depth + start..][..panel.len()]);
        let (squares, rest) = panel.as_chunks_mut::<SQUARE>();
        let done = squares.len() * SQUARE;
        for (s, square) in squares.iter_mut().enumerate() {
            for (i, from) in lanes.iter().enumerate() {
                let from: &[W] = &from[s * SQUARE..][..SQUARE];
                for (to, x) in square.iter_mut().zip(from) {
                    to[i] = *x;
                }
            }
        }
        for (i, from) in lanes.iter().enumerate() {
            rest.iter_mut().zip(&from[done..]).for_each(|(to, x)| to[i] = *x);
        }
    }
}

/// Depth of the squares that are transposed at once: a cache line of 32-bit words.
const SQUARE: usize = 16;

/// Runs `f` on `panels * depth` rows of `N` words of this thread's scratch `slot`; what is in them is left over.
pub(super) fn scratch<W: Word, const N: usize, T>(slot: usize, rows: usize, f: impl FnOnce(&mut [[W; N]]) -> T) -> T {
    let words = rows * N;
    // Taken out rather than borrowed: a thread that waits inside `f` may be given another product to do.
    let mut lines = SCRATCH.with(|slots| slots[slot].take());
    let need = (words * size_of::<W>()).div_ceil(size_of::<Line>());
    if lines.len() < need {
        lines.resize(need, Line::zeroed());
    }
    let out = f(bytemuck::cast_slice_mut::<Line, W>(&mut lines)[..words].as_chunks_mut().0);
    SCRATCH.with(|slots| slots[slot].set(lines));
    out
}

thread_local! {
    /// Memory for the panels of the left and of the right factor, kept so that its pages stay mapped.
    static SCRATCH: [Cell<Vec<Line>>; 2] = const { [Cell::new(Vec::new()), Cell::new(Vec::new())] };
}

/// A cache line, so that panels begin on one.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);
