//! Comparison: Tab-LT, one-hot tables of the mask's digits, and one round of n-ary AND.
//!
//!   1. D: per 4-bit digit of the mask's window a one-hot table H_j, XOR-shared; [rho[h]]; masks alpha_j, beta_j and
//!      shares of their products
//!   2. the public digits a_j pick eq_j = H_j[a_j], lt_j = XOR_(v > a_j) H_j[v], locally
//!   3. e_j <- open(eq_j ^ alpha_j), l_j <- open(lt_j ^ beta_j)          one round for a whole list
//!   4. [lt] from e, l and the products; [b] = 1 ^ A[h] ^ [rho[h]] ^ [lt]:  b = 1 iff y >= 0
//!
//! Rounds 1, opens 2 (k/4 - 1) bits per element, deals 54 bits for k = 12 (protocols.md 3.1).
//! Right for -2^h <= y <= 2^h - 2^t, but for -2^t < y < 0, where the sign is 1 with probability 1 + y / 2^t.
//! Perfectly private: the tables are uniform, what is opened is one-time-padded.

use crate::error::Result;
use crate::fixed::{Window, mask};
use crate::kernel::fast::bits::plane;
use crate::kernel::table::{
    COMPARE_ASK, COMPARE_TELL, CompareParams, DEAL_COMPARE, PAIR_WINDOWS, PairParams, WINDOW, WindowParams, XOR,
    XorParams,
};
use crate::kernel::twin::compare::{dealt_words, digits, pairs};
use crate::party::{BitShare, Clear, Dealer, DealtWire, Number, OpenWire, Plan, Server, Values, count, low};
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

/// Compares wires.
pub trait Compare: Values {
    /// For every wire of a list, the bits `[y >= 0]`.
    ///
    /// # Errors
    /// What the device or the link says.
    fn sign(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<Self::Bits>>;

    /// For a wire `[rows, classes]`, the bits `[y_i >= y_j]` of all pairs `i < j`, `[pairs, rows]`.
    ///
    /// Both sides are cut to the window before they are subtracted, so that the comparison of what is left is exact.
    ///
    /// # Errors
    /// What the device or the link says.
    fn pair_signs(&mut self, y: &Self::Wire, window: Window) -> Result<Self::Bits>;
}

/// Windows that are compared with zero: a public tensor at a server, a mask at the dealer.
struct Windows {
    a: Tensor,
    k: u32,
}

/// The window of a wire; `public` takes the lift off.
fn windows(device: &Device, x: &Tensor, bits: u32, window: Window, public: bool) -> Result<Windows> {
    let (w, add) = (window.on(bits), unlift(bits, public));
    let k = w.bits();
    let params = WindowParams { bits, low: w.low, k, add_lo: low(add), add_hi: low(add >> 32) };
    Ok(Windows { a: device.run(&WINDOW, params, &[x], x.shape().clone())?, k })
}

/// The windows of the differences of all pairs.
fn pair_windows(device: &Device, x: &Tensor, bits: u32, window: Window, public: bool) -> Result<Windows> {
    let (w, add, (rows, classes)) = (window.on(bits), unlift(bits, public), x.shape().matrix());
    let k = w.bits();
    let (add_lo, add_hi) = (low(add), low(add >> 32));
    let params = PairParams { rows: count(rows), classes: count(classes), bits, low: w.low, k, add_lo, add_hi };
    Ok(Windows { a: device.run(&PAIR_WINDOWS, params, &[x], [pairs(classes).count(), rows])?, k })
}

/// What takes the lift off a public value.
fn unlift(bits: u32, public: bool) -> u64 {
    if public { 0u64.wrapping_sub(1 << (bits - 2)) & mask(bits) } else { 0 }
}

impl Server {
    fn compare(&mut self, list: Vec<Windows>) -> Result<Vec<BitShare>> {
        let mut held = Vec::with_capacity(list.len());
        for w in list {
            let (len, m) = (w.a.len(), digits(w.k));
            let own = self.draw((2 * m - 2) * plane(len))?;
            let dealt = self.dealt(dealt_words(len, w.k))?;
            let params = CompareParams { k: w.k, first: self.first() };
            let asked = self.device().run(&COMPARE_ASK, params, &[&w.a, &own, &dealt], [(2 * m - 1) * plane(len)])?;
            held.push((w.a, params, own, dealt, asked));
        }
        let asks: Vec<_> = held.iter().map(|(.., own, _, asked)| (asked, own.len())).collect();
        let peer = self.exchange(&asks)?;
        let tell = |((a, params, own, dealt, asked), at): ((Tensor, CompareParams, Tensor, Tensor, Tensor), u32)| {
            let opened =
                self.device().run(&XOR, XorParams { a_at: 0, b_at: at }, &[&asked, &peer.words], [own.len()])?;
            let inputs = [&a, &opened, &asked, &own, &dealt];
            let x = self.device().run(&COMPARE_TELL, params, &inputs, [plane(a.len())])?;
            Ok(BitShare { x, shape: a.shape().clone() })
        };
        held.into_iter().zip(peer.at.iter().copied()).map(tell).collect()
    }
}

impl Dealer {
    fn compare(&mut self, list: Vec<Windows>) -> Result<Vec<Shape>> {
        let mut shapes = Vec::with_capacity(list.len());
        for w in list {
            let (len, m) = (w.a.len(), digits(w.k));
            let [own0, own1] = self.draw((2 * m - 2) * plane(len))?;
            let share0 = self.share0(dealt_words(len, w.k))?;
            let params = CompareParams { k: w.k, first: 0 };
            let inputs = [&w.a, &own0, &own1, &share0];
            let dealt = self.device().run(&DEAL_COMPARE, params, &inputs, [share0.len()])?;
            self.ship(&dealt)?;
            shapes.push(w.a.shape().clone());
        }
        Ok(shapes)
    }
}

impl Compare for Server {
    fn sign(&mut self, list: &[(&OpenWire, Window)]) -> Result<Vec<BitShare>> {
        let list = list.iter().map(|(y, w)| windows(self.device(), &y.hat, y.bits, *w, true)).collect::<Result<_>>()?;
        self.compare(list)
    }

