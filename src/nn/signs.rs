//! Decisions by sign: of one output for two classes, or of an output for each of several labels.

use crate::error::Result;
use crate::fixed::{Profile, Window};
use crate::gates::{Chunks, Engine, OpenRequest};
use crate::nn::columns::side_by_side;
use crate::party::{Interpreter, Scaled};

/// Bits for every row and output, of `y = 1` if the row has the label (or is of the second class), and of the decision `z >= 0`;
/// shares of the ring `[rows, outputs]`, without fraction bits.
pub(super) struct Signs<E: Interpreter> {
    /// Whether `y = 1` and `z >= 0`.
    right: E::Share,
    /// Whether `y = 1`.
    labelled: E::Share,
    /// Whether `y = 1` or `z >= 0`.
    either: E::Share,
}

impl<E: Engine> Signs<E> {
    /// From the last product's share and labels of 0 and 1, both `[rows, outputs]`.     4 rounds
    ///
    ///   1. z, opened and extended;   s = z + 256 y, opened: one value serves all three, for |z| < 128
    ///   2. [s >= 256] is 1 exactly if y = 1 and z >= 0;   [s >= 128] if y = 1;   [s >= 0] if y = 1 or z >= 0
    ///   3. the bits, opened under masks that are also dealt in the ring
    ///
    /// A decision within 1/64 of 0 may fall to the other side.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub(super) fn of(e: &mut E, z: &E::Share, labels: &E::Wire) -> Result<Self> {
        let p = *e.profile();
        let [z] = e.open([OpenRequest::product(z, &p)])?;
        let z = e.extend(&z)?;
        let labels = e.share(labels)?;
        let shifted = e.combine(&z, &labels, 1, SHIFT)?;
        let [shifted] = e.open([OpenRequest::product(&shifted, &p)])?;
        let bits = e.at_least(&shifted, window(&p), [SHIFT, SHIFT / 2, 0].map(|t| t << p.frac))?;
        let [right, labelled, either] = e.open_selectors(bits.each_ref())?;
        Ok(Self { right: e.share_bits(&right)?, labelled: e.share_bits(&labelled)?, either: e.share_bits(&either)? })
    }

    /// How many decisions are right, of all rows and outputs; a share `[1]` of `frac` fraction bits. Locally: right are those with
    /// `y = 1` and `z >= 0`, and those with neither.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub(super) fn hits(&self, e: &mut E, frac: u32) -> Result<E::Share> {
        let chunk = self.right.shape().len();
        let more = e.subtract(&self.right, &self.either)?;
        let more = e.sum_chunks(&more, Chunks { cols: 1, chunk })?;
        let all = i64::try_from(chunk).unwrap_or(i64::MAX);
        let all = e.public_numbers(&[all], 0, more.shape())?;
        let all = e.share(&all)?;
        let hits = e.add(&more, &all)?;
        e.raised(hits, frac)
    }

    /// Of every output the rows with `y = 1` and `z >= 0`, then those with `y = 1`, then those with `y = 1` or `z >= 0`; a share
    /// `[3 outputs]`. Locally.
    ///
    /// # Errors
    /// See [`Engine`](Engine#errors).
    pub(super) fn counts(&self, e: &mut E) -> Result<E::Share> {
        let (rows, outputs) = self.right.shape().matrix();
        let all = side_by_side(e, &[&self.right, &self.labelled, &self.either], outputs)?;
        e.sum_chunks(&all, Chunks { cols: 3 * outputs, chunk: rows })
    }
}

/// What takes an output above all others; a quarter of the window's range, so that ranges keep their margin.
const SHIFT: i64 = 256;

/// Outputs to within 1/64, and up to 1024 away from a threshold.
pub(super) fn window(p: &Profile) -> Window {
    Window { low: p.frac - 6, high: p.frac + 10 }
}
