//! Files at rest, without the feature `network`: every role is a thread of one process, and keeps none.

use std::path::Path;

use crate::error::Result;

/// The key of the files that a machine keeps: there is none.
#[derive(Clone)]
pub enum StorageKey {}

impl StorageKey {
    /// Begins a file.
    ///
    /// # Errors
    /// None: there is no key.
    pub fn create(&self, _: &Path, _: &[u8]) -> Result<SealedWriter> {
        match *self {}
    }

    /// Opens a file.
    ///
    /// # Errors
    /// None: there is no key.
    pub fn open(&self, _: &Path, _: &[u8]) -> Result<SealedReader> {
        match *self {}
    }
}

/// A file that is being written.
pub enum SealedWriter {}

impl SealedWriter {
    /// Appends bytes.
    ///
    /// # Errors
    /// None: there is no such file.
    pub fn write(&mut self, _: &[u8]) -> Result<()> {
        match *self {}
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// None: there is no such file.
    pub fn finish(self) -> Result<[u8; 32]> {
        match self {}
    }
}

/// A file that is being read.
pub enum SealedReader {}

impl SealedReader {
    /// Fills bytes.
    ///
    /// # Errors
    /// None: there is no such file.
    pub fn read(&mut self, _: &mut [u8]) -> Result<()> {
        match *self {}
    }

    /// Checks that all was read.
    ///
    /// # Errors
    /// None: there is no such file.
    pub fn finish(self) -> Result<()> {
        match self {}
    }
}
