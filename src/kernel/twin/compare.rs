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
use crate::kernel::fast::compare as fast;
use crate::kernel::layout::{digits, pairs, shared_words};
use crate::kernel::packed::{Filler, Items, pack, plane};
use crate::kernel::row::{kernels, params};

params! {
    /// Of `COMPARE_ASK`.
    CompareParams { k, first, more }
    /// Of `PAIR_WINDOWS`.
    PairParams { rows, classes, bits, low, k, add_lo, add_hi }
    /// Of `WINDOW`.
    WindowParams { bits, low, k, add_lo, add_hi }
}

kernels! {
    /// Table lookups of a comparison, masked.
    COMPARE_ASK = ask of "compare.wgsl", CompareParams, [Ring, Raw, Raw] => Raw, compare_ask, fast;
    /// Sign bits from the opened planes of a comparison.
    COMPARE_TELL = tell of "compare.wgsl", CompareParams, [Ring, Raw, Raw, Raw, Raw, Raw] => Raw, compare_tell, fast;
    /// Tables and products of a comparison.
    DEAL_COMPARE = deal of "compare.wgsl", CompareParams, [Ring, Raw, Raw, Raw] => Raw, deal_compare, fast;
    /// Windows of the differences of all pairs of a row.
    PAIR_WINDOWS = main of "pair_windows.wgsl", PairParams, [Ring] => Ring, pair_windows;
    /// The bits of a wire that a comparison looks at.
    WINDOW = main of "window.wgsl", WindowParams, [Ring] => Ring, window;
}

/// `out = ((x + add) mod 2^bits >> low) mod 2^(k+1)`: the bits of a wire that a comparison looks at.
fn window<W: Word>(p: &WindowParams, x: &[W], out: &mut [W]) {
    let add = W::low(u64::from(p.add_lo) | u64::from(p.add_hi) << 32);
    for (o, x) in out.iter_mut().zip(x) {
        *o = x.add(add).and(W::ones(p.bits)).shr(p.low).and(W::ones(p.k + 1));
    }
}

/// `out[(i, j), row] = (v_i - v_j) mod 2^(k+1)`, `v = (x + add) mod 2^bits >> low`: shift first, then subtract.
fn pair_windows<W: Word>(p: &PairParams, x: &[W], out: &mut [W]) {
    let (rows, classes) = (p.rows as usize, p.classes as usize);
    let add = W::low(u64::from(p.add_lo) | u64::from(p.add_hi) << 32);
    let v = |row: usize, i: usize| x[row * classes + i].add(add).and(W::ones(p.bits)).shr(p.low);
    for ((i, j), out) in pairs(classes).zip(out.chunks_exact_mut(rows)) {
        out.iter_mut().enumerate().for_each(|(r, o)| *o = v(r, i).sub(v(r, j)).and(W::ones(p.k + 1)));
    }
}

/// Looks the public digits up in the tables: planes to open, and behind them `lt_(m-1)`.
///
/// From bit `a_j` on, the first bit of table `H_j` is `eq_j`, the parity of the others `lt_j`.
fn compare_ask<W: Word>(p: &CompareParams, a: &[W], own: &[u32], dealt: &[u32], out: &mut [u32]) {
    let (len, m) = (a.len(), digits(p.k));
    let w = plane(len);
    let mut tables = Items::new(dealt);
    for j in 0..m {
        let table = tables.next(len, 16);
        let from_digit = |i: usize| table.at(i) >> (a[i].wide() >> (4 * j) & 15);
        if j > 0 {
            let eq = &mut out[(j - 1) * w..j * w];
            pack(eq, 1, len, from_digit);
            xor(eq, &own[(j - 1) * w..]);
        }
        let at = (m - 1 + j) * w;
        let lt = &mut out[at..at + w];
        pack(lt, 1, len, |i| u64::from((from_digit(i) >> 1).count_ones()));
        if j + 1 < m {
            xor(lt, &own[at..]);
        }
    }
}

fn xor(plane: &mut [u32], with: &[u32]) {
    plane.iter_mut().zip(with).for_each(|(x, y)| *x ^= y);
}

