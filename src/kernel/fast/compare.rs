//! Comparison, a word of bits at a time across cores.

use crate::kernel::Word;
use crate::kernel::layout::{digits, shared_words};
use crate::kernel::packed::{Items, plane};
use crate::kernel::twin::compare::CompareParams;

use super::chunks::{CHUNK, Chunks};
use super::split::{LIGHT, PIECE, inlined, split, split_items};

/// The planes of a digit are the bits of chunks of table entries from the public digit on, and their parities.
pub(crate) fn compare_ask<W: Word>(p: &CompareParams, a: &[W], own: &[u32], dealt: &[u32], out: &mut [u32]) {
    let (len, m) = (a.len(), digits(p.k));
    let w = plane(len);
    let planes = out.chunks_mut(w.max(1)).map(|plane| (plane, 1));
    inlined!(split_items(planes, w, PIECE / CHUNK), |words, planes| {
        let mut tables = Items::new(dealt);
        for j in 0..m {
            let table = tables.next(len, 16);
            for (at, word) in words.clone().enumerate() {
                let (a, table) = (a.chunk(word), table.chunk(word));
                let (mut eq, mut lt) = (0u32, 0u32);
                for i in 0..CHUNK {
                    #[expect(clippy::cast_possible_truncation, reason = "a table has 16 bits")]
                    let above = (table[i] >> (a[i] >> (4 * j) & 15)) as u32;
                    eq |= (above & 1) << i;
                    lt |= ((above >> 1).count_ones() & 1) << i;
                }
                // the last word of tables may hold one that is no element's
                let (eq, lt) = (eq & elements(len, word), lt & elements(len, word));
                if j > 0 {
                    planes[j - 1][at] = eq ^ own[(j - 1) * w + word];
                }
                let behind = m - 1 + j;
                planes[behind][at] = if j + 1 < m { lt ^ own[behind * w + word] } else { lt };
            }
        }
    });
}

/// The sums over subsets are folded a digit at a time: `m` steps instead of `2^m` products.
#[expect(clippy::too_many_arguments, reason = "a kernel has the operands of its row")]
pub(crate) fn compare_tell<W: Word>(
    p: &CompareParams,
    a: &[W],
    own: &[u32],
    dealt: &[u32],
    products: &[u32],
    opened: &[u32],
    asked: &[u32],
    out: &mut [u32],
) {
    let (len, m) = (a.len(), digits(p.k));
    let (w, first) = (plane(len), 0u32.wrapping_sub(p.first));
    let shared = shared_words(len, p.k);
    let (tops, planes) = (&dealt[shared - w..shared], if p.more == 1 { products } else { &products[shared..] });
    inlined!(split(out, PIECE / CHUNK), |at, out| {
        let mut products = vec![0; 1 << (m - 1)];
        let mut fold = vec![0; 1 << (m - 1)];
        for (word, out) in (at..).zip(out) {
            let mut next = planes.iter().skip(word).step_by(w).copied();
            let mut dealt = || next.next().expect("the frame holds a plane for every product");
            for (s, product) in products.iter_mut().enumerate().skip(1) {
                *product = if s.is_power_of_two() { own[s.trailing_zeros() as usize * w + word] } else { dealt() };
            }
            let mut lt = asked[(2 * m - 2) * w + word];
            for j in 0..m - 1 {
                let l = opened[(m - 1 + j) * w + word];
                let above = m - 1 - j;
                // bit i of a subset s stands for digit j + 1 + i
                fold[0] = (l & first) ^ own[(m - 1 + j) * w + word];
                for (s, f) in fold.iter_mut().enumerate().take(1 << above).skip(1) {
                    *f = (l & products[s << j]) ^ dealt();
                }
                lt ^= folded(&mut fold, above, |i| opened[(j + i) * w + word]);
            }
            let sign = !bit_of_each(a, word, p.k) & elements(len, word);
            *out = (sign & first) ^ tops[word] ^ lt;
        }
    });
}

/// The sum over subsets of `digits` digits, each times the `e` of the digits that it lacks, a digit at a time.
#[inline(always)]
fn folded(subsets: &mut [u32], digits: usize, e: impl Fn(usize) -> u32) -> u32 {
    for i in (0..digits).rev() {
        for s in 0..1 << i {
            subsets[s] = (e(i) & subsets[s]) ^ subsets[s | 1 << i];
        }
    }
    subsets[0]
}

