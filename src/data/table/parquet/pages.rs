//! The pages of a column, one by one.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::data::table::parquet::fault::{DAMAGED, ENCODING, Fault};
use crate::data::table::parquet::footer::{Chunk, Codec};
use crate::data::table::parquet::page_header::{Form, PageHeader};
use crate::data::table::parquet::runs::Runs;
use crate::data::table::parquet::thrift::Thrift;
use crate::data::table::parquet::unpack::unpacked;

/// Pages that are still to be read.
pub(super) struct Pages {
    at: u64,
    end: u64,
    codec: Codec,
    /// Whether values may be missing.
    optional: bool,
    /// Bytes that a page may always have.
    most: usize,
}

/// A page. Its numbers are what its header says, whatever its bytes are.
pub(super) enum Page {
    Dictionary {
        values: u64,
        bytes: Vec<u8>,
    },
    Data {
        /// With those that are missing.
        values: u64,
        /// 1 for a value that is there, 0 for one that is missing.
        levels: Option<Runs>,
        encoding: i64,
        bytes: Vec<u8>,
    },
    /// Of no use here.
    Index,
}

impl Pages {
    /// All pages of a chunk, which the file holds.
    pub(super) fn new(chunk: Chunk, optional: bool, most: usize) -> Self {
        Self { at: chunk.start, end: chunk.start + chunk.bytes, codec: chunk.codec, optional, most }
    }

    /// Reads the next page.
    pub(super) fn next(&mut self, file: &mut File) -> Result<Page, Fault> {
        let (header, length) = self.header(file)?;
        self.at += length;
        let start = self.at;
        self.at = start.checked_add(header.packed).filter(|at| *at <= self.end).ok_or(DAMAGED)?;
        let bytes = read(file, start, header.packed)?;
        if bytes.len() as u64 != header.packed {
            return Err(DAMAGED.into());
        }
        self.page(&header, bytes)
    }

    /// The header of the next page, and its length. It may have statistics of any length, which are passed over.
    fn header(&self, file: &mut File) -> Result<(PageHeader, u64), Fault> {
        let most = (self.end - self.at).min(MOST_HEADER);
        let mut tried = FIRST_HEADER;
        loop {
            let bytes = read(file, self.at, tried.min(most))?;
            let mut rest = Thrift(&bytes);
            if let Some(header) = PageHeader::read(&mut rest) {
                return Ok((header, (bytes.len() - rest.0.len()) as u64));
            }
            if tried >= most {
                return Err(DAMAGED.into());
            }
            tried *= 16;
        }
    }

    fn page(&self, header: &PageHeader, bytes: Vec<u8>) -> Result<Page, Fault> {
        let length = usize::try_from(header.unpacked).map_err(|_| DAMAGED)?;
        match header.form {
            Form::Index => Ok(Page::Index),
            Form::Dictionary { values } => {
                Ok(Page::Dictionary { values, bytes: unpacked(self.codec, bytes, length, self.most)? })
            }
            Form::Data { values, encoding, levels } => {
                let mut bytes = unpacked(self.codec, bytes, length, self.most)?;
                let levels = match self.optional {
                    true if levels != RLE => return Err(ENCODING.into()),
                    true => Some(sized_runs(&mut bytes).ok_or(DAMAGED)?),
                    false => None,
                };
                Ok(Page::Data { values, levels, encoding, bytes })
            }
            Form::Data2 { values, encoding, repetitions, levels, packed } => {
                let front = repetitions.checked_add(levels).filter(|front| *front <= bytes.len()).ok_or(DAMAGED)?;
                let mut front_bytes = bytes;
                let bytes = front_bytes.split_off(front);
                let codec = if packed { self.codec } else { Codec::Plain };
                let bytes = unpacked(codec, bytes, length.checked_sub(front).ok_or(DAMAGED)?, self.most)?;
                let levels = self.optional.then(|| Runs::new(front_bytes.split_off(repetitions), 1)).flatten();
                Ok(Page::Data { values, levels, encoding, bytes })
            }
        }
    }
}

/// Takes runs of single bits from the front, which have their length before them in four bytes.
pub(super) fn sized_runs(bytes: &mut Vec<u8>) -> Option<Runs> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?);
    let end = usize::try_from(length).ok()?.checked_add(4).filter(|end| *end <= bytes.len())?;
    let rest = bytes.split_off(end);
    let mut runs = std::mem::replace(bytes, rest);
    runs.drain(..4);
    Runs::new(runs, 1)
}

/// Bytes of a file, no more than it has.
fn read(file: &mut File, start: u64, length: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Bytes of a header that are read at first, and at most.
const FIRST_HEADER: u64 = 256;
const MOST_HEADER: u64 = 1 << 20;

/// parquet.thrift, `Encoding`.
pub(super) const RLE: i64 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_announce_more_than_they_have_are_refused() {
        let runs = |bytes: &[u8]| sized_runs(&mut bytes.to_vec()).and_then(|mut runs| runs.next());
        assert_eq!(runs(&[2, 0, 0, 0, 2, 1, 9]), Some(1));
        assert_eq!(runs(&[3, 0, 0, 0, 2, 1]), None);
        assert_eq!(runs(&[0xff; 8]), None);
    }
}
