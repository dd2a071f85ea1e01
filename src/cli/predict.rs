//! `ppdnn predict`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ndarray::{Array2, ArrayView2};

use crate::cli::answers_file::{AnswersFile, as_json, csv_header, csv_row};
use crate::cli::convert::load;
use crate::cli::format::{bytes, seconds};
use crate::cli::number_lines::NumberLines;
use crate::cli::predict_args::{OfferArgs, PredictArgs};
use crate::cli::print::{json, note, said, say, stop_now, warn};
use crate::cli::run_folder::{dataset_of, model_in};
use crate::cli::same_in_the_clear::Same;
use crate::cli::setup::place::{Place as ClusterPlace, PlaceArgs};
use crate::cli::signals::Signals;
use crate::cli::tables::warn_of_other_rows;
use crate::cli::waits::Waits;
use crate::data::{DataSet, DataSource, Description, OwnData, dataset_info};
use crate::error::{Error, Result};
use crate::net::Role;
use crate::nn::{Task, TrainedModel};
use crate::prediction::{AnswerKind, Answers, ModelCard, PredictionJob};
use crate::roles::{
    CheckpointTimes, Event, Local, LocalPrediction, PredictionClient, PredictionSummary, threads_of_a_role,
};

/// Asks a model about rows.
pub(super) fn predict(args: &PredictArgs) -> Result<()> {
    let (card, model) = asked(args)?;
    let out = args.out.as_deref().map(|path| AnswersFile::new(path, args.overwrite)).transpose()?;
    let rows = if args.stream { Rows::default() } else { rows(args, &card, model.as_ref())? };
    let (asked, batch) = match args.stream {
        true => (args.max_rows.min(card.max_rows as usize), 1),
        false => (rows.features.nrows(), args.batch.unwrap_or_else(|| card.default_batch())),
    };
    // the one that tells the least of those that the card allows
    let least = AnswerKind::ALL.into_iter().find(|kind| card.answers.contains(kind)).unwrap_or(AnswerKind::Class);
    let kind = args.answers.unwrap_or(least);
    let job = PredictionJob::new(card, kind, asked, batch)?;
    if !args.stream {
        job.check_rows(rows.features.view())?;
    }
    if job.card.model.task() == Task::Regression && job.card.description.is_none() {
        warn(OWN_UNIT);
    }
    let mut place = Place::open(args, &job)?;
    if args.stream {
        stream(args, &mut place, &job)?;
        let summary = place.finish()?;
        if args.json {
            json(&summary)
        } else if !args.quiet {
            note(&table(&summary))
        }
        return Ok(());
    }
    let bar = bar(args, rows.features.nrows());
    let answers = place.predict(rows.features.view(), &mut |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let answers = answers?;
    let summary = place.finish()?;
    let same = model.map(|model| Same::of(&model, &job.card, rows.features.view(), &answers)).transpose()?;
    show(args, (&job, &rows), (&answers, same), &summary, out)?;
    same.map_or(Ok(()), Same::check)
}

/// The model of a path, and the name of the data that it was trained on.
pub(super) fn read_model(path: &Path) -> Result<(TrainedModel, Option<String>)> {
    let file = model_in(path)?;
    let (model, remarks) = load(&file)?;
    remarks.iter().for_each(|remark| warn(remark));
    let dataset = model.dataset.clone().or_else(|| dataset_of(&file));
    Ok((model, dataset))
}

/// The card of a model as the options say.
pub(super) fn offered(model: &TrainedModel, dataset: Option<String>, offer: &OfferArgs) -> Result<ModelCard> {
    let card = ModelCard::of(model);
    let card = ModelCard {
        public_model: offer.public_model,
        profile: offer.profile.unwrap_or(card.profile),
        dataset: dataset.unwrap_or_default(),
        ..card
    };
    card.check()?;
    Ok(card)
}

/// The card of the job: the one that is given, or that of the model, which is here then.
fn asked(args: &PredictArgs) -> Result<(ModelCard, Option<TrainedModel>)> {
    if let Some(path) = &args.card {
        let fixed = [("--public-model", args.offer.public_model), ("--profile", args.offer.profile.is_some())];
        if let Some((option, _)) = fixed.iter().find(|(_, given)| *given) {
            return Err(Error::Usage(format!("{option} is the model owner's choice, in its card; remove it")));
        }
        return Ok((ModelCard::load(path)?, None));
    }
    let (model, dataset) = read_model(args.model.as_deref().unwrap_or(Path::new("")))?;
    let mut card = offered(&model, dataset, &args.offer)?;
    card.answers = vec![args.answers.unwrap_or(AnswerKind::of(model.model.task()))];
    if model.model.task() == Task::Regression {
        let own = &args.files.own;
        card.description = match (&own.data, &own.description) {
            (Some(data), _) => Some(own.description_of(data, args.model.as_deref())?),
            (None, file) => file.as_deref().map(Description::load).transpose()?,
        };
    }
    card.max_rows = 1 << 27;
    card.check()?;
    Ok((card, Some(model)))
}

/// Rows to ask about, their classes where they are known, and the names of what was learned.
#[derive(Default)]
struct Rows {
    features: Array2<f32>,
    labels: Option<Vec<u32>>,
    names: Option<Vec<String>>,
}

/// The rows that the options name.
fn rows(args: &PredictArgs, card: &ModelCard, model: Option<&TrainedModel>) -> Result<Rows> {
    if args.files.own.test_data.is_some() {
        return Err(Error::Usage(
            "predict asks about all rows of one file; pass it with --data, without --test-data".into(),
        ));
    }
    let mut rows = match &args.files.own.data {
        Some(data) => {
            let description = match (&card.description, &args.files.own.description) {
                (Some(description), None) => description.clone(),
                _ => args.files.own.description_of(data, args.model.as_deref())?,
            };
            description.fits(&card.model).map_err(Error::Usage)?;
            model.into_iter().for_each(|model| warn_of_other_rows(model, &description));
            let features = OwnData::rows_to_ask(data, &description, args.limit)?;
            // outputs that are not in the unit of their target do not have its name
            let own = card.model.task() != Task::Regression || card.description.is_some();
            Rows { features, labels: None, names: own.then(|| description.target.names()) }
        }
        None => known(args, card)?,
    };
    if rows.features.nrows() == 0 {
        return Err(Error::Usage("there are no rows to ask about".into()));
    }
    if rows.features.ncols() != card.model.features() {
        return Err(takes_other_rows(card.model.features(), rows.features.ncols()));
    }
    rows.labels = rows.labels.filter(|labels| labels.iter().all(|label| (*label as usize) < card.model.classes()));
    Ok(rows)
}

fn takes_other_rows(takes: usize, has: usize) -> Error {
    Error::Usage(format!(
        "the model takes rows with {takes} features; these have {has}; choose others with --data or --dataset"
    ))
}

/// What a regression without a description answers.
const OWN_UNIT: &str = "answers are the network's outputs, scaled as in training; with the --description of the data (of a \
                        private model: in its card), they are in the unit of the target";

/// The test rows of a known data set.
fn known(args: &PredictArgs, card: &ModelCard) -> Result<Rows> {
    let name = args.dataset.as_deref().or(Some(&*card.dataset).filter(|name| !name.is_empty()));
    let ask = || Error::Usage("which rows? give their file with --data, or a data set with --dataset".into());
    let set = dataset_info(name.ok_or_else(ask)?).map_err(|e| if args.dataset.is_some() { e } else { ask() })?;
    let (has, takes) = (set.image.iter().product::<usize>(), card.model.features());
    if has != takes {
        return Err(takes_other_rows(takes, has));
    }
    let places = args.files.places();
    let source = DataSource::Known(set);
    source.locate(&places, &mut |_| ())?;
    let count = args.limit.unwrap_or(set.test_rows).min(set.test_rows);
    let DataSet { test, .. } = source.load_rows([0..0, 0..count], &places, &mut |_| ())?;
    Ok(Rows { labels: Some(test.labels().to_vec()), features: test.features().to_owned(), names: None })
}

/// Where the other roles are: on this machine, or in a cluster.
enum Place {
    Cluster(Box<PredictionClient>),
    Local(Box<LocalPrediction>),
}

impl Place {
    /// Puts all in place for the first request.
    fn open(args: &PredictArgs, job: &PredictionJob) -> Result<Self> {
        let (interrupted, folder) = interrupted()?;
        let mut waits = Waits::new(args.quiet || args.json);
        let mut on_event = |event: Event| waits.show(&event);
        let Some(place) = asked_at(args)? else {
            let model = args.model.as_deref().unwrap_or(Path::new(""));
            let local = local(args)?.predict(job, model, &interrupted, &mut on_event)?;
            let _ = folder.set(local.folder().to_owned());
            return Ok(Self::Local(Box::new(local)));
        };
        let role = place.role("predict", "--identity", Some(Role::Client))?;
        let node = place.node()?;
        node.check(role)?;
        let stop = || interrupted.load(Ordering::SeqCst);
        Ok(Self::Cluster(Box::new(node.predict(job, &stop, &mut on_event)?)))
    }

    fn predict(&mut self, rows: ArrayView2<'_, f32>, progress: &mut dyn FnMut(usize)) -> Result<Answers> {
        match self {
            Self::Cluster(client) => client.predict(rows, progress),
            Self::Local(local) => local.predict(rows, progress),
        }
    }

    fn finish(self) -> Result<PredictionSummary> {
        match self {
            Self::Cluster(client) => client.finish(),
            Self::Local(local) => local.finish(),
        }
    }
}

/// The cluster, if there is one.
fn asked_at(args: &PredictArgs) -> Result<Option<ClusterPlace>> {
    let (config, cluster, identity) = (args.config.clone(), args.cluster.clone(), args.identity.clone());
    ClusterPlace::given(&PlaceArgs { config, cluster, identity })
}

/// How the other roles are started on this machine.
fn local(args: &PredictArgs) -> Result<Local> {
    let program = std::env::current_exe().map_err(|e| Error::file("the program", e))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Local {
        program,
        compute: args.compute.options(),
        data: Vec::new(),
        logs: None,
        threads: threads_of_a_role(cores),
        deadline: Duration::from_secs(60),
        memory: args.memory.limit(),
        state: None,
        checkpoints: CheckpointTimes::default(),
    })
}

