//! `ppdnn train`.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cli::args::TrainArgs;
use crate::cli::certificate::with_certificates;
use crate::cli::choice::Choice;
use crate::cli::cluster_run::cluster_run;
use crate::cli::compare_clear::compare;
use crate::cli::format::count;
use crate::cli::print::{json, note, say, warn};
use crate::cli::progress::ProgressView;
use crate::cli::report;
use crate::cli::resume::{self, BrokenRun};
use crate::cli::run_folder::{LOGS, Metrics, RunFolder, STATE};
use crate::cli::run_record::RunRecord;
use crate::cli::save_model;
use crate::cli::setup::place::{Place, PlaceArgs};
use crate::cli::stop::Stop;
use crate::cli::tables::{report_row, summary_table};
use crate::data::{DataSet, DataSource, SearchPath};
use crate::error::{Error, Result};
use crate::net::{Cluster, Role};
use crate::nn::{Task, TrainedModel};
use crate::roles::{Agreement, Event, Local, Node, Outcome, Parties, Summary, announce, threads_of_a_role};
use crate::train::{Job, Owned, Policy, Reveals};

/// Trains, or goes on with a run that broke off.
pub(super) fn train(args: &TrainArgs) -> Result<()> {
    match &args.resume {
        None => run(args, None),
        Some(folder) => {
            let broken = BrokenRun::open(folder, args)?;
            run(&broken.args.clone(), Some(broken))
        }
    }
}

fn run(args: &TrainArgs, broken: Option<BrokenRun>) -> Result<()> {
    let backend = args.job.compute.name()?;
    let place = args.place()?;
    let cluster = place.as_ref().map(|place| Cluster::clone(&place.cluster));
    check(args, cluster.as_ref(), place.as_ref())?;
    let mut choice = choose(args, cluster.as_ref())?;
    let job = choice.job()?;
    let history = broken.as_ref().map(|broken| broken.history(&job)).transpose()?;
    let initial = choice.training.initial_parameters(&job)?;
    choice.training = with_certificates(args, choice.training, &job)?;
    warn_about(args, &choice, &job)?;
    let places = args.files.places();
    let mut screen = ProgressView::new(args.json, args.quiet).remarks(choice.remarks(&job, &args.job));
    screen = screen.model_from(job.reveal.model.then_some(job.ends_from));
    if cluster.is_none() || args.compare_clear {
        // found, or downloaded, before anybody starts to wait for it
        choice.data.locate(&places, &mut |download| screen.download(&download))?;
    }
    let stop = Stop::on_signals()?;
    let folder = folder(args, broken.as_ref(), &job, choice.data.name())?;
    let log = Log::open(args, cluster.as_ref(), (&job, &backend), &folder, screen);
    let mut log = log.inspect_err(|_| drop(broken.is_none().then(|| folder.empty())))?;
    let mut on_event = |event: Event| log.note(event);
    choice.training.warnings(&job, &initial).into_iter().for_each(|text| on_event(Event::Warning { text }));
    let run = match &place {
        Some(place) => cluster_run(place, &job, (initial, history), &stop.interrupted, (&folder, &mut on_event)),
        None => local(args, &choice.data, &folder)
            .and_then(|local| local.train(&job, (&initial, history), &stop.interrupted, &mut on_event)),
    };
    let Log { mut screen, metrics, started, failed, _lock, .. } = log;
    screen.clear();
    match run {
        Ok(outcome) => {
            let over = Run { args, choice: &choice, job: &job, folder: &folder, places: &places };
            let finished = finish(&over, outcome, screen, metrics, &stop).and(failed);
            folder.forget_state();
            finished
        }
        Err(why) => {
            drop(metrics);
            broke_off(&folder, started || broken.is_some());
            Err(why)
        }
    }
}

/// The folder of a run, new or as it was left.
fn folder(args: &TrainArgs, broken: Option<&BrokenRun>, job: &Job, dataset: &str) -> Result<RunFolder> {
    match broken {
        Some(broken) => Ok(RunFolder::resumed(&broken.record.path)),
        None => RunFolder::create(args.out.as_deref(), args.overwrite, job, dataset),
    }
}

/// Says how a run that broke off resumes; where nothing ran, the same command can be given again.
fn broke_off(folder: &RunFolder, started: bool) {
    if started {
        note(&format!("the run can resume from its last checkpoint: {}", resume::command(folder.path())));
    } else {
        let _ = folder.empty();
    }
}

impl TrainArgs {
    /// The trainer of a cluster, if there is one.
    fn place(&self) -> Result<Option<Node>> {
        let (config, cluster, identity) = (self.config.clone(), self.cluster.clone(), self.identity.clone());
        let place = Place::given(&PlaceArgs { config, cluster, identity })?;
        let Some(place) = place else { return Ok(None) };
        place.role("train", "--identity", Some(Role::Trainer))?;
        place.node().map(Some)
    }
}

