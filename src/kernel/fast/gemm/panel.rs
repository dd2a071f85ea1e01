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

    /// Copies a range of depths of the `N` lanes from `lane` on, `panel[depth][lane]`; zeros past the last lane.
    #[inline(always)]
    pub(super) fn pack<const N: usize>(&self, lane: usize, depth: Range<usize>, panel: &mut [[W; N]]) {
        let width = N.min(self.lanes - lane);
        if self.lane_major && width == N {
            self.interleave(lane, depth.start, panel);
        } else if self.lane_major {
            panel.fill([W::default(); N]);
            for i in 0..width {
                let from = &self.words[(lane + i) * self.depth..][depth.clone()];
                panel.iter_mut().zip(from).for_each(|(to, x)| to[i] = *x);
            }
        } else {
            let from = self.words[depth.start * self.lanes..].chunks_exact(self.lanes);
            for (to, from) in panel.iter_mut().zip(from) {
                if let Some(from) = from[lane..].first_chunk() {
                    *to = *from;
                } else {
                    to[..width].copy_from_slice(&from[lane..]);
                    to[width..].fill(W::default());
                }
            }
        }
    }

    /// Copies `N` whole lanes into a panel, strips of [`STRIP`] words at a time.
    #[inline(always)]
    fn interleave<const N: usize>(&self, lane: usize, start: usize, panel: &mut [[W; N]]) {
        let lanes: [&[W]; N] = std::array::from_fn(|i| &self.words[(lane + i) * self.depth + start..][..panel.len()]);
        let (strips, rest) = panel.as_chunks_mut::<STRIP>();
        let done = strips.len() * STRIP;
        for (s, strip) in strips.iter_mut().enumerate() {
            for (i, from) in lanes.iter().enumerate() {
                let from: &[W] = &from[s * STRIP..][..STRIP];
                for (to, x) in strip.iter_mut().zip(from) {
                    to[i] = *x;
                }
            }
        }
        for (i, from) in lanes.iter().enumerate() {
            rest.iter_mut().zip(&from[done..]).for_each(|(to, x)| to[i] = *x);
        }
    }
}

/// Depth of the strips in which lanes are interleaved; 4, 8 and 16 were tried.
const STRIP: usize = 8;

/// Runs `f` on `rows` rows of `N` words of this thread's scratch `slot`, whatever is in them.
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
