//! Bandwidths, times and sizes, as people write them.

pub(super) use crate::train::claim::{positive, whole};

/// Bits a second: `1Gbit`, `100Mbit`, `352.5kbit/s`.
pub(super) fn bandwidth(text: &str) -> Result<f64, String> {
    let text = text.strip_suffix("/s").unwrap_or(text);
    let units = [("Gbit", 1e9), ("Mbit", 1e6), ("kbit", 1e3), ("bit", 1.0)];
    number(text, &units).ok_or_else(|| "expected a number with a unit: 100Mbit, 1Gbit".into())
}

/// Seconds: `0.2ms`, `40ms`, `150us`, `1s`.
pub(super) fn time(text: &str) -> Result<f64, String> {
    let units = [("ms", 1e-3), ("us", 1e-6), ("s", 1.0)];
    number(text, &units).ok_or_else(|| "expected a number with a unit: 0.2ms, 40ms, 1s".into())
}

/// Bytes: `16GiB`, `800MB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let binary =
        [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)].map(|(unit, power)| (unit, f64::exp2(power.into())));
    let decimal = [("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0)];
    let units: Vec<_> = binary.into_iter().chain(decimal).collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and no memory has 2^64 bytes"
    )]
    let bytes = number(text, &units).map(|bytes| bytes as u64);
    bytes.ok_or_else(|| "expected a number with a unit: 16GiB, 800MiB, 2TB".into())
}

/// A positive number with a unit.
fn number(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = |unit: &str| text.len().checked_sub(unit.len()).filter(|at| text.is_char_boundary(*at));
    let fits = |unit: &str| end(unit).filter(|at| text[*at..].eq_ignore_ascii_case(unit));
    let (at, factor) = units.iter().find_map(|(unit, factor)| Some((fits(unit)?, *factor)))?;
    let x: f64 = text[..at].trim().parse().ok()?;
    (x > 0.0 && x.is_finite()).then_some(x * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_as_people_write_them() {
        let all = ["1Gbit", "100Mbit", "0.5 kbit/s", "8bit", "2gbit"].map(|text| bandwidth(text).unwrap());
        assert_eq!(all, [1e9, 1e8, 500.0, 8.0, 2e9]);
        assert_eq!(["0.5ms", "40ms", "1s", "250us"].map(|text| time(text).unwrap()), [5e-4, 0.04, 1.0, 2.5e-4]);
        for text in ["", "1", "Gbit", "-1Gbit", "1GB", "nanGbit", "infbit", "0bit", "\u{e9}bit", "1ms"] {
            assert!(bandwidth(text).is_err(), "{text}");
        }
        let sizes = ["16GiB", "1.5 KiB", "800MB", "3B", "2gib"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [16 << 30, 1536, 800_000_000, 3, 2 << 30]);
        for text in ["", "16", "GiB", "-1GiB", "16Gbit", "nanB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(time("40").is_err() && time("4 hours").is_err());
    }
}
