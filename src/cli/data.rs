//! `ppdnn data`: drafts a description of own data, and checks files against it.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::columns::columns;
use crate::cli::data_args::{CheckArgs, DataCommand, DescribeArgs};
use crate::cli::format::count;
use crate::cli::print::{self, note, say, warn};
use crate::data::description::{Draft, Learn, draft};
use crate::data::{At, Description, MOST_PLACES, OwnData, Place, Problem, Report};
use crate::error::{Error, Result};

/// Drafts or checks.
pub(super) fn data(command: &DataCommand) -> Result<()> {
    match command {
        DataCommand::Check(args) => check(args),
        DataCommand::Describe(args) => describe(args),
    }
}

/// Prints a draft, or writes it into a file.
fn describe(args: &DescribeArgs) -> Result<()> {
    let Draft { text, description, rows } = draft(&args.path, Learn { labels: &args.label, task: args.task })?;
    match &args.out {
        None if args.json => {}
        None => say(text.trim_end()),
        Some(out) => create(out, &text)?,
    }
    let (features, target) = (description.features(), &description.target);
    if args.json {
        // the draft is in its file, or else here
        let draft = args.out.is_none().then_some(text);
        print::json(&json!({
            "file": args.path, "rows": rows, "features": features, "task": target.task().name(), "targets": target.names(),
            "description": args.out, "draft": draft,
        }));
        warn(PUBLIC);
        return Ok(());
    }
    let found = format!(
        "{}: {}, {features} features, {} of {}",
        args.path.display(),
        count(rows, "row"),
        target.in_words(),
        description.labels()
    );
    let rows = match description.shape().axes() {
        [_] => format!("`inputs = {features}` in the first dense layer"),
        axes => format!("images of shape {axes:?}"),
    };
    let network = format!("network: {rows}, `outputs = {}` in the last", target.width());
    // a draft on standard output is for a file
    let tell: fn(&str) = if args.out.is_some() { say } else { note };
    [found, network].iter().for_each(|line| tell(line));
    warn(PUBLIC);
    Ok(())
}

/// What to do with a draft.
const PUBLIC: &str = "the draft's ranges and categories were read from the rows, and a description is public: replace those that \
                      reveal something about a row with generally known values";

/// Writes a new file.
fn create(path: &Path, text: &str) -> Result<()> {
    let file = std::fs::File::create_new(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Error::file_with(path, &e, "choose another name with --out"),
        _ => Error::file(path, e),
    })
}

/// Reports what does not fit.
fn check(args: &CheckArgs) -> Result<()> {
    let description = Description::load(&args.description)?;
    let report = OwnData::report(&args.path, args.test_data.as_deref(), &description)?;
    if args.json {
        print::json(&in_json(&report, &description));
    } else {
        say(&in_words(&report, &description));
    }
    if report.fits() {
        return Ok(());
    }
    let (problems, rows) = (count(report.problems(), "problem"), count(report.wrong_rows, "row"));
    Err(Error::format(&args.path, format!("does not fit {}: {problems} in {rows}", args.description.display())))
}

fn in_words(report: &Report, description: &Description) -> String {
    let Report { train_rows, test_rows, .. } = report;
    let (features, target) = (description.features(), description.target.in_words());
    let mut lines: Vec<String> = report.first.iter().map(line).collect();
    if report.problems() > MOST_PLACES as u64 {
        lines.push(format!("and {} more", report.problems() - MOST_PLACES as u64));
    }
    if !report.fits() {
        let header = ["column", "problem", "count"].map(str::to_owned).to_vec();
        let row = |((column, kind), n): (&(String, &'static str), &u64)| {
            let column = if column.is_empty() { "(row)" } else { column };
            vec![column.to_owned(), (*kind).to_owned(), n.to_string()]
        };
        let counts = report.counts.iter().take(MOST_COUNTS).map(row);
        lines.push(format!("\n{}\n", columns(&[header].into_iter().chain(counts).collect::<Vec<_>>(), 2)));
    }
    lines.push(format!("{train_rows} training rows, {test_rows} test rows, {features} features, {target}"));
    lines.join("\n")
}

/// A place with its value, which is its owner's.
fn line(Place { file, problem }: &Place) -> String {
    let value = problem.value.as_ref().map_or(String::new(), |value| format!(" [{value}]"));
    format!("{}: {problem}{value}", file.display())
}

fn in_json(report: &Report, description: &Description) -> Value {
    let place = |Place { file, problem }: &Place| {
        let Problem { at, column, kind, value } = problem;
        let (line, row, entry) = match at {
            At::Entry(axes) => (None, axes.first(), Some(axes)),
            At::File => (None, None, None),
            At::Line(line) => (Some(line), None, None),
            At::Row(row) => (None, Some(row), None),
        };
        json!({
            "file": file.display().to_string(), "line": line, "row": row, "entry": entry,
            "column": column, "problem": kind.name(),
            "reason": kind.to_string(), "value": value,
        })
    };
    let count = |((column, kind), n): (&(String, &'static str), &u64)| json!({ "column": (!column.is_empty()).then_some(column), "problem": kind, "count": n });
    json!({
        "fits": report.fits(),
        "train_rows": report.train_rows,
        "test_rows": report.test_rows,
        "features": description.features(),
        "task": description.target.task().name(),
        "targets": description.target.width(),
        "problems": report.problems(),
        "wrong_rows": report.wrong_rows,
        "first": report.first.iter().map(place).collect::<Vec<_>>(),
        "counts": report.counts.iter().take(MOST_COUNTS).map(count).collect::<Vec<_>>(),
    })
}

/// Lines of counts.
const MOST_COUNTS: usize = 1000;
