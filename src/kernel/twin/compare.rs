//! Comparison of a public value with a secret mask by one-hot tables (Tab-LT, protocols.md 3.1).
//!
//! Digits are 4 bits, the lowest first; `m = k / 4`. A plane is one bit per element. Layouts:
//! * `own`: planes `alpha_1 .. alpha_(m-1), beta_0 .. beta_(m-2)`, each server draws its shares;
//! * `dealt`: `m` items of 16-bit one-hot tables `H_j`; plane `rho[h]`; planes `alpha_S`, `|S| >= 2`;
//!   then for every `j < m-1` planes `beta_j alpha_S`, `S` a nonempty subset of `{j+1 .. m-1}`; subsets ascend as bit masks;
//!   where a wire is compared with one `more` threshold, its tables and `rho[h]` are those of the first, and a frame of its
//!   own has the products alone;
//! * asked: planes `eq_j ^ alpha_j (j >= 1), lt_j ^ beta_j (j <= m-2)`, and behind them, not sent, `lt_(m-1)`.

use crate::kernel::Word;
use crate::kernel::fast::bits::{CHUNK, Items, chunk, plane};
use crate::kernel::fast::split::{LIGHT, PIECE, split, split_items};
use crate::kernel::table::{CompareParams, PairParams, WindowParams};

/// Number of 4-bit digits of a window.
pub(crate) const fn digits(k: u32) -> usize {
    k as usize / 4
}

/// Words of what the dealer ships for one comparison.
pub(crate) const fn dealt_words(len: usize, k: u32) -> usize {
    let m = digits(k);
    let mut planes = 1 + (1 << (m - 1)) - m;
    let mut j = 0;
    while j + 1 < m {
        planes += (1 << (m - 1 - j)) - 1;
        j += 1;
    }
    m * (len * 16).div_ceil(32) + planes * plane(len)
}

/// Words of the frame of a comparison before the products: what all thresholds of a wire share.
pub(crate) const fn shared_words(len: usize, k: u32) -> usize {
    digits(k) * (len * 16).div_ceil(32) + plane(len)
}

/// `out = ((x + add) mod 2^bits >> low) mod 2^(k+1)`: the bits of a wire that a comparison looks at.
#[inline(always)]
pub(crate) fn window<W: Word>(p: &WindowParams, x: &[W], out: &mut [W]) {
    let add = W::low(u64::from(p.add_lo) | u64::from(p.add_hi) << 32);
    for (o, x) in out.iter_mut().zip(x) {
        *o = x.add(add).and(W::ones(p.bits)).shr(p.low).and(W::ones(p.k + 1));
    }
}

/// The pairs `(i, j)`, `i < j`, of `classes` candidates, in order.
#[inline(always)]
pub(crate) fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(move |i| (i + 1..classes).map(move |j| (i, j)))
}

/// `out[(i, j), row] = (v_i - v_j) mod 2^(k+1)`, `v = (x + add) mod 2^bits >> low`: shift first, then subtract.
#[inline(always)]
pub(crate) fn pair_windows<W: Word>(p: &PairParams, x: &[W], out: &mut [W]) {
    let (rows, classes) = (p.rows as usize, p.classes as usize);
    let add = W::low(u64::from(p.add_lo) | u64::from(p.add_hi) << 32);
    let v = |row: usize, i: usize| x[row * classes + i].add(add).and(W::ones(p.bits)).shr(p.low);
    for ((i, j), out) in pairs(classes).zip(out.chunks_exact_mut(rows)) {
        out.iter_mut().enumerate().for_each(|(r, o)| *o = v(r, i).sub(v(r, j)).and(W::ones(p.k + 1)));
    }
}

/// Looks the public digits up in the tables: planes to open, and behind them `lt_(m-1)`.
#[inline(always)]
pub(crate) fn compare_ask<W: Word>(p: &CompareParams, a: &[W], own: &[u32], dealt: &[u32], out: &mut [u32]) {
    let (len, m) = (a.len(), digits(p.k));
    let w = plane(len);
    split_items(
        out.chunks_mut(w.max(1)).map(|plane| (plane, 1)),
        w,
        PIECE / CHUNK,
        #[inline(always)]
        move |words, planes| {
            let mut tables = Items::new(dealt);
            for j in 0..m {
                let table = tables.next(len, 16);
                for (at, word) in words.clone().enumerate() {
                    let (a, table) = (chunk(a, word), table.chunk(word));
                    let (mut eq, mut lt) = (0u32, 0u32);
                    for i in 0..CHUNK {
                        #[expect(clippy::cast_possible_truncation, reason = "a table has 16 bits")]
                        let above = (table[i] >> (a[i] >> (4 * j) & 15)) as u32;
                        eq |= (above & 1) << i;
                        lt |= ((above >> 1).count_ones() & 1) << i;
                    }
                    // the last word of tables may hold one that is no element's
                    let elements = u32::MAX >> (CHUNK - (len - word * CHUNK).min(CHUNK));
                    let (eq, lt) = (eq & elements, lt & elements);
                    if j > 0 {
                        planes[j - 1][at] = eq ^ own[(j - 1) * w + word];
                    }
                    let behind = m - 1 + j;
                    planes[behind][at] = if j + 1 < m { lt ^ own[behind * w + word] } else { lt };
                }
            }
        },
    );
}

