//! What the trainer gets: halves from both servers are put together, whoever asks after an epoch is answered, figures are
//! summed up.

mod summary;

use std::time::Duration;

pub(crate) use summary::parts;

use crate::data::Description;
use crate::error::{Error, Result};
use crate::fixed::{decode, mask};
use crate::net::UnsealingKey;
use crate::nn::{STEPS_AT_ONCE, TrainedModel};
use crate::party::{Figure, Revealed, Stats};
use crate::roles::agreement::Agreement;
use crate::roles::event::{Bytes, Event, OutOfRange, PartyReport};
use crate::roles::history::History;
use crate::roles::messages::{StatusUpdate, TrainerMessage};
use crate::roles::outcome::Outcome;
use crate::roles::result_check::faults;
use crate::roles::seal_context::SealContext;
use crate::roles::trainer::listen::PARTIES;
use crate::train::{FeatureMoments, Job, best_of};

/// Puts together what the servers reveal.
pub(super) struct Collector<'a> {
    job: &'a Job,
    agreement: Agreement,
    key: &'a UnsealingKey,
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
    /// Which parties are ready for training.
    ready: [bool; 3],
    /// What is known of a run that resumes, until it is known from where.
    history: Option<History>,
    /// From which step the parties resume.
    resumes: [Option<u64>; 3],
    /// Seconds and bytes of the steps before.
    before: (f64, Bytes),
}

impl<'a> Collector<'a> {
    /// Nothing is known yet.
    pub(super) fn new(job: &'a Job, agreement: Agreement, key: &'a UnsealingKey, history: Option<History>) -> Self {
        Self {
            job,
            agreement,
            key,
            halves: Vec::new(),
            outcome: Outcome { normalization: job.normalization(), ..Outcome::default() },
            stats: Default::default(),
            asked: [None; 3],
            session: None,
            stopped: None,
            ended: None,
            ready: [false; 3],
            history,
            resumes: [None; 3],
            before: Default::default(),
        }
    }

    /// Whether all parties are ready for training.
    pub(super) fn all_are_ready(&self) -> bool {
        self.ready.iter().all(|ready| *ready)
    }

