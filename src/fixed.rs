//! Fixed-point numbers: the profiles, and the step between real numbers and ring elements.
//!
//! A ring has a width in bits and a value has a number of fraction bits; both are plain numbers.
//! Source: docs/protocols.md section 9.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{Error, Result};

/// Bits of the ring that master weights and momentum live in.
pub const MASTER_BITS: u32 = 64;
/// Fraction bits of master weights and momentum.
pub const MASTER_FRAC: u32 = 32;

/// The bits of a wire that a comparison looks at: bit `high` is the sign, `low` bits below are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Bits cut below the window (`t`).
    pub low: u32,
    /// Position of the sign bit (`h`).
    pub high: u32,
}

impl Window {
    /// Bits compared (`k`).
    pub fn bits(self) -> u32 {
        self.high - self.low
    }

    /// The window on values that are divided by `2^bits`.
    #[must_use]
    pub fn divided(self, bits: u32) -> Self {
        Self { low: self.low.saturating_sub(bits), high: self.high - bits }
    }

    /// The window on values of `to` fraction bits that looks at what this one looks at on values of `from`.
    #[must_use]
    pub fn rescaled(self, from: u32, to: u32) -> Self {
        match to.checked_sub(from) {
            Some(more) => Self { low: self.low + more, high: self.high + more },
            None => self.divided(from - to),
        }
    }

    /// The window on a wire of `bits` bits, moved down where the wire is too short; of as many whole digits of 4 bits as are
    /// left.
    #[must_use]
    pub fn on(self, bits: u32) -> Self {
        let high = self.high.min(bits - 2);
        let low = self.low.saturating_sub(self.high - high);
        Self { low: low + (high - low) % 4, high }
    }
}

/// The name of a profile.
pub type ProfileName = &'static str;

/// The number format of a job: sizes of rings, fraction bits, comparison windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// `small`, `wide` or `deep`.
    #[serde(deserialize_with = "known_name")]
    pub name: ProfileName,
    /// Bits of the ring of products (`n`).
    pub ring: u32,
    /// Bits of an opened product (`l`).
    pub wire: u32,
    /// Fraction bits (`f`).
    pub frac: u32,
    /// Window of ReLU's and the pools' comparisons.
    pub window: Window,
}

impl Profile {
    /// `n = 32, l = 24, f = 8, (t, h) = (4, 16)`: the named MNIST-class networks.
    pub fn small() -> Self {
        Self { name: "small", ring: 32, wire: 24, frac: 8, window: Window { low: 4, high: 16 } }
    }

    /// `n = 48, l = 32, f = 16, (t, h) = (12, 24)`.
    pub fn wide() -> Self {
        Self { name: "wide", ring: 48, wire: 32, frac: 16, window: Window { low: 12, high: 24 } }
    }

    /// `wide` with signs of every value that a wire holds, down to 2^-10: `(t, h) = (6, 30)`, for networks of many layers.
    pub fn deep() -> Self {
        Self { name: "deep", window: Window { low: 6, high: 30 }, ..Self::wide() }
    }

    /// The profile of a name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is no such profile.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "small" => Ok(Self::small()),
            "wide" => Ok(Self::wide()),
            "deep" => Ok(Self::deep()),
            _ => Err(Error::Usage(format!("unknown profile `{name}`; choose `small`, `wide` or `deep`"))),
        }
    }

    /// All profiles.
    pub fn all() -> [Self; 3] {
        [Self::small(), Self::wide(), Self::deep()]
    }

    /// Its number in [`Profile::all`].
    pub fn number(&self) -> usize {
        Self::all().iter().position(|p| p.name == self.name).unwrap_or(0)
    }

    /// Bits of the wire that a product becomes when `cut` bits are cut from it (`min(l, n - cut)`).
    pub fn wire_after(&self, cut: u32) -> u32 {
        self.wire.min(self.ring - cut)
    }

    /// Window of the comparisons that find a row's largest logit for the accuracy count:
    /// 16 bits, so that near ties count right.
    pub fn argmax_window(&self) -> Window {
        Window { low: self.frac - 8, high: self.frac + 8 }
    }
}

impl FromStr for Profile {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::named(name)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The name of a profile; any other is an error.
fn known_name<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<&'static str, D::Error> {
    let name = <Cow<'_, str>>::deserialize(from)?;
    Profile::named(&name).map(|p| p.name).map_err(D::Error::custom)
}

/// The `bits`-bit mask, for `bits` in `0..=64`.
pub const fn mask(bits: u32) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// A real number on the grid of `frac` fraction bits, as an element of the ring of 64 bits.
/// Rounds to the nearest; saturates at the ends of `i64`.
#[expect(clippy::cast_possible_truncation, reason = "the float to integer cast saturates, as documented")]
pub fn encode(x: f64, frac: u32) -> u64 {
    ((x * f64::exp2(f64::from(frac))).round() as i64).cast_unsigned()
}

/// The real number that the low `bits` bits of `x` stand for, with `frac` fraction bits.
pub fn decode(x: u64, bits: u32, frac: u32) -> f64 {
    signed(x, bits) as f64 * f64::exp2(-f64::from(frac))
}

/// The integer in `[-2^(bits-1), 2^(bits-1))` that the low `bits` bits of `x` stand for.
pub const fn signed(x: u64, bits: u32) -> i64 {
    (x << (64 - bits)).cast_signed() >> (64 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encode_and_decode_are_inverse_on_the_grid() {
        for x in [0.0, 1.0, -1.0, 0.5, -127.996_093_75] {
            assert_eq!(decode(encode(x, 8) & mask(32), 32, 8), x);
        }
        assert_eq!(signed(0xff_ffff, 24), -1);
        assert_eq!(signed(1 << 63, 64), i64::MIN);
    }

    #[test]
    fn a_window_moves_down_with_a_short_wire() {
        let w = Window { low: 4, high: 16 };
        assert_eq!(w.on(24), w);
        assert_eq!(w.on(16), Window { low: 2, high: 14 });
        assert_eq!(w.on(13), Window { low: 3, high: 11 });
        assert_eq!(Profile::deep().window.on(26), Window { low: 0, high: 24 });
    }

    #[test]
    fn a_window_follows_the_scale() {
        let w = Window { low: 4, high: 16 };
        assert_eq!(w.rescaled(8, 8), w);
        assert_eq!(w.rescaled(8, 11), Window { low: 7, high: 19 });
        assert_eq!(w.rescaled(8, 6), w.divided(2));
        assert_eq!(w.rescaled(8, 11).rescaled(11, 8), w);
    }
}