/// Refuses what does not fit the cluster: options, and an identity that is not the trainer's.
fn check(args: &TrainArgs, cluster: Option<&Cluster>, place: Option<&Node>) -> Result<()> {
    let Some(cluster) = cluster else { return Ok(()) };
    let owners = cluster.owners();
    if args.job.owners.is_some_and(|k| k != owners) {
        let listed = count(owners as u64, "owner");
        return Err(Error::Usage(format!("the cluster file lists {listed}; remove --owners")));
    }
    place.map_or(Ok(()), |place| place.check(Role::Trainer))?;
    if args.files.own.data.is_some() {
        let text = "in a cluster, the rows are the owners' (`ppdnn owner --data`); replace --data by --description";
        return Err(Error::Usage(text.into()));
    }
    if args.deadline.is_some() {
        return Err(Error::Usage(format!(
            "--deadline applies to runs on one machine; in a cluster it is set in the cluster file, the same for all parties: \
             deadline_seconds = {}",
            cluster.deadline().as_secs()
        )));
    }
    Ok(())
}

/// What is to be trained, and on which rows.
fn choose(args: &TrainArgs, cluster: Option<&Cluster>) -> Result<Choice> {
    let data = args.files.source(|| args.job.data())?;
    let agreed = match (&data, cluster) {
        (DataSource::Described(_), Some(cluster)) => Some(agreed_rows(cluster)?),
        _ => None,
    };
    args.job.choose(data, cluster.map_or(1, Cluster::owners), agreed)
}

/// The rows of own data, which only the cluster file tells a trainer.
fn agreed_rows(cluster: &Cluster) -> Result<Vec<Owned>> {
    (0..).zip(&cluster.parts().owners).map(|(number, owner): (u32, _)| {
        let train = owner.train_rows.ok_or_else(|| {
            Error::Usage(format!(
                "the cluster file has no `train_rows` for owner {number}; with own data, it must have the rows of every owner \
                 (`ppdnn data check` prints them)"
            ))
        })?;
        Ok(Owned { train, test: owner.test_rows.unwrap_or(0) })
    }).collect()
}

/// Warns about what the user may not expect of a job.
fn warn_about(args: &TrainArgs, choice: &Choice, job: &Job) -> Result<()> {
    choice.warnings().into_iter().chain(args.job.compute.warning()?).for_each(|text| warn(&text));
    if job.reveal == Reveals::NOTHING {
        warn("--reveal none: nobody will see the model, its accuracy, or whether values left their ranges");
    }
    // on one machine, all rows are the user's own
    let refused = || (0..).zip(&job.owners).find_map(|(owner, _)| Policy::default().check(job, owner).err());
    if let Some(refused) = args.cluster.as_ref().or(args.config.as_ref()).and_then(|_| refused()) {
        warn(&format!("owners refuse this job unless their own policy allows it: {refused}"));
    }
    Ok(())
}

/// Shows the events of a run, and writes them into its folder.
struct Log<'a> {
    folder: &'a RunFolder,
    screen: ProgressView,
    metrics: Metrics,
    /// Whether training started.
    started: bool,
    /// Why events are no longer recorded.
    failed: Result<()>,
    /// Says that the run is in progress; one that resumes has its own.
    _lock: Option<File>,
}

impl<'a> Log<'a> {
    /// Writes the job into the folder, says the hash that owners know it by, and announces it.
    fn open(
        args: &TrainArgs,
        cluster: Option<&Cluster>,
        (job, backend): (&Job, &str),
        folder: &'a RunFolder,
        screen: ProgressView,
    ) -> Result<Self> {
        let agreement =
            cluster.map(|cluster| Ok::<_, Error>(Agreement::new(job, &Parties::of(cluster)?))).transpose()?;
        let mut lock = None;
        if args.resume.is_none() {
            folder.write_config(job, &args.job, agreement.as_ref())?;
            lock = Some(resume::note_command(folder.path())?);
        }
        if let Some(hash) = agreement.filter(|_| !args.json && !args.quiet) {
            say(&format!("job {hash}: the hash that owners see"));
        }
        let metrics = folder.metrics(job, args.resume.is_some())?;
        let mut log = Self { folder, screen, metrics, started: false, failed: Ok(()), _lock: lock };
        let job = announce(job, backend)?;
        // that of a run that resumes is noted already
        if args.resume.is_some() {
            log.screen.show(&job)
        } else {
            log.note(job)
        }
        Ok(log)
    }

    fn note(&mut self, event: Event) {
        let starts = matches!(event, Event::Started);
        self.started |= starts;
        self.screen.show(&event);
        let mut noted = if self.failed.is_ok() { self.metrics.note(&event) } else { Ok(()) };
        if starts {
            noted = noted.and(self.folder.begun());
        }
        // what cannot be noted is no reason to lose what is trained
        if let Err(why) = noted {
            let text = format!("{why}; the run continues, but events are no longer recorded");
            self.screen.show(&Event::Warning { text });
            self.failed = Err(why);
        }
    }
}

