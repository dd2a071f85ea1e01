//! Where bytes, rounds and multiplications of a step go: by layer, by kind, by link.

use crate::cli::format::bytes;
use crate::cli::report::html::{Page, bars, escape, table};
use crate::cli::run_record::RunRecord;
use crate::party::CostKind;
use crate::roles::{CostRow, Costs};

/// The section of the costs: as planned from the job, and as measured where the run has a summary.
pub(super) fn section(page: &mut Page, run: &RunRecord, costs: &Costs) {
    let measured = run.summary.as_ref().map(|s| (s.bytes_per_step, s.rounds_per_step));
    let (b, rounds) = measured.unwrap_or((costs.summary.bytes_per_step, costs.summary.rounds_per_step));
    let links = [
        ("server 0 to server 1", b.server0_to_server1),
        ("server 1 to server 0", b.server1_to_server0),
        ("dealer to server 0", b.dealer_to_server0),
        ("dealer to server 1", b.dealer_to_server1),
    ];
    let rows = links.map(|(name, x)| (name.to_owned(), x, bytes(x)));
    let source = if measured.is_some() { "counted in the run" } else { "planned" };
    let text = format!("<p>{rounds:.0} rounds a step, and these bytes, {source}.</p>");
    page.section("Bytes of a step, by link", &(text + &bars("Link", "Bytes", &rows)));
    page.section("Costs of a step, by layer", &by_layer(&costs.step));
    page.section("Costs of a step, by kind", &by_kind(&costs.step));
}

/// Rows of layers in the order of a step.
fn by_layer(parts: &[CostRow]) -> String {
    let mut layers: Vec<&str> = Vec::new();
    for part in parts {
        if !layers.contains(&part.layer.as_str()) {
            layers.push(&part.layer);
        }
    }
    let rows = layers.into_iter().map(|layer| {
        let own: Vec<&CostRow> = parts.iter().filter(|part| part.layer == layer).collect();
        row(layer, &own)
    });
    let rows: Vec<_> = rows.collect();
    let shown: Vec<(String, f64, String)> =
        rows.iter().map(|row| (row.name.clone(), row.opened + row.dealt, bytes(row.opened + row.dealt))).collect();
    let about = "<p>Bars: bytes from each server to the other and from the dealer. Planned from the job; the counts of a \
                 run are equal to the plan.</p>";
    let numbers = numbers(&rows);
    format!(
        "{about}{}\n<details><summary>Rounds, bytes and multiplications by layer</summary>\n{numbers}\n</details>",
        bars("Layer", "Bytes", &shown)
    )
}

/// Rows of kinds.
fn by_kind(parts: &[CostRow]) -> String {
    let kinds = CostKind::ALL.into_iter().map(|kind| {
        let own: Vec<&CostRow> = parts.iter().filter(|part| part.kind == kind).collect();
        row(kind.name(), &own)
    });
    let kinds: Vec<Row> = kinds.filter(|row| row.opened + row.dealt + row.macs > 0.0).collect();
    numbers(&kinds)
}

fn numbers(rows: &[Row]) -> String {
    let text = table(&HEADER, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    text.replacen("<table>", "<table class=\"numbers\">", 1)
}

const HEADER: [&str; 6] =
    ["", "Rounds", "Opened, each way", "Dealt", "Multiplications, a server", "Multiplications, the dealer"];

/// A line of the table.
struct Row {
    name: String,
    rounds: f64,
    opened: f64,
    dealt: f64,
    macs: f64,
    dealer_macs: f64,
}

fn row(name: &str, parts: &[&CostRow]) -> Row {
    let sum = |of: fn(&CostRow) -> f64| parts.iter().map(|part| of(part)).sum::<f64>();
    Row {
        name: name.to_owned(),
        rounds: sum(|p| p.rounds),
        opened: sum(|p| p.opened_bytes),
        dealt: sum(|p| p.dealt_bytes),
        macs: sum(|p| p.macs),
        dealer_macs: sum(|p| p.dealer_macs),
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let some = |x: f64, text: String| if x > 0.0 { text } else { "-".into() };
        let millions = |x: f64| some(x, format!("{:.2} M", x / 1e6));
        vec![
            escape(&self.name),
            some(self.rounds, format!("{:.1}", self.rounds)),
            some(self.opened, bytes(self.opened)),
            some(self.dealt, bytes(self.dealt)),
            millions(self.macs),
            millions(self.dealer_macs),
        ]
    }
}
