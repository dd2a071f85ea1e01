//! The footer of a file: its columns, and where their bytes are (parquet.thrift, `FileMetaData`).
//!
//! A footer is untrusted: nothing is allocated for a number that it announces, and nothing is read that nests (see
//! [`Thrift`]).

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::data::table::parquet::fault::{DAMAGED, Fault, NO_FOOTER};
use crate::data::table::parquet::schema::{Column, columns};
use crate::data::table::parquet::thrift::{BINARY, I64, LIST, STRUCT, Thrift};

/// What the footer of a file says.
pub(super) struct Footer {
    pub(super) columns: Vec<Column>,
    pub(super) groups: Vec<Group>,
}

/// A row group: some rows, with the bytes of each column.
pub(super) struct Group {
    pub(super) rows: u64,
    pub(super) chunks: Vec<Chunk>,
}

/// The bytes of a column in a row group.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    pub(super) start: u64,
    pub(super) bytes: u64,
    pub(super) codec: Codec,
}

/// How pages are compressed.
#[derive(Clone, Copy)]
pub(super) enum Codec {
    Gzip,
    Plain,
    Snappy,
    Zstd,
}

impl Footer {
    /// Reads the footer of a file.
    pub(super) fn read(file: &mut File) -> Result<Self, Fault> {
        let bytes = file.metadata()?.len();
        let footer = last_bytes(file, bytes)?.ok_or(NO_FOOTER)?;
        let (columns, groups) = parts(&footer)?;
        let footer = Self { columns, groups };
        footer.check(bytes)?;
        Ok(footer)
    }

    /// Refuses what cannot be in a file of so many bytes: columns that share bytes, rows without end.
    fn check(&self, bytes: u64) -> Result<(), Fault> {
        let (mut left, mut rows) = (bytes, bytes.saturating_mul(MOST_ROWS_PER_BYTE));
        for group in &self.groups {
            if group.chunks.len() != self.columns.len() {
                return Err(DAMAGED.into());
            }
            rows = rows.checked_sub(group.rows).ok_or(DAMAGED)?;
            for chunk in &group.chunks {
                left = left.checked_sub(chunk.bytes).ok_or(DAMAGED)?;
                chunk.start.checked_add(chunk.bytes).filter(|end| *end <= bytes).ok_or(DAMAGED)?;
            }
        }
        Ok(())
    }
}

/// The bytes of the footer of a file of so many bytes, which has its length and "PAR1" behind it; `None` if there is none.
fn last_bytes(file: &mut File, bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut length, mut magic, mut footer) = ([0; 4], [0; 4], Vec::new());
    let Some(at) = bytes.checked_sub(8) else { return Ok(None) };
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut length)?;
    file.read_exact(&mut magic)?;
    let length = u64::from(u32::from_le_bytes(length));
    let Some(start) = at.checked_sub(length).filter(|_| &magic == b"PAR1") else { return Ok(None) };
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut footer)?;
    Ok(Some(footer))
}

/// `FileMetaData`: `2: list<SchemaElement> schema`, `4: list<RowGroup> row_groups`, `8: EncryptionAlgorithm`.
fn parts(footer: &[u8]) -> Result<(Vec<Column>, Vec<Group>), Fault> {
    let (mut bytes, mut last) = (Thrift(footer), 0);
    let (mut found, mut groups) = (None, Vec::new());
    while let Some(field) = bytes.field(&mut last).ok_or(NO_FOOTER)? {
        match field {
            (2, LIST) if found.is_none() => found = Some(columns(&mut bytes)?),
            (4, LIST) if groups.is_empty() => {
                for _ in 0..bytes.list(STRUCT).ok_or(NO_FOOTER)? {
                    groups.push(group(&mut bytes)?);
                }
            }
            (8, _) => return Err("is encrypted; export it without encryption".into()),
            (2 | 4, _) => return Err(NO_FOOTER.into()),
            (_, kind) => bytes.skip(kind).ok_or(NO_FOOTER)?,
        }
    }
    Ok((found.ok_or(NO_FOOTER)?, groups))
}

/// `RowGroup`: `1: list<ColumnChunk> columns`, `3: i64 num_rows`.
fn group(bytes: &mut Thrift<'_>) -> Result<Group, Fault> {
    let (mut last, mut rows, mut chunks) = (0, None, Vec::new());
    while let Some(field) = bytes.field(&mut last).ok_or(NO_FOOTER)? {
        match field {
            (1, LIST) if chunks.is_empty() => {
                for _ in 0..bytes.list(STRUCT).ok_or(NO_FOOTER)? {
                    chunks.push(chunk(bytes)?);
                }
            }
            (3, I64) => rows = Some(bytes.number().ok_or(NO_FOOTER)?),
            (1 | 3, _) => return Err(NO_FOOTER.into()),
            (_, kind) => bytes.skip(kind).ok_or(NO_FOOTER)?,
        }
    }
    Ok(Group { rows: rows.ok_or(NO_FOOTER)?, chunks })
}

/// `ColumnChunk`: `1: string file_path`, `3: ColumnMetaData meta_data`.
fn chunk(bytes: &mut Thrift<'_>) -> Result<Chunk, Fault> {
    let (mut last, mut chunk) = (0, None);
    while let Some(field) = bytes.field(&mut last).ok_or(NO_FOOTER)? {
        match field {
            (1, BINARY) => {
                bytes
                    .bytes()
                    .filter(|path| path.is_empty())
                    .ok_or("has its columns in other files; export it as one")?;
            }
            (3, STRUCT) => chunk = Some(place(bytes)?),
            (1 | 3, _) => return Err(NO_FOOTER.into()),
            (_, kind) => bytes.skip(kind).ok_or(NO_FOOTER)?,
        }
    }
    Ok(chunk.ok_or(NO_FOOTER)?)
}

/// `ColumnMetaData`: `4: CompressionCodec codec`, `7: i64 total_compressed_size`, `9: i64 data_page_offset`,
/// `11: i64 dictionary_page_offset`, which some writers set to 0 where there is no dictionary.
fn place(bytes: &mut Thrift<'_>) -> Result<Chunk, Fault> {
    let numbers = bytes.numbers::<12>().ok_or(NO_FOOTER)?;
    let number = |at: usize| numbers[at].and_then(|x| u64::try_from(x).ok()).ok_or(NO_FOOTER);
    let data = number(9)?;
    let start = number(11).ok().filter(|start| (1..data).contains(start)).unwrap_or(data);
    Ok(Chunk { start, bytes: number(7)?, codec: codec(number(4)?)? })
}

/// A `CompressionCodec`.
fn codec(number: u64) -> Result<Codec, Fault> {
    let name = match number {
        0 => return Ok(Codec::Plain),
        1 => return Ok(Codec::Snappy),
        2 => return Ok(Codec::Gzip),
        3 => "LZO",
        4 => "BROTLI",
        5 | 7 => "LZ4",
        6 => return Ok(Codec::Zstd),
        _ => return Err(DAMAGED.into()),
    };
    Err(format!("is compressed with {name}; export it with snappy, gzip, zstd or without compression").into())
}

/// Deflate, which compresses best among the ways that tables are stored, makes at most 1032 bytes of one. A file of more rows has
/// nothing in them.
const MOST_ROWS_PER_BYTE: u64 = 1024;
