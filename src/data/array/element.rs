//! The numbers of an array, as their bytes.

/// What a number of an array is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(super) kind: Kind,
    /// 1, 2, 4 or 8; 4 or 8 for floating point.
    pub(super) bytes: usize,
    pub(super) big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Signed,
    Unsigned,
}

impl Element {
    /// Bytes of a number.
    pub(crate) fn bytes(self) -> usize {
        self.bytes
    }

    /// Whether it is an integer.
    pub(crate) fn is_integer(self) -> bool {
        self.kind != Kind::Float
    }

    /// Whether it is an unsigned byte, as pixels are.
    pub(crate) fn is_byte(self) -> bool {
        (self.kind, self.bytes) == (Kind::Unsigned, 1)
    }

    /// The number of some bytes; integers beyond 2^53 are rounded.
    pub(crate) fn value(self, bytes: &[u8]) -> f64 {
        match (self.kind, self.bytes) {
            (Kind::Float, 4) => {
                let bits = u32::try_from(self.raw(bytes)).expect("four bytes");
                f32::from_bits(bits).into()
            }
            (Kind::Float, _) => f64::from_bits(self.raw(bytes)),
            (Kind::Signed, _) => self.signed(bytes) as f64,
            (Kind::Unsigned, _) => self.raw(bytes) as f64,
        }
    }

    /// The integer of some bytes.
    pub(crate) fn integer(self, bytes: &[u8]) -> i128 {
        if self.kind == Kind::Signed { self.signed(bytes).into() } else { self.raw(bytes).into() }
    }

    fn signed(self, bytes: &[u8]) -> i64 {
        let unused = 64 - 8 * self.bytes;
        (self.raw(bytes) << unused).cast_signed() >> unused
    }

    fn raw(self, bytes: &[u8]) -> u64 {
        let add = |all: u64, byte: &u8| all << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_byte_orders_are_those_of_the_machine() {
        let element = |kind, bytes, big_endian| Element { kind, bytes, big_endian };
        for x in [0, 1, -1, 12_345, i16::MIN, i16::MAX] {
            assert_eq!(element(Kind::Signed, 2, false).integer(&x.to_le_bytes()), i128::from(x));
            assert_eq!(element(Kind::Signed, 2, true).value(&x.to_be_bytes()), f64::from(x));
        }
        assert_eq!(element(Kind::Signed, 8, true).integer(&i64::MIN.to_be_bytes()), i128::from(i64::MIN));
        assert_eq!(element(Kind::Unsigned, 8, false).integer(&u64::MAX.to_le_bytes()), i128::from(u64::MAX));
        assert_eq!(element(Kind::Unsigned, 1, false).value(&[200]), 200.0);
        assert_eq!(element(Kind::Float, 4, true).value(&(-1.5_f32).to_be_bytes()), -1.5);
        assert_eq!(element(Kind::Float, 8, false).value(&1e300_f64.to_le_bytes()), 1e300);
        assert!(element(Kind::Float, 4, false).value(&f32::NAN.to_le_bytes()).is_nan());
    }
}
