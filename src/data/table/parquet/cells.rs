//! The values of a column in a row group, as texts.

use std::fs::File;
use std::io::Write;
use std::ops::Range;

use crate::data::table::parquet::fault::{DAMAGED, ENCODING, Fault};
use crate::data::table::parquet::footer::Chunk;
use crate::data::table::parquet::pages::{Page, Pages, RLE, sized_runs};
use crate::data::table::parquet::runs::{Runs, bits};
use crate::data::table::parquet::schema::{Column, Kind};

/// Values that are still to be read. One page is in memory, and the dictionary.
pub(super) struct Cells {
    kind: Kind,
    pages: Pages,
    dictionary: Option<Dictionary>,
    /// Values of this page, with those that are missing.
    left: u64,
    levels: Option<Runs>,
    values: Values,
}

/// The values of a page that are there.
enum Values {
    /// Booleans.
    Bits(Runs),
    /// Of the dictionary.
    Indices(Runs),
    /// The next from this byte on, or, of booleans, from this bit on.
    Plain { bytes: Vec<u8>, at: usize },
}

/// Values that are named by their number.
struct Dictionary {
    bytes: Vec<u8>,
    entries: Vec<Range<usize>>,
}

impl Cells {
    /// All values of a chunk, whose pages may always have so many bytes (see [`unpacked`](super::unpack::unpacked)).
    pub(super) fn new(column: &Column, chunk: Chunk, most: usize) -> Self {
        Self {
            kind: column.kind,
            pages: Pages::new(chunk, column.optional, most),
            dictionary: None,
            left: 0,
            levels: None,
            values: Values::Plain { bytes: Vec::new(), at: 0 },
        }
    }

    /// Adds the text of the next value, nothing if it is missing.
    pub(super) fn next(&mut self, file: &mut File, text: &mut Vec<u8>) -> Result<(), Fault> {
        while self.left == 0 {
            let page = self.pages.next(file)?;
            self.open(page)?;
        }
        self.left -= 1;
        Ok(self.show(text).ok_or(DAMAGED)?)
    }

    fn open(&mut self, page: Page) -> Result<(), Fault> {
        match page {
            Page::Index => {}
            Page::Dictionary { values, bytes } if self.dictionary.is_none() => {
                self.dictionary = Some(Dictionary::new(self.kind, values, bytes)?);
            }
            Page::Dictionary { .. } => return Err(DAMAGED.into()),
            Page::Data { values, levels, encoding, bytes } => {
                self.values = Values::new(self.kind, encoding, bytes)?;
                (self.left, self.levels) = (values, levels);
            }
        }
        Ok(())
    }

    fn show(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let level = self.levels.as_mut().map_or(Some(1), Runs::next)?;
        if level != 1 {
            return (level == 0).then_some(());
        }
        match &mut self.values {
            Values::Bits(runs) => show_bool(runs.next()?, text),
            Values::Plain { bytes, at } if self.kind == Kind::Bool => {
                let x = bits(bytes, *at, 1)?;
                *at += 1;
                show_bool(x, text)
            }
            Values::Plain { bytes, at } => {
                let value = plain(self.kind, bytes, *at)?;
                *at = value.end;
                show(self.kind, bytes.get(value)?, text)
            }
            Values::Indices(runs) => {
                let dictionary = self.dictionary.as_ref()?;
                let entry = dictionary.entries.get(usize::try_from(runs.next()?).ok()?)?;
                show(self.kind, dictionary.bytes.get(entry.clone())?, text)
            }
        }
    }
}

impl Values {
    /// The values of a page in an encoding (parquet.thrift, `Encoding`).
    fn new(kind: Kind, encoding: i64, mut bytes: Vec<u8>) -> Result<Self, Fault> {
        match encoding {
            PLAIN => Ok(Self::Plain { bytes, at: 0 }),
            PLAIN_DICTIONARY | RLE_DICTIONARY if kind != Kind::Bool => {
                // a page without values may be empty
                let width = bytes.first().copied().unwrap_or(0);
                bytes.drain(..bytes.len().min(1));
                Ok(Self::Indices(Runs::new(bytes, width).ok_or(DAMAGED)?))
            }
            RLE if kind == Kind::Bool => Ok(Self::Bits(sized_runs(&mut bytes).ok_or(DAMAGED)?)),
            _ => Err(ENCODING.into()),
        }
    }
}

impl Dictionary {
    fn new(kind: Kind, values: u64, bytes: Vec<u8>) -> Result<Self, Fault> {
        if kind == Kind::Bool {
            return Err(ENCODING.into());
        }
        let (mut entries, mut at) = (Vec::new(), 0);
        for _ in 0..values {
            let entry = plain(kind, &bytes, at).ok_or(DAMAGED)?;
            at = entry.end;
            entries.push(entry);
        }
        Ok(Self { bytes, entries })
    }
}

/// Where the plain value from byte `at` on is; `None` if it is not there whole, and of booleans.
fn plain(kind: Kind, bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    let (start, length) = match kind {
        Kind::Bool => return None,
        Kind::Bytes => (at + 4, usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?),
        Kind::F32 | Kind::I32 | Kind::U32 => (at, 4),
        Kind::F64 | Kind::I64 | Kind::U64 => (at, 8),
    };
    let end = start.checked_add(length).filter(|end| *end <= bytes.len())?;
    Some(start..end)
}

/// Writes a value, numbers with all digits that tell them from others.
fn show(kind: Kind, value: &[u8], text: &mut Vec<u8>) -> Option<()> {
    let (four, eight) = (value.first_chunk().copied(), value.first_chunk().copied());
    match kind {
        Kind::Bool => None,
        Kind::Bytes => text.write_all(value).ok(),
        Kind::F32 => write!(text, "{}", f32::from_le_bytes(four?)).ok(),
        Kind::F64 => write!(text, "{}", f64::from_le_bytes(eight?)).ok(),
        Kind::I32 => write!(text, "{}", i32::from_le_bytes(four?)).ok(),
        Kind::I64 => write!(text, "{}", i64::from_le_bytes(eight?)).ok(),
        Kind::U32 => write!(text, "{}", u32::from_le_bytes(four?)).ok(),
        Kind::U64 => write!(text, "{}", u64::from_le_bytes(eight?)).ok(),
    }
}

fn show_bool(x: u32, text: &mut Vec<u8>) -> Option<()> {
    write!(text, "{}", x == 1).ok()
}

const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE_DICTIONARY: i64 = 8;
