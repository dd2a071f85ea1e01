//! Checks that the rings of values fit where a gate puts them together.
//!
//! A share of Z_2^22 in a gate of Z_2^24 is off by multiples of 2^22, and nothing in the shares shows it. So every gate compares
//! the widths of what it is given before it computes, draws or sends; a misfit is a fault of a program over the gates.

use crate::error::{Error, Result};
use crate::fixed::Profile;

/// Checks that a value of `have` bits is one of `want` bits.
pub(super) fn same(gate: &'static str, have: u32, want: u32) -> Result<()> {
    fits(have == want, gate, have, want)
}

/// Checks that a value of `have` bits has at least `want` bits: it can be taken modulo 2^`want`.
pub(super) fn holds(gate: &'static str, have: u32, want: u32) -> Result<()> {
    fits(have >= want, gate, have, want)
}

/// Checks that a wire of `have` bits is an operand of products.
pub(super) fn operand(gate: &'static str, have: u32, p: &Profile) -> Result<()> {
    same(gate, have, p.ring)
}

/// Checks that a wire of `have` bits is shorter than the ring that it is brought into.
pub(super) fn lifted(gate: &'static str, have: u32, p: &Profile) -> Result<()> {
    fits(have < p.ring, gate, have, p.ring - 1)
}

fn fits(fits: bool, gate: &'static str, have: u32, want: u32) -> Result<()> {
    #[cfg(test)]
    let fits = fits || careless::bits().is_some();
    if fits { Ok(()) } else { Err(Error::Width { gate, have, want }) }
}

/// Bits that what was picked of wires of `bits` bits is opened in.
pub(super) fn picked(bits: u32) -> u32 {
    #[cfg(test)]
    let bits = careless::bits().unwrap_or(bits);
    bits
}

/// A fault on purpose, for tests of tests: nobody looks at widths, and what is picked is opened in bits of one's own.
#[cfg(test)]
pub(crate) mod careless {
    use std::cell::Cell;

    thread_local! {
        static BITS: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub(super) fn bits() -> Option<u32> {
        BITS.get()
    }

    /// Runs a part of a program with the fault, on this thread.
    pub(crate) fn with<T>(bits: u32, run: impl FnOnce() -> T) -> T {
        BITS.set(Some(bits));
        let result = run();
        BITS.set(None);
        result
    }
}
