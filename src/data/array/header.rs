//! What a file says of its array before its values.

use std::io::{self, Read};

use crate::data::array::element::{Element, Kind};
use crate::data::array::npy;
use crate::data::idx::up_to;

/// The shape of an array, and what its numbers are.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// Axes, slowest first; the number of all values fits into 64 bits.
    pub(super) shape: Vec<u64>,
    pub(super) element: Element,
}

/// What is wrong with a header.
#[derive(Debug)]
pub(super) enum Refused {
    /// Its file cannot be read.
    File(io::Error),
    /// What it says.
    Text(String),
}

impl From<io::Error> for Refused {
    fn from(e: io::Error) -> Self {
        Self::File(e)
    }
}

impl From<String> for Refused {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Header {
    /// Reads the header of an NPY or an IDX file.
    pub(super) fn read(mut body: &mut dyn Read) -> Result<Self, Refused> {
        let magic = up_to(&mut body, 4)?;
        let header = match magic[..] {
            [0x93, b'N', b'U', b'M'] => npy::read(body)?,
            [0, 0, kind, axes] => idx(body, kind, axes)?,
            _ if magic.starts_with(b"PK") => return Err("is an archive inside of an archive".to_owned().into()),
            _ => return Err("is neither NPY nor IDX: it starts with other bytes".to_owned().into()),
        };
        // the sizes without zeros: a zero must not hide a product that overflows
        let sizes = || header.shape.iter().filter(|size| **size > 0);
        if sizes().try_fold(header.element.bytes() as u64, |n, size| n.checked_mul(*size)).is_none() {
            return Err(format!("declares shape {:?}, more values than a file can have", header.shape).into());
        }
        Ok(header)
    }
}

/// The header of an IDX file behind its magic: a big-endian `u32` for each axis.
fn idx(mut body: &mut dyn Read, kind: u8, axes: u8) -> Result<Header, Refused> {
    let (kind, bytes) = match kind {
        0x08 => (Kind::Unsigned, 1),
        0x09 => (Kind::Signed, 1),
        0x0b => (Kind::Signed, 2),
        0x0c => (Kind::Signed, 4),
        0x0d => (Kind::Float, 4),
        0x0e => (Kind::Float, 8),
        other => return Err(format!("has 0x{other:02x} as its type, which IDX does not have").into()),
    };
    let sizes = up_to(&mut body, 4 * usize::from(axes))?;
    if sizes.len() < 4 * usize::from(axes) {
        return Err(format!("is truncated: it ends within the sizes of its {axes} axes").into());
    }
    let shape = sizes.as_chunks::<4>().0.iter().map(|size| u32::from_be_bytes(*size).into()).collect();
    Ok(Header { shape, element: Element { kind, bytes, big_endian: true } })
}
