//! What a run in the clear saw of its values' ranges.

use crate::fixed::Profile;

/// The largest magnitude of a tensor over a run, with its bounds; real numbers, not grid units.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// The place in the program, as `relu1/forward`.
    pub place: String,
    /// What it is of, as `output`.
    pub what: &'static str,
    /// Fraction bits of its grid; the same name at another scale is another tensor.
    pub frac: u32,
    /// The largest magnitude.
    pub largest: f64,
    /// By profile, in the order of [`Profile::all`]: the largest magnitude that is still right.
    pub bounds: [f64; 3],
    /// Where a value first left the range of the profile that the run had.
    pub overflow: Option<StepId>,
}

impl Range {
    /// Bits between the largest magnitude and the bound of profile number `profile`; `None` if all values were 0.
    pub fn margin(&self, profile: usize) -> Option<f64> {
        (self.largest > 0.0).then(|| (self.bounds[profile] / self.largest).log2())
    }
}

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepId {
    /// The step, from 1.
    pub step: u64,
    /// Whether it was in the evaluation that follows the step.
    pub evaluation: bool,
}

/// The ranges of all tensors, in the order in which they first arose.
#[derive(Clone, Debug, Default)]
pub struct Ranges(Vec<Range>);

/// A tensor's magnitude at one moment, in units of its grid.
pub(crate) struct Observation<'a> {
    pub(crate) place: &'a str,
    pub(crate) what: &'static str,
    /// The largest magnitude, and the largest that is still right.
    pub(crate) units: (u64, u64),
    /// What a unit stands for is `2^-frac`.
    pub(crate) frac: u32,
    pub(crate) moment: StepId,
}

impl Ranges {
    /// Notes magnitudes; `bound` is the bound in any profile, as a real number.
    pub(crate) fn note(&mut self, seen: &Observation<'_>, bound: impl Fn(&Profile) -> f64) {
        let (largest, allowed) = seen.units;
        let real = largest as f64 * f64::exp2(-f64::from(seen.frac));
        // values of unlike scales have unlike bounds
        let same = |r: &Range| (r.place.as_str(), r.what, r.frac) == (seen.place, seen.what, seen.frac);
        let at = self.0.iter().position(same);
        // where a bound depends on the step, the nearest one counts
        let bounds = Profile::all().each_ref().map(&bound);
        let at = at.unwrap_or_else(|| {
            let (place, what, frac) = (seen.place.into(), seen.what, seen.frac);
            self.0.push(Range { place, what, frac, largest: 0.0, bounds, overflow: None });
            self.0.len() - 1
        });
        let range = &mut self.0[at];
        range.largest = range.largest.max(real);
        range.bounds.iter_mut().zip(bounds).for_each(|(own, now)| *own = own.min(now));
        if largest > allowed {
            range.overflow.get_or_insert(seen.moment);
        }
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = &Range> {
        self.0.iter()
    }

    /// Those that a value left, the earliest first.
    pub fn overflows(&self) -> Vec<&Range> {
        let mut left: Vec<&Range> = self.0.iter().filter(|r| r.overflow.is_some()).collect();
        left.sort_by_key(|r| r.overflow.map(|m| (m.step, m.evaluation)));
        left
    }

    /// The smallest margin in bits in profile number `profile`.
    pub fn smallest_margin(&self, profile: usize) -> Option<f64> {
        self.0.iter().filter_map(|r| r.margin(profile)).min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_kept_and_the_first_overflow() {
        let mut ranges = Ranges::default();
        let bound = |p: &Profile| if p.name == "small" { 4.0 } else { 64.0 };
        for (step, largest) in [(1, 256), (2, 1025), (3, 900), (4, 2048)] {
            let moment = StepId { step, evaluation: false };
            ranges.note(&Observation { place: "a", what: "b", units: (largest, 1024), frac: 8, moment }, bound);
        }
        let [range] = ranges.overflows()[..] else { panic!("one range is left") };
        assert_eq!((range.largest, range.overflow.unwrap().step), (8.0, 2));
        assert_eq!((range.margin(0), range.margin(1)), (Some(-1.0), Some(3.0)));
        assert_eq!(ranges.smallest_margin(0), Some(-1.0));
    }
}
