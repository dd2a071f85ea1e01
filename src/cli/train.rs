//! `ppdnn train`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cli::INTERRUPTED;
use crate::cli::args::{Choice, TrainArgs};
use crate::cli::compare::compare;
use crate::cli::folder::{Folder, LOGS, Metrics};
use crate::cli::outcome::summary_table;
use crate::cli::ranges::warning;
use crate::cli::screen::{Screen, count, json, say, warn};
use crate::data::{DataSet, Places, locate};
use crate::error::{Error, Result};
use crate::net::{Cluster, Identity, Role};
use crate::nn::Saved;
use crate::roles::{Agreement, Event, Local, Outcome, Parties, Place, Summary, announce, threads_of_a_role};
use crate::train::{Job, Policy};

/// Trains.
pub(super) fn train(args: &TrainArgs) -> Result<()> {
    let backend = args.job.compute.name()?;
    let cluster = args.cluster.as_deref().map(Cluster::load).transpose()?;
    let identity = args.identity.as_deref().map(Identity::load).transpose()?;
    let place = identity.zip(cluster.clone()).map(|(identity, cluster)| Place::new(identity, cluster));
    let owners = cluster.as_ref().map_or(1, Cluster::owners);
    if cluster.is_some() && args.job.owners.is_some_and(|k| k != owners) {
        let listed = count(owners as u64, "owner");
        return Err(Error::Usage(format!("the cluster file lists {listed}; leave --owners out")));
    }
    place.as_ref().map_or(Ok(()), |place| place.check(Role::Trainer))?;
    let choice = args.job.choose(owners)?;
    let job = choice.job()?;
    let initial = choice.training.initial_parameters(&job)?;
    if let Some(warning) = warning(args, &choice, &job)? {
        warn(&warning);
    }
    choice.warnings().into_iter().chain(args.job.compute.warning()?).for_each(|text| warn(&text));
    // on one machine, all rows are the user's own
    let refused = || (0..).zip(&job.owners).find_map(|(owner, _)| Policy::default().check(&job, owner).err());
    if let Some(refused) = cluster.as_ref().and_then(|_| refused()) {
        warn(&format!("owners refuse a job like this one unless their own policy allows it: {refused}"));
    }
    let places = args.files.places();
    let mut screen = Screen::new(args.json, args.quiet).remarks(choice.remarks(&job, &args.job));
    if cluster.is_none() || args.compare_clear {
        // found, or downloaded, before anybody starts to wait for it
        locate(choice.data.name, &places, &mut |download| screen.download(&download))?;
    }
    let folder = Folder::create(args.out.as_deref(), args.overwrite, &job, choice.data.name)?;
    let agreement = cluster.as_ref().map(|cluster| Agreement::new(&job, &Parties::of(cluster)));
    folder.write_config(&job, &args.job, agreement.as_ref()).inspect_err(|_| drop(folder.empty()))?;
    if let Some(hash) = agreement.filter(|_| !args.json && !args.quiet) {
        say(&format!("job {hash}, as owners know it"));
    }
    let stop = Stop::on_signals()?;
    let interrupted = &stop.interrupted;
    let mut metrics = folder.metrics()?;
    let mut failed = Ok(());
    let mut started = false;
    let mut on_event = |event: Event| {
        started |= matches!(event, Event::Started);
        screen.show(&event);
        if failed.is_ok() {
            failed = metrics.note(&event);
        }
        if matches!(event, Event::Started) && failed.is_ok() {
            failed = folder.begun();
        }
        if failed.is_err() {
            interrupted.store(true, Ordering::SeqCst);
        }
    };
    on_event(announce(&job, &backend)?);
    choice.training.warnings(&initial).into_iter().for_each(|text| on_event(Event::Warning { text }));
    let run = match &place {
        Some(place) => remote(place, &job, initial, interrupted, &mut on_event),
        None => local(args, choice.data.name, &folder)?.train(&job, &initial, interrupted, &mut on_event),
    };
    let run = failed.and(run);
    screen.clear();
    if run.is_err() && !started {
        // nothing ran: the same command can be given again
        drop(metrics);
        let _ = folder.empty();
        return run.map(drop);
    }
    let outcome = run?;
    let over = Run { args, choice: &choice, job: &job, folder: &folder, places: &places };
    finish(&over, outcome, screen, metrics, &stop)
}

