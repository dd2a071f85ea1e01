//! The client's part in private prediction: it makes requests of masked rows, and opens the answers.

use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::error::{Error, Result};
use crate::fixed::{encode, mask};
use crate::kernel::packed::{Packed, words};
use crate::net::{Channel, FrameHeader, FrameKind, Phase, Presence, UnsealingKey};
use crate::nn::scaled;
use crate::party::{Revealed, Set};
use crate::prediction::{Answers, PredictionJob, row_shape};
use crate::prg::Seed;
use crate::roles::agreement::{Agreement, Parties};
use crate::roles::event::{Event, PartyReport};
use crate::roles::failure::{self, Failure};
use crate::roles::frame_limit;
use crate::roles::mask_rows::{RowMasking, rows_per_frame};
use crate::roles::messages::{JobOrder, StatusUpdate, receive_message, send_message, understand};
use crate::roles::prediction::messages::ClientMessage;
use crate::roles::prediction::summary::{PredictionSummary, plan_predictions};
use crate::roles::process::{cpu_seconds, peak_rss_mib};
use crate::roles::seal_context::SealContext;
use crate::roles::server::AHEAD;

/// The client's links.
pub struct ClientLinks {
    /// To server 0, server 1 and the dealer.
    pub links: [Box<dyn Channel>; 3],
    /// Who takes part.
    pub parties: Parties,
    /// How the others notice this party.
    pub presence: Presence,
}

/// A session of private predictions, from the client's side: servers, dealer and the shares of the model are in their places.
pub struct PredictionClient {
    job: PredictionJob,
    agreement: Agreement,
    key: UnsealingKey,
    links: [Box<dyn Channel>; 3],
    masking: RowMasking,
    session: Option<u64>,
    /// Requests made, and answered.
    asked: u32,
    answered: u32,
    /// Rows that were asked about.
    rows: u64,
    /// Requests that the dealer may deal for ahead of those that are made.
    ahead: u32,
    allowed: u32,
    setup: Duration,
    first: Option<Instant>,
    last: Option<Instant>,
}

/// The parties that a client talks to, in the order of its links.
const PARTIES: [&str; 3] = ["server 0", "server 1", "dealer"];

