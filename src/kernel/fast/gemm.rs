//! Matrix product over the words, in all the transposes that training needs.

use crate::kernel::Word;

/// `acc += op(a) op(b)`, or `-=` where `subtract`.
///
/// `acc` is `[m, n]`; `op(a)` is `[m, k]`, stored as `[k, m]` where `ta`; `op(b)` is `[k, n]`, stored as `[n, k]` where `tb`.
pub fn gemm<W: Word>(acc: &mut [W], a: &[W], b: &[W], [m, k, n]: [usize; 3], [ta, tb]: [bool; 2], subtract: bool) {
    for i in 0..m {
        for p in 0..k {
            let x = if ta { a[p * m + i] } else { a[i * k + p] };
            let x = if subtract { W::default().sub(x) } else { x };
            for j in 0..n {
                let y = if tb { b[j * k + p] } else { b[p * n + j] };
                acc[i * n + j] = acc[i * n + j].add(x.mul(y));
            }
        }
    }
}
