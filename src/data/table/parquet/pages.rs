//! Pages of a column, of which none announces more than its bytes can hold.
//!
//! The `parquet` crate makes room for what a page's header announces, up to 2 GiB for its bytes and 2^31 entries of a dictionary,
//! before it looks at the bytes. A failed allocation ends the process, so that both are compared with the bytes here, before.

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::data::table::parquet::thrift::{I32, Thrift};

/// The bytes of a file, at the place of a page each.
pub(super) struct Chunks(File);

impl Chunks {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<File>;

    /// Reads from the header of a page on.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut header = Vec::new();
        self.0.get_read(start)?.take(FIRST_FIELDS).read_to_end(&mut header)?;
        match announced(&header) {
            Some([unpacked, packed]) if unpacked <= MOST_TIMES * packed + SLACK => self.0.get_read(start),
            _ => Err(ParquetError::General("a page announces more than its bytes can hold".to_owned())),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF("a page is longer than the file".to_owned()));
        }
        self.0.get_bytes(start, length)
    }
}

/// The pages of a column of a row group.
pub(super) struct Pages(SerializedPageReader<Chunks>);

impl Pages {
    /// Opens column `at` of a row group.
    pub(super) fn open(chunks: &Arc<Chunks>, group: &RowGroupMetaData, at: usize) -> Result<Self> {
        let rows = usize::try_from(group.num_rows())?;
        Ok(Self(SerializedPageReader::new(chunks.clone(), group.column(at), rows, None)?))
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.0.get_next_page()?;
        page.as_ref().map_or(Ok(()), checked)?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

/// Refuses dictionaries that are longer than their bytes, and the encodings whose decoders allocate what their bytes announce.
fn checked(page: &Page) -> Result<()> {
    let plain = match page {
        Page::DictionaryPage { buf, num_values, encoding, .. } => {
            if *num_values as usize > buf.len() {
                return Err(ParquetError::General("a dictionary announces more than its bytes can hold".to_owned()));
            }
            matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY)
        }
        Page::DataPage { encoding, def_level_encoding, .. } => {
            is_supported(*encoding) && *def_level_encoding == Encoding::RLE
        }
        Page::DataPageV2 { encoding, .. } => is_supported(*encoding),
    };
    if plain { Ok(()) } else { Err(ParquetError::NYI("an encoding".to_owned())) }
}

fn is_supported(encoding: Encoding) -> bool {
    use Encoding::{PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY};
    matches!(encoding, PLAIN | PLAIN_DICTIONARY | RLE | RLE_DICTIONARY)
}

/// The sizes of a page, unpacked and packed, from the first bytes of its header.
///
/// A header is a Thrift struct in the compact protocol, whose first fields are `1: i32 type`, `2: i32 uncompressed_page_size` and
/// `3: i32 compressed_page_size` (parquet.thrift, `PageHeader`).
fn announced(header: &[u8]) -> Option<[u64; 2]> {
    let (mut bytes, mut last) = (Thrift(header), 0);
    let mut field = |wanted| match bytes.field(&mut last)?? {
        (number, I32) if number == wanted => bytes.number::<i32>(),
        _ => None,
    };
    field(1)?;
    let sizes = [field(2)?, field(3)?];
    sizes.iter().all(|size| *size >= 0).then(|| sizes.map(|size| u64::from(size.unsigned_abs())))
}

/// Bytes of the fields above: a byte and a number of at most five bytes each, as writers have it.
const FIRST_FIELDS: u64 = 18;

/// Snappy makes at most 64 bytes of 3; its format, section 2.2.
const MOST_TIMES: u64 = 22;
const SLACK: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_first_fields_of_a_header() {
        // type 0, 300 bytes in 10
        assert_eq!(announced(&[0x15, 0, 0x15, 0xd8, 4, 0x15, 20, 0x2c]), Some([300, 10]));
        let most = [0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 2];
        assert_eq!(announced(&most), Some([i32::MAX as u64, 1]));
        for wrong in [&most[..9], &[0x15, 0, 0x15, 1, 0x15, 2], &[0x25, 0, 0x15, 2, 0x15, 2], &[0x15; 18], &[0xff; 18]]
        {
            assert_eq!(announced(wrong), None, "{wrong:?}");
        }
    }
}
