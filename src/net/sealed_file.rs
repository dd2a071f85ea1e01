//! Files at rest, encrypted with a key of this machine, so that a disk or a backup alone gives nothing away.
//!
//! A file is the magic `ppdnn sf`, its version (4 bytes, little-endian), a salt (32 bytes), and chunks of up to [`CHUNK`] bytes,
//! each encrypted with ChaCha20-Poly1305 and followed by its tag. The key of a file is BLAKE3 in its mode derive_key, context
//! `ppdnn 2026 file at rest`, of the machine's key, the salt and the label, so that a file that was written for one purpose does not
//! open for another. The nonce of a chunk is its number (8 bytes) and whether it is the last (1 byte): chunks that are left out,
//! moved or cut off do not decrypt.
//!
//! A file appears under its name only once it is whole and on the disk.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use tempfile::NamedTempFile;
use zeroize::{Zeroize, Zeroizing};

use super::durable_file::{folder_of, sync_folder};
use crate::error::{Error, Result};
use crate::input;

/// The key of the files that this machine keeps. Erased when dropped, never printed.
#[derive(Clone)]
pub struct StorageKey(Zeroizing<[u8; 32]>);

impl StorageKey {
    /// The key that secrets of this machine lead to.
    pub(super) fn derive(secrets: [&[u8]; 2]) -> Self {
        Self(derive("ppdnn 2026 key of the files of a machine", &secrets))
    }

    /// Begins a file in place of the one that may be there.
    ///
    /// # Errors
    /// [`Error::File`] if its folder cannot be written to.
    pub fn create(&self, path: &Path, label: &[u8]) -> Result<SealedWriter> {
        let fail = |e| Error::file(path, e);
        let mut salt = [0; 32];
        getrandom::fill(&mut salt)
            .map_err(|e| Error::Device(format!("the operating system provides no randomness: {e}")))?;
        let mut file = NamedTempFile::new_in(folder_of(path)).map_err(fail)?;
        let header = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &salt].concat();
        file.write_all(&header).map_err(fail)?;
        let mut hash = blake3::Hasher::new();
        hash.update(&header);
        Ok(SealedWriter {
            path: path.to_owned(),
            file,
            cipher: self.cipher(&salt, label),
            chunk: Zeroizing::new(Vec::with_capacity(CHUNK)),
            number: 0,
            hash,
        })
    }

    /// Opens a file that [`StorageKey::create`] wrote with the same label.
    ///
    /// # Errors
    /// [`Error::File`] if there is none; [`Error::Format`] if it is no such file.
    pub fn open(&self, path: &Path, label: &[u8]) -> Result<SealedReader> {
        let fail = |e| Error::file(path, e);
        let mut file = BufReader::with_capacity(CHUNK, input::open(path).map_err(fail)?);
        let mut header = [0; MAGIC.len() + 4 + 32];
        file.read_exact(&mut header).map_err(|_| Error::format(path, "is too short for a file of ppdnn's state"))?;
        let (magic, rest) = header.split_at(MAGIC.len());
        if magic != MAGIC || rest[..4] != VERSION.to_le_bytes() {
            return Err(Error::format(path, "is not a file of the state of this version of ppdnn"));
        }
        let cipher = self.cipher(&rest[4..], label);
        Ok(SealedReader {
            path: path.to_owned(),
            file,
            cipher,
            chunk: Zeroizing::default(),
            at: 0,
            number: 0,
            over: false,
        })
    }

    fn cipher(&self, salt: &[u8], label: &[u8]) -> ChaCha20Poly1305 {
        let key = derive("ppdnn 2026 file at rest", &[self.0.as_slice(), salt, label]);
        ChaCha20Poly1305::new((&*key).into())
    }
}

/// A file that is being written. Dropped before it is finished, it leaves nothing.
pub struct SealedWriter {
    path: PathBuf,
    file: NamedTempFile,
    cipher: ChaCha20Poly1305,
    chunk: Zeroizing<Vec<u8>>,
    number: u64,
    hash: blake3::Hasher,
}

