//! The hash of a public key, which a party is known by.

use std::fmt;

use subtle::ConstantTimeEq;

use super::hex;
use crate::error::{Error, Result};

/// SHA-256 of a public key (its SubjectPublicKeyInfo, DER). Compared in constant time.
#[derive(Clone, Copy, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "the manual comparison is equality of the same bytes")]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a public key.
    #[cfg(feature = "network")]
    pub fn of(public_key_info: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(public_key_info).into())
    }

    /// The fingerprint of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        hex::decode_32(text).map(Self).map_err(|wrong| Error::Usage(format!("the fingerprint {wrong}")))
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first digits, for messages.
    pub fn short(&self) -> String {
        format!("{}..", hex::encode(&self.0[..6]))
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
