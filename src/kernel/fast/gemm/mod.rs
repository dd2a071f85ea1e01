//! Matrix product over the words, in all the transposes that training needs.
//!
//! Both factors are copied into panels (`panel`), and the product is summed tile by tile in registers
//! (`block`) with the vectors of the machine (`lanes`). After Goto and van de Geijn 2008, section 4.

mod block;
mod lanes;
mod panel;

#[cfg(target_arch = "x86_64")]
use pulp::x86::{V3, V4};

use crate::kernel::Word;
use crate::kernel::geometry::Patches;

/// The definition of [`gemm`], to compare with.
pub use crate::kernel::twin::linear::add_product as definition;

use block::{Product, multiply};
use lanes::Plain;
use panel::Factor;

/// `acc += op(a) op(b)`, or `-=` where `subtract`.
///
/// `acc` is `[m, n]`; `op(a)` is `[m, k]`, stored as `[k, m]` where `ta`; `op(b)` is `[k, n]`, stored as `[n, k]`
/// where `tb`. Large products use rayon's threads, if there is more than one.
///
/// # Panics
/// Where a slice is shorter than its shape.
pub fn gemm<W: Word>(acc: &mut [W], a: &[W], b: &[W], sizes: [usize; 3], transposed: [bool; 2], subtract: bool) {
    gemm_at(Level::best(), acc, a, b, sizes, transposed, subtract);
}

/// [`gemm`] at one SIMD level.
///
/// # Panics
/// Where the machine lacks the level, or a slice is shorter than its shape.
pub fn gemm_at<W: Word>(
    level: Level,
    acc: &mut [W],
    a: &[W],
    b: &[W],
    sizes: [usize; 3],
    transposed: [bool; 2],
    subtract: bool,
) {
    let ([m, k, n], [ta, tb]) = (sizes, transposed);
    run(level, Product { acc, a: Factor::new(a, m, k, !ta), b: Factor::new(b, n, k, tb), subtract });
}

/// `acc += patches(x) w`, or `-=`: convolutions, `acc` `[batch, rows, columns, outputs]`, `w` `[taps, outputs]`.
///
/// # Panics
/// Where a slice is shorter than its shape.
pub fn convolve<W: Word>(acc: &mut [W], x: &[W], w: &[W], patches: Patches, outputs: usize, subtract: bool) {
    let b = Factor::new(w, outputs, patches.taps(), false);
    run(Level::best(), Product { acc, a: Factor::patches(x, patches), b, subtract });
}

/// `acc += patches(x)^T y`, or `-=`: gradients of filters, `acc` `[taps, outputs]`, `y` `[batch, rows, columns, outputs]`.
///
/// # Panics
/// Where a slice is shorter than its shape.
pub fn correlate<W: Word>(acc: &mut [W], x: &[W], y: &[W], patches: Patches, outputs: usize, subtract: bool) {
    let b = Factor::new(y, outputs, patches.rows(), false);
    run(Level::best(), Product { acc, a: Factor::taps(x, patches), b, subtract });
}

/// `acc += patches(y) turned_over(w)`, or `-=`: gradients of images, `acc` `[batch, rows, columns, inputs]`, `w`
/// `[kernel rows, kernel columns, inputs, patches.channels]`.
///
/// # Panics
/// Where a slice is shorter than its shape.
pub fn convolve_back<W: Word>(acc: &mut [W], y: &[W], w: &[W], patches: Patches, inputs: usize, subtract: bool) {
    let b = Factor::turned_over(w, [patches.window.len(), inputs, patches.channels]);
    run(Level::best(), Product { acc, a: Factor::patches(y, patches), b, subtract });
}

fn run<W: Word>(level: Level, product: Product<'_, W>) {
    match (level, W::BITS) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, 32) => multiply::<u32, V4, 8, 2, 32>(V4::try_new().expect(MISSING), product.named()),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, _) => multiply::<u64, V4, 8, 2, 16>(V4::try_new().expect(MISSING), product.named()),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, 32) => multiply::<u32, V3, 6, 2, 16>(V3::try_new().expect(MISSING), product.named()),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, _) => multiply::<u64, V3, 6, 1, 4>(V3::try_new().expect(MISSING), product.named()),
        (Level::Plain, _) => multiply::<W, Plain, 4, 2, 8>(Plain, product),
    }
}

/// What the product is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 256-bit vectors of x86.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512-bit vectors of x86.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// What the compiler makes of loops.
    Plain,
}

