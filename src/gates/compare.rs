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
use crate::fixed::{Profile, Window};
use crate::kernel::layout::{compare_words, digits, pairs, shared_words};
use crate::kernel::packed::plane;
use crate::kernel::twin::compare::{COMPARE_ASK, COMPARE_TELL, CompareParams, DEAL_COMPARE};
use crate::kernel::twin::pack::{XOR, XorParams};
use crate::party::{
    BitShare, Clear, ClearTensor, CostKind, Dealer, DealtWire, Interpreter, MaskedWire, Plan, Scaled, Server, planned,
    power,
};
use crate::shape::Shape;
use crate::tensor::Tensor;

use super::compare_window::{Windowed, Windows};
use super::{array, check_rings, check_scales, window_on};

/// Compares wires. Windows are given for values of the profile's fraction bits, and follow a wire's own.
pub trait Compare: Interpreter {
    /// For every wire of a list, the bits `[y >= 0]`.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn sign_all(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<Self::Bits>>;

    /// The bits `[y >= 0]` of wires, in one round.
    ///
    /// # Errors
    /// As [`Compare::sign_all`].
    fn sign<const N: usize>(&mut self, list: [(&Self::Wire, Window); N]) -> Result<[Self::Bits; N]> {
        self.sign_all(&list).map(array)
    }

    /// The bits `[y >= t]` of a wire for each of some public thresholds, integers on the wire's grid.
    ///
    /// Thresholds are multiples of the window's unit `2^low` (what is below is cut), and `y - t` has the range that the
    /// sign asks of `y`. The bits of a smaller threshold include those of a larger one, always.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn at_least_all(&mut self, y: &Self::Wire, window: Window, thresholds: &[i64]) -> Result<Vec<Self::Bits>>;

    /// The same for a known number of thresholds.
    ///
    /// # Errors
    /// As [`Compare::at_least_all`].
    fn at_least<const N: usize>(
        &mut self,
        y: &Self::Wire,
        window: Window,
        thresholds: [i64; N],
    ) -> Result<[Self::Bits; N]> {
        self.at_least_all(y, window, &thresholds).map(array)
    }

    /// For every pair of wires of a list, the bits `[x >= y]`; the two have the same bits and scale.
    ///
    /// Both sides are cut to the window before they are subtracted.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn larger_all(&mut self, list: &[(&Self::Wire, &Self::Wire)], window: Window) -> Result<Vec<Self::Bits>> {
        Ok(self.compare_batch(list, &[], window)?.0)
    }

    /// The same for a known number of pairs.
    ///
    /// # Errors
    /// As [`Compare::larger_all`].
    fn larger<const N: usize>(
        &mut self,
        list: [(&Self::Wire, &Self::Wire); N],
        window: Window,
    ) -> Result<[Self::Bits; N]> {
        self.larger_all(&list, window).map(array)
    }

    /// The bits `[x >= y]` of pairs and `[y >= 0]` of wires, in one round; all have the same bits.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    #[expect(clippy::type_complexity, reason = "the lists of two kinds of comparisons")]
    fn compare_batch(
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
    /// See [`Engine`](crate::gates::Engine#errors).
    fn pair_signs(&mut self, y: &Self::Wire, window: Window) -> Result<Self::Bits>;
}

/// Checks that the two of every pair have the same bits and scale.
fn alike<T: Scaled>(pairs: &[(&T, &T)]) -> Result<()> {
    pairs.iter().try_for_each(|(x, y)| {
        check_rings::same("larger", x.bits(), y.bits())?;
        check_scales::same("larger", x.frac(), y.frac())
    })
}