/// Has the parties of a cluster run the job; leaves them where the user interrupts before training starts.
fn remote(
    place: &Place,
    job: &Job,
    initial: Vec<Vec<u64>>,
    interrupted: &Arc<AtomicBool>,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let (tell, hears) = std::sync::mpsc::channel();
    let presence = &place.presence;
    let (place, job, end) = (place.clone(), job.clone(), interrupted.clone());
    let mut started = false;
    let trainer = std::thread::spawn(move || {
        place.train(&job, &initial, &end, &mut |event| {
            let _ = tell.send(event);
        })
    });
    loop {
        use std::sync::mpsc::RecvTimeoutError::{Disconnected, Timeout};
        match hears.recv_timeout(Duration::from_millis(50)) {
            Ok(event) => {
                started |= matches!(event, Event::Started);
                on_event(event);
            }
            Err(Timeout) => {}
            Err(Disconnected) => break,
        }
        if interrupted.load(Ordering::SeqCst) && !started {
            presence.leave();
            return Err(Error::Interrupted);
        }
    }
    trainer.join().unwrap_or_else(|_| Err(Error::Device("the trainer panicked; see the message above".into())))
}

/// How the other roles are started on this machine.
fn local(args: &TrainArgs, dataset: &str, folder: &Folder) -> Result<Local> {
    let program = std::env::current_exe().map_err(|e| Error::file("the program", e))?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut data = vec!["--dataset".to_owned(), dataset.to_owned()];
    data.extend(args.files.options());
    Ok(Local {
        program,
        compute: args.job.compute.options(),
        data,
        logs: folder.path().join(LOGS),
        threads: threads_of_a_role(cores),
        deadline: Duration::from_secs(args.deadline),
        memory: args.memory.limit(),
    })
}

/// A run that is over.
struct Run<'a> {
    args: &'a TrainArgs,
    choice: &'a Choice,
    job: &'a Job,
    folder: &'a Folder,
    places: &'a Places,
}

fn finish(run: &Run<'_>, mut outcome: Outcome, mut screen: Screen, mut metrics: Metrics, stop: &Stop) -> Result<()> {
    let scored = run.score(&mut outcome);
    let sound = outcome.check();
    let Outcome { accuracy, parameters, mut summary, .. } = outcome;
    let dataset = run.choice.data.name;
    dataset.clone_into(&mut summary.dataset);
    let saved = run.save(&parameters, sound.is_ok());
    summary.model_file = saved.as_ref().ok().cloned().flatten();
    // from here on there is nothing to wind up, and what there is should not be lost
    stop.at_once();
    let written = run.folder.write_summary(&summary);
    let (mut compared, ended) = (Ok(()), run.ended(&summary));
    if run.args.compare_clear && !stop.interrupted.load(Ordering::SeqCst) {
        let told = (&mut screen, &mut metrics);
        compared = compare(run.choice, (dataset, run.places), &accuracy, &mut summary, told);
    }
    let written = written.and_then(|()| run.folder.write_summary(&summary));
    if run.args.json {
        json(&Event::Summary(Box::new(summary)));
    } else {
        say(&summary_table(&summary));
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
        if self.args.cluster.is_some() || outcome.parameters.is_empty() || outcome.accuracy.is_empty() {
            return Ok(());
        }
        let rows = [0..0, 0..self.choice.test_rows];
        let DataSet { test, .. } = self.choice.data.load_rows(rows, self.places, &mut |_| ())?;
        outcome.score(self.job, &test)
    }

    /// Saves the model, where it is revealed; one that is wrong under a name that says so.
    fn save(&self, parameters: &[Vec<f64>], sound: bool) -> Result<Option<String>> {
        if parameters.is_empty() {
            return Ok(None);
        }
        let file = if sound { self.folder.model() } else { self.folder.wrong_model() };
        Saved::new(self.job.model.clone(), self.job.normalization, parameters)?.save(&file)?;
        Ok(Some(file.display().to_string()))
    }
}

/// What Ctrl-C and its like do: ask for the end of the run, or end the program where there is no run.
struct Stop {
    interrupted: Arc<AtomicBool>,
    at_once: Arc<AtomicBool>,
}

impl Stop {
    fn on_signals() -> Result<Self> {
        let stop = Self { interrupted: Arc::default(), at_once: Arc::default() };
        let (interrupted, at_once) = (stop.interrupted.clone(), stop.at_once.clone());
        let handler = move || {
            // the second time, whoever asks is in a hurry
            if interrupted.swap(true, Ordering::SeqCst) || at_once.load(Ordering::SeqCst) {
                std::process::exit(INTERRUPTED.into());
            }
        };
        ctrlc::set_handler(handler).map_err(|e| Error::Device(format!("Ctrl-C cannot be caught: {e}")))?;
        Ok(stop)
    }

    /// From now on, ends the program at once.
    fn at_once(&self) {
        self.at_once.store(true, Ordering::SeqCst);
    }
}