impl Level {
    /// The fastest level of this machine.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if V4::is_available() {
            return Self::Avx512;
        } else if V3::is_available() {
            return Self::Avx2;
        }
        Self::Plain
    }

    /// All levels of this machine.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(V3::is_available().then_some(Self::Avx2));
            levels.extend(V4::is_available().then_some(Self::Avx512));
        }
        levels
    }
}

#[cfg(target_arch = "x86_64")]
const MISSING: &str = "the level is one that the machine has";

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes, transposes, and whether to subtract.
    type Case = ([usize; 3], [bool; 2], bool);

    /// Words of which one in four is an extreme.
    fn words<W: Word>(len: usize, mut seed: u64) -> Vec<W> {
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed ^ seed >> 31
        };
        let extremes = [0, 1, u64::MAX, 1 << (W::BITS - 1), u64::MAX >> (65 - W::BITS), 1 << (W::BITS / 2)];
        let mut word = || {
            let x = random();
            W::low(if x % 4 == 0 { extremes[(x >> 8) as usize % extremes.len()] } else { random() })
        };
        (0..len).map(|_| word()).collect()
    }

    /// Whether `product` does with a case what the definition does.
    fn agrees<W: Word>(
        (sizes, transposed, subtract): Case,
        product: impl Fn(&mut [W], &[W], &[W], [usize; 3], [bool; 2], bool),
    ) -> bool {
        let [m, k, n] = sizes;
        let (a, b, acc) = (words(m * k, 1), words(k * n, 2), words(m * n, 3));
        let (mut defined, mut found) = (acc.clone(), acc);
        definition::<W>(&mut defined, &a, &b, sizes, transposed, subtract);
        product(&mut found, &a, &b, sizes, transposed, subtract);
        defined == found
    }

    /// Holds every level of this machine against the definition, both words, in all transposes, both ways.
    fn check(sizes: [usize; 3]) {
        for level in Level::available() {
            for flags in 0..8 {
                let case = (sizes, [flags & 1 != 0, flags & 2 != 0], flags & 4 != 0);
                let fits = agrees::<u32>(case, |acc, a, b, s, t, sub| gemm_at(level, acc, a, b, s, t, sub));
                assert!(fits, "u32, {level:?}, {case:?}");
                let fits = agrees::<u64>(case, |acc, a, b, s, t, sub| gemm_at(level, acc, a, b, s, t, sub));
                assert!(fits, "u64, {level:?}, {case:?}");
            }
        }
    }

    #[test]
    fn sizes_around_the_tiles_agree_with_the_definition() {
        for m in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17] {
            for n in [0, 1, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 47] {
                for k in [0, 1, 2, 15, 16, 17] {
                    check([m, k, n]);
                }
            }
        }
    }

    #[test]
    fn sizes_around_the_blocks_agree_with_the_definition() {
        for sizes in [[127, 255, 5], [128, 256, 9], [129, 257, 33], [257, 513, 3], [3, 2, 2047], [5, 3, 2049]] {
            check(sizes);
        }
    }

    #[test]
    fn threads_agree_with_the_definition() {
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                check([131, 130, 129]);
                check([9, 515, 513]);
            });
        }
    }

    #[test]
    fn products_inside_of_parallel_products_have_memory_of_their_own() {
        use rayon::prelude::*;

        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let case = ([131, 130, 129], [false, true], false);
        assert!(pool.install(|| (0..32).into_par_iter().all(|_| agrees::<u64>(case, gemm))));
    }

    #[test]
    fn the_best_level_is_one_that_is_available() {
        assert!(Level::available().contains(&Level::best()));
    }

    #[test]
    fn the_comparison_notices_a_broken_product() {
        let case = ([9, 17, 33], [false, true], false);
        assert!(agrees::<u64>(case, gemm));
        assert!(!agrees::<u64>(case, |acc, a, b, s, t, _| gemm(acc, a, b, s, t, true)));
        assert!(!agrees::<u64>(case, |acc, a, b, s, _, sub| gemm(acc, a, b, s, [false, false], sub)));
        assert!(!agrees::<u64>(case, |acc, a, b, s, t, sub| {
            gemm(acc, a, b, s, t, sub);
            acc[9 * 33 - 1] ^= 1 << 63;
        }));
        assert!(!agrees::<u64>(case, |acc, a, b, s, t, sub| {
            let low: Vec<u64> = b.iter().map(|x| x & 0xffff_ffff).collect();
            gemm(acc, a, &low, s, t, sub);
        }));
    }
}
