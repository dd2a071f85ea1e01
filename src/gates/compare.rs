//! Comparison: Tab-LT, one-hot tables of the mask's digits, and one round of n-ary AND.
//!
//!   1. D: per 4-bit digit of the mask's window a one-hot table H_j, XOR-shared; [rho[h]]; masks alpha_j, beta_j and
//!      shares of their products
//!   2. the public digits a_j pick eq_j = H_j[a_j], lt_j = XOR_(v > a_j) H_j[v], locally
//!   3. e_j <- open(eq_j ^ alpha_j), l_j <- open(lt_j ^ beta_j)          one round for a whole list
//!   4. [lt] from e, l and the products; [b] = 1 ^ A[h] ^ [rho[h]] ^ [lt]:  b = 1 iff y >= 0
//!
//! A wire may be compared with several public thresholds at once: the tables are read at other digits, and everything that
//! is opened has masks of its own.
//!
//! Rounds 1, opens 2 (k/4 - 1) bits per element, deals 54 bits for k = 12, 5 more a threshold (protocols.md 3.1).
//! Right for -2^h <= y <= 2^h - 2^t, but for -2^t < y < 0, where the sign is 1 with probability 1 + y / 2^t.
//! Perfectly private: the tables are uniform, what is opened is one-time-padded.

use crate::error::Result;
use crate::fixed::{Profile, Window, mask};
use crate::kernel::fast::bits::plane;
use crate::kernel::table::{
    COMPARE_ASK, COMPARE_TELL, CompareParams, DEAL_COMPARE, PAIR_WINDOWS, PairParams, WINDOW, WINDOW_DIFFERENCE,
    WindowParams, XOR, XorParams,
};
use crate::kernel::twin::compare::{dealt_words, digits, pairs, shared_words};
use crate::party::{
    BitShare, Clear, CostKind, Dealer, DealtWire, Number, OpenWire, Plan, Server, Values, count, low, power,
};
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

use super::width;

