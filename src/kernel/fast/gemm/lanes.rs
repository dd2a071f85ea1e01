//! Vectors of words: what each SIMD level makes of a product and a sum.

use bytemuck::Pod;

use crate::kernel::Word;

/// Lane-wise wrapping arithmetic on words `W`, as one SIMD level does it.
pub(super) trait Lanes<W: Word>: Copy + Send + Sync {
    /// The words of one vector, `[W; lanes]`.
    type Row: Pod;
    /// A left factor in all lanes.
    type Left: Copy;
    /// A vector of right factors.
    type Right: Copy;
    /// A vector of sums of products.
    type Sum: Copy;

    /// `a` in all lanes.
    fn left(self, a: W) -> Self::Left;
    /// The right factors `b`.
    fn right(self, b: &Self::Row) -> Self::Right;
    /// The empty sum.
    fn zero(self) -> Self::Sum;
    /// `sum + a b`.
    fn add_product(self, sum: Self::Sum, a: Self::Left, b: Self::Right) -> Self::Sum;
    /// The words of a sum.
    fn words(self, sum: Self::Sum) -> Self::Row;
    /// Runs `f`, compiled for this level as far as it is inlined.
    fn vectorize<T>(self, f: impl FnOnce() -> T) -> T;
}

/// What the compiler makes of loops over four words.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl<W: Word> Lanes<W> for Plain {
    type Row = [W; 4];
    type Left = W;
    type Right = [W; 4];
    type Sum = [W; 4];

    #[inline(always)]
    fn left(self, a: W) -> W {
        a
    }

    #[inline(always)]
    fn right(self, b: &[W; 4]) -> [W; 4] {
        *b
    }

    #[inline(always)]
    fn zero(self) -> [W; 4] {
        [W::default(); 4]
    }

    #[inline(always)]
    fn add_product(self, mut sum: [W; 4], a: W, b: [W; 4]) -> [W; 4] {
        for i in 0..4 {
            sum[i] = sum[i].add(a.mul(b[i]));
        }
        sum
    }

    #[inline(always)]
    fn words(self, sum: [W; 4]) -> [W; 4] {
        sum
    }

    #[inline(always)]
    fn vectorize<T>(self, f: impl FnOnce() -> T) -> T {
        f()
    }
}

/// AVX2 and AVX-512, through the safe wrappers of pulp's tokens.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use core::arch::x86_64::{__m256i, __m512i};

    use bytemuck::cast;
    use pulp::x86::{V3, V4};

    use super::Lanes;

    /// Levels that multiply the word in one instruction.
    macro_rules! lanes {
        ($word:ident * $lanes:literal as $vector:ident of $level:ident, $add_set:ident . $add:ident, $mul_set:ident . $mul:ident) => {
            impl Lanes<$word> for $level {
                type Row = [$word; $lanes];
                type Left = $vector;
                type Right = $vector;
                type Sum = $vector;

                #[inline(always)]
                fn left(self, a: $word) -> $vector {
                    cast([a; $lanes])
                }

                #[inline(always)]
                fn right(self, b: &[$word; $lanes]) -> $vector {
                    cast(*b)
                }

                #[inline(always)]
                fn zero(self) -> $vector {
                    cast([0 as $word; $lanes])
                }

                #[inline(always)]
                fn add_product(self, sum: $vector, a: $vector, b: $vector) -> $vector {
                    self.$add_set.$add(sum, self.$mul_set.$mul(a, b))
                }

                #[inline(always)]
                fn words(self, sum: $vector) -> [$word; $lanes] {
                    cast(sum)
                }

                #[inline(always)]
                fn vectorize<T>(self, f: impl FnOnce() -> T) -> T {
                    Self::vectorize(self, f)
                }
            }
        };
    }

    lanes!(u32 * 8 as __m256i of V3, avx2._mm256_add_epi32, avx2._mm256_mullo_epi32);
    lanes!(u32 * 16 as __m512i of V4, avx512f._mm512_add_epi32, avx512f._mm512_mullo_epi32);
    lanes!(u64 * 8 as __m512i of V4, avx512f._mm512_add_epi64, avx512dq._mm512_mullo_epi64);

    /// AVX2 has no 64-bit product. With `a = a1 2^32 + a0` and `b` likewise, `a b = a0 b0 + 2^32 (a0 b1 + a1 b0)`
    /// modulo `2^64`: the first product is one `mul_epu32`, and one `mullo_epi32` gives both cross products,
    /// with the halves of `b` swapped. The two kinds are summed apart, the second in 32-bit lanes; only
    /// `words` folds and shifts. That is two multiplications and two sums per vector.
    impl Lanes<u64> for V3 {
        type Row = [u64; 4];
        type Left = __m256i;
        type Right = [__m256i; 2];
        type Sum = [__m256i; 2];

        #[inline(always)]
        fn left(self, a: u64) -> __m256i {
            cast([a; 4])
        }

        #[inline(always)]
        fn right(self, b: &[u64; 4]) -> [__m256i; 2] {
            let b = cast(*b);
            [b, self.avx2._mm256_shuffle_epi32::<0b10_11_00_01>(b)]
        }

        #[inline(always)]
        fn zero(self) -> [__m256i; 2] {
            cast([0_u64; 8])
        }

        #[inline(always)]
        fn add_product(self, [low, cross]: [__m256i; 2], a: __m256i, [b, swapped]: [__m256i; 2]) -> [__m256i; 2] {
            let avx2 = self.avx2;
            let low = avx2._mm256_add_epi64(low, avx2._mm256_mul_epu32(a, b));
            [low, avx2._mm256_add_epi32(cross, avx2._mm256_mullo_epi32(a, swapped))]
        }

        #[inline(always)]
        fn words(self, sum: [__m256i; 2]) -> [u64; 4] {
            let [mut words, cross]: [[u64; 4]; 2] = cast(sum);
            for (word, x) in words.iter_mut().zip(cross) {
                *word = word.wrapping_add(x.wrapping_add(x >> 32) << 32);
            }
            words
        }

        #[inline(always)]
        fn vectorize<T>(self, f: impl FnOnce() -> T) -> T {
            Self::vectorize(self, f)
        }
    }
}
