//! The four interpreters of a training program, and what a value is to each.
//!
//! | | a share is | a wire is |
//! |---|---|---|
//! | [`Server`] | my half | the public masked value and my half of its mask |
//! | [`Dealer`] | a shape | its mask |
//! | [`Clear`] | the number | the number |
//! | [`Plan`] | a server's and a dealer's, without contents | the same |
//!
//! A gate gives the four their meanings side by side ([`crate::gates`]).

mod clear;
mod constants;
mod dealer;
mod ending;
mod harness;
mod ledger;
mod outlet;
mod plan;
mod ranges;
mod rows;
mod server;
mod shares;
mod stats;

pub use clear::{Clear, Number};
pub use dealer::{Dealer, DealtBits, DealtWire};
pub use ending::Verdict;
pub use harness::{Draw, DrawLog};
pub use ledger::{Cost, CostKind, Entry};
pub use outlet::{HandOut, Outlet, Revealed};
pub use plan::{LargestFrames, Plan, PlannedSet};
pub use ranges::{Moment, Range, Ranges};
pub use rows::{MaskedRows, RowMasks, Set, SetShape};
pub use server::{Links, Peer, Server};
pub use shares::{BitShare, Half, OpenBits, OpenWire};
pub use stats::{Section, Stats, Traffic};

pub(crate) use clear::{largest, power};
pub(crate) use ending::{Judge, dismiss_dealer};
pub(crate) use rows::{count, low};
pub(crate) use server::unpacked;

use crate::error::Result;
use crate::fixed::Profile;
use crate::shape::Shape;

/// What values are to an interpreter.
pub trait Values {
    /// A value that is not opened.
    type Share: Clone;
    /// A value that is opened under a mask that the dealer knows.
    type Wire: Clone;
    /// Secret bits, not opened.
    type Bits: Clone;
    /// Secret bits, opened under masks.
    type OpenBits: Clone;

    /// The number settings.
    fn profile(&self) -> &Profile;

    /// Tells which part of a run follows, for the statistics.
    fn section(&mut self, section: Section);

    /// Names the place in the program that follows, for errors and range reports.
    fn scope(&mut self, name: &str);

    /// The trainer's parameter number `index`, a share in `Z_2^64`.
    ///
    /// # Errors
    /// Where the trainer gave none of this shape.
    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<Self::Share>;

    /// Zeros in `Z_2^64`.
    ///
    /// # Errors
    /// What the device says.
    fn zeros(&mut self, shape: &Shape) -> Result<Self::Share>;

    /// Rows of a data set as a wire.
    ///
    /// # Errors
    /// What the device says.
    fn rows(&mut self, set: Set, rows: &[u32]) -> Result<Self::Wire>;

    /// Says that step number `step`, from 1, begins.
    ///
    /// # Errors
    /// What the interpreter's links say.
    fn begin(&mut self, _step: u64) -> Result<()> {
        Ok(())
    }

    /// Says that a step is done. Whether the run goes on: not if the trainer asked for its end.
    ///
    /// # Errors
    /// What the interpreter's observer says.
    fn tick(&mut self, step: u64) -> Result<bool>;

    /// Asks, in a job that may end early by its accuracy, what the trainer makes of `epoch`, whose accuracy has just been
    /// revealed.
    ///
    /// # Errors
    /// What the interpreter's judge says.
    fn judge(&mut self, epoch: u32) -> Result<Verdict>;

    /// Says how many of the test rows of an evaluation are scored.
    ///
    /// # Errors
    /// What the interpreter's observer says.
    fn scored(&mut self, _rows: u32, _of: u32) -> Result<()> {
        Ok(())
    }

    /// Shape of a share.
    fn shape_of(share: &Self::Share) -> Shape;

    /// Bits of a wire's ring.
    fn wire_bits(wire: &Self::Wire) -> u32;

    /// Shape of a wire.
    fn wire_shape(wire: &Self::Wire) -> Shape;
}
