//! The source of a job's initial parameters.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where the initial parameters come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialSource {
    /// From the trainer, in shares: nobody else sees them.
    Private,
    /// From the trainer, in the clear.
    Public {
        /// BLAKE3 of [`initial_hash`], in 64 hexadecimal digits.
        blake3: String,
    },
    /// From the job's seed: random, and the same for everybody.
    Seed,
}

impl InitialSource {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Public { blake3 } if !is_hash(blake3) => {
                Err(Error::Usage("the hash of the initial parameters is not 64 hexadecimal digits".into()))
            }
            _ => Ok(()),
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// BLAKE3 of parameters: all elements of `Z_2^64`, with 32 fraction bits, little-endian, one after the other in the order
/// of [`Model::parameters`](crate::nn::Model::parameters).
pub fn initial_hash(parameters: &[Vec<u64>]) -> String {
    let mut hasher = blake3::Hasher::new();
    parameters.iter().for_each(|parameter| {
        hasher.update(bytemuck::cast_slice(parameter));
    });
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_follows_every_bit_and_is_all_that_is_taken() {
        let hash = initial_hash(&[vec![1, 2], vec![3]]);
        assert_ne!(hash, initial_hash(&[vec![1, 2], vec![3 | 1 << 63]]));
        InitialSource::Public { blake3: hash.clone() }.check().unwrap();
        for wrong in ["", "7", &hash.to_uppercase(), &format!("{hash}0"), &"g".repeat(64)] {
            assert!(InitialSource::Public { blake3: wrong.to_owned() }.check().is_err(), "{wrong}");
        }
    }
}
