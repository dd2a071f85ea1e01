//! The header of a page (parquet.thrift, `PageHeader`).

use crate::data::table::parquet::thrift::{I32, STRUCT, Thrift};

/// What a page says of itself.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct PageHeader {
    /// Bytes in the file, and decompressed.
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) form: Form,
}

/// What a page holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// With the encoding of its values and of its definition levels.
    Data {
        values: u64,
        encoding: i64,
        levels: i64,
    },
    /// Version 2: the levels are outside of what is packed, so many bytes each.
    Data2 {
        values: u64,
        encoding: i64,
        repetitions: usize,
        levels: usize,
        packed: bool,
    },
    /// Whose encoding is plain.
    Dictionary {
        values: u64,
    },
    Index,
}

impl PageHeader {
    /// Reads a header: `1: PageType`, `2: i32 uncompressed_page_size`, `3: i32 compressed_page_size`, and a struct for its type.
    pub(super) fn read(bytes: &mut Thrift<'_>) -> Option<Self> {
        let (mut last, mut numbers, mut found) = (0, [None; 4], [None; 3]);
        while let Some((number, kind)) = bytes.field(&mut last)? {
            match (number, kind) {
                (1..=3, I32) => numbers[usize::from(number.unsigned_abs())] = Some(bytes.number::<u32>()?),
                (5, STRUCT) => found[0] = data(bytes.numbers()?),
                (7, STRUCT) => found[1] = dictionary(bytes.numbers()?),
                (8, STRUCT) => found[2] = data2(bytes.numbers()?),
                (_, kind) => bytes.skip(kind)?,
            }
        }
        let form = match numbers[1]? {
            0 => found[0]?,
            1 => Form::Index,
            2 => found[1]?,
            3 => found[2]?,
            _ => return None,
        };
        Some(Self { packed: numbers[3]?.into(), unpacked: numbers[2]?.into(), form })
    }
}

/// `DataPageHeader`: `1: i32 num_values`, `2: Encoding encoding`, `3: Encoding definition_level_encoding`.
fn data([_, values, encoding, levels]: [Option<i64>; 4]) -> Option<Form> {
    Some(Form::Data { values: values?.try_into().ok()?, encoding: encoding?, levels: levels? })
}

/// `DictionaryPageHeader`: `1: i32 num_values`, `2: Encoding encoding`, which is `PLAIN` or, of old, `PLAIN_DICTIONARY`.
fn dictionary([_, values, encoding]: [Option<i64>; 3]) -> Option<Form> {
    matches!(encoding?, 0 | 2).then_some(Form::Dictionary { values: values?.try_into().ok()? })
}

/// `DataPageHeaderV2`: `1: i32 num_values`, `4: Encoding encoding`, `5: i32 definition_levels_byte_length`,
/// `6: i32 repetition_levels_byte_length`, `7: bool is_compressed = true`.
fn data2([_, values, _, _, encoding, levels, repetitions, packed]: [Option<i64>; 8]) -> Option<Form> {
    Some(Form::Data2 {
        values: values?.try_into().ok()?,
        encoding: encoding?,
        repetitions: repetitions?.try_into().ok()?,
        levels: levels?.try_into().ok()?,
        packed: packed != Some(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_whole_or_not_at_all() {
        // type 0; 300 bytes in 10; five values in encoding 8, levels in encodings 3 and 3
        let bytes = [0x15, 0, 0x15, 0xd8, 4, 0x15, 20, 0x2c, 0x15, 10, 0x15, 16, 0x15, 6, 0x15, 6, 0, 0];
        let form = Form::Data { values: 5, encoding: 8, levels: 3 };
        assert_eq!(PageHeader::read(&mut Thrift(&bytes)), Some(PageHeader { packed: 10, unpacked: 300, form }));
        for end in 0..bytes.len() {
            assert_eq!(PageHeader::read(&mut Thrift(&bytes[..end])), None, "{end} bytes");
        }
        // a dictionary without its struct; negative numbers; an unknown type
        for (at, value) in [(1, 4), (6, 1), (9, 1), (1, 12)] {
            let mut bytes = bytes;
            bytes[at] = value;
            assert_eq!(PageHeader::read(&mut Thrift(&bytes)), None, "{value} at {at}");
        }
    }
}
