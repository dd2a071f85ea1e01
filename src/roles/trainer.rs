//! The trainer: gives out the job, shares the initial parameters, and follows the run.

mod listen;
pub(super) mod receive_results;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind, Presence, UnsealingKey};
use crate::roles::advance::Advance;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::event::{Event, PartyReport};
use crate::roles::frame_limit;
use crate::roles::history::History;
use crate::roles::messages::{JobOrder, Resume, StatusUpdate, TrainerMessage, send_message};
use crate::roles::outcome::Outcome;
use crate::roles::share_parameters::send_initial;
use crate::roles::start::Start;
use crate::roles::trainer::listen::{Listeners, PARTIES};
use crate::roles::trainer::receive_results::Collector;
use crate::roles::wait_limits;
use crate::shape::Shape;
use crate::train::Job;

/// The trainer's links.
pub struct TrainerLinks {
    /// To server 0 and server 1.
    pub servers: [Box<dyn Channel>; 2],
    /// To the dealer.
    pub dealer: Box<dyn Channel>,
    /// Who takes part.
    pub parties: Parties,
    /// Once it is set, the run is to end after the next step.
    pub end: Arc<AtomicBool>,
    /// Whether training starts, once all are ready, or was called off before.
    pub start: Start,
    /// How the others notice this party.
    pub presence: Presence,
    /// What is known of a job that resumes; `None` for one that starts at its first step.
    pub history: Option<History>,
}

/// Runs a job against servers and a dealer; `initial` are the parameters to start from, as
/// [`initial_parameters`](crate::nn::initial_parameters) gives them.
///
/// # Errors
/// The reason that a party gave, or that its link broke with.
pub fn run_trainer(
    job: &Job,
    initial: &[Vec<u64>],
    links: TrainerLinks,
    key: &UnsealingKey,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let start = Instant::now();
    let TrainerLinks { servers: [mut zero, mut one], mut dealer, parties, end, start: begins, presence, history } =
        links;
    for link in [&mut zero, &mut one, &mut dealer] {
        link.attach(&presence);
    }
    job.check()?;
    parties.check(job)?;
    let agreement = Agreement::new(job, &parties);
    if !job.model.parameters().iter().map(Shape::len).eq(initial.iter().map(Vec::len)) {
        return Err(Error::Usage(format!("the parameters do not have the shapes of `{}`", job.model.name())));
    }
    let advance = Advance::new(wait_limits::for_all_owners(job), job.total_steps(), job.test_rows());
    [&mut zero, &mut one, &mut dealer].into_iter().for_each(|link| link.enter(advance.set_up()));
    let resume = history.as_ref().map(|known| Resume { most: known.most_steps(job), owners: known.owners });
    let begun = begin((job, &agreement, resume), initial, [&mut *zero, &mut *one, &mut *dealer]);
    // a model's halves are as long as its parameters
    [&mut zero, &mut one].into_iter().for_each(|server| server.set_max_frame(frame_limit::of_parameters(&job.model)));
    let listeners = Listeners::start([zero, one, dealer], advance, resume.is_some());
    if let Err(e) = begun {
        return Err(listeners.explain((0, Err(e))));
    }
    let mut collector = Collector::new(job, agreement, key, history);
    let reports = follow(&mut collector, &listeners, (&end, &begins), on_event)?;
    let outcome = collector.finish(&reports, start.elapsed())?;
    listeners.finish();
    Ok(outcome)
}

