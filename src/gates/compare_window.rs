//! What comparisons look at: windows of wires, of the public values at the servers and of the masks at the dealer.

use crate::error::Result;
use crate::fixed::{Profile, Window, mask};
use crate::kernel::layout::pairs;
use crate::kernel::twin::compare::{PAIR_WINDOWS, PairParams, WINDOW, WindowParams};
use crate::kernel::twin::pool::WINDOW_DIFFERENCE;
use crate::kernel::{count, low};
use crate::party::{DealtWire, MaskedWire, Scaled};
use crate::tensor::{Device, Tensor};

/// A window for values of the profile's fraction bits, on a wire: moved to its scale, and down where it is too short.
pub(crate) fn window_on(window: Window, y: &impl Scaled, p: &Profile) -> Window {
    window.rescaled(p.frac, y.frac()).on(y.bits())
}

/// Windows of public values that are compared with the windows of one mask, by threshold; at the dealer, of that mask.
pub(super) struct Windows {
    pub(super) a: Vec<Tensor>,
    pub(super) k: u32,
}

/// What one party has of a wire, under a window.
pub(super) struct Windowed<'a> {
    x: &'a Tensor,
    bits: u32,
    window: Window,
    /// Lifts the value.
    lift: u64,
}

impl<'a> Windowed<'a> {
    /// The public value of a lifted wire.
    pub(super) fn open(y: &'a MaskedWire, window: Window, p: &Profile) -> Self {
        Self { x: &y.hat, bits: y.bits, window: window_on(window, y, p), lift: 1 << (y.bits - 2) }
    }

    /// The mask of a wire.
    pub(super) fn mask(y: &'a DealtWire, window: Window, p: &Profile) -> Self {
        Self { x: &y.r, bits: y.bits, window: window_on(window, y, p), lift: 0 }
    }

    /// The windows of the value less each of some thresholds.
    pub(super) fn minus_thresholds(&self, device: &Device, thresholds: &[i64]) -> Result<Windows> {
        let w = self.window;
        let one = |threshold: &i64| {
            let params = self.params((threshold >> w.low << w.low).cast_unsigned());
            device.run(&WINDOW, params, &[self.x], self.x.shape().clone())
        };
        Ok(Windows { a: thresholds.iter().map(one).collect::<Result<_>>()?, k: w.bits() })
    }

    /// The windows of the differences to another wire.
    pub(super) fn minus(&self, device: &Device, other: &Windowed<'_>) -> Result<Windows> {
        let a = device.run(&WINDOW_DIFFERENCE, self.params(0), &[self.x, other.x], self.x.shape().clone())?;
        Ok(Windows { a: vec![a], k: self.window.bits() })
    }

    /// The windows of the differences of all pairs of a row.
    pub(super) fn pair_differences(&self, device: &Device) -> Result<Windows> {
        let (rows, classes) = self.x.shape().matrix();
        let WindowParams { bits, low, k, add_lo, add_hi } = self.params(0);
        let params = PairParams { rows: count(rows), classes: count(classes), bits, low, k, add_lo, add_hi };
        let a = device.run(&PAIR_WINDOWS, params, &[self.x], [pairs(classes).count(), rows])?;
        Ok(Windows { a: vec![a], k })
    }

    /// The lift and a threshold are taken off before the window is looked at.
    fn params(&self, threshold: u64) -> WindowParams {
        let add = 0u64.wrapping_sub(self.lift).wrapping_sub(threshold) & mask(self.bits);
        let (add_lo, add_hi) = (low(add), low(add >> 32));
        WindowParams { bits: self.bits, low: self.window.low, k: self.window.bits(), add_lo, add_hi }
    }
}
