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

    macro_rules! lanes_u32 {
        ($level:ident, $vector:ident, $lanes:literal, $set:ident, $add:ident, $mul:ident) => {
            impl Lanes<u32> for $level {
                type Row = [u32; $lanes];
                type Left = $vector;
                type Right = $vector;
                type Sum = $vector;

                #[inline(always)]
                fn left(self, a: u32) -> $vector {
                    cast([a; $lanes])
                }

                #[inline(always)]
                fn right(self, b: &[u32; $lanes]) -> $vector {
                    cast(*b)
                }

                #[inline(always)]
                fn zero(self) -> $vector {
                    cast([0_u32; $lanes])
                }

                #[inline(always)]
                fn add_product(self, sum: $vector, a: $vector, b: $vector) -> $vector {
                    self.$set.$add(sum, self.$set.$mul(a, b))
                }

                #[inline(always)]
                fn words(self, sum: $vector) -> [u32; $lanes] {
                    cast(sum)
                }

                #[inline(always)]
                fn vectorize<T>(self, f: impl FnOnce() -> T) -> T {
                    Self::vectorize(self, f)
                }
            }
        };
    }

    // With `a = a1 2^32 + a0` and `b` likewise, `a b = a0 b0 + 2^32 (a0 b1 + a1 b0)` modulo `2^64`. The first
    // product is one `mul_epu32`; both cross products are one 32-bit `mullo` with the halves of `b` swapped.
    // The two kinds are summed apart, the second in 32-bit lanes, and only `words` folds and shifts them:
    // two multiplications per vector, which is less than a 64-bit `mullo` takes where there is one.
    macro_rules! lanes_u64 {
        ($level:ident, $vector:ident, $lanes:literal, $set:ident, $add:ident, $add_cross:ident, $mul:ident, $mul_cross:ident, $swap:ident) => {
            impl Lanes<u64> for $level {
                type Row = [u64; $lanes];
                type Left = $vector;
                type Right = [$vector; 2];
                type Sum = [$vector; 2];

                #[inline(always)]
                fn left(self, a: u64) -> $vector {
                    cast([a; $lanes])
                }

                #[inline(always)]
                fn right(self, b: &[u64; $lanes]) -> [$vector; 2] {
                    let b = cast(*b);
                    [b, self.$set.$swap::<0b10_11_00_01>(b)]
                }

                #[inline(always)]
                fn zero(self) -> [$vector; 2] {
                    cast([[0_u64; $lanes]; 2])
                }

                #[inline(always)]
                fn add_product(
                    self,
                    [low, cross]: [$vector; 2],
                    a: $vector,
                    [b, swapped]: [$vector; 2],
                ) -> [$vector; 2] {
                    let set = self.$set;
                    [set.$add(low, set.$mul(a, b)), set.$add_cross(cross, set.$mul_cross(a, swapped))]
                }

                #[inline(always)]
                fn words(self, [low, cross]: [$vector; 2]) -> [u64; $lanes] {
                    let (mut words, cross): ([u64; $lanes], [u64; $lanes]) = (cast(low), cast(cross));
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
        };
    }

    lanes_u32!(V3, __m256i, 8, avx2, _mm256_add_epi32, _mm256_mullo_epi32);
    lanes_u32!(V4, __m512i, 16, avx512f, _mm512_add_epi32, _mm512_mullo_epi32);
    lanes_u64!(
        V3,
        __m256i,
        4,
        avx2,
        _mm256_add_epi64,
        _mm256_add_epi32,
        _mm256_mul_epu32,
        _mm256_mullo_epi32,
        _mm256_shuffle_epi32
    );
    lanes_u64!(
        V4,
        __m512i,
        8,
        avx512f,
        _mm512_add_epi64,
        _mm512_add_epi32,
        _mm512_mul_epu32,
        _mm512_mullo_epi32,
        _mm512_shuffle_epi32
    );
}
