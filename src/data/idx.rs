//! IDX files of unsigned bytes, plain or gzip.
//!
//! Two zero bytes, a type byte (8 for unsigned bytes), the number of axes, then each axis as a big-endian
//! `u32`, slowest first, then the values. Source: LeCun, Cortes, Burges, "The MNIST database", file formats.

use std::fmt;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flate2::bufread::{GzDecoder, MultiGzDecoder};
use sha2::{Digest, Sha256};

use crate::data::load::hex;
use crate::error::{Error, Result};
use crate::input;
use crate::shape::Shape;

/// An open IDX file: its shape is known, its values are still to be read.
pub struct Idx {
    path: PathBuf,
    shape: Shape,
    body: Box<dyn Read>,
    /// Of what was read so far.
    hash: Sha256,
}

impl Idx {
    /// Opens a file and reads its header. Gzip is recognized by its first bytes, not by its name.
    ///
    /// # Errors
    /// If the file cannot be read, is not IDX, has a type other than unsigned bytes, or declares more than [`MOST`] values.
    pub fn open(path: &Path) -> Result<Self> {
        let mut body = unpacked(path).map_err(|e| refused(path, e))?;
        let magic: [u8; 4] = match up_to(&mut body, 4).map_err(|e| refused(path, e))?.as_slice() {
            [] => return Err(Error::format(path, "is empty; an IDX file starts with 00 00 08")),
            &[a, b, c, d] => [a, b, c, d],
            short => return Err(Error::format(path, format!("is truncated: ends after {} bytes", short.len()))),
        };
        let axes = axes(magic).map_err(|reason| Error::format(path, reason))?;
        let sizes = up_to(&mut body, 4 * axes).map_err(|e| refused(path, e))?;
        if sizes.len() < 4 * axes {
            return Err(Error::format(path, format!("is truncated: ends within the sizes of its {axes} axes")));
        }
        let hash = Sha256::new().chain_update(magic).chain_update(&sizes);
        let (sizes, _) = sizes.as_chunks::<4>();
        let sizes: Vec<u32> = sizes.iter().map(|size| u32::from_be_bytes(*size)).collect();
        match shape(&sizes) {
            Some(shape) => Ok(Self { path: path.to_owned(), shape, body, hash }),
            None => Err(Error::format(path, format!("declares {sizes:?} values; at most {MOST} are read"))),
        }
    }

    /// The announced shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Reads some of the values, each through `f`, and passes over those before them. What lies behind them is not looked at.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or ends before the last of them.
    pub fn part<T>(mut self, values: Range<usize>, f: impl Fn(u8) -> T) -> Result<Vec<T>> {
        let mut read = Vec::with_capacity(values.len().min(FIRST));
        let (mut chunk, mut at) = (vec![0; CHUNK], 0);
        while at < values.end {
            let room = chunk.len().min(values.end - at);
            let bytes = match self.body.read(&mut chunk[..room]) {
                Ok(0) => {
                    let reason = format!("is truncated: holds {at} of the values of shape {}", self.shape);
                    return Err(Error::format(self.path, reason));
                }
                Ok(n) => &chunk[..n],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(refused(&self.path, e)),
            };
            let passed = values.start.saturating_sub(at).min(bytes.len());
            read.extend(bytes[passed..].iter().map(|&byte| f(byte)));
            at += bytes.len();
        }
        Ok(read)
    }

    /// Reads the values, each through `f`. Memory grows with the bytes that arrive, not with those announced.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or holds fewer or more bytes than it declares.
    pub fn map<T>(self, f: impl Fn(u8) -> T) -> Result<Vec<T>> {
        self.map_hashed(f).map(|(values, _)| values)
    }

