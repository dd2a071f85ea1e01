//! The page that a report is written on: headings, tables, bars; all of it in one file.

use std::fmt::Write as _;

/// An HTML page in the making.
pub(super) struct Page {
    text: String,
}

impl Page {
    /// A page with a title.
    pub(super) fn new(title: &str) -> Self {
        let title = escape(title);
        let head = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}: ppdnn</title>\n\
             <link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        );
        Self { text: head }
    }

    /// A paragraph of HTML.
    pub(super) fn paragraph(&mut self, html: &str) {
        let _ = writeln!(self.text, "<p>{html}</p>");
    }

    /// A heading with HTML under it.
    pub(super) fn section(&mut self, heading: &str, html: &str) {
        let _ = writeln!(self.text, "<section>\n<h2>{heading}</h2>\n{html}\n</section>");
    }

    /// A heading with a picture (SVG), and the same as a table to open.
    pub(super) fn figure(&mut self, heading: &str, about: &str, svg: &str, table: &str) {
        let html = format!(
            "<figure role=\"img\" aria-label=\"{about}; the table below has the numbers\">\n{svg}</figure>\n\
             <details><summary>{about}, as a table</summary>\n{table}\n</details>"
        );
        self.section(heading, &html);
    }

    /// The whole page.
    pub(super) fn finish(self) -> String {
        self.text + "</main>\n</body>\n</html>\n"
    }
}

/// Text as HTML.
pub(in crate::cli) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A table of cells that are HTML; a header of empty cells is left out.
pub(in crate::cli) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::from("<div class=\"wide\"><table>\n");
    if header.iter().any(|cell| !cell.is_empty()) {
        let cells: String = header.iter().map(|cell| format!("<th scope=\"col\">{cell}</th>")).collect();
        let _ = writeln!(out, "<thead><tr>{cells}</tr></thead>");
    }
    out += "<tbody>\n";
    for row in rows {
        let mut cells = row.iter();
        let first = cells.next().map_or(String::new(), |cell| format!("<th scope=\"row\">{cell}</th>"));
        let rest: String = cells.map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(out, "<tr>{first}{rest}</tr>");
    }
    out + "</tbody>\n</table></div>"
}

/// A table of names, bars and values: `(name, length, value as text)`.
pub(super) fn bars(name: &str, value: &str, rows: &[(String, f64, String)]) -> String {
    let longest = rows.iter().map(|(_, x, _)| *x).fold(f64::MIN_POSITIVE, f64::max);
    let bar = |x: f64| {
        let width = 100.0 * x.max(0.0) / longest;
        format!("<span class=\"bar\" style=\"width:{width:.1}%\" aria-hidden=\"true\"></span>")
    };
    let rows: Vec<_> = rows.iter().map(|(name, x, text)| vec![escape(name), bar(*x), text.clone()]).collect();
    table(&[name, "", value], &rows).replacen("<table>", "<table class=\"bars\">", 1)
}

/// Colours have a contrast of at least 4.5 to their background, in both schemes.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--line:#c8c8c8;--bar:#2b6cb0;--faint:#f2f4f7;--bad:#a61b1b;--curve:#1f4e8c;--other-curve:#b85c00}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8e8;--paper:#16181c;--line:#444b55;--bar:#63a4e6;--faint:#22262c;--bad:#ff9b9b;--curve:#7db4f0;--other-curve:#ffb45c}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2rem 0 .5rem}
.wide{overflow-x:auto}table{border-collapse:collapse}
th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th[scope=row]{font-weight:normal}
.numbers td{white-space:nowrap}.bars{width:100%}.bars td:nth-child(2){width:60%;min-width:6rem}.bars td:nth-child(3),.bars th:nth-child(3){white-space:nowrap;text-align:right;padding-right:0}
.bar{display:inline-block;height:.8rem;background:var(--bar);min-width:1px}
figure{margin:.5rem 0;padding:.5rem;border:1px solid var(--line)}
figure svg{fill:var(--ink);display:block;width:100%;height:auto;max-width:45rem;margin:0 auto}
summary{cursor:pointer}details{margin:.5rem 0}
pre{background:var(--faint);padding:.75rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
.bad{color:var(--bad)}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escape("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
        let page = Page::new("</title><script>").finish();
        assert!(!page.contains("<script>"), "{page}");
    }

    /// A colour of the light scheme (0) or of the dark one (1).
    fn color(name: &str, scheme: usize) -> [f64; 3] {
        let all: Vec<&str> = STYLE.split(&format!("--{name}:#")).skip(1).collect();
        assert_eq!(all.len(), 2, "{name} is a colour of both schemes");
        let digits = all[scheme].split([';', '}']).next().unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
        match digits.len() {
            3 => [0, 1, 2].map(|at| f64::from(17 * u8::from_str_radix(&digits[at..=at], 16).unwrap())),
            _ => [0, 1, 2].map(|at| f64::from(byte(at))),
        }
    }

    /// The contrast of two colours, from 1 to 21: <https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio>.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let linear =
            |x: f64| if x / 255.0 <= 0.040_45 { x / 255.0 / 12.92 } else { ((x / 255.0 + 0.055) / 1.055).powf(2.4) };
        let luminance = |c: [f64; 3]| 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_and_curves_stand_out_in_both_schemes() {
        assert!((contrast([0.0; 3], [255.0; 3]) - 21.0).abs() < 1e-9);
        assert!((contrast([119.0; 3], [255.0; 3]) - 4.48).abs() < 0.01, "a grey that is known to be too light");
        let pairs = ["ink", "bad", "curve", "other-curve", "bar"].map(|name| (name, "paper"));
        for (text, ground) in pairs.into_iter().chain([("ink", "faint")]) {
            for scheme in [0, 1] {
                let seen = contrast(color(text, scheme), color(ground, scheme));
                assert!(seen >= 4.5, "--{text} on --{ground} has a contrast of {seen:.2} in scheme {scheme}");
            }
        }
        assert!(!STYLE.contains("background:#"), "a background that dark mode does not change");
    }

    #[test]
    fn the_longest_bar_is_as_wide_as_there_is_room() {
        let rows = [("a".to_owned(), 2.0, "2".to_owned()), ("b".to_owned(), 0.5, "0.5".to_owned())];
        let text = bars("name", "value", &rows);
        assert!(text.contains("width:100.0%") && text.contains("width:25.0%"), "{text}");
        assert!(bars("name", "value", &[("a".to_owned(), 0.0, String::new())]).contains("width:0.0%"));
    }
}
