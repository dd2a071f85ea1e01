//! What a server sees of a gate, exactly: no secret changes the law of it (docs/protocols.md 10).
//!
//! The gates run as they are, on a device whose key streams are read off a *string* per case instead of ChaCha; an element of a
//! tensor is a case, so that one run goes through many. [`exhaust`] goes through all strings, secrets and own halves on tiny
//! rings; [`pads`] takes samples where there are too many, in the rings of earnest and for all that is dealt. [`joint`] holds
//! views and results together against a functionality. [`controls`] are protocols with a slip, and [`ideals`] functionalities
//! that are not met, of which all must say so.

mod bits;
mod coins;
mod controls;
mod exhaust;
mod functionality;
mod ideals;
mod joint;
mod linear;
mod pads;
mod pool;
mod range;
mod script;
mod softmax;
mod stage;
mod view;

use exhaust::{every, exhaust, law, views};
use functionality::{coin, extended, positive, rescaled, rounded, windowed};
use joint::{Ideal, Seen, joint};
use pads::pads;
use script::{
    Axis, Draw, From, Input, Item, Placed, Script, Seating, compare, extend, frame, open, select, threshold, winner,
};
use stage::{Output, Party, Scene};

use crate::error::Result;
use crate::fixed::{MASTER_FRAC, Profile, Window, mask, signed};
use crate::gates::{Arguments, Bilinear, Conv, Layout, OpenRequest, Pass, Scaling, Window2d};
use crate::party::Scaled;
use crate::shape::Shape;

use super::exactly;

/// A profile of tiny rings: products in `ring` bits, wires of `wire`. Windows of one digit fit wires of 6 bits.
fn tiny(ring: u32, wire: u32) -> Profile {
    Profile { name: "tiny", ring, wire, frac: 1, window: Window { low: 0, high: 4 } }
}

/// An input as a share of the ring.
fn share<E: Party>(e: &mut E, index: usize, shape: &[usize]) -> Result<E::Share> {
    let frac = e.profile().frac;
    share_at(e, index, shape, frac)
}

/// The same at another scale.
fn share_at<E: Party>(e: &mut E, index: usize, shape: &[usize], frac: u32) -> Result<E::Share> {
    let x = e.parameter(index, &Shape::new(shape))?.with_frac(frac);
    e.narrow(&x, frac)
}

/// An input as a lifted wire.
fn wire<E: Party>(e: &mut E, index: usize, shape: &[usize]) -> Result<E::Wire> {
    let (x, bits) = (share(e, index, shape)?, e.profile().wire);
    let [y] = e.open([exactly(&x, bits, true)])?;
    Ok(y)
}
