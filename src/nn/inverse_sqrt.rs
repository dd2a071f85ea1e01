//! The inverse square root of a variance.

use crate::error::Result;
use crate::fixed::{MASTER_FRAC, Profile, Window};
use crate::gates::{Arguments, Bilinear, Engine, OpenRequest};
use crate::nn::RangeWatch;
use crate::party::Scaled;

/// `1 / sqrt(max(v, 2^-11))` for `v < 992`, from shares of `Z_2^64` to an operand.     7 rounds
///
///   1. v, opened to be compared, and as an operand
///   2. `[v >= T_j]`, T_0 = 0, `T_j = 15.5 2^(4 j - 14)` for j = 1 .. 4, all of one table
///   3. b_j, the XOR of neighbours: one is 1;   opened
///   4. w = sum_j b_j 2^(10 - 4 j), opened
///   5. S = w v, in [0.96, 15.6] for v >= 2^-10, opened
///   6. [r] = 1 / sqrt(S), opened
///   7. sum_j b_j 2^(5 - 2 j) r, opened
///
/// Error, relative to the result: 2^-12 from S, 2^-10 from v in `small`, the table's, and four units of r.
///
/// # Errors
/// See [`Engine`](Engine#errors).
pub(crate) fn inverse_sqrt<E: Engine>(e: &mut E, v: &E::Share, watch: Option<&mut RangeWatch<E>>) -> Result<E::Wire> {
    let p = *e.profile();
    let lifted = |share, frac, bits| OpenRequest { share, frac, bits, lifted: true, argument: true };
    let plain = |share, frac| OpenRequest { share, frac, bits: p.ring, lifted: false, argument: true };
    let [compared, v] = e.open([lifted(v, FRAC, BITS), plain(v, (p.ring - 12).min(MASTER_FRAC))])?;
    watch.map_or(Ok(()), |watch| watch.see(e, &compared, 1 << HIGH))?;
    let ranges = ranges(e, compared)?;
    let weights = (0..).zip(ranges.iter().rev()).map(|(j, bit)| Ok((e.share_bits(bit)?, 1 << (4 * j))));
    let weights = weights.collect::<Result<Vec<_>>>()?;
    // of the last range, a 64th
    let weight = weighted(e, &weights)?.over(6);
    let [weight] = e.open([plain(&weight, weight.frac())])?;
    let argument = e.product(&v, &weight, Bilinear::Scale { step: 1 })?;
    let [argument] = e.open([Arguments::sum(&argument)])?;
    let root = e.inverse_sqrt(&argument)?;
    let frac = root_frac(&p);
    let [root] = e.open([lifted(&root, frac, root.bits() - (root.frac() - frac))])?;
    let weights = (0..).zip(ranges.iter().rev()).map(|(j, bit)| Ok((e.select(bit, &root)?, 1 << (2 * j))));
    let weights = weights.collect::<Result<Vec<_>>>()?;
    // of the last range, an eighth
    let root = weighted(e, &weights)?.over(3);
    let [root] = e.open([plain(&root, root.frac())])?;
    Ok(root)
}

/// For every range of variances whether an opened one is in it.     2 rounds
fn ranges<E: Engine>(e: &mut E, v: E::Wire) -> Result<Vec<E::Selectors>> {
    let frac = e.profile().frac;
    // the window is that of the wire's own integers
    let at_least = e.at_least(&v.with_frac(frac), Window { low: 0, high: HIGH }, THRESHOLDS)?;
    let mut bits = Vec::new();
    for pair in at_least.windows(2) {
        bits.push(e.xor(&pair[0], &pair[1])?);
    }
    bits.extend(at_least.last().cloned());
    e.open_selectors_all(&bits.iter().collect::<Vec<_>>())
}

/// A sum of shares, each times a number.
fn weighted<E: Engine>(e: &mut E, list: &[(E::Share, i64)]) -> Result<E::Share> {
    let (first, rest) = list.split_first().expect("there are ranges");
    rest.iter().try_fold(first.0.clone(), |sum, (share, weight)| e.combine(&sum, share, 1, *weight))
}

/// Fraction bits of `1 / sqrt(S)`; the result has three more.
fn root_frac(p: &Profile) -> u32 {
    (p.frac + 1).min(16)
}

/// A variance counts as at least this.
pub(crate) const LEAST_VARIANCE: f32 = 1.0 / 2048.0;
/// Ranges of variances, each of a factor of 16, the first from 2^-10.
const RANGES: usize = 5;
/// Fraction bits, the sign bit and the bits of the wire that is compared.
const FRAC: u32 = 14;
const HIGH: u32 = 24;
const BITS: u32 = 26;
/// Where ranges begin, in units of the wire.
const THRESHOLDS: [i64; RANGES] = [0, 248, 248 << 4, 248 << 8, 248 << 12];