/// A flag that the first signal sets, and a place for the folder that is to be removed then; the second signal ends the program.
fn interrupted() -> Result<(Arc<AtomicBool>, Arc<OnceLock<PathBuf>>)> {
    let (flag, folder) = (Arc::new(AtomicBool::new(false)), Arc::new(OnceLock::<PathBuf>::new()));
    let (set, left, mut signals) = (flag.clone(), folder.clone(), Signals::default());
    let handler = move || {
        // once rows are asked about, nothing is left to wind up
        if signals.again() || set.swap(true, Ordering::SeqCst) {
            stop_now("interrupted twice: stopping at once");
        }
        let left = left.clone();
        std::thread::spawn(move || {
            std::thread::sleep(WINDING_UP);
            // it has no key any more
            left.get().map(std::fs::remove_dir_all);
            stop_now("interrupted");
        });
    };
    ctrlc::set_handler(handler).map_err(|e| Error::Device(format!("Ctrl-C cannot be caught: {e}")))?;
    Ok((flag, folder))
}

/// How long an interrupted client may take to end by itself.
const WINDING_UP: Duration = Duration::from_millis(500);

/// Progress on a terminal.
fn bar(args: &PredictArgs, rows: usize) -> ProgressBar {
    if args.quiet || args.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} rows, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(rows as u64), ProgressDrawTarget::stderr());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Answers lines of numbers as they come, as long as somebody reads the answers.