/// Compares wires.
pub trait Compare: Values {
    /// For every wire of a list, the bits `[y >= 0]`.
    ///
    /// # Errors
    /// What the device or the link says.
    fn sign(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<Self::Bits>>;

    /// The bits `[y >= t]` of a wire for each of some public thresholds, integers on the wire's grid.
    ///
    /// Thresholds are multiples of the window's unit `2^low` (what is below is cut), and `y - t` has the range that the
    /// sign asks of `y`. The bits of a smaller threshold include those of a larger one, always.
    ///
    /// # Errors
    /// What the device or the link says.
    fn at_least(&mut self, y: &Self::Wire, window: Window, thresholds: &[i64]) -> Result<Vec<Self::Bits>>;

    /// For every pair of wires of a list, the bits `[x >= y]`; the two have the same bits.
    ///
    /// Both sides are cut to the window before they are subtracted.
    ///
    /// # Errors
    /// What the device or the link says.
    fn larger(&mut self, list: &[(&Self::Wire, &Self::Wire)], window: Window) -> Result<Vec<Self::Bits>> {
        Ok(self.order(list, &[], window)?.0)
    }

    /// The bits `[x >= y]` of pairs and `[y >= 0]` of wires, in one round; all have the same bits.
    ///
    /// # Errors
    /// What the device or the link says.
    #[expect(clippy::type_complexity, reason = "the lists of two kinds of comparisons")]
    fn order(
        &mut self,
        pairs: &[(&Self::Wire, &Self::Wire)],
        wires: &[&Self::Wire],
        window: Window,
    ) -> Result<(Vec<Self::Bits>, Vec<Self::Bits>)>;

    /// For a wire `[rows, classes]`, the bits `[y_i >= y_j]` of all pairs `i < j`, `[pairs, rows]`.
    ///
    /// Both sides are cut to the window before they are subtracted, so that the comparison of what is left is exact.
    ///
    /// # Errors
    /// What the device or the link says.
    fn pair_signs(&mut self, y: &Self::Wire, window: Window) -> Result<Self::Bits>;
}

/// Windows of public values that are compared with the windows of one mask, by threshold; at the dealer, of that mask.
pub(super) struct Windows {
    pub(super) a: Vec<Tensor>,
    pub(super) k: u32,
}

/// The windows of a wire less each of some thresholds; `public` takes the lift off.
fn windows(device: &Device, x: &Tensor, bits: u32, window: Window, public: bool, at: &[i64]) -> Result<Windows> {
    let w = window.on(bits);
    let k = w.bits();
    let one = |threshold: &i64| {
        let add = unlift(bits, public).wrapping_sub((threshold >> w.low << w.low).cast_unsigned()) & mask(bits);
        let params = WindowParams { bits, low: w.low, k, add_lo: low(add), add_hi: low(add >> 32) };
        device.run(&WINDOW, params, &[x], x.shape().clone())
    };
    Ok(Windows { a: at.iter().map(one).collect::<Result<_>>()?, k })
}

/// The windows of the differences of all pairs.
fn pair_windows(device: &Device, x: &Tensor, bits: u32, window: Window, public: bool) -> Result<Windows> {
    let (w, add, (rows, classes)) = (window.on(bits), unlift(bits, public), x.shape().matrix());
    let k = w.bits();
    let (add_lo, add_hi) = (low(add), low(add >> 32));
    let params = PairParams { rows: count(rows), classes: count(classes), bits, low: w.low, k, add_lo, add_hi };
    Ok(Windows { a: vec![device.run(&PAIR_WINDOWS, params, &[x], [pairs(classes).count(), rows])?], k })
}

/// The windows of the differences of two wires, or of their masks.
fn difference(device: &Device, [x, y]: [&Tensor; 2], bits: u32, window: Window, public: bool) -> Result<Windows> {
    let (w, add) = (window.on(bits), unlift(bits, public));
    let k = w.bits();
    let params = WindowParams { bits, low: w.low, k, add_lo: low(add), add_hi: low(add >> 32) };
    Ok(Windows { a: vec![device.run(&WINDOW_DIFFERENCE, params, &[x, y], x.shape().clone())?], k })
}

/// Checks that the two of every pair have the same bits.
fn same_bits<T>(pairs: &[(&T, &T)], bits: impl Fn(&T) -> u32) -> Result<()> {
    pairs.iter().try_for_each(|(x, y)| width::same("larger", bits(x), bits(y)))
}

/// What takes the lift off a public value.
fn unlift(bits: u32, public: bool) -> u64 {
    if public { 0u64.wrapping_sub(1 << (bits - 2)) & mask(bits) } else { 0 }
}

/// Words that are dealt for the first threshold of a wire, and for one `more`.
fn frame_words(len: usize, k: u32, more: bool) -> usize {
    dealt_words(len, k) - if more { shared_words(len, k) } else { 0 }
}

/// One comparison between its two halves.
struct Asking {
    a: Tensor,
    params: CompareParams,
    own: Tensor,
    asked: Tensor,
    tables: Tensor,
    products: Tensor,
}

impl Server {
    /// Compares all of a list in one round; the bits by entry and threshold.
    pub(super) fn compare(&mut self, list: Vec<Windows>) -> Result<Vec<Vec<BitShare>>> {
        let counts: Vec<_> = list.iter().map(|w| w.a.len()).collect();
        let mut held = Vec::with_capacity(list.len());
        for Windows { a, k } in list {
            let mut tables = None;
            for a in a {
                let (len, m, more) = (a.len(), digits(k), tables.is_some());
                let own = self.draw((2 * m - 2) * plane(len))?;
                let products = self.dealt(frame_words(len, k, more))?;
                let tables = tables.get_or_insert_with(|| products.clone()).clone();
                let params = CompareParams { k, first: self.first(), more: more.into() };
                let asked =
                    self.device().run(&COMPARE_ASK, params, &[&a, &own, &tables], [(2 * m - 1) * plane(len)])?;
                held.push(Asking { a, params, own, asked, tables, products });
            }
        }
        let asks: Vec<_> = held.iter().map(|h| (&h.asked, h.own.len())).collect();
        let peer = self.exchange(&asks)?;
        let tell = |(h, at): (Asking, u32)| {
            let params = XorParams { a_at: 0, b_at: at };
            let opened = self.device().run(&XOR, params, &[&h.asked, &peer.words], [h.own.len()])?;
            let inputs = [&h.a, &opened, &h.asked, &h.own, &h.tables, &h.products];
            let x = self.device().run(&COMPARE_TELL, h.params, &inputs, [plane(h.a.len())])?;
            Ok(BitShare { x, shape: h.a.shape().clone() })
        };
        let mut bits = held.into_iter().zip(peer.at.iter().copied()).map(tell);
        counts.into_iter().map(|n| bits.by_ref().take(n).collect()).collect()
    }
}

impl Dealer {
    /// Deals for all of a list, each with the number of its thresholds.
    pub(super) fn compare(&mut self, list: Vec<(Windows, usize)>) -> Result<Vec<Vec<Shape>>> {
        let mut shapes = Vec::with_capacity(list.len());
        for (Windows { a, k }, thresholds) in list {
            let rho = &a[0];
            for nth in 0..thresholds {
                let (len, m, more) = (rho.len(), digits(k), nth > 0);
                let [own0, own1] = self.draw((2 * m - 2) * plane(len))?;
                let share0 = self.share0(frame_words(len, k, more))?;
                let params = CompareParams { k, first: 0, more: more.into() };
                let inputs = [rho, &own0, &own1, &share0];
                let dealt = self.device().run(&DEAL_COMPARE, params, &inputs, [share0.len()])?;
                self.ship(&dealt)?;
            }
            shapes.push(vec![rho.shape().clone(); thresholds]);
        }
        Ok(shapes)
    }
}

/// The first `n`, and the others.
fn parted<T>(mut all: Vec<T>, n: usize) -> (Vec<T>, Vec<T>) {
    let rest = all.split_off(n);
    (all, rest)
}

/// The bits of the one threshold of every entry.
fn first<T>(all: Vec<Vec<T>>) -> Vec<T> {
    all.into_iter().flatten().collect()
}

impl Compare for Server {
    fn sign(&mut self, list: &[(&OpenWire, Window)]) -> Result<Vec<BitShare>> {
        let one = |(y, w): &(&OpenWire, Window)| windows(self.device(), &y.hat, y.bits, *w, true, &[0]);
        let list = list.iter().map(one).collect::<Result<_>>()?;
        self.compare(list).map(first)
    }

