//! Numbers that a share can be multiplied by: small odd integers times powers of two.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `times 2^-shift`, `times` odd and below 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dyadic {
    pub(crate) times: u32,
    pub(crate) shift: i32,
}

impl Dyadic {
    /// The nearest such number to `x`, within 1/64 of it (1.6 %); `None` if `x` is not a positive, normal number.
    ///
    /// Exact arithmetic alone, so that all parties get the same from the same `x` whatever their machines are.
    pub fn near(x: f64) -> Option<Self> {
        if !(x.is_normal() && x > 0.0) {
            return None;
        }
        let (bits, mantissa) = (x.to_bits(), (1u64 << 52) - 1);
        // x = m 2^exponent, 1 <= m < 2; m to five bits after the point
        let exponent = i32::try_from(bits >> 52).expect("a positive number's exponent has 11 bits") - 1023;
        let m = f64::from_bits(bits & mantissa | 1023 << 52);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 32 to 64")]
        let times = (32.0 * m).round() as u32;
        let zeros = times.trailing_zeros();
        Some(Self { times: times >> zeros, shift: 5 - exponent - zeros.cast_signed() })
    }

    /// The number.
    pub fn value(&self) -> f64 {
        f64::from(self.times) * f64::exp2(-f64::from(self.shift))
    }

    /// The longest shift that [`Dyadic::near`] gives to it and to larger numbers.
    pub(crate) fn longest_shift(&self) -> i32 {
        self.shift + 5 - self.times.ilog2().cast_signed()
    }

    /// Whether it is what [`Dyadic::near`] can make, with a shift from `least` to `most`.
    pub(crate) fn is_valid(&self, least: i32, most: i32) -> bool {
        self.times % 2 == 1 && self.times < 64 && (least..=most).contains(&self.shift)
    }
}

impl fmt::Display for Dyadic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.times == 1 {
            write!(f, "2^{}", -i64::from(self.shift))
        } else {
            write!(f, "{} x 2^{}", self.times, -i64::from(self.shift))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_within_a_sixty_fourth() {
        let mut worst = 0.0f64;
        for at in 0..20_000 {
            let x = f64::exp2(f64::from(at) / 400.0 - 40.0);
            let near = Dyadic::near(x).unwrap();
            assert!(near.is_valid(-20, 50), "{x}: {near}");
            // none of all others is nearer
            let off = (near.value() - x).abs();
            let shifts = near.shift - 7..=near.shift + 7;
            let others = (1..64).step_by(2).flat_map(|times| shifts.clone().map(move |shift| Dyadic { times, shift }));
            assert!(others.into_iter().all(|o| (o.value() - x).abs() >= off), "{x}: {near}");
            // of the next larger numbers, some have the longest
            let larger = (256..=512).map(|n| Dyadic::near(near.value() * f64::from(n) / 256.0).unwrap().shift);
            assert_eq!(larger.max().unwrap(), near.longest_shift(), "{x}: {near}");
            worst = worst.max(off / x);
        }
        assert!((1.0 / 80.0..=1.0 / 64.0).contains(&worst), "{worst}");
    }

    #[test]
    fn exact_numbers_stay_and_others_are_refused() {
        for (times, shift) in [(1, 11), (29, 5), (63, 40), (3, -7), (1, 0)] {
            let exact = Dyadic { times, shift };
            assert_eq!(Dyadic::near(exact.value()), Some(exact));
        }
        assert_eq!(Dyadic::near(f64::MAX).unwrap().times, 1);
        for x in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310] {
            assert_eq!(Dyadic::near(x), None);
        }
        assert_eq!([29, 1].map(|times| Dyadic { times, shift: 5 }.to_string()), ["29 x 2^-5", "2^-5"]);
    }
}
