//! Curves, as SVG.

use std::error::Error;
use std::ops::Range;

use plotters::prelude::*;

/// Curves with points; those without points are left out. Empty if nothing can be drawn. Its colours are variables of the page, which
/// has others in dark mode.
pub(super) fn lines(x: &str, y: &str, series: &[(&str, Vec<(f64, f64)>)]) -> String {
    let mut svg = String::new();
    let drawn = draw(&mut svg, (x, y), series);
    if drawn.is_ok() { with_variables(&svg) } else { String::new() }
}

/// The drawing with the page's colours.
fn with_variables(svg: &str) -> String {
    let curves = COLORS.into_iter().zip(["curve", "other-curve"]);
    let own = [(BLACK, "ink"), (WHITE, "paper")].into_iter().chain(curves);
    own.fold(svg.to_owned(), |svg, (RGBColor(r, g, b), name)| {
        svg.replace(&format!("\"#{r:02X}{g:02X}{b:02X}\""), &format!("\"var(--{name})\""))
    })
}

fn draw(svg: &mut String, (x, y): (&str, &str), series: &[(&str, Vec<(f64, f64)>)]) -> Result<(), Box<dyn Error>> {
    let all = || series.iter().flat_map(|(_, points)| points);
    let across = span(all().map(|(x, _)| *x));
    let up = span(all().map(|(_, y)| *y));
    let decimals = decimals_of(up.end - up.start);
    let position = legend_at(series, &up);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(52)
        .y_label_area_size(88)
        .build_cartesian_2d(across, up)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .axis_desc_style(FONT)
        .label_style(FONT)
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|x| whole(*x))
        .y_label_formatter(&|y| number(*y, decimals))
        .draw()?;
    let own = series.iter().filter(|(_, points)| !points.is_empty());
    for ((name, points), color) in own.clone().zip(COLORS) {
        let line = LineSeries::new(points.iter().copied(), color.stroke_width(2));
        chart
            .draw_series(line)?
            .label(*name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color.stroke_width(2)));
        if points.len() <= MOST_DOTS {
            chart.draw_series(points.iter().map(|at| Circle::new(*at, 3, color.filled())))?;
        }
    }
    if own.count() > 1 {
        let mut legend = chart.configure_series_labels();
        legend.label_font(FONT).position(position).background_style(WHITE).draw()?;
    }
    area.present()?;
    drop(chart);
    Ok(())
}

/// A range that shows all values, with room above and below.
fn span(values: impl Iterator<Item = f64>) -> Range<f64> {
    let finite = values.filter(|x| x.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    match high - low {
        width if width > 0.0 => low - 0.05 * width..high + 0.05 * width,
        _ if low.is_finite() => low - 1.0..low + 1.0,
        _ => 0.0..1.0,
    }
}

/// Epochs and steps, which are whole numbers; nothing between them.
fn whole(x: f64) -> String {
    if (x - x.round()).abs() < 1e-6 { format!("{x:.0}") } else { String::new() }
}

/// A number without zeros at its end.
fn number(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// Decimals that tell the numbers beside an axis apart, which is so long.
fn decimals_of(width: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 9")]
    let decimals = (1.0 - width.log10()).ceil().clamp(0.0, 9.0) as usize;
    decimals
}

/// Where curves do not end: in the upper corner for those that fall.
fn legend_at(series: &[(&str, Vec<(f64, f64)>)], up: &Range<f64>) -> SeriesLabelPosition {
    let ends: Vec<f64> = series.iter().filter_map(|(_, points)| points.last()).map(|(_, y)| *y).collect();
    let low = ends.iter().filter(|y| **y < (up.start + up.end) / 2.0).count();
    if 2 * low > ends.len() { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight }
}

/// Width and height in pixels.
const SIZE: (u32, u32) = (720, 340);
/// Legible where a phone shows the picture at half its size.
const FONT: (&str, i32) = ("sans-serif", 21);
/// Curves with more points are drawn without dots.
const MOST_DOTS: usize = 40;
/// Of the curves, until they are variables of the page.
const COLORS: [RGBColor; 2] = [RGBColor(0x1f, 0x4e, 0x8c), RGBColor(0xd1, 0x6a, 0x00)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_drawn_and_odd_ones_do_no_harm() {
        let svg = lines("epoch", "%", &[("on shares", vec![(1.0, 90.0), (2.0, 95.0)]), ("in the clear", vec![])]);
        assert!(svg.contains("<svg") && svg.contains("polyline") && !svg.contains("on shares"), "{svg}");
        let both = [("on shares", vec![(1.0, 90.0), (2.0, 95.0)]), ("in the clear", vec![(1.0, 91.0), (2.0, 94.0)])];
        let legend = lines("epoch", "%", &both);
        for name in ["ink", "paper", "curve", "other-curve"] {
            assert!(legend.contains(&format!("\"var(--{name})\"")), "{name}: {legend}");
        }
        assert!(!legend.contains("\"#"), "a colour that dark mode does not change: {legend}");
        assert!(both.iter().all(|(name, _)| lines("epoch", "%", &both).contains(name)), "a legend");
        assert!(!svg.contains("in the clear"), "{svg}");
        assert_eq!([whole(2.0), whole(1.5)], ["2", ""]);
        for points in [vec![], vec![(1.0, 1.0)], vec![(1.0, f64::NAN), (2.0, f64::INFINITY)]] {
            let _ = lines("x", "y", &[("odd", points)]);
        }
        assert_eq!(span([3.0].into_iter()), 2.0..4.0);
        assert_eq!([number(1.0, 2), number(97.5, 2), number(90.0, 0)], ["1", "97.5", "90"]);
        // a loss from 0.0012 to 0.0098, and one near 0.31
        assert_eq!([0.0086, 0.03, 20.0, 3.0].map(decimals_of), [4, 3, 0, 1]);
        let falls = [("a", vec![(1.0, 0.9), (2.0, 0.1)]), ("b", vec![(1.0, 0.8), (2.0, 0.2)])];
        assert!(matches!(legend_at(&falls, &(0.1..0.9)), SeriesLabelPosition::UpperRight));
        assert!(matches!(legend_at(&both, &(90.0..95.0)), SeriesLabelPosition::LowerRight));
    }
}
