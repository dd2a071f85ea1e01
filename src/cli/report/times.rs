//! Where the time of a step went at server 1: by layer, and by kind of gate.

use crate::cli::format::percent;
use crate::cli::report::html::{Page, bars, escape, table};
use crate::party::CostKind;
use crate::roles::StepTime;

/// The section of the times, if there are any.
pub(super) fn section(page: &mut Page, times: &[StepTime]) {
    if times.is_empty() {
        return;
    }
    let all: f64 = times.iter().map(|t| t.seconds).sum();
    let layers: Vec<Layer> = layers(times);
    let share = |x: f64| if all > 0.0 { percent(x / all) } else { "-".into() };
    let shown: Vec<(String, f64, String)> = layers
        .iter()
        .map(|l| (l.name.to_owned(), l.seconds(), format!("{}, {}", ms(l.seconds()), share(l.seconds()))))
        .collect();
    page.section(
        "Time of a step, by layer",
        &format!(
            "<p>{ABOUT}</p>\n{}\n<details><summary>Time by layer and kind</summary>\n{}\n</details>",
            bars("Layer", "Time", &shown),
            kinds(&layers)
        ),
    );
}

const ABOUT: &str = "Measured at server 1, the mean of all steps, forward and backward: a layer's time includes waiting for \
                     server 0 and for the dealer, and on a GPU, work that is queued counts where the server waits for its result.";

/// The times of a layer.
struct Layer<'a> {
    name: &'a str,
    times: Vec<&'a StepTime>,
}

/// The layers in the order of a step; what is between steps comes last.
fn layers(times: &[StepTime]) -> Vec<Layer<'_>> {
    let mut layers: Vec<Layer<'_>> = Vec::new();
    for time in times {
        let name = time.layer.as_deref().unwrap_or(BETWEEN);
        match layers.iter_mut().find(|layer| layer.name == name) {
            Some(layer) => layer.times.push(time),
            None => layers.push(Layer { name, times: vec![time] }),
        }
    }
    layers.sort_by_key(|layer| layer.name == BETWEEN);
    layers
}

impl Layer<'_> {
    fn seconds(&self) -> f64 {
        self.times.iter().map(|t| t.seconds).sum()
    }

    fn of(&self, kind: Option<CostKind>) -> f64 {
        self.times.iter().filter(|t| t.kind == kind).map(|t| t.seconds).sum()
    }
}

/// A table of the layers, with a column for every kind that took time.
fn kinds(layers: &[Layer<'_>]) -> String {
    let all = CostKind::ALL.into_iter().map(Some).chain([None]);
    let kinds: Vec<Option<CostKind>> = all.filter(|kind| layers.iter().any(|l| l.of(*kind) > 0.0)).collect();
    let name = |kind: &Option<CostKind>| kind.map_or("between gates", CostKind::name);
    let header: Vec<&str> = ["", "all"].into_iter().chain(kinds.iter().map(name)).collect();
    let cell = |x: f64| if x > 0.0 { ms(x) } else { "-".into() };
    let row = |name: &str, of: &dyn Fn(Option<CostKind>) -> f64, all: f64| {
        [escape(name), cell(all)].into_iter().chain(kinds.iter().map(|kind| cell(of(*kind)))).collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = layers.iter().map(|l| row(l.name, &|kind| l.of(kind), l.seconds())).collect();
    let total = |kind| layers.iter().map(|l| l.of(kind)).sum();
    rows.push(row("all", &total, layers.iter().map(Layer::seconds).sum()));
    table(&header, &rows).replacen("<table>", "<table class=\"numbers\">", 1)
}

fn ms(seconds: f64) -> String {
    format!("{:.2} ms", 1e3 * seconds)
}

/// What is in no layer: the wait for the step's begin, and the report of its end.
const BETWEEN: &str = "between steps";

#[cfg(test)]
mod tests {
    use super::*;

    fn time(layer: Option<&str>, pass: &str, kind: Option<CostKind>, ms: f64) -> StepTime {
        StepTime { layer: layer.map(str::to_owned), pass: Some(pass.into()), kind, seconds: ms / 1e3 }
    }

    #[test]
    fn both_passes_of_a_layer_are_one_bar_and_every_kind_has_a_column() {
        let products = Some(CostKind::Products);
        let times = [
            time(None, "", None, 1.0),
            time(Some("dense1"), "forward", products, 2.0),
            time(Some("<loss>"), "", Some(CostKind::Loss), 3.0),
            time(Some("dense1"), "backward", products, 4.0),
        ];
        let mut page = Page::new("run");
        section(&mut page, &times);
        let page = page.finish();
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
        assert!(at("dense1") < at("&lt;loss&gt;") && at("&lt;loss&gt;") < at(BETWEEN), "in the order of a step");
        assert!(page.contains("6.00 ms, 60.00 %"), "{page}");
        assert!(page.contains("<th scope=\"col\">products</th>") && !page.contains("<th scope=\"col\">compares</th>"));
        assert!(page.contains("<th scope=\"row\">all</th><td>10.00 ms</td><td>6.00 ms</td>"), "{page}");
    }

    #[test]
    fn a_run_without_times_has_no_section() {
        let mut page = Page::new("run");
        section(&mut page, &[]);
        assert!(!page.finish().contains("by layer"));
    }
}
