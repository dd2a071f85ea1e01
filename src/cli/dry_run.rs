//! `ppdnn dry-run`.

use crate::cli::args::{DryRunArgs, JobArgs};
use crate::cli::columns::{columns, short};
use crate::cli::compute::BackendArg;
use crate::cli::format::{MOST_SIZES, percent};
use crate::cli::print::{json, say, warn};
use crate::cli::progress::ProgressView;
use crate::cli::run_folder::RunFolder;
use crate::cli::wrap::shortened;
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::party::{Range, Ranges};
use crate::roles::ClearRun;
use crate::train::{Certificate, Job, ROOM_BITS, recommended};

/// Trains in the clear, and reports the distance of every value from its bound.
pub(super) fn dry_run(args: &DryRunArgs) -> Result<()> {
    check(&args.job)?;
    let choice = args.job.choose(args.files.source(|| args.job.data())?, 1, None)?;
    choice.warnings().iter().for_each(|text| warn(text));
    let mut screen = ProgressView::new(args.json, args.quiet);
    let places = args.files.places();
    let data = choice.rows(&places, &mut |download| screen.download(&download))?;
    let DataSet { name, train, test } = data;
    let job = choice.training.job(train.len(), test.len())?;
    job.cut_off_of_all([&train, &test])?.iter().for_each(|text| warn(text));
    let folder = RunFolder::beside(args.out.as_deref(), &job, &name)?;
    let file = folder.path().join("ranges.json");
    screen.note(&format!(
        "{} {} on {}, profile {}: {} steps in the clear, {} times the gradient",
        job.model.name(),
        shortened(&job.model.sizes(), MOST_SIZES),
        name,
        job.settings.profile.name,
        job.total_steps(),
        job.rate()
    ));
    choice.remarks(&job, &args.job).iter().for_each(|line| screen.note(line));
    let stop = job.settings.early_stop();
    let over = move |known: &[f64]| stop.is_some_and(|stop| stop.is_reached(known));
    let run = choice.training.run_clear_until((&train, &test), over, &mut |event| screen.show(&event));
    screen.clear();
    let ClearRun { accuracy, squared_errors, ranges } = run.inspect_err(|_| folder.leave())?;
    let ran = job_that_ran(&job, accuracy.len().max(squared_errors.len()));
    let [accuracy, squared_error] = [accuracy, squared_errors].map(|known| known.last().copied());
    let certificate = Certificate::new(&ran, choice.training.initial_hash().as_deref(), &name, accuracy, &ranges);
    certificate.save(&file)?;
    let file = file.display().to_string();
    if args.json {
        let mut all = in_json(&certificate, &ranges, accuracy, &file);
        all["squared_error"] = squared_error.into();
        json(&all);
    } else {
        say(&table(&ranges, job.settings.profile.number()));
        let result = match (accuracy, squared_error) {
            (Some(accuracy), _) => ["test accuracy", &percent(accuracy)].map(str::to_owned),
            (None, Some(error)) => ["squared error".to_owned(), format!("{error:.5} per row")],
            (None, None) => ["test accuracy", "no test rows"].map(str::to_owned),
        };
        say(&closing(&ranges, &job.settings.profile, result));
        say(&format!("certificate         {file}"));
    }
    ranges.overflows().first().map_or(Ok(()), |range| Err(overflow(range, job.settings.profile.number())))
}

/// Refuses what changes nothing here: who asks for it expects another thing.
fn check(job: &JobArgs) -> Result<()> {
    let given = [
        ("--owners", job.owners.is_some()),
        ("--reveal", job.reveal.is_some()),
        ("--private-init", job.private_init),
        ("--backend gpu", job.compute.backend == BackendArg::Gpu),
        ("--adapter", job.compute.adapter.is_some()),
    ];
    let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) else { return Ok(()) };
    let text = format!("{flag} has no effect in a dry run, which trains in the clear on this CPU; remove it");
    Err(Error::Usage(text))
}

/// The job with the steps of the epochs that ran: an early stop leaves steps that nobody has seen.
fn job_that_ran(job: &Job, epochs: usize) -> Job {
    let steps = epochs as u64 * job.steps_per_epoch();
    Job {
        steps: if job.settings.early_stop().is_some() { Some(steps.min(job.total_steps())) } else { job.steps },
        ..job.clone()
    }
}

/// What `--json` prints.
fn in_json(certificate: &Certificate, ranges: &Ranges, accuracy: Option<f64>, file: &str) -> serde_json::Value {
    serde_json::json!({
        "event": "dry_run",
        "test_accuracy": accuracy,
        "ranges": certificate.ranges,
        "smallest_margin_bits": margins(ranges),
        "recommended": certificate.recommended,
        "overflows": ranges.overflows().len(),
        "certificate_file": file,
    })
}

fn overflow(range: &Range, profile: usize) -> Error {
    Error::Overflow {
        place: range.place.clone(),
        tensor: range.what.into(),
        largest: range.largest,
        bound: range.bounds[profile],
        step: range.overflow.map_or(0, |moment| moment.step),
    }
}

/// The smallest margin of every profile.
fn margins(ranges: &Ranges) -> serde_json::Map<String, serde_json::Value> {
    let margin = |p: Profile| (p.name.into(), ranges.smallest_margin(p.number()).into());
    Profile::all().into_iter().map(margin).collect()
}

fn table(ranges: &Ranges, profile: usize) -> String {
    let header = ["place", "tensor", "largest", "bound", "margin, bits", ""].map(str::to_owned).to_vec();
    let row = |r: &Range| {
        let left = r.overflow.map_or(String::new(), |moment| {
            let when = if moment.evaluation { "after" } else { "in" };
            format!("OVERFLOW first {when} step {}", moment.step)
        });
        let margin = r.margin(profile).map_or("-".into(), |bits| format!("{bits:.1}"));
        vec![r.place.clone(), r.what.to_owned(), short(r.largest), short(r.bounds[profile]), margin, left]
    };
    columns(&[header].into_iter().chain(ranges.iter().map(row)).collect::<Vec<_>>(), 2)
}

fn closing(ranges: &Ranges, own: &Profile, [what, result]: [String; 2]) -> String {
    let bits = |p: &Profile| ranges.smallest_margin(p.number()).map_or("-".into(), |bits| format!("{bits:.1} bits"));
    let margins: Vec<String> = Profile::all().iter().map(|p| format!("{} {}", p.name, bits(p))).collect();
    let room = format!("a margin of at least {ROOM_BITS} bit everywhere");
    let advice = match recommended(ranges) {
        None => format!("none has {room}; lower the learning rate or scale the features"),
        Some(p) if p == *own => format!("{}: {room}, and the {what} above", p.name),
        Some(p) => format!("{}: {room}; see its {what} with --profile {}", p.name, p.name),
    };
    let name = format!("{} in the clear", own.name);
    format!("\n{what:<20}{result}, {name}\nsmallest margin     {}\nrecommended profile {advice}", margins.join(", "))
}
