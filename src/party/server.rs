//! The state of a server: its device, its seed, its links; how it draws, receives and exchanges.

use std::cell::OnceCell;
use std::fmt;
use std::time::Instant;

use super::constants::Constants;
use super::ending::Ending;
use super::harness::DrawLog;
use super::outlet::{Outlet, Revealed};
use super::rows::{MaskedRows, RowMasks, Set, count, low};
use super::shares::{BitShare, Half, OpenBits, OpenWire};
use super::stats::Account;
use super::{Judge, Section, Stats, Values, Verdict};
use crate::error::{Error, Result};
use crate::fixed::{MASTER_BITS, Profile};
use crate::kernel::Operand;
use crate::kernel::fast::bits::words;
use crate::kernel::table::{CHACHA, ChachaParams, UNPACK, UnpackParams};
use crate::net::{Channel, Head, Kind, Phase, receive_exactly};
use crate::prg::Seed;
use crate::shape::Shape;
use crate::tensor::{Device, Tensor};

/// What the other server sent in an exchange.
pub struct Peer {
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
    device: Device,
    profile: Profile,
    key: Tensor,
    draws: u64,
    log: DrawLog,
    links: Option<Links>,
    session: u64,
    step: u32,
    round: u32,
    scope: String,
    account: Account,
    parameters: Vec<Tensor>,
    sets: Vec<(Set, MaskedRows, RowMasks)>,
    constants: Constants,
    common: Option<Seed>,
    revealed: u64,
    outlet: Option<Outlet>,
    observer: Box<dyn FnMut(u64, Stats) -> Result<()> + Send>,
    scores: Box<dyn FnMut(u32, u32) -> Result<()> + Send>,
    judge: Judge,
    ending: Ending,
}

