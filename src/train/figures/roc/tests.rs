//! The two areas against their definitions, over all pairs and all ranks.

use super::*;
use crate::prg::public_seed;

/// Scores of rows of the second class and of the first: normal with the given mean and deviation.
fn normal(seed: u64, count: usize, [mean, deviation]: [f64; 2]) -> Vec<f64> {
    let mut words = vec![0; 2 * count];
    public_seed(seed, "scores").stream(0).fill(0, &mut words);
    let unit = |word: u32| (f64::from(word) + 0.5) * f64::exp2(-32.0);
    let one = |w: &[u32]| (-2.0 * unit(w[0]).ln()).sqrt() * (2.0 * std::f64::consts::PI * unit(w[1])).cos();
    words.chunks_exact(2).map(|w| mean + deviation * one(w)).collect()
}

/// What is revealed of scores.
fn counted([second, first]: [&[f64]; 2]) -> Vec<f64> {
    let side = |scores: &[f64], t: i64| scores.iter().filter(|s| **s >= t as f64 / 64.0).count() as f64;
    [second, first].iter().flat_map(|scores| thresholds().map(|t| side(scores, t))).collect()
}

/// The exact area: of all pairs the part whose row of the second class scores more, ties counting half.
fn exact_auc([second, first]: [&[f64]; 2]) -> f64 {
    let one = |a: f64, b: f64| {
        if a > b {
            1.0
        } else if a == b {
            0.5
        } else {
            0.0
        }
    };
    let all: f64 = second.iter().map(|a| first.iter().map(|b| one(*a, *b)).sum::<f64>()).sum();
    all / (second.len() * first.len()) as f64
}

/// The exact average precision of scores without ties: the mean over the ranks of the second class.
fn exact_average_precision([second, first]: [&[f64]; 2]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        second.iter().map(|s| (*s, true)).chain(first.iter().map(|s| (*s, false))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut sum) = (0, 0.0);
    for (rank, (_, is_second)) in (1..).zip(all) {
        if is_second {
            right += 1;
            sum += f64::from(right) / f64::from(rank);
        }
    }
    sum / second.len() as f64
}

#[test]
fn auc_and_average_precision_are_those_of_all_pairs_and_ranks() {
    // balanced, rare and far from even odds, hardly apart, far apart and overconfident, close to chance, of one side
    for (seed, counts, second, first) in [
        (1, [2000, 2000], [1.0, 1.0], [-1.0, 1.0]),
        (2, [200, 3800], [-2.5, 1.0], [-4.0, 1.0]),
        (3, [100, 3900], [-5.4, 0.5], [-6.0, 0.5]),
        (4, [1500, 2500], [0.2, 0.3], [-0.2, 0.3]),
        (5, [2000, 2000], [12.0, 6.0], [-12.0, 9.0]),
        (6, [2000, 2000], [20.0, 15.0], [-5.0, 15.0]),
        (7, [1000, 3000], [0.01, 0.6], [0.0, 0.6]),
        (8, [5, 4000], [3.0, 1.0], [-3.0, 2.0]),
    ] {
        let (second, first) = (normal(seed, counts[0], second), normal(100 + seed, counts[1], first));
        let scores = [&second[..], &first];
        let rows = u32::try_from(counts[0] + counts[1]).unwrap();
        let roc = Roc::new(&counted(scores), rows).unwrap();
        let (auc, precision) = (exact_auc(scores), exact_average_precision(scores));
        let (off, precision_off) = ((roc.auc - auc).abs(), (roc.average_precision - precision).abs());
        // of a few rows, those in one bin are no even mix
        let (bar, few) = (if counts[0] < 1000 { 0.003 } else { 0.001 }, counts[0] < 100);
        assert!(off < bar && off <= roc.auc_error + 1e-12, "{seed}: {} for {auc}, at most {}", roc.auc, roc.auc_error);
        let most = roc.average_precision_error + 1e-12;
        assert!(precision_off <= most, "{seed}: {} for {precision}, at most {most}", roc.average_precision);
        assert!(few || precision_off < 0.01, "{seed}: {} for {precision}", roc.average_precision);
        assert_eq!((roc.positives, roc.negatives), (second.len() as u64, first.len() as u64));
        // and a comparison with other scores fails
        let shifted: Vec<f64> = second.iter().map(|s| s + 0.05).collect();
        let other = Roc::new(&counted([&shifted, &first]), rows).unwrap();
        assert!(seed > 4 || (other.auc - auc).abs() > 0.001, "{seed}: {} for {auc}", other.auc);
    }
}

/// The bounds hold whatever the order between two thresholds, and both are reached.
#[test]
fn the_bounds_are_those_of_the_best_and_the_worst_order() {
    let (low, high) = ([2.0, 2.001, 2.002, 1.0], [2.003, 2.004, -1.0]);
    for scores in [[&low[..], &high[..]], [&high[..], &low[..]]] {
        let roc = Roc::new(&counted(scores), 7).unwrap();
        let (auc, precision) = (exact_auc(scores), exact_average_precision(scores));
        assert!(((roc.auc - auc).abs() - roc.auc_error).abs() < 1e-12, "{roc:?} for {auc}");
        assert!((roc.average_precision - precision).abs() <= roc.average_precision_error + 1e-12, "{roc:?}");
    }
    let perfect = Roc::new(&counted([&[5.0; 3], &[-5.0; 9]]), 12).unwrap();
    assert_eq!((perfect.auc, perfect.average_precision), (1.0, 1.0));
    assert_eq!((perfect.auc_error, perfect.average_precision_error), (0.0, 0.0));
}

#[test]
fn counts_that_no_scores_have_are_refused() {
    let right = counted([&[1.0, 0.5, -3.0], &[0.7, -9.0]]);
    assert!(Roc::new(&right, 5).is_some() && Roc::new(&right, 6).is_none() && Roc::new(&right[1..], 5).is_none());
    let with = |at: usize, x: f64| {
        let mut other = right.clone();
        other[at] = x;
        Roc::new(&other, 5)
    };
    // growing with the threshold, of one class only, not whole
    assert!(with(THRESHOLDS - 1, 1.0).is_none() && with(5, f64::INFINITY).is_none() && with(5, 2.5).is_none());
    assert!(Roc::new(&counted([&[1.0, 2.0], &[]]), 2).is_none());
    // one that is beyond all thresholds
    assert!(Roc::new(&counted([&[1.0, -300.0], &[0.0]]), 3).is_none());
}