    fn at_least(&mut self, y: &OpenWire, window: Window, thresholds: &[i64]) -> Result<Vec<BitShare>> {
        let w = windows(self.device(), &y.hat, y.bits, window, true, thresholds)?;
        self.compare(vec![w]).map(first)
    }

    fn order(
        &mut self,
        pairs: &[(&OpenWire, &OpenWire)],
        wires: &[&OpenWire],
        window: Window,
    ) -> Result<(Vec<BitShare>, Vec<BitShare>)> {
        same_bits(pairs, |y| y.bits)?;
        let pair = |(x, y): &(&OpenWire, &OpenWire)| difference(self.device(), [&x.hat, &y.hat], x.bits, window, true);
        let one = |y: &&OpenWire| windows(self.device(), &y.hat, y.bits, window, true, &[0]);
        let list = pairs.iter().map(pair).chain(wires.iter().map(one)).collect::<Result<_>>()?;
        Ok(parted(first(self.compare(list)?), pairs.len()))
    }

    fn pair_signs(&mut self, y: &OpenWire, window: Window) -> Result<BitShare> {
        let w = pair_windows(self.device(), &y.hat, y.bits, window, true)?;
        self.compare(vec![w]).map(|bits| first(bits).remove(0))
    }
}

impl Compare for Dealer {
    fn sign(&mut self, list: &[(&DealtWire, Window)]) -> Result<Vec<Shape>> {
        let one = |(y, w): &(&DealtWire, Window)| Ok((windows(self.device(), &y.r, y.bits, *w, false, &[0])?, 1));
        let list = list.iter().map(one).collect::<Result<_>>()?;
        self.compare(list).map(first)
    }

    fn at_least(&mut self, y: &DealtWire, window: Window, thresholds: &[i64]) -> Result<Vec<Shape>> {
        let w = windows(self.device(), &y.r, y.bits, window, false, &[0])?;
        self.compare(vec![(w, thresholds.len())]).map(first)
    }

    fn order(
        &mut self,
        pairs: &[(&DealtWire, &DealtWire)],
        wires: &[&DealtWire],
        window: Window,
    ) -> Result<(Vec<Shape>, Vec<Shape>)> {
        same_bits(pairs, |y| y.bits)?;
        let pair = |(x, y): &(&DealtWire, &DealtWire)| difference(self.device(), [&x.r, &y.r], x.bits, window, false);
        let one = |y: &&DealtWire| windows(self.device(), &y.r, y.bits, window, false, &[0]);
        let list = pairs.iter().map(pair).chain(wires.iter().map(one));
        let list = list.map(|w| Ok((w?, 1))).collect::<Result<_>>()?;
        Ok(parted(first(self.compare(list)?), pairs.len()))
    }

    fn pair_signs(&mut self, y: &DealtWire, window: Window) -> Result<Shape> {
        let w = pair_windows(self.device(), &y.r, y.bits, window, false)?;
        self.compare(vec![(w, 1)]).map(|bits| first(bits).remove(0))
    }
}

/// The bound on what a window compares, as a real number, in profile `q`; the wire has `bits` bits in profile `p`.
fn high(q: &Profile, window: &Window, bits: u32, p: &Profile) -> f64 {
    let theirs = if *window == p.argmax_window() { q.argmax_window() } else { q.window };
    let window = if p == q { *window } else { theirs };
    power(window.on(q.wire - (p.wire - bits)).high, q.frac)
}

impl Clear {
    /// `[v >= 0]` as bit `k` of `v mod 2^(k+1)` tells.
    fn sign_bit(v: i64, k: u32) -> i64 {
        1 ^ (v >> k & 1)
    }
}

impl Compare for Clear {
    fn sign(&mut self, list: &[(&Number, Window)]) -> Result<Vec<Number>> {
        let one = |(y, window): &(&Number, Window)| {
            let w = window.on(y.bits);
            let p = self.profile().clone();
            self.check("compared", &y.x, p.frac, 1 << w.high, |q| high(q, window, y.bits, &p));
            let bits = y.x.iter().map(|y| Self::sign_bit(self.round(*y, w.low), w.bits())).collect();
            Ok(Number { x: bits, shape: y.shape.clone(), bits: 1 })
        };
        list.iter().map(one).collect()
    }