    /// [`Idx::map`], and the SHA-256 of the whole file, unpacked.
    pub(super) fn map_hashed<T>(mut self, f: impl Fn(u8) -> T) -> Result<(Vec<T>, String)> {
        let announced = self.shape.len();
        let mut values = Vec::with_capacity(announced.min(FIRST));
        let mut chunk = vec![0; CHUNK];
        loop {
            let bytes = match self.body.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => &chunk[..n],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) if values.len() == announced && is_followed(&self.path) => {
                    return Err(Error::format(self.path, "is too long: there is more data after its gzip stream"));
                }
                Err(e) => return Err(refused(&self.path, e)),
            };
            if bytes.len() > announced - values.len() {
                let reason = format!("is too long: holds more than the {announced} values of shape {}", self.shape);
                return Err(Error::format(self.path, reason));
            }
            self.hash.update(bytes);
            values.extend(bytes.iter().map(|&byte| f(byte)));
        }
        if values.len() < announced {
            let (held, shape) = (values.len(), &self.shape);
            let reason = format!("is truncated: holds {held} of the {announced} values of shape {shape}");
            return Err(Error::format(self.path, reason));
        }
        values.shrink_to_fit();
        Ok((values, hex(&self.hash.finalize())))
    }
}

impl fmt::Debug for Idx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Idx {{ path: {:?}, shape: {} }}", self.path, self.shape)
    }
}

/// The most values a file may announce: 4 GiB of them.
pub const MOST: u64 = 1 << 32;

/// Room made before the first value arrives, in values.
const FIRST: usize = 1 << 20;

/// Bytes read at a time; two such buffers stay within a core's cache.
const CHUNK: usize = 1 << 16;

/// The file's bytes, unpacked where they start as gzip does.
pub(super) fn unpacked(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = input::open(path)?;
    let start = up_to(&mut file, 2)?;
    let packed = start == [0x1f, 0x8b];
    let file = BufReader::with_capacity(CHUNK, Cursor::new(start).chain(file));
    Ok(if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Whether a gzip file is whole and has something behind it.
fn is_followed(path: &Path) -> bool {
    let whole = |file| {
        let mut file = GzDecoder::new(BufReader::with_capacity(CHUNK, file));
        let unpacked = io::copy(&mut (&mut file).take(MOST + 4 * 256), &mut io::sink());
        unpacked.is_ok() && !file.into_inner().fill_buf().unwrap_or_default().is_empty()
    };
    input::open(path).is_ok_and(whole)
}

/// The next `n` bytes, or fewer where the file ends.
pub(super) fn up_to(from: &mut impl Read, n: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(n.min(FIRST));
    from.take(n as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the decoder finds wrong is the file's fault; anything else is the system's.
pub(super) fn refused(path: &Path, e: io::Error) -> Error {
    match e.kind() {
        io::ErrorKind::UnexpectedEof => Error::format(path, "is truncated: its gzip data ends early"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::format(path, format!("is damaged: its gzip data cannot be decompressed ({e}); download it again"))
        }
        _ => Error::file(path, e),
    }
}

/// Number of axes, from the magic.
fn axes(magic: [u8; 4]) -> std::result::Result<usize, String> {
    let name = match magic {
        [0, 0, 0x08, axes] if axes > 0 => return Ok(axes.into()),
        [0, 0, 0x08, _] => return Err("declares no axis; an IDX file has at least one".to_owned()),
        [0, 0, 0x09, _] => "i8",
        [0, 0, 0x0b, _] => "i16",
        [0, 0, 0x0c, _] => "i32",
        [0, 0, 0x0d, _] => "f32",
        [0, 0, 0x0e, _] => "f64",
        [a, b, c, d] => {
            return Err(format!("is not an IDX file: starts with {a:02x} {b:02x} {c:02x} {d:02x}, not with 00 00 08"));
        }
    };
    Err(format!("holds values of type {name} (0x{:02x}); only unsigned bytes (0x08) are read", magic[2]))
}

/// The shape, where its values are few enough to be read.
fn shape(sizes: &[u32]) -> Option<Shape> {
    // The sizes without zeros: a zero must not hide a product that overflows.
    let values = sizes.iter().filter(|size| **size > 0).try_fold(1_u64, |n, size| n.checked_mul((*size).into()))?;
    let sizes: Option<Vec<usize>> = sizes.iter().map(|size| usize::try_from(*size).ok()).collect();
    (values <= MOST && usize::try_from(values).is_ok()).then(|| sizes.map(Shape::new)).flatten()
}