/// Words that are dealt for the first threshold of a wire, and for one `more`.
fn frame_words(len: usize, k: u32, more: bool) -> usize {
    compare_words(len, k) - if more { shared_words(len, k) } else { 0 }
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
            let inputs = [&h.a, &h.own, &h.tables, &h.products, &opened, &h.asked];
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
                let params = CompareParams { k, first: 0, more: more.into() };
                self.deal(&DEAL_COMPARE, params, &[rho, &own0, &own1], frame_words(len, k, more))?;
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
    fn sign_all(&mut self, list: &[(&MaskedWire, Window)]) -> Result<Vec<BitShare>> {
        let _gate = self.gate(CostKind::Compares);
        let p = *self.profile();
        let one =
            |(y, window): &(&MaskedWire, Window)| Windowed::open(y, *window, &p).minus_thresholds(self.device(), &[0]);
        let list = list.iter().map(one).collect::<Result<_>>()?;
        self.compare(list).map(first)
    }

    fn at_least_all(&mut self, y: &MaskedWire, window: Window, thresholds: &[i64]) -> Result<Vec<BitShare>> {
        let _gate = self.gate(CostKind::Compares);
        let w = Windowed::open(y, window, self.profile()).minus_thresholds(self.device(), thresholds)?;
        self.compare(vec![w]).map(first)
    }

    fn compare_batch(
        &mut self,
        pairs: &[(&MaskedWire, &MaskedWire)],
        wires: &[&MaskedWire],
        window: Window,
    ) -> Result<(Vec<BitShare>, Vec<BitShare>)> {
        let _gate = self.gate(CostKind::Compares);
        alike(pairs)?;
        let p = *self.profile();
        let pair = |(x, y): &(&MaskedWire, &MaskedWire)| {
            Windowed::open(x, window, &p).minus(self.device(), &Windowed::open(y, window, &p))
        };
        let one = |y: &&MaskedWire| Windowed::open(y, window, &p).minus_thresholds(self.device(), &[0]);
        let list = pairs.iter().map(pair).chain(wires.iter().map(one)).collect::<Result<_>>()?;
        Ok(parted(first(self.compare(list)?), pairs.len()))
    }

    fn pair_signs(&mut self, y: &MaskedWire, window: Window) -> Result<BitShare> {
        let _gate = self.gate(CostKind::Compares);
        let w = Windowed::open(y, window, self.profile()).pair_differences(self.device())?;
        let [bits] = array(first(self.compare(vec![w])?));
        Ok(bits)
    }
}

impl Compare for Dealer {
    fn sign_all(&mut self, list: &[(&DealtWire, Window)]) -> Result<Vec<Shape>> {
        let p = *self.profile();
        let one = |(y, window): &(&DealtWire, Window)| {
            Ok((Windowed::mask(y, *window, &p).minus_thresholds(self.device(), &[0])?, 1))
        };
        let list = list.iter().map(one).collect::<Result<_>>()?;
        self.compare(list).map(first)
    }

    fn at_least_all(&mut self, y: &DealtWire, window: Window, thresholds: &[i64]) -> Result<Vec<Shape>> {
        let w = Windowed::mask(y, window, self.profile()).minus_thresholds(self.device(), &[0])?;
        self.compare(vec![(w, thresholds.len())]).map(first)
    }

    fn compare_batch(
        &mut self,
        pairs: &[(&DealtWire, &DealtWire)],
        wires: &[&DealtWire],
        window: Window,
    ) -> Result<(Vec<Shape>, Vec<Shape>)> {
        alike(pairs)?;
        let p = *self.profile();
        let pair = |(x, y): &(&DealtWire, &DealtWire)| {
            Windowed::mask(x, window, &p).minus(self.device(), &Windowed::mask(y, window, &p))
        };
        let one = |y: &&DealtWire| Windowed::mask(y, window, &p).minus_thresholds(self.device(), &[0]);
        let list = pairs.iter().map(pair).chain(wires.iter().map(one));
        let list = list.map(|w| Ok((w?, 1))).collect::<Result<_>>()?;
        Ok(parted(first(self.compare(list)?), pairs.len()))
    }

    fn pair_signs(&mut self, y: &DealtWire, window: Window) -> Result<Shape> {
        let w = Windowed::mask(y, window, self.profile()).pair_differences(self.device())?;
        let [shape] = array(first(self.compare(vec![(w, 1)])?));
        Ok(shape)
    }
}

/// The bound on what a window compares, as a real number, in profile `q`; the wire has `bits` bits in profile `p`, and `frac`
/// fraction bits.
fn high(q: &Profile, window: &Window, y: &ClearTensor, p: &Profile) -> f64 {
    let divided = |bits: &u32| p.window.divided(*bits) == *window;
    let window = match (0..=2).find(divided) {
        _ if p == q => *window,
        _ if *window == p.argmax_window() => q.argmax_window(),
        Some(bits) => q.window.divided(bits),
        // a window of its own is the same in every profile
        None => return power(window_on(*window, y, p).high, y.frac),
    };
    // as many fraction bits more or fewer than the profile's
    let frac = (q.frac + y.frac).saturating_sub(p.frac);
    power(window.rescaled(q.frac, frac).on(q.wire + y.bits - p.wire).high, frac)
}

