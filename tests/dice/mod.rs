//! Random numbers for the data of tests.

/// Random numbers of a seed, for data alone.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Uniform, from 0 to 1.
    pub(crate) fn even(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / 16_777_216.0
    }

    /// About normal, of mean 0 and variance 1.
    pub(crate) fn bell(&mut self) -> f32 {
        (0..12).map(|_| self.even()).sum::<f32>() - 6.0
    }
}
