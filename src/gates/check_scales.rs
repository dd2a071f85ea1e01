//! Checks that the scales of values fit where a gate puts them together.
//!
//! Integers at 16 fraction bits added to integers at 18 are numbers of no scale at all, and nothing in the shares shows it. So
//! every gate compares the fraction bits of what it is given before it computes, draws or sends.

use crate::error::{Error, Result};

/// Checks that a value of `have` fraction bits is one of `want`.
pub(super) fn same(gate: &'static str, have: u32, want: u32) -> Result<()> {
    if have == want { Ok(()) } else { Err(Error::Scale { gate, have, want }) }
}

/// Bits that are cut from a value of `have` fraction bits to leave `want`.
pub(super) fn cut(gate: &'static str, have: u32, want: u32) -> Result<u32> {
    have.checked_sub(want).ok_or(Error::Scale { gate, have, want })
}

/// Bits by which the integers of a value of `have` fraction bits are shifted up to have `want`.
pub(super) fn raise(gate: &'static str, have: u32, want: u32) -> Result<u32> {
    want.checked_sub(have).ok_or(Error::Scale { gate, have, want })
}