/// Has training begin once all are ready, follows the run until every party has reported, and passes on the wish to end it.
fn follow(
    collector: &mut Collector<'_>,
    listeners: &Listeners,
    (end, start): (&AtomicBool, &Start),
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<PartyReport>> {
    let (mut training, mut told_to_end) = (false, false);
    let mut reports: [Option<PartyReport>; 3] = Default::default();
    while reports.iter().any(Option::is_none) {
        if !told_to_end && training && end.load(Ordering::SeqCst) {
            told_to_end = true;
            if listeners.answer(0, TrainerMessage::End) {
                on_event(Event::Interrupted);
            }
        }
        let (party, news) = match listeners.next() {
            Ok(news) => news,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match news {
            Ok(StatusUpdate::Report(report)) => reports[party] = Some(*report),
            news @ (Err(_) | Ok(StatusUpdate::Failed(_))) => return Err(listeners.explain((party, news))),
            Ok(news) => collector.take(party, news, on_event)?,
        }
        if !training && collector.all_are_ready() {
            start_training(listeners, start, on_event)?;
            training = true;
        }
        for (party, answer) in collector.answers(on_event)? {
            // one that is gone has said why, or its link will
            listeners.answer(party, answer);
        }
    }
    let reports = reports.into_iter().collect::<Option<Vec<_>>>();
    reports.ok_or_else(|| Error::peer("a party", "ended without a report"))
}

/// Has training start for everybody, unless it was called off.
fn start_training(listeners: &Listeners, start: &Start, on_event: &mut dyn FnMut(Event)) -> Result<()> {
    if !start.begin() {
        return Err(Error::Interrupted);
    }
    for party in 0..PARTIES.len() {
        listeners.answer(party, TrainerMessage::Begin);
    }
    on_event(Event::Started);
    Ok(())
}

/// Sends everybody the job.
fn begin(
    (job, agreement, resume): (&Job, &Agreement, Option<Resume>),
    initial: &[Vec<u64>],
    [zero, one, dealer]: [&mut dyn Channel; 3],
) -> Result<()> {
    for link in [&mut *zero, &mut *one, dealer] {
        send_message(link, FrameKind::Control, &JobOrder { job: job.to_bytes(), agreement: *agreement, resume })?;
    }
    send_initial(job, initial, [zero, one])
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::fixed::Profile;
    use crate::net::pair;
    use crate::nn::Model;
    use crate::roles::messages::receive_message;
    use crate::train::Training;

    /// What three parties that are ready hear of the start, and how the run ends for the trainer once they have left.
    fn starts(start: Start) -> (Vec<bool>, Error) {
        let training = Training::new(Model::dense("small", 4, &[], 2).unwrap()).profile(Profile::small()).batch(2);
        let job = training.job(10, 5).unwrap();
        let initial = training.initial_parameters(&job).unwrap();
        let key = UnsealingKey::generate().unwrap();
        let ([zero, one, dealer], parties): ([_; 3], Vec<_>) = {
            let [a, b, c] = PARTIES.map(|party| pair("trainer", party));
            ([a.0, b.0, c.0], vec![a.1, b.1, c.1])
        };
        let ready = parties.into_iter().map(|mut link| {
            thread::spawn(move || {
                let _: JobOrder = receive_message(&mut link, FrameKind::Control, "the job").unwrap();
                send_message(&mut link, FrameKind::Progress, &StatusUpdate::Ready).unwrap();
                loop {
                    match receive_message(&mut link, FrameKind::Control, "the start") {
                        Ok(TrainerMessage::Wait) => {}
                        Ok(answer) => return answer == TrainerMessage::Begin,
                        Err(_) => return false,
                    }
                }
            })
        });
        let ready: Vec<_> = ready.collect();
        let links = TrainerLinks {
            servers: [Box::new(zero), Box::new(one)],
            dealer: Box::new(dealer),
            parties: Parties::threads(key.public()),
            end: Arc::default(),
            start,
            presence: Presence::default(),
            history: None,
        };
        let ended = run_trainer(&job, &initial, links, &key, &mut |_| ());
        (ready.into_iter().map(|party| party.join().unwrap()).collect(), ended.unwrap_err())
    }

    #[test]
    fn a_run_that_is_called_off_begins_for_nobody() {
        let off = Start::default();
        assert!(off.call_off());
        let (begun, ended) = starts(off);
        assert!(matches!(ended, Error::Interrupted) && begun == [false; 3], "{begun:?} {ended}");
        // the control: it begins for all, who leave
        let start = Start::default();
        let (begun, ended) = starts(start.clone());
        assert!(begun == [true; 3] && !start.call_off() && !matches!(ended, Error::Interrupted), "{begun:?} {ended}");
    }
}
