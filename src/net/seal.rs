//! Sealing to the trainer, so that what the servers reveal is read by it alone.
//!
//! With the feature `network`: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305. Sealed
//! bytes: the encapsulated key (32), the ciphertext, its tag (16). The label is the `info` of the RFC, behind a prefix of our
//! own, so that what was sealed for one purpose does not open for another. Without it every role is a thread of one process, and
//! nothing leaves that process: see the module `unsealed`.

use std::fmt;

use zeroize::Zeroizing;

use super::hex;
#[cfg(feature = "network")]
use super::hpke::{open, public_of, seal_to};
#[cfg(not(feature = "network"))]
use super::no_hpke::{open, public_of, seal_to};
use crate::error::{Error, Result};

/// The public half of a sealing pair: anyone may seal, only the trainer can unseal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// The key of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        hex::decode_32(text).map(Self).map_err(|wrong| Error::Usage(format!("the sealing key {wrong}")))
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals bytes for the holder of the secret half, for the purpose that the label names.
    ///
    /// # Errors
    /// [`Error::Usage`] if the key is not one that anything can be sealed to.
    ///
    /// # Panics
    /// If the operating system gives no randomness.
    pub fn seal(&self, label: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let unusable = || {
            Error::Usage(format!("the sealing key {self} is invalid; copy it again from the output of `ppdnn keygen`"))
        };
        seal_to(&self.0, &info(label), plain).ok_or_else(unusable)
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// The secret half. Erased when dropped, never printed.
pub struct UnsealingKey(Zeroizing<[u8; 32]>);

impl UnsealingKey {
    /// A fresh key from the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Device`] if the operating system provides none.
    pub fn generate() -> Result<Self> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(|e| Error::Device(format!("no key could be generated: {e}")))?;
        Ok(Self(secret))
    }

    /// The key that 32 secret bytes lead to.
    #[cfg(feature = "network")]
    pub(super) fn derive(secret: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*secret))
    }

    /// The public half.
    pub fn public(&self) -> SealingKey {
        SealingKey(public_of(&self.0))
    }

    /// What was sealed to the public half under this label.
    ///
    /// # Errors
    /// [`Error::Usage`] if it was changed, or sealed to another key or under another label.
    pub fn unseal(&self, label: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        open(&self.0, &info(label), sealed).ok_or_else(|| {
            Error::Usage(
                "sealed bytes cannot be opened: they were changed in transit, or sealed to another key or for another use"
                    .into(),
            )
        })
    }
}

impl fmt::Debug for UnsealingKey {
    /// Nothing of it: it is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UnsealingKey")
    }
}

fn info(label: &[u8]) -> Vec<u8> {
    [b"ppdnn seal 1: ".as_slice(), label].concat()
}
