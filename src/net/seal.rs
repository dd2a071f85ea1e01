//! Sealing to the trainer: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
//!
//! Sealed bytes: the encapsulated key (32), the ciphertext, its tag (16). The label is the `info` of the RFC,
//! behind a prefix of our own, so that what was sealed for one purpose does not open for another.

use std::fmt;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

use super::hex;
use crate::error::{Error, Result};

/// The public half of a sealing pair: anyone may seal, only the trainer can unseal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// The key of 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Usage`] where the text is something else.
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
    /// [`Error::Usage`] where the key is not one that anything can be sealed to.
    ///
    /// # Panics
    /// Where the operating system gives no randomness.
    pub fn seal(&self, label: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let unusable = |_| Error::Usage(format!("nothing can be sealed to the key {self}; copy it again"));
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.0).map_err(unusable)?;
        let (encapped, cipher) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            &info(label),
            plain,
            &[],
        )
        .map_err(unusable)?;
        let mut sealed = encapped.to_bytes().to_vec();
        sealed.extend_from_slice(&cipher);
        Ok(sealed)
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

/// The secret half. Erased when dropped.
pub(super) struct UnsealingKey(Zeroizing<[u8; 32]>);

impl UnsealingKey {
    /// The key that 32 secret bytes lead to.
    pub(super) fn derive(secret: &[u8; 32]) -> Self {
        let (key, _) = X25519HkdfSha256::derive_keypair(secret);
        let mut bytes = Zeroizing::new([0; 32]);
        key.write_exact(&mut *bytes);
        Self(bytes)
    }

    /// The public half.
    pub(super) fn public(&self) -> SealingKey {
        let mut bytes = [0; 32];
        X25519HkdfSha256::sk_to_pk(&self.key()).write_exact(&mut bytes);
        SealingKey(bytes)
    }

    /// What was sealed to the public half under this label.
    pub(super) fn unseal(&self, label: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let broken = || {
            Error::Usage(
                "sealed bytes do not open: they were changed on the way, or sealed to another key or for another use"
                    .into(),
            )
        };
        let (encapped, cipher) = sealed.split_at_checked(32).ok_or_else(broken)?;
        let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapped).map_err(|_| broken())?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.key(),
            &encapped,
            &info(label),
            cipher,
            &[],
        )
        .map(Zeroizing::new)
        .map_err(|_| broken())
    }

    fn key(&self) -> <X25519HkdfSha256 as Kem>::PrivateKey {
        Deserializable::from_bytes(&*self.0).expect("any 32 bytes are an X25519 secret")
    }
}

fn info(label: &[u8]) -> Vec<u8> {
    [b"ppdnn seal 1: ".as_slice(), label].concat()
}
