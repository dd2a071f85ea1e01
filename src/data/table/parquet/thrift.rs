//! As much of Thrift's compact protocol as is checked before the `parquet` crate decodes it.

/// Bytes that are read from the front. Every method gives `None` where the bytes end early or are no Thrift.
pub(super) struct Thrift<'b>(pub(super) &'b [u8]);

impl<'b> Thrift<'b> {
    /// The number and the type of a struct's next field; `Some(None)` at its end.
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

    /// The number and the type of a list's elements.
    pub(super) fn list(&mut self) -> Option<(u64, u8)> {
        let byte = self.byte()?;
        let length = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Some((length, byte & 0x0f))
    }

    /// A number of up to 64 bits.
    pub(super) fn number<N: TryFrom<i64>>(&mut self) -> Option<N> {
        let x = self.varint()?;
        // zigzag: 0, -1, 1, -2, ..
        N::try_from((x >> 1).cast_signed() ^ -(x & 1).cast_signed()).ok()
    }

    /// A text or bytes.
    pub(super) fn bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// Passes over the value of a field, which has at most `depth` structs and lists in each other.
    pub(super) fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(self.byte()?),
            I16..=I64 => drop(self.varint()?),
            BINARY => drop(self.bytes()?),
            LIST => {
                let (length, kind) = self.list()?;
                (0..length).try_for_each(|_| self.skip(if kind <= FALSE { BYTE } else { kind }, depth))?;
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, depth)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut x = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            x |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(x);
            }
        }
        None
    }
}

/// The name of the first column of a schema that is a group of others; `Some(None)` if there is none.
///
/// `footer` is parquet.thrift's `FileMetaData`: `1: i32 version`, `2: list<SchemaElement> schema`, .. The elements of the schema are
/// its tree, from the root on, each before its children; `4: string name`, `5: i32 num_children`. The `parquet` crate calls itself
/// for each level of the tree, however many there are, and would run out of stack.
pub(super) fn group(footer: &[u8]) -> Option<Option<&[u8]>> {
    let mut bytes = Thrift(footer);
    let mut last = 0;
    loop {
        match bytes.field(&mut last)?? {
            (2, LIST) => break,
            (1, I32) => bytes.skip(I32, 1)?,
            _ => return None,
        }
    }
    let (length, STRUCT) = bytes.list()? else { return None };
    for at in 0..length {
        let (mut last, mut name, mut children) = (0, &b""[..], 0);
        while let Some(field) = bytes.field(&mut last)? {
            match field {
                (4, BINARY) => name = bytes.bytes()?,
                (5, I32) => children = bytes.number::<i32>()?.max(children),
                (1..=3 | 6..=9, I32) | (10, STRUCT) => bytes.skip(field.1, MOST_DEEP)?,
                _ => return None,
            }
        }
        if at > 0 && children > 0 {
            return Some(Some(name));
        }
    }
    Some(None)
}

/// Types of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
pub(super) const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Levels of a logical type: a struct in a union in a union.
const MOST_DEEP: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_below_the_root_is_found() {
        // version 1; a root of one child; a column of the name "ab"
        let flat = [0x15, 2, 0x19, 0x2c, 0x48, 1, b'r', 0x15, 2, 0, 0x48, 2, b'a', b'b', 0];
        assert_eq!(group(&flat), Some(None));
        let mut nested = flat;
        nested[3] = 0x1c;
        assert_eq!(group(&nested), Some(None), "only the root");
        let nested = [0x15, 2, 0x19, 0x2c, 0x48, 1, b'r', 0x15, 2, 0, 0x48, 2, b'a', b'b', 0x15, 2, 0];
        assert_eq!(group(&nested), Some(Some(&b"ab"[..])));
        (0..flat.len()).for_each(|end| assert_eq!(group(&flat[..end]), None));
        assert_eq!(group(&[0xff; 64]), None);
    }
}
