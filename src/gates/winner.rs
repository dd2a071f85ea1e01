//! The largest element of every row, as one-hot bits.
//!
//!   1. [c_ij] = [y_i >= y_j] for all pairs (compare);   2. c_hat <- open
//!   3. D: shares of the products of two or more of a candidate's pair masks; [w_i] = AND of its pairs' bits, complemented
//!      where i is the second of a pair, so that ties go to the smaller index
//!
//! Rounds 2, opens per row c (c-1)/2 comparisons and as many bits; deals 2^(c-1) - c bits per candidate for the
//! ANDs. Source: protocols.md 3.4, 4.2. Perfectly private. The winner is below the largest by less than 2^(t+1), as each of
//! the two is cut to the window by itself.

use crate::error::Result;
use crate::fixed::Window;
use crate::kernel::count;
use crate::kernel::layout::{pairs, winner_words};
use crate::kernel::packed::plane;
use crate::kernel::twin::winner::{DEAL_WINNER, WINNER, WinnerParams};
use crate::party::{BitShare, Clear, ClearTensor, CostKind, Dealer, DealtWire, MaskedWire, Plan, Server, planned};
use crate::shape::Shape;

use super::{BitOpening, Compare};

/// Finds the largest of a row.
pub trait Winner: Compare + BitOpening {
    /// One-hot bits `[rows, classes]` of the largest of every row of a wire.
    ///
    /// # Errors
    /// See [`Engine`](crate::gates::Engine#errors).
    fn winner(&mut self, y: &Self::Wire, window: Window) -> Result<Self::Bits>;
}

/// The most classes whose largest is found at once: of a row of c, c (2^(c-1) - c) bits are dealt for the ANDs of all pairs.
pub const MOST_COMPARED: usize = 14;

fn params(shape: &Shape, first: u32) -> (WinnerParams, usize) {
    let (rows, classes) = shape.matrix();
    (WinnerParams { rows: count(rows), classes: count(classes), first }, winner_words(rows, classes))
}

impl Winner for Server {
    fn winner(&mut self, y: &MaskedWire, window: Window) -> Result<BitShare> {
        let _gate = self.gate(CostKind::Loss);
        let c = self.pair_signs(y, window)?;
        let [c] = self.open_bits([&c])?;
        let shape = y.hat.shape().clone();
        let (params, words) = params(&shape, self.first());
        let dealt = self.dealt(words)?;
        let x = self.device().run(&WINNER, params, &[&c.hat, &c.own, &dealt], [plane(shape.len())])?;
        Ok(BitShare { x, shape })
    }
}

impl Winner for Dealer {
    fn winner(&mut self, y: &DealtWire, window: Window) -> Result<Shape> {
        let c = self.pair_signs(y, window)?;
        let [c] = self.open_bits([&c])?;
        let (params, words) = params(y.r.shape(), 0);
        self.deal(&DEAL_WINNER, params, &[&c.lambda], words)?;
        Ok(y.r.shape().clone())
    }
}

impl Winner for Clear {
    fn winner(&mut self, y: &ClearTensor, window: Window) -> Result<ClearTensor> {
        let c = self.pair_signs(y, window)?;
        let (rows, classes) = y.shape.matrix();
        let mut won = vec![1; rows * classes];
        for ((i, j), bits) in pairs(classes).zip(c.x.chunks_exact(rows)) {
            for (row, bit) in bits.iter().enumerate() {
                won[row * classes + i] &= bit;
                won[row * classes + j] &= 1 ^ bit;
            }
        }
        Ok(ClearTensor::of_bits(won, y.shape.clone()))
    }
}

impl Winner for Plan {
    planned! {
        fn winner(y: Wire; window: Window) -> Bits;
    }
}