fn stream(args: &PredictArgs, place: &mut Place, job: &PredictionJob) -> Result<()> {
    let names = job.card.description.as_ref().map(|description| description.target.names());
    let names = names.as_deref();
    let mut header = (!args.json).then(|| csv_header(job, names));
    let mut lines = NumberLines::new(std::io::stdin().lock(), job.card.model.features());
    let mut number = 0;
    while let Some(row) = lines.next()? {
        let answers = place.predict(row.view(), &mut |_| ());
        let answers = answers.map_err(|e| if e.is_usage() { e.at(format!("line {}", lines.line())) } else { e })?;
        let heard = if args.json {
            let answer = as_json(&answers);
            said(&serde_json::json!({ "row": number, "answer": answer[0] }).to_string())
        } else {
            header.take().is_none_or(|header| said(&header)) && said(&csv_row(number, &answers, 0, names))
        };
        if !heard {
            break;
        }
        number += 1;
    }
    Ok(())
}

/// Shows or writes the answers, and what they cost.
fn show(
    args: &PredictArgs,
    (job, rows): (&PredictionJob, &Rows),
    (answers, same): (&Answers, Option<Same>),
    summary: &PredictionSummary,
    out: Option<AnswersFile>,
) -> Result<()> {
    let names = rows.names.as_deref();
    let right = rows.labels.as_ref().map(|labels| {
        let right = answers.classes().iter().zip(labels).filter(|(a, b)| a == b).count();
        right as f64 / labels.len().max(1) as f64
    });
    let in_file = out.is_some();
    out.map_or(Ok(()), |file| file.write(job, answers, names))?;
    if args.json {
        let answers = (!in_file).then(|| as_json(answers));
        let same = same.map(Same::part);
        let all = serde_json::json!({ "answers": answers, "names": names, "accuracy": right, "same_as_clear": same, "summary": summary });
        json(&all);
        return Ok(());
    }
    if !in_file {
        say(&csv_header(job, names));
        (0..answers.len()).for_each(|row| say(&csv_row(row, answers, row, names)));
    }
    if !args.quiet {
        let right = right.map(|right| format!("\nof the known classes   {:.2} % the same", 100.0 * right));
        let same = same.map(|same| {
            format!("\nof those in the clear  {:.2} % the same, of {} rows", 100.0 * same.part(), same.rows)
        });
        let text = table(summary) + &right.unwrap_or_default() + &same.unwrap_or_default();
        // the answers may be on standard output
        if in_file { say(&text) } else { note(&text) }
    }
    Ok(())
}

/// The closing table.
fn table(s: &PredictionSummary) -> String {
    let b = &s.bytes_per_request;
    let each = s.seconds_per_request.map_or("-".into(), |x| format!("{:.1} ms", 1e3 * x));
    let rows = [
        ("rows answered", format!("{} in {} requests of {}", s.rows, s.requests, s.batch)),
        (
            "answers",
            format!(
                "{}; {} model, profile {}",
                s.answers,
                if s.public_model { "public" } else { "private" },
                s.profile
            ),
        ),
        (
            "time",
            format!(
                "{} after a set-up of {}",
                s.seconds.map_or("-".into(), seconds),
                s.setup_seconds.map_or("-".into(), seconds)
            ),
        ),
        ("  of a request", format!("{each}, {:.0} rounds", s.rounds_per_request)),
        (
            "bytes of a request",
            format!("{} each way, {} dealt", bytes(b.server0_to_server1), bytes(b.dealer_to_server1)),
        ),
        (
            "  of the client",
            format!("{} sent, {} received", bytes(s.client_sent as f64), bytes(s.client_received as f64)),
        ),
        ("dealer", s.dealer_seconds.map_or("-".into(), seconds)),
    ];
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<22} {value}")).collect();
    lines.join("\n")
}