    fn pair_signs(&mut self, y: &OpenWire, window: Window) -> Result<BitShare> {
        let w = pair_windows(self.device(), &y.hat, y.bits, window, true)?;
        self.compare(vec![w]).map(|mut bits| bits.remove(0))
    }
}

impl Compare for Dealer {
    fn sign(&mut self, list: &[(&DealtWire, Window)]) -> Result<Vec<Shape>> {
        let list = list.iter().map(|(y, w)| windows(self.device(), &y.r, y.bits, *w, false)).collect::<Result<_>>()?;
        self.compare(list)
    }

    fn pair_signs(&mut self, y: &DealtWire, window: Window) -> Result<Shape> {
        let w = pair_windows(self.device(), &y.r, y.bits, window, false)?;
        self.compare(vec![w]).map(|mut bits| bits.remove(0))
    }
}

impl Clear {
    /// `[v >= 0]` as bit `k` of `v mod 2^(k+1)` tells.
    fn sign_bit(v: i64, k: u32) -> i64 {
        1 ^ (v >> k & 1)
    }
}

impl Compare for Clear {
    fn sign(&mut self, list: &[(&Number, Window)]) -> Result<Vec<Number>> {
        let one = |(y, w): &(&Number, Window)| {
            let w = w.on(y.bits);
            self.check("sign", &y.x, 1 << w.high);
            let bits = y.x.iter().map(|y| Self::sign_bit(self.round(*y, w.low), w.bits())).collect();
            Ok(Number { x: bits, shape: y.shape.clone(), bits: 1 })
        };
        list.iter().map(one).collect()
    }

    fn pair_signs(&mut self, y: &Number, window: Window) -> Result<Number> {
        let (w, (rows, classes)) = (window.on(y.bits), y.shape.matrix());
        let v: Vec<i64> = y.x.iter().map(|y| self.round(*y, w.low)).collect();
        let all = |(i, j)| (0..rows).map(move |r| (r * classes + i, r * classes + j));
        let differences: Vec<i64> = pairs(classes).flat_map(all).map(|(i, j)| v[i] - v[j]).collect();
        self.check("difference", &differences, 1 << w.bits());
        let bits = differences.into_iter().map(|d| Self::sign_bit(d, w.bits())).collect();
        Ok(Number { x: bits, shape: [pairs(classes).count(), rows].into(), bits: 1 })
    }
}

impl Compare for Plan {
    fn sign(&mut self, list: &[(&Self::Wire, Window)]) -> Result<Vec<Self::Bits>> {
        let server: Vec<_> = list.iter().map(|(y, w)| (&y.0, *w)).collect();
        let dealer: Vec<_> = list.iter().map(|(y, w)| (&y.1, *w)).collect();
        Ok(self.server.sign(&server)?.into_iter().zip(self.dealer.sign(&dealer)?).collect())
    }

    fn pair_signs(&mut self, y: &Self::Wire, window: Window) -> Result<Self::Bits> {
        Ok((self.server.pair_signs(&y.0, window)?, self.dealer.pair_signs(&y.1, window)?))
    }
}
