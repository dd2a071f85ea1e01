//! Tables of columns.

use std::fmt::Write as _;

/// A table: `left` columns of names, then columns of numbers, each as wide as it must be; two spaces apart, or one where that is
/// too wide for a terminal.
pub(super) fn columns(rows: &[Vec<String>], left: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| rows.iter().filter_map(|r| r.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let gap = if widths.iter().map(|width| width + 2).sum::<usize>() > 2 + MOST_COLUMNS { " " } else { "  " };
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if at == 0 { "" } else { gap };
            let _ = if at < left { write!(line, "{gap}{cell:<width$}") } else { write!(line, "{gap}{cell:>width$}") };
        }
        let end = if out.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{end}{}", line.trim_end());
    }
    out
}

/// Columns of a terminal that tables are made for.
const MOST_COLUMNS: usize = 100;

/// A real number in a few digits.
pub(super) fn short(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        a if !(1e-3..1e7).contains(&a) => format!("{x:.1e}"),
        a if a >= 100.0 => format!("{x:.0}"),
        a if a >= 1.0 => format!("{x:.2}"),
        _ => format!("{x:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_and_numbers_right() {
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect();
        let rows = [row(&["a", "bb", "1", "-"]), row(&["aaa", "b", "22", "333"])];
        assert_eq!(columns(&rows, 2), "a    bb   1    -\naaa  b   22  333");
        let all = [0.0, 16_384.0, 57.126, 0.004_04, 1.07e9, 0.000_3].map(short);
        assert_eq!(all, ["0", "16384", "57.13", "0.0040", "1.1e9", "3.0e-4"]);
    }
}
