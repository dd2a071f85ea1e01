//! The largest element of every row, as opened one-hot bits.
//!
//!   1. [c_ij] = [y_i >= y_j] for all pairs (compare);   2. c_hat <- open
//!   3. D: shares of the products of two or more of a candidate's pair masks; [w_i] = AND of its pairs' bits, complemented
//!      where i is the second of a pair, so that ties go to the smaller index;   w_hat <- open
//!
//! Rounds 3, opens per row c (c-1)/2 comparisons and as many bits, then c bits; deals 2^(c-1) - c bits per candidate for the
//! ANDs. Source: protocols.md 3.4, 4.2. Perfectly private. The winner is below the largest by less than 2^(t+1), as each of
//! the two is cut to the window by itself.

use crate::error::Result;
use crate::fixed::Window;
use crate::kernel::fast::bits::plane;
use crate::kernel::table::{DEAL_WINNER, WINNER, WinnerParams};
use crate::kernel::twin::compare::pairs;
use crate::kernel::twin::winner::dealt_words;
use crate::party::{
    BitShare, Clear, CostKind, Dealer, DealtBits, DealtWire, Number, OpenBits, OpenWire, Plan, Server, count,
};
use crate::shape::Shape;

use super::{Compare, OpenBit};

/// Finds the largest of a row.
pub trait Winner: Compare + OpenBit {
    /// One-hot bits `[rows, classes]` of the largest of every row of a wire.
    ///
    /// # Errors
    /// What the device or the link says.
    fn winner(&mut self, y: &Self::Wire, window: Window) -> Result<Self::OpenBits>;
}

/// The most classes whose largest is found: of a row of c, c (2^(c-1) - c) bits are dealt for the ANDs of all pairs.
pub const MOST_COMPARED: usize = 14;

fn params(shape: &Shape, first: u32) -> (WinnerParams, usize) {
    let (rows, classes) = shape.matrix();
    (WinnerParams { rows: count(rows), classes: count(classes), first }, dealt_words(rows, classes))
}

impl Winner for Server {
    fn winner(&mut self, y: &OpenWire, window: Window) -> Result<OpenBits> {
        let c = self.pair_signs(y, window)?;
        let c = self.open_bits(&[&c], false)?.remove(0);
        let shape = y.hat.shape().clone();
        let (params, words) = params(&shape, self.first());
        let dealt = self.dealt(words)?;
        let x = self.device().run(&WINNER, params, &[&c.hat, &c.own, &dealt], [plane(shape.len())])?;
        Ok(self.open_bits(&[&BitShare { x, shape }], false)?.remove(0))
    }
}

impl Winner for Dealer {
    fn winner(&mut self, y: &DealtWire, window: Window) -> Result<DealtBits> {
        let c = self.pair_signs(y, window)?;
        let c = self.open_bits(&[&c], false)?.remove(0);
        let (params, words) = params(y.r.shape(), 0);
        let share0 = self.share0(words)?;
        let dealt = self.device().run(&DEAL_WINNER, params, &[&c.lambda, &share0], [words])?;
        self.ship(&dealt)?;
        Ok(self.open_bits(&[y.r.shape()], false)?.remove(0))
    }
}

impl Winner for Clear {
    fn winner(&mut self, y: &Number, window: Window) -> Result<Number> {
        let c = self.pair_signs(y, window)?;
        let (rows, classes) = y.shape.matrix();
        let mut won = vec![1; rows * classes];
        for ((i, j), bits) in pairs(classes).zip(c.x.chunks_exact(rows)) {
            for (row, bit) in bits.iter().enumerate() {
                won[row * classes + i] &= bit;
                won[row * classes + j] &= 1 ^ bit;
            }
        }
        Ok(Number { x: won, shape: y.shape.clone(), bits: 1 })
    }
}

impl Winner for Plan {
    fn winner(&mut self, y: &Self::Wire, window: Window) -> Result<Self::OpenBits> {
        self.gate(CostKind::Loss, |s| s.winner(&y.0, window), |d| d.winner(&y.1, window))
    }
}