    /// Takes note of a party's news.
    pub(super) fn take(&mut self, party: usize, news: StatusUpdate, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        match news {
            StatusUpdate::Asks { epoch } => self.asked[party] = Some(epoch),
            StatusUpdate::Ended { step } => self.end(party, step)?,
            StatusUpdate::Waiting { what } => on_event(Event::Waiting { party: PARTIES[party].into(), what }),
            StatusUpdate::Ready => self.ready[party] = true,
            StatusUpdate::Resumes { step } => self.resume(party, step, on_event)?,
            StatusUpdate::Checkpoint { step } if party == 0 => on_event(Event::Checkpoint { step }),
            StatusUpdate::Warning { text } => on_event(Event::Warning { text: format!("{}: {text}", PARTIES[party]) }),
            StatusUpdate::Progress { step, stats } if party == 0 => {
                self.stats[0] = stats;
                let epoch = self.job.epoch_of(step);
                let (steps, (seconds, _)) = (self.job.total_steps(), self.spent());
                on_event(Event::Progress { epoch, step, steps, seconds });
                let scored = self.job.reveal.accuracy || self.job.reveal.squared_error;
                if !scored && step == self.job.last_step_of(epoch) {
                    let ((seconds, bytes), test_accuracy, squared_error) = (self.spent(), None, None);
                    on_event(Event::Epoch { epoch, step, test_accuracy, squared_error, seconds, bytes });
                }
            }
            StatusUpdate::Scored { rows, of } if party == 0 => on_event(Event::Evaluation { rows, of }),
            StatusUpdate::Progress { stats, .. } if party == 1 => self.stats[1] = stats,
            StatusUpdate::Half { session, what, bits, body, stats } if party < 2 => {
                self.stats[party] = stats;
                self.check_due(party, what)?;
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
    pub(super) fn answers(&mut self, on_event: &mut dyn FnMut(Event)) -> Result<Vec<(usize, TrainerMessage)>> {
        let mut answers = Vec::new();
        for (party, asked) in self.asked.iter_mut().enumerate() {
            let Some(epoch) = *asked else { continue };
            let more = (1..=self.job.settings.epochs).contains(&epoch) && self.stopped.is_none_or(|last| epoch <= last);
            let stop = self.job.settings.early_stop().filter(|_| more);
            let stop = stop.ok_or_else(|| Error::peer(PARTIES[party], "asked a question that was not expected"))?;
            let verdict = match self.outcome.scores(self.job).get(..epoch as usize) {
                Some(known) => (stop.is_reached(known), best_of(known) + 1 == known.len()),
                // the dealer has run ahead of a run that is over
                None if self.ended.is_some_and(|last| last <= self.job.last_step_of(epoch)) => (true, false),
                None => continue,
            };
            *asked = None;
            let (over, best) = verdict;
            if over && self.stopped.is_none() && self.ended.is_none() && epoch < self.job.epochs_begun() {
                self.stopped = Some(epoch);
                on_event(Event::Stopped { epoch, epochs: self.job.settings.epochs });
            }
            answers.push((party, TrainerMessage::Verdict { epoch, goes_on: !over, best }));
        }
        Ok(answers)
    }

    /// Seconds and bytes of all steps so far.
    fn spent(&self) -> (f64, Bytes) {
        let (seconds, bytes) = self.before;
        (seconds + self.stats[0].seconds, bytes.plus(Bytes::of([&self.stats[0], &self.stats[1]], 1.0)))
    }

    /// Takes note that a party resumes the run after a step, which is the same for all.
    fn resume(&mut self, party: usize, step: u64, on_event: &mut dyn FnMut(Event)) -> Result<()> {
        let wrong = |what: &str| Err(Error::peer(PARTIES[party], format!("resumes after step {step}, {what}")));
        let others = self.resumes.iter().flatten();
        if others.clone().any(|other| *other != step) {
            return wrong("and another party after another one");
        }
        if others.count() == 0 {
            let Some(mut known) = self.history.take().filter(|known| step <= known.most_steps(self.job)) else {
                return wrong("which was not asked for");
            };
            known.forget_after(self.job, step);
            self.before = known.spent();
            let History { accuracy, squared_errors, out_of_range, normalization, .. } = known;
            let normalization = normalization.or(self.outcome.normalization.take());
            self.outcome = Outcome { accuracy, squared_errors, out_of_range, normalization, ..Outcome::default() };
            let stop = self.job.settings.early_stop();
            if step < self.job.total_steps() && stop.is_some_and(|stop| stop.is_reached(&self.outcome.scores(self.job)))
            {
                self.stopped = Some(self.job.epoch_of(step));
            }
            on_event(Event::Resumed { step, seconds: self.before.0 });
        }
        self.resumes[party] = Some(step);
        Ok(())
    }

    /// Takes note that a server ended the run after a step.
    fn end(&mut self, party: usize, step: u64) -> Result<()> {
        let right =
            party < 2 && (1..self.job.total_steps()).contains(&step) && self.ended.is_none_or(|last| last == step);
        self.ended = Some(step);
        if right {
            Ok(())
        } else {
            Err(Error::peer(PARTIES[party], format!("ended after step {step} without being asked to")))
        }
    }

    /// Refuses a half of what is not revealed, of what was revealed already, and halves that the other server does not follow.
    fn check_due(&self, party: usize, what: Revealed) -> Result<()> {
        let (job, done) = (self.job, &self.outcome);
        let due = |known: usize, all: usize, at: u32| (known..all).contains(&(at as usize));
        let epoch = |known: usize, epoch: u32| due(known + 1, (job.settings.epochs as usize).saturating_add(1), epoch);
        let is_due = match what {
            Revealed::Figure(figure) => !done.revealed.contains(&figure),
            Revealed::Hits { epoch: e } => epoch(done.accuracy.len(), e),
            Revealed::OutOfRange { epoch: e } => epoch(done.out_of_range.len(), e),
            Revealed::Parameter { index } => due(done.parameters.len(), job.model.parameters().len(), index),
            Revealed::Moments => done.normalization.is_none(),
            Revealed::SquaredError { epoch: e } => epoch(done.squared_errors.len(), e),
            Revealed::Answers { .. } => false,
        };
        let wrong = |why: &str| Err(Error::peer(PARTIES[party], format!("revealed {what:?}, {why}")));
        let mut own = self.halves.iter().filter(|(p, ..)| *p == party).map(|(_, what, _)| what);
        let ahead = own.clone().count();
        match () {
            () if !job.reveal.allows(what) => wrong("which the job does not list"),
            () if !is_due || own.any(|pending| *pending == what) => {
                wrong("which is unexpected: it was already revealed, or is not available")
            }
            // both send the same in the same order: the model's parameters at once, and little else
            () if ahead > job.model.parameters().len() + AHEAD => wrong("far ahead of the other server"),
            () => Ok(()),
        }
    }

    /// A server's half as numbers.
    fn open_half(&mut self, party: usize, session: u64, what: Revealed, bits: u32, sealed: &[u8]) -> Result<Vec<u64>> {
        let server = u8::from(party == 1);
        let wrong = |why: &str| Err(Error::peer(PARTIES[party], format!("revealed {what:?} {why}")));
        if *self.session.get_or_insert(session) != session {
            return wrong("in a different session than before; start both servers again for every job");
        }
        let len = self.len_of(what);
        let place = SealContext { agreed: self.agreement.hash(), session, server, what, bits, len };
        let plain = self.key.unseal(&place.label(), sealed).map_err(|e| e.at(PARTIES[party]))?;
        if plain.len() != 8 * len {
            return wrong("with a different length than the job's");
        }
        Ok(bytemuck::pod_collect_to_vec(&plain))
    }

    /// Numbers of something that is revealed.
    fn len_of(&self, what: Revealed) -> usize {
        match what {
            Revealed::Figure(figure) => figure.numbers(self.job),
            Revealed::Hits { .. } | Revealed::SquaredError { .. } => 1,
            Revealed::Moments => 2 * self.job.standardized().len(),
            Revealed::OutOfRange { .. } => self.job.model.watched().len(),
            Revealed::Parameter { index } => self.job.model.parameters().get(index as usize).map_or(0, |s| s.len()),
            Revealed::Answers { .. } => 0,
        }
    }

    /// Fraction bits of something that is revealed.
    fn frac_of(&self, what: Revealed) -> u32 {
        let p = &self.job.settings.profile;
        match what {
            Revealed::Figure(figure) => figure.frac(self.job),
            Revealed::SquaredError { .. } => Figure::SquaredError.frac(self.job),
            Revealed::Parameter { index } => self.job.model.parameter_frac(index as usize, p),
            _ => p.frac,
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
            return Err(Error::peer("a server", format!("revealed {what:?} with a different shape than the job's")));
        }
        let frac = self.frac_of(what);
        let words: Vec<u64> = a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b) & mask(bits)).collect();
        let values: Vec<f64> = words.iter().map(|word| decode(*word, bits, frac)).collect();
        match what {
            Revealed::Figure(figure) => self.outcome.take_figure(figure, &values, self.job),
            Revealed::Hits { epoch } => {
                let accuracy = values[0] / self.job.decisions() as f64;
                self.outcome.accuracy.push(accuracy);
                if !self.job.reveal.squared_error {
                    self.note_epoch(epoch, on_event);
                }
            }
            Revealed::SquaredError { epoch } => {
                self.outcome.take_squared_error(values[0], self.job);
                self.note_epoch(epoch, on_event);
            }
            Revealed::OutOfRange { epoch } => {
                let counts = OutOfRange::new(epoch, &self.job.model.watched(), &words);
                on_event(Event::Ranges(counts.clone()));
                self.outcome.out_of_range.push(counts);
            }
            Revealed::Moments => {
                let features = FeatureMoments::all(self.job, &words)?;
                self.outcome.normalization = Some(self.job.normalization_by(&words)?);
                let warning = FeatureMoments::warning(&features);
                on_event(Event::Moments { features });
                warning.into_iter().for_each(|text| on_event(Event::Warning { text }));
            }
            Revealed::Parameter { .. } => self.outcome.parameters.push(values),
            // no job of a training lists them
            Revealed::Answers { .. } => {}
        }
        Ok(())
    }

    /// Tells what an epoch gave, once all of it is known.
    fn note_epoch(&self, epoch: u32, on_event: &mut dyn FnMut(Event)) {
        let at = |known: &[f64]| known.get(epoch.saturating_sub(1) as usize).copied();
        let [test_accuracy, squared_error] = [at(&self.outcome.accuracy), at(&self.outcome.squared_errors)];
        let (step, (seconds, bytes)) = (self.job.last_step_of(epoch), self.spent());
        on_event(Event::Epoch { epoch, step, test_accuracy, squared_error, seconds, bytes });
    }

    /// The epoch that the model is of, where that is not the last step's, and its accuracy and squared error as far as they are known.
    fn model_of(&self) -> (Option<u32>, [Option<f64>; 2]) {
        let known = [&self.outcome.accuracy, &self.outcome.squared_errors];
        let scores = self.outcome.scores(self.job);
        if self.job.settings.early_stop().is_some() && !scores.is_empty() {
            let best = best_of(&scores);
            return (u32::try_from(best + 1).ok(), known.map(|known| known.get(best).copied()));
        }
        // a run that was ended has moved on since its last evaluation
        (None, known.map(|known| known.last().copied().filter(|_| self.ended.is_none())))
    }

    /// The steps whose samples were counted and revealed: all, but for the last of a run that the trainer ended.
    fn steps_checked(&self) -> u64 {
        let job = self.job;
        let Some(ended) = self.ended else {
            return self.stopped.map_or(job.total_steps(), |epoch| job.last_step_of(epoch));
        };
        let before = u64::from(job.epoch_of(ended) - 1) * job.steps_per_epoch();
        let counted = (ended - before) / STEPS_AT_ONCE * STEPS_AT_ONCE;
        if ended >= job.ends_from { before + counted } else { before }
    }

    /// The outcome, once everybody has reported.
    pub(super) fn finish(mut self, reports: &[PartyReport], wall: Duration) -> Result<Outcome> {
        let job = self.job;
        if self.history.is_some() || self.resumes.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Error::peer("a party", "did not say from which step it resumes"));
        }
        let checked = job.reveal.ranges.then(|| self.steps_checked()).filter(|steps| *steps > 0);
        self.check_complete(checked)?;
        self.outcome.summary = self.summary(reports, wall, checked);
        self.outcome.summary.faults = faults(job, &self.outcome);
        if !self.outcome.parameters.is_empty() {
            let scale = self.outcome.normalization.clone();
            let model = TrainedModel::new(job.model.clone(), scale, &self.outcome.parameters)?;
            // a product that batch normalization is folded into has other values than those that were counted
            let in_range = self.outcome.summary.out_of_range == Some(0) && model.model == job.model;
            let profile = in_range.then_some(job.settings.profile);
            let description = job.description.as_ref().map(Description::fingerprint);
            self.outcome.model = Some(TrainedModel { profile, description, ..model.trained_on(&job.dataset) });
        }
        Ok(self.outcome)
    }

    /// Checks that the servers revealed the model, its figures, and the counts of values out of range of the steps that were
    /// checked.
    fn check_complete(&self, checked: Option<u64>) -> Result<()> {
        let job = self.job;
        if job.reveal.moments && self.outcome.normalization.is_none() {
            return Err(Error::peer("the servers", "did not reveal the moments of the features"));
        }
        let due = self.ended.is_none_or(|step| step >= job.ends_from);
        if due && self.outcome.lacks_figures(job, self.ended.is_some()) {
            return Err(Error::peer("the servers", "did not reveal all figures of the model"));
        }
        if due && job.reveal.model && self.outcome.parameters.len() != job.model.parameters().len() {
            return Err(Error::peer("the servers", "did not reveal the whole model"));
        }
        let counted = checked.map_or(0, |steps| job.epoch_of(steps)) as usize;
        if self.outcome.out_of_range.len() != counted {
            return Err(Error::peer("the servers", "did not reveal how many values were out of range in every epoch"));
        }
        Ok(())
    }
}

/// Halves besides the model's that a server may send before the other sends its own.
const AHEAD: usize = 8;

#[cfg(test)]
mod tests;