impl PredictionClient {
    /// Submits a job, and waits until all is in place for its first request. `key` opens what is sealed to the client.
    ///
    /// # Errors
    /// The reason that a party gave, or that its link broke with.
    pub fn connect(
        job: &PredictionJob,
        links: ClientLinks,
        key: UnsealingKey,
        stop: &dyn Fn() -> bool,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Self> {
        let start = Instant::now();
        let ClientLinks { mut links, parties, presence } = links;
        job.check()?;
        let agreement = Agreement::on_predictions(job, &parties);
        for link in &mut links {
            link.attach(&presence);
            link.enter(Phase::SET_UP);
        }
        let order = JobOrder { job: job.to_bytes(), agreement, resume: None };
        let ready = links
            .iter_mut()
            .try_for_each(|link| send_message(&mut **link, FrameKind::Control, &order))
            .and_then(|()| await_all(&mut links, stop, on_event));
        ready.map_err(|e| explain(&mut links, e))?;
        let layout = job.layout();
        let limit = frame_limit::of_answers(4 * words(layout.len, layout.bits));
        links[..2].iter_mut().for_each(|server| server.set_max_frame(limit));
        let masking = RowMasking::new(Set::TestFeatures, row_shape(job), &give_seeds(&mut links)?);
        let (job, ahead, setup) = (job.clone(), ahead(job)?, start.elapsed());
        let (session, first, last) = (None, None, None);
        let [asked, answered, allowed] = [0; 3];
        let mut client = Self {
            job,
            agreement,
            key,
            links,
            masking,
            session,
            asked,
            answered,
            rows: 0,
            ahead,
            allowed,
            setup,
            first,
            last,
        };
        client.let_deal()?;
        Ok(client)
    }

    /// The job.
    pub fn job(&self) -> &PredictionJob {
        &self.job
    }

    /// Rows that can still be asked about.
    pub fn rows_left(&self) -> u64 {
        u64::from(self.job.requests - self.asked) * u64::from(self.job.batch)
    }

    /// The answers to rows, `[n, features]`, in their order. Rows are split into requests, the last of which is filled up with
    /// rows of zeros; `progress` hears how many rows are answered.
    ///
    /// # Errors
    /// [`Error::Usage`] if the rows do not fit the job, or are too many for what is left of it; otherwise the reason of the party
    /// that failed first.
    pub fn predict(&mut self, rows: ArrayView2<'_, f32>, progress: &mut dyn FnMut(usize)) -> Result<Answers> {
        self.check(rows)?;
        self.first.get_or_insert_with(Instant::now);
        let batch = self.job.batch as usize;
        let mut requests = rows.axis_chunks_iter(Axis(0), batch);
        let (mut all, mut done) = (Vec::new(), 0);
        let mut sizes = std::collections::VecDeque::new();
        loop {
            // the next rows are on their way while the last are computed on
            while sizes.len() < IN_FLIGHT
                && let Some(rows) = requests.next()
            {
                sizes.push_back(rows.nrows());
                self.ask(rows).map_err(|e| explain(&mut self.links, e))?;
            }
            let Some(size) = sizes.pop_front() else { break };
            all.push(self.hear(size).map_err(|e| explain(&mut self.links, e))?);
            done += size;
            progress(done);
        }
        self.last = Some(Instant::now());
        joined(all, self.job.card.model.outputs())
    }

    /// Refuses rows that do not fit the job, or what is left of it.
    fn check(&self, rows: ArrayView2<'_, f32>) -> Result<()> {
        if self.answered != self.asked {
            return Err(Error::Usage("a request of this session failed; start another session".into()));
        }
        self.job.check_rows(rows)?;
        if rows.nrows().div_ceil(self.job.batch as usize) > (self.job.requests - self.asked) as usize {
            let text =
                format!("{} rows are left in this session, not {}; start another", self.rows_left(), rows.nrows());
            return Err(Error::Usage(text));
        }
        Ok(())
    }

    /// Makes a request.
    fn ask(&mut self, rows: ArrayView2<'_, f32>) -> Result<()> {
        let (shape, batch, frac) = (row_shape(&self.job), self.job.batch as usize, self.job.card.profile.frac);
        // the number is used up, whatever comes: masks serve once
        let request = self.asked;
        self.asked += 1;
        let first = request as usize * batch;
        let scale = self.job.card.normalization.as_ref();
        let value = |row: usize, out: &mut [u64]| match row - first {
            row if row < rows.nrows() => {
                let word = |(feature, x): (usize, &f32)| encode(scaled(scale, feature, *x), frac);
                out.iter_mut().zip(rows.row(row).iter().enumerate()).for_each(|(o, x)| *o = word(x));
            }
            _ => out.fill(0),
        };
        for (gate, start) in (0..).zip((0..batch).step_by(rows_per_frame(shape))) {
            let end = batch.min(start + rows_per_frame(shape));
            let words = self.masking.masked(first + start..first + end, value);
            let head = FrameHeader { kind: FrameKind::Data, session: 0, step: request, gate };
            for server in &mut self.links[..2] {
                server.enter(Phase::STEP.times(2));
                server.send(head, bytemuck::cast_slice(&words).to_vec())?;
            }
        }
        self.rows += rows.nrows() as u64;
        self.let_deal()
    }

    /// Lets the dealer deal for the requests that are made, and some ahead of them.
    fn let_deal(&mut self) -> Result<()> {
        let requests = self.asked.saturating_add(self.ahead).min(self.job.requests);
        if requests <= self.allowed {
            return Ok(());
        }
        self.allowed = requests;
        send_message(&mut *self.links[2], FrameKind::Control, &ClientMessage::Deal { requests })
    }

    /// The answers to the first `rows` rows of the next request.
    fn hear(&mut self, rows: usize) -> Result<Answers> {
        let bits = self.job.layout().bits;
        let halves = [self.half(0)?, self.half(1)?];
        self.answered += 1;
        let sums: Vec<u64> = halves[0].iter().zip(&halves[1]).map(|(a, b)| a.wrapping_add(*b) & mask(bits)).collect();
        self.job.answers_of(&sums, rows)
    }

    /// A server's half of the answers to the next request.
    fn half(&mut self, party: usize) -> Result<Vec<u64>> {
        let server = u8::from(party == 1);
        let request = self.answered;
        let (layout, expected) = (self.job.layout(), Revealed::Answers { request });
        loop {
            let link = &mut *self.links[party];
            match receive_message(link, FrameKind::Progress, "its half of the answers")? {
                StatusUpdate::Half { session, what, bits, body, .. } => {
                    let own =
                        *self.session.get_or_insert(session) == session && what == expected && bits == layout.bits;
                    if !own {
                        let text = format!("answered {what:?} of session {session}, not request {request} of this one");
                        return Err(Error::peer(PARTIES[party], text));
                    }
                    let place =
                        SealContext { agreed: self.agreement.hash(), session, server, what, bits, len: layout.len };
                    return self.opened(party, &place, &body);
                }
                StatusUpdate::Failed(failure) => return Err(Error::peer(PARTIES[party], failure.reason)),
                StatusUpdate::Waiting { .. } | StatusUpdate::Progress { .. } => {}
                _ => return Err(Error::peer(PARTIES[party], "said something else instead of its half of the answers")),
            }
        }
    }

    /// The numbers of a sealed half.
    fn opened(&self, party: usize, place: &SealContext<'_>, sealed: &[u8]) -> Result<Vec<u64>> {
        let plain = self.key.unseal(&place.label(), sealed).map_err(|e| e.at(PARTIES[party]))?;
        if plain.len() != 4 * words(place.len, place.bits) {
            return Err(Error::peer(PARTIES[party], "sent answers of a different length than the job's"));
        }
        let packed: Vec<u32> = bytemuck::pod_collect_to_vec(&plain);
        let packed = Packed::new(&packed, place.bits);
        Ok((0..place.len).map(|i| packed.at(i)).collect())
    }

    /// Ends the session, and says what it cost.
    ///
    /// # Errors
    /// The reason that a party gave, or that its link broke with.
    pub fn finish(mut self) -> Result<PredictionSummary> {
        let ended = self.reports().map_err(|e| explain(&mut self.links, e))?;
        let mut summary = PredictionSummary::reported(&self.job, self.answered, &ended);
        let traffic = self.links.each_ref().map(|link| link.traffic());
        summary.rows = self.rows;
        summary.setup_seconds = Some(self.setup.as_secs_f64());
        summary.seconds = self.first.zip(self.last).map(|(first, last)| (last - first).as_secs_f64());
        summary.client_sent = traffic.iter().map(|t| t.sent).sum();
        summary.client_received = traffic.iter().map(|t| t.received).sum();
        summary.peak_rss_mib.extend(peak_rss_mib().map(|x| ("client".to_owned(), x)));
        summary.cpu_seconds.extend(cpu_seconds().map(|x| ("client".to_owned(), x)));
        Ok(summary)
    }

    /// Says that no request follows, and hears the reports: the dealer's first, as it has dealt ahead, and what it sends must be
    /// taken until it stops.
    fn reports(&mut self) -> Result<[PartyReport; 3]> {
        let [zero, one, dealer] = &mut self.links;
        send_message(&mut **dealer, FrameKind::Control, &ClientMessage::End)?;
        let dealers = report_of(&mut **dealer, PARTIES[2])?;
        for server in [&mut *zero, &mut *one] {
            send_message(&mut **server, FrameKind::Control, &ClientMessage::End)?;
        }
        Ok([report_of(&mut **zero, PARTIES[0])?, report_of(&mut **one, PARTIES[1])?, dealers])
    }
}

/// The report of a party that has nothing else to do.
fn report_of(link: &mut dyn Channel, party: &str) -> Result<PartyReport> {
    link.enter(Phase::NEWS);
    loop {
        match receive_message(link, FrameKind::Progress, "its report")? {
            StatusUpdate::Report(report) => return Ok(*report),
            StatusUpdate::Failed(failure) => return Err(Error::peer(party, failure.reason)),
            _ => {}
        }
    }
}

/// Gives each server a fresh seed of the rows' masks, and the dealer both.
fn give_seeds([zero, one, dealer]: &mut [Box<dyn Channel>; 3]) -> Result<[Seed; 2]> {
    let seeds = [Seed::fresh()?, Seed::fresh()?];
    send_message(&mut **zero, FrameKind::Seed, &seeds[0])?;
    send_message(&mut **one, FrameKind::Seed, &seeds[1])?;
    send_message(&mut **dealer, FrameKind::Seed, &seeds)?;
    Ok(seeds)
}

/// Waits until servers and dealer are ready.
fn await_all(
    links: &mut [Box<dyn Channel>; 3],
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(Event),
) -> Result<()> {
    let mut ready = [false; 3];
    while !ready.iter().all(|ready| *ready) {
        for ((link, ready), party) in links.iter_mut().zip(&mut ready).zip(PARTIES) {
            if stop() {
                return Err(Error::Interrupted);
            }
            if *ready {
                link.ended().map_or(Ok(()), Err)?;
                continue;
            }
            let Some(frame) = link.poll(LOOK)? else { continue };
            match understand(&(*link).peer().clone(), frame, FrameKind::Progress, "news of its work")? {
                StatusUpdate::Ready => *ready = true,
                StatusUpdate::Waiting { what } => on_event(Event::Waiting { party: party.into(), what }),
                StatusUpdate::Failed(failure) => return Err(Error::peer(party, failure.reason)),
                _ => return Err(Error::peer(party, "answered before anything was asked")),
            }
        }
    }
    Ok(())
}

/// Requests that the dealer may deal for ahead of the client: as many as fit into half of what waits at a server, and so never
/// keep it waiting for a client that thinks.
fn ahead(job: &PredictionJob) -> Result<u32> {
    let bytes = plan_predictions(job)?.bytes_per_request.dealer_to_server1.max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to the most")]
    let requests = (AHEAD as f64 / 2.0 / bytes) as u32;
    Ok(requests.min(MOST_AHEAD))
}

/// What explains that a party failed, of all that the others still say.
fn explain(links: &mut [Box<dyn Channel>; 3], first: Error) -> Error {
    if matches!(first, Error::Interrupted | Error::Usage(_)) {
        return first;
    }
    let mut failures = vec![Failure::new("client", &first)];
    let until = Instant::now() + HEARING;
    for (link, party) in links.iter_mut().zip(PARTIES) {
        while let Ok(Some(frame)) = link.poll(until.saturating_duration_since(Instant::now())) {
            let news = understand(&party.into(), frame, FrameKind::Progress, "news");
            if let Ok(StatusUpdate::Failed(failure)) = news {
                failures.push(Failure { party: party.into(), ..failure });
                break;
            }
        }
    }
    match failure::root_cause(&failures) {
        Some(failure) if failure.party != "client" => Error::peer(&failure.party, &failure.reason),
        _ => first,
    }
}

/// The answers of requests, one after the other.
fn joined(all: Vec<Answers>, outputs: usize) -> Result<Answers> {
    let garbled = || Error::peer("the servers", "answered with different kinds");
    let table = |parts: Vec<Array2<f32>>| {
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        if views.is_empty() {
            return Ok(Array2::zeros([0, outputs]));
        }
        concatenate(Axis(0), &views).map_err(|_| garbled())
    };
    match all.first() {
        None | Some(Answers::Classes(_)) => {
            let parts = all.into_iter().map(|part| part.classes());
            Ok(Answers::Classes(parts.flatten().collect()))
        }
        Some(Answers::Labels(_)) => {
            let parts: Vec<_> = all.into_iter().filter_map(Answers::into_labels).collect();
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            concatenate(Axis(0), &views).map(Answers::Labels).map_err(|_| garbled())
        }
        Some(Answers::Probabilities(_)) => {
            table(all.into_iter().filter_map(Answers::into_table).collect()).map(Answers::Probabilities)
        }
        Some(Answers::Values(_)) => {
            table(all.into_iter().filter_map(Answers::into_table).collect()).map(Answers::Values)
        }
    }
}

/// Requests that are on their way at once.
const IN_FLIGHT: usize = 2;
/// The most that the dealer is ahead.
const MOST_AHEAD: u32 = 64;
/// How often a client that waits looks at its links.
const LOOK: Duration = Duration::from_millis(10);
/// How long the others may take to say why they failed.
const HEARING: Duration = Duration::from_millis(1500);
