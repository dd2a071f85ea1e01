//! The trainer: says what is to be done, shares the initial parameters, and puts together what is revealed to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::data::Examples;
use crate::error::{Error, Result};
use crate::fixed::{decode, mask};
use crate::net::{Channel, Identity, Kind, Presence};
use crate::party::{Revealed, Stats};
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::blame::{self, Failure};
use crate::roles::event::{Bytes, Event, OutOfRange, PartyReport, StepParts, Summary};
use crate::roles::frames;
use crate::roles::initial::send_initial;
use crate::roles::messages::{Answer, News, Order, hear, say};
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::sealed::Place;
use crate::roles::soundness::{faults, score};
use crate::shape::Shape;
use crate::train::{Job, best_of};

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

/// What a run gave.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Share of the test rows that are classified right, by epoch; empty where it is not revealed.
    pub accuracy: Vec<f64>,
    /// The final parameters in the order of [`Model::parameters`](crate::nn::Model::parameters); empty where they are not revealed.
    pub parameters: Vec<Vec<f64>>,
    /// By epoch, how many of the values that samples of the steps hold were out of their range; empty where it is not revealed.
    /// Where one has any, what was trained from there on is wrong.
    pub out_of_range: Vec<OutOfRange>,
    /// The figures.
    pub summary: Summary,
}

impl Outcome {
    /// Scores the model that was revealed on the job's test rows, and looks whether it has the accuracy that the servers found:
    /// [`Summary::scored_accuracy`], [`Summary::faults`].
    ///
    /// # Errors
    /// Where the rows are not the model's.
    pub fn score(&mut self, job: &Job, test: &Examples) -> Result<()> {
        self.summary.scored_accuracy = score(job, &self.parameters, &test.first(job.test_rows() as usize))?;
        self.summary.faults = faults(job, self);
        Ok(())
    }