/// Runs of words of all tables and planes at once, so that the products of masks are made once.
pub(crate) fn deal_compare<W: Word>(
    p: &CompareParams,
    rho: &[W],
    own0: &[u32],
    own1: &[u32],
    share0: &[u32],
    out: &mut [u32],
) {
    let (len, m) = (rho.len(), digits(p.k));
    let w = plane(len);
    let (table, tables) = ((len * 16).div_ceil(32), if p.more == 1 { 0 } else { m });
    let (share_tables, share_planes) = share0.split_at(tables * table);
    let (out_tables, out_planes) = out.split_at_mut(tables * table);
    let items = out_tables.chunks_mut(table.max(1)).map(|t| (t, 16));
    let items = items.chain(out_planes.chunks_mut(w.max(1)).map(|t| (t, 1)));
    inlined!(split_items(items, w, LIGHT / CHUNK), |words, items| {
        let (start, n) = (words.start, words.len());
        let (tables, planes) = items.split_at_mut(tables);
        for (j, out) in tables.iter_mut().enumerate() {
            deal_table(j, &rho[start * CHUNK..], &share_tables[j * table + start * 16..], out);
        }
        let mut planes =
            planes.iter_mut().map(|plane| &mut **plane).zip(share_planes.chunks(w).map(|plane| &plane[start..]));
        let mut next = || planes.next().expect("the frame holds a plane for every product");
        if p.more == 0 {
            let (out, share) = next();
            for ((o, s), word) in out.iter_mut().zip(share).zip(words) {
                *o = s ^ bit_of_each(rho, word, p.k);
            }
        }
        let own = |plane: usize| {
            let run = plane * w + start..plane * w + start + n;
            own0[run.clone()].iter().zip(&own1[run]).map(|(a, b)| a ^ b)
        };
        deal_products(m, n, own, next);
    });
}

/// Products of masks in a run of `n` words: `alpha_S`, then `beta_j alpha_S`, each minus server 0's share. `own` are the planes
/// of masks, `next` the planes to fill.
#[inline(always)]
fn deal_products<'a, I: Iterator<Item = u32>>(
    m: usize,
    n: usize,
    own: impl Fn(usize) -> I,
    mut next: impl FnMut() -> (&'a mut [u32], &'a [u32]),
) {
    // alpha_S of the words of the run, S by S
    let mut alpha = vec![u32::MAX; n << (m - 1)];
    for s in 1..1usize << (m - 1) {
        let (done, alpha) = alpha.split_at_mut(s * n);
        let before = &done[(s & (s - 1)) * n..];
        let factors = before.iter().zip(own(s.trailing_zeros() as usize));
        alpha.iter_mut().zip(factors).for_each(|(x, (a, b))| *x = a & b);
        if !s.is_power_of_two() {
            let (out, share) = next();
            out.iter_mut().zip(share).zip(alpha).for_each(|((o, s), x)| *o = s ^ *x);
        }
    }
    for j in 0..m - 1 {
        for s in 1..1usize << (m - 1 - j) {
            let (out, share) = next();
            let products = alpha[(s << j) * n..].iter().zip(own(m - 1 + j)).map(|(a, b)| a & b);
            out.iter_mut().zip(share).zip(products).for_each(|((o, s), x)| *o = s ^ x);
        }
    }
}

/// Tables of digit `j`.
#[inline(always)]
fn deal_table<W: Word>(j: usize, rho: &[W], share: &[u32], out: &mut [u32]) {
    let share: &[u16] = bytemuck::cast_slice(share);
    let out: &mut [u16] = bytemuck::cast_slice_mut(out);
    for ((o, s), r) in out.iter_mut().zip(share).zip(rho) {
        *o = s ^ (1 << (r.wide() >> (4 * j) & 15));
    }
    // behind an odd number of tables
    if let Some(rest) = out.get_mut(rho.len()..) {
        rest.fill(0);
    }
}

/// Bit `k` of each of a word's elements; 0 behind the last one.
#[inline(always)]
fn bit_of_each<W: Word>(x: &[W], word: usize, k: u32) -> u32 {
    let mut bits = 0;
    for (i, x) in x[word * CHUNK..].iter().take(CHUNK).enumerate() {
        let bit = (x.wide() >> k & 1) as u32;
        bits |= bit << i;
    }
    bits
}

/// The bits of a word that stand for one of `len` elements.
#[inline(always)]
fn elements(len: usize, word: usize) -> u32 {
    u32::MAX >> (CHUNK - (len - word * CHUNK).min(CHUNK))
}
