//! What stands in for HPKE in a build without the feature `network`: all roles are threads of one process, there is no other
//! party and no transport, and so there is nobody to keep anything from. Lengths are those of HPKE, so that bytes are counted
//! alike; the label is bound, so that what is revealed for one purpose does not open for another.

use zeroize::Zeroizing;

/// A name for a pair that is known by 32 secret bytes.
pub(super) fn public_of(secret: &[u8; 32]) -> [u8; 32] {
    *blake3::keyed_hash(secret, b"public").as_bytes()
}

/// The bytes between the key that they are meant for and a tag of the label.
pub(super) fn seal_to(key: &[u8; 32], info: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    Some([key.as_slice(), plain, &tag(key, info)].concat())
}

/// The bytes, if they are meant for this pair and label.
pub(super) fn open(secret: &[u8; 32], info: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let key = public_of(secret);
    let plain = sealed.strip_prefix(&key)?.strip_suffix(&tag(&key, info))?;
    Some(Zeroizing::new(plain.to_vec()))
}

fn tag(key: &[u8; 32], info: &[u8]) -> [u8; 16] {
    let hash = blake3::keyed_hash(key, info);
    *hash.as_bytes().first_chunk().expect("a hash has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_open_for_their_pair_and_label_only() {
        let (secret, other) = ([1; 32], [2; 32]);
        let sealed = seal_to(&public_of(&secret), b"a label", b"a half").unwrap();
        assert_eq!(sealed.len(), 32 + 6 + 16, "as long as with HPKE");
        assert_eq!(*open(&secret, b"a label", &sealed).unwrap(), *b"a half");
        assert!(open(&other, b"a label", &sealed).is_none());
        assert!(open(&secret, b"another", &sealed).is_none());
        assert!(open(&secret, b"a label", &sealed[..40]).is_none());
    }
}
