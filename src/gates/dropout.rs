//! Which values dropout keeps: coins that everybody knows.

use crate::error::Result;
use crate::kernel::count;
use crate::kernel::packed::bit;
use crate::kernel::twin::linear::{KEEP, KeepParams};
use crate::party::ClearTensor;
use crate::prg::Seed;
use crate::tensor::{Device, Tensor};

/// Public coins for values, a stream of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct DropoutMask {
    pub(crate) seed: Seed,
    pub(crate) stream: u64,
    /// A word below it is a value that is kept.
    pub(crate) threshold: u32,
}

impl DropoutMask {
    /// Keeps a value with probability `keep`, in steps of `2^-32`; the coins are words of stream number `stream` of a public
    /// seed.
    pub fn new(seed: Seed, stream: u64, keep: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the range of a word")]
        let threshold = (keep * f64::exp2(32.0)).clamp(0.0, f64::from(u32::MAX)) as u32;
        Self { seed, stream, threshold }
    }

    /// A bit for each of `len` values, 32 in a word from the lowest on: 1 where the value is kept.
    pub(crate) fn bits(&self, len: usize) -> Vec<u32> {
        let mut coins = vec![0u32; len];
        self.seed.stream(self.stream).fill(0, &mut coins);
        let word = |coins: &[u32]| {
            coins.iter().enumerate().fold(0, |word, (i, coin)| word | u32::from(*coin < self.threshold) << i)
        };
        coins.chunks(32).map(word).collect()
    }
}

/// Elements where public bits are 1, 0 in place of the others.
pub(super) fn keep(device: &Device, x: &Tensor, bits: &Tensor) -> Result<Tensor> {
    device.run(&KEEP, KeepParams { len: count(x.len()) }, &[x, bits], x.shape().clone())
}

/// The numbers that are kept, 0 in place of the others.
pub(super) fn keep_numbers(x: &ClearTensor, kept: &DropoutMask) -> ClearTensor {
    let bits = kept.bits(x.x.len());
    let one = |(i, x): (usize, &i64)| if bit(&bits, i) == 1 { *x } else { 0 };
    ClearTensor { x: x.x.iter().enumerate().map(one).collect(), ..x.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prg::public_seed;

    #[test]
    fn as_many_are_kept_as_should_be_and_every_stream_keeps_its_own() {
        let seed = || public_seed(1, "dropout");
        let ones = |bits: &[u32]| bits.iter().map(|w| w.count_ones()).sum::<u32>();
        for (keep, least, most) in [(0.5, 49_000, 51_000), (0.8, 79_200, 80_800), (1.0, 99_999, 100_000), (0.0, 0, 0)] {
            let bits = DropoutMask::new(seed(), 3, keep).bits(100_000);
            assert!((least..=most).contains(&ones(&bits)), "{keep}: {}", ones(&bits));
        }
        assert_ne!(DropoutMask::new(seed(), 3, 0.5).bits(64), DropoutMask::new(seed(), 4, 0.5).bits(64));
        assert!(DropoutMask::new(seed(), 3, 1.0).bits(33)[1] <= 1, "bits behind the last are 0");
    }
}
