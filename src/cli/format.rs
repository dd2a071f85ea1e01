//! Numbers as tables and lines show them.

pub(super) use crate::train::describe::count;

/// Letters of a network's sizes that a line shows.
pub(super) const MOST_SIZES: usize = 44;

/// `12.3 MB`.
pub(super) fn bytes(x: f64) -> String {
    match x {
        x if x >= 1e12 => format!("{:.2} TB", x / 1e12),
        x if x >= 1e9 => format!("{:.2} GB", x / 1e9),
        x if x >= 1e6 => format!("{:.2} MB", x / 1e6),
        x if x >= 1e3 => format!("{:.1} kB", x / 1e3),
        x => format!("{x:.0} B"),
    }
}

/// `98.02 %`.
pub(super) fn percent(x: f64) -> String {
    format!("{:.2} %", 100.0 * x)
}

/// A squared error: `0.01234`.
pub(super) fn loss(x: f64) -> String {
    format!("{x:.5}")
}

/// `1 min 05 s`.
pub(super) fn seconds(x: f64) -> String {
    let whole = x.round();
    match x {
        x if x < 59.95 => format!("{x:.1} s"),
        x if x < 3599.5 => format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0),
        _ => format!("{:.0} h {:02.0} min", (x / 3600.0).floor(), (x / 60.0).floor() % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(bytes(1_000_632.0), "1.00 MB");
        assert_eq!(bytes(999.0), "999 B");
        assert_eq!(percent(0.9802), "98.02 %");
        assert_eq!(bytes(1.2e12), "1.20 TB");
        assert_eq!(seconds(59.94), "59.9 s");
        assert_eq!(seconds(65.4), "1 min 05 s");
        assert_eq!(seconds(119.7), "2 min 00 s");
        assert_eq!(seconds(7_265.0), "2 h 01 min");
        assert_eq!(count(1u32, "epoch") + &count(2u32, "epoch"), "1 epoch2 epochs");
    }
}