/// Shares of `[value >= 0]` from the opened planes.
///
/// `lt = lt_(m-1) ^ XOR_(j<m-1) XOR_(S in {j+1..m-1}) (prod_(i not in S) e_i) (l_j alpha_S ^ [beta_j alpha_S])`,
/// `b = 1 ^ a[k] ^ [rho[h]] ^ lt`; public terms enter on server 0 (`first`).
#[expect(clippy::too_many_arguments, reason = "a kernel has the operands of its row")]
fn compare_tell<W: Word>(
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
    pack(out, 1, len, |i| 1 ^ a[i].wide() >> p.k);
    for (word, out) in out.iter_mut().enumerate() {
        let mut next = planes.iter().skip(word).step_by(w).copied();
        let mut dealt = || next.next().expect("the frame holds a plane for every product");
        let plane = |planes: &[u32], at: usize| planes[at * w + word];
        // bit i of a subset stands for digit 1 + i
        let mut alpha = vec![first];
        for s in 1..1usize << (m - 1) {
            alpha.push(if s.is_power_of_two() { plane(own, s.trailing_zeros() as usize) } else { dealt() });
        }
        let mut lt = plane(asked, 2 * m - 2);
        for j in 0..m - 1 {
            let l = plane(opened, m - 1 + j);
            for s in 0..1usize << (m - 1 - j) {
                let beta_alpha = if s == 0 { plane(own, m - 1 + j) } else { dealt() };
                let others = (0..m - 1 - j).filter(|i| s >> i & 1 == 0).map(|i| plane(opened, j + i));
                lt ^= others.fold(u32::MAX, |x, e| x & e) & (l & alpha[s << j] ^ beta_alpha);
            }
        }
        *out = (*out & first) ^ tops[word] ^ lt;
    }
}

/// What the dealer ships for a comparison with the windows `rho` of a mask: values minus server 0's shares. For one `more`
/// threshold the products alone.
fn deal_compare<W: Word>(p: &CompareParams, rho: &[W], own0: &[u32], own1: &[u32], share0: &[u32], out: &mut [u32]) {
    let (w, m) = (plane(rho.len()), digits(p.k));
    let mut share = Items::new(share0);
    let mut fill = Filler::new(out);
    if p.more == 0 {
        deal_tables(p, rho, &mut share, &mut fill);
    }
    let own = |plane: usize| -> Vec<u32> {
        let planes = own0[plane * w..].iter().zip(&own1[plane * w..]);
        planes.take(w).map(|(a, b)| a ^ b).collect()
    };
    let mut ship = |x: &[u32]| {
        let plane = fill.raw(w);
        plane.copy_from_slice(x);
        xor(plane, share.raw(w));
    };
    let and = |x: &[u32], y: &[u32]| -> Vec<u32> { x.iter().zip(y).map(|(x, y)| x & y).collect() };
    // bit i of a subset stands for digit 1 + i
    let mut alpha = vec![vec![u32::MAX; w]];
    for s in 1..1usize << (m - 1) {
        alpha.push(and(&alpha[s & (s - 1)], &own(s.trailing_zeros() as usize)));
        if !s.is_power_of_two() {
            ship(&alpha[s]);
        }
    }
    for j in 0..m - 1 {
        let beta = own(m - 1 + j);
        for s in 1..1usize << (m - 1 - j) {
            ship(&and(&beta, &alpha[s << j]));
        }
    }
}

/// The tables `H_j` of the windows' digits and their bits `rho[h]`, minus server 0's shares.
fn deal_tables<W: Word>(p: &CompareParams, rho: &[W], share: &mut Items<'_>, fill: &mut Filler<'_>) {
    let len = rho.len();
    for j in 0..digits(p.k) {
        let share = share.next(len, 16);
        fill.item(len, 16, |i| share.at(i) ^ 1 << (rho[i].wide() >> (4 * j) & 15));
    }
    let top = fill.raw(plane(len));
    pack(top, 1, len, |i| rho[i].wide() >> p.k);
    xor(top, share.raw(plane(len)));
}
