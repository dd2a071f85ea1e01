//! Work across cores: an output in pieces, each filled by a task at the processor's SIMD level.

use std::ops::Range;

use rayon::prelude::*;

/// Elements of a piece where an element takes about a nanosecond; a whole number of chunks.
pub(crate) const PIECE: usize = 1 << 14;
/// The same where an element takes a fraction of that.
pub(crate) const LIGHT: usize = 1 << 16;

/// Pieces below which waking other threads costs more than they save.
const FEW: usize = 4;

/// Fills `out` in pieces of `size`, the last of which may be shorter: `body(at, piece)` fills what begins at `at`, compiled for
/// every SIMD level as far as it is inlined ([`inlined!`]).
///
/// With one thread, or of few pieces, it makes one.
pub(crate) fn split<T: Send>(out: &mut [T], size: usize, body: impl Fn(usize, &mut [T]) + Copy + Send + Sync) {
    pieces(out, size, &move |at, piece| {
        at_level(
            #[inline(always)]
            move || {
                // moved, so that this is no more than FnOnce: others are called by a shim that is not inlined
                let piece = piece;
                body(at, piece);
            },
        );
    });
}

/// [`split`] for a body that is no faster with vectors, or has its own. What rayon makes of it is compiled once for a type.
pub(crate) fn pieces<T: Send>(out: &mut [T], size: usize, body: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if alone(out.len(), size) {
        return body(0, out);
    }
    out.par_chunks_mut(size).enumerate().for_each(|(i, piece)| body(i * size, piece));
}

/// [`split`] of several items, filled by one body in runs of `size` words of bits, of `words` in all. An item takes so many
/// words of its own for every word of bits: 1 if it is a plane.
pub(crate) fn split_items<'a>(
    items: impl Iterator<Item = (&'a mut [u32], usize)>,
    words: usize,
    size: usize,
    body: impl Fn(Range<usize>, &mut [&mut [u32]]) + Copy + Send + Sync,
) {
    let mut runs: Vec<Vec<&mut [u32]>> = (0..words.div_ceil(size)).map(|_| Vec::new()).collect();
    for (item, each) in items {
        runs.iter_mut().zip(item.chunks_mut(each * size)).for_each(|(run, words)| run.push(words));
    }
    inlined!(split(&mut runs, 1), |i, runs| {
        for (i, run) in (i..).zip(runs) {
            body(i * size..words.min((i + 1) * size), run);
        }
    });
}

/// Whether `len` elements are better filled by the thread that asks.
fn alone(len: usize, size: usize) -> bool {
    len < FEW * size || rayon::current_num_threads() == 1
}

/// Compiles `body` once for every SIMD level, and runs the processor's. Tasks do not inherit the level.
#[inline(always)]
pub(crate) fn at_level(body: impl FnOnce()) {
    pulp::Arch::new().dispatch(body);
}

/// `inlined!(f(a, b), |x| ..)` is `f(a, b, |x| ..)` with a closure that is compiled into `f` for every SIMD level.
macro_rules! inlined {
    ($call:ident($($arg:expr),*), |$($x:pat_param),*| $body:expr) => {
        $call(
            $($arg,)*
            #[inline(always)]
            move |$($x),*| $body,
        )
    };
}
pub(crate) use inlined;

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: usize = 24;
    const LENGTHS: [usize; 9] = [0, 1, SIZE, 3 * SIZE, 4 * SIZE - 1, 4 * SIZE, 4 * SIZE + 1, 5 * SIZE - 1, 1001];

    fn on<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
    }

    /// What is filled with the numbers of its elements, from a piece on that is told as `begin`.
    fn numbered(len: usize, begin: impl Fn(usize) -> usize + Copy + Send + Sync) -> Vec<usize> {
        let mut out = vec![usize::MAX; len];
        split(&mut out, SIZE, move |at, piece| piece.iter_mut().zip(begin(at)..).for_each(|(o, i)| *o = i));
        out
    }

    #[test]
    fn pieces_begin_where_those_before_end() {
        for (threads, len) in [1, 2, 3].into_iter().flat_map(|t| LENGTHS.map(|l| (t, l))) {
            let want: Vec<usize> = (0..len).collect();
            assert_eq!(on(threads, || numbered(len, |at| at)), want, "{len} on {threads}");
            // and it notices a later piece that is off by one: where there is one
            let late = on(threads, || numbered(len, |at| at + usize::from(at > 0)));
            assert_eq!(late != want, threads > 1 && len >= FEW * SIZE, "{len} on {threads}");
        }
    }

    /// Three items of 1, 16 and 1 words for every word of bits, filled with where they are; the second is a word short.
    fn items(words: usize, off: usize) -> Vec<u32> {
        let number = |i: usize| u32::try_from(i).unwrap();
        let mut out = vec![u32::MAX; (words * 18).saturating_sub(1)];
        let (first, rest) = out.split_at_mut(words);
        let (second, third) = rest.split_at_mut((words * 16).saturating_sub(1));
        split_items([(first, 1), (second, 16), (third, 1)].into_iter(), words, SIZE, move |run, items| {
            let start = run.start + if run.start > 0 { off } else { 0 };
            for (which, (item, each)) in items.iter_mut().zip([1, 16, 1]).enumerate() {
                assert!(item.len().div_ceil(each) == run.len(), "a run is as long in every item");
                item.iter_mut().zip(start * each..).for_each(|(o, i)| *o = number(which << 24 | i));
            }
        });
        out
    }

    #[test]
    fn runs_of_items_lie_side_by_side() {
        for (threads, words) in [1, 2, 3].into_iter().flat_map(|t| LENGTHS.map(|l| (t, l))) {
            let item = |which: u32, len: usize| (which << 24..).take(len);
            let want: Vec<u32> =
                item(0, words).chain(item(1, (words * 16).saturating_sub(1))).chain(item(2, words)).collect();
            assert_eq!(on(threads, || items(words, 0)), want, "{words} on {threads}");
            assert_eq!(on(threads, || items(words, 1)) != want, words > SIZE, "{words} on {threads}");
        }
    }
}
