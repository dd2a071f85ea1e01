//! Checks that the rings of values fit where a gate puts them together.
//!
//! A share of Z_2^22 in a gate of Z_2^24 is off by multiples of 2^22, and nothing in the shares shows it. So every gate compares
//! the widths of what it is given before it computes, draws or sends; a misfit is a fault of a program over the gates.

use crate::error::{Error, Result};
use crate::fixed::Profile;

/// Checks that a value of `have` bits is one of `want` bits.
pub(super) fn same(gate: &'static str, have: u32, want: u32) -> Result<()> {
    if have == want { Ok(()) } else { Err(Error::Width { gate, have, want }) }
}

/// Checks that a value of `have` bits has at least `want` bits: it can be taken modulo 2^`want`.
pub(super) fn holds(gate: &'static str, have: u32, want: u32) -> Result<()> {
    if have >= want { Ok(()) } else { Err(Error::Width { gate, have, want }) }
}

/// Checks that a wire of `have` bits is an operand of products.
pub(super) fn operand(gate: &'static str, have: u32, p: &Profile) -> Result<()> {
    same(gate, have, p.ring)
}

/// Checks that a wire of `have` bits is shorter than the ring that it is brought into.
pub(super) fn lifted(gate: &'static str, have: u32, p: &Profile) -> Result<()> {
    if have < p.ring { Ok(()) } else { Err(Error::Width { gate, have, want: p.ring - 1 }) }
}
