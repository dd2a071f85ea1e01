//! Factors cut into panels, in the order in which tiles read them.

use std::cell::Cell;
use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::kernel::Word;
use crate::kernel::geometry::Patches;

/// A factor of a product: `lanes` rows of the left, or columns of the right one, each `depth` long.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a, W> {
    words: &'a [W],
    lanes: usize,
    depth: usize,
    order: Order,
}

/// Where the elements of a factor lie.
#[derive(Clone, Copy)]
enum Order {
    /// A lane's elements are neighbours in memory: `[lanes, depth]`.
    LaneMajor,
    /// Those of one depth are: `[depth, lanes]`.
    DepthMajor,
    /// Lanes are patches of images, depths are taps.
    Patches(Patches),
    /// Lanes are taps, depths are patches.
    Taps(Patches),
    /// A filter `[kernel, lanes, outputs]` turned over: depths are `[kernel, from the last to the first, outputs]`.
    TurnedOver { outputs: usize },
}

impl<'a, W: Word> Factor<'a, W> {
    /// The factor that `words` hold, stored as `[lanes, depth]` where `lane_major`, else as `[depth, lanes]`.
    pub(super) fn new(words: &'a [W], lanes: usize, depth: usize, lane_major: bool) -> Self {
        let order = if lane_major { Order::LaneMajor } else { Order::DepthMajor };
        Self { words: &words[..lanes * depth], lanes, depth, order }
    }

    /// The patches of images, one a lane.
    pub(super) fn patches(images: &'a [W], patches: Patches) -> Self {
        let words = &images[..patches.len()];
        Self { words, lanes: patches.rows(), depth: patches.taps(), order: Order::Patches(patches) }
    }

    /// The same transposed: one tap a lane.
    pub(super) fn taps(images: &'a [W], patches: Patches) -> Self {
        let words = &images[..patches.len()];
        Self { words, lanes: patches.taps(), depth: patches.rows(), order: Order::Taps(patches) }
    }

    /// A filter `[kernel, inputs, outputs]` turned over: its inputs are lanes.
    pub(super) fn turned_over(filter: &'a [W], [kernel, inputs, outputs]: [usize; 3]) -> Self {
        let words = &filter[..kernel * inputs * outputs];
        Self { words, lanes: inputs, depth: kernel * outputs, order: Order::TurnedOver { outputs } }
    }

    /// The same factor of words `V`, which are `W` under their own name.
    pub(super) fn named<V: Word>(self) -> Factor<'a, V> {
        let Self { words, lanes, depth, order } = self;
        Factor { words: bytemuck::cast_slice(words), lanes, depth, order }
    }

    /// Lanes and depth.
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.lanes, self.depth]
    }

    /// Copies a range of depths of the `N` lanes from `lane` on, `panel[depth][lane]`; zeros past the last lane.
    #[inline(always)]
    pub(super) fn pack<const N: usize>(&self, lane: usize, depth: Range<usize>, panel: &mut [[W; N]]) {
        let width = self.width::<N>(lane);
        match self.order {
            Order::LaneMajor if width == N => self.interleave(lane, depth.start, panel),
            Order::LaneMajor => {
                panel.fill([W::default(); N]);
                for i in 0..width {
                    let from = &self.words[(lane + i) * self.depth..][depth.clone()];
                    panel.iter_mut().zip(from).for_each(|(to, x)| to[i] = *x);
                }
            }
            Order::DepthMajor => {
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
            Order::Patches(patches) => self.pack_patches(patches, lane, depth, panel),
            Order::Taps(patches) => self.pack_taps(patches, lane, depth, panel),
            Order::TurnedOver { outputs } => self.pack_turned_over(outputs, lane, depth, panel),
        }
    }

    /// [`pack`](Self::pack) of patches, a run of taps at a time.
    #[inline(always)]
    fn pack_patches<const N: usize>(&self, patches: Patches, lane: usize, depth: Range<usize>, panel: &mut [[W; N]]) {
        let width = self.width::<N>(lane);
        if width < N || !patches.whole() {
            panel.fill([W::default(); N]);
        }
        for i in 0..width {
            patches.runs(lane + i, &depth, |at, run| {
                panel[at..].iter_mut().zip(&self.words[run]).for_each(|(to, x)| to[i] = *x);
            });
        }
    }

    /// [`pack`](Self::pack) of taps: patches transposed.
    #[inline(always)]
    fn pack_taps<const N: usize>(&self, patches: Patches, lane: usize, depth: Range<usize>, panel: &mut [[W; N]]) {
        let width = self.width::<N>(lane);
        if width < N || !patches.whole() {
            panel.fill([W::default(); N]);
        }
        for (to, row) in panel.iter_mut().zip(depth) {
            patches.runs(row, &(lane..lane + width), |at, run| {
                let from = &self.words[run];
                to[at..at + from.len()].copy_from_slice(from);
            });
        }
    }

    /// [`pack`](Self::pack) of a filter that is turned over.
    #[inline(always)]
    fn pack_turned_over<const N: usize>(&self, outputs: usize, lane: usize, depth: Range<usize>, panel: &mut [[W; N]]) {
        let (taps, width) = (self.depth / outputs, self.width::<N>(lane));
        for (to, q) in panel.iter_mut().zip(depth) {
            let from = (taps - 1 - q / outputs) * self.lanes * outputs + q % outputs;
            for (i, to) in to.iter_mut().enumerate() {
                *to = if i < width { self.words[from + (lane + i) * outputs] } else { W::default() };
            }
        }
    }

    /// The lanes from `lane` on, as far as a panel of `N` holds them.
    #[inline(always)]
    fn width<const N: usize>(&self, lane: usize) -> usize {
        N.min(self.lanes - lane)
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