impl SealedWriter {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::File`], as for a full disk.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK {
                self.seal(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Puts the file in its place, once it is on the disk. Returns the BLAKE3 of what is there.
    ///
    /// # Errors
    /// [`Error::File`], as for a full disk.
    pub fn finish(mut self) -> Result<[u8; 32]> {
        self.seal(true)?;
        let Self { path, file, hash, .. } = self;
        let fail = |e| Error::file(&path, e);
        file.as_file().sync_all().map_err(fail)?;
        file.persist(&path).map_err(|e| Error::file(&path, e.error))?;
        sync_folder(&path)?;
        Ok(*hash.finalize().as_bytes())
    }

    fn seal(&mut self, last: bool) -> Result<()> {
        let nonce = nonce(self.number, last);
        let tag = self.cipher.encrypt_inout_detached(&nonce, &[], self.chunk.as_mut_slice().into());
        let tag = tag.expect("a chunk is far below the cipher's limit");
        self.number += 1;
        for part in [self.chunk.as_slice(), tag.as_slice()] {
            self.file.write_all(part).map_err(|e| Error::file(&self.path, e))?;
            self.hash.update(part);
        }
        self.chunk.clear();
        Ok(())
    }
}

/// A file that is being read, in pieces: what is returned is authentic.
pub struct SealedReader {
    path: PathBuf,
    file: BufReader<File>,
    cipher: ChaCha20Poly1305,
    chunk: Zeroizing<Vec<u8>>,
    /// How much of the chunk is read.
    at: usize,
    number: u64,
    /// The last chunk was read.
    over: bool,
}

impl SealedReader {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// [`Error::Format`] if the file was changed, is of another machine or another use, or ends before.
    pub fn read(&mut self, mut bytes: &mut [u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.at == self.chunk.len() && !self.next()? {
                return Err(Error::format(&self.path, "ends before it should"));
            }
            let (now, later) = bytes.split_at_mut(bytes.len().min(self.chunk.len() - self.at));
            now.copy_from_slice(&self.chunk[self.at..self.at + now.len()]);
            self.at += now.len();
            bytes = later;
        }
        Ok(())
    }

    /// Checks that all was read.
    ///
    /// # Errors
    /// As [`SealedReader::read`]; [`Error::Format`] if there is more.
    pub fn finish(mut self) -> Result<()> {
        let more = self.at < self.chunk.len() || self.next()?;
        if more { Err(Error::format(&self.path, "is longer than it should be")) } else { Ok(()) }
    }

    /// Decrypts the next chunk; false at the end.
    fn next(&mut self) -> Result<bool> {
        if self.over {
            return Ok(false);
        }
        let fail = |e| Error::file(&self.path, e);
        self.chunk.zeroize();
        self.file.by_ref().take((CHUNK + TAG) as u64).read_to_end(&mut self.chunk).map_err(fail)?;
        self.over = self.file.fill_buf().map_err(fail)?.is_empty();
        let changed = || {
            let what = "was changed, or belongs to another party, machine or job; it cannot be used";
            Error::format(&self.path, what)
        };
        let body = self.chunk.len().checked_sub(TAG).ok_or_else(changed)?;
        let tag = Tag::try_from(&self.chunk[body..]).map_err(|_| changed())?;
        self.chunk.truncate(body);
        let nonce = nonce(self.number, self.over);
        let opened = self.cipher.decrypt_inout_detached(&nonce, &[], self.chunk.as_mut_slice().into(), &tag);
        opened.map_err(|_| changed())?;
        (self.number, self.at) = (self.number + 1, 0);
        Ok(!self.chunk.is_empty())
    }
}

fn derive(context: &'static str, material: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in material {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut key = Zeroizing::new([0; 32]);
    hasher.finalize_xof().fill(&mut *key);
    hasher.zeroize();
    key
}

fn nonce(number: u64, last: bool) -> Nonce {
    let mut nonce = Nonce::default();
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce[8] = u8::from(last);
    nonce
}

const MAGIC: &[u8; 8] = b"ppdnn sf";
const VERSION: u32 = 1;
/// Bytes of a chunk before it is encrypted.
const CHUNK: usize = 1 << 20;
/// Bytes that authenticate a chunk.
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn key(byte: u8) -> StorageKey {
        StorageKey::derive([&[byte; 32], b"more"])
    }

    /// A file of `len` bytes, and its folder.
    fn written(len: usize) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..len).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
        let mut file = key(1).create(&path, b"a label").unwrap();
        bytes.chunks(300_001).for_each(|piece| file.write(piece).unwrap());
        let hash = file.finish().unwrap();
        assert_eq!(hash, *blake3::hash(&fs::read(&path).unwrap()).as_bytes());
        (folder, path, bytes)
    }

    fn read(key: &StorageKey, path: &Path, label: &[u8], len: usize) -> Result<Vec<u8>> {
        let mut file = key.open(path, label)?;
        let mut bytes = vec![0; len];
        bytes.chunks_mut(77_777).try_for_each(|piece| file.read(piece))?;
        file.finish()?;
        Ok(bytes)
    }

    #[test]
    fn bytes_come_back_whatever_their_number() {
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
            let (_folder, path, bytes) = written(len);
            assert!(read(&key(1), &path, b"a label", len).unwrap() == bytes, "{len}");
            assert!(read(&key(1), &path, b"a label", len + 1).is_err(), "{len}: no more than there is");
            assert!(len == 0 || read(&key(1), &path, b"a label", len - 1).is_err(), "{len}: not less");
        }
    }

    #[test]
    fn what_is_on_the_disk_says_nothing_and_differs_every_time() {
        let [a, b] = [(); 2].map(|()| written(1000));
        let [raw_a, raw_b] = [&a, &b].map(|(_, path, _)| fs::read(path).unwrap());
        assert!(raw_a[12..] != raw_b[12..], "a salt of its own");
        assert!(!raw_a.windows(8).any(|w| w == &a.2[..8]));
    }

    #[test]
    fn a_file_that_was_changed_or_is_another_does_not_open() {
        let len = 2 * CHUNK + 9;
        let (_folder, path, _) = written(len);
        assert!(read(&key(2), &path, b"a label", len).is_err(), "another machine");
        assert!(read(&key(1), &path, b"other label", len).is_err(), "another use");
        let whole = fs::read(&path).unwrap();
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            read(&key(1), &path, b"a label", len).is_err()
        };
        for at in [0, 8, 12, 43, 44, 100, 44 + CHUNK, 44 + CHUNK + 20, whole.len() - 1] {
            let mut other = whole.clone();
            other[at] ^= 1;
            assert!(refused(&other), "byte {at}");
        }
        let (head, first) = (44, 44 + CHUNK + TAG);
        for end in [0, 10, head, head + 5, first, first + 10, 2 * first - head, whole.len() - 1] {
            assert!(refused(&whole[..end]), "cut at {end}");
        }
        let second = &whole[first..2 * first - head];
        let swapped = [&whole[..head], second, &whole[head..first], &whole[2 * first - head..]].concat();
        assert!(refused(&swapped), "chunks in another order");
        assert!(refused(&[&whole[..], &[0; 40]].concat()), "more at the end");
        assert!(!refused(&whole), "the control");
    }
}