/// How the other roles are started on this machine.
fn local(args: &TrainArgs, data: &DataSource, folder: &RunFolder) -> Result<Local> {
    let program = std::env::current_exe().map_err(|e| Error::file("the program", e))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let known = match data {
        DataSource::Known(set) => vec!["--dataset".to_owned(), set.name.to_owned()],
        // every owner has its part of the same files
        _ => vec!["--shared-data".to_owned()],
    };
    let data = known.into_iter().chain(args.files.options()).collect();
    let path = std::path::absolute(folder.path()).map_err(|e| Error::file(folder.path(), e))?;
    Ok(Local {
        program,
        compute: args.job.compute.options(),
        data,
        logs: Some(folder.path().join(LOGS)),
        threads: threads_of_a_role(cores),
        deadline: Duration::from_secs(args.deadline.unwrap_or(DEADLINE)),
        memory: args.memory.limit(),
        state: Some(path.join(STATE)),
        checkpoints: args.checkpoints.times(),
    })
}

/// Seconds that a role on one machine waits for another by default.
const DEADLINE: u64 = 60;

/// A run that is over.
struct Run<'a> {
    args: &'a TrainArgs,
    choice: &'a Choice,
    job: &'a Job,
    folder: &'a RunFolder,
    places: &'a SearchPath,
}

fn finish(
    run: &Run<'_>,
    mut outcome: Outcome,
    mut screen: ProgressView,
    mut metrics: Metrics,
    stop: &Stop,
) -> Result<()> {
    let scored = run.score(&mut outcome);
    let sound = outcome.check();
    let Outcome { accuracy, squared_errors, model, mut summary, .. } = outcome;
    let shares = if run.job.model.task() == Task::Regression { squared_errors } else { accuracy };
    run.choice.data.name().clone_into(&mut summary.dataset);
    let (file, saved) = run.save(model.as_ref(), sound.is_ok());
    summary.model_file = file.map(|file| file.display().to_string());
    // from here on there is nothing to wind up, and what there is should not be lost
    stop.at_once();
    let written = run.folder.write_summary(&summary);
    let (mut compared, ended) = (Ok(()), run.ended(&summary));
    if run.args.compare_clear && !stop.interrupted.load(Ordering::SeqCst) {
        let told = (&mut screen, &mut metrics);
        compared = compare(run.choice, run.places, &shares, &mut summary, told);
    }
    let written = written.and_then(|()| run.folder.write_summary(&summary)).and(metrics.finish(&summary));
    let report = run.report();
    if run.args.json {
        json(&Event::Summary(Box::new(summary)));
    } else {
        say(&summary_table(&summary));
        report.as_deref().into_iter().for_each(|report| say(&report_row(report)));
    }
    if let Err(why) = report {
        // it is made from the other files
        warn(&format!("{why}; `ppdnn runs open` writes the report again"));
    }
    saved.and(written).and(compared).and(scored).and(sound).and(ended)
}

impl Run<'_> {
    /// The error of a run that the user ended.
    fn ended(&self, summary: &Summary) -> Result<()> {
        if !summary.interrupted {
            return Ok(());
        }
        let (step, job) = (summary.steps, self.job);
        let what = match (&summary.model_file, summary.model_epoch) {
            (Some(file), Some(epoch)) => format!("{file} is the best model so far, of epoch {epoch}"),
            (Some(file), None) => format!("{file} is the model of this step"),
            (None, _) if job.reveal.model && step < job.ends_from => {
                format!("the job reveals a model after step {} at the earliest, so there is none", job.ends_from)
            }
            (None, _) if job.reveal.model => "the model could not be saved".into(),
            (None, _) => "the job reveals no model".into(),
        };
        Err(Error::Ended { step, steps: job.total_steps(), what })
    }

    /// Scores the model on the test rows, where they are on this machine: those of a cluster are its owners' alone.
    fn score(&self, outcome: &mut Outcome) -> Result<()> {
        let told = !outcome.accuracy.is_empty() || outcome.summary.figures.squared_error.is_some();
        if self.args.cluster.is_some() || outcome.parameters.is_empty() || !told {
            return Ok(());
        }
        let rows = [0..0, 0..self.choice.test_rows];
        let DataSet { test, .. } = self.choice.data.load_rows(rows, self.places, &mut |_| ())?;
        outcome.score(self.job, &test)
    }

    /// Writes the table of the epochs, and the report.
    fn report(&self) -> Result<PathBuf> {
        let record = RunRecord::read(self.folder.path())?;
        self.folder.write_csv(&record)?;
        report::write(&record)
    }

    /// Saves the model, where it is revealed; one that is wrong under a name that says so.
    fn save(&self, model: Option<&TrainedModel>, sound: bool) -> (Option<PathBuf>, Result<()>) {
        let Some(model) = model else { return (None, Ok(())) };
        let (name, wrong) = (self.job.model.name(), format!("{}-wrong", self.job.model.name()));
        let (file, elsewhere) = match sound {
            true => (self.folder.model(), name),
            false => (self.folder.wrong_model(), wrong.as_str()),
        };
        save_model::save(model, &file, elsewhere)
    }
}
