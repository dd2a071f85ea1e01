//! Randomness: seeds, and the ChaCha12 streams they expand to.
//!
//! A draw is (seed, stream number) from position 0 on, packed tightly (docs/protocols.md 0.3, 0.4).
//! A row of an owner's data starts on a block of its own, so that any batch can be drawn by row.

use std::fmt;

use chacha20::ChaCha12;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Result};

/// 32 secret bytes that a party's masks come from. Erased when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, serde::Serialize, serde::Deserialize)]
pub struct Seed([u8; 32]);

impl Seed {
    /// A fresh seed from the operating system.
    ///
    /// # Errors
    /// If the operating system provides no randomness.
    pub fn fresh() -> Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::Device(format!("the operating system provides no randomness: {e}")))?;
        Ok(Self(bytes))
    }

    /// A seed of given bytes: for public randomness, and for harnesses that repeat a run.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key stream of a number.
    pub fn stream(&self, stream: u64) -> Keystream {
        Keystream { seed: self.clone(), stream }
    }
}

impl fmt::Debug for Seed {
    /// Nothing of it: a seed is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// One stream of ChaCha12: 12 rounds, a block counter from 0 to 2^32 - 1, 64-bit stream number.
pub struct Keystream {
    seed: Seed,
    stream: u64,
}

impl Keystream {
    /// The stream `(lo, hi)` of a key of 8 little-endian words.
    pub fn new(key: &[u32], lo: u32, hi: u32) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(bytemuck::cast_slice(&key[..8]));
        Self { seed: Seed(bytes), stream: u64::from(lo) | u64::from(hi) << 32 }
    }

    /// Fills `out` with the stream's words from a block of 16 words on.
    ///
    /// # Panics
    /// Past block 2^32, 256 GiB into a stream: no draw is that long, and a job whose rows would need it is refused.
    pub fn fill(&self, block: u64, out: &mut [u32]) {
        let mut cipher = cipher(&self.seed.0, self.stream);
        cipher.seek(block * 64);
        cipher.write_keystream(bytemuck::cast_slice_mut(out));
    }
}

/// The IETF form (32-bit counter, 96-bit nonce) gives the same blocks below 2^32 as the 64-bit counter with a
/// 64-bit stream number, where the nonce is 4 zero bytes and the number.
fn cipher(key: &[u8; 32], stream: u64) -> ChaCha12 {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&stream.to_le_bytes());
    ChaCha12::new(key.into(), (&nonce).into())
}

/// A 64-bit number from a public seed and a label, for choices that everybody may know: shuffles, initial weights.
pub fn public_seed(seed: u64, label: &str) -> Seed {
    let mut hasher = blake3::Hasher::new_derive_key("ppdnn 2026 public choices");
    hasher.update(&seed.to_le_bytes());
    hasher.update(label.as_bytes());
    Seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn streams_equal_rand_chacha() {
        for (stream, block) in [(0, 0), (1, 0), (0xdead_beef_0123, 5), (u64::MAX, 1 << 20)] {
            let seed = Seed::from_bytes(std::array::from_fn(|i| (i * 7 + 1).to_le_bytes()[0]));
            let mut want = vec![0u8; 4 * 1003];
            let mut rng = ChaCha12Rng::from_seed(*seed.bytes());
            rng.set_stream(stream);
            rng.set_word_pos(u128::from(block) * 16);
            rng.fill_bytes(&mut want);
            let mut got = vec![0u32; 1003];
            seed.stream(stream).fill(block, &mut got);
            assert_eq!(bytemuck::cast_slice::<u32, u8>(&got), want, "stream {stream}, block {block}");
        }
    }

    /// draft-strombergson-chacha-test-vectors-01, TC1 for 256 bits and 12 rounds: all-zero key and IV.
    #[test]
    fn the_published_vector_of_chacha12_comes_out() {
        let mut got = [0u32; 16];
        Seed::from_bytes([0; 32]).stream(0).fill(0, &mut got);
        let want: [u8; 16] =
            [0x9b, 0xf4, 0x9a, 0x6a, 0x07, 0x55, 0xf9, 0x53, 0x81, 0x1f, 0xce, 0x12, 0x5f, 0x26, 0x83, 0xd5];
        assert_eq!(bytemuck::cast_slice::<u32, u8>(&got)[..16], want);
    }

    #[test]
    fn a_seed_is_not_printed() {
        assert_eq!(format!("{:?}", Seed::from_bytes([7; 32])), "Seed(..)");
    }
}
