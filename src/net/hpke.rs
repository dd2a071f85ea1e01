//! HPKE (RFC 9180) behind the sealing keys.

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use zeroize::Zeroizing;

type Secret = <X25519HkdfSha256 as Kem>::PrivateKey;

/// The public key of the pair that is derived from 32 secret bytes.
pub(super) fn public_of(secret: &[u8; 32]) -> [u8; 32] {
    let mut bytes = [0; 32];
    X25519HkdfSha256::sk_to_pk(&private_of(secret)).write_exact(&mut bytes);
    bytes
}

/// Seals to a public key; none if it is not one that anything can be sealed to.
pub(super) fn seal_to(key: &[u8; 32], info: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(key).ok()?;
    let (encapped, cipher) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &key,
        info,
        plain,
        &[],
    )
    .ok()?;
    let mut sealed = encapped.to_bytes().to_vec();
    sealed.extend_from_slice(&cipher);
    Some(sealed)
}

/// Opens what was sealed to the public key of `secret`; none if it does not open.
pub(super) fn open(secret: &[u8; 32], info: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (encapped, cipher) = sealed.split_at_checked(32)?;
    let encapped = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapped).ok()?;
    let plain = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private_of(secret),
        &encapped,
        info,
        cipher,
        &[],
    );
    plain.ok().map(Zeroizing::new)
}

fn private_of(secret: &[u8; 32]) -> Secret {
    X25519HkdfSha256::derive_keypair(secret).0
}