    /// Refuses a model that is wrong.
    ///
    /// # Errors
    /// [`Error::Unsound`] with what shows it.
    pub fn check(&self) -> Result<()> {
        if self.summary.faults.is_empty() { Ok(()) } else { Err(Error::Unsound(self.summary.faults.join("; "))) }
    }
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
    let begun = begin((job, &agreement), initial, [&mut *zero, &mut *one, &mut *dealer]);
    // a model's halves are as long as its parameters
    [&mut zero, &mut one].into_iter().for_each(|server| server.set_max_frame(frames::of_parameters(job)));
    let (tell, hears) = mpsc::channel();
    let mut answers = Vec::with_capacity(PARTIES.len());
    for (party, link) in [zero, one, dealer].into_iter().enumerate() {
        let (tell, (answer, told)) = (tell.clone(), mpsc::channel());
        answers.push(answer);
        thread::spawn(move || listen(party, link, &tell, &told));
    }
    drop(tell);
    if let Err(e) = begun {
        return Err(explain((0, Err(e)), &hears));
    }
    let mut desk = Desk {
        job,
        agreement,
        identity,
        halves: Vec::new(),
        outcome: Outcome::default(),
        stats: Default::default(),
        asked: [None; 3],
        session: None,
        stopped: None,
        ended: None,
        started: false,
    };
    let mut told_to_end = false;
    let mut reports: [Option<PartyReport>; 3] = Default::default();
    while reports.iter().any(Option::is_none) {
        if !told_to_end && desk.started && end.load(Ordering::SeqCst) {
            told_to_end = true;
            if answers[0].send(Answer::End).is_ok() {
                on_event(Event::Interrupted);
            }
        }
        let (party, news) = match hears.recv_timeout(LOOK) {
            Ok(news) => news,
            Err(mpsc::RecvTimeoutError::Timeout) => continue,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        };
        match news {
            Ok(News::Report(report)) => reports[party] = Some(*report),
            news @ (Err(_) | Ok(News::Failed(_))) => return Err(explain((party, news), &hears)),
            Ok(News::Asks { epoch }) => desk.asked[party] = Some(epoch),
            Ok(News::Ended { step }) => desk.end(party, step)?,
            Ok(news) => desk.take(party, news, on_event)?,
        }
        for (party, answer) in desk.answers(on_event)? {
            // one that is gone has said why, or its link will
            let _ = answers[party].send(answer);
        }
    }
    let reports = reports.into_iter().collect::<Option<Vec<_>>>();
    let reports = reports.ok_or_else(|| Error::peer("a party", "ended without a report"))?;
    desk.finish(&reports, start.elapsed())
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

/// Names of the parties that report to the trainer, in the order of its links.
const PARTIES: [&str; 3] = ["server 0", "server 1", "dealer"];

/// Reads a party's news until it is done, and answers what it asks.
fn listen(
    party: usize,
    mut link: Box<dyn Channel>,
    tell: &mpsc::Sender<(usize, Result<News>)>,
    told: &mpsc::Receiver<Answer>,
) {
    loop {
        let news: Result<News> = hear(&mut *link, Kind::Progress, "news of its work");
        let last = matches!(news, Err(_) | Ok(News::Report(_) | News::Failed(_)));
        let asks = matches!(news, Ok(News::Asks { .. }));
        if tell.send((party, news)).is_err() || last {
            return;
        }
        // what is said without being asked can wait for the next news: there are some after every step
        let said = if asks { answer(&mut *link, told) } else { say_all(&mut *link, told) };
        if let Err(e) = said {
            let _ = tell.send((party, Err(e)));
            return;
        }
    }
}

/// Passes the answer on as soon as there is one; until then, says that it will come.
fn answer(link: &mut dyn Channel, told: &mpsc::Receiver<Answer>) -> Result<()> {
    loop {
        match told.recv_timeout(STILL_THERE) {
            Ok(answer) => {
                say(link, Kind::Control, &answer)?;
                if answer != Answer::End {
                    return Ok(());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => say(link, Kind::Control, &Answer::Wait)?,
            // the run is over
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::Interrupted),
        }
    }
}

/// Passes on what there is.
fn say_all(link: &mut dyn Channel, told: &mpsc::Receiver<Answer>) -> Result<()> {
    told.try_iter().try_for_each(|answer| say(link, Kind::Control, &answer))
}

/// How often the trainer looks whether the run is to end.
const LOOK: Duration = Duration::from_millis(50);

/// How often whoever asked is told that the answer will come: more often than any deadline.
const STILL_THERE: Duration = Duration::from_millis(500);

/// Hears what the others have to say once a party failed, and names the one that explains it all.
fn explain(first: (usize, Result<News>), hears: &mpsc::Receiver<(usize, Result<News>)>) -> Error {
    let (mut lost, mut failures) = (None, Vec::new());
    let mut note = |(party, news): (usize, Result<News>)| match news {
        Ok(News::Failed(failure)) => failures.push(Failure { party: PARTIES[party].into(), ..failure }),
        Err(e) => lost = lost.take().or(Some(e)),
        Ok(_) => {}
    };
    note(first);
    let until = Instant::now() + HEARING;
    while let Ok(news) = hears.recv_timeout(until.saturating_duration_since(Instant::now())) {
        note(news);
    }
    // what the trainer saw itself comes first: it needs no party to tell it
    failures.splice(0..0, lost.as_ref().map(|e| Failure::new("trainer", e)));
    match (blame::root(&failures), lost) {
        (Some(failure), Some(e)) if failure.party == "trainer" => e,
        (Some(failure), _) => Error::peer(&failure.party, &failure.reason),
        (None, _) => Error::peer("a party", "failed and did not say why; look at its log"),
    }
}

/// How long the other parties may take to say why they failed; those that are done are not waited for.
const HEARING: Duration = Duration::from_millis(1500);

/// Where what the servers tell is put together.
struct Desk<'a> {
    job: &'a Job,
    agreement: Agreement,
    identity: &'a Identity,
    /// Halves that wait for the other server's.
    halves: Vec<(usize, Revealed, Vec<u64>)>,
    outcome: Outcome,
    /// What the steps cost the two servers so far.
    stats: [Stats; 2],
    /// After which epoch every party asks whether to go on.
    asked: [Option<u32>; 3],
    /// The session of what was revealed.
    session: Option<u64>,
    /// The epoch that an early stop made the last.
    stopped: Option<u32>,
    /// The step that the trainer's wish made the last.
    ended: Option<u64>,
    /// Whether training has begun.
    started: bool,
}

impl Desk<'_> {
    fn take(&mut self, party: usize, news: News, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        match news {
            News::Waiting { what } => on_event(Event::Waiting { party: PARTIES[party].into(), what }),
            News::Started if party == 0 => {
                self.started = true;
                on_event(Event::Started);
            }
            News::Progress { step, stats } if party == 0 => {
                self.stats[0] = stats;
                let epoch = epoch_of(self.job, step);
                on_event(Event::Progress { epoch, step, steps: self.job.total_steps(), seconds: stats.seconds });
                if !self.job.reveal.accuracy && step == self.job.last_step_of(epoch) {
                    let bytes = Bytes::of([&self.stats[0], &self.stats[1]], 1.0);
                    on_event(Event::Epoch { epoch, step, test_accuracy: None, seconds: stats.seconds, bytes });
                }
            }
            News::Scored { rows, of } if party == 0 => on_event(Event::Evaluation { rows, of }),
            News::Progress { stats, .. } if party == 1 => self.stats[1] = stats,
            News::Half { session, what, bits, body, stats } if party < 2 => {
                self.stats[party] = stats;
                let half = self.open_half(party, session, what, bits, &body)?;
                let other = self.halves.iter().position(|(p, w, _)| *p != party && *w == what);
                match other {
                    None => self.halves.push((party, what, half)),
                    Some(at) => {
                        let (.., other) = self.halves.swap_remove(at);
                        self.put_together(what, &half, &other, bits, on_event)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Answers to those who asked, as far as the accuracies are known.
    fn answers(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<Vec<(usize, Answer)>> {
        let mut answers = Vec::new();
        for (party, asked) in self.asked.iter_mut().enumerate() {
            let Some(epoch) = *asked else { continue };
            let more = (1..=self.job.epochs).contains(&epoch) && self.stopped.is_none_or(|last| epoch <= last);
            let stop = self.job.stop.filter(|_| more);
            let stop = stop.ok_or_else(|| Error::peer(PARTIES[party], "asks where there is nothing to ask"))?;
            let verdict = match self.outcome.accuracy.get(..epoch as usize) {
                Some(known) => (stop.is_reached(known), best_of(known) + 1 == known.len()),
                // the dealer has run ahead of a run that is over
                None if self.ended.is_some_and(|last| last <= self.job.last_step_of(epoch)) => (true, false),
                None => continue,
            };
            *asked = None;
            let (over, best) = verdict;
            if over && self.stopped.is_none() && self.ended.is_none() && epoch < self.job.epochs_begun() {
                self.stopped = Some(epoch);
                on_event(Event::Stopped { epoch, epochs: self.job.epochs });
            }
            answers.push((party, Answer::Verdict { epoch, goes_on: !over, best }));
        }
        Ok(answers)
    }

    /// Takes note that a server ended the run after a step.
    fn end(&mut self, party: usize, step: u64) -> Result<()> {
        let right =
            party < 2 && (1..self.job.total_steps()).contains(&step) && self.ended.is_none_or(|last| last == step);
        self.ended = Some(step);
        if right { Ok(()) } else { Err(Error::peer(PARTIES[party], format!("ended after step {step} by itself"))) }
    }

    /// A server's half as numbers.
    fn open_half(&mut self, party: usize, session: u64, what: Revealed, bits: u32, sealed: &[u8]) -> Result<Vec<u64>> {
        let server = u8::from(party == 1);
        let wrong = |why: &str| Err(Error::peer(PARTIES[party], format!("revealed {what:?} {why}")));
        if *self.session.get_or_insert(session) != session {
            return wrong("in another session than what was revealed before; start both servers anew for every job");
        }
        let len = self.len_of(what);
        let place = Place { agreed: self.agreement.hash(), session, server, what, bits, len };
        let plain = self.identity.unseal(&place.label(), sealed).map_err(|e| e.at(PARTIES[party]))?;
        if plain.len() != 8 * len {
            return wrong("in another length than the job's");
        }
        Ok(bytemuck::pod_collect_to_vec(&plain))
    }

    /// Numbers of something that is revealed.
    fn len_of(&self, what: Revealed) -> usize {
        match what {
            Revealed::Hits { .. } => 1,
            Revealed::OutOfRange { .. } => self.job.model.watched().len(),
            Revealed::Parameter { index } => self.job.model.parameters().get(index as usize).map_or(0, |s| s.len()),
        }
    }

    fn put_together(
        &mut self,
        what: Revealed,
        a: &[u64],
        b: &[u64],
        bits: u32,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let len = self.len_of(what);
        if a.len() != len || b.len() != len || !(1..=64).contains(&bits) {
            return Err(Error::peer("a server", format!("revealed {what:?} in another shape than the job's")));
        }
        let value = |(a, b): (&u64, &u64)| decode(a.wrapping_add(*b) & mask(bits), bits, self.job.profile.frac);
        let values: Vec<f64> = a.iter().zip(b).map(value).collect();
        match what {
            Revealed::Hits { epoch } => {
                let accuracy = values[0] / f64::from(self.job.test_rows());
                self.outcome.accuracy.push(accuracy);
                let step = self.job.last_step_of(epoch);
                let bytes = Bytes::of([&self.stats[0], &self.stats[1]], 1.0);
                let seconds = self.stats[0].seconds;
                on_event(Event::Epoch { epoch, step, test_accuracy: Some(accuracy), seconds, bytes });
            }
            Revealed::OutOfRange { epoch } => {
                let counts: Vec<u64> = a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b) & mask(bits)).collect();
                let counts = OutOfRange::new(epoch, &self.job.model.watched(), &counts);
                on_event(Event::Ranges(counts.clone()));
                self.outcome.out_of_range.push(counts);
            }
            Revealed::Parameter { .. } => self.outcome.parameters.push(values),
        }
        Ok(())
    }

    /// The epoch that the model is of, where that is not the last step's, and its accuracy as far as it is known.
    fn model_of(&self) -> (Option<u32>, Option<f64>) {
        let known = &self.outcome.accuracy;
        if self.job.stop.is_some() && !known.is_empty() {
            let best = best_of(known);
            return (u32::try_from(best + 1).ok(), Some(known[best]));
        }
        // a run that was ended has moved on since its last accuracy
        (None, known.last().copied().filter(|_| self.ended.is_none()))
    }

    fn finish(mut self, reports: &[PartyReport], wall: Duration) -> Result<Outcome> {
        let job = self.job;
        let all = job.total_steps();
        let due = job.reveal.model && self.ended.is_none_or(|step| step >= job.ends_from);
        if due && self.outcome.parameters.len() != job.model.parameters().len() {
            return Err(Error::peer("the servers", "did not reveal the whole model"));
        }
        let steps = self.ended.or_else(|| self.stopped.map(|epoch| job.last_step_of(epoch))).unwrap_or(all);
        let per = steps as f64;
        let (zero, one) = (&reports[0], &reports[1]);
        let evaluations = self.outcome.accuracy.len().max(1) as f64;
        let (model_epoch, test_accuracy) = self.model_of();
        let mut summary = Summary {
            model: job.model.name().into(),
            backend: zero.backend.clone(),
            profile: job.profile.name.clone(),
            loss: job.model.loss().name().into(),
            settings: job.settings(),
            epochs: epoch_of(job, steps),
            steps,
            stopped_early: self.stopped.is_some(),
            batch: job.batch,
            interrupted: self.ended.is_some(),
            model_epoch,
            test_accuracy,
            out_of_range: job.reveal.ranges.then(|| self.outcome.out_of_range.iter().map(|o| o.values).sum()),
            epochs_out_of_range: self.outcome.out_of_range.iter().filter(|o| o.values > 0).cloned().collect(),
            seconds: Some(wall.as_secs_f64()),
            seconds_per_step: Some(zero.steps.seconds.max(one.steps.seconds) / per),
            step_parts: Some(parts(&one.steps, per)),
            rounds_per_step: zero.steps.rounds as f64 / per,
            bytes_per_step: Bytes::of([&zero.steps, &one.steps], per),
            rounds_per_evaluation: zero.evaluation.rounds as f64 / evaluations,
            bytes_per_evaluation: Bytes::of([&zero.evaluation, &one.evaluation], evaluations),
            ..Summary::default()
        };
        let trainer = PartyReport {
            role: "trainer".into(),
            peak_rss_mib: peak_rss_mib(),
            cpu_seconds: cpu_seconds(),
            ..PartyReport::default()
        };
        for report in reports.iter().chain([&trainer]) {
            summary.peak_rss_mib.extend(report.peak_rss_mib.map(|x| (report.role.clone(), x)));
            summary.cpu_seconds.extend(report.cpu_seconds.map(|x| (report.role.clone(), x)));
        }
        self.outcome.summary = summary;
        self.outcome.summary.faults = faults(job, &self.outcome);
        Ok(self.outcome)
    }
}

/// The seconds of a step at server 1, which gets the corrections, by what it did.
fn parts(stats: &Stats, steps: f64) -> StepParts {
    let rest = stats.seconds - stats.exchange_seconds - stats.dealer_seconds;
    StepParts { compute: rest / steps, exchange: stats.exchange_seconds / steps, dealer: stats.dealer_seconds / steps }
}

/// The epoch, from 1, that step number `step` (from 1) belongs to; the last one for a step that the job does not have.
#[expect(clippy::cast_possible_truncation, reason = "no larger than the job's epochs")]
pub(crate) fn epoch_of(job: &Job, step: u64) -> u32 {
    (step.min(job.total_steps()).saturating_sub(1) / job.steps_per_epoch()) as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::pair;
    use crate::party::Verdict;
    use crate::roles::server::{Trainer, judge};

    /// A dealer that runs ahead waits for the servers longer than for a peer that says nothing.
    #[test]
    fn whoever_asks_may_wait_longer_than_its_deadline() {
        for serve in [true, false] {
            let (trainer, mut dealer) = pair("trainer", "dealer");
            dealer.set_deadline(Duration::from_secs(1));
            let (tell, hears) = mpsc::channel();
            let (answer, told) = mpsc::channel();
            let mut desk: Option<Box<dyn Channel>> = Some(Box::new(trainer));
            let listening = desk.take_if(|_| serve).map(|link| thread::spawn(move || listen(2, link, &tell, &told)));
            let asking = thread::spawn(move || judge(&Trainer::new(Box::new(dealer), &Presence::default()))(4));
            if serve {
                assert!(matches!(hears.recv().unwrap(), (2, Ok(News::Asks { epoch: 4 }))));
                thread::sleep(Duration::from_millis(1700));
                answer.send(Answer::End).unwrap();
                answer.send(Answer::Verdict { epoch: 4, goes_on: false, best: true }).unwrap();
                assert_eq!(asking.join().unwrap().unwrap(), Verdict { goes_on: false, best: true });
            } else {
                // the control: a trainer that says nothing
                assert!(matches!(asking.join().unwrap().unwrap_err(), Error::Deadline { .. }));
            }
            drop(desk);
            if let Some(thread) = listening {
                thread.join().unwrap();
            }
        }
    }
}
