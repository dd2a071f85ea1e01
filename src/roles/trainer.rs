//! The trainer: gives out the job, shares the initial parameters, and follows the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use crate::error::{Error, Result};
use crate::net::{Channel, Identity, Kind, Presence};
use crate::roles::advance::Advance;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::collector::Collector;
use crate::roles::event::{Event, PartyReport};
use crate::roles::frames;
use crate::roles::initial::send_initial;
use crate::roles::listen::Listeners;
use crate::roles::messages::{Answer, News, Order, say};
use crate::roles::outcome::Outcome;
use crate::roles::totals;
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
    /// How the others notice this party.
    pub presence: Presence,
}

/// Runs a job against servers and a dealer; `initial` are the parameters to begin with, as
/// [`initial_parameters`](crate::nn::initial_parameters) gives them.
///
/// # Errors
/// The reason that a party gave, or that its link broke with.
pub fn run_trainer(
    job: &Job,
    initial: &[Vec<u64>],
    links: TrainerLinks,
    identity: &Identity,
    on_event: &mut dyn FnMut(Event),
) -> Result<Outcome> {
    let start = Instant::now();
    let TrainerLinks { servers: [mut zero, mut one], mut dealer, parties, end, presence } = links;
    for link in [&mut zero, &mut one, &mut dealer] {
        link.attach(&presence);
    }
    job.check()?;
    parties.check(job)?;
    let agreement = Agreement::new(job, &parties);
    if !job.model.parameters().iter().map(Shape::len).eq(initial.iter().map(Vec::len)) {
        return Err(Error::Usage(format!("these are not the parameters of `{}`", job.model.name())));
    }
    let advance = Advance::new(totals::for_all_owners(job), job.total_steps(), job.test_rows());
    [&mut zero, &mut one, &mut dealer].into_iter().for_each(|link| link.enter(advance.set_up()));
    let begun = begin((job, &agreement), initial, [&mut *zero, &mut *one, &mut *dealer]);
    // a model's halves are as long as its parameters
    [&mut zero, &mut one].into_iter().for_each(|server| server.set_max_frame(frames::of_parameters(job)));
    let listeners = Listeners::start([zero, one, dealer], advance);
    if let Err(e) = begun {
        return Err(listeners.explain((0, Err(e))));
    }
    let mut collector = Collector::new(job, agreement, identity);
    let reports = follow(&mut collector, &listeners, &end, on_event)?;
    collector.finish(&reports, start.elapsed())
}

/// Follows the run until every party has reported, and passes on the wish to end it.
fn follow(
    collector: &mut Collector<'_>,
    listeners: &Listeners,
    end: &AtomicBool,
    on_event: &mut dyn FnMut(Event),
) -> Result<Vec<PartyReport>> {
    let mut told_to_end = false;
    let mut reports: [Option<PartyReport>; 3] = Default::default();
    while reports.iter().any(Option::is_none) {
        if !told_to_end && collector.has_started() && end.load(Ordering::SeqCst) {
            told_to_end = true;
            if listeners.answer(0, Answer::End) {
                on_event(Event::Interrupted);
            }
        }
        let (party, news) = match listeners.next() {
            Ok(news) => news,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        match news {
            Ok(News::Report(report)) => reports[party] = Some(*report),
            news @ (Err(_) | Ok(News::Failed(_))) => return Err(listeners.explain((party, news))),
            Ok(news) => collector.take(party, news, on_event)?,
        }
        for (party, answer) in collector.answers(on_event)? {
            // one that is gone has said why, or its link will
            listeners.answer(party, answer);
        }
    }
    let reports = reports.into_iter().collect::<Option<Vec<_>>>();
    reports.ok_or_else(|| Error::peer("a party", "ended without a report"))
}

/// Tells everybody what is to be done.
fn begin(
    (job, agreement): (&Job, &Agreement),
    initial: &[Vec<u64>],
    [zero, one, dealer]: [&mut dyn Channel; 3],
) -> Result<()> {
    for link in [&mut *zero, &mut *one, dealer] {
        say(link, Kind::Control, &Order { job: job.to_bytes(), agreement: *agreement })?;
    }
    send_initial(job, initial, [zero, one])
}
