//! Who saw what: a picture of the roles and their links, and the same as a table.

use std::fmt::Write as _;

use crate::cli::format::{bytes, count};
use crate::cli::report::html::{Page, escape, table};
use crate::cli::run_record::RunRecord;
use crate::party::Figure;
use crate::roles::{Bytes, Costs};
use crate::train::{InitialSource, Job, Reveals};

/// The section of the roles.
pub(super) fn section(page: &mut Page, run: &RunRecord, costs: &Costs) {
    let b = run.summary.as_ref().map_or(costs.summary.bytes_per_step, |s| s.bytes_per_step);
    let rows: Vec<Vec<String>> =
        received(&run.job).into_iter().map(|(role, what)| vec![role.to_owned(), escape(&what)]).collect();
    let about = "What every role received";
    page.figure("Who saw what", about, &picture(&run.job, &b), &table(&["Role", "Received"], &rows));
}

/// What each role receives in the course of a job, by kind.
fn received(job: &Job) -> [(&'static str, String); 4] {
    let revealed: Vec<&str> = [
        (job.reveal.accuracy, "the accuracy after every epoch"),
        (job.reveal.ranges, "the counts of values out of range"),
        (job.reveal.model, "the parameters of the model"),
        (job.reveal.moments, "mean and deviation of the standardized features"),
    ]
    .into_iter()
    .filter_map(|(revealed, what)| revealed.then_some(what))
    .chain(job.reveal.figures().into_iter().map(sums_of))
    .collect();
    let revealed = if revealed.is_empty() { "no result".to_owned() } else { revealed.join(", ") };
    let initial = match job.initial {
        InitialSource::Private => "a share of the initial parameters",
        InitialSource::Public { .. } => "the initial parameters, which are public",
        InitialSource::Seed => "the public seed of the initial parameters",
    };
    let moments =
        if job.reveal.moments { ", and mean and deviation of the standardized features over all rows" } else { "" };
    let sums = if job.reveal.moments { "; shares of every owner's sums of features" } else { "" };
    [
        (
            "Owners",
            format!("the job{moments}; nothing else of other owners' rows, nothing of the model or of the results"),
        ),
        (
            "Servers",
            format!(
                "masked rows, and each a share of the masks{sums}; values opened under fresh masks; {initial}; the numbers of rows \
                 and the network"
            ),
        ),
        ("Dealer", "seeds of masks, shapes and the order of the rows; nothing that depends on the rows".into()),
        ("Trainer", revealed),
    ]
}

/// What is revealed of a figure.
fn sums_of(figure: Figure) -> &'static str {
    match figure {
        Figure::Confusion => "the confusion matrix",
        Figure::R2 => "sums of squared errors, targets and squared targets",
        Figure::Roc => "the counts of test rows by class and score",
        Figure::SquaredError => "the squared error of the test rows",
        Figure::TopFive => "the top-5 accuracy",
    }
}

/// Boxes and arrows.
fn picture(job: &Job, b: &Bytes) -> String {
    let mut svg = String::from(
        "<svg viewBox=\"0 0 720 330\" xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"14\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto-start-reverse\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
    );
    let owners = count(job.owners.len() as u64, "owner");
    place(&mut svg, [20, 135], &owners, "rows");
    place(&mut svg, [290, 40], "server 0", "shares");
    place(&mut svg, [290, 230], "server 1", "shares");
    place(&mut svg, [560, 230], "dealer", "masks, no data");
    place(&mut svg, [560, 40], "trainer", "results");
    arrow(&mut svg, [160, 150], [286, 82], false, ([150, 104], "masked rows"));
    arrow(&mut svg, [160, 185], [286, 248], false, ([150, 236], "masked rows"));
    let each = bytes(b.server0_to_server1.max(b.server1_to_server0));
    arrow(&mut svg, [360, 103], [360, 226], true, ([370, 156], &format!("{each} a step")));
    label(&mut svg, [370, 174], "each way, masked");
    arrow(&mut svg, [556, 270], [434, 270], false, ([440, 290], &format!("{} a step", bytes(b.dealer_to_server1))));
    let results = if job.reveal == Reveals::NOTHING { "none" } else { "sealed halves" };
    arrow(&mut svg, [434, 68], [556, 68], false, ([446, 58], results));
    arrow(&mut svg, [434, 240], [580, 108], false, ([540, 180], results));
    svg + "</svg>\n"
}

/// A box with two lines.
fn place(svg: &mut String, [x, y]: [i32; 2], name: &str, what: &str) {
    let middle = x + 70;
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y}\" width=\"140\" height=\"60\" rx=\"6\" fill=\"var(--faint)\" stroke=\"var(--curve)\"/>\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-weight=\"bold\">{}</text>\
         <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{what}</text>",
        y + 26,
        escape(name),
        y + 46
    );
}

/// An arrow with a label; `both` ways or one.
fn arrow(svg: &mut String, [x0, y0]: [i32; 2], [x1, y1]: [i32; 2], both: bool, (at, text): ([i32; 2], &str)) {
    let start = if both { " marker-start=\"url(#tip)\"" } else { "" };
    let _ = writeln!(
        svg,
        "<line x1=\"{x0}\" y1=\"{y0}\" x2=\"{x1}\" y2=\"{y1}\" stroke=\"var(--ink)\"{start} marker-end=\"url(#tip)\"/>"
    );
    label(svg, at, text);
}

fn label(svg: &mut String, [x, y]: [i32; 2], text: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
}
