//! The state of a server: its device, its seed, its links; how it draws, receives and exchanges.

mod checkpoints;
mod values;

use std::fmt;
use std::time::Instant;

use super::ending::Ending;
use super::gate_clock::{GateClock, GateTimer, TimeEntry};
use super::masked_rows::{MaskedRows, RowMasks, Set};
use super::reveal::{RevealChannel, Revealed};
use super::session::Session;
use super::shares::AdditiveShare;
use super::{CheckpointStore, CostKind, RunPhase, RunState};
use crate::error::Result;
use crate::fixed::Profile;
use crate::kernel::packed::words;
use crate::kernel::twin::pack::{UNPACK, UnpackParams};
use crate::kernel::{Operand, count, low};
use crate::net::{Channel, FrameKind, Phase, receive_exactly};
use crate::prg::Seed;
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

/// What the other server sent in an exchange.
pub struct Reply {
    /// All of it.
    pub(crate) words: Tensor,
    /// Where the answer to each ask begins.
    pub(crate) at: Vec<u32>,
}

/// What ties a server to the others; without it, it only counts.
pub struct Links {
    /// To the other server.
    pub peer: Box<dyn Channel>,
    /// To the dealer; server 1 receives corrections on it.
    pub dealer: Box<dyn Channel>,
}

/// One of the two servers.
pub struct Server {
    id: u8,
    key: Tensor,
    links: Option<Links>,
    round: u32,
    parameters: Vec<Tensor>,
    public_parameters: Vec<Vec<u64>>,
    rows: Vec<(Set, MaskedRows)>,
    common: Option<Seed>,
    revealed: u64,
    reveal_channel: Option<RevealChannel>,
    ending: Ending,
    clock: GateClock,
    checkpoints: Option<Box<dyn CheckpointStore>>,
    /// What the run resumes from.
    resumed: Option<RunState<AdditiveShare>>,
    pub(crate) session: Session,
}

