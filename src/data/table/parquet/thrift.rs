//! Thrift's compact protocol, as far as Parquet has it.

/// Bytes that are read from the front. Every method gives `None` where the bytes end early or are no Thrift.
///
/// No method calls itself deeper than its caller allows, and no list takes longer than its bytes: every element has at least one.
pub(super) struct Thrift<'b>(pub(super) &'b [u8]);

impl<'b> Thrift<'b> {
    /// The number and the type of a struct's next field; `Some(None)` at its end. `last` is the number of the field before it, 0
    /// before the first.
    pub(super) fn field(&mut self, last: &mut i16) -> Option<Option<(i16, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *last = match byte >> 4 {
            0 => self.number()?,
            step => last.checked_add(i16::from(step))?,
        };
        Some(Some((*last, byte & 0x0f)))
    }

    /// The number of a list's elements, which must have a type, unless there are none.
    pub(super) fn list(&mut self, kind: u8) -> Option<u64> {
        let (length, found) = self.any_list()?;
        (length == 0 || found == kind).then_some(length)
    }

    /// An integer of up to 64 bits.
    pub(super) fn number<N: TryFrom<i64>>(&mut self) -> Option<N> {
        let x = self.varint()?;
        // zigzag: 0, -1, 1, -2, ..
        N::try_from((x >> 1).cast_signed() ^ -(x & 1).cast_signed()).ok()
    }

    /// An unsigned integer of up to 64 bits.
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut x = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits.leading_zeros() < shift {
                return None;
            }
            x |= bits << shift;
            if byte < 0x80 {
                return Some(x);
            }
        }
        None
    }

    /// The integers and booleans of a struct, by the numbers of their fields, which are below `N`; the rest is passed over.
    pub(super) fn numbers<const N: usize>(&mut self) -> Option<[Option<i64>; N]> {
        let (mut last, mut numbers) = (0, [None; N]);
        while let Some((number, kind)) = self.field(&mut last)? {
            let x = match kind {
                TRUE | FALSE => Some(i64::from(kind == TRUE)),
                I16 | I32 | I64 => Some(self.number()?),
                kind => self.skip(kind).map(|()| None)?,
            };
            if let Some(place) = usize::try_from(number).ok().and_then(|number| numbers.get_mut(number)) {
                *place = x;
            }
        }
        Some(numbers)
    }

    /// A text or bytes.
    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Passes over the value of a field that is not needed.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_deep(kind, MOST_DEEP)
    }

    fn skip_deep(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(self.byte()?),
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => self.0 = self.0.get(8..)?,
            BINARY => drop(self.bytes()?),
            LIST | SET => {
                let (length, kind) = self.any_list()?;
                (0..length).try_for_each(|_| self.skip_deep(if kind <= FALSE { BYTE } else { kind }, depth))?;
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip_deep(kind, depth)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// The number and the type of a list's elements.
    fn any_list(&mut self) -> Option<(u64, u8)> {
        let byte = self.byte()?;
        let length = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Some((length, byte & 0x0f))
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }
}

/// Types of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
pub(super) const I32: u8 = 5;
pub(super) const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub(super) const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
const SET: u8 = 10;
pub(super) const STRUCT: u8 = 12;

/// Levels of what is skipped: more than parquet.thrift has anywhere.
const MOST_DEEP: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_specification() {
        for (bytes, x) in [(&[0][..], 0), (&[1], -1), (&[2], 1), (&[0xac, 2], 150), (&[0xff; 9], i64::MIN)] {
            let mut bytes = bytes.to_vec();
            if x == i64::MIN {
                bytes.push(1);
            }
            assert_eq!(Thrift(&bytes).number::<i64>(), Some(x));
            assert_eq!(Thrift(&bytes[..bytes.len() - 1]).number::<i64>(), None, "cut");
        }
        assert_eq!(Thrift(&[0xac, 2]).number::<i8>(), None, "too large for the type");
        let long = [&[0xff; 9][..], &[2]].concat();
        assert_eq!(Thrift(&long).number::<i64>(), None, "65 bits");
    }

    #[test]
    fn what_nests_deeper_than_parquet_is_refused() {
        for levels in [1, usize::from(MOST_DEEP), 1_000_000] {
            // a struct in the first field of a struct; a list of one list
            for (open, close, kind) in [(0x1c, 0, STRUCT), (0x19, 0x03, LIST)] {
                let bytes = [vec![open; levels - 1], vec![close; levels]].concat();
                assert_eq!(Thrift(&bytes).skip(kind).is_some(), levels <= MOST_DEEP.into(), "{levels} of {kind}");
            }
        }
    }

    #[test]
    fn a_list_has_no_more_elements_than_bytes() {
        // 2^31 booleans, structs and empty lists, of which two are there
        for kind in [TRUE, STRUCT, LIST] {
            let bytes = [0xf0 | kind, 0x80, 0x80, 0x80, 0x80, 8, 0, 0];
            assert_eq!(Thrift(&bytes).skip(LIST), None);
        }
        assert!(Thrift(&[0x21, 0, 0]).skip(LIST).is_some());
    }
}
