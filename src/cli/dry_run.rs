//! `ppdnn dry-run`.

use std::fs;
use std::path::PathBuf;

use crate::cli::args::DryRunArgs;
use crate::cli::columns::{columns, short};
use crate::cli::folder::next_folder;
use crate::cli::screen::{Screen, json, percent, say, warn};
use crate::data::load;
use crate::error::{Error, Result};
use crate::fixed::Profile;
use crate::party::{Range, Ranges};
use crate::train::{Certificate, Job, ROOM_BITS, recommended};

/// Trains in the clear, and tells how far every value stayed from its bound.
pub(super) fn dry_run(args: &DryRunArgs) -> Result<()> {
    let choice = args.job.choose(1)?;
    choice.warnings().iter().for_each(|text| warn(text));
    let mut screen = Screen::new(args.json, args.quiet);
    let places = args.files.places();
    let data = load(choice.data.name, &places, &mut |download| screen.download(&download))?;
    let (train, test) = choice.rows(&data);
    let job = choice.training.job(train.len(), test.len())?;
    let file = folder(args, &job, choice.data.name)?.join("ranges.json");
    screen.note(&format!(
        "{} {} on {}, profile {}: {} steps in the clear, {} times the gradient",
        job.model.name(),
        job.model.sizes(),
        data.name,
        job.profile.name,
        job.total_steps(),
        job.rate
    ));
    choice.remarks(&job, &args.job).iter().for_each(|line| screen.note(line));
    let run = choice.training.run_clear(&train, &test, &mut |event| screen.show(&event));
    screen.clear();
    let (accuracy, ranges) = run?;
    // an early stop leaves steps that nobody has seen
    let steps = accuracy.len() as u64 * job.steps_per_epoch();
    let ran =
        Job { steps: if job.stop.is_some() { Some(steps.min(job.total_steps())) } else { job.steps }, ..job.clone() };
    let accuracy = accuracy.last().copied();
    let certificate = Certificate::new(&ran, choice.training.initial_hash().as_deref(), &data.name, accuracy, &ranges);
    certificate.save(&file)?;
    let file = file.display().to_string();
    if args.json {
        json(&serde_json::json!({
            "event": "dry_run",
            "test_accuracy": accuracy,
            "ranges": certificate.ranges,
            "smallest_margin_bits": margins(&ranges),
            "recommended": certificate.recommended,
            "overflows": ranges.overflows().len(),
            "certificate_file": file,
        }));
    } else {
        say(&table(&ranges, job.profile.number()));
        say(&closing(&ranges, &job.profile, accuracy));
        say(&format!("certificate         {file}"));
    }
    match ranges.overflows().first() {
        None => Ok(()),
        Some(range) => Err(overflow(range, job.profile.number())),
    }
}

/// Where the certificate goes; nothing else there is touched.
fn folder(args: &DryRunArgs, job: &Job, dataset: &str) -> Result<PathBuf> {
    match &args.out {
        None => next_folder(job, dataset),
        Some(out) => {
            fs::create_dir_all(out).map_err(|e| Error::file(out, e))?;
            Ok(out.clone())
        }
    }
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
    let margin = |p: Profile| (p.name.clone(), ranges.smallest_margin(p.number()).into());
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

fn closing(ranges: &Ranges, own: &Profile, accuracy: Option<f64>) -> String {
    let bits = |p: &Profile| ranges.smallest_margin(p.number()).map_or("-".into(), |bits| format!("{bits:.1} bits"));
    let margins: Vec<String> = Profile::all().iter().map(|p| format!("{} {}", p.name, bits(p))).collect();
    let room = format!("{ROOM_BITS} bit of room everywhere");
    let advice = match recommended(ranges) {
        None => format!("none has {room}; lower the learning rate or scale the features"),
        Some(p) if p == *own => format!("{}: {room}, and the accuracy above", p.name),
        Some(p) => format!("{}: {room}; see its accuracy with --profile {}", p.name, p.name),
    };
    let accuracy = accuracy.map_or("no test rows".into(), percent);
    let name = format!("{} in the clear", own.name);
    format!(
        "\ntest accuracy       {accuracy}, {name}\nsmallest margin     {}\nrecommended profile {advice}",
        margins.join(", ")
    )
}
