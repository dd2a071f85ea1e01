//! Figures on the test rows as the closing table and the report show them.

use crate::cli::format::percent;
use crate::cli::report::html::{escape, table};
use crate::train::describe::short;
use crate::train::{ClassFigures, Confusion, LabelFigures, Regression, TargetFigures, TestFigures};

/// Names and values of all figures but the squared error, which stands beside that of other models, and the confusion matrix's classes.
pub(super) fn rows(figures: &TestFigures) -> Vec<(&'static str, String)> {
    let top = figures.top5_accuracy.map(|part| ("top-5 accuracy", percent(part)));
    let f1 = figures.confusion.as_ref().map(|c| c.macro_f1).or(figures.labels.as_ref().map(|l| l.macro_f1));
    let f1 = f1.map(|f1| ("macro F1", format!("{f1:.4}")));
    let within = |x: f64, off: f64| format!("{x:.4}, within {off:.4}");
    let roc = figures.roc.as_ref();
    let auc = roc.map(|roc| ("AUC", within(roc.auc, roc.auc_error)));
    let precision = roc.map(|roc| ("average precision", within(roc.average_precision, roc.average_precision_error)));
    let own = figures.regression.iter().flat_map(regression);
    [top, f1, auc, precision].into_iter().flatten().chain(own).collect()
}

/// Names and values of the figures of a regression.
pub(super) fn regression(figures: &Regression) -> Vec<(&'static str, String)> {
    let r2 = |r2: Option<f64>| r2.map_or("R2 unknown, as the targets do not vary".into(), |r2| format!("R2 {r2:.4}"));
    let one = |t: &TargetFigures| {
        let name = if t.name.is_empty() { String::new() } else { format!("{}: ", t.name) };
        let (mean, deviation) = (short(t.mean), short(t.deviation));
        ("target", format!("{name}RMSE {}, {}; mean {mean}, deviation {deviation}", short(t.rmse), r2(t.r2)))
    };
    let all = figures.r2.filter(|_| figures.targets.len() > 1).map(|mean| ("mean R2", format!("{mean:.4}")));
    figures.targets.iter().map(one).chain(all).collect()
}

/// For every class or label its rows, precision, recall and F1, as lines of a table.
pub(super) fn classes(names: &[String], figures: &[ClassFigures]) -> Vec<[String; 5]> {
    let part = |x: Option<f64>| x.map_or("-".into(), percent);
    let one = |(class, c): (usize, &ClassFigures)| {
        let f1 = c.f1.map_or("-".into(), |f1| format!("{f1:.4}"));
        [name_of(names, class), c.rows.to_string(), part(c.precision), part(c.recall), f1]
    };
    figures.iter().enumerate().map(one).collect()
}

/// The name of a class or label, or its number.
fn name_of(names: &[String], class: usize) -> String {
    names.get(class).cloned().unwrap_or_else(|| class.to_string())
}

/// The names of the columns.
pub(super) const CLASSES: [&str; 5] = ["class", "rows", "precision", "recall", "F1"];

/// The confusion matrix and the classes' figures as HTML.
pub(super) fn html(confusion: &Confusion) -> String {
    let predicted =
        (0..confusion.rows.len()).map(|class| format!("predicted {}", escape(&name_of(&confusion.names, class))));
    let head: Vec<String> = std::iter::once("Label".to_owned()).chain(predicted).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let line = |(label, row): (usize, &Vec<u64>)| {
        std::iter::once(escape(&name_of(&confusion.names, label))).chain(row.iter().map(u64::to_string)).collect()
    };
    let matrix: Vec<Vec<String>> = confusion.rows.iter().enumerate().map(line).collect();
    let classes: Vec<Vec<String>> = classes(&confusion.names, &confusion.classes).into_iter().map(escaped).collect();
    table(&head, &matrix) + &table(&CLASSES, &classes)
}

/// The labels' figures as HTML.
pub(super) fn labels_html(labels: &LabelFigures) -> String {
    let head = ["label", CLASSES[1], CLASSES[2], CLASSES[3], CLASSES[4]];
    let lines: Vec<Vec<String>> = classes(&labels.names, &labels.labels).into_iter().map(escaped).collect();
    table(&head, &lines)
}

/// A line of a table as HTML.
fn escaped(line: [String; 5]) -> Vec<String> {
    line.iter().map(|cell| escape(cell)).collect()
}