/// Shares of `[value >= 0]` from the opened planes.
///
/// `lt = lt_(m-1) ^ XOR_(j<m-1) XOR_(S in {j+1..m-1}) (prod_(i not in S) e_i) (l_j alpha_S ^ [beta_j alpha_S])`,
/// `b = 1 ^ a[k] ^ [rho[h]] ^ lt`; public terms enter on server 0 (`first`).
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a kernel has the operands of its row")]
pub(crate) fn compare_tell<W: Word>(
    p: &CompareParams,
    a: &[W],
    opened: &[u32],
    asked: &[u32],
    own: &[u32],
    dealt: &[u32],
    products: &[u32],
    out: &mut [u32],
) {
    let (len, m) = (a.len(), digits(p.k));
    let (w, first) = (plane(len), 0u32.wrapping_sub(p.first));
    let shared = shared_words(len, p.k);
    let (tops, planes) = (&dealt[shared - w..shared], if p.more == 1 { products } else { &products[shared..] });
    split(
        out,
        PIECE / CHUNK,
        #[inline(always)]
        move |at, out| {
            let mut products = vec![0; 1 << (m - 1)];
            let mut fold = vec![0; 1 << (m - 1)];
            for (word, out) in (at..).zip(out) {
                let mut next = planes.iter().skip(word).step_by(w).copied();
                let mut dealt = || next.next().expect("the frame holds a plane for every product");
                let e = |i: usize| opened[(i - 1) * w + word];
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
                    for i in (0..above).rev() {
                        for s in 0..1 << i {
                            fold[s] = (e(j + 1 + i) & fold[s]) ^ fold[s | 1 << i];
                        }
                    }
                    lt ^= fold[0];
                }
                let sign = bits_of(
                    a,
                    word,
                    #[inline(always)]
                    |a| 1 ^ (a >> p.k & 1),
                );
                *out = (sign & first) ^ tops[word] ^ lt;
            }
        },
    );
}

/// What the dealer ships for a comparison with the windows `rho` of a mask: values minus server 0's shares. For one `more`
/// threshold the products alone.
#[inline(always)]
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
    split_items(
        out_tables.chunks_mut(table.max(1)).map(|t| (t, 16)).chain(out_planes.chunks_mut(w.max(1)).map(|t| (t, 1))),
        w,
        LIGHT / CHUNK,
        #[inline(always)]
        move |words, items| {
            let (start, n) = (words.start, words.len());
            let (tables, planes) = items.split_at_mut(tables);
            for (j, out) in tables.iter_mut().enumerate() {
                let share: &[u16] = bytemuck::cast_slice(&share_tables[j * table + start * 16..]);
                let out: &mut [u16] = bytemuck::cast_slice_mut(out);
                let rho = &rho[start * CHUNK..];
                for ((o, s), r) in out.iter_mut().zip(share).zip(rho) {
                    *o = s ^ (1 << (r.wide() >> (4 * j) & 15));
                }
                // behind an odd number of tables
                if let Some(rest) = out.get_mut(rho.len()..) {
                    rest.fill(0);
                }
            }
            let own = |plane: usize| {
                let run = plane * w + start..plane * w + start + n;
                own0[run.clone()].iter().zip(&own1[run]).map(|(a, b)| a ^ b)
            };
            let mut planes = planes.iter_mut().zip(share_planes.chunks(w).map(|plane| &plane[start..]));
            let mut next = || planes.next().expect("the frame holds a plane for every product");
            if p.more == 0 {
                let (out, share) = next();
                for ((o, s), word) in out.iter_mut().zip(share).zip(words) {
                    *o = s ^ bits_of(
                        rho,
                        word,
                        #[inline(always)]
                        |r| r >> p.k & 1,
                    );
                }
            }
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
        },
    );
}

/// A word of bits: one of each of its elements, `bit(x)`, which is 0 or 1; 0 behind the last one.
#[inline(always)]
fn bits_of<W: Word>(x: &[W], word: usize, bit: impl Fn(u64) -> u64) -> u32 {
    let mut bits = 0;
    for (i, x) in x[word * CHUNK..].iter().take(CHUNK).enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "a bit")]
        let bit = bit(x.wide()) as u32;
        bits |= bit << i;
    }
    bits
}
