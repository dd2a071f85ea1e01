//! How the trainer listens to servers and dealer: a thread for each reads its news and passes answers on.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::net::{Channel, FrameKind};
use crate::roles::advance::Advance;
use crate::roles::failure::{self, Failure};
use crate::roles::messages::{StatusUpdate, TrainerMessage, receive_message, send_message};

/// What a party said, or why its link broke; with the party's place in [`PARTIES`].
pub(super) type PartyUpdate = (usize, Result<StatusUpdate>);

/// Names of the parties that report to the trainer, in the order of its links.
pub(super) const PARTIES: [&str; 3] = ["server 0", "server 1", "dealer"];

/// The threads that listen, one for each party.
pub(super) struct Listeners {
    answers: Vec<mpsc::Sender<TrainerMessage>>,
    hears: mpsc::Receiver<PartyUpdate>,
    threads: Vec<JoinHandle<()>>,
    /// Whether the job resumes.
    resumes: bool,
}

impl Listeners {
    /// Listens to the parties, in the order of [`PARTIES`]; `advance` is how far each of them is.
    pub(super) fn start(links: [Box<dyn Channel>; 3], advance: Advance, resumes: bool) -> Self {
        let (tell, hears) = mpsc::channel();
        let (mut answers, mut threads) = (Vec::with_capacity(PARTIES.len()), Vec::new());
        for (party, link) in links.into_iter().enumerate() {
            let (tell, (answer, told)) = (tell.clone(), mpsc::channel());
            answers.push(answer);
            threads.push(thread::spawn(move || listen(party, link, advance, &tell, &told)));
        }
        Self { answers, hears, threads, resumes }
    }

    /// Passes an answer on; whether anybody is there to take it.
    pub(super) fn answer(&self, party: usize, answer: TrainerMessage) -> bool {
        self.answers[party].send(answer).is_ok()
    }

    /// Tells all parties, who have reported, that the job is done.
    pub(super) fn finish(self) {
        let Self { answers, threads, .. } = self;
        for answer in answers {
            // one that is gone is none of ours any more
            let _ = answer.send(TrainerMessage::Done);
        }
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }

    /// The next news, if there is any within a moment.
    pub(super) fn next(&self) -> std::result::Result<PartyUpdate, RecvTimeoutError> {
        self.hears.recv_timeout(LOOK)
    }

    /// Hears what the others have to say once a party failed, and names the one that explains it all.
    pub(super) fn explain(&self, first: PartyUpdate) -> Error {
        let (mut lost, mut failures) = (None, Vec::new());
        let mut note = |(party, news): PartyUpdate| match news {
            Ok(StatusUpdate::Failed(failure)) => failures.push(Failure { party: PARTIES[party].into(), ..failure }),
            Err(e) => lost = lost.take().or(Some(e)),
            Ok(_) => {}
        };
        note(first);
        let until = Instant::now() + HEARING;
        while let Ok(news) = self.hears.recv_timeout(until.saturating_duration_since(Instant::now())) {
            note(news);
        }
        // what the trainer saw itself comes first: it needs no party to tell it
        failures.splice(0..0, lost.as_ref().map(|e| Failure::new("trainer", e)));
        match (failure::root_cause(&failures), lost) {
            (Some(failure), Some(e)) if failure.party == "trainer" => e,
            // nobody needs to wait for another attempt
            (Some(failure), _) if self.resumes && failure.lasting => {
                Error::Usage(format!("{}: {}", failure.party, failure.reason))
            }
            (Some(failure), _) => Error::peer(&failure.party, &failure.reason),
            (None, _) => Error::peer("a party", "failed and did not say why; check its log"),
        }
    }
}

/// Reads a party's news until it is done, and answers what it asks.
fn listen(
    party: usize,
    mut link: Box<dyn Channel>,
    mut advance: Advance,
    tell: &mpsc::Sender<PartyUpdate>,
    told: &mpsc::Receiver<TrainerMessage>,
) {
    loop {
        let news: Result<StatusUpdate> = receive_message(&mut *link, FrameKind::Progress, "news of its work");
        if let Some(phase) = news.as_ref().ok().and_then(|news| advance.phase(news)) {
            link.enter(phase);
        }
        let over = matches!(news, Err(_) | Ok(StatusUpdate::Failed(_)));
        let reported = matches!(news, Ok(StatusUpdate::Report(_)));
        let asks = matches!(news, Ok(StatusUpdate::Asks { .. } | StatusUpdate::Ready));
        if tell.send((party, news)).is_err() || over {
            return;
        }
        if reported {
            // it may be gone: it has done its part
            let _ = answer(&mut *link, told).and_then(|()| link.flush());
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
fn answer(link: &mut dyn Channel, told: &mpsc::Receiver<TrainerMessage>) -> Result<()> {
    loop {
        match told.recv_timeout(STILL_THERE) {
            Ok(answer) => {
                send_message(link, FrameKind::Control, &answer)?;
                if answer != TrainerMessage::End {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Timeout) => send_message(link, FrameKind::Control, &TrainerMessage::Wait)?,
            // the run is over
            Err(RecvTimeoutError::Disconnected) => return Err(Error::Interrupted),
        }
    }
}

/// Passes on what there is.
fn say_all(link: &mut dyn Channel, told: &mpsc::Receiver<TrainerMessage>) -> Result<()> {
    told.try_iter().try_for_each(|answer| send_message(link, FrameKind::Control, &answer))
}

/// How often the trainer looks whether the run is to end.
const LOOK: Duration = Duration::from_millis(50);

/// How often whoever asked is told that the answer will come: more often than any deadline.
const STILL_THERE: Duration = Duration::from_millis(500);

/// How long the other parties may take to say why they failed; those that are done are not waited for.
const HEARING: Duration = Duration::from_millis(1500);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Phase, Presence, pair};
    use crate::party::Verdict;
    use crate::roles::trainer_link::{Trainer, judge};

    /// A dealer that runs ahead waits for the servers longer than for a peer that says nothing.
    #[test]
    fn whoever_asks_may_wait_longer_than_its_deadline() {
        for serve in [true, false] {
            let (trainer, mut dealer) = pair("trainer", "dealer");
            dealer.set_deadline(Duration::from_secs(1));
            let (tell, hears) = mpsc::channel();
            let (answer, told) = mpsc::channel();
            let mut desk: Option<Box<dyn Channel>> = Some(Box::new(trainer));
            let advance = Advance::new(Phase::SET_UP, 1, 1);
            let listening =
                desk.take_if(|_| serve).map(|link| thread::spawn(move || listen(2, link, advance, &tell, &told)));
            let asking =
                thread::spawn(move || judge(&Trainer::new(Box::new(dealer), &Presence::default()), Phase::STEP)(4));
            if serve {
                assert!(matches!(hears.recv().unwrap(), (2, Ok(StatusUpdate::Asks { epoch: 4 }))));
                thread::sleep(Duration::from_millis(1700));
                answer.send(TrainerMessage::End).unwrap();
                answer.send(TrainerMessage::Verdict { epoch: 4, goes_on: false, best: true }).unwrap();
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
