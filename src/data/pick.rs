//! Which rows are for testing, where their number and a seed decide.

use crate::data::Split;
use crate::data::visit::Set;

/// Picks the rows whose number hashes to less than a bound.
pub(crate) struct Pick {
    key: [u8; 32],
    below: u64,
}

impl Pick {
    /// As a split says; `None` if it has no seed.
    pub(crate) fn new(split: &Split) -> Option<Self> {
        let Split::Seed { test, seed } = split else { return None };
        let key = blake3::derive_key("ppdnn 2026 split into training and test rows", &seed.to_le_bytes());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^64, saturating")]
        let below = (test * f64::exp2(64.0)) as u64;
        Some(Self { key, below })
    }

    /// What a row is for, the `number`th of its data from 0.
    pub(crate) fn set(&self, number: u64) -> Set {
        let hash = *blake3::keyed_hash(&self.key, &number.to_le_bytes()).as_bytes();
        let first = *hash.first_chunk().expect("a hash has 32 bytes");
        if u64::from_le_bytes(first) < self.below { Set::Test } else { Set::Train }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_rows_is_for_testing_and_another_seed_picks_others() {
        let picked = |seed| {
            let pick = Pick::new(&Split::Seed { test: 0.2, seed }).unwrap();
            (0..10_000).filter(|n| pick.set(*n) == Set::Test).collect::<Vec<_>>()
        };
        // five deviations of a binomial distribution
        assert!(picked(1).len().abs_diff(2000) < 200, "{}", picked(1).len());
        assert_eq!(picked(1), picked(1));
        assert_ne!(picked(1), picked(2));
        assert!(Pick::new(&Split::Files).is_none());
    }
}