impl Server {
    /// A server for one session.
    ///
    /// `seed` is the dealer's for this session and server; `links` is `None` if the job is only planned.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn new(
        id: u8,
        device: Device,
        profile: Profile,
        session: u64,
        seed: &Seed,
        links: Option<Links>,
    ) -> Result<Self> {
        let key = device.upload(seed.bytes(), Operand::Raw, [8])?;
        Ok(Self {
            id,
            key,
            links,
            round: 0,
            parameters: Vec::new(),
            public_parameters: Vec::new(),
            rows: Vec::new(),
            common: None,
            revealed: 0,
            reveal_channel: None,
            ending: Ending::default(),
            clock: GateClock::default(),
            checkpoints: None,
            resumed: None,
            session: Session::new(device, profile, session),
        })
    }

    /// Opens the way out to the trainer; `common` is a seed that only the two servers know.
    pub fn set_reveal_channel(&mut self, common: Seed, reveal_channel: RevealChannel) {
        self.common = Some(common);
        self.reveal_channel = Some(reveal_channel);
    }

    /// Whether something may be revealed.
    pub(crate) fn may_reveal(&self, what: Revealed) -> bool {
        self.reveal_channel.as_ref().is_some_and(|o| (o.allowed)(what))
    }

    /// Fresh numbers that both servers know and nobody else.
    pub(crate) fn common_pads(&mut self, len: usize) -> Vec<u64> {
        let stream = self.revealed;
        self.revealed += 1;
        let mut words = vec![0; 2 * len];
        if let Some(common) = &self.common {
            common.stream(stream).fill(0, &mut words);
        }
        words.chunks_exact(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect()
    }

    /// Gives the trainer a re-randomized half.
    pub(crate) fn reveal_to_trainer(&mut self, what: Revealed, half: Vec<u64>, bits: u32) -> Result<()> {
        let stats = self.session.stats(RunPhase::Step);
        match &mut self.reveal_channel {
            Some(reveal_channel) => (reveal_channel.reveal_to_trainer)(what, half, bits, stats),
            None => Ok(()),
        }
    }

    /// Gives the server its half of the initial parameters, in `Z_2^64`.
    pub fn set_parameters(&mut self, parameters: Vec<Tensor>) {
        self.parameters = parameters;
    }

    /// Gives the server the parameters of a public model, in `Z_2^64`.
    ///
    /// # Errors
    /// [`Error::Device`](crate::error::Error::Device) if the device runs out of memory or is lost.
    pub fn set_public_parameters(&mut self, parameters: Vec<Vec<u64>>) -> Result<()> {
        let mine = |x: &Vec<u64>| match self.id {
            0 => self.device().upload_wide(x, [x.len()]),
            _ => self.device().zeros(Operand::Wide, [x.len()]),
        };
        self.parameters = parameters.iter().map(mine).collect::<Result<_>>()?;
        self.public_parameters = parameters;
        Ok(())
    }

    /// A public parameter, if there is one of this number and length.
    pub(crate) fn public_values(&self, index: usize, len: usize) -> Option<&Vec<u64>> {
        self.public_parameters.get(index).filter(|x| x.len() == len)
    }

    /// Whether it only counts.
    pub(crate) fn is_planned(&self) -> bool {
        self.links.is_none()
    }

    /// Gives the server a data set.
    pub fn set_rows(&mut self, set: Set, rows: MaskedRows, masks: RowMasks) {
        self.rows.push((set, rows));
        self.session.set_masks(set, masks);
    }

    /// Gives the server the rows of a request, in place of those of the last one; with the first, the masks of all requests.
    pub(crate) fn set_request(&mut self, rows: MaskedRows, masks: Option<RowMasks>) {
        self.rows = vec![(Set::TestFeatures, rows)];
        masks.into_iter().for_each(|masks| self.session.set_masks(Set::TestFeatures, masks));
    }

    /// Lets `wish` say before every step whether the trainer asked for the end of the run. It is for server 0; server 1 hears
    /// of it from there.
    pub fn set_wish(&mut self, wish: impl FnMut() -> Result<bool> + Send + 'static) {
        self.ending.set_wish(Box::new(wish));
    }

    /// The step that the trainer's wish made the last.
    pub fn last_step(&self) -> Option<u64> {
        self.ending.last()
    }

    /// 0 or 1.
    pub fn id(&self) -> u8 {
        self.id
    }

    /// Begins a gate, whose time counts as its kind until the answer is dropped; so does its cost in a plan.
    pub(crate) fn gate(&self, kind: CostKind) -> GateTimer {
        self.clock.begin(kind)
    }

    /// The kind of the gate that ran last; `None` if only local ones did since this was asked before.
    pub(crate) fn last_gate(&self) -> Option<CostKind> {
        self.clock.take_last()
    }

    /// Where the time of the training steps went.
    pub(crate) fn step_times(&self) -> Vec<TimeEntry> {
        self.clock.entries()
    }

    /// 1 on server 0, which adds every public constant.
    pub(crate) fn first(&self) -> u32 {
        u32::from(self.id == 0)
    }

    /// 1 on server 1, which rounds its shares up.
    pub(crate) fn up(&self) -> u32 {
        u32::from(self.id)
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.session.device
    }

    /// The next draw of this server's randomness: `words` words.
    pub(crate) fn draw(&mut self, words: usize) -> Result<Tensor> {
        let stream = self.session.next_stream();
        self.session.stream(self.id, &self.key, stream, words)
    }

    /// My half of the mask of a new wire: uniform in `Z_2^bits`.
    pub(crate) fn draw_mask(&mut self, shape: &Shape, bits: u32) -> Result<Tensor> {
        let packed = self.draw(words(shape.len(), bits))?;
        unpacked(self.device(), &packed, shape, bits)
    }

    /// My half of what the dealer ships for a gate: server 0 draws it, server 1 receives it.
    pub(crate) fn dealt(&mut self, words: usize) -> Result<Tensor> {
        if self.id == 0 {
            return self.draw(words);
        }
        let Self { session, links, .. } = self;
        let gate = session.next_stream();
        session.counters.dealt(words * 4);
        let Some(links) = links else { return session.device.zeros(Operand::Raw, [words]) };
        let want = session.head(FrameKind::Correction, low(gate));
        let start = Instant::now();
        let bytes = receive_exactly(&mut *links.dealer, want, words * 4, "its corrections");
        let bytes = bytes.map_err(|e| e.at(&session.scope))?;
        session.counters.now().dealer_seconds += start.elapsed().as_secs_f64();
        session.device.upload(&bytes, Operand::Raw, [words])
    }

    /// One round: sends the first words of each of `asks`, receives as many of each from the other server.
    ///
    /// This is the one door out for a server's values during training.
    pub(crate) fn exchange(&mut self, asks: &[(&Tensor, usize)]) -> Result<Reply> {
        let mut at = Vec::with_capacity(asks.len());
        let mut total = 0;
        for (_, words) in asks {
            at.push(count(total));
            total += words;
        }
        let Self { session, links, ending, .. } = self;
        session.counters.opened(total * 4);
        let Some(links) = links else {
            return Ok(Reply { words: session.device.zeros(Operand::Raw, [total])?, at });
        };
        let start = Instant::now();
        let head = session.head(FrameKind::Opening, self.round);
        self.round += 1;
        let bufs: Vec<_> = asks.iter().map(|(t, words)| (t.buf(), words * 4)).collect();
        let mine = session.device.backend().download(&bufs)?;
        let theirs = links
            .peer
            .send(head, mine)
            .and_then(|()| ending.receive(&mut *links.peer, head, total * 4, "its half of an opening"))
            .map_err(|e| e.at(&session.scope))?;
        session.counters.now().exchange_seconds += start.elapsed().as_secs_f64();
        Ok(Reply { words: session.device.upload(&theirs, Operand::Raw, [total])?, at })
    }

    /// The link to the other server; none if the job is only planned.
    pub(crate) fn peer(&mut self) -> Option<&mut dyn Channel> {
        self.links.as_mut().map(|links| &mut *links.peer as &mut dyn Channel)
    }

    /// The links back, at the end of a session.
    pub fn into_links(self) -> Option<Links> {
        self.links
    }

    /// Stream numbers and rounds used so far.
    #[cfg(test)]
    pub(crate) fn place(&self) -> [u64; 2] {
        [self.session.draws(), self.round.into()]
    }

    /// Begins a phase of work on the links. Server 1 waits for the dealer, and who waits for server 1 for both.
    fn enter(&mut self, phase: Phase) {
        if let Some(links) = &mut self.links {
            links.dealer.enter(phase);
            links.peer.enter(phase.times(2));
        }
    }
}

/// Packed masks as ring elements; free where a mask fills the word.
pub(crate) fn unpacked(device: &Device, packed: &Tensor, shape: &Shape, bits: u32) -> Result<Tensor> {
    if bits == 32 && device.ring().bits() == 32 {
        return Ok(device.as_ring(packed, shape.clone()));
    }
    device.run(&UNPACK, UnpackParams { bits, at: 0 }, &[packed], shape.clone())
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}, {:?})", self.id, self.device())
    }
}