impl Clear {
    /// `[v >= 0]` as bit `k` of `v mod 2^(k+1)` tells.
    fn sign_bit(v: i64, k: u32) -> i64 {
        1 ^ (v >> k & 1)
    }
}

impl Compare for Clear {
    fn sign_all(&mut self, list: &[(&ClearTensor, Window)]) -> Result<Vec<ClearTensor>> {
        let one = |(y, window): &(&ClearTensor, Window)| {
            let p = *self.profile();
            let w = window_on(*window, *y, &p);
            self.check("compared", &y.x, y.frac, 1 << w.high, |q| high(q, window, y, &p));
            let bits = y.x.iter().map(|y| Self::sign_bit(self.round(*y, w.low), w.bits())).collect();
            Ok(ClearTensor::of_bits(bits, y.shape.clone()))
        };
        list.iter().map(one).collect()
    }

    fn at_least_all(&mut self, y: &ClearTensor, window: Window, thresholds: &[i64]) -> Result<Vec<ClearTensor>> {
        let p = *self.profile();
        let w = window_on(window, y, &p);
        let v: Vec<i64> = y.x.iter().map(|y| self.round(*y, w.low)).collect();
        let one = |t: &i64| {
            let differences: Vec<i64> = v.iter().map(|v| v - (t >> w.low)).collect();
            self.check("compared", &differences, y.frac - w.low, 1 << w.bits(), |q| high(q, &window, y, &p));
            let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
            ClearTensor::of_bits(bits, y.shape.clone())
        };
        Ok(thresholds.iter().map(one).collect())
    }

    fn compare_batch(
        &mut self,
        pairs: &[(&ClearTensor, &ClearTensor)],
        wires: &[&ClearTensor],
        window: Window,
    ) -> Result<(Vec<ClearTensor>, Vec<ClearTensor>)> {
        alike(pairs)?;
        let one = |(x, y): &(&ClearTensor, &ClearTensor)| {
            let p = *self.profile();
            let w = window_on(window, *x, &p);
            let mut cut = |n: &ClearTensor| n.x.iter().map(|v| self.round(*v, w.low)).collect::<Vec<i64>>();
            let (a, b) = (cut(x), cut(y));
            let differences: Vec<i64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
            self.check("difference", &differences, x.frac - w.low, 1 << w.bits(), |q| high(q, &window, x, &p));
            let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
            ClearTensor::of_bits(bits, x.shape.clone())
        };
        let larger = pairs.iter().map(one).collect();
        Ok((larger, self.sign_all(&wires.iter().map(|y| (*y, window)).collect::<Vec<_>>())?))
    }

    fn pair_signs(&mut self, y: &ClearTensor, window: Window) -> Result<ClearTensor> {
        let (p, (rows, classes)) = (*self.profile(), y.shape.matrix());
        let w = window_on(window, y, &p);
        let v: Vec<i64> = y.x.iter().map(|y| self.round(*y, w.low)).collect();
        let all = |(i, j)| (0..rows).map(move |r| (r * classes + i, r * classes + j));
        let differences: Vec<i64> = pairs(classes).flat_map(all).map(|(i, j)| v[i] - v[j]).collect();
        self.check("difference", &differences, y.frac - w.low, 1 << w.bits(), |q| high(q, &window, y, &p));
        let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
        Ok(ClearTensor::of_bits(bits, [pairs(classes).count(), rows]))
    }
}

impl Compare for Plan {
    fn sign_all(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<Self::Bits>> {
        let server: Vec<_> = list.iter().map(|(y, w)| (&y.0, *w)).collect();
        let dealer: Vec<_> = list.iter().map(|(y, w)| (&y.1, *w)).collect();
        self.gates(|s| s.sign_all(&server), |d| d.sign_all(&dealer))
    }

    fn at_least_all(&mut self, y: &Self::Wire, window: Window, thresholds: &[i64]) -> Result<Vec<Self::Bits>> {
        let (ask, deal) = (&y.0, &y.1);
        self.gates(|s| s.at_least_all(ask, window, thresholds), |d| d.at_least_all(deal, window, thresholds))
    }

    fn compare_batch(
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
            |s| s.compare_batch(&server, &asking, window).map(all),
            |d| {
                d.compare_batch(&dealer, &dealing, window)
                    .map(|(larger, signs)| larger.into_iter().chain(signs).collect())
            },
        )?;
        Ok(parted(bits, pairs.len()))
    }

    planned! {
        fn pair_signs(y: Wire; window: Window) -> Bits;
    }
}