impl Server {
    /// A server for one session.
    ///
    /// `seed` is the dealer's for this session and server; `links` is none where the job is only planned.
    ///
    /// # Errors
    /// What the device says.
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
            device,
            profile,
            key,
            draws: 0,
            log: DrawLog::default(),
            links,
            session,
            step: 0,
            round: 0,
            scope: String::new(),
            account: Account::default(),
            parameters: Vec::new(),
            sets: Vec::new(),
            constants: Constants::default(),
            common: None,
            revealed: 0,
            outlet: None,
            observer: Box::new(|_, _| Ok(())),
            scores: Box::new(|_, _| Ok(())),
            judge: Box::new(|_| Ok(Verdict { goes_on: true, best: true })),
            ending: Ending::default(),
        })
    }

    /// Opens the way out to the trainer; `common` is a seed that only the two servers know.
    pub fn set_outlet(&mut self, common: Seed, outlet: Outlet) {
        self.common = Some(common);
        self.outlet = Some(outlet);
    }

    /// Whether something may be revealed.
    pub(crate) fn may_reveal(&self, what: Revealed) -> bool {
        self.outlet.as_ref().is_some_and(|o| (o.allowed)(what))
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

    /// Gives the trainer a re-randomised half.
    pub(crate) fn hand_out(&mut self, what: Revealed, half: Vec<u64>, bits: u32) -> Result<()> {
        let stats = self.account.of(Section::Step);
        match &mut self.outlet {
            Some(outlet) => (outlet.hand_out)(what, half, bits, stats),
            None => Ok(()),
        }
    }

    /// A public table on the device, copied there once.
    pub(crate) fn constant(&mut self, table: &'static [u64]) -> Result<Tensor> {
        self.constants.get(&self.device, table)
    }

    /// Gives the server its half of the initial parameters, in `Z_2^64`.
    pub fn set_parameters(&mut self, parameters: Vec<Tensor>) {
        self.parameters = parameters;
    }

    /// Gives the server a data set.
    pub fn set_rows(&mut self, set: Set, rows: MaskedRows, masks: RowMasks) {
        self.sets.push((set, rows, masks));
    }

    /// Calls `observer` after every step, with the step's number and what the steps cost so far.
    pub fn observe(&mut self, observer: impl FnMut(u64, Stats) -> Result<()> + Send + 'static) {
        self.observer = Box::new(observer);
    }

    /// Calls `observer` within evaluations, with the test rows that are scored and all of them.
    pub fn observe_scores(&mut self, observer: impl FnMut(u32, u32) -> Result<()> + Send + 'static) {
        self.scores = Box::new(observer);
    }

    /// Lets `judge` say after every epoch whether the run goes on, and whether the epoch is the best so far; the other server must
    /// hear the same.
    pub fn set_judge(&mut self, judge: impl FnMut(u32) -> Result<Verdict> + Send + 'static) {
        self.judge = Box::new(judge);
    }

    /// Lets `wish` say before every step whether the trainer asked for the end of the run. It is for server 0; server 1 hears of it
    /// from there.
    pub fn set_wish(&mut self, wish: impl FnMut() -> Result<bool> + Send + 'static) {
        self.ending.set_wish(Box::new(wish));
    }

    /// The step that the trainer's wish made the last.
    pub fn last_step(&self) -> Option<u64> {
        self.ending.last()
    }

    /// The session's number.
    pub fn session(&self) -> u64 {
        self.session
    }

    /// Notes every draw of randomness; for tests.
    pub fn log_draws(&mut self, log: DrawLog) {
        self.log = log;
    }

    /// 0 or 1.
    pub fn id(&self) -> u8 {
        self.id
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
        &self.device
    }

    /// What a section cost so far.
    pub fn stats(&self, section: Section) -> Stats {
        self.account.of(section)
    }

    /// Bodies of the longest frame that was opened and of the longest that was dealt, in bytes.
    pub(crate) fn longest_frames(&self) -> [usize; 2] {
        self.account.longest
    }

    /// What was counted.
    pub(crate) fn account(&mut self) -> &mut Account {
        &mut self.account
    }

    /// Counts ring multiply-adds.
    pub(crate) fn count_macs(&mut self, macs: usize) {
        self.account.now().macs += macs as u64;
    }

    /// The next draw of this server's randomness: `words` words.
    pub(crate) fn draw(&mut self, words: usize) -> Result<Tensor> {
        let stream = self.next_stream();
        self.log.session(self.id, self.session, stream);
        let params = ChachaParams { stream_lo: low(stream), stream_hi: low(stream >> 32) };
        self.device.run(&CHACHA, params, &[&self.key], [words])
    }

    /// My half of the mask of a new wire: uniform in `Z_2^bits`.
    pub(crate) fn draw_mask(&mut self, shape: &Shape, bits: u32) -> Result<Tensor> {
        let packed = self.draw(words(shape.len(), bits))?;
        unpacked(&self.device, &packed, shape, bits)
    }

    /// My half of what the dealer ships for a gate: server 0 draws it, server 1 receives it.
    pub(crate) fn dealt(&mut self, words: usize) -> Result<Tensor> {
        if self.id == 0 {
            return self.draw(words);
        }
        let gate = self.next_stream();
        self.account.dealt(words * 4);
        let Some(links) = &mut self.links else { return self.device.zeros(Operand::Raw, [words]) };
        let want = Head { kind: Kind::Correction, session: self.session, step: self.step, gate: low(gate) };
        let start = Instant::now();
        let bytes =
            receive_exactly(&mut *links.dealer, want, words * 4, "its corrections").map_err(|e| e.at(&self.scope))?;
        self.account.now().dealer_seconds += start.elapsed().as_secs_f64();
        self.device.upload(&bytes, Operand::Raw, [words])
    }

    /// One round: sends the first words of each of `asks`, receives as many of each from the other server.
    ///
    /// This is the one door out for a server's values during training.
    pub(crate) fn exchange(&mut self, asks: &[(&Tensor, usize)]) -> Result<Peer> {
        let mut at = Vec::with_capacity(asks.len());
        let mut total = 0;
        for (_, words) in asks {
            at.push(count(total));
            total += words;
        }
        self.account.opened(total * 4);
        let Some(links) = &mut self.links else {
            return Ok(Peer { words: self.device.zeros(Operand::Raw, [total])?, at });
        };
        let start = Instant::now();
        let head = Head { kind: Kind::Opening, session: self.session, step: self.step, gate: self.round };
        self.round += 1;
        let bufs: Vec<_> = asks.iter().map(|(t, words)| (t.buf(), words * 4)).collect();
        let mine = self.device.backend().download(&bufs)?;
        let theirs = links
            .peer
            .send(head, mine)
            .and_then(|()| self.ending.receive(&mut *links.peer, head, total * 4, "its half of an opening"))
            .map_err(|e| e.at(&self.scope))?;
        self.account.now().exchange_seconds += start.elapsed().as_secs_f64();
        Ok(Peer { words: self.device.upload(&theirs, Operand::Raw, [total])?, at })
    }

    /// The links back, at the end of a session.
    pub fn into_links(self) -> Option<Links> {
        self.links
    }

    /// Stream numbers and rounds used so far.
    #[cfg(test)]
    pub(crate) fn place(&self) -> [u64; 2] {
        [self.draws, self.round.into()]
    }

    /// Begins a phase of work on the links. Server 1 waits for the dealer, and who waits for server 1 for both.
    fn enter(&mut self, phase: Phase) {
        if let Some(links) = &mut self.links {
            links.dealer.enter(phase);
            links.peer.enter(phase.times(2));
        }
    }

    fn next_stream(&mut self) -> u64 {
        let stream = self.draws;
        self.draws += 1;
        stream
    }
}

