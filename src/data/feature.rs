//! The feature that a number becomes, and the target.

use crate::data::ProblemKind;
use crate::data::description::{LARGEST, Scaling};

/// The feature of a number: scaled by its range, and finite.
pub(crate) fn feature(x: f64, scaling: &Scaling) -> Result<f32, ProblemKind> {
    let Scaling { range, clip, .. } = *scaling;
    if !x.is_finite() {
        return Err(ProblemKind::NotFinite);
    }
    let x = match range {
        Some([low, high]) if clip => x.clamp(low, high),
        Some(range) if !(range[0]..=range[1]).contains(&x) => return Err(ProblemKind::OutOfRange { range }),
        _ => x,
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is too large for f32 is refused")]
    let feature = scaling.apply(x) as f32;
    if feature.is_finite() { Ok(feature) } else { Err(ProblemKind::NotFinite) }
}

/// The target of a number that is to be learned: as a feature, and of a magnitude that networks can learn.
pub(crate) fn target(x: f64, scaling: &Scaling) -> Result<f32, ProblemKind> {
    feature(x, scaling).and_then(|x| if f64::from(x).abs() < LARGEST { Ok(x) } else { Err(ProblemKind::LargeTarget) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::description::Scale;

    #[test]
    fn numbers_are_scaled_by_their_range_and_nothing_else_passes() {
        let number = |x, range, clip, scaled: bool| {
            feature(x, &Scaling { range, clip, scale: if scaled { Scale::Range } else { Scale::None } })
        };
        let range = Some([-10.0, 30.0]);
        let scaled = [-10.0, 0.0, 30.0].map(|x| number(x, range, false, true).unwrap());
        assert_eq!(scaled, [0.0, 0.25, 1.0]);
        assert_eq!(number(99.0, range, true, true), Ok(1.0));
        assert_eq!(number(99.0, range, true, false), Ok(30.0));
        assert_eq!(number(99.0, None, false, false), Ok(99.0));
        let scale = Scale::Standard { mean: 40.0, deviation: 8.0 };
        let standard = |x, range| feature(x, &Scaling { range, clip: true, scale });
        assert_eq!((standard(36.0, None), standard(99.0, Some([0.0, 48.0]))), (Ok(-0.5), Ok(1.0)));
        let out = ProblemKind::OutOfRange { range: [-10.0, 30.0] };
        assert_eq!(number(30.001, range, false, true), Err(out));
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(number(x, range, true, true), Err(ProblemKind::NotFinite));
        }
        assert_eq!(number(1e300, None, false, false), Err(ProblemKind::NotFinite));
    }
}
