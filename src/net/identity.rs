//! Who we are: the key that a party shows, and the key that things are sealed to.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ED25519, PublicKeyData};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::fingerprint::Fingerprint;
use super::hex;
use super::seal::{SealingKey, UnsealingKey};
use super::sealed_file::StorageKey;
use crate::error::{Error, Result};
use crate::input;

/// A party's secret keys: Ed25519 to show who it is, X25519 to unseal. Erased when dropped, never printed.
pub struct Identity {
    /// PKCS #8, DER.
    key: Zeroizing<Vec<u8>>,
    /// What the unsealing key is derived from.
    seal: Zeroizing<[u8; 32]>,
    certificate: Vec<u8>,
    fingerprint: Fingerprint,
}

impl Identity {
    /// Fresh keys from the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Device`] if the operating system provides none.
    pub fn generate() -> Result<Self> {
        let mut seal = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seal).map_err(no_randomness)?;
        let pair = KeyPair::generate_for(&PKCS_ED25519).map_err(no_randomness)?;
        Self::new(pair, seal).map_err(no_randomness)
    }

    /// The keys in a file that [`Identity::save`] wrote. Others must not be able to read it.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Format`], naming the file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read_private(path)?;
        let again = "restore it from a backup, or create a new identity and update the cluster file";
        let wrong = |field: &str, what: &str| Error::format(path, format!("`{field}` {what}; {again}"));
        let stored: Stored = toml::from_str(&text).map_err(|e| {
            // The full message quotes the line, which may be the secret itself.
            Error::format(path, format!("is not a ppdnn identity ({}); {again}", e.message()))
        })?;
        let key = hex::decode(&stored.key).map_err(|e| wrong("key", &e))?;
        let seal = Zeroizing::new(hex::decode_32(&stored.seal).map_err(|e| wrong("seal", &e))?);
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&key.as_slice().into(), &PKCS_ED25519)
            .map_err(|_| wrong("key", "is not an Ed25519 key"))?;
        let identity = Self::new(pair, seal).map_err(|e| wrong("key", &format!("cannot sign ({e})")))?;
        if identity.fingerprint.to_string() != stored.fingerprint {
            return Err(wrong("fingerprint", "does not belong to `key`"));
        }
        Ok(identity)
    }

    /// Writes the keys to a new file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::File`] if the file exists (it is never overwritten) or cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let stored = Stored {
            fingerprint: self.fingerprint.to_string(),
            key: hex::encode(&self.key),
            seal: hex::encode(&*self.seal),
        };
        let mut text = Zeroizing::new(String::with_capacity(1024));
        text.push_str("# A ppdnn identity. PRIVATE: whoever has this file can impersonate you.\n");
        text.push_str("# Never send it to anyone; others need the fingerprint only.\n");
        for (name, value) in [("fingerprint", &stored.fingerprint), ("key", &stored.key), ("seal", &stored.seal)] {
            for part in [name, " = \"", value, "\"\n"] {
                text.push_str(part);
            }
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|e| Error::file(path, e))
    }

    /// SHA-256 of the public key: what others know us by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The public key that others seal to.
    pub fn sealing_key(&self) -> SealingKey {
        self.unsealing_key().public()
    }

    /// The secret key that opens what was sealed to [`Identity::sealing_key`].
    pub fn unsealing_key(&self) -> UnsealingKey {
        UnsealingKey::derive(&self.seal)
    }

    /// The key of the files that the party keeps on its machine.
    pub fn storage_key(&self) -> StorageKey {
        StorageKey::derive([&self.key, &*self.seal])
    }

    /// The self-signed certificate, DER.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The secret key, PKCS #8 DER.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The certificate only carries the key: its name and dates are the same for all and nobody reads them.
    fn new(mut pair: KeyPair, seal: Zeroizing<[u8; 32]>) -> std::result::Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "ppdnn");
        let certificate = params.self_signed(&pair)?.der().to_vec();
        let fingerprint = Fingerprint::of(&pair.subject_public_key_info());
        let key = Zeroizing::new(pair.serialized_der().to_vec());
        pair.zeroize();
        Ok(Self { key, seal, certificate, fingerprint })
    }
}

impl fmt::Debug for Identity {
    /// The fingerprint: the rest is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint)
    }
}

/// The text of a file that nobody but its owner can read.
fn read_private(path: &Path) -> Result<Zeroizing<String>> {
    let failed = |e| Error::file(path, e);
    let file = input::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let name = path.display();
            let reason = format!(
                "is open to other users (mode {mode:03o}), and whoever reads it can impersonate this party: run `chmod 600 \
                 {name}`; if others may have read it, create a new key with `ppdnn keygen` and update the cluster file"
            );
            return Err(Error::format(path, reason));
        }
    }
    if about.len() > LONGEST_FILE {
        return Err(Error::format(path, "is too long for a ppdnn identity; is it a different file?"));
    }
    // in one piece: a text that grows leaves copies behind
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST_FILE).unwrap_or(0) + 1));
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// Bytes of an identity's file, generously.
const LONGEST_FILE: u64 = 1 << 16;

/// The file.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Stored {
    fingerprint: String,
    key: String,
    seal: String,
}

fn no_randomness(e: impl fmt::Display) -> Error {
    Error::Device(format!("no key could be generated: {e}"))
}