/// Packed masks as ring elements; free where a mask fills the word.
pub(crate) fn unpacked(device: &Device, packed: &Tensor, shape: &Shape, bits: u32) -> Result<Tensor> {
    if bits == 32 && device.ring().bits() == 32 {
        return Ok(device.as_ring(packed, shape.clone()));
    }
    device.run(&UNPACK, UnpackParams { bits, at: 0 }, &[packed], shape.clone())
}

impl Values for Server {
    type Share = Half;
    type Wire = OpenWire;
    type Bits = BitShare;
    type OpenBits = OpenBits;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn section(&mut self, section: Section) {
        self.account.enter(section);
    }

    fn scope(&mut self, name: &str) {
        self.scope.clear();
        self.scope.push_str(name);
    }

    fn parameter(&mut self, index: usize, shape: &Shape) -> Result<Half> {
        let x = match (self.parameters.get(index), &self.links) {
            (Some(x), _) if x.len() == shape.len() => x.reshape(shape.clone()),
            (_, None) => self.device.zeros(Operand::Wide, shape.clone())?,
            _ => return Err(Error::peer("trainer", format!("gave no parameter {index} of shape {shape}"))),
        };
        Ok(Half { x, bits: MASTER_BITS })
    }

    fn zeros(&mut self, shape: &Shape) -> Result<Half> {
        Ok(Half { x: self.device.zeros(Operand::Wide, shape.clone())?, bits: MASTER_BITS })
    }

    fn rows(&mut self, set: Set, numbers: &[u32]) -> Result<OpenWire> {
        let (_, rows, masks) = self
            .sets
            .iter()
            .find(|(s, ..)| *s == set)
            .ok_or_else(|| Error::peer("owners", format!("sent no rows of {set:?}")))?;
        self.log.rows(self.id, set, numbers);
        let hat = rows.gather(&self.device, numbers)?;
        let r = masks.masks(&self.device, numbers, 0)?;
        Ok(OpenWire { hat, r, bits: self.profile.ring, half: OnceCell::new() })
    }

    fn begin(&mut self, step: u64) -> Result<()> {
        self.enter(Phase::STEP);
        let peer = self.links.as_mut().map(|links| &mut *links.peer as &mut dyn Channel);
        self.ending.begin(self.id, step, self.session, peer)
    }

    fn tick(&mut self, step: u64) -> Result<bool> {
        self.step = low(step);
        let stats = self.account.of(Section::Step);
        (self.observer)(step, stats)?;
        Ok(self.ending.goes_on(step))
    }

    fn scored(&mut self, rows: u32, of: u32) -> Result<()> {
        self.enter(Phase::STEP);
        (self.scores)(rows, of)
    }

    fn judge(&mut self, epoch: u32) -> Result<Verdict> {
        let mine = (self.judge)(epoch)?;
        let Some(links) = &mut self.links else { return Ok(mine) };
        // a word of the trainer's, no value: it is not counted as an opening
        let head = Head { kind: Kind::Control, session: self.session, step: self.step, gate: epoch };
        links.peer.send(head, vec![mine.to_byte()])?;
        let theirs = receive_exactly(&mut *links.peer, head, 1, "what the trainer makes of the epoch")?;
        if theirs == [mine.to_byte()] {
            return Ok(mine);
        }
        Err(Error::peer("trainer", format!("told the servers different things of epoch {epoch}")))
    }

    fn shape_of(share: &Half) -> Shape {
        share.x.shape().clone()
    }

    fn wire_bits(wire: &OpenWire) -> u32 {
        wire.bits
    }

    fn wire_shape(wire: &OpenWire) -> Shape {
        wire.hat.shape().clone()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}, {:?})", self.id, self.device)
    }
}
