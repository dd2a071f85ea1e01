//! The area under the ROC curve and the average precision, from counts of rows by class and score.

use serde::{Deserialize, Serialize};

use super::counts;
use crate::nn::{BOTH_SIDES, THRESHOLDS, thresholds};

/// How well scores tell the second class from the first. A score is the second output less the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Roc {
    /// The area under the ROC curve: the probability that a row of the second class scores more than one of the first. Rows of the
    /// two classes with scores between the same two thresholds count half.
    pub auc: f64,
    /// How far it may be off for that: half of the pairs that count half.
    pub auc_error: f64,
    /// The average precision of the second class: the mean over its rows of the precision among the rows that score as much. Rows
    /// between two thresholds count as evenly mixed.
    pub average_precision: f64,
    /// How far it may be off for that.
    pub average_precision_error: f64,
    /// Test rows of the second class.
    pub positives: u64,
    /// Test rows of the first class.
    pub negatives: u64,
    /// For every threshold, ascending, how many rows of the second class and of the first score at least as much.
    pub at_least: Vec<(f64, u64, u64)>,
}

impl Roc {
    /// From the counts of rows by threshold, those of the second class first; `None` if they are not those of so many rows of both
    /// classes.
    pub(crate) fn new(numbers: &[f64], rows: u32) -> Option<Self> {
        let all = counts(numbers, rows)?;
        if all.len() != BOTH_SIDES || all.chunks(THRESHOLDS).any(|side| !side.is_sorted_by(|a, b| a >= b)) {
            return None;
        }
        let (second, first) = all.split_at(THRESHOLDS);
        let (positives, negatives) = (second[0], first[0]);
        if positives + negatives != u64::from(rows) || positives == 0 || negatives == 0 {
            return None;
        }
        let at = thresholds().map(|t| t as f64 / 64.0);
        let at_least: Vec<_> = at.zip(second.iter().zip(first)).map(|(t, (p, n))| (t, *p, *n)).collect();
        let bins: Vec<Bin> = bins(&at_least).collect();
        let pairs = positives as f64 * negatives as f64;
        let ties: f64 = bins.iter().map(|bin| bin.positives as f64 * bin.negatives as f64).sum();
        let below = |bin: &Bin| (negatives - bin.above[1] - bin.negatives) as f64 * bin.positives as f64;
        let auc = (bins.iter().map(below).sum::<f64>() + 0.5 * ties) / pairs;
        let mean = |precision: fn(&Bin) -> f64| bins.iter().map(precision).sum::<f64>() / positives as f64;
        let (least, average_precision, most) = (mean(Bin::least), mean(Bin::mixed), mean(Bin::most));
        let average_precision_error = (average_precision - least).max(most - average_precision);
        let auc_error = 0.5 * ties / pairs;
        Some(Self { auc, auc_error, average_precision, average_precision_error, positives, negatives, at_least })
    }
}

/// Rows whose scores lie between the same two thresholds.
struct Bin {
    positives: u64,
    negatives: u64,
    /// Rows of both classes that score more.
    above: [u64; 2],
}

/// From the highest scores down.
fn bins(at_least: &[(f64, u64, u64)]) -> impl Iterator<Item = Bin> {
    let mut above = [0; 2];
    at_least.iter().rev().map(move |(_, p, n)| {
        let bin = Bin { positives: p - above[0], negatives: n - above[1], above };
        above = [*p, *n];
        bin
    })
}

impl Bin {
    /// The sum of precisions at the bin's rows of the second class, if these come first.
    fn most(&self) -> f64 {
        self.behind(0)
    }

    /// The same if they come last.
    fn least(&self) -> f64 {
        self.behind(self.negatives)
    }

    /// The same behind so many of the other class.
    fn behind(&self, others: u64) -> f64 {
        let [right, wrong] = self.above;
        let precision = |nth: u64| (right + nth) as f64 / (right + nth + wrong + others) as f64;
        (1..=self.positives).map(precision).sum()
    }

    /// The same if the two are evenly mixed: the integral of (right + x p) / (all + x (p + n)) p over x from 0 to 1; and never
    /// beyond the two bounds.
    fn mixed(&self) -> f64 {
        if self.positives == 0 {
            return 0.0;
        }
        let [right, wrong] = self.above.map(|x| x as f64);
        let (p, both) = (self.positives as f64, (self.positives + self.negatives) as f64);
        let (all, part) = (right + wrong, p / both);
        let bend = if all > 0.0 { (right - all * part) / both * (both / all).ln_1p() } else { 0.0 };
        (p * (part + bend)).clamp(self.least(), self.most())
    }
}

#[cfg(test)]
mod tests;