    fn at_least(&mut self, y: &Number, window: Window, thresholds: &[i64]) -> Result<Vec<Number>> {
        let (w, p) = (window.on(y.bits), self.profile().clone());
        let v: Vec<i64> = y.x.iter().map(|y| self.round(*y, w.low)).collect();
        let one = |t: &i64| {
            let differences: Vec<i64> = v.iter().map(|v| v - (t >> w.low)).collect();
            self.check("compared", &differences, p.frac - w.low, 1 << w.bits(), |q| high(q, &window, y.bits, &p));
            let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
            Number { x: bits, shape: y.shape.clone(), bits: 1 }
        };
        Ok(thresholds.iter().map(one).collect())
    }

    fn order(
        &mut self,
        pairs: &[(&Number, &Number)],
        wires: &[&Number],
        window: Window,
    ) -> Result<(Vec<Number>, Vec<Number>)> {
        same_bits(pairs, |y| y.bits)?;
        let one = |(x, y): &(&Number, &Number)| {
            let w = window.on(x.bits);
            let mut cut = |n: &Number| n.x.iter().map(|v| self.round(*v, w.low)).collect::<Vec<i64>>();
            let (a, b) = (cut(x), cut(y));
            let differences: Vec<i64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
            let p = self.profile().clone();
            self.check("difference", &differences, p.frac - w.low, 1 << w.bits(), |q| high(q, &window, x.bits, &p));
            let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
            Number { x: bits, shape: x.shape.clone(), bits: 1 }
        };
        let larger = pairs.iter().map(one).collect();
        Ok((larger, self.sign(&wires.iter().map(|y| (*y, window)).collect::<Vec<_>>())?))
    }

    fn pair_signs(&mut self, y: &Number, window: Window) -> Result<Number> {
        let (w, (rows, classes)) = (window.on(y.bits), y.shape.matrix());
        let v: Vec<i64> = y.x.iter().map(|y| self.round(*y, w.low)).collect();
        let all = |(i, j)| (0..rows).map(move |r| (r * classes + i, r * classes + j));
        let differences: Vec<i64> = pairs(classes).flat_map(all).map(|(i, j)| v[i] - v[j]).collect();
        let p = self.profile().clone();
        self.check("difference", &differences, p.frac - w.low, 1 << w.bits(), |q| high(q, &window, y.bits, &p));
        let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
        Ok(Number { x: bits, shape: [pairs(classes).count(), rows].into(), bits: 1 })
    }
}

impl Compare for Plan {
    fn sign(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<Self::Bits>> {
        let server: Vec<_> = list.iter().map(|(y, w)| (&y.0, *w)).collect();
        let dealer: Vec<_> = list.iter().map(|(y, w)| (&y.1, *w)).collect();
        self.gates(CostKind::Compares, |s| s.sign(&server), |d| d.sign(&dealer))
    }

    fn at_least(&mut self, y: &Self::Wire, window: Window, thresholds: &[i64]) -> Result<Vec<Self::Bits>> {
        let (ask, deal) = (&y.0, &y.1);
        self.gates(
            CostKind::Compares,
            |s| s.at_least(ask, window, thresholds),
            |d| d.at_least(deal, window, thresholds),
        )
    }

    fn order(
        &mut self,
        pairs: &[(&Self::Wire, &Self::Wire)],
        wires: &[&Self::Wire],
        window: Window,
    ) -> Result<(Vec<Self::Bits>, Vec<Self::Bits>)> {
        let server: Vec<_> = pairs.iter().map(|(x, y)| (&x.0, &y.0)).collect();
        let dealer: Vec<_> = pairs.iter().map(|(x, y)| (&x.1, &y.1)).collect();
        let (asking, dealing): (Vec<_>, Vec<_>) = wires.iter().map(|y| (&y.0, &y.1)).unzip();
        let all = |(larger, signs): (Vec<_>, Vec<_>)| larger.into_iter().chain(signs).collect();
        let bits = self.gates(
            CostKind::Compares,
            |s| s.order(&server, &asking, window).map(all),
            |d| d.order(&dealer, &dealing, window).map(|(larger, signs)| larger.into_iter().chain(signs).collect()),
        )?;
        Ok(parted(bits, pairs.len()))
    }

    fn pair_signs(&mut self, y: &Self::Wire, window: Window) -> Result<Self::Bits> {
        self.gate(CostKind::Compares, |s| s.pair_signs(&y.0, window), |d| d.pair_signs(&y.1, window))
    }
}
